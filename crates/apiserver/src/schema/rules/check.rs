//! What of an expression can be told to be wrong without evaluating it.
//!
//! Fields that a schema does not declare, selections on what has no fields, unknown names and functions. Everything whose
//! type is not known from the schema passes.
//!
//! Source of texts: cel-go checker.

use kube_cel::cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, SelectExpr, operators},
};

use super::{super::node::Node, values::escape};

/// Nested loops multiply; deeper ones are refused.
const NESTING_MAX: usize = 6;

/// What a rule may refer to.
pub(super) struct Scope<'a> {
    pub(super) node: &'a Node,
    /// The node is an object with type and metadata.
    pub(super) is_root: bool,
    pub(super) optional_old: bool,
}

/// Functions, as members or not. Whether arguments fit is found when they are called.
const FUNCTIONS: &str = " add all asApproximateFloat asInteger bind bool bytes charAt cidr compareTo \
contains containsCIDR containsIP distinct double duration dyn endsWith exists existsOne exists_one family \
filter find findAll first flatten format getDate getDayOfMonth getDayOfWeek getDayOfYear getEscapedPath \
getFullYear getHost getHostname getHours getMilliseconds getMinutes getMonth getPort getQuery getScheme \
getSeconds has hasValue indexOf int ip isCIDR isCanonical isGlobalUnicast isGreaterThan isIP isInteger \
isLessThan isLinkLocalMulticast isLinkLocalUnicast isLoopback isQuantity isSemver isSorted isURL \
isUnspecified join last lastIndexOf lowerAscii major map masked matches max min minor or orValue patch \
prefixLength quantity quote range replace reverse semver sign size slice sort split startsWith string sub \
substring sum timestamp transformList trim type uint upperAscii url validate value \
of none ofNonZeroValue encode decode equivalent intersects escapeKey named abs bitAnd bitNot bitOr bitShiftLeft \
bitShiftRight bitXor ceil floor greatest isFinite isInf isNaN least round sqrt trunc \
dns1123Label dns1123Subdomain dns1035Label qualifiedName dns1123LabelPrefix dns1123SubdomainPrefix \
dns1035LabelPrefix labelValue uri uuid byte date datetime ";

/// Names of namespaces of functions and of types.
const NAMES: [&str; 22] = [
    "sets",
    "lists",
    "math",
    "base64",
    "optional",
    "strings",
    "format",
    "ip",
    "jsonpatch",
    "cel",
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "null_type",
    "type",
    "google",
    "@result",
];

/// The type of an expression, as far as the schema tells.
#[derive(Clone, Copy)]
enum Type<'a> {
    Unknown,
    /// A value of this node; `true` with type and metadata.
    Node(&'a Node, bool),
    Text,
    /// `metadata`, of which only the names can be seen.
    Metadata,
}

pub(super) fn check(expression: &IdedExpr, scope: &Scope<'_>, source: &str) -> Result<(), String> {
    let mut names = vec![("self".to_owned(), Type::Node(scope.node, scope.is_root))];
    let old = if scope.optional_old {
        Type::Unknown
    } else {
        Type::Node(scope.node, scope.is_root)
    };
    names.push(("oldSelf".to_owned(), old));
    let mut walk = Walk {
        names,
        source,
        depth: 0,
    };
    walk.visit(expression).map(drop)
}

struct Walk<'a, 's> {
    names: Vec<(String, Type<'a>)>,
    source: &'s str,
    depth: usize,
}

impl<'a> Walk<'a, '_> {
    /// Puts a message in the form of a compiler, pointing at the first place of `token`.
    fn error(&self, token: &str, message: &str) -> String {
        let at = self.source.find(token).unwrap_or(0);
        let before = &self.source[..at];
        let line = before.matches('\n').count();
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count();
        let text = self.source.lines().nth(line).unwrap_or_default();
        format!(
            "ERROR: <input>:{}:{}: {message}\n | {text}\n | {}^",
            line + 1,
            column + 1,
            ".".repeat(column)
        )
    }

    fn visit(&mut self, expression: &IdedExpr) -> Result<Type<'a>, String> {
        match &expression.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Literal(_) => Ok(Type::Unknown),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                for element in &list.elements {
                    self.visit(element)?;
                }
                Ok(Type::Unknown)
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(pair) = &entry.expr {
                        self.visit(&pair.key)?;
                        self.visit(&pair.value)?;
                    }
                }
                Ok(Type::Unknown)
            }
            Expr::Struct(of) => Err(self.error(
                &of.type_name,
                &format!(
                    "undeclared reference to '{}' (in container '')",
                    of.type_name
                ),
            )),
            Expr::Unspecified => Err("the expression is incomplete".to_owned()),
        }
    }

    fn name(&self, name: &str) -> Result<Type<'a>, String> {
        if let Some((_, ty)) = self.names.iter().rev().find(|(known, _)| known == name) {
            return Ok(*ty);
        }
        if NAMES.contains(&name) || name.starts_with('@') {
            return Ok(Type::Unknown);
        }
        let message = format!("undeclared reference to '{name}' (in container '')");
        Err(self.error(name, &message))
    }

    fn select(&mut self, select: &SelectExpr) -> Result<Type<'a>, String> {
        let operand = self.visit(&select.operand)?;
        self.field(operand, &select.field)
    }

    fn field(&self, operand: Type<'a>, field: &str) -> Result<Type<'a>, String> {
        let token = format!(".{field}");
        let undefined = || Err(self.error(&token, &format!("undefined field '{field}'")));
        let unsupported = |ty: &str| {
            let message = format!("type '{ty}' does not support field selection");
            Err(self.error(&token, &message))
        };
        let (node, is_object) = match operand {
            Type::Unknown => return Ok(Type::Unknown),
            Type::Text => return unsupported("string"),
            Type::Metadata => {
                return if matches!(field, "name" | "generateName") {
                    Ok(Type::Text)
                } else {
                    undefined()
                };
            }
            Type::Node(node, is_object) => (node, is_object || node.embedded),
        };
        if is_object {
            match field {
                "apiVersion" | "kind" => return Ok(Type::Text),
                "metadata" => return Ok(Type::Metadata),
                _ => {}
            }
        }
        let found = node
            .properties
            .iter()
            .find(|(name, _)| escape(name) == field);
        if let Some((_, property)) = found {
            return Ok(Type::Node(property, false));
        }
        if node.properties.is_empty()
            && let Some(additional) = node.additional_node()
        {
            return Ok(Type::Node(additional, false));
        }
        match node.types.as_slice() {
            ["object"] => undefined(),
            ["string"] => unsupported(match node.format.as_ref().map(|f| f.name.as_str()) {
                Some("date" | "date-time") => "google.protobuf.Timestamp",
                Some("duration") => "google.protobuf.Duration",
                Some("byte") => "bytes",
                _ => "string",
            }),
            ["integer"] => unsupported("int"),
            ["number"] => unsupported("double"),
            ["boolean"] => unsupported("bool"),
            ["array"] => unsupported("list"),
            _ => Ok(Type::Unknown),
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<Type<'a>, String> {
        let name = call.func_name.as_str();
        let is_operator = name.starts_with(['_', '!', '-', '@']) || name == operators::IN;
        if !is_operator && !FUNCTIONS.contains(&format!(" {name} ")) {
            let message = format!("undeclared reference to '{name}' (in container '')");
            return Err(self.error(name, &message));
        }
        let target = match &call.target {
            None => Type::Unknown,
            Some(target) => self.visit(target)?,
        };
        // Names that a macro binds are of unknown type inside it.
        let binds = match (name, call.args.len()) {
            ("bind", 3) => 1,
            ("all" | "exists" | "exists_one" | "existsOne", 3) | ("transformList", 3 | 4) => 2,
            _ => 0,
        };
        let before = self.names.len();
        for (index, arg) in call.args.iter().enumerate() {
            if index < binds {
                if let Expr::Ident(bound) = &arg.expr {
                    let ty = if index == 1 || name == "bind" {
                        element(target)
                    } else {
                        Type::Unknown
                    };
                    let ty = if name == "bind" { Type::Unknown } else { ty };
                    self.names.push((bound.clone(), ty));
                }
                continue;
            }
            self.visit(arg)?;
        }
        self.names.truncate(before);
        if name == operators::INDEX
            && let [list, _] = call.args.as_slice()
        {
            let list = self.visit(list)?;
            return Ok(element(list));
        }
        Ok(Type::Unknown)
    }

    fn comprehension(&mut self, c: &ComprehensionExpr) -> Result<Type<'a>, String> {
        if self.depth >= NESTING_MAX {
            return Err(format!(
                "loops may not be nested more than {NESTING_MAX} deep"
            ));
        }
        let range = self.visit(&c.iter_range)?;
        self.visit(&c.accu_init)?;
        let before = self.names.len();
        self.depth += 1;
        let is_map = matches!(range, Type::Node(node, _) if node.types == ["object"]);
        let item = if is_map {
            Type::Unknown
        } else {
            element(range)
        };
        self.names.push((c.iter_var.clone(), item));
        self.names.push((c.accu_var.clone(), Type::Unknown));
        self.visit(&c.loop_cond)?;
        self.visit(&c.loop_step)?;
        self.visit(&c.result)?;
        self.depth -= 1;
        self.names.truncate(before);
        Ok(Type::Unknown)
    }
}

fn element(of: Type<'_>) -> Type<'_> {
    match of {
        Type::Node(node, _) => match (node.items.as_deref(), node.additional_node()) {
            (Some(item), _) => Type::Node(item, false),
            (None, Some(additional)) if node.properties.is_empty() => Type::Node(additional, false),
            _ => Type::Unknown,
        },
        _ => Type::Unknown,
    }
}

/// Tells whether a name occurs anywhere.
pub(super) fn mentions(expression: &IdedExpr, wanted: &str) -> bool {
    let any = |list: &[IdedExpr]| list.iter().any(|e| mentions(e, wanted));
    match &expression.expr {
        Expr::Ident(name) => name == wanted,
        Expr::Select(select) => mentions(&select.operand, wanted),
        Expr::Call(call) => {
            call.target
                .as_deref()
                .is_some_and(|target| mentions(target, wanted))
                || any(&call.args)
        }
        Expr::List(list) => any(&list.elements),
        Expr::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::MapEntry(pair) => {
                mentions(&pair.key, wanted) || mentions(&pair.value, wanted)
            }
            EntryExpr::StructField(field) => mentions(&field.value, wanted),
        }),
        Expr::Comprehension(c) => [
            &c.iter_range,
            &c.accu_init,
            &c.loop_cond,
            &c.loop_step,
            &c.result,
        ]
        .into_iter()
        .any(|part| mentions(part, wanted)),
        Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => false,
    }
}

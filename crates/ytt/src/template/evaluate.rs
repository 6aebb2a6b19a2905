//! Running a compiled template.
//!
//! Source: ytt pkg/template/compiled_template.go.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::compile::{Calls, NodeTable, Translation};
use super::machine::{Built, Machine};
use crate::node::{DocumentSet, Node};
use crate::star::{
    self, Args, Budget, Closure, Error, Exports, NodeCalls, Program, Source, Str, SyntaxErrors,
    Thread, Value, wrap_node_functions,
};

/// A template, ready to run any number of times.
#[derive(Debug)]
pub(crate) struct Template {
    program: Arc<Program>,
    source: Arc<Source>,
    nodes: Arc<NodeTable>,
    calls: Calls,
}

/// What a run gives.
pub(crate) struct Evaluated {
    pub(crate) exports: Exports,
    result: Option<Built>,
}

impl Evaluated {
    /// The documents, if this was a YAML template.
    pub(crate) fn documents(&self) -> Option<Rc<DocumentSet>> {
        match &self.result {
            Some(Built::Yaml(Node::DocumentSet(set))) => Some(Rc::clone(set)),
            _ => None,
        }
    }

    /// The text, if this was a text template.
    ///
    /// # Errors
    /// A used up budget.
    pub(crate) fn text(&self, budget: &Budget) -> Result<Option<Str>, Error> {
        match &self.result {
            Some(built) => built.to_text(budget),
            None => Ok(None),
        }
    }
}

/// The machine of a run, shared by the functions that the program calls.
pub(crate) type SharedMachine = Rc<RefCell<Machine>>;

impl Template {
    /// Parses a translation.
    ///
    /// # Errors
    /// What is wrong with the code in it.
    pub(crate) fn new(path: &str, translation: Translation) -> Result<Self, SyntaxErrors> {
        let Translation {
            lines,
            nodes,
            calls,
        } = translation;
        Self::parse(Arc::new(Source::new(path, lines)), nodes, calls)
    }

    /// Parses a file that is code from beginning to end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of_code(source: Arc<Source>, number: u32) -> Result<Self, SyntaxErrors> {
        Self::parse(source, NodeTable::default(), Calls::numbered(number))
    }

    fn parse(source: Arc<Source>, nodes: NodeTable, calls: Calls) -> Result<Self, SyntaxErrors> {
        let mut file = star::parse(Arc::clone(&source))?;
        wrap_node_functions(
            &mut file,
            &NodeCalls {
                start_node: &calls.start_node,
                set_node: &calls.set_node,
                set_ctx_type: &calls.set_ctx_type,
                start_ctx: &calls.start_ctx,
                end_ctx: &calls.end_ctx,
            },
        );
        let program = Program::compile(file, &calls.names())?;
        Ok(Self {
            program: Arc::new(program),
            source,
            nodes: Arc::new(nodes),
            calls,
        })
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// A machine for one run.
    pub(crate) fn machine(&self, implicit_key_overrides: bool) -> SharedMachine {
        let machine = Machine::new(Arc::clone(&self.nodes), implicit_key_overrides);
        Rc::new(RefCell::new(machine))
    }

    /// Runs the template.
    ///
    /// # Errors
    /// The failure that ended the run, with its frames.
    pub(crate) fn run(
        &self,
        machine: &SharedMachine,
        thread: &mut Thread,
    ) -> Result<Evaluated, Error> {
        let exports = self.program.run(thread, self.calls.functions(machine))?;
        let result = machine.borrow_mut().finish()?;
        Ok(Evaluated { exports, result })
    }
}

/// `template.replace` of a machine.
pub(crate) fn replace_function(machine: &SharedMachine) -> Value {
    function(
        "template.replace",
        machine,
        |machine, args, budget| match args.positional {
            [value] => {
                machine.replace(value, budget)?;
                Ok(Value::Custom(Rc::new(Noop)))
            }
            _ => Err(Error::new("expected exactly one argument")),
        },
    )
}

impl Calls {
    fn names(&self) -> [&str; 8] {
        [
            &self.set_ctx_type,
            &self.start_ctx,
            &self.end_ctx,
            &self.start_node_annotation,
            &self.collect_node_annotation,
            &self.start_node,
            &self.set_node,
            &self.set_map_item_key,
        ]
    }

    /// The functions, in the order of the names.
    fn functions(&self, machine: &SharedMachine) -> Vec<Value> {
        vec![
            function(&self.set_ctx_type, machine, |_, _, _| Ok(Value::None)),
            function(&self.start_ctx, machine, |machine, args, _| {
                if let Some(Value::Str(dialect)) = args.get(0) {
                    machine.start_context(dialect);
                }
                Ok(Value::None)
            }),
            function(&self.end_ctx, machine, |machine, args, budget| {
                let root = machine.end_context(budget)?;
                Ok(args.get(0).cloned().unwrap_or(root))
            }),
            function(&self.start_node_annotation, machine, start_node_annotation),
            function(&self.collect_node_annotation, machine, |_, args, _| {
                Ok(Value::Custom(Rc::new(Collected {
                    args: args.positional.to_vec(),
                    kwargs: args.named.to_vec(),
                })))
            }),
            function(&self.start_node, machine, |machine, args, budget| {
                machine.start_node(tag(args)?, budget)?;
                Ok(Value::None)
            }),
            function(&self.set_node, machine, |machine, args, budget| {
                match args.get(1) {
                    Some(Value::Custom(custom)) if custom.as_any().is::<Noop>() => {}
                    Some(value) => machine.set_node_value(value, budget)?,
                    None => machine.set_node_default(tag(args)?, budget)?,
                }
                Ok(Value::None)
            }),
            function(&self.set_map_item_key, machine, |machine, args, budget| {
                let key = args.get(1).unwrap_or(&Value::None);
                machine.set_map_item_key(tag(args)?, key, budget)?;
                Ok(Value::None)
            }),
        ]
    }
}

fn start_node_annotation(
    machine: &mut Machine,
    args: &Args<'_>,
    budget: &Rc<Budget>,
) -> Result<Value, Error> {
    let (Some(Value::Str(name)), Some(Value::Custom(collected))) = (args.get(1), args.get(2))
    else {
        return Err(Error::new("expected exactly 3 arguments"));
    };
    let Some(collected) = collected.as_any().downcast_ref::<Collected>() else {
        return Err(Error::new("expected exactly 3 arguments"));
    };
    budget.allocate_values(collected.args.len() + 3 * collected.kwargs.len())?;
    let kwargs = collected.kwargs.iter();
    let kwargs: Vec<_> = kwargs
        .map(|(name, value)| (name.to_text().into_owned(), value.clone()))
        .collect();
    let name = name.to_text();
    machine.start_node_annotation(tag(args)?, &name, &collected.args, &kwargs, budget)?;
    Ok(Value::None)
}

fn tag(args: &Args<'_>) -> Result<u32, Error> {
    match args.get(0) {
        Some(Value::Int(tag)) => {
            u32::try_from(*tag).map_err(|_| Error::new("expected int64 value"))
        }
        _ => Err(Error::new("expected starlark.Int")),
    }
}

/// A function of the machine; an error begins with its name.
fn function(
    name: &str,
    machine: &SharedMachine,
    function: fn(&mut Machine, &Args<'_>, &Rc<Budget>) -> Result<Value, Error>,
) -> Value {
    let machine = Rc::clone(machine);
    let call = move |thread: &mut Thread, args: &Args<'_>| {
        // No function of the machine calls back into the language.
        function(&mut machine.borrow_mut(), args, thread.budget())
            .map_err(|error| error.within(args.name))
    };
    Value::Closure(Rc::new(Closure::new(name, call)))
}

/// Arguments of an annotation on their way to the node.
#[derive(Debug)]
struct Collected {
    args: Vec<Value>,
    kwargs: Vec<(Str, Value)>,
}

impl star::Custom for Collected {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "tuple"
    }

    fn go_type(&self) -> &'static str {
        "starlark.Tuple"
    }

    fn to_text(&self) -> String {
        "tuple".to_owned()
    }

    fn release(&mut self, out: &mut Vec<Value>) {
        out.append(&mut self.args);
        out.extend(self.kwargs.drain(..).map(|(_, value)| value));
    }
}

/// What `template.replace` returns: setting it sets nothing.
#[derive(Debug)]
struct Noop;

impl star::Custom for Noop {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn type_name(&self) -> &'static str {
        "noop"
    }

    fn go_type(&self) -> &'static str {
        "*core.StarlarkNoop"
    }

    fn to_text(&self) -> String {
        "noop".to_owned()
    }

    fn truth(&self) -> bool {
        false
    }
}

//! Templates: YAML with code between its lines.

use super::expr::{Kind, Scope, loads, some_modules, word};
use super::random::Random;

/// The modules that every template may load, and the names that are known from the start.
pub(crate) fn header(random: &mut Random) -> (String, Scope) {
    let modules = some_modules(random);
    let mut text = loads(&modules);
    let mut scope = Scope {
        modules,
        ..Scope::default()
    };
    if random.chance(40) {
        text.push_str("#@ load(\"@ytt:data\", \"data\")\n");
        for (name, kind) in [
            ("data.values.name", Kind::Text),
            ("data.values.count", Kind::Int),
            ("data.values.items", Kind::List),
            ("data.values[\"map\"]", Kind::Dict),
            ("data.values.nested.deep", Kind::Text),
        ] {
            scope.names.push((name.to_owned(), kind));
        }
    }
    (text, scope)
}

/// A whole template.
pub(crate) fn template(random: &mut Random) -> String {
    let (mut text, mut scope) = header(random);
    text.push_str("#@ load(\"@ytt:template\", \"template\")\n");
    text.push_str(if random.chance(70) { "---\n" } else { "" });
    let array = random.chance(25);
    let mut builder = Builder {
        random,
        out: String::new(),
        fragments: Vec::new(),
        keys: 0,
        array,
    };
    if builder.random.chance(50) {
        builder.variables(&mut scope, 0);
    }
    for index in 0..builder.random.below(3) {
        builder.function(&scope, index);
    }
    builder.body(&scope, 0, 3);
    for _ in 0..builder.random.below(2) {
        let separator = builder.separator(&scope);
        builder.out.push_str(&separator);
        builder.array = builder.random.chance(25);
        builder.body(&scope, 0, 2);
    }
    text + &builder.out
}

struct Builder<'a> {
    random: &'a mut Random,
    out: String,
    /// Functions that give nodes, and what they take.
    fragments: Vec<(String, Vec<Kind>)>,
    keys: usize,
    /// Whether the document is an array, as are then the functions in it.
    array: bool,
}

impl Builder<'_> {
    fn line(&mut self, indent: usize, text: &str) {
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn separator(&mut self, scope: &Scope) -> String {
        match self.random.below(12) {
            0 if self.random.risk(50) => format!("--- #@ {}\n", scope.any(self.random, 2)),
            1 => "#@ if/end True:\n---\n".to_owned(),
            2 => "#@ for/end i in range(2):\n---\n".to_owned(),
            3 if self.random.risk(50) => format!("--- #@ {}\n---\n", self.call(scope)),
            _ => "---\n".to_owned(),
        }
    }

    fn variables(&mut self, scope: &mut Scope, indent: usize) {
        for _ in 0..1 + self.random.below(3) {
            let kind =
                self.random
                    .pick(&[Kind::Int, Kind::Text, Kind::List, Kind::Dict, Kind::Float]);
            let name = format!("v{}", scope.names.len());
            let value = scope.of(self.random, kind, 2);
            self.line(indent, &format!("#@ {name} = {value}"));
            scope.names.push((name.clone(), kind));
            match (kind, self.random.below(4)) {
                (Kind::List, 0) => {
                    let item = scope.any(self.random, 1);
                    let statement = self.random.pick_mostly(&[
                        "append(X)",
                        "extend([X])",
                        "insert(0, X)",
                        "!remove(X)",
                        "!pop()",
                    ]);
                    self.line(
                        indent,
                        &format!("#@ {name}.{}", statement.replace('X', &item)),
                    );
                }
                (Kind::Dict, 0) => {
                    let item = scope.any(self.random, 1);
                    let statement = self.random.pick_mostly(&[
                        "[\"z\"] = X",
                        ".update(z=X)",
                        ".update([(\"z\", X)])",
                        ".setdefault(\"z\", X)",
                        ".pop(\"a\", X)",
                        "!.popitem()",
                    ]);
                    self.line(
                        indent,
                        &format!("#@ {name}{}", statement.replace('X', &item)),
                    );
                }
                (Kind::Int, 0) => {
                    let op = self.random.pick_mostly(&["+", "-", "*", "!//", "!%", "|"]);
                    let item = scope.of(self.random, Kind::Int, 1);
                    self.line(indent, &format!("#@ {name} {op}= {item}"));
                }
                _ => {}
            }
        }
    }

    fn function(&mut self, scope: &Scope, index: usize) {
        let name = format!("f{index}");
        let count = self.random.below(3);
        let params: Vec<String> = (0..count).map(|at| format!("p{at}")).collect();
        let mut inner = scope.clone();
        let mut kinds = Vec::new();
        for param in &params {
            let kind = self.random.pick(&[Kind::Int, Kind::Text, Kind::List]);
            inner.names.push((param.clone(), kind));
            kinds.push(kind);
        }
        let mut listed = params.join(", ");
        if count > 0 && self.random.chance(20) {
            listed.push_str("=1");
        }
        self.line(0, &format!("#@ def {name}({listed}):"));
        if self.random.chance(25) {
            let value = inner.any(self.random, 2);
            self.line(0, &format!("#@   return {value}"));
            self.line(0, "#@ end");
            return;
        }
        self.body(&inner, 0, 2);
        if self.random.chance(10) {
            let value = inner.any(self.random, 1);
            self.line(0, &format!("#@ return {value}"));
        }
        self.line(0, "#@ end");
        self.fragments.push((name, kinds));
    }

    fn call(&mut self, scope: &Scope) -> String {
        let Some((name, kinds)) = self
            .fragments
            .get(self.random.below(self.fragments.len().max(1)))
            .cloned()
        else {
            return scope.any(self.random, 2);
        };
        let args = kinds.iter().map(|kind| {
            let kind = if self.random.risk(20) {
                Kind::Any
            } else {
                *kind
            };
            scope.of(self.random, kind, 1)
        });
        let args: Vec<String> = args.collect();
        let call = format!("{name}({})", args.join(", "));
        let risky = self.random.risk(50);
        match self.random.below(12) {
            0 if risky => format!("{call}[\"k1\"]"),
            1 if risky => format!("dict(**{call})"),
            2 => format!("[x for x in {call}]"),
            3 => format!("str({call})"),
            4 => format!("len({call})"),
            5 if scope.modules.contains(&"yaml") => format!("yaml.encode({call})"),
            5 if scope.modules.contains(&"json") => format!("json.encode({call})"),
            6 if risky => format!("{call}[0]"),
            _ => call,
        }
    }

    /// The items of a map or an array.
    fn body(&mut self, scope: &Scope, indent: usize, depth: usize) {
        let array = if indent > 0 || self.random.risk(10) {
            self.random.chance(25)
        } else {
            self.array
        };
        self.items(scope, indent, depth, array);
    }

    fn items(&mut self, scope: &Scope, indent: usize, depth: usize, array: bool) {
        for _ in 0..1 + self.random.below(3) {
            self.controlled(scope, indent, depth, array);
        }
    }

    /// An item, or several under a condition or in a loop.
    fn controlled(&mut self, scope: &Scope, indent: usize, depth: usize, array: bool) {
        match self.random.below(16) {
            0 => {
                let condition = scope.of(self.random, Kind::Bool, 2);
                self.line(indent, &format!("#@ if {condition}:"));
                self.items(scope, indent, depth.saturating_sub(1), array);
                if self.random.chance(30) {
                    let condition = scope.of(self.random, Kind::Bool, 1);
                    self.line(indent, &format!("#@ elif {condition}:"));
                    self.items(scope, indent, depth.saturating_sub(1), array);
                }
                if self.random.chance(50) {
                    self.line(indent, "#@ else:");
                    self.items(scope, indent, depth.saturating_sub(1), array);
                }
                self.line(indent, "#@ end");
            }
            1 => {
                let list = scope.of(self.random, Kind::List, 1);
                let inner = scope.with("x", Kind::Any);
                self.line(indent, &format!("#@ for x in {list}:"));
                if array {
                    self.items(&inner, indent, depth.saturating_sub(1), true);
                } else {
                    self.line(indent, "#@yaml/map-key-override");
                    self.line(indent, "same: #@ x");
                }
                if self.random.chance(10) {
                    let word = self.random.pick(&["break", "continue"]);
                    self.line(indent, &format!("#@ {word}"));
                }
                self.line(indent, "#@ end");
            }
            2 => {
                let condition = scope.of(self.random, Kind::Bool, 1);
                self.line(indent, &format!("#@ if/end {condition}:"));
                self.item(scope, indent, depth, array);
            }
            3 if array => {
                let inner = scope.with("y", Kind::Int);
                self.line(indent, "#@ for/end y in range(3):");
                self.item(&inner, indent, depth, true);
            }
            4 if self.random.chance(30) => {
                let note = self.random.pick_mostly(&[
                    "#! note",
                    "!# note",
                    "#@",
                    "!#@ pass",
                    "#@ print(\"x\")",
                    "#@unknown/thing 1, a=2",
                ]);
                self.line(indent, note);
                self.item(scope, indent, depth, array);
            }
            _ => self.item(scope, indent, depth, array),
        }
    }

    fn item(&mut self, scope: &Scope, indent: usize, depth: usize, array: bool) {
        let key = if array {
            "-".to_owned()
        } else {
            self.keys += 1;
            let number = if self.random.risk(3) { 1 } else { self.keys };
            match self.random.below(20) {
                0 => format!("{number}:"),
                1 => format!("\"k {number}\":"),
                _ => format!("k{number}:"),
            }
        };
        if self.random.chance(4) && !array {
            self.line(indent, "#@yaml/map-key-override");
        }
        if self.random.chance(4) {
            self.line(indent, "#@yaml/text-templated-strings");
            let text = text_template(self.random, scope);
            let text = text.replace('\'', "''").replace('\n', " ");
            self.line(indent, &format!("{key} '{text}'"));
            return;
        }
        match self.random.below(12) {
            0..=5 => {
                let value = scope.any(self.random, 3);
                self.line(indent, &format!("{key} #@ {value}"));
            }
            6 | 7 if !self.fragments.is_empty() => {
                let value = self.call(scope);
                self.line(indent, &format!("{key} #@ {value}"));
            }
            8 if self.random.risk(30) => {
                let value = scope.any(self.random, 1);
                self.line(indent, &format!("{key} #@ template.replace({value})"));
            }
            8 | 9 if depth > 0 => {
                self.line(indent, &key);
                self.body(scope, indent + 2, depth - 1);
            }
            10 if self.random.risk(4) => {
                let value = scope.any(self.random, 1);
                self.line(indent, &format!("{key} {{}} #@ {value}"));
            }
            _ => {
                let value = word(self.random);
                self.line(indent, &format!("{key} {value}"));
            }
        }
    }
}

/// A text with code in it.
pub(crate) fn text_template(random: &mut Random, scope: &Scope) -> String {
    let mut out = String::new();
    for _ in 0..1 + random.below(4) {
        match random.below(8) {
            0 => out.push_str("plain "),
            1 => out.push_str("line\n"),
            2 => out.push_str(&format!(
                "(@- if {}: @)yes(@ else: -@) no(@ end @)",
                scope.of(random, Kind::Bool, 1)
            )),
            3 => out.push_str(&format!(
                "(@ for x in {}: -@)\n<(@= str(x) @)>\n(@- end @)",
                scope.of(random, Kind::List, 1)
            )),
            4 => out.push_str(&format!("(@ t = {} @)(@= str(t) @)", scope.any(random, 1))),
            5 if random.risk(20) => {
                out.push_str(random.pick(&["(@", "@)", "(@= @)", "(@= 1 @)", "(@-= \"a\" -@)"]));
            }
            _ => out.push_str(&format!("(@= {} @)", scope.of(random, Kind::Text, 2))),
        }
    }
    out
}

/// A file that is code only, with functions `star0`, `star1`.
pub(crate) fn starlark(random: &mut Random) -> String {
    let modules = some_modules(random);
    let mut out: String = modules
        .iter()
        .map(|module| format!("load(\"@ytt:{module}\", \"{module}\")\n"))
        .collect();
    let scope = Scope {
        modules,
        ..Scope::default()
    };
    for index in 0..2 {
        let inner = scope.with("a", Kind::Int).with("b", Kind::Text);
        out.push_str(&format!("def star{index}(a, b=\"d\"):\n"));
        match random.below(4) {
            0 => out.push_str(&format!(
                "  for i in range(3):\n    if {}:\n      return i\n    end\n  end\n",
                inner.of(random, Kind::Bool, 2)
            )),
            1 => out.push_str(&format!(
                "  n = 0\n  while n < 3:\n    n += 1\n  end\n  c = {}\n",
                inner.any(random, 2)
            )),
            2 => out.push_str(&format!(
                "  def inner(x):\n    return [x, {}]\n  end\n  return inner(a)\n",
                inner.any(random, 2)
            )),
            _ => {}
        }
        out.push_str(&format!("  return {}\nend\n", inner.any(random, 3)));
    }
    out.push_str(&format!("value = {}\n", scope.any(random, 3)));
    out
}

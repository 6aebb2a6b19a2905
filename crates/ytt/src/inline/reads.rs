//! What of its data values a template can tell apart, seen from its text alone.
//!
//! Nothing is run: every chain `data.values.a.b` or `data.values["a"]["b"]` is a path, and what is at its end counts as
//! read whole, whatever is done with it then. A use of the module that is no such chain reads everything, as does a
//! module that may hand the values on.

use crate::star::Literal;
use crate::star::Source;
use crate::star::lex::Lexer;
use crate::star::token::{Lexeme, Token};

/// Modules that know nothing of the values of the template that loads them.
const BLIND: [&str; 16] = [
    "assert", "base64", "ip", "json", "math", "md5", "module", "overlay", "regexp", "sha256",
    "struct", "template", "toml", "url", "version", "yaml",
];

/// What a template reads of its data values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads(Option<Vec<Path>>);

/// Names of fields, from the outside in; never empty.
type Path = Vec<Box<str>>;

impl Reads {
    /// Nothing at all.
    pub(super) const NOTHING: Self = Self(Some(Vec::new()));
    /// Whatever there is.
    pub(super) const EVERYTHING: Self = Self(None);

    /// The paths that are read, with all that is below them; `None` when anything may be.
    pub fn paths(&self) -> Option<impl Iterator<Item = &[Box<str>]>> {
        self.0.as_ref().map(|paths| paths.iter().map(Vec::as_slice))
    }

    /// Looks through the code of a template.
    pub(super) fn of(source: &Source) -> Self {
        let text = source.text();
        Self(tokens(&text).and_then(|tokens| paths(&tokens)))
    }
}

/// A token as far as it matters here.
#[derive(Debug, PartialEq)]
enum Word<'a> {
    Name(&'a str),
    Text(Box<str>),
    Other(Token),
}

/// Takes code apart; `None` when it cannot be.
fn tokens(text: &str) -> Option<Vec<Word<'_>>> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::new();
    loop {
        let lexeme: Lexeme = lexer.next().ok()?;
        tokens.push(match (lexeme.token, &lexeme.literal) {
            (Token::Eof, _) => return Some(tokens),
            (Token::Ident, _) => Word::Name(lexer.text_of(&lexeme)),
            (Token::String, Some(Literal::Str(text))) => Word::Text(text.as_utf8()?.into()),
            (token, _) => Word::Other(token),
        });
    }
}

fn paths(tokens: &[Word<'_>]) -> Option<Vec<Path>> {
    use Word::{Other, Text};
    let mut names = Vec::new();
    let mut code = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != Other(Token::Load) {
            code.push(first);
            continue;
        }
        let [Other(Token::LParen), Text(module), bindings @ ..] = rest else {
            return None;
        };
        let end = bindings
            .iter()
            .position(|token| *token == Other(Token::RParen))?;
        let (bindings, after) = bindings.split_at(end);
        rest = after;
        match module.strip_prefix("@ytt:")? {
            "data" => names.extend(local_names(bindings)),
            blind if BLIND.contains(&blind) => {}
            _ => return None,
        }
    }
    uses(&code, &names)
}

/// The names that the module gets here.
fn local_names<'a>(bindings: &'a [Word<'a>]) -> impl Iterator<Item = &'a str> {
    use Word::{Name, Other, Text};
    let names = bindings.split(|token| *token == Other(Token::Comma));
    names.filter_map(|binding| match binding {
        [Text(name)] => Some(&**name),
        [Name(name), Other(Token::Eq), Text(_)] => Some(name),
        _ => None,
    })
}

fn uses(code: &[&Word<'_>], names: &[&str]) -> Option<Vec<Path>> {
    use Word::{Name, Other};
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        let is_field = at > 0 && *code[at - 1] == Other(Token::Dot);
        if is_field || !matches!(token, Name(name) if names.contains(name)) {
            continue;
        }
        let [Other(Token::Dot), Name("values"), rest @ ..] = &code[at + 1..] else {
            return None;
        };
        let path = chain(rest);
        if path.is_empty() {
            return None;
        }
        if !found.contains(&path) {
            found.push(path);
        }
    }
    Some(found)
}

/// The names that follow, as fields or in brackets.
fn chain(mut rest: &[&Word<'_>]) -> Path {
    use Word::{Name, Other, Text};
    let mut path = Path::new();
    loop {
        rest = match rest {
            [Other(Token::Dot), Name(name), after @ ..] => {
                path.push((*name).into());
                after
            }
            [
                Other(Token::LBrack),
                Text(name),
                Other(Token::RBrack),
                after @ ..,
            ] => {
                path.push(name.clone());
                after
            }
            _ => return path,
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::inline::{Program, STDIN};

    /// The paths that a template reads, sorted, with dots between the names; `*` for everything.
    fn reads(text: &str) -> String {
        let program = Program::compile(STDIN, text).expect("it compiles");
        let Some(paths) = program.reads().paths() else {
            return "*".to_owned();
        };
        let mut paths: Vec<String> = paths.map(|path| path.join(".")).collect();
        paths.sort();
        paths.join(" ")
    }

    fn with_data(text: &str) -> String {
        reads(&format!("#@ load(\"@ytt:data\", \"data\")\n{text}"))
    }

    #[test]
    fn chains_of_fields_are_paths() {
        let cases = [
            (
                "a: #@ data.values.workload.metadata.name",
                "workload.metadata.name",
            ),
            ("a: #@ data.values[\"params\"]['x-y'].z", "params.x-y.z"),
            ("a: #@ data.values.a.upper() + data.values.b", "a.upper b"),
            ("a: #@ data.values.a[0].b", "a"),
            ("a: #@ data.values.a[data.values.b].c", "a b"),
            ("a: #@ \"data.values.text\"", ""),
            (
                "#@yaml/text-templated-strings\na: (@= data.values.inline @)",
                "inline",
            ),
            ("#@ if/end hasattr(data.values.spec, \"x\"):\na: 1", "spec"),
            (
                "#@ def f(x):\n#@   return x.data.values\n#@ end\na: #@ data.values.q",
                "q",
            ),
            ("#@ for/end e in data.values.env:\n- #@ e.name", "env"),
            ("#@overlay/match by=data.values.key\na: 1", "key"),
        ];
        for (text, expected) in cases {
            assert_eq!(with_data(text), expected, "{text}");
        }
    }

    #[test]
    fn whatever_else_is_done_with_the_values_reads_everything() {
        let cases = [
            "a: #@ data.values",
            "#@ v = data.values\na: #@ v.b",
            "#@ d = data\na: #@ d.values.b",
            "a: #@ getattr(data.values, \"b\")",
            "a: #@ data.values[\"b\" + \"c\"]",
            "a: #@ [x for x in dir(data.values)]",
            "a: #@ data.list()",
            "#@ load(\"@ytt:library\", \"library\")\na: 1",
        ];
        for text in cases {
            assert_eq!(with_data(text), "*", "{text}");
        }
        assert_eq!(reads("#@data/values\n---\na: 1\n"), "*");
    }

    #[test]
    fn the_module_may_have_another_name() {
        let text = "#@ load(\"@ytt:data\", other=\"data\")\na: #@ other.values.b\n";
        assert_eq!(reads(text), "b");
        assert_eq!(
            reads("#@ load(\"@ytt:json\", \"json\")\na: #@ json.encode(1)\n"),
            ""
        );
        assert_eq!(reads("a: 1\n"), "");
    }
}

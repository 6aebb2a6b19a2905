//! Expressions of the language, mostly of the type that is wanted.

use super::random::Random;

/// What a value is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Float,
    Text,
    Bool,
    List,
    Dict,
    Any,
}

const KINDS: &[Kind] = &[
    Kind::Int,
    Kind::Float,
    Kind::Text,
    Kind::Bool,
    Kind::List,
    Kind::Dict,
];

/// Words that readers and printers of YAML treat differently.
const WORDS: &[&str] = &[
    "a",
    "b c",
    "",
    "yes",
    "No",
    "true",
    "null",
    "~",
    "1",
    "01",
    "0x1f",
    "1.0",
    "1e3",
    "-",
    "- x",
    "a: b",
    "a #b",
    "#c",
    " x",
    "x ",
    "1:20",
    "2020-01-02",
    "<<",
    "=",
    "*a",
    "&a",
    "!x",
    "%y",
    "@z",
    "`",
    "{a}",
    "[b]",
    "'q'",
    "\\\"d\\\"",
    "l1\\nl2",
    "l1\\n",
    "\\nx",
    " l1\\nl2",
    "l1 \\nl2",
    "\\tt",
    "é",
    "日本",
    "a\\\\b",
    "on",
    ".inf",
    ".5",
    "0o7",
    "1_000",
    "key",
    "x,y",
    "?",
    "? a",
    ":",
    "a:",
    "---",
    "...",
    "\\u0001",
    "<b>&",
    "12345678901234567890",
    "Foo Bar",
    "foo_bar-baz",
    "\\r\\n",
    "c:\\\\d",
    "|",
    ">",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "10",
    "255",
    "-8",
    "1000",
    "123456789",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "0x10",
    "0o17",
    "0b101",
];

const FLOATS: &[&str] = &[
    "0.5",
    "1.0",
    "-2.25",
    "1e6",
    "1e-7",
    "123456.789",
    "1e21",
    "0.1",
    "3.14159265",
    "-0.0",
    "1e100",
];

/// Makes expressions from names that are bound.
#[derive(Debug, Default, Clone)]
pub(crate) struct Scope {
    pub names: Vec<(String, Kind)>,
    /// Modules that are loaded.
    pub modules: Vec<&'static str>,
}

impl Scope {
    /// The same with one more name.
    pub(crate) fn with(&self, name: &str, kind: Kind) -> Self {
        let mut scope = self.clone();
        scope.names.push((name.to_owned(), kind));
        scope
    }

    fn named(&self, random: &mut Random, kind: Kind) -> Option<String> {
        let fitting: Vec<&str> = self
            .names
            .iter()
            .filter(|(_, known)| kind == Kind::Any || *known == kind)
            .map(|(name, _)| name.as_str())
            .collect();
        if fitting.is_empty() {
            return None;
        }
        Some(random.pick(&fitting).to_owned())
    }

    fn has(&self, module: &str) -> bool {
        self.modules.contains(&module)
    }

    /// An expression of any kind.
    pub(crate) fn any(&self, random: &mut Random, depth: usize) -> String {
        let kind = random.pick(KINDS);
        self.of(random, kind, depth)
    }

    /// An expression that is mostly of the kind.
    pub(crate) fn of(&self, random: &mut Random, kind: Kind, depth: usize) -> String {
        // Sometimes a mistake.
        let kind = if kind == Kind::Any || random.risk(1) {
            random.pick(KINDS)
        } else {
            kind
        };
        if random.chance(30)
            && let Some(name) = self.named(random, kind)
        {
            return name;
        }
        if depth == 0 || random.chance(25) {
            return literal(random, kind);
        }
        if random.chance(8) {
            let (yes, no) = (
                self.of(random, kind, depth - 1),
                self.of(random, kind, depth - 1),
            );
            let condition = self.of(random, Kind::Bool, depth - 1);
            return format!("({yes} if {condition} else {no})");
        }
        if random.chance(3) {
            let x = self.of(random, kind, depth - 1);
            let y = self.any(random, depth - 1);
            let op = random.pick(&["or", "and"]);
            return format!("({x} {op} {y})");
        }
        if random.chance(3) {
            let scope = self.with("p", Kind::Int);
            let body = scope.of(random, kind, depth - 1);
            let arg = self.of(random, Kind::Int, depth - 1);
            let call = random.pick_mostly(&[
                "(ARG)",
                "(p=ARG)",
                "(*[ARG])",
                "(**{\"p\": ARG})",
                "!(ARG, 1)",
                "!()",
            ]);
            let call = call.replace("ARG", &arg);
            return format!("(lambda p: {body}){call}");
        }
        match kind {
            Kind::Int => self.int(random, depth - 1),
            Kind::Float => self.float(random, depth - 1),
            Kind::Text => self.text(random, depth - 1),
            Kind::Bool => self.bool(random, depth - 1),
            Kind::List => self.list(random, depth - 1),
            Kind::Dict | Kind::Any => self.dict(random, depth - 1),
        }
    }

    /// A form in which `I`, `F`, `T`, `B`, `L`, `D` and `X` between `$` stand for expressions, and
    /// `$$` for itself.
    fn fill(&self, random: &mut Random, form: &str, depth: usize) -> String {
        let mut out = String::new();
        for (index, piece) in form.split('$').enumerate() {
            if index % 2 == 0 {
                out.push_str(piece);
                continue;
            }
            if piece.is_empty() {
                out.push('$');
                continue;
            }
            let kind = match piece {
                "I" => Kind::Int,
                "F" => Kind::Float,
                "T" => Kind::Text,
                "B" => Kind::Bool,
                "L" => Kind::List,
                "D" => Kind::Dict,
                _ => Kind::Any,
            };
            out.push_str(&self.of(random, kind, depth));
        }
        out
    }

    /// One of the forms whose modules are loaded. Those with an exclamation mark often fail.
    fn one_of(&self, random: &mut Random, forms: &[&str], depth: usize) -> String {
        for _ in 0..20 {
            // What often fails is rare.
            let picked = random.pick(forms);
            let form = match picked.strip_prefix('!') {
                Some(form) if random.risk(12) => form,
                Some(_) => continue,
                None => picked,
            };
            let mut used = MODULES.iter().filter(|module| uses(form, module));
            if used.all(|module| self.has(module)) {
                return self.fill(random, form, depth);
            }
        }
        self.fill(random, forms[0].trim_start_matches('!'), depth)
    }

    fn int(&self, random: &mut Random, depth: usize) -> String {
        self.one_of(
            random,
            &[
                "($I$ + $I$)",
                "($I$ - $I$)",
                "($I$ * $I$)",
                "!($I$ // $I$)",
                "!($I$ % $I$)",
                "-$I$",
                "!~$I$",
                "!($I$ & $I$)",
                "($I$ | $I$)",
                "($I$ ^ $I$)",
                "($I$ << 3)",
                "($I$ >> 2)",
                "len($L$)",
                "len($T$)",
                "len($D$)",
                "!int($T$)",
                // Of 2^63 itself the original makes what the processor does.
                "int($F$ % 1e15)",
                "int($F$ * 3.0)",
                "int(\"ff\", 16)",
                "int(\"0x1F\", 0)",
                "ord(\"x\")",
                "max($I$, $I$)",
                "!min($L$)",
                "max([$I$, $I$])",
                "$T$.find($T$)",
                "$T$.count($T$)",
                "!$T$.rindex($T$)",
                "!$L$.index($X$)",
                "!$L$[$I$]",
                "sorted([$I$, $I$])[0]",
                "!hash($T$)",
                "$D$.get(\"a\", $I$)",
                "int($B$)",
                "![x for x in range($I$)][0]",
                "min($I$, $I$, key=lambda x: -x)",
                "!int($T$, 36)",
            ],
            depth,
        )
    }

    fn float(&self, random: &mut Random, depth: usize) -> String {
        self.one_of(
            random,
            &[
                "($F$ + $F$)",
                "!($I$ / $I$)",
                "($F$ * $I$)",
                "float($I$)",
                "!float($T$)",
                "!($F$ // $F$)",
                "!($F$ % $F$)",
                "-$F$",
                "math.ceil($F$ % 1000.0)",
                "math.floor($F$ % 1000.0)",
                "!math.sqrt($F$)",
                "math.fabs($F$)",
                "math.round($F$)",
                "math.mod($F$, $F$)",
                "json.decode(\"1.5\")",
                "float(\"inf\")",
                "!float(\"1e400\")",
                "math.remainder($F$, $I$)",
                "math.hypot($F$, $F$)",
                // The last digits differ between machines, with the original as well.
                "math.round(math.exp($F$ % 20.0) * 1000.0)",
                "math.round(math.pow(math.fabs($F$ % 10.0), math.fabs($I$ % 4)) * 1000.0)",
                "math.round(math.pow(math.fabs($F$ % 10.0), math.fabs($F$ % 3.0)) * 1000.0)",
                "math.round(math.log(math.fabs($F$) + 1.0) * 1000000.0)",
                "math.round(math.log(math.fabs($F$) + 1.0, 10) * 1000000.0)",
                "math.round(math.sin($F$ % 7.0) * 1000000.0)",
                "math.round(math.cos($I$ % 100) * 1000000.0)",
                "math.round(math.atan2($F$ % 9.0, $F$ % 9.0) * 1000000.0)",
                "math.round(math.degrees(math.asin($F$ % 1.0)) * 1000000.0)",
                "math.round(math.tanh($F$ % 3.0) * 1000000.0)",
                "!math.log($F$, $F$)",
                "!math.pow($F$, $F$)",
                "!math.exp($F$)",
                "!math.acos($F$)",
            ],
            depth,
        )
    }

    fn text(&self, random: &mut Random, depth: usize) -> String {
        self.one_of(
            random,
            &[
                "($T$ + $T$)",
                "($T$ * 2)",
                "str($X$)",
                "repr($X$)",
                "type($X$)",
                "$T$.upper()",
                "$T$.lower()",
                "$T$.title()",
                "$T$.capitalize()",
                "$T$.strip()",
                "$T$.lstrip($T$)",
                "$T$.rstrip()",
                "$T$.replace($T$, $T$)",
                "$T$.replace($T$, $T$, 1)",
                "$T$.join([$T$, $T$])",
                "!$T$.join($L$)",
                "!$T$[$I$]",
                "$T$[$I$:$I$]",
                "$T$[::-1]",
                "$T$[1:]",
                "\"%s-%d\" % ($X$, $I$)",
                "\"%r\" % [$X$]",
                "\"%x %o %e %g\" % ($I$, $I$, $F$, $F$)",
                "!\"%(a)s\" % $D$",
                "\"{}:{}\".format($X$, $X$)",
                "\"{0}{1!r}\".format($X$, $X$)",
                "\"{a}\".format(a=$X$)",
                "\"%c\" % 65",
                "chr(955)",
                "!\"%s %s\" % $X$",
                "!$T$.format($X$)",
                "!json.encode($X$)",
                "json.encode($X$, indent=2)",
                "yaml.encode($X$)",
                "!toml.encode($D$)",
                "base64.encode($T$)",
                "base64.encode($T$, url=True, raw=True)",
                "base64.decode(base64.encode($T$))",
                "!base64.decode($T$)",
                "md5.sum($T$)",
                "sha256.sum($T$)",
                "url.path_segment_encode($T$)",
                "url.query_param_value_encode($T$)",
                "!url.query_param_value_decode($T$)",
                "url.query_params_encode({\"k\": [$T$]})",
                "!url.path_segment_decode($T$)",
                "url.parse(\"http://u:p@h.x/a?b=c#d\").string()",
                "!url.parse($T$).hostname()",
                "regexp.replace(\"[a-c]+\", $T$, \"<$$0>\")",
                "!regexp.replace($T$, $T$, $T$)",
                "regexp.replace(\"(\\\\w)(\\\\w)\", $T$, lambda m: m.upper())",
                "\"\".join($T$.elems())",
                "$T$.partition($T$)[0]",
                "$T$.rsplit(\"b\")[0]",
                "str($L$)",
                "str($D$)",
                "str($F$)",
                "\"\".join(reversed($T$.codepoints()))",
                "ip.parse_addr(\"10.0.0.1\").string()",
                "ip.parse_cidr(\"10.0.0.1/8\")[1].string()",
                "!$L$[0]",
                "json.encode($X$, escape_html=False)",
                "assert.try_to(lambda: $X$)[1]",
                "str(assert.try_to(lambda: fail($T$)))",
                "yaml.encode($D$)",
                "json.encode($D$)",
                "getattr($T$, \"upper\")()",
            ],
            depth,
        )
    }

    fn bool(&self, random: &mut Random, depth: usize) -> String {
        self.one_of(
            random,
            &[
                "($X$ == $X$)",
                "($X$ != $X$)",
                "($I$ < $I$)",
                "($F$ >= $I$)",
                "($T$ <= $T$)",
                "!($L$ < $L$)",
                "not $X$",
                "($T$ in $T$)",
                "($X$ in $L$)",
                "($T$ not in $D$)",
                "bool($X$)",
                "any($L$)",
                "all($L$)",
                "$T$.startswith($T$)",
                "$T$.endswith((\"a\", $T$))",
                "$T$.isdigit()",
                "$T$.isupper()",
                "$T$.istitle()",
                "$T$.isspace()",
                "$T$.isalnum()",
                "hasattr($X$, \"get\")",
                "regexp.match(\"^[a-z]+$$\", $T$)",
                "!regexp.match($T$, $T$)",
                "($B$ and $B$)",
                "($B$ or $B$)",
                "!($X$ < $X$)",
                "!assert.min(1).check($X$)",
                "!assert.max_len(2).check($L$)",
                "!assert.one_of([1, \"a\"]).check($X$)",
                "ip.parse_addr(\"::1\").is_ipv6()",
                "(None == $X$)",
                "($I$ in range($I$))",
                "version.require_at_least(\"0.20.0\")",
                "!assert.equals($X$, $X$)",
                "(type($X$) == \"int\")",
            ],
            depth,
        )
    }

    fn list(&self, random: &mut Random, depth: usize) -> String {
        self.one_of(
            random,
            &[
                "[$X$, $X$]",
                "($L$ + $L$)",
                "($L$ * 2)",
                "list(range($I$))",
                "!sorted($L$)",
                "sorted([$I$, $I$, $I$], reverse=True)",
                "sorted([$T$, $T$], key=lambda x: len(x))",
                "reversed($L$)",
                "list($D$)",
                "!$T$.split($T$)",
                "$T$.split()",
                "$T$.splitlines()",
                "!$T$.rsplit($T$, 1)",
                "[x for x in $L$]",
                "[x for x in range(3) if x != $I$]",
                "[(x, y) for x in range(2) for y in $L$]",
                "list(zip([$X$, $X$], $L$))",
                "enumerate($L$)",
                "$L$[$I$:$I$]",
                "$L$[::-1]",
                "$L$[::2]",
                "!$D$.items()",
                "!$D$.keys()",
                "!$D$.values()",
                "!list(set($L$))",
                "list(($X$, $X$))",
                "json.decode(\"[1, 2.5, \\\"x\\\", null]\")",
                "yaml.decode(\"[a, {b: c}]\")",
                "[$X$]",
                "list($T$.elems())",
                "list($T$.elem_ords())",
                "list($T$.partition($T$))",
                "dir($X$)",
                "!list(set($L$) | set($L$))",
                "!list(struct.encode($D$))",
                "yaml.decode(yaml.encode($L$))",
                "json.decode(json.encode($L$))",
                "[$I$, $I$]",
                "[$T$, $T$]",
            ],
            depth,
        )
    }

    fn dict(&self, random: &mut Random, depth: usize) -> String {
        self.one_of(
            random,
            &[
                "{\"a\": $X$, \"b\": $X$}",
                "{$T$: $X$}",
                "dict(a=$X$, b=$X$)",
                "dict([(\"a\", $X$)])",
                "{x: $X$ for x in [\"a\", \"b\"]}",
                "!{x: $I$ for x in $L$}",
                "dict($D$)",
                "dict($D$, c=$X$)",
                "json.decode(\"{\\\"b\\\": 1, \\\"a\\\": [true]}\")",
                "yaml.decode(\"a: 1\\nb: {c: yes}\")",
                "toml.decode(\"a = 1\\n[b]\\nc = \\\"x\\\"\")",
                "!struct.decode(struct.encode($D$))",
                "!{$X$: $X$}",
                "!struct.make(a=$X$)",
                "!struct.encode($D$)",
                "{\"a\": $X$}",
                "!dict(**$D$)",
                "{\"a\": $D$}",
                "yaml.decode(yaml.encode($D$))",
                "json.decode(json.encode($D$))",
                "!yaml.decode($T$)",
                "!json.decode($T$)",
                "url.query_params_decode(\"a=1&b=2&a=3\")",
            ],
            depth,
        )
    }
}

/// All modules that expressions use.
pub(crate) const MODULES: &[&str] = &[
    "json", "yaml", "toml", "base64", "md5", "sha256", "url", "regexp", "ip", "math", "struct",
    "assert", "version",
];

/// Whether a form calls a function of the module.
fn uses(form: &str, module: &str) -> bool {
    let mut rest = form;
    while let Some(at) = rest.find(module) {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + module.len()..];
        if rest.starts_with('.') && !before.is_some_and(char::is_alphanumeric) {
            return true;
        }
    }
    false
}

fn literal(random: &mut Random, kind: Kind) -> String {
    match kind {
        Kind::Int => random.pick(NUMBERS).to_owned(),
        Kind::Float => random.pick(FLOATS).to_owned(),
        Kind::Text => word(random),
        Kind::Bool => random.pick(&["True", "False", "None"]).to_owned(),
        Kind::List => random
            .pick(&[
                "[]",
                "[1, 2]",
                "[\"a\", \"b\"]",
                "[None]",
                "[[1], {}]",
                "[3, 1, 2]",
            ])
            .to_owned(),
        Kind::Dict | Kind::Any => random
            .pick(&[
                "{}",
                "{\"a\": 1}",
                "{\"b\": [1], \"a\": None}",
                "{\"a\": {\"b\": {}}}",
                "{1: 2, \"x\": True}",
            ])
            .to_owned(),
    }
}

/// A text in quotes.
pub(crate) fn word(random: &mut Random) -> String {
    format!("\"{}\"", random.pick(WORDS))
}

/// Statements that load the modules.
pub(crate) fn loads(modules: &[&str]) -> String {
    modules
        .iter()
        .map(|module| format!("#@ load(\"@ytt:{module}\", \"{module}\")\n"))
        .collect()
}

/// Some modules.
pub(crate) fn some_modules(random: &mut Random) -> Vec<&'static str> {
    MODULES
        .iter()
        .copied()
        .filter(|_| random.chance(60))
        .collect()
}

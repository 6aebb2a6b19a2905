//! Expressions of Go as expressions of the `regex` crate.
//!
//! Both take nearly the same language. What differs is translated: `\d`, `\w`, `\s` and `\b` mean
//! ASCII in Go, `\Q…\E` quotes, and classes know neither nesting nor set operations. What Go
//! refuses is refused in its words. Source: Go regexp/syntax/parse.go.

/// Deepest nesting of groups; the crate recurses that deep.
pub(super) const MAX_NESTING: u32 = 100;

/// Largest count of a repetition.
const MAX_REPEAT: u32 = 1000;

/// Why Go refuses an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: &'static str,
    /// The part at fault.
    pub(super) text: String,
}

type Result<T> = std::result::Result<T, Problem>;

fn fail<T>(kind: &'static str, text: &str) -> Result<T> {
    Err(Problem {
        kind,
        text: text.to_owned(),
    })
}

/// A translated expression.
#[derive(Debug)]
pub(super) struct Translated {
    /// The expression, without names.
    pub(super) pattern: String,
    /// Names of the groups that capture, from group 1 on; empty for those without. Several may
    /// have the same name, and a name may be a number.
    pub(super) names: Vec<String>,
}

/// Translates an expression.
pub(super) fn translate(pattern: &str) -> Result<Translated> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        out: String::new(),
        groups: Vec::new(),
        names: Vec::new(),
        repeated: 1,
        most_repeated: 1,
    };
    translator.run()?;
    Ok(Translated {
        pattern: translator.out,
        names: translator.names,
    })
}

struct Translator<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    /// For each open group, how often the most repeated part before it is repeated.
    groups: Vec<u32>,
    names: Vec<String>,
    /// How often the most repeated part of what comes before is repeated by counts.
    repeated: u32,
    /// The same for all of the current group.
    most_repeated: u32,
}

/// What a repetition would apply to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Something,
    /// A repetition, which cannot be repeated.
    Repetition,
}

impl<'a> Translator<'a> {
    fn run(&mut self) -> Result<()> {
        let mut before = Before::Nothing;
        let mut repetition_start = self.rest;
        while let Some(next) = self.rest.chars().next() {
            if !matches!(next, ')' | '*' | '+' | '?' | '{') {
                self.repeated = 1;
            }
            before = match next {
                '(' => {
                    self.open()?;
                    Before::Nothing
                }
                ')' => {
                    let Some(outside) = self.groups.pop() else {
                        return fail("unexpected )", self.pattern);
                    };
                    self.repeated = self.most_repeated;
                    self.most_repeated = self.repeated.max(outside);
                    self.take(1);
                    Before::Something
                }
                '|' => {
                    self.take(1);
                    Before::Nothing
                }
                '[' => {
                    self.class()?;
                    Before::Something
                }
                '\\' => self.escape(before)?,
                '*' | '+' | '?' => {
                    let start = self.rest;
                    let length = if self.rest[1..].starts_with('?') {
                        2
                    } else {
                        1
                    };
                    self.repeat(before, &self.rest[..length], repetition_start)?;
                    self.take(length);
                    if before != Before::Repetition {
                        repetition_start = start;
                    }
                    Before::Repetition
                }
                '{' => match count(self.rest) {
                    Some(count) => {
                        let start = self.rest;
                        let text = &self.rest[..count.length];
                        let lazy = self.rest[count.length..].starts_with('?');
                        let length = count.length + usize::from(lazy);
                        self.repeat(before, &self.rest[..length], repetition_start)?;
                        if count.min > MAX_REPEAT
                            || count
                                .max
                                .is_some_and(|max| max > MAX_REPEAT || max < count.min)
                        {
                            return fail("invalid repeat count", text);
                        }
                        let times = count.max.unwrap_or(count.min).max(1);
                        self.repeated = self.repeated.saturating_mul(times);
                        if self.repeated > MAX_REPEAT {
                            return fail("invalid repeat count", text);
                        }
                        self.most_repeated = self.most_repeated.max(self.repeated);
                        self.take(length);
                        repetition_start = start;
                        Before::Repetition
                    }
                    None => {
                        self.out.push_str("\\{");
                        self.rest = &self.rest[1..];
                        Before::Something
                    }
                },
                '}' | ']' | '#' | '&' | '-' | '~' => {
                    self.out.push('\\');
                    self.take(next.len_utf8());
                    Before::Something
                }
                _ => {
                    self.take(next.len_utf8());
                    Before::Something
                }
            };
        }
        if self.groups.is_empty() {
            Ok(())
        } else {
            fail("missing closing )", self.pattern)
        }
    }

    /// Copies so many bytes.
    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.out.push_str(taken);
        self.rest = rest;
    }

    fn repeat(&self, before: Before, op: &str, start: &str) -> Result<()> {
        match before {
            Before::Something => Ok(()),
            Before::Nothing => fail("missing argument to repetition operator", op),
            Before::Repetition => {
                let end = start.len() - self.rest.len() + op.len();
                fail("invalid nested repetition operator", &start[..end])
            }
        }
    }

    /// A group, with its flags or name.
    fn open(&mut self) -> Result<()> {
        if self.groups.len() >= MAX_NESTING as usize {
            return fail("expression nests too deeply", self.pattern);
        }
        let Some(after) = self.rest.strip_prefix("(?") else {
            self.begin_group();
            self.names.push(String::new());
            self.take(1);
            return Ok(());
        };
        let named = after.strip_prefix("P<").or_else(|| {
            after
                .strip_prefix('<')
                .filter(|rest| !rest.starts_with(['=', '!']))
        });
        if let Some(named) = named {
            let Some(end) = named.find('>') else {
                return fail("invalid named capture", self.rest);
            };
            let name = &named[..end];
            let whole = self.rest.len() - named.len() + end + 1;
            let valid = name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
            if name.is_empty() || !valid {
                return fail("invalid named capture", &self.rest[..whole]);
            }
            self.names.push(name.to_owned());
            self.begin_group();
            self.out.push('(');
            self.rest = &self.rest[whole..];
            return Ok(());
        }
        self.flags(after)
    }

    fn begin_group(&mut self) {
        self.groups.push(self.most_repeated);
        self.most_repeated = 1;
    }

    /// `(?flags)` or `(?flags:…)`.
    fn flags(&mut self, after: &'a str) -> Result<()> {
        let bad = |at: usize| {
            let end = self.rest.len() - after.len() + at;
            fail("invalid or unsupported Perl syntax", &self.rest[..end])
        };
        let (mut negative, mut some) = (false, false);
        for (at, c) in after.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => some = true,
                '-' if !negative => (negative, some) = (true, false),
                ':' | ')' if !negative || some => {
                    if c == ':' {
                        self.begin_group();
                    }
                    if c == ')' && at == 0 {
                        // `(?)` changes nothing; the crate refuses it.
                        self.rest = &self.rest[3..];
                        return Ok(());
                    }
                    self.take(self.rest.len() - after.len() + at + 1);
                    return Ok(());
                }
                _ => return bad(at + c.len_utf8()),
            }
        }
        bad(after.len())
    }

    /// An escape outside classes.
    fn escape(&mut self, before: Before) -> Result<Before> {
        let Some(kind) = self.rest[1..].chars().next() else {
            return fail("trailing backslash at end of expression", "");
        };
        let replacement = match kind {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            's' => "[\\t\\n\\f\\r ]",
            'S' => "[^\\t\\n\\f\\r ]",
            'w' => "[0-9A-Za-z_]",
            'W' => "[^0-9A-Za-z_]",
            'A' => "\\A",
            'z' => "\\z",
            'b' => "(?-u:\\b)",
            'B' => "(?-u:\\B)",
            'Q' => return Ok(self.quoted(before)),
            _ => {
                let (text, length) = escaped(self.rest)?;
                self.out.push_str(&text);
                self.rest = &self.rest[length..];
                return Ok(Before::Something);
            }
        };
        self.out.push_str(replacement);
        self.rest = &self.rest[2..];
        Ok(Before::Something)
    }

    /// `\Q…\E`.
    fn quoted(&mut self, before: Before) -> Before {
        let body = &self.rest[2..];
        let (text, rest) = body.split_once("\\E").unwrap_or((body, ""));
        self.out.push_str(&regex::escape(text));
        self.rest = rest;
        if text.is_empty() {
            before
        } else {
            Before::Something
        }
    }

    /// A class in brackets.
    fn class(&mut self) -> Result<()> {
        let whole = self.rest;
        self.take(1);
        if self.rest.starts_with('^') {
            self.take(1);
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            if self.rest.is_empty() {
                return fail("missing closing ]", whole);
            }
            first = false;
            if self.rest.starts_with("[:")
                && let Some(end) = self.rest[2..].find(":]")
            {
                let name = &self.rest[..end + 4];
                if !is_named_class(name) {
                    return fail("invalid character class range", name);
                }
                self.take(end + 4);
                continue;
            }
            if let Some(length) = self.class_shorthand()? {
                self.rest = &self.rest[length..];
                continue;
            }
            self.class_range(whole)?;
        }
        self.take(1);
        Ok(())
    }

    /// `\d`, `\pL` and the like inside a class; gives their length.
    fn class_shorthand(&mut self) -> Result<Option<usize>> {
        let Some(kind) = self
            .rest
            .strip_prefix('\\')
            .and_then(|rest| rest.chars().next())
        else {
            return Ok(None);
        };
        let replacement = match kind {
            'd' => "0-9",
            's' => "\\t\\n\\f\\r ",
            'w' => "0-9A-Za-z_",
            // Nested classes are the crate's way to say "not these" inside a class.
            'D' => "[^0-9]",
            'S' => "[^\\t\\n\\f\\r ]",
            'W' => "[^0-9A-Za-z_]",
            'p' | 'P' => {
                let (text, length) = escaped(self.rest)?;
                self.out.push_str(&text);
                return Ok(Some(length));
            }
            _ => return Ok(None),
        };
        self.out.push_str(replacement);
        Ok(Some(2))
    }

    /// A character or range inside a class.
    fn class_range(&mut self, whole: &str) -> Result<()> {
        let start = self.rest;
        let low = self.class_char(whole)?;
        let is_range = self.rest.starts_with('-')
            && !self.rest[1..].starts_with(']')
            && !self.rest[1..].is_empty();
        if !is_range {
            push_class_char(&mut self.out, low);
            return Ok(());
        }
        self.rest = &self.rest[1..];
        let high = self.class_char(whole)?;
        if high < low {
            let length = start.len() - self.rest.len();
            return fail("invalid character class range", &start[..length]);
        }
        push_class_char(&mut self.out, low);
        self.out.push('-');
        push_class_char(&mut self.out, high);
        Ok(())
    }

    fn class_char(&mut self, whole: &str) -> Result<char> {
        let Some(c) = self.rest.chars().next() else {
            return fail("missing closing ]", whole);
        };
        if c != '\\' {
            self.rest = &self.rest[c.len_utf8()..];
            return Ok(c);
        }
        let (c, length) = escaped_char(self.rest)?;
        self.rest = &self.rest[length..];
        Ok(c)
    }
}

fn push_class_char(out: &mut String, c: char) {
    out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
}

fn is_named_class(name: &str) -> bool {
    let name = name
        .trim_start_matches("[:")
        .trim_end_matches(":]")
        .trim_start_matches('^');
    matches!(
        name,
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

/// A count in braces.
struct Count {
    min: u32,
    max: Option<u32>,
    length: usize,
}

/// `{2}`, `{2,}` or `{2,3}`; anything else is not a count.
fn count(text: &str) -> Option<Count> {
    let body = text.strip_prefix('{')?;
    let end = body.find('}')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        (plain && !leading_zero).then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match body[..end].split_once(',') {
        None => {
            let exact = number(&body[..end])?;
            (exact, Some(exact))
        }
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some(Count {
        min,
        max,
        length: end + 2,
    })
}

/// What an escape stands for, in the crate's syntax, and its length.
fn escaped(text: &str) -> Result<(String, usize)> {
    if let Some(after) = text
        .strip_prefix("\\p")
        .or_else(|| text.strip_prefix("\\P"))
    {
        let name_len = match after.strip_prefix('{') {
            Some(braced) => match braced.find('}') {
                Some(end) => end + 2,
                None => return fail("invalid character class range", text),
            },
            None => match after.chars().next() {
                Some(c) => c.len_utf8(),
                None => return fail("invalid character class range", text),
            },
        };
        let length = 2 + name_len;
        let class = &text[..length];
        if regex::Regex::new(class).is_err() {
            return fail("invalid character class range", class);
        }
        return Ok((class.to_owned(), length));
    }
    let (c, length) = escaped_char(text)?;
    Ok((format!("\\x{{{:x}}}", u32::from(c)), length))
}

/// The character that an escape stands for, and the length of the escape.
fn escaped_char(text: &str) -> Result<(char, usize)> {
    let mut chars = text[1..].chars();
    let Some(kind) = chars.next() else {
        return fail("trailing backslash at end of expression", "");
    };
    let plain = |c: char| Ok((c, 1 + kind.len_utf8()));
    match kind {
        'a' => plain('\x07'),
        'f' => plain('\x0c'),
        'n' => plain('\n'),
        'r' => plain('\r'),
        't' => plain('\t'),
        'v' => plain('\x0b'),
        '0'..='7' => {
            let digits: String = text[1..]
                .chars()
                .take(3)
                .take_while(|c| ('0'..='7').contains(c))
                .collect();
            // A single digit other than zero would refer back to a group.
            if kind != '0' && digits.len() < 2 {
                return fail("invalid escape sequence", &text[..2]);
            }
            let code = u32::from_str_radix(&digits, 8).unwrap_or(0);
            Ok((char::from_u32(code).unwrap_or('\0'), 1 + digits.len()))
        }
        'x' => hexadecimal(text),
        c if c.is_ascii_punctuation() => plain(c),
        c => fail("invalid escape sequence", &text[..=c.len_utf8()]),
    }
}

/// `\x41` or `\x{10ffff}`.
fn hexadecimal(text: &str) -> Result<(char, usize)> {
    let body = &text[2..];
    let (digits, length) = match body.strip_prefix('{') {
        Some(braced) => match braced.find('}') {
            Some(end) => (&braced[..end], end + 4),
            None => return fail("invalid escape sequence", text),
        },
        None => match body.get(..2) {
            Some(digits) => (digits, 4),
            None => return fail("invalid escape sequence", text),
        },
    };
    let code = u32::from_str_radix(digits, 16)
        .ok()
        .and_then(char::from_u32);
    match code.filter(|_| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        Some(c) => Ok((c, length)),
        None => fail("invalid escape sequence", &text[..length]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> String {
        match translate(pattern) {
            Ok(translated) => {
                regex::bytes::Regex::new(&translated.pattern).expect("the crate takes it");
                "fine".to_owned()
            }
            Err(problem) => format!("{}: `{}`", problem.kind, problem.text),
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        // Expected values come from Go 1.26.
        let rows = [
            ("a(b", "missing closing ): `a(b`"),
            ("a)b", "unexpected ): `a)b`"),
            ("[a", "missing closing ]: `[a`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|*", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("\\y", "invalid escape sequence: `\\y`"),
            ("\\8", "invalid escape sequence: `\\8`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            ("\\p{Foo}", "invalid character class range: `\\p{Foo}`"),
            ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
            ("(?-)", "invalid or unsupported Perl syntax: `(?-)`"),
            ("(?P=n)", "invalid or unsupported Perl syntax: `(?P`"),
            ("(?i)*", "missing argument to repetition operator: `*`"),
            ("[a-\\d]", "invalid escape sequence: `\\d`"),
            ("\\C", "invalid escape sequence: `\\C`"),
            ("\\xg1", "invalid escape sequence: `\\xg1`"),
            ("a*??", "invalid nested repetition operator: `*??`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
            ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ];
        for (pattern, expected) in rows {
            assert_eq!(shown(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_go_takes_is_taken() {
        for pattern in [
            "",
            "a|",
            "()",
            "[]a]",
            "[^]a]",
            "[a-]",
            "[-a]",
            "[a&&b]",
            "[[a]",
            "a{,2}",
            "a{2",
            "{",
            "x{a}",
            "(?i)a(?-i)b",
            "(?i:a)",
            "(?s).(?U)a*",
            "\\Qa.b\\E+",
            "\\Q",
            "\\101\\x41\\x{1F600}",
            "[\\d\\S\\pL\\-]",
            "^\\bfoo\\b$",
            "(?P<n>a)",
            "(?<n>a)",
            "a+?b*?c??d{2}?",
            "[[:alpha:]~&-]",
            "#",
            "a b",
            "&&",
            "~~",
            "(?P<n>a)(?P<n>b)",
            "^*",
            "\\b*",
            "a\\Q\\E*",
            "(?)a",
            "\\_",
            "(a{10}){100}",
        ] {
            assert_eq!(shown(pattern), "fine", "{pattern}");
        }
    }

    #[test]
    fn classes_mean_ascii() {
        let regex =
            |pattern: &str| regex::bytes::Regex::new(&translate(pattern).unwrap().pattern).unwrap();
        assert!(!regex("^\\d$").is_match("٣".as_bytes()));
        assert!(!regex("^\\w$").is_match("é".as_bytes()));
        assert!(regex("^\\W$").is_match("é".as_bytes()));
        assert!(regex("^[\\W]$").is_match("é".as_bytes()));
        assert!(!regex("^\\s$").is_match("\u{a0}".as_bytes()));
        assert!(regex("^[a&&b]+$").is_match(b"a&b"));
    }
}

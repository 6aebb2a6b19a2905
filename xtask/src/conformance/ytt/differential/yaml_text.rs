//! Plain YAML in all its styles.

use super::random::Random;

/// Scalars as they may stand in a block.
const SCALARS: &[&str] = &[
    "a",
    "b c",
    "yes",
    "No",
    "~",
    "null",
    "1",
    "-1",
    "+1",
    "01",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1.5",
    "1.",
    ".5",
    "1e3",
    "1E-7",
    "1e400",
    ".inf",
    "-.Inf",
    ".NaN",
    "1:20",
    "1:20:30.5",
    "2020-01-02",
    "2020-01-02T03:04:05Z",
    "''",
    "\"\"",
    "'it''s'",
    "\"a\\tb\"",
    "\"\\u00e9\\x41\\n\"",
    "\"\\/\"",
    "'#no'",
    "a#b",
    "a:b",
    "http://x/y",
    "é",
    "日本語",
    "!!str 1",
    "!!int \"1\"",
    "!!float 1",
    "!!bool yes",
    "!!null ''",
    "!!binary aGk=",
    "!custom x",
    "&a x",
    "0",
    "-0",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "true",
    "False",
    "on",
    "y",
    "n",
    "{}",
    "[]",
    "{a: 1}",
    "[a, b]",
    "[1, [2, {x: y}]]",
    "{a: {b: c}, d}",
    "{ a : 1, 'b': \"c\" }",
    "[a,\n  b]",
    "\"l1\n  l2\"",
    "'l1\n\n  l2'",
    "l1\n  l2",
    "a\tb",
    "{a: }",
    "!!timestamp 2020-01-01",
    "12e03",
    "0.1e1",
    "0o8",
    "08",
    "0x",
    "1__0",
    "_1",
    "+.inf",
    "nan",
    "[a b, c]",
    "NULL",
    "Null",
    "tRue",
];

/// Scalars that are mistakes at most places.
const RISKY_SCALARS: &[&str] = &[
    "!!binary !",
    "*a",
    "|",
    "@x",
    "%x",
    "`x",
    "? x",
    "x: y",
    "\"unclosed",
    "- x",
    "-",
    "--- x",
    "\"\\q\"",
    "<<",
    "a ? b",
    "=",
];

/// Headers and bodies of block scalars.
const BLOCKS: &[&str] = &[
    "|\n  one\n  two",
    "|-\n  one\n\n  two",
    "|+\n  one\n\n",
    ">\n  one\n  two\n\n  three",
    ">-\n  one\n   two\n  three",
    ">+\n  one\n\n\n",
    "|\n\n  one",
    "|1\n  one",
    "|-\n  \n  a",
    "|\n  tab\there",
];

const RISKY_BLOCKS: &[&str] = &["|9\n  x", "|a\n  x", "|2\n   one\n  two", "| # c\n  one"];

fn scalar(random: &mut Random) -> &'static str {
    if random.risk(20) {
        random.pick(RISKY_SCALARS)
    } else {
        random.pick(SCALARS)
    }
}

const KEYS: &[&str] = &[
    "a", "b", "c", "key", "'q'", "\"d\"", "1", "true", "~", "? a", "k v", "x-y", "é", "1.5", "[l]",
    "{m: n}", "\"\\n\"", "a.b", "yes", "-1",
];

/// A stream of documents.
pub(crate) fn stream(random: &mut Random) -> String {
    let mut out = String::new();
    if random.chance(5) {
        out.push_str(random.pick(&[
            "%YAML 1.1\n---\n",
            "#! first\n",
            "\n\n",
            "\u{feff}",
            "   \n",
            "%TAG ! tag:x,2000:\n---\n",
        ]));
    }
    let documents = 1 + random.below(3);
    for index in 0..documents {
        if index > 0 || random.chance(40) {
            out.push_str(random.pick_mostly(&["---\n", "--- \n", "---\n", "!--- # c\n"]));
        }
        node(random, 0, 3, &mut out);
        if random.chance(5) {
            out.push_str("...\n");
        }
    }
    out
}

fn pad(indent: usize) -> String {
    " ".repeat(indent)
}

/// A value on lines of its own.
fn node(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    match random.below(10) {
        0..=5 if depth > 0 => map(random, indent, depth, out),
        6..=8 if depth > 0 => array(random, indent, depth, out),
        _ => {
            out.push_str(&pad(indent));
            out.push_str(&indented(scalar(random), indent));
            out.push('\n');
        }
    }
}

fn indented(text: &str, indent: usize) -> String {
    text.replace('\n', &format!("\n{}", pad(indent)))
}

fn map(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    let mut used = Vec::new();
    for index in 0..=random.below(4) {
        let key = random.pick(KEYS);
        // The same truth twice.
        let known = if key == "yes" { "true" } else { key };
        if used.contains(&known) && !random.risk(40) {
            continue;
        }
        used.push(known);
        comment(random, indent, out);
        out.push_str(&pad(indent));
        if random.risk(8) && index > 0 {
            out.push_str("<<: *m\n");
            continue;
        }
        out.push_str(key);
        out.push(':');
        after(random, indent, depth, out);
    }
}

fn array(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    for _ in 0..=random.below(4) {
        comment(random, indent, out);
        out.push_str(&pad(indent));
        out.push('-');
        after(random, indent, depth, out);
    }
}

fn comment(random: &mut Random, indent: usize, out: &mut String) {
    if random.chance(4) {
        out.push_str(&pad(indent));
        out.push_str(random.pick_mostly(&["!# note\n", "#! note\n", "!#\n", "\n"]));
    }
}

/// What follows a key or dash.
fn after(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    if random.chance(4) {
        out.push_str(random.pick(&[" &m", " &a"]));
    } else if random.risk(3) {
        out.push_str(random.pick(&[" !!map", " !t", " *a"]));
    }
    match random.below(12) {
        0..=2 if depth > 0 => {
            out.push('\n');
            let deeper = indent + random.pick(&[2, 2, 2, 4, 1]);
            node(random, deeper, depth - 1, out);
        }
        3 => {
            out.push(' ');
            let block = if random.risk(20) {
                random.pick(RISKY_BLOCKS)
            } else {
                random.pick(BLOCKS)
            };
            out.push_str(&indented(block, indent));
            out.push('\n');
        }
        4 => out.push('\n'),
        _ => {
            out.push(' ');
            out.push_str(&indented(scalar(random), indent));
            if random.chance(5) {
                out.push_str(random.pick_mostly(&["! # note", " #! note", "   "]));
            }
            out.push('\n');
        }
    }
}

/// The text with a small mistake in it.
pub(crate) fn spoil(random: &mut Random, text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let at = random.below(lines.len());
    match random.below(6) {
        0 => {
            lines.remove(at);
        }
        1 => {
            let line = lines[at].clone();
            lines.insert(at, line);
        }
        2 => lines[at].insert(0, ' '),
        3 => {
            let chars: Vec<char> = lines[at].chars().collect();
            let cut = random.below(chars.len() + 1);
            lines[at] = chars[..cut].iter().collect();
        }
        4 => {
            let mut chars: Vec<char> = lines[at].chars().collect();
            let place = random.below(chars.len() + 1);
            let inserted = random.pick(&[
                '"', '\'', ':', '#', '@', '[', '{', ')', ',', '&', '*', '\t', '=', '-', '|', '(',
                'x', '!',
            ]);
            chars.insert(place, inserted);
            lines[at] = chars.into_iter().collect();
        }
        _ => {
            let other = random.below(lines.len());
            lines.swap(at, other);
        }
    }
    lines.join("\n") + "\n"
}

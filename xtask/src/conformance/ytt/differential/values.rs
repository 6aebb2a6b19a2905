//! Schemas, data values and rules about them.

use super::random::Random;

/// A part of the data values: what it is called, and what it holds.
#[derive(Debug, Clone)]
enum Part {
    Scalar(&'static str),
    Map(Vec<(String, Part)>),
    Array(Box<Part>),
}

const SCALARS: &[&str] = &[
    "1", "\"text\"", "true", "1.5", "0", "\"\"", "null", "a", "-3",
];

/// Data values in several files and flags, with a template that shows them.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub files: Vec<(String, String)>,
    pub flags: Vec<String>,
}

/// Makes all of that. `everything` says whether a template prints the values.
pub(crate) fn values(random: &mut Random) -> Values {
    let root = vec![
        ("name".to_owned(), Part::Scalar("\"n\"")),
        ("count".to_owned(), Part::Scalar("3")),
        ("items".to_owned(), Part::Array(Box::new(part(random, 1)))),
        (
            "map".to_owned(),
            Part::Map(vec![
                ("a".to_owned(), Part::Scalar("1")),
                ("k".to_owned(), part(random, 1)),
            ]),
        ),
        (
            "nested".to_owned(),
            Part::Map(vec![
                ("deep".to_owned(), Part::Scalar("\"d\"")),
                ("more".to_owned(), part(random, 2)),
            ]),
        ),
    ];
    let mut values = Values::default();
    let has_schema = random.chance(65);
    if has_schema {
        let mut text = loads(random);
        text.push_str("#@data/values-schema\n---\n");
        schema_map(random, &root, 0, &mut text);
        values.files.push(("schema.yml".to_owned(), text));
    }
    let documents = if has_schema {
        random.below(3)
    } else {
        1 + random.below(2)
    };
    for index in 0..documents {
        let mut text = loads(random);
        text.push_str("#@data/values\n---\n");
        let complete = !has_schema && index == 0;
        value_map(
            random,
            &root,
            0,
            complete,
            index > 0 || has_schema,
            &mut text,
        );
        values.files.push((format!("values{index}.yml"), text));
    }
    for _ in 0..random.below(2) {
        values.flags.extend(flag(random));
    }
    values
}

fn loads(random: &mut Random) -> String {
    let mut text = String::from(
        "#@ load(\"@ytt:overlay\", \"overlay\")\n#@ load(\"@ytt:assert\", \"assert\")\n",
    );
    if random.chance(20) {
        text.push_str("#@ def positive(v): return v > 0\n");
    } else {
        text.push_str("#@ def positive(v): return True if v > 0 else fail(\"is not\")\n");
    }
    text
}

fn part(random: &mut Random, depth: usize) -> Part {
    match random.below(5) {
        0 if depth > 0 => Part::Array(Box::new(part(random, depth - 1))),
        1 | 2 if depth > 0 => {
            let names = random.many(1, 3, |random| {
                random.pick(&["a", "b", "c_d", "port", "x-y"]).to_owned()
            });
            let mut items: Vec<(String, Part)> = Vec::new();
            for name in names {
                if !items.iter().any(|(known, _)| *known == name) {
                    let value = part(random, depth - 1);
                    items.push((name, value));
                }
            }
            Part::Map(items)
        }
        _ => Part::Scalar(random.pick(SCALARS)),
    }
}

fn pad(indent: usize) -> String {
    " ".repeat(indent)
}

const SCHEMA_NOTES: &[&str] = &[
    "#@schema/nullable",
    "#@schema/type any=True",
    "#@schema/desc \"what it is\"",
    "#@schema/title \"T\"",
    "#@schema/deprecated \"no\"",
    "!#@schema/default 1",
    "!#@schema/default []",
    "!#@schema/default [1, 2]",
    "!#@schema/default {\"a\": 1}",
    "!#@schema/default \"x\"",
    "!#@schema/examples (\"e\", 1)",
    "!#@schema/validation min_len=2",
    "!#@schema/validation max=5",
    "!#@schema/validation min=1, max=9",
    "!#@schema/validation not_null=True",
    "!#@schema/validation (\"positive\", positive)",
    "!#@schema/validation one_of=[1, \"text\", 3]",
    "!#@schema/validation one_not_null=True",
    "!#@schema/validation one_not_null=[\"a\", \"k\"]",
    "!#@schema/validation (\"even\", lambda v: v % 2 == 0)",
    "#@schema/validation (\"x\", lambda v: True), when=lambda v: False",
    "!#@schema/validation max_len=1, when=lambda v, c: c.root != None",
    "!#@schema/validation (\"s\", assert.min_len(1))",
    "#@schema/type any=False",
    "!#@schema/nullable True",
    "!#@schema/type",
    "!#@schema/default",
    "!#@schema/validation",
    "!#@schema/validation bogus=1",
    "!#@schema/validation (\"x\",)",
    "!#@schema/bogus 1",
    "!#@schema/default None",
];

fn schema_notes(random: &mut Random, indent: usize, text: &mut String) {
    if random.chance(25) {
        for _ in 0..1 + random.below(2) {
            text.push_str(&pad(indent));
            text.push_str(random.pick_mostly(SCHEMA_NOTES));
            text.push('\n');
        }
    }
}

fn schema_map(random: &mut Random, items: &[(String, Part)], indent: usize, text: &mut String) {
    for (name, part) in items {
        schema_notes(random, indent, text);
        text.push_str(&format!("{}{name}:", pad(indent)));
        schema_value(random, part, indent, text);
    }
}

fn schema_value(random: &mut Random, part: &Part, indent: usize, text: &mut String) {
    match part {
        Part::Scalar(scalar) => {
            // Null is no type.
            let scalar = if *scalar == "null" && !random.risk(10) {
                "\"s\""
            } else {
                scalar
            };
            text.push_str(&format!(" {scalar}\n"));
        }
        Part::Map(items) if items.is_empty() => text.push_str(" {}\n"),
        Part::Map(items) => {
            text.push('\n');
            schema_map(random, items, indent + 2, text);
        }
        Part::Array(item) => {
            text.push('\n');
            let count = if random.risk(1) { 2 } else { 1 };
            for _ in 0..count {
                schema_notes(random, indent, text);
                text.push_str(&format!("{}-", pad(indent)));
                array_item(random, item, indent, text, true);
            }
        }
    }
}

fn array_item(random: &mut Random, item: &Part, indent: usize, text: &mut String, schema: bool) {
    match item {
        Part::Map(items) if !items.is_empty() => {
            text.push('\n');
            if schema {
                schema_map(random, items, indent + 2, text);
            } else {
                value_map(random, items, indent + 2, true, false, text);
            }
        }
        other if schema => schema_value(random, other, indent + 2, text),
        other => value(random, other, indent + 2, true, text),
    }
}

const VALUE_NOTES: &[&str] = &[
    "#@overlay/match missing_ok=True",
    "#@overlay/replace",
    "!#@overlay/remove",
    "#@overlay/merge",
    "!#@overlay/match by=\"a\"",
    "#@overlay/match-child-defaults missing_ok=True",
    "#@overlay/replace via=lambda l, r: r",
    "!#@overlay/append",
    "!#@assert/validate min=1",
    "!#@assert/validate (\"positive\", positive)",
    "!#@assert/validate not_null=True",
    "!#@assert/validate one_of=[\"n\", 3]",
    "#@overlay/replace or_add=True",
    "!#@overlay/insert before=True",
    "!#@overlay/match by=overlay.all, expects=\"0+\"",
    "!#@overlay/assert via=lambda l, r: l == r",
    "!#@overlay/match when=1",
];

fn value_map(
    random: &mut Random,
    items: &[(String, Part)],
    indent: usize,
    complete: bool,
    notes: bool,
    text: &mut String,
) {
    let mut written = 0;
    for (name, part) in items {
        if !complete && random.chance(40) {
            continue;
        }
        written += 1;
        if notes && random.chance(15) || random.risk(2) {
            text.push_str(&format!(
                "{}{}\n",
                pad(indent),
                random.pick_mostly(VALUE_NOTES)
            ));
        }
        let name = if random.risk(1) { "unknown" } else { name };
        text.push_str(&format!("{}{name}:", pad(indent)));
        if random.risk(3) {
            // Another type.
            text.push_str(random.pick(&[
                " 1\n",
                " text\n",
                " [1]\n",
                " {z: 1}\n",
                " null\n",
                " 1.5\n",
                " true\n",
                " #@ 1 + 1\n",
            ]));
        } else {
            value(random, part, indent, complete, text);
        }
    }
    match items.first() {
        Some((name, part)) if written == 0 && !random.risk(30) => {
            text.push_str(&format!("{}{name}:", pad(indent)));
            value(random, part, indent, complete, text);
        }
        _ if written == 0 => text.push_str(&format!("{}extra: 1\n", pad(indent))),
        _ => {}
    }
}

fn value(random: &mut Random, part: &Part, indent: usize, complete: bool, text: &mut String) {
    match part {
        Part::Scalar(scalar) => text.push_str(&format!(" {scalar}\n")),
        Part::Map(items) if items.is_empty() => text.push_str(" {}\n"),
        Part::Map(items) => {
            text.push('\n');
            let complete = complete && !random.risk(50) || random.chance(50);
            value_map(random, items, indent + 2, complete, true, text);
        }
        Part::Array(_) if random.chance(15) => text.push_str(" []\n"),
        Part::Array(item) => {
            text.push('\n');
            for _ in 0..1 + random.below(3) {
                if random.chance(8) {
                    text.push_str(&format!(
                        "{}{}\n",
                        pad(indent),
                        random.pick_mostly(VALUE_NOTES)
                    ));
                }
                text.push_str(&format!("{}-", pad(indent)));
                array_item(random, item, indent, text, false);
            }
        }
    }
}

fn flag(random: &mut Random) -> Vec<String> {
    if !random.risk(60) {
        let fitting = random.pick(&[
            "--data-value=name=text",
            "--data-value=nested.deep=a: b",
            "--data-value-yaml=name=\"q\"",
            "--data-value-yaml=count=7",
            "--data-value-yaml=map.a=2",
            "--data-value-yaml=nested.deep=\"1\"",
            "--dangerous-data-values-disable-validation",
        ]);
        return vec![fitting.to_owned()];
    }
    let key = random.pick_mostly(&[
        "name",
        "count",
        "items",
        "map.a",
        "map",
        "nested.deep",
        "!nested.more.a",
        "!nope",
        "!nested.nope",
        "!@lib:x",
        "!a:b",
        "!",
    ]);
    let value = random.pick(&[
        "1", "text", "null", "[1, 2]", "{a: 2}", "true", "", "a: b: c", "1.5", "\"q\"", "yes",
    ]);
    match random.below(4) {
        0 => vec!["--data-value".to_owned(), format!("{key}={value}")],
        1 if random.chance(10) => vec!["--data-value-yaml".to_owned(), key.to_owned()],
        2 if random.chance(20) => vec!["--dangerous-data-values-disable-validation".to_owned()],
        _ => vec!["--data-value-yaml".to_owned(), format!("{key}={value}")],
    }
}

/// A template that shows all data values.
pub(crate) const SHOW: &str = "#@ load(\"@ytt:data\", \"data\")\n#@ load(\"@ytt:struct\", \"struct\")\n--- #@ struct.decode(data.values)\n";

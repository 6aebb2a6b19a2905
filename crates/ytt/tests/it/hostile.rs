//! Templates that would take all memory, all time or all of the stack.

use std::time::{Duration, Instant};

use carto_ytt::workspace::{self, File, NoHost, Options};
use carto_ytt::{ErrorKind, Limits, inline};
use inline::Values;

/// Little of everything: what is stopped here is stopped with any limits.
const LITTLE: Limits = Limits {
    steps: 300_000,
    memory_bytes: 8 << 20,
    depth: 500,
    output_bytes: 1 << 20,
};

/// Values that double with every level and share their parts.
const DOUBLING: &str = "\
#@ load(\"@ytt:json\", \"json\")
#@ load(\"@ytt:yaml\", \"yaml\")
#@ load(\"@ytt:toml\", \"toml\")
#@ load(\"@ytt:struct\", \"struct\")
#@ load(\"@ytt:assert\", \"assert\")
#@ load(\"@ytt:overlay\", \"overlay\")
#@ load(\"@ytt:url\", \"url\")
#@ load(\"@ytt:template\", \"template\")
#@ def double(v):
a: #@ v
b: #@ v
#@ end
#@ def doubled(v, levels):
#@   for i in range(levels):
#@     v = double(v)
#@   end
#@   return v
#@ end
#@ def lists(v, levels):
#@   for i in range(levels):
#@     v = [v, v]
#@   end
#@   return v
#@ end
#@ def dicts(v, levels):
#@   for i in range(levels):
#@     v = {\"a\": v, \"b\": v}
#@   end
#@   return v
#@ end
#@ def deep(v, levels):
#@   for i in range(levels):
#@     v = [v]
#@   end
#@   return v
#@ end
#@ def wrap(v):
a: #@ v
#@ end
#@ def deep_nodes(v, levels):
#@   for i in range(levels):
#@     v = wrap(v)
#@   end
#@   return v
#@ end
---
";

/// What becomes of a template: the size of its output, or the message of what stopped it; both
/// soon, and neither large.
fn message(template: &str) -> String {
    let started = Instant::now();
    let result = inline::Program::compile("stdin.yml", template)
        .and_then(|program| program.eval(&Values::new(), &LITTLE));
    let shown = template.lines().last().unwrap_or_default();
    let shown = shown.get(..300).unwrap_or(shown);
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(20), "{shown}: {elapsed:?}");
    let (size, message) = match result {
        Ok(output) => (output.text.len(), "output".to_owned()),
        Err(error) => {
            let says_budget = error.message().contains("budget");
            let is_budget = error.kind() == ErrorKind::Budget;
            assert!(is_budget || !says_budget, "{error}");
            (error.message().len(), error.message().to_owned())
        }
    };
    assert!(size < 4 << 20, "{shown}: {size} bytes");
    message
}

#[test]
fn values_that_double_are_stopped_wherever_they_go() {
    let mut failures = Vec::new();
    for value in ["lists(1, 100)", "dicts(1, 100)", "doubled(None, 100)"] {
        for use_ in [
            "#@ VALUE",
            "#@ [VALUE]",
            "#@ {\"a\": VALUE}",
            "#@ json.encode(VALUE)",
            "#@ json.encode(VALUE, indent=8)",
            "#@ json.encode([VALUE, VALUE])",
            "#@ yaml.encode(VALUE)",
            "#@ yaml.encode({\"a\": [VALUE]})",
            "#@ toml.encode({\"a\": VALUE})",
            "#@ struct.decode([VALUE, lists(1, 100)])",
            "#@ struct.encode({\"a\": VALUE, \"b\": dicts(1, 100)})",
            "#@ struct.make(a=VALUE)",
            "#@ struct.make_and_bind(struct.make(a=VALUE), f=lambda self: self.a).f()",
            "#@ assert.equals(VALUE, 1)",
            "#@ assert.equals(1, VALUE)",
            "#@ assert.min(1).check(VALUE)",
            "#@ assert.max(VALUE).check(1)",
            "#@ assert.one_of([VALUE]).check(1)",
            "#@ assert.one_not_null().check(double(VALUE))",
            "#@ assert.try_to(lambda: str(VALUE))",
            "#@ overlay.apply(double(1), double(VALUE))",
            "#@ overlay.apply(double(VALUE), double(1))",
            "#@ overlay.apply(double(VALUE), double(VALUE))",
            "#@ overlay.subset(VALUE)(1, VALUE, 1)",
            "#@ url.query_params_encode({\"a\": [VALUE]})",
            "#@ json.encode(VALUE) == yaml.encode(VALUE)",
            "#@ VALUE == VALUE",
            "#@ VALUE in [VALUE]",
            "#@ str(VALUE)",
            "#@ print(VALUE)",
            "#@ fail(str(VALUE))",
            "#@ \"%s\" % [VALUE]",
            "#@ \"%r\" % [VALUE]",
            "#@ \"{}\".format([VALUE])",
            "#@ {\"%s\" % [lists(1, 100)]: 1}",
            "#@ [x for x in VALUE]",
            "#@ list(VALUE) + list(VALUE)",
            "#@ template.replace(VALUE)",
        ] {
            let template = format!("{DOUBLING}x: {}\n", use_.replace("VALUE", value));
            let found = message(&template);
            let is_small = [
                "toml: cannot",
                "to be string",
                "recursion depth",
                "None",
                "output",
            ];
            if !found.contains("budget") && !is_small.iter().any(|part| found.contains(part)) {
                failures.push(format!("{value} {use_}: {found}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn texts_that_grow_are_stopped_wherever_they_grow() {
    let long = "\"a\" * 1000000";
    let mut failures = Vec::new();
    for step in [
        "v + v",
        "v * 1000",
        "\"%s%s\" % (v, v)",
        "\"{}{}\".format(v, v)",
        "\",\".join([v, v])",
        "v.replace(\"a\", \"aaaa\")",
        "v.replace(\"\", \"aaaa\")",
        "v.upper() + v.title()",
        "repr([v, v])",
        "str({v: v})",
        "json.encode([v, v])",
        "json.encode(\"<\" + v)",
        "yaml.encode([v, v])",
        "toml.encode({\"a\": [v, v]})",
        "base64.encode(v)",
        "url.path_segment_encode(v + \"/\" + v)",
        "url.query_params_encode({v: [v, v]})",
        "regexp.replace(\"a\", v, \"aaaa\")",
        "regexp.replace(\"a\", v, lambda x: x * 100)",
        "\"\".join([x for x in v.elems()] * 2)",
        "\"\".join([x + x for x in v.codepoints()])",
        "\"\".join(v.split(\"a\") * 3) + v + v",
        "json.decode(json.encode(v)) + v",
        "yaml.decode(yaml.encode(v)) + v",
        "str(assert.try_to(lambda: fail(v + v)))",
        "str(assert.try_to(lambda: assert.equals(v, v + v)))",
        "str(assert.try_to(lambda: {}[v + v]))",
    ] {
        let template = format!(
            "{DOUBLING}#@ load(\"@ytt:base64\", \"base64\")\n#@ load(\"@ytt:regexp\", \"regexp\")\n\
             #@ def grown():\n#@   v = \"a\"\n#@   for i in range(60):\n#@     v = {step}\n#@   end\n\
             #@   return v\n#@ end\nx: #@ grown()\n"
        );
        let found = message(&template);
        if !found.contains("budget") {
            failures.push(format!("{step}: {found}"));
        }
    }
    for use_ in [
        format!("#@ [{long}] * 1000"),
        format!("#@ fail({long})"),
        format!("#@ assert.fail({long})"),
        format!("#@ struct.make(a=1)[{long}]"),
        format!("#@ getattr(struct.make(**{{{long}: 1}}), {long} + \"b\")"),
        format!("#@ {{}}[{long}]"),
        format!("#@ int({long})"),
        "#@ yaml.decode(\"[\" * 1000000)".to_owned(),
        format!("#@ yaml.decode({long} + \": [\")"),
        "#@ yaml.decode(\"[],\" .join([\"[\", \"]\"]))".to_owned(),
        format!("#@ json.decode({long})"),
        format!("#@ \"a\".join(range({}))", 10),
    ] {
        message(&format!("{DOUBLING}x: {use_}\n"));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn aliases_that_double_are_refused() {
    let mut bomb = String::from("a0: &a0 [1, 2]\n");
    for i in 1..40 {
        bomb.push_str(&format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1));
    }
    let error = inline::Program::compile("stdin.yml", &bomb).unwrap_err();
    assert!(error.message().contains("excessive aliasing"), "{error}");
    let text = bomb.replace('\n', "\\n");
    let template = format!("{DOUBLING}x: #@ yaml.decode(\"{text}\")\n");
    let program = inline::Program::compile("stdin.yml", &template).unwrap();
    let error = program.eval(&Values::new(), &LITTLE).unwrap_err();
    assert!(error.message().contains("excessive aliasing"), "{error}");
}

#[test]
fn an_overlay_cannot_put_a_value_into_itself() {
    let template = format!(
        "{DOUBLING}#@ left = doubled(1, 3)\n#@ def above():\n\
         #@overlay/replace via=lambda l, r: left\na: 1\nb: 1\n#@ end\n\
         x: #@ overlay.apply(left, above())\n"
    );
    let found = message(&template);
    assert!(found.contains("would put a value into itself"), "{found}");
}

#[test]
fn failures_of_deep_recursions_on_long_lines_are_reported_shortly() {
    let padding = "1".repeat(100_000);
    let template = format!(
        "#@ def f(n): return fail(\"here\") if n == 0 else f(n - 1) + \"{padding}\"\nx: #@ f(400)\n"
    );
    let program = inline::Program::compile("stdin.yml", &template).unwrap();
    let error = program.eval(&Values::new(), &LITTLE).unwrap_err();
    assert!(
        error.message().starts_with("\n- fail: here"),
        "{:.200}",
        error.message()
    );
    let size = error.message().len();
    assert!(size < 4 << 20, "{size} bytes");
}

/// Runs the tests of this file again in a process that cannot have more than a gigabyte: whatever
/// slips through the budget fails there, and the machine survives.
#[cfg(target_os = "linux")]
#[test]
fn hostile_templates_fit_into_little_memory() {
    const MARK: &str = "CARTO_TEST_WITHIN_LITTLE_MEMORY";
    if std::env::var_os(MARK).is_some() {
        return;
    }
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 1000000 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["hostile::", "--test-threads=1"])
        .env(MARK, "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("test result: ok"), "{stdout}");
}

#[test]
fn deep_values_are_stopped_wherever_they_go() {
    for value in ["deep(1, 20000)", "deep_nodes(1, 10000)"] {
        for use_ in [
            "#@ VALUE",
            "#@ json.encode(VALUE)",
            "#@ yaml.encode(VALUE)",
            "#@ str(VALUE)",
            "#@ bool(VALUE)",
        ] {
            let template = format!("{DOUBLING}x: {}\n", use_.replace("VALUE", value));
            let found = message(&template);
            let bounded = found.contains("nested") || found == "output";
            assert!(bounded, "{use_} {value}: {found}");
        }
    }
}

#[test]
fn files_that_load_each_other_are_stopped() {
    let files = vec![
        File::new("config.yml", "#@ load(\"a.star\", \"a\")\nx: #@ a\n"),
        File::new("a.star", "load(\"b.star\", \"b\")\na = b\n"),
        File::new("b.star", "load(\"a.star\", \"a\")\nb = a\n"),
    ];
    let options = Options {
        limits: Some(LITTLE),
        ..Options::default()
    };
    let error = workspace::run(files, &options, &NoHost).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Budget, "{error}");
}

/// What takes long without an instruction of the program: each of these was once a loop within a
/// loop that no budget counted.
#[test]
fn work_inside_one_instruction_is_bounded() {
    const MANY: usize = 20_000;
    let keys = format!(
        "#@ for i in range({MANY}):\n#@yaml/text-templated-strings\nk(@= str(i) @): 1\n#@ end\n"
    );
    let replace = "#@ load(\"@ytt:template\", \"template\")\n";
    let annotations = (0..MANY).map(|i| format!("#@a/b{i}\n"));
    let templates = [
        (
            "annotations of a node",
            annotations.collect::<String>() + "x: 1\n",
        ),
        (
            "overrides of the first key",
            format!("{keys}#@ for i in range({MANY}):\n#@yaml/map-key-override\nk0: 1\n#@ end\n"),
        ),
        (
            "overrides of all keys",
            keys.clone() + &keys.replace("#@yaml/text", "#@yaml/map-key-override\n#@yaml/text"),
        ),
        (
            "replaced items of a map",
            format!(
                "{replace}#@ for i in range({MANY}):\n_: #@ template.replace({{\"k%d\" % i: 1}})\n#@ end\n"
            ),
        ),
        (
            "replaced items of an array",
            format!("{replace}#@ for i in range({MANY}):\n- #@ template.replace([i])\n#@ end\n"),
        ),
        (
            "integer keys",
            (0..MANY).map(|i| format!("{i}: 1\n")).collect(),
        ),
        (
            "float keys",
            (0..MANY).map(|i| format!("{i}.5: #@ 1\n")).collect(),
        ),
        ("keys that are not numbers", ".nan: #@ 1\n".repeat(MANY)),
    ];
    let limits = Limits {
        steps: 3_000_000,
        ..Limits::INLINE
    };
    for (name, template) in templates {
        let begin = Instant::now();
        let result = inline::Program::compile("stdin.yml", &template)
            .and_then(|program| program.eval(&Values::new(), &limits));
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(30), "{name}: {took:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Budget, "{name}: {error}");
        }
    }
}

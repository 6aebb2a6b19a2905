//! Documents and overlays on top of them.

use super::random::Random;

const LEFT: &[&str] = &[
    "kind: A\nname: x\nspec:\n  replicas: 1\n  ports:\n  - name: http\n    port: 80\n  - name: tls\n    port: 443\n  labels: {}\n",
    "kind: B\nname: y\nlist:\n- 1\n- 2\n- a\n- name: n\nempty: null\nmap: {a: {b: {c: 1}}}\n",
    "- name: http\n  value: 1\n- name: tls\n  value: 2\n- 3\n",
    "kind: A\nname: z\nspec:\n  replicas: 2\n  deep:\n    deeper:\n      deepest: [1, 2, 3]\n",
    "just text\n",
    "kind: C\n",
    "a: 1\nb: [x]\n",
];

const DOCUMENT_MATCHES: &[&str] = &[
    "!by=overlay.all",
    "by=overlay.all, expects=\"1+\"!",
    "!by=overlay.subset({\"kind\": \"A\"})",
    "by=overlay.subset({\"kind\": \"A\"}), expects=\"1+\"",
    "by=overlay.index(0)",
    "!by=overlay.index(5)",
    "by=overlay.all, expects=\"0+\"",
    "by=overlay.subset({\"kind\": \"A\"}), expects=\"0+\"",
    "!by=lambda i, l, r: l[\"kind\"] == r[\"kind\"]",
    "by=lambda i, l, r: i == 0, missing_ok=True",
    "!missing_ok=True",
    "by=overlay.subset({\"kind\": \"Q\"}), missing_ok=True",
    "!by=overlay.subset({\"kind\": \"Q\"}), expects=0",
    "!by=overlay.all, expects=[0, 2]",
    "by=overlay.or_op(overlay.subset({\"name\": \"x\"}), overlay.subset({\"name\": \"y\"})), expects=\"0+\"",
    "by=overlay.not_op(overlay.subset({\"kind\": \"A\"})), expects=\"0+\"",
    "by=overlay.and_op(overlay.all, overlay.subset({\"kind\": \"B\"})), when=\"1+\"",
    "!by=\"name\"",
    "!by=1",
    "!expects=1",
    "by=overlay.all, expects=lambda n: n > 0",
    "!by=overlay.all, when=2",
    "!by=overlay.all, bogus=1",
    "!by=overlay.all, expects=\"x\"",
    "",
];

const MATCHES: &[&str] = &[
    "missing_ok=True",
    "by=overlay.all, expects=\"0+\"",
    "by=\"name\", expects=\"0+\"",
    "by=overlay.subset({\"name\": \"tls\"}), when=1",
    "missing_ok=True",
    "!by=\"name\"",
    "!by=overlay.index(0)",
    "!by=overlay.index(1)",
    "!by=overlay.all",
    "by=overlay.all, expects=\"0+\"",
    "!by=overlay.subset({\"name\": \"tls\"})",
    "by=\"name\", missing_ok=True",
    "!expects=1",
    "!expects=\"1+\"",
    "!by=lambda i, l, r: i == 1",
    "by=lambda k, l, r: k == \"name\" or k == 0, expects=\"0+\"",
    "!by=overlay.map_key(\"name\")",
    "!by=\"name\", expects=[1, 2]",
    "!by=overlay.subset(2)",
    "when=1",
    "by=overlay.all, when=\"1+\"",
    "!by=lambda i, l, r: 1",
    "!bogus=True",
];

const OPERATIONS: &[&str] = &[
    "#@overlay/remove",
    "#@overlay/replace",
    "#@overlay/merge",
    "!#@overlay/insert before=True",
    "!#@overlay/insert after=True",
    "!#@overlay/append",
    "#@overlay/insert before=True, after=True",
    "!#@overlay/assert",
    "!#@overlay/assert via=lambda l, r: l == r",
    "#@overlay/replace via=lambda l, r: r",
    "#@overlay/replace via=lambda l, r: l",
    "#@overlay/replace or_add=True",
    "#@overlay/replace via=lambda l, r: [l, r]",
    "#@overlay/replace via=up",
    "#@overlay/match-child-defaults missing_ok=True",
    "#@overlay/match-child-defaults expects=\"0+\"",
    "!#@overlay/replace via=1",
    "!#@overlay/insert",
    "!#@overlay/assert via=lambda l, r: (False, \"why\")",
    "#@overlay/remove\n#@overlay/replace",
    "#@overlay/insert before=True, via=lambda l, r: r",
    "!#@overlay/assert via=lambda l, r: 1",
    "!#@overlay/replace bogus=1",
];

const KEYS: &[&str] = &[
    "kind", "name", "spec", "replicas", "ports", "list", "map", "a", "b", "empty", "deep", "new",
    "labels", "deeper",
];
const VALUES: &[&str] = &[
    "1",
    "2",
    "x",
    "null",
    "[9]",
    "{n: 1}",
    "[]",
    "{}",
    "#@ 1 + 1",
    "#@ {\"a\": [1]}",
    "#@ None",
    "A",
];

/// A file of documents.
pub(crate) fn documents(random: &mut Random) -> String {
    let documents = random.many(1, 3, |random| random.pick(LEFT));
    documents.join("---\n")
}

/// Items that fit what [`LEFT`] has, by the kind of the document; `OP` stands for an operation.
const FITTING: &[(&str, &[&str])] = &[
    (
        "A",
        &[
            "OP\nname: new\n",
            "spec:\n  OP\n  replicas: 5\n",
            "spec:\n  #@overlay/match missing_ok=True\n  labels:\n    #@overlay/match missing_ok=True\n    app: x\n",
            "spec:\n  #@overlay/match missing_ok=True\n  ports:\n  #@overlay/match by=\"name\", missing_ok=True\n  - name: tls\n    #@overlay/match missing_ok=True\n    port: 8443\n",
            "spec:\n  #@overlay/match missing_ok=True\n  ports:\n  #@overlay/match by=overlay.subset({\"name\": \"http\"}), expects=\"0+\"\n  OP\n  - name: h2\n  #@overlay/append\n  - name: last\n    port: 1\n",
            "spec:\n  #@overlay/match missing_ok=True\n  deep:\n    #@overlay/match missing_ok=True\n    OP\n    deeper: {a: [1]}\n",
            "OP\nspec:\n  x: 1\n",
            "#@overlay/match-child-defaults missing_ok=True\nspec:\n  added: {b: 2}\n  more: null\n",
            "#@overlay/match by=lambda k, l, r: k in (\"name\", \"kind\"), expects=2\nOP\nany: y\n",
        ],
    ),
    (
        "B",
        &[
            "list:\n#@overlay/match by=overlay.index(1)\nOP\n- 20\n",
            "list:\n#@overlay/match by=overlay.index(0)\n#@overlay/insert before=True, after=True\n- 0\n",
            "list:\n#@overlay/match by=lambda i, l, r: i == 2\nOP\n- z\n#@overlay/append\n- {n: 1}\n",
            "OP\nempty: 1\n",
            "OP\nmap: {z: 1}\n",
            "map:\n  a:\n    b:\n      OP\n      c: 3\n      #@overlay/match missing_ok=True\n      d: [1]\n",
            "#@overlay/match missing_ok=True\nnew: #@ {\"a\": [1, None]}\n",
            "#@overlay/match by=overlay.map_key(\"name\"), expects=\"0+\"\nmap: {}\n",
            "#@overlay/assert via=lambda l, r: l == r\nname: y\n",
        ],
    ),
    (
        "C",
        &[
            "OP\nkind: D\n",
            "#@overlay/match missing_ok=True\nlist:\n- 1\n",
            "#@overlay/match when=1\nabsent: 1\n",
            "#@overlay/match missing_ok=True\nspec:\n  a: {b: 1}\n",
        ],
    ),
];

const FITTING_OPERATIONS: &[&str] = &[
    "#@overlay/replace",
    "#@overlay/remove",
    "#@overlay/replace via=lambda l, r: r",
    "#@overlay/replace via=lambda l, r: [l, r]",
    "#@overlay/replace via=up",
    "#@overlay/replace or_add=True",
];

/// An overlay that fits some documents of [`LEFT`], and others not at all.
fn fitting(random: &mut Random, out: &mut String) {
    let (kind, items) = random.pick(FITTING);
    let expects = random.pick(&["expects=\"0+\"", "when=\"1+\"", "missing_ok=True"]);
    // One document that does not match would be added.
    let expects = if kind == "A" {
        "expects=\"0+\""
    } else {
        expects
    };
    out.push_str(&format!(
        "#@overlay/match by=overlay.subset({{\"kind\": \"{kind}\"}}), {expects}\n---\n"
    ));
    let operation = random.pick(FITTING_OPERATIONS);
    out.push_str(&random.pick(items).replace("OP", operation));
}

/// A file of overlays.
pub(crate) fn overlays(random: &mut Random) -> String {
    let mut out = String::from(
        "#@ load(\"@ytt:overlay\", \"overlay\")\n#@ def up(l, r): return str(l).upper()\n",
    );
    for _ in 0..1 + random.below(2) {
        if !random.risk(70) {
            fitting(random, &mut out);
            continue;
        }
        out.push_str(&format!(
            "#@overlay/match {}\n",
            random.pick_mostly(DOCUMENT_MATCHES)
        ));
        if random.chance(20) {
            out.push_str(&format!("{}\n", random.pick_mostly(OPERATIONS)));
        }
        out.push_str("---\n");
        right(random, 0, 3, &mut out);
    }
    out
}

/// The same by the functions of the module.
pub(crate) fn applied(random: &mut Random) -> String {
    let mut out = String::from(
        "#@ load(\"@ytt:overlay\", \"overlay\")\n#@ def up(l, r): return str(l).upper()\n#@ def left():\n",
    );
    let fits = !random.risk(70);
    let documents = fits || random.chance(50);
    out.push_str(if documents { "---\n" } else { "" });
    out.push_str(random.pick(LEFT));
    out.push_str("#@ end\n");
    for index in 0..2 {
        out.push_str(&format!("#@ def right{index}():\n"));
        if fits {
            fitting(random, &mut out);
            out.push_str("#@ end\n");
            continue;
        }
        if documents {
            out.push_str(&format!(
                "#@overlay/match {}\n---\n",
                random.pick_mostly(DOCUMENT_MATCHES)
            ));
        }
        right(random, 0, 3, &mut out);
        out.push_str("#@ end\n");
    }
    let call = random.pick_mostly(&[
        "overlay.apply(left(), right0())",
        "overlay.apply(left(), right0(), right1())",
        "overlay.apply(overlay.apply(left(), right1()), right0())",
        "overlay.apply(left())",
        "![overlay.apply(left(), right0()), left()]",
        "!overlay.apply({\"kind\": \"A\", \"list\": [1]}, right0())",
        "!overlay.apply()",
    ]);
    out.push_str(&if fits {
        let load = "#@ load(\"@ytt:template\", \"template\")\n";
        format!("{load}--- #@ template.replace({call})\n")
    } else if documents {
        format!("--- #@ {call}\n")
    } else {
        format!("---\nresult: #@ {call}\n")
    });
    out
}

fn right(random: &mut Random, indent: usize, depth: usize, out: &mut String) {
    let array = random.chance(30);
    let pad = " ".repeat(indent);
    let mut used: Vec<&str> = Vec::new();
    for _ in 0..1 + random.below(3) {
        let key = random.pick(KEYS);
        if !array && used.contains(&key) {
            continue;
        }
        used.push(key);
        if random.chance(if array { 70 } else { 60 }) {
            out.push_str(&format!(
                "{pad}#@overlay/match {}\n",
                random.pick_mostly(MATCHES)
            ));
        }
        if random.chance(35) {
            out.push_str(&format!(
                "{pad}{}\n",
                random
                    .pick_mostly(OPERATIONS)
                    .replace('\n', &format!("\n{pad}"))
            ));
        }
        out.push_str(&if array {
            format!("{pad}-")
        } else {
            format!("{pad}{key}:")
        });
        if depth > 0 && random.chance(45) {
            if array && random.chance(50) {
                out.push_str(&format!(
                    " name: {}\n",
                    random.pick(&["http", "tls", "n", "zz"])
                ));
                out.push_str(&format!("{pad}  port: {}\n", random.pick(VALUES)));
                continue;
            }
            out.push('\n');
            right(random, indent + 2, depth - 1, out);
        } else {
            out.push_str(&format!(" {}\n", random.pick(VALUES)));
        }
    }
}

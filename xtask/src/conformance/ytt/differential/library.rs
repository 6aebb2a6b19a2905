//! Libraries and files that load each other.

use super::random::Random;
use super::{expr, template, values};

/// Files with a library among them.
pub(crate) fn library(random: &mut Random) -> (Vec<(String, String)>, Vec<String>) {
    let given = values::values(random);
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, text) in given.files {
        files.push((format!("_ytt_lib/lib/{name}"), text));
    }
    let body = if random.chance(50) {
        template::template(random)
    } else {
        values::SHOW.to_owned()
    };
    files.push(("_ytt_lib/lib/config.yml".to_owned(), body));
    files.push((
        "_ytt_lib/lib/code.star".to_owned(),
        template::starlark(random),
    ));
    files.push(("code.star".to_owned(), template::starlark(random)));
    files.push((
        "funcs.lib.yml".to_owned(),
        "#@ def labels(a):\nlabel: #@ a\nother: x\n#@ end\n#@ def docs():\n---\na: 1\n---\nb: 2\n#@ end\n".to_owned(),
    ));
    files.push((
        "funcs.lib.txt".to_owned(),
        "(@ def greet(n): -@)\nHello (@= n @)!\n(@- end @)\n".to_owned(),
    ));
    files.push(("notes/data.json".to_owned(), "{\"a\": [1, 2]}\n".to_owned()));
    let mut text = String::from(
        "#@ load(\"@ytt:library\", \"library\")\n#@ load(\"@ytt:template\", \"template\")\n#@ load(\"@ytt:data\", \"data\")\n",
    );
    let load = random.pick_mostly(&[
        "#@ load(\"code.star\", \"star0\", \"value\")\n",
        "#@ load(\"@lib:code.star\", \"star0\", \"value\")\n",
        "#@ load(\"/code.star\", \"star0\", value=\"value\")\n",
        "!#@ load(\"code.star\", \"missing\")\n",
        "!#@ load(\"nope.star\", \"x\")\n",
        "!#@ load(\"@nope:code.star\", \"x\")\n",
        "!#@ load(\"code.star\", \"_private\")\n",
        "!#@ load(\"@ytt:nope\", \"x\")\n",
    ]);
    text.push_str(load);
    text.push_str(
        "#@ load(\"funcs.lib.yml\", \"labels\", \"docs\")\n#@ load(\"funcs.lib.txt\", \"greet\")\n",
    );
    let mut instance = random
        .pick_mostly(&[
            "library.get(\"lib\")",
            "library.get(\"lib\", alias=\"one\")",
            "!library.get(\"lib\", strict=True)",
            "!library.get(\"nope\")",
            "!library.get(\"@lib\")",
        ])
        .to_owned();
    for _ in 0..random.below(3) {
        instance.push_str(random.pick_mostly(&[
            ".with_data_values({\"name\": \"given\"})",
            ".with_data_values({\"count\": 7})",
            "!.with_data_values({\"count\": 7, \"nope\": 1})",
            ".with_data_values({\"map\": {\"a\": 2}}, plain=True)",
            "!.with_data_values({\"count\": \"text\"})",
            "!.with_data_values_schema({\"extra\": 1})",
            ".with_data_values({\"nested\": {\"deep\": \"given\"}})",
            "!.with_data_values({\"items\": [1]})",
            "!.with_data_values({\"name\": None})",
            "!.with_data_values({\"nested\": {\"deep\": [1, {\"x\": 1.5}]}})",
        ]));
    }
    text.push_str("---\n");
    let use_ = random.pick_mostly(&[
        "--- #@ template.replace(LIB.eval())\n",
        "result: #@ LIB.eval()[0]\n",
        "values: #@ LIB.data_values()\n",
        "count: #@ LIB.data_values().count\n",
        "v: #@ LIB.export(\"value\")\n",
        "v: #@ LIB.export(\"star1\", path=\"code.star\")(1)\n",
        "!v: #@ LIB.export(\"nope\")\n",
        "!--- #@ LIB.eval()\n",
        "!v: #@ LIB.export(\"value\", path=\"x\")\n",
    ]);
    text.push_str(&use_.replace("LIB", &instance));
    if random.chance(60) && !use_.starts_with("---") {
        text.push_str("called: #@ star0(1)\nvalue: #@ value\nlabels: #@ labels(3)\ngreeting: #@ greet(\"you\")\nlist: #@ data.list()\nread: #@ data.read(\"notes/data.json\")\n");
    }
    if random.chance(15) {
        text.push_str(&format!(
            "e: #@ {}\n",
            expr::Scope::default().any(random, 2)
        ));
    }
    files.push(("config.yml".to_owned(), text));
    if random.chance(25) {
        files.push((
            "lib-values.yml".to_owned(),
            "#@ load(\"@ytt:overlay\", \"overlay\")\n#@library/ref \"@lib\"\n#@data/values\n---\n#@overlay/match missing_ok=True\nname: from root\n".to_owned(),
        ));
    }
    if random.chance(10) {
        files.push(("lib-schema.yml".to_owned(), "#@library/ref \"@lib\"\n#@data/values-schema\n---\n#@overlay/match missing_ok=True\nadded: 1\n".to_owned()));
    }
    (files, given.flags)
}

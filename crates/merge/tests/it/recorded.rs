//! Sequences of random requests whose results the original library gave.
//!
//! `tests/data/apply_sequences.json.gz` holds schemas, requests and results, recorded by running
//! `tests/oracle` (apimachinery v0.36.3, structured-merge-diff v6.3.3) over sequences that [`generate`] makes. To
//! record anew: build the oracle with Go, then run this test with `CARTO_TEST_SMD_ORACLE` naming the binary; with
//! `CARTO_TEST_SMD_SEED` it tries other sequences without recording them.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use carto_merge::{
    fieldpath::{Filter, Set},
    go, managed,
    smd::{ApplyError, Request, Schema, apply, update},
};
use serde_json::{Map, Value, json};

const CASES: u64 = 400;

/// A small generator of pseudo-random numbers (xorshift), the same on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(bound).expect("small")).expect("small")
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const NAMES: &[&str] = &["a", "b", "c", "d"];

fn schema(random: &mut Random, depth: usize) -> Value {
    let leaf = depth == 0 || random.chance(35);
    if leaf {
        return match random.below(6) {
            0 => json!({"type": "integer"}),
            1 => json!({"type": "boolean"}),
            2 => json!({"x-kubernetes-int-or-string": true}),
            3 => json!({"type": "string", "format": "date-time"}),
            _ => json!({"type": "string"}),
        };
    }
    match random.below(8) {
        0 => {
            let mut map =
                json!({"type": "object", "additionalProperties": schema(random, depth - 1)});
            if random.chance(25) {
                map["x-kubernetes-map-type"] = json!("atomic");
            }
            map
        }
        1 => json!({"type": "array", "items": schema(random, depth - 1)}),
        2 => json!({"type": "array", "x-kubernetes-list-type": "set",
                    "items": {"type": random.pick(&["string", "integer"])}}),
        3 | 4 => {
            let mut item = object_schema(random, depth - 1);
            let keys: Vec<&str> = if random.chance(30) {
                vec!["k", "l"]
            } else {
                vec!["k"]
            };
            for key in &keys {
                item["properties"][key] = json!({"type": random.pick(&["string", "integer"])});
                if random.chance(30) {
                    let default = if item["properties"][key]["type"] == "string" {
                        json!("a")
                    } else {
                        json!(1)
                    };
                    item["properties"][key]["default"] = default;
                }
            }
            json!({"type": "array", "x-kubernetes-list-type": "map",
                   "x-kubernetes-list-map-keys": keys, "items": item})
        }
        5 => {
            let mut object = object_schema(random, depth - 1);
            object["x-kubernetes-preserve-unknown-fields"] = json!(true);
            object
        }
        6 => {
            let mut object = object_schema(random, depth - 1);
            if random.chance(30) {
                object["x-kubernetes-map-type"] = json!("atomic");
            }
            object
        }
        _ => object_schema(random, depth - 1),
    }
}

fn object_schema(random: &mut Random, depth: usize) -> Value {
    let mut properties = Map::new();
    for name in NAMES {
        if random.chance(60) {
            properties.insert((*name).to_owned(), schema(random, depth));
        }
    }
    json!({"type": "object", "properties": properties})
}

/// A value that fits the schema, or, rarely, nearly fits.
fn value(random: &mut Random, schema: &Value) -> Value {
    if random.chance(2) {
        return [json!(null), json!({}), json!([]), json!("x"), json!(7)][random.below(5)].clone();
    }
    match schema["type"].as_str() {
        Some("integer") => json!(random.below(3)),
        Some("boolean") => json!(random.chance(50)),
        Some("string") => json!(random.pick(&["a", "b", "c<d"])),
        None if schema.get("properties").is_none() => {
            if random.chance(50) {
                json!(random.below(2))
            } else {
                json!(random.pick(&["10%", "x"]))
            }
        }
        Some("array") => array(random, schema),
        _ => object(random, schema),
    }
}

fn array(random: &mut Random, schema: &Value) -> Value {
    let keyed = schema["x-kubernetes-list-map-keys"].as_array();
    let associative = schema.get("x-kubernetes-list-type").is_some();
    let mut items: Vec<Value> = Vec::new();
    for _ in 0..random.below(4) {
        let mut item = value(random, &schema["items"]);
        if let (Some(keys), Some(fields)) = (keyed, item.as_object_mut()) {
            for key in keys.iter().filter_map(Value::as_str) {
                let key_schema = &schema["items"]["properties"][key];
                if fields.contains_key(key) || key_schema.get("default").is_none() {
                    let value = if key_schema["type"] == "integer" {
                        json!(random.below(3))
                    } else {
                        json!(random.pick(NAMES))
                    };
                    fields.insert(key.to_owned(), value);
                }
            }
        }
        let repeated = associative && items.iter().any(|other| same_item(schema, other, &item));
        if !repeated || random.chance(4) {
            items.push(item);
        }
    }
    Value::Array(items)
}

fn same_item(schema: &Value, left: &Value, right: &Value) -> bool {
    match schema["x-kubernetes-list-map-keys"].as_array() {
        None => left == right,
        Some(keys) => keys.iter().filter_map(Value::as_str).all(|key| {
            let default = &schema["items"]["properties"][key]["default"];
            let get = |item: &Value| item.get(key).unwrap_or(default).clone();
            get(left) == get(right)
        }),
    }
}

fn object(random: &mut Random, schema: &Value) -> Value {
    let mut out = Map::new();
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            if random.chance(55) {
                out.insert(name.clone(), value(random, property));
            }
        }
    }
    if let Some(additional) = schema.get("additionalProperties") {
        for name in NAMES {
            if random.chance(40) {
                out.insert((*name).to_owned(), value(random, additional));
            }
        }
    }
    if schema.get("x-kubernetes-preserve-unknown-fields").is_some() && random.chance(60) {
        let unknown = [
            json!(1),
            json!({"p": {"q": 1}, "r": ["x"]}),
            json!([{"name": "a"}]),
            json!("y"),
        ];
        out.insert(
            random.pick(&["u", "v"]).to_owned(),
            unknown[random.below(4)].clone(),
        );
    }
    if random.chance(1) {
        out.insert("undeclared".to_owned(), json!(1));
    }
    Value::Object(out)
}

/// One case: the schemas of two versions and a sequence of requests.
fn generate(seed: u64) -> Value {
    let mut random = Random::new(seed);
    let mut first = object_schema(&mut random, 3);
    first["properties"]["status"] = object_schema(&mut random, 1);
    // The second version differs in what is atomic and in one field.
    let mut second = first.clone();
    if random.chance(30) {
        toggle_atomic(&mut random, &mut second);
    }
    let versions = if random.chance(25) {
        vec!["demo.io/v1", "demo.io/v2"]
    } else {
        vec!["demo.io/v1"]
    };
    let mut schemas = BTreeMap::from([("demo.io/v1", first)]);
    if versions.len() > 1 {
        schemas.insert("demo.io/v2", second);
    }
    let mut ops = Vec::new();
    for _ in 0..(3 + random.below(6)) {
        let version = versions[random.below(versions.len())];
        let mut object = object(&mut random, &schemas[version]);
        object["apiVersion"] = json!(version);
        object["kind"] = json!("Widget");
        object["metadata"] = json!({"name": "w"});
        if random.chance(40) {
            object["metadata"]["labels"] = json!({random.pick(NAMES): random.pick(NAMES)});
        }
        if random.chance(20) {
            object["metadata"]["finalizers"] = json!([random.pick(&["a/a", "b/b"])]);
        }
        let apply = random.chance(70);
        ops.push(json!({
            "op": if apply { "apply" } else { "update" },
            "manager": random.pick(&["m1", "m2", "kubectl"]),
            "force": random.chance(50),
            "version": version,
            "subresource": if random.chance(15) { "status" } else { "" },
            "object": object,
        }));
    }
    json!({"group": "demo.io", "kind": "Widget", "status": random.chance(50), "schemas": schemas, "ops": ops})
}

fn toggle_atomic(random: &mut Random, schema: &mut Value) {
    let Some(properties) = schema["properties"].as_object_mut() else {
        return;
    };
    for property in properties.values_mut() {
        if property["type"] == "object"
            && property.get("x-kubernetes-map-type").is_none()
            && random.chance(50)
        {
            property["x-kubernetes-map-type"] = json!("atomic");
        }
    }
}

/// The models that the oracle wants: every version with its metadata.
fn models(schemas: &Value) -> Value {
    let meta: Value =
        serde_json::from_str(include_str!("../../src/schema/object_meta.json")).expect("is JSON");
    let mut models = meta;
    for (api_version, schema) in schemas.as_object().expect("map") {
        let mut schema = schema.clone();
        let (group, version) = api_version.split_once('/').expect("has a group");
        schema["properties"]["apiVersion"] = json!({"type": "string"});
        schema["properties"]["kind"] = json!({"type": "string"});
        schema["properties"]["metadata"] =
            json!({"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"});
        schema["x-kubernetes-group-version-kind"] =
            json!([{"group": group, "version": version, "kind": "Widget"}]);
        models[format!("io.demo.{version}.Widget")] = schema;
    }
    models
}

/// What our implementation makes of a case, in the form of the oracle's results.
fn run(case: &Value) -> Vec<Value> {
    let schemas: BTreeMap<String, Arc<Schema>> = case["schemas"]
        .as_object()
        .expect("map")
        .iter()
        .map(|(version, schema)| {
            (
                version.clone(),
                Arc::new(Schema::from_crd(schema).expect("schema is fine")),
            )
        })
        .collect();
    let mut live: Option<Value> = None;
    let mut results = Vec::new();
    for (position, op) in case["ops"].as_array().expect("list").iter().enumerate() {
        let text = |name: &str| op[name].as_str().expect("text");
        let subresource = text("subresource");
        let filter = match (case["status"] == json!(true), subresource) {
            (false, _) => Filter::Everything,
            (true, "status") => Filter::Except(Set::of_fields([&["metadata"][..], &["spec"]])),
            (true, _) => Filter::Except(Set::of_fields([&["status"][..]])),
        };
        let now = format!("2026-01-01T00:00:{position:02}Z");
        let request = Request {
            versions: &schemas,
            api_version: text("version"),
            kind: "Widget",
            manager: text("manager"),
            subresource,
            now: &now,
            filter: &filter,
        };
        if let Some(live) = &mut live {
            live["apiVersion"] = op["version"].clone();
        }
        let outcome = if text("op") == "apply" {
            apply(
                &request,
                live.as_ref(),
                &op["object"],
                op["force"] == json!(true),
            )
            .map(|applied| applied.object)
        } else {
            let mut new = op["object"].clone();
            if let Some(entries) = live
                .as_ref()
                .and_then(|l| l.pointer("/metadata/managedFields"))
            {
                new["metadata"]["managedFields"] = entries.clone();
            }
            Ok(update(&request, live.as_ref(), &new))
        };
        results.push(match outcome {
            Ok(mut object) => {
                object["metadata"]["uid"] = json!("u");
                live = Some(object.clone());
                let mut entries = managed::take(&mut object).unwrap_or(Value::Null);
                for entry in entries.as_array_mut().into_iter().flatten() {
                    entry.as_object_mut().expect("entry").remove("time");
                }
                json!({"object": object, "managedFields": entries})
            }
            Err(error) => {
                let mut result = json!({"error": error.to_string()});
                match &error {
                    ApplyError::Conflicts(conflicts) => {
                        let causes: Vec<String> = conflicts
                            .0
                            .iter()
                            .map(|c| format!("{} {}", c.field(), c.message()))
                            .collect();
                        result["causes"] = json!(causes);
                    }
                    ApplyError::BadRequest(_) => result["causes"] = json!([]),
                    ApplyError::Internal(_) => {}
                }
                result
            }
        });
    }
    results
}

/// Makes results comparable where the original leaves the order to chance.
fn normalised(result: &Value) -> Value {
    let mut result = result.clone();
    if let Some(causes) = result.get_mut("causes").and_then(Value::as_array_mut) {
        causes.sort_by_key(ToString::to_string);
    }
    // Entries written in the same second are sorted by name, and all of the oracle's are.
    if let Some(entries) = result
        .get_mut("managedFields")
        .and_then(Value::as_array_mut)
    {
        entries.sort_by_key(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            (
                text("operation"),
                text("manager"),
                text("apiVersion"),
                text("subresource"),
            )
        });
    }
    if let Some(error) = result.get("error").and_then(Value::as_str) {
        let mut lines: Vec<&str> = error.lines().collect();
        lines.sort_unstable();
        result["error"] = json!(lines.join("\n"));
    }
    result
}

fn check(case: &Value, expected: &Value, seed: u64) {
    let results = run(case);
    let expected = expected.as_array().expect("list");
    for (position, (ours, theirs)) in results.iter().zip(expected).enumerate() {
        let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
        // An undeclared field ends the visit of its map, and Go's maps have no order: other errors beside it
        // are reported or not by chance.
        if [&ours, &theirs]
            .iter()
            .any(|result| result["error"].to_string().contains("undeclared"))
        {
            for result in [&mut ours, &mut theirs] {
                let error = result["error"].as_str().unwrap_or_default();
                let end = error
                    .find("Kind=Widget)")
                    .expect("says what was not converted");
                result["error"] = json!(error[..end]);
            }
        }
        let (ours, theirs) = (normalised(&ours), normalised(&theirs));
        assert_eq!(
            go::json(&ours),
            go::json(&theirs),
            "case {seed}, request {position}\n{}",
            json!({"schemas": case["schemas"], "ops": case["ops"].as_array().expect("list")[..=position]}),
        );
    }
}

fn ask_oracle(oracle: &str, cases: &[Value]) -> Vec<Value> {
    let input: Vec<Value> = cases
        .iter()
        .map(|case| {
            let mut case = case.clone();
            case["models"] = models(&case["schemas"]);
            case
        })
        .collect();
    let mut child = Command::new(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || {
        stdin
            .write_all(Value::Array(input).to_string().as_bytes())
            .expect("the oracle reads");
    });
    let mut output = String::new();
    child
        .stdout
        .take()
        .expect("piped")
        .read_to_string(&mut output)
        .expect("the oracle answers");
    writer.join().expect("written");
    assert!(child.wait().expect("ends").success(), "the oracle failed");
    serde_json::from_str(&output).expect("the oracle answers in JSON")
}

#[test]
fn recorded_sequences_give_the_same_objects() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/apply_sequences.json");
    if let Ok(oracle) = std::env::var("CARTO_TEST_SMD_ORACLE") {
        let base: u64 =
            std::env::var("CARTO_TEST_SMD_SEED").map_or(0, |seed| seed.parse().expect("a number"));
        let cases: Vec<Value> = (0..CASES).map(|seed| generate(base + seed)).collect();
        let results = ask_oracle(&oracle, &cases);
        for (seed, (case, expected)) in (base..).zip(cases.iter().zip(&results)) {
            check(case, expected, seed);
        }
        if base == 0 {
            let kept: Vec<Value> = cases
                .iter()
                .zip(&results)
                .take(50)
                .map(|(case, results)| json!({"case": case, "results": results}))
                .collect();
            let lines: Vec<String> = kept.iter().map(ToString::to_string).collect();
            std::fs::write(&path, lines.join("\n") + "\n").expect("the recording is written");
        }
        return;
    }
    let text = std::fs::read_to_string(&path).expect("the recording is there");
    let mut count = 0;
    for (seed, line) in (0..).zip(text.lines()) {
        let entry: Value = serde_json::from_str(line).expect("each line is a case");
        check(&entry["case"], &entry["results"], seed);
        count += 1;
    }
    assert!(count >= 50, "only {count} recorded cases");
}

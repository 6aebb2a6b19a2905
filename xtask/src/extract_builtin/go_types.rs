//! The Go types behind the schemas.
//!
//! `OpenAPI` does not say which fields are pointers, which zero values are written and which numbers fields have in
//! protobuf; the struct tags do. The sources are read line by line: types of the API follow one layout.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

/// Modules and the prefixes that their types have in `OpenAPI`.
const MODULES: &[(&str, &str)] = &[
    ("k8s.io/api", "io.k8s.api."),
    ("k8s.io/apimachinery", "io.k8s.apimachinery."),
    (
        "k8s.io/apiextensions-apiserver",
        "io.k8s.apiextensions-apiserver.",
    ),
];

/// Types with a form of their own in JSON; the server knows them by name.
const SPECIAL: &[&str] = &[
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Duration",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
];

/// Returns, per type, its fields as `name flag number type` or what it stands for as `= type`.
///
/// The flag says what becomes of a zero value: `p` the field is a pointer and nil is left out, `o` it is left out unless
/// it is a struct, `z` it is left out even then, `k` it is kept; `i` marks a struct whose fields stand in its parent in
/// JSON but not in protobuf.
pub(super) fn extract(version: &str, roots: &[String]) -> Result<Map<String, Value>> {
    let mut sources = Sources {
        folders: folders(version)?,
        packages: BTreeMap::new(),
    };
    let mut out = Map::new();
    let mut wanted: Vec<String> = roots.to_vec();
    while let Some(name) = wanted.pop() {
        if out.contains_key(&name) {
            continue;
        }
        if SPECIAL.contains(&name.as_str()) {
            out.insert(name, json!("special"));
            continue;
        }
        let (package, short) = name
            .rsplit_once('.')
            .with_context(|| format!("odd name {name}"))?;
        let Some(declared) = sources.declaration(package, short)? else {
            continue;
        };
        match declared {
            Declared::Alias(target) => {
                wanted.extend(element_types(&target));
                out.insert(name, json!(format!("= {target}")));
            }
            Declared::Struct(fields) => {
                let lines: Vec<String> = fields
                    .iter()
                    .map(|f| format!("{} {} {} {}", f.name, f.flag, f.number, f.go_type))
                    .collect();
                wanted.extend(
                    fields
                        .iter()
                        .flat_map(|field| element_types(&field.go_type)),
                );
                out.insert(name, json!(lines));
            }
        }
    }
    Ok(out)
}

fn folders(version: &str) -> Result<BTreeMap<&'static str, PathBuf>> {
    let mut folders = BTreeMap::new();
    for (module, prefix) in MODULES {
        let output = Command::new("go")
            .args(["mod", "download", "-json", &format!("{module}@{version}")])
            .current_dir(std::env::temp_dir())
            .output()
            .context("cannot run go")?;
        let printed: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("go mod download {module}@{version} failed"))?;
        let folder = printed["Dir"]
            .as_str()
            .with_context(|| format!("{module} has no folder"))?;
        folders.insert(*prefix, PathBuf::from(folder));
    }
    Ok(folders)
}

/// The named types inside a type expression.
fn element_types(go_type: &str) -> Vec<String> {
    go_type
        .split(['[', ']', '*'])
        .filter(|part| part.starts_with("io.k8s."))
        .map(str::to_owned)
        .collect()
}

enum Declared {
    Struct(Vec<Field>),
    Alias(String),
}

struct Field {
    name: String,
    flag: char,
    number: u32,
    go_type: String,
}

struct Sources {
    folders: BTreeMap<&'static str, PathBuf>,
    packages: BTreeMap<String, BTreeMap<String, Raw>>,
}

/// A declaration as written.
#[derive(Clone)]
struct Raw {
    body: RawBody,
    imports: BTreeMap<String, String>,
}

#[derive(Clone)]
enum RawBody {
    Struct(Vec<String>),
    Other(String),
}

impl Sources {
    fn declaration(&mut self, package: &str, name: &str) -> Result<Option<Declared>> {
        self.load(package)?;
        let Some(raw) = self.packages[package].get(name).cloned() else {
            return Ok(None);
        };
        let lines = match &raw.body {
            RawBody::Other(target) => {
                return Ok(Some(Declared::Alias(resolve(
                    target,
                    package,
                    &raw.imports,
                ))));
            }
            RawBody::Struct(lines) => lines,
        };
        let mut fields = Vec::new();
        for line in lines {
            let Some(parsed) = parse_field(line) else {
                continue;
            };
            let go_type = resolve(parsed.go_type, package, &raw.imports);
            if parsed.inline {
                let target = go_type.trim_start_matches('*').to_owned();
                let is_type_meta = target.ends_with(".TypeMeta");
                if parsed.number > 0 && !is_type_meta {
                    fields.push(Field {
                        name: "-".to_owned(),
                        flag: 'i',
                        number: parsed.number,
                        go_type: target.clone(),
                    });
                }
                let (package, name) = target.rsplit_once('.').context("an odd embedded type")?;
                let Some(Declared::Struct(inner)) = self.declaration(package, name)? else {
                    anyhow::bail!("embedded type {target} is not a struct");
                };
                // In JSON its fields are ours; in protobuf only those of TypeMeta are nowhere.
                fields.extend(inner.into_iter().map(|field| Field { number: 0, ..field }));
                continue;
            }
            fields.push(Field {
                name: parsed.json.to_owned(),
                flag: parsed.flag,
                number: parsed.number,
                go_type,
            });
        }
        Ok(Some(Declared::Struct(fields)))
    }

    fn load(&mut self, package: &str) -> Result<()> {
        if self.packages.contains_key(package) {
            return Ok(());
        }
        let (prefix, folder) = self
            .folders
            .iter()
            .find(|(prefix, _)| package.starts_with(**prefix))
            .with_context(|| format!("no module has package {package}"))?;
        let rest = package[prefix.len()..].replace('.', "/");
        let mut types = BTreeMap::new();
        // Groups with a domain have a folder without it.
        let folder = folder.join(rest);
        for entry in std::fs::read_dir(&folder)
            .with_context(|| format!("no folder {} for {package}", folder.display()))?
        {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let is_source = path.extension().is_some_and(|extension| extension == "go");
            if is_source && !name.contains("_test") && !name.contains("generated") {
                read_file(&path, &mut types)?;
            }
        }
        self.packages.insert(package.to_owned(), types);
        Ok(())
    }
}

fn read_file(path: &Path, into: &mut BTreeMap<String, Raw>) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let imports = imports(&text);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("type ") else {
            continue;
        };
        let Some((name, rest)) = rest.split_once(' ') else {
            continue;
        };
        let rest = rest.split("//").next().unwrap_or_default().trim();
        let body = if rest == "struct {" {
            let body = lines.by_ref().take_while(|line| *line != "}");
            RawBody::Struct(body.map(str::to_owned).collect())
        } else {
            RawBody::Other(rest.trim_start_matches("= ").to_owned())
        };
        into.insert(
            name.to_owned(),
            Raw {
                body,
                imports: imports.clone(),
            },
        );
    }
    Ok(())
}

/// Maps the names of imported packages of Kubernetes to their prefixes in `OpenAPI`.
fn imports(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("import ");
        let Some(start) = line.find("\"k8s.io/") else {
            continue;
        };
        let path = line[start..].trim_matches('"');
        let alias = line[..start].trim();
        let alias = if alias.is_empty() {
            path.rsplit('/').next().unwrap_or_default()
        } else {
            alias
        };
        let dotted = path.replacen("k8s.io/", "io.k8s.", 1).replace('/', ".");
        out.insert(alias.to_owned(), dotted);
    }
    out
}

/// Writes a type expression with full names.
fn resolve(go_type: &str, package: &str, imports: &BTreeMap<String, String>) -> String {
    const BASIC: &[&str] = &[
        "string",
        "bool",
        "int",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint32",
        "uint64",
        "float32",
        "float64",
        "byte",
        "interface{}",
        "map",
    ];
    let mut out = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, out: &mut String| {
        if word.is_empty() {
            return;
        }
        match word.split_once('.') {
            Some((alias, name)) => match imports.get(alias) {
                Some(package) => out.push_str(&format!("{package}.{name}")),
                None => out.push_str(word),
            },
            None if BASIC.contains(&word.as_str()) => out.push_str(word),
            None => out.push_str(&format!("{package}.{word}")),
        }
        word.clear();
    };
    for c in go_type.chars() {
        if matches!(c, '[' | ']' | '*') {
            flush(&mut word, &mut out);
            out.push(c);
        } else {
            word.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

struct Parsed<'a> {
    json: &'a str,
    flag: char,
    number: u32,
    go_type: &'a str,
    inline: bool,
}

fn parse_field(line: &str) -> Option<Parsed<'_>> {
    let line = line.trim();
    if line.starts_with("//") {
        return None;
    }
    let (declaration, tags) = line.split_once('`')?;
    let tag = |name: &str| -> Option<&str> {
        let start = tags.find(&format!("{name}:\""))? + name.len() + 2;
        let rest = &tags[start..];
        Some(&rest[..rest.find('"')?])
    };
    let mut json = tag("json")?.split(',');
    let name = json.next()?;
    let options: Vec<&str> = json.collect();
    let mut words = declaration.split_whitespace();
    let first = words.next()?;
    let go_type = words.next().unwrap_or(first);
    let number = tag("protobuf")
        .and_then(|tag| tag.split(',').nth(1))
        .and_then(|number| number.parse().ok())
        .unwrap_or(0);
    if name == "-" {
        return None;
    }
    let inline = options.contains(&"inline") || (name.is_empty() && go_type == first);
    let is_pointer = go_type.starts_with('*');
    let flag = if options.contains(&"omitzero") && !is_pointer {
        'z'
    } else if is_pointer {
        if options.contains(&"omitempty") {
            'p'
        } else {
            'k'
        }
    } else if options.contains(&"omitempty") {
        'o'
    } else {
        'k'
    };
    Some(Parsed {
        json: name,
        flag,
        number,
        go_type,
        inline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_their_line() {
        let parsed = parse_field(
            "\tReplicas *int32 `json:\"replicas,omitempty\" protobuf:\"varint,1,opt,name=replicas\"`",
        )
        .expect("a field");
        assert_eq!(
            (parsed.json, parsed.flag, parsed.number),
            ("replicas", 'p', 1)
        );
        let parsed = parse_field("VolumeSource `json:\",inline\" protobuf:\"bytes,2,opt,name=x\"`")
            .expect("a field");
        assert!(parsed.inline);
        assert_eq!(parsed.go_type, "VolumeSource");
        assert!(parse_field("// `json:\"x\"`").is_none());
    }

    #[test]
    fn types_get_their_full_names() {
        let imports = imports("import (\n\tmetav1 \"k8s.io/apimachinery/pkg/apis/meta/v1\"\n)");
        assert_eq!(
            resolve("map[string][]*metav1.Time", "p", &imports),
            "map[string][]*io.k8s.apimachinery.pkg.apis.meta.v1.Time"
        );
        assert_eq!(
            resolve("PullPolicy", "io.k8s.api.core.v1", &imports),
            "io.k8s.api.core.v1.PullPolicy"
        );
    }
}

//! Checks what the compiler cannot: which crate may use which, which external crates stay out
//! of which layer, and that no stray note is left in the sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, bail};
use serde_json::Value;

/// Edges between our crates, and the external crates each may not name directly.
const LAYERS: &[Layer] = &[
    Layer {
        name: "carto-yaml",
        ours: &[],
        never: PURE,
    },
    Layer {
        name: "carto-query",
        ours: &[],
        never: PURE,
    },
    Layer {
        name: "carto-merge",
        ours: &[],
        never: PURE,
    },
    Layer {
        name: "carto-ytt",
        ours: &["carto-yaml"],
        never: PURE,
    },
    Layer {
        name: "carto-api",
        ours: &["carto-yaml"],
        never: &["kube-client", "kube-runtime", "tokio"],
    },
    Layer {
        name: "carto-core",
        ours: &[
            "carto-api",
            "carto-yaml",
            "carto-ytt",
            "carto-query",
            "carto-merge",
        ],
        never: PURE,
    },
    Layer {
        name: "carto-artifacts",
        ours: &[],
        never: &["kube"],
    },
    Layer {
        name: "carto-apiserver",
        ours: &["carto-yaml", "carto-query", "carto-merge"],
        never: &["kube"],
    },
    Layer {
        name: "carto-actors",
        ours: &["carto-artifacts", "carto-query"],
        never: &["axum"],
    },
    Layer {
        name: "carto-controllers",
        ours: &["carto-core", "carto-api", "carto-query"],
        never: &["axum"],
    },
    Layer {
        name: "carto-server",
        ours: &[
            "carto-actors",
            "carto-api",
            "carto-apiserver",
            "carto-artifacts",
            "carto-controllers",
            "carto-core",
            "carto-yaml",
        ],
        never: &[],
    },
    Layer {
        name: "carto-cli",
        ours: &[
            "carto-server",
            "carto-core",
            "carto-api",
            "carto-yaml",
            "carto-ytt",
            "carto-query",
        ],
        never: &["axum"],
    },
    Layer {
        name: "carto-testkit",
        ours: &["carto-apiserver", "carto-api", "carto-core", "carto-yaml"],
        never: &[],
    },
];

/// What a pure crate may not name: anything that reaches out of the process or waits.
const PURE: &[&str] = &[
    "kube",
    "kube-client",
    "tokio",
    "futures",
    "http",
    "hyper",
    "axum",
    "serde-saphyr",
    "redb",
];

struct Layer {
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

/// Runs every check; the error lists all findings.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut findings = layering()?;
    findings.extend(stray_notes(Path::new("."))?);
    if findings.is_empty() {
        println!("tidy: layers and sources are in order");
        return Ok(());
    }
    bail!("{}", findings.join("\n"));
}

fn layering() -> anyhow::Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let layers: BTreeMap<_, _> = LAYERS.iter().map(|layer| (layer.name, layer)).collect();
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().context("no packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        if name == "xtask" {
            continue;
        }
        let Some(layer) = layers.get(name) else {
            findings.push(format!(
                "{name}: give this crate a layer in xtask/src/tidy.rs"
            ));
            continue;
        };
        for used in normal_dependencies(package) {
            if used.starts_with("carto-") && !layer.ours.contains(&used.as_str()) {
                findings.push(format!("{name} may not use {used}"));
            }
            if layer.never.contains(&used.as_str()) {
                findings.push(format!("{name} may not name the external crate {used}"));
            }
        }
    }
    Ok(findings)
}

fn normal_dependencies(package: &Value) -> BTreeSet<String> {
    package["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|dependency| dependency["kind"].is_null())
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect()
}

/// A note to oneself belongs in an issue, not in the tree.
fn stray_notes(root: &Path) -> anyhow::Result<Vec<String>> {
    let notes = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let mut findings = Vec::new();
    let mut open = vec![root.join("crates"), root.join("xtask")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                for (number, line) in text.lines().enumerate() {
                    if notes.iter().any(|note| line.contains(note)) {
                        findings.push(format!("{}:{}: stray note", path.display(), number + 1));
                    }
                }
            }
        }
    }
    Ok(findings)
}

//! Where the parts of a test are: default names, `info.yaml`, what folders inherit.
//!
//! Source: cartographer pkg/testing/{cli-case,cli-suite}.go. Differs: options for comparing are not
//! shared among siblings; a folder that names a target takes the chain from above when it has
//! none of its own.

use std::path::{Path, PathBuf};

use carto_core::offline::Mock;
use serde::Deserialize;
use serde_json::Value;

use super::{
    case::{Case, Chain},
    compare::Options,
};
use crate::error::CommandError;

/// Deepest folder that is searched.
const MAX_DEPTH: usize = 32;

const VALUES_OF_TEMPLATE: &str = "template-ytt-values.yaml";
const VALUES_OF_CHAIN: &str = "supply-chain-ytt-values.yaml";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Info {
    metadata: Metadata,
    given: Given,
    expected: Option<PathBuf>,
    expected_status: Option<PathBuf>,
    focus: Option<bool>,
    compare_options: CompareOptions,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: Option<String>,
    description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Given {
    template: Template,
    workload: Option<PathBuf>,
    mock_supply_chain: MockSupplyChain,
    supply_chain: SupplyChain,
    observed: Vec<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Template {
    path: Option<PathBuf>,
    ytt_path: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MockSupplyChain {
    blueprint_inputs: Option<Value>,
    blueprint_params: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SupplyChain {
    paths: Vec<PathBuf>,
    ytt_path: Option<PathBuf>,
    target_resource_name: Option<String>,
    previous_outputs: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CompareOptions {
    ignore_metadata: Option<bool>,
    ignore_owner_refs: Option<bool>,
    ignore_labels: Option<bool>,
    ignore_metadata_fields: Option<Vec<String>>,
}

/// Finds all tests below a folder, in the order of names.
pub(super) fn cases(directory: &Path) -> Result<Vec<Case>, CommandError> {
    let mut cases = Vec::new();
    walk(directory, &Case::default(), 0, &mut cases)?;
    Ok(cases)
}

fn walk(
    directory: &Path,
    above: &Case,
    depth: usize,
    cases: &mut Vec<Case>,
) -> Result<(), CommandError> {
    if depth > MAX_DEPTH {
        let text = format!("{} is nested too deep", directory.display());
        return Err(CommandError::user(text));
    }
    let entries = entries(directory)?;
    let case = extend(above, directory, &entries)?;
    let (folders, _): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    if folders.is_empty() {
        cases.push(case);
        return Ok(());
    }
    for folder in folders {
        walk(&folder, &case, depth + 1, cases)?;
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let read = std::fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut entries = read.map_err(|error| {
        CommandError::user(format!("cannot read {}: {error}", directory.display()))
    })?;
    entries.sort();
    Ok(entries)
}

/// Adds what a folder says to what the folders above it said.
fn extend(above: &Case, directory: &Path, entries: &[PathBuf]) -> Result<Case, CommandError> {
    let Info {
        metadata,
        given,
        expected,
        expected_status,
        focus,
        compare_options,
    } = info(directory)?;
    let here = |named: Option<PathBuf>, default: &str| match named {
        Some(path) => Some(directory.join(path)),
        None => Some(directory.join(default)).filter(|path| path.exists()),
    };
    let starting = |prefix: &str| -> Vec<PathBuf> {
        let named = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| {
                let stem = name.strip_suffix(".yaml");
                stem.is_some_and(|stem| stem.starts_with(prefix)) && name != VALUES_OF_CHAIN
            })
        };
        entries.iter().filter(named).cloned().collect()
    };
    let mut case = above.clone();
    directory.clone_into(&mut case.directory);
    case.name = metadata.name;
    case.description = metadata.description;
    case.focus = focus.unwrap_or(case.focus);
    case.template = here(given.template.path, "template.yaml").or(case.template);
    case.template_values =
        here(given.template.ytt_path, VALUES_OF_TEMPLATE).or(case.template_values);
    case.workload = here(given.workload, "workload.yaml").or(case.workload);
    case.expected = here(expected, "expected.yaml").or(case.expected);
    case.expected_status = here(expected_status, "expected-status.yaml").or(case.expected_status);
    let observed = match given.observed[..] {
        [] => starting("observed"),
        _ => given
            .observed
            .iter()
            .map(|path| directory.join(path))
            .collect(),
    };
    if !observed.is_empty() {
        case.observed = observed;
    }
    let mock = given.mock_supply_chain;
    let is_mocked = mock.blueprint_inputs.is_some() || mock.blueprint_params.is_some();
    case.mock = Mock {
        inputs: mock.blueprint_inputs.unwrap_or_default(),
        params: mock.blueprint_params.unwrap_or_default(),
    };
    let supply_chain = given.supply_chain;
    let paths = match supply_chain.paths[..] {
        [] => starting("supply-chain"),
        _ => supply_chain.paths,
    };
    if is_mocked && !paths.is_empty() {
        let text = format!(
            "{}: only one of mock supply chain and real supply chain may be specified",
            directory.display()
        );
        return Err(CommandError::user(text));
    }
    let chain = Chain {
        values: here(supply_chain.ytt_path, VALUES_OF_CHAIN),
        target: supply_chain.target_resource_name,
        outputs: supply_chain.previous_outputs.unwrap_or_default(),
        paths,
    };
    case.chain = inherit(chain, &above.chain);
    case.options = options(&above.options, compare_options);
    Ok(case)
}

/// Chains and how they are prepared are taken over together where a folder has no chain itself;
/// targets and outputs never are.
fn inherit(mut chain: Chain, above: &Chain) -> Chain {
    if chain.paths.is_empty() {
        chain.paths.clone_from(&above.paths);
        chain.values = chain.values.or_else(|| above.values.clone());
    }
    chain
}

fn options(above: &Options, here: CompareOptions) -> Options {
    let mut options = above.clone();
    options.ignore_metadata = here.ignore_metadata.unwrap_or(options.ignore_metadata);
    options.ignore_owner_refs = here.ignore_owner_refs.unwrap_or(options.ignore_owner_refs);
    options.ignore_labels = here.ignore_labels.unwrap_or(options.ignore_labels);
    if let Some(fields) = here.ignore_metadata_fields {
        options.ignore_metadata_fields = fields;
    }
    options
}

fn info(directory: &Path) -> Result<Info, CommandError> {
    let path = directory.join("info.yaml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Info::default()),
        Err(error) => {
            let text = format!("cannot read {}: {error}", path.display());
            return Err(CommandError::user(text));
        }
    };
    let wrong = |text: String| CommandError::user(format!("{}: {text}", path.display()));
    let documents = carto_yaml::decode_all(&text).map_err(|error| wrong(error.to_string()))?;
    match documents.into_iter().next() {
        Some(document) => {
            serde_json::from_value(document).map_err(|error| wrong(error.to_string()))
        }
        None => Ok(Info::default()),
    }
}

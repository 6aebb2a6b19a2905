//! One test.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use carto_core::{
    key::ObjectKey,
    offline::{self, Mock, World, plain},
    validate,
};
use serde_json::Value;

use super::{
    compare::{self, Options},
    preprocess,
};

/// Why a test fails.
#[derive(Debug)]
pub(super) struct Failure(pub(super) String);

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A test, put together from its folder and those above it.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    pub(super) directory: PathBuf,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) focus: bool,
    pub(super) template: Option<PathBuf>,
    /// ytt values that the template's file is filled in with.
    pub(super) template_values: Option<PathBuf>,
    pub(super) workload: Option<PathBuf>,
    pub(super) expected: Option<PathBuf>,
    pub(super) expected_status: Option<PathBuf>,
    pub(super) observed: Vec<PathBuf>,
    pub(super) mock: Mock,
    pub(super) chain: Chain,
    pub(super) options: Options,
}

/// A real chain.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// Files and folders of chains.
    pub(super) paths: Vec<PathBuf>,
    /// ytt values that their files are filled in with.
    pub(super) values: Option<PathBuf>,
    /// The step that is tested.
    pub(super) target: Option<String>,
    /// Outputs of earlier steps.
    pub(super) outputs: Value,
}

impl Case {
    /// Runs the test.
    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.observed.is_empty() && self.expected_status.is_none() {
            self.run_one()
        } else {
            self.run_chain()
        }
    }

    /// Stamps one template and compares the object.
    fn run_one(&self) -> Result<(), Failure> {
        let expected = single(self.read(self.expected.as_deref(), None, "expected.yaml")?)?;
        let workload = single(self.workload()?)?;
        let (mut chains, templates) = self.templates()?;
        chains.extend(self.chains()?);
        let actual = match &self.chain.target {
            Some(target) => offline::stamp_in_chain(
                &templates,
                &workload,
                &chains,
                target,
                &self.chain.outputs,
            )?,
            None if self.has_own_chain() => {
                return Err(Failure(
                    "a supply chain needs given.supplyChain.targetResourceName in info.yaml"
                        .to_owned(),
                ));
            }
            None => offline::stamp_alone(&single(templates)?, &workload, &self.mock)?,
        };
        compare::objects(&expected, &actual, &self.options)
    }

    /// Runs the whole chain on what is observed, and compares objects and status.
    fn run_chain(&self) -> Result<(), Failure> {
        let owner = single(self.workload()?)?;
        let (mut objects, templates) = self.templates()?;
        objects.extend(templates);
        objects.extend(self.chains()?);
        for path in &self.observed {
            objects.extend(preprocess::objects(path, None)?);
        }
        objects.push(owner.clone());
        let world = Arc::new(World::new(
            objects,
            BTreeMap::new(),
            jiff::Timestamp::UNIX_EPOCH,
        ));
        let settled = world.settle();
        let stamped: Vec<Value> = settled
            .passes
            .values()
            .flat_map(|pass| &pass.actions)
            .filter_map(|action| action.after.as_ref().map(plain))
            .collect();
        let status = settled
            .passes
            .iter()
            .find(|(key, _)| is(key, &owner))
            .map(|(_, pass)| pass.status.clone())
            .ok_or_else(|| {
                Failure("workload.yaml has no Workload, Deliverable or Runnable".to_owned())
            })?;
        if self.expected.is_some() {
            for expected in self.read(self.expected.as_deref(), None, "expected.yaml")? {
                self.compare_stamped(&expected, &stamped)?;
            }
        }
        self.compare_status(&status)
    }

    fn compare_stamped(&self, expected: &Value, stamped: &[Value]) -> Result<(), Failure> {
        let name = |object: &Value| {
            let metadata = &object["metadata"];
            let given = [&metadata["name"], &metadata["generateName"]];
            given
                .into_iter()
                .find_map(|name| name.as_str().map(str::to_owned))
        };
        let same = |one: &&Value| one["kind"] == expected["kind"] && name(one) == name(expected);
        let title = |object: &Value| {
            let kind = object["kind"].as_str().unwrap_or("object").to_owned();
            format!("{kind} {}", name(object).unwrap_or_default())
        };
        match stamped.iter().find(same) {
            Some(actual) => compare::objects(expected, actual, &self.options),
            None => {
                let made: Vec<String> = stamped.iter().map(title).collect();
                Err(Failure(format!(
                    "{} is not stamped; what is: {}",
                    title(expected),
                    if made.is_empty() {
                        "nothing".to_owned()
                    } else {
                        made.join(", ")
                    }
                )))
            }
        }
    }

    fn compare_status(&self, status: &Value) -> Result<(), Failure> {
        let Some(path) = &self.expected_status else {
            return Ok(());
        };
        let expected = single(self.read(Some(path), None, "expected-status.yaml")?)?;
        // Both a status and an object with one are understood.
        let expected = expected.get("status").cloned().unwrap_or(expected);
        let lacking = compare::part(&expected, status);
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Failure(lacking.join("\n")))
    }

    /// Whether the folder itself has a chain; one from above alone is no test of it, as in the
    /// original.
    fn has_own_chain(&self) -> bool {
        let own = |path: &PathBuf| path.parent() == Some(&self.directory);
        self.chain.paths.iter().any(own)
    }

    fn workload(&self) -> Result<Vec<Value>, Failure> {
        self.read(self.workload.as_deref(), None, "workload.yaml")
    }

    /// Reads the template's file: blueprints, which may be in it too, and templates.
    fn templates(&self) -> Result<(Vec<Value>, Vec<Value>), Failure> {
        let values = self.template_values.as_deref();
        let objects = self.read(self.template.as_deref(), values, "template.yaml")?;
        if let Some(text) = objects.iter().find_map(validate::denial) {
            return Err(Failure(format!("template validation failed: {text}")));
        }
        let is_blueprint = |object: &Value| {
            let kind = object["kind"].as_str().unwrap_or_default();
            matches!(kind, "ClusterSupplyChain" | "ClusterDelivery")
        };
        Ok(objects.into_iter().partition(is_blueprint))
    }

    fn chains(&self) -> Result<Vec<Value>, Failure> {
        let mut chains = Vec::new();
        for path in &self.chain.paths {
            chains.extend(preprocess::objects(path, self.chain.values.as_deref())?);
        }
        Ok(chains)
    }

    fn read(
        &self,
        path: Option<&Path>,
        values: Option<&Path>,
        default: &str,
    ) -> Result<Vec<Value>, Failure> {
        let path = path.ok_or_else(|| {
            Failure(format!(
                "there is no {default} here or above, and info.yaml names none"
            ))
        })?;
        preprocess::objects(path, values)
    }
}

/// The first object, as the original takes it.
fn single(objects: Vec<Value>) -> Result<Value, Failure> {
    let mut objects = objects.into_iter();
    objects
        .next()
        .ok_or_else(|| Failure("a file of the test is empty".to_owned()))
}

fn is(key: &ObjectKey, owner: &Value) -> bool {
    owner["kind"] == *key.gvk.kind && owner["metadata"]["name"] == *key.name
}

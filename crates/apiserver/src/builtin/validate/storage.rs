//! Claims and classes of storage.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`ValidatePersistentVolumeClaimSpec`),
//! `pkg/apis/storage/validation/validation.go`, v1.36.

use serde_json::Value;

use super::at::At;
use super::problems::Problems;
use super::{labels, resources};
use crate::error::FieldError;
use crate::names;

const MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];
const PARAMETERS_MAX: usize = 512;

/// How volumes are told apart.
const SOURCES: &[&str] = &[
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

/// Differs: of a source, only that it is there and stays.
pub(super) fn volume(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    let (modes, capacity) = (spec.get("accessModes"), spec.get("capacity"));
    access_modes(&modes, "", problems);
    if capacity.is_empty() {
        problems.required(&capacity, "");
    }
    if !capacity.get("storage").is_set() || capacity.len() > 1 {
        let (path, value) = (&*capacity.path, capacity.value.clone());
        problems.push(FieldError::not_supported(path, value, &["storage"]));
    }
    for (_, amount) in capacity.entries() {
        if amount
            .quantity()
            .is_some_and(|amount| !amount.is_positive())
        {
            problems.invalid(&amount, "must be greater than zero");
        }
    }
    let policy = spec.get("persistentVolumeReclaimPolicy");
    if !policy.is_empty() {
        problems.known(&policy, &["Delete", "Recycle", "Retain"]);
    }
    let mut sources = SOURCES.iter().filter(|source| spec.get(source).is_set());
    if sources.next().is_none() {
        problems.required(&spec, "must specify a volume type");
    }
    for source in sources {
        let detail = "may not specify more than 1 volume type";
        problems.forbidden(&spec.get(source), detail);
    }
    let class = spec.get("storageClassName");
    if !class.is_empty() {
        problems.subdomain(&class);
    }
    let mode = spec.get("volumeMode");
    if mode.is_set() {
        problems.known(&mode, &["Block", "Filesystem"]);
    }
    let Some(before) = old.map(|old| old.get("spec")) else {
        return;
    };
    let is_changed = |source: &&str| spec.get(source).value != before.get(source).value;
    if SOURCES.iter().any(is_changed) {
        let told = spec.told_at("spec.persistentvolumesource");
        let detail = "spec.persistentvolumesource is immutable after creation\n";
        problems.forbidden(&told, detail);
    }
    problems.immutable(&mode.told_at("volumeMode"), &before.get("volumeMode"));
}

fn access_modes(modes: &At<'_>, missing: &str, problems: &mut Problems) {
    if modes.is_empty() {
        problems.required(modes, missing);
    }
    for mode in modes.items() {
        problems.known(&mode.told_at(&*modes.path), MODES);
    }
    let has = |wanted: bool| {
        modes
            .items()
            .any(|mode| (mode.text() == "ReadWriteOncePod") == wanted)
    };
    if has(true) && has(false) {
        let detail = "may not use ReadWriteOncePod with other access modes";
        problems.forbidden(modes, detail);
    }
}

pub(super) fn claim(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let spec = new.get("spec");
    claim_spec(&spec, problems);
    let Some(old) = old else { return };
    let before = old.get("spec");
    let is_bound = new.get("status").get("phase").text() == "Bound";
    if fixed(&spec, &before, is_bound) != fixed(&before, &before, is_bound) {
        let detail = "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims\n";
        problems.forbidden(&spec, detail);
    }
    let path = "spec.resources.requests.storage";
    let size = |spec: &At<'_>| {
        spec.get("resources")
            .get("requests")
            .get("storage")
            .quantity()
    };
    if let (Some(now), Some(then)) = (size(&spec), size(&before))
        && now.compare(then).is_lt()
    {
        let told = spec.told_at(path);
        problems.forbidden(&told, "field can not be less than status.capacity");
    }
    let mode = spec.get("volumeMode").told_at("volumeMode");
    problems.immutable(&mode, &before.get("volumeMode"));
}

/// What of a claim may not change.
fn fixed(spec: &At<'_>, before: &At<'_>, is_bound: bool) -> Value {
    let mut fields = spec.value.clone();
    if before.get("volumeName").is_empty() {
        fields["volumeName"] = Value::Null;
    }
    if !before.get("storageClassName").is_set() {
        fields["storageClassName"] = Value::Null;
    }
    if is_bound {
        fields["resources"]["requests"]["storage"] = Value::Null;
        fields["volumeAttributesClassName"] = Value::Null;
    }
    fields
}

pub(super) fn claim_spec(at: &At<'_>, problems: &mut Problems) {
    let modes = at.get("accessModes");
    access_modes(&modes, "at least 1 access mode is required", problems);
    labels::selector(&at.get("selector"), problems);
    let size = at
        .get("resources")
        .get("requests")
        .get("storage")
        .told_at(format!("{}.resources[storage]", at.path));
    match size.quantity() {
        None => problems.required(&size, ""),
        Some(quantity) if !quantity.is_positive() => {
            problems.invalid(&size, "must be greater than zero");
        }
        Some(_) => resources::quantity("storage", &size, problems),
    }
    let class = at.get("storageClassName");
    if !class.is_empty() {
        problems.subdomain(&class);
    }
    let mode = at.get("volumeMode");
    if mode.is_set() {
        problems.known(&mode, &["Block", "Filesystem"]);
    }
    for field in ["dataSource", "dataSourceRef"] {
        if at.get(field).is_set() {
            source(&at.get(field), problems);
        }
    }
}

fn source(at: &At<'_>, problems: &mut Problems) {
    let (group, kind) = (at.get("apiGroup"), at.get("kind"));
    for field in ["name", "kind"] {
        if at.get(field).is_empty() {
            problems.required(&at.get(field), "");
        }
    }
    if !group.is_empty() {
        problems.subdomain(&group);
    } else if kind.text() != "PersistentVolumeClaim" {
        let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        problems.invalid_as(at, kind.text(), detail);
    }
    if !at.get("namespace").is_empty() {
        problems.label(&at.get("namespace"));
    }
}

pub(super) fn class(new: &At<'_>, old: Option<&At<'_>>, problems: &mut Problems) {
    let provisioner = new.get("provisioner");
    if let Some(old) = old {
        let parameters = new.get("parameters");
        let same = |field: &str| {
            let (now, then) = (new.get(field), old.get(field));
            now.value == then.value || now.is_empty() && then.is_empty()
        };
        if !same("parameters") {
            problems.forbidden(&parameters, "updates to parameters are forbidden.");
        }
        if !same("provisioner") {
            problems.forbidden(&provisioner, "updates to provisioner are forbidden.");
        }
        for field in ["reclaimPolicy", "volumeBindingMode"] {
            problems.immutable(&new.get(field), &old.get(field));
        }
        return;
    }
    if provisioner.is_empty() {
        problems.required(&provisioner, "");
    } else {
        for problem in names::qualified_name(&provisioner.text().to_lowercase()) {
            problems.invalid_as(&provisioner, provisioner.text().to_lowercase(), problem);
        }
    }
    let parameters = new.get("parameters");
    if parameters.len() > PARAMETERS_MAX {
        problems.too_long(&parameters, PARAMETERS_MAX);
    }
    let policy = new.get("reclaimPolicy");
    if !policy.is_empty() {
        problems.known(&policy, &["Delete", "Retain"]);
    }
    let binding = new.get("volumeBindingMode");
    if binding.is_set() {
        problems.known(&binding, &["Immediate", "WaitForFirstConsumer"]);
    } else {
        problems.required(&binding, "");
    }
}

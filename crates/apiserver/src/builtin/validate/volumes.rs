//! Volumes of pods, and where containers mount them.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`ValidateVolumes`, `ValidateVolumeMounts`,
//! `ValidateVolumeDevices`), v1.36. Differs: of the volumes of vendors, which in-tree drivers once served, only the
//! fields that must be there are checked.

use std::collections::{BTreeMap, BTreeSet};

use super::at::At;
use super::problems::Problems;
use super::{containers, labels, storage};

const ONE_TYPE: &str = "may not specify more than 1 volume type";
const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const TOKEN_SECONDS_MIN: i64 = 600;
const TOKEN_SECONDS_MAX: i64 = 1 << 32;

/// How volumes are told apart, in the order in which they are checked, with the fields that must be there.
const SOURCES: &[(&str, &[&str])] = &[
    ("emptyDir", &[]),
    ("hostPath", &["path"]),
    ("gitRepo", &["repository"]),
    ("gcePersistentDisk", &["pdName"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("secret", &["secretName"]),
    ("nfs", &["server", "path"]),
    ("iscsi", &["targetPortal", "iqn"]),
    ("glusterfs", &["endpoints", "path"]),
    ("flocker", &[]),
    ("persistentVolumeClaim", &["claimName"]),
    ("rbd", &["monitors", "image"]),
    ("cinder", &["volumeID"]),
    ("cephfs", &["monitors"]),
    ("quobyte", &["registry", "volume"]),
    ("downwardAPI", &[]),
    ("fc", &[]),
    ("flexVolume", &["driver"]),
    ("configMap", &["name"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("storageos", &["volumeName"]),
    ("projected", &[]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("csi", &["driver"]),
    ("ephemeral", &["volumeClaimTemplate"]),
    ("image", &[]),
];

/// Fields of the pod that files may have, sorted.
const FIELDS_FOR_FILES: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

/// The volumes of a pod that are fine: whether each can be a device.
pub(super) struct Volumes(BTreeMap<String, bool>);

impl Volumes {
    /// Checks the volumes of a pod; those called `claimed` come from templates of claims.
    pub(super) fn check(at: &At<'_>, claimed: &[&str], problems: &mut Problems) -> Self {
        let mut fine: BTreeMap<_, _> = claimed
            .iter()
            .map(|name| ((*name).to_owned(), true))
            .collect();
        for volume in at.items() {
            let name = volume.get("name");
            if claimed.contains(&name.text()) {
                continue;
            }
            let before = problems.count();
            source(&volume, problems);
            if name.is_empty() {
                problems.required(&name, "");
            } else {
                problems.label(&name);
            }
            if fine.contains_key(name.text()) {
                problems.duplicate(&name);
            }
            if problems.count() == before {
                let is_claim = ["persistentVolumeClaim", "ephemeral"]
                    .iter()
                    .any(|source| volume.get(source).is_set());
                fine.insert(name.text().to_owned(), is_claim);
            }
        }
        Self(fine)
    }

    /// Checks what a container mounts as folders.
    pub(super) fn mounts(&self, container: &At<'_>, problems: &mut Problems) {
        let (mounts, devices) = (
            container.get("volumeMounts"),
            container.get("volumeDevices"),
        );
        let mut paths = BTreeSet::new();
        for mount in mounts.items() {
            let (name, path) = (mount.get("name"), mount.get("mountPath"));
            if name.is_empty() {
                problems.required(&name, "");
            }
            if !self.0.contains_key(name.text()) {
                problems.not_found(&name);
            }
            if path.is_empty() {
                problems.required(&path, "");
            }
            if !paths.insert(path.text()) {
                problems.invalid(&path, "must be unique");
            }
            if has(&devices, "name", &name) {
                problems.invalid(&name, "must not already exist in volumeDevices");
            }
            if has(&devices, "devicePath", &path) {
                problems.invalid(&path, "must not already exist as a path in volumeDevices");
            }
            parts_of_volume(&mounts, &mount, problems);
            propagation(&mounts, &mount, container, problems);
        }
    }

    /// Checks what a container uses as devices.
    pub(super) fn devices(&self, container: &At<'_>, problems: &mut Problems) {
        let (mounts, devices) = (
            container.get("volumeMounts"),
            container.get("volumeDevices"),
        );
        let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for device in devices.items() {
            let (name, path) = (device.get("name"), device.get("devicePath"));
            if name.is_empty() {
                problems.required(&name, "");
            } else if !names.insert(name.text()) {
                problems.invalid(&name, "must be unique");
            }
            match self.0.get(name.text()) {
                Some(true) => {}
                Some(false) => problems.invalid(
                    &name,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for \
                     block mode",
                ),
                None => problems.not_found(&name),
            }
            if path.is_empty() {
                problems.required(&path, "");
            }
            if paths.contains(path.text()) {
                problems.invalid(&path, "must be unique");
            }
            if path.text().split('/').any(|part| part == "..") {
                problems.invalid(&path, "can not contain backsteps ('..')");
            } else {
                paths.insert(path.text());
            }
            if has(&mounts, "name", &name) {
                problems.invalid(&name, "must not already exist in volumeMounts");
            }
            if has(&mounts, "mountPath", &path) {
                problems.invalid(&path, "must not already exist as a path in volumeMounts");
            }
        }
    }
}

/// Whether an item of a list has the same text in a field.
fn has(list: &At<'_>, field: &str, text: &At<'_>) -> bool {
    list.items()
        .any(|item| item.get(field).text() == text.text())
}

fn parts_of_volume(mounts: &At<'_>, mount: &At<'_>, problems: &mut Problems) {
    let (part, expression) = (mount.get("subPath"), mount.get("subPathExpr"));
    // Upstream tells these without an index.
    if !part.is_empty() {
        problems.descending_path(&part.told_at(mounts.get("subPath").path));
    }
    if !expression.is_empty() {
        if !part.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            problems.invalid(&expression, detail);
        }
        problems.descending_path(&expression.told_at(mounts.get("subPathExpr").path));
    }
}

fn propagation(mounts: &At<'_>, mount: &At<'_>, container: &At<'_>, problems: &mut Problems) {
    let propagation = mount
        .get("mountPropagation")
        .told_at(mounts.get("mountPropagation").path);
    if propagation.is_set() {
        problems.known(&propagation, &["Bidirectional", "HostToContainer", "None"]);
        let privileged = container.get("securityContext").get("privileged").is_true();
        if propagation.text() == "Bidirectional" && !privileged {
            let detail =
                "Bidirectional mount propagation is available only to privileged containers";
            problems.forbidden(&propagation, detail);
        }
    }
    let recursive = mount
        .get("recursiveReadOnly")
        .told_at(mounts.get("recursiveReadOnly").path);
    if !recursive.is_set() {
        return;
    }
    problems.known(&recursive, &["Disabled", "Enabled", "IfPossible"]);
    if matches!(recursive.text(), "Enabled" | "IfPossible") {
        if !mount.get("readOnly").is_true() {
            problems.forbidden(&recursive, "may only be specified when readOnly is true");
        }
        if !matches!(propagation.text(), "" | "None") {
            let detail = "may only be specified when mountPropagation is None or not specified";
            problems.forbidden(&recursive, detail);
        }
    }
}

fn source(volume: &At<'_>, problems: &mut Problems) {
    let mut found = false;
    for (name, fields) in SOURCES {
        let source = volume.get(name);
        if !source.is_set() {
            continue;
        }
        if found {
            problems.forbidden(&source, ONE_TYPE);
            continue;
        }
        found = true;
        for field in *fields {
            let at = source.get(field);
            if at.is_empty() {
                problems.required(&at, "");
            }
        }
        of_type(name, &source, problems);
    }
    if !found {
        problems.required(volume, "must specify a volume type");
    }
}

fn of_type(name: &str, at: &At<'_>, problems: &mut Problems) {
    match name {
        "emptyDir" => {
            let limit = at.get("sizeLimit");
            if limit.quantity().is_some_and(|limit| limit.is_negative()) {
                let detail = "SizeLimit field must be a valid resource quantity";
                problems.forbidden(&limit, detail);
            }
        }
        "hostPath" => host_path(at, problems),
        "gitRepo" => problems.descending_path(&at.get("directory")),
        "secret" | "configMap" => {
            mode(&at.get("defaultMode"), problems);
            at.get("items")
                .items()
                .for_each(|item| key_to_path(&item, problems));
        }
        "downwardAPI" => {
            mode(&at.get("defaultMode"), problems);
            // Upstream tells these without an index.
            for file in at.get("items").items() {
                file_of_pod(&file.told_at(&*at.path), problems);
            }
        }
        "projected" => projected(at, problems),
        "ephemeral" => {
            let spec = at.get("volumeClaimTemplate").get("spec");
            if spec.is_set() {
                storage::claim_spec(&spec, problems);
            }
        }
        "image" => {
            if at.get("reference").is_empty() {
                problems.required(&at.get("reference"), "");
            }
            problems.one_of(&at.get("pullPolicy"), &["Always", "IfNotPresent", "Never"]);
        }
        _ => {}
    }
}

fn host_path(at: &At<'_>, problems: &mut Problems) {
    if at.get("path").is_empty() {
        return;
    }
    problems.no_backsteps(&at.get("path"));
    problems.known(
        &at.get("type"),
        &[
            "",
            "BlockDevice",
            "CharDevice",
            "Directory",
            "DirectoryOrCreate",
            "File",
            "FileOrCreate",
            "Socket",
        ],
    );
}

fn mode(at: &At<'_>, problems: &mut Problems) {
    if !(0..=0o777).contains(&at.number()) {
        problems.invalid(at, MODE);
    }
}

fn key_to_path(at: &At<'_>, problems: &mut Problems) {
    for field in ["key", "path"] {
        if at.get(field).is_empty() {
            problems.required(&at.get(field), "");
        }
    }
    problems.unreserved_path(&at.get("path"));
    mode(&at.get("mode"), problems);
}

fn file_of_pod(at: &At<'_>, problems: &mut Problems) {
    let (path, field, resource) = (
        at.get("path"),
        at.get("fieldRef"),
        at.get("resourceFieldRef"),
    );
    if path.is_empty() {
        problems.required(&path, "");
    }
    problems.unreserved_path(&path);
    if field.is_set() {
        containers::field_of_pod(&field, FIELDS_FOR_FILES, problems);
        if resource.is_set() {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            problems.invalid_as(at, "resource", detail);
        }
    } else if resource.is_set() {
        containers::resource_of_container(&resource, true, problems);
    } else {
        problems.required(at, "one of fieldRef and resourceFieldRef is required");
    }
    mode(&at.get("mode"), problems);
}

/// Several sources in one folder.
fn projected(at: &At<'_>, problems: &mut Problems) {
    mode(&at.get("defaultMode"), problems);
    let mut paths = BTreeSet::new();
    for source in at.get("sources").items() {
        let mut count = 0;
        for name in ["secret", "configMap"] {
            let part = source.get(name);
            if !part.is_set() {
                continue;
            }
            count += 1;
            if part.get("name").is_empty() {
                problems.required(&part.get("name"), "");
            }
            for item in part.get("items").items() {
                key_to_path(&item, problems);
                let path = item.get("path").text();
                if !path.is_empty() && !paths.insert(path.to_owned()) {
                    let name = part.get("name").text();
                    problems.invalid_as(at, name, "conflicting duplicate paths");
                }
            }
        }
        let fields = source.get("downwardAPI");
        if fields.is_set() {
            count += 1;
            for file in fields.get("items").items() {
                file_of_pod(&file.told_at(&*fields.path), problems);
                let path = file.get("path").text();
                if !path.is_empty() && !paths.insert(path.to_owned()) {
                    problems.invalid_as(at, path, "conflicting duplicate paths");
                }
            }
        }
        let token = source.get("serviceAccountToken");
        if token.is_set() {
            count += 1;
            self::token(&token, at, problems);
        }
        let bundle = source.get("clusterTrustBundle");
        if bundle.is_set() {
            count += 1;
            trust_bundle(&bundle, problems);
        }
        count += usize::from(source.get("podCertificate").is_set());
        if count > 1 {
            let detail = "may not specify more than 1 volume type per source";
            problems.forbidden(&source, detail);
        }
    }
}

fn token(at: &At<'_>, volume: &At<'_>, problems: &mut Problems) {
    let seconds = at.get("expirationSeconds");
    if seconds.number() < TOKEN_SECONDS_MIN {
        let detail = "may not specify a duration less than 10 minutes";
        problems.invalid_as(&seconds, seconds.number(), detail);
    }
    if seconds.number() > TOKEN_SECONDS_MAX {
        let detail = "may not specify a duration larger than 2^32 seconds";
        problems.invalid(&seconds, detail);
    }
    // Upstream tells this as a field of the volume.
    let path = at.get("path").told_at(volume.get("path").path);
    if path.is_empty() {
        problems.required(&path, "");
    } else {
        problems.unreserved_path(&path);
    }
}

fn trust_bundle(at: &At<'_>, problems: &mut Problems) {
    let (name, signer) = (at.get("name"), at.get("signerName"));
    match (name.is_set(), signer.is_set()) {
        (true, true) => problems.invalid(at, "only one of name and signerName may be used"),
        (true, false) if name.is_empty() => {
            problems.required(&name, "must be a valid object name");
        }
        (false, true) => {
            if signer.is_empty() {
                problems.required(&signer, "must be a valid signer name");
            }
            labels::selector(&at.get("labelSelector"), problems);
        }
        (false, false) => problems.required(at, "either name or signerName must be specified"),
        _ => {}
    }
    if at.get("path").is_empty() {
        problems.required(&at.get("path"), "");
    }
    problems.unreserved_path(&at.get("path"));
}

//! Volumes of a pod: folders of the state folder that are mounted into its containers.
//!
//! Files come from ConfigMaps, Secrets and fields of the pod when the pod starts; later changes of those reach the pods
//! that start later. Kinds of volumes that this machine does not have are refused with their name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, KeyToPath, Pod, Volume, VolumeMount, VolumeProjection,
};

use super::environment::{Objects, field};
use crate::internal::supervise::Mount;

/// Mode of files when nothing else is said.
const MODE: i32 = 0o644;

/// A file to be: its place in the volume, its content and its mode.
type Files = BTreeMap<String, (Vec<u8>, i32)>;

/// Makes the folders of all volumes of the pod below `folder`.
///
/// # Errors
/// A sentence that names what is missing or not possible here.
pub(super) async fn prepare(objects: &Objects<'_>, folder: &Path) -> Result<(), String> {
    let volumes = objects.pod.spec.as_ref().and_then(|s| s.volumes.clone());
    for volume in volumes.unwrap_or_default() {
        let place = folder.join(&volume.name);
        let files = files_of(objects, &volume)
            .await
            .map_err(|problem| format!("volume \"{}\": {problem}", volume.name))?;
        write(&place, files)
            .map_err(|error| format!("volume \"{}\": {}: {error}", volume.name, place.display()))?;
    }
    Ok(())
}

/// Why a volume cannot be had on this machine; `None` when it can.
pub(super) fn unsupported(volume: &Volume) -> Option<String> {
    let known = volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.empty_dir.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some();
    (!known).then(|| {
        let kind = serde_json::to_value(volume)
            .ok()
            .and_then(|value| {
                let object = value.as_object()?.clone();
                object.into_iter().map(|(key, _)| key).find(|key| key != "name")
            })
            .unwrap_or_else(|| "its kind".to_owned());
        format!(
            "volume \"{}\": {kind} is not supported on this machine; configMap, secret, emptyDir, downwardAPI and \
             projected are",
            volume.name
        )
    })
}

async fn files_of(objects: &Objects<'_>, volume: &Volume) -> Result<Option<Files>, String> {
    if let Some(source) = &volume.config_map {
        let values = objects
            .config_map(&source.name, source.optional == Some(true))
            .await?;
        let mode = source.default_mode.unwrap_or(MODE);
        let optional = source.optional == Some(true);
        return chosen(values, source.items.as_deref(), mode, optional).map(Some);
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.clone().unwrap_or_default();
        let optional = source.optional == Some(true);
        let values = objects.secret(&name, optional).await?;
        let mode = source.default_mode.unwrap_or(MODE);
        return chosen(values, source.items.as_deref(), mode, optional).map(Some);
    }
    if let Some(source) = &volume.downward_api {
        let mode = source.default_mode.unwrap_or(MODE);
        return fields(objects.pod, source.items.as_deref(), mode).map(Some);
    }
    if let Some(source) = &volume.projected {
        let mode = source.default_mode.unwrap_or(MODE);
        let mut all = Files::new();
        for projection in source.sources.iter().flatten() {
            all.extend(projected(objects, projection, mode).await?);
        }
        return Ok(Some(all));
    }
    if volume.empty_dir.is_some() {
        return Ok(None);
    }
    Err(unsupported(volume).unwrap_or_default())
}

async fn projected(
    objects: &Objects<'_>,
    projection: &VolumeProjection,
    mode: i32,
) -> Result<Files, String> {
    if let Some(source) = &projection.config_map {
        let optional = source.optional == Some(true);
        let values = objects.config_map(&source.name, optional).await?;
        return chosen(values, source.items.as_deref(), mode, optional);
    }
    if let Some(source) = &projection.secret {
        let optional = source.optional == Some(true);
        let values = objects.secret(&source.name, optional).await?;
        return chosen(values, source.items.as_deref(), mode, optional);
    }
    if let Some(source) = &projection.downward_api {
        return fields(objects.pod, source.items.as_deref(), mode);
    }
    Err("only configMap, secret and downwardAPI can be projected on this machine".to_owned())
}

/// The entries that are named, at their places; all when none is named.
fn chosen(
    mut values: BTreeMap<String, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    mode: i32,
    optional: bool,
) -> Result<Files, String> {
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        let all = values.into_iter();
        return Ok(all.map(|(key, value)| (key, (value, mode))).collect());
    };
    let mut files = Files::new();
    for item in items {
        match values.remove(&item.key) {
            Some(value) => {
                let mode = item.mode.unwrap_or(mode);
                files.insert(item.path.clone(), (value, mode));
            }
            None if optional => {}
            None => return Err(format!("references non-existent key: {}", item.key)),
        }
    }
    Ok(files)
}

fn fields(pod: &Pod, items: Option<&[DownwardAPIVolumeFile]>, mode: i32) -> Result<Files, String> {
    let mut files = Files::new();
    for item in items.unwrap_or_default() {
        let Some(reference) = &item.field_ref else {
            return Err(format!(
                "\"{}\": resourceFieldRef is not supported on this machine",
                item.path
            ));
        };
        let value = field(pod, &reference.field_path)?;
        let mode = item.mode.unwrap_or(mode);
        files.insert(item.path.clone(), (value.into_bytes(), mode));
    }
    Ok(files)
}

/// Writes the files of a volume; without any the folder is the pod's own to fill.
fn write(place: &Path, files: Option<Files>) -> io::Result<()> {
    fs::create_dir_all(place)?;
    let Some(files) = files else {
        return fs::set_permissions(place, fs::Permissions::from_mode(0o777));
    };
    for (path, (content, mode)) in files {
        let inner = Path::new(&path);
        let sound = inner
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !sound {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("'{path}' leaves the volume"),
            ));
        }
        let file = place.join(inner);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, content)?;
        let mode = u32::try_from(mode).unwrap_or(0o644);
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The mounts of a container, from the folders of the pod's volumes.
pub(super) fn mounts(
    pod: &Pod,
    container: &Container,
    folder: &Path,
) -> Result<Vec<Mount>, String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref());
    let volumes = volumes.unwrap_or_default();
    let mounts = container.volume_mounts.iter().flatten();
    mounts
        .map(|mount| {
            let volume = volumes
                .iter()
                .find(|volume| volume.name == mount.name)
                .ok_or_else(|| format!("the pod has no volume \"{}\"", mount.name))?;
            Ok(Mount {
                source: source(mount, folder)?,
                target: mount.mount_path.clone(),
                // As upstream: only folders of the pod's own can be written to.
                read_only: mount.read_only == Some(true) || volume.empty_dir.is_none(),
            })
        })
        .collect()
}

fn source(mount: &VolumeMount, folder: &Path) -> Result<PathBuf, String> {
    let place = folder.join(&mount.name);
    if mount.sub_path_expr.is_some() {
        return Err(format!(
            "volume \"{}\": subPathExpr is not supported on this machine",
            mount.name
        ));
    }
    let Some(below) = mount.sub_path.as_deref().filter(|below| !below.is_empty()) else {
        return Ok(place);
    };
    let inner = Path::new(below);
    let sound = inner
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !sound {
        return Err(format!(
            "volume \"{}\": subPath '{below}' leaves the volume",
            mount.name
        ));
    }
    let source = place.join(inner);
    if !source.exists() {
        fs::create_dir_all(&source).map_err(|error| format!("{}: {error}", source.display()))?;
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn volume(value: serde_json::Value) -> Volume {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_this_machine_does_not_have_is_named() {
        let claim = volume(json!({"name": "data", "persistentVolumeClaim": {"claimName": "c"}}));
        let said = unsupported(&claim).unwrap();
        assert!(
            said.starts_with("volume \"data\": persistentVolumeClaim is not supported"),
            "{said}"
        );
        assert_eq!(
            unsupported(&volume(json!({"name": "x", "emptyDir": {}}))),
            None
        );
    }

    #[test]
    fn items_choose_and_rename_and_must_be_there() {
        let values = || BTreeMap::from([("a".to_owned(), b"1".to_vec())]);
        let item = |key: &str| -> Vec<KeyToPath> {
            vec![serde_json::from_value(json!({"key": key, "path": "x/y", "mode": 256})).unwrap()]
        };
        let files = chosen(values(), Some(&item("a")), MODE, false).unwrap();
        assert_eq!(files["x/y"], (b"1".to_vec(), 256));
        assert!(chosen(values(), Some(&item("b")), MODE, false).is_err());
        assert_eq!(
            chosen(values(), Some(&item("b")), MODE, true).unwrap(),
            Files::new()
        );
    }

    #[test]
    fn a_file_never_leaves_its_volume() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::from([("../out".to_owned(), (Vec::new(), MODE))]);
        assert!(write(&dir.path().join("v"), Some(files)).is_err());
        assert!(!dir.path().join("out").exists());
    }
}

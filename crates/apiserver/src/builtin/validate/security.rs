//! Security contexts of pods and containers.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go` (`validatePodSpecSecurityContext`,
//! `ValidateSecurityContext`), v1.36. Differs: options for Windows are not checked.

use std::collections::BTreeSet;

use serde_json::Value;

use super::at::At;
use super::problems::Problems;

const IDENTITY: &str = "must be between 0 and 2147483647, inclusive";
const PROFILE_MAX_BYTES: usize = 4095;
const SYSCTL_MAX_BYTES: usize = 253;

fn identity(at: &At<'_>, problems: &mut Problems) {
    if !(0..=i64::from(i32::MAX)).contains(&at.number()) {
        problems.invalid(at, IDENTITY);
    }
}

/// The context of a pod.
pub(super) fn pod(spec: &At<'_>, problems: &mut Problems) {
    let at = spec.get("securityContext");
    for field in ["fsGroup", "runAsUser", "runAsGroup"] {
        identity(&at.get(field), problems);
    }
    for group in at.get("supplementalGroups").items() {
        identity(&group, problems);
    }
    if spec.get("shareProcessNamespace").is_true() && spec.get("hostPID").is_true() {
        let shared = spec
            .get("shareProcessNamespace")
            .told_at(at.get("shareProcessNamespace").path);
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        problems.invalid(&shared, detail);
    }
    kernel_parameters(&at.get("sysctls"), problems);
    for (field, values) in [
        ("fsGroupChangePolicy", &["Always", "OnRootMismatch"]),
        ("supplementalGroupsPolicy", &["Merge", "Strict"]),
        ("seLinuxChangePolicy", &["MountOption", "Recursive"]),
    ] {
        let policy = at.get(field);
        if policy.is_set() {
            problems.known(&policy, values);
        }
        if field == "fsGroupChangePolicy" {
            seccomp(&at.get("seccompProfile"), problems);
            app_armor(&at.get("appArmorProfile"), problems);
        }
    }
}

/// The context of a container; `host_users` when its users are those of the host.
pub(super) fn container(at: &At<'_>, host_users: bool, problems: &mut Problems) {
    if !at.is_set() {
        return;
    }
    for field in ["runAsUser", "runAsGroup"] {
        identity(&at.get(field), problems);
    }
    let mount = at.get("procMount");
    if mount.is_set() {
        problems.known(&mount, &["Default", "Unmasked"]);
        if host_users && mount.text() == "Unmasked" {
            problems.invalid(&mount, "`hostUsers` must be false to use `Unmasked`");
        }
    }
    seccomp(&at.get("seccompProfile"), problems);
    if at.get("allowPrivilegeEscalation").value == &Value::Bool(false) {
        if at.get("privileged").is_true() {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            problems.invalid(at, detail);
        }
        let added = at.get("capabilities").get("add");
        if added.items().any(|one| one.text() == "CAP_SYS_ADMIN") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` \
                 CAP_SYS_ADMIN";
            problems.invalid(at, detail);
        }
    }
    app_armor(&at.get("appArmorProfile"), problems);
}

fn seccomp(at: &At<'_>, problems: &mut Problems) {
    if !at.is_set() {
        return;
    }
    let (kind, profile) = (at.get("type"), at.get("localhostProfile"));
    if kind.is_empty() {
        problems.required(&kind, "type is required when seccompProfile is set");
    } else {
        problems.known(&kind, &["Localhost", "RuntimeDefault", "Unconfined"]);
    }
    if kind.text() != "Localhost" {
        if profile.is_set() {
            let detail = "can only be set when seccomp type is Localhost";
            problems.invalid_as(&profile, at.value.clone(), detail);
        }
    } else if profile.is_set() {
        problems.descending_path(&profile);
    } else {
        problems.required(&profile, "must be set when seccomp type is Localhost");
    }
}

fn app_armor(at: &At<'_>, problems: &mut Problems) {
    if !at.is_set() {
        return;
    }
    const MISSING: &str = "must be set when AppArmor type is Localhost";
    let (kind, profile) = (at.get("type"), at.get("localhostProfile"));
    match kind.text() {
        "Localhost" if !profile.is_set() => problems.required(&profile, MISSING),
        "Localhost" => {
            if profile.text().trim() != profile.text() {
                problems.invalid(&profile, "must not be padded with whitespace");
            } else if profile.is_empty() {
                problems.required(&profile, MISSING);
            }
            if profile.len() > PROFILE_MAX_BYTES {
                problems.too_long(&profile, PROFILE_MAX_BYTES);
            }
        }
        "RuntimeDefault" | "Unconfined" if profile.is_set() => {
            let detail = "can only be set when AppArmor type is Localhost";
            problems.invalid(&profile, detail);
        }
        "RuntimeDefault" | "Unconfined" => {}
        "" => problems.required(&kind, "type is required when appArmorProfile is set"),
        _ => problems.not_supported(&kind, &["Localhost", "RuntimeDefault", "Unconfined"]),
    }
}

fn kernel_parameters(at: &At<'_>, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for parameter in at.items() {
        let name = parameter.get("name");
        if name.is_empty() {
            problems.required(&name, "");
        } else if !is_kernel_parameter(name.text()) {
            let detail = format!(
                "must have at most {SYSCTL_MAX_BYTES} characters and match regex \
                 ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
            );
            problems.invalid(&name, detail);
        } else if !seen.insert(name.text()) {
            problems.duplicate(&name);
        }
    }
}

fn is_kernel_parameter(name: &str) -> bool {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_segment = |segment: &str| {
        let bytes = segment.as_bytes();
        bytes.first().is_some_and(is_edge)
            && bytes.last().is_some_and(is_edge)
            && bytes
                .iter()
                .all(|byte| is_edge(byte) || b"-_".contains(byte))
    };
    name.len() <= SYSCTL_MAX_BYTES && name.split(['.', '/']).all(is_segment)
}

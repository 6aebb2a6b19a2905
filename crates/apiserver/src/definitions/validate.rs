//! Which definitions are accepted, apart from their schemas.
//!
//! Source: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`, v1.36.

use serde_json::Value;

use crate::catalogue::template;
use crate::error::FieldError;
use crate::names;
use crate::schema::{Structural, check_definition_schema};

/// Problems of a definition; `old` is `None` on create.
pub(crate) fn validate(definition: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = vec![];
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let name = text(&definition["metadata"]["name"]);
    if name != format!("{plural}.{group}") {
        errors.push(FieldError::invalid(
            "metadata.name",
            name,
            "must be spec.names.plural+\".\"+spec.group",
        ));
    }
    validate_group(&group, &mut errors);
    match spec["scope"].as_str().unwrap_or_default() {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => errors.push(FieldError::not_supported(
            "spec.scope",
            other,
            &["Cluster", "Namespaced"],
        )),
    }
    validate_names(&spec["names"], &mut errors);
    validate_versions(spec, &mut errors);
    validate_conversion(&spec["conversion"], &mut errors);
    if spec["preserveUnknownFields"] == true {
        errors.push(FieldError::invalid(
            "spec.preserveUnknownFields",
            true,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in \
             spec.versions[*].schema instead",
        ));
    }
    if let Some(old) = old {
        validate_changes(spec, &old["spec"], &old["status"], definition, &mut errors);
    }
    errors
}

fn validate_group(group: &str, errors: &mut Vec<FieldError>) {
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
        return;
    }
    let problems = names::dns1123_subdomain(group);
    errors.extend(
        problems
            .into_iter()
            .map(|p| FieldError::invalid("spec.group", group, p)),
    );
    if !group.contains('.') {
        errors.push(FieldError::invalid(
            "spec.group",
            group,
            "should be a domain with at least one dot",
        ));
    }
}

fn validate_names(given: &Value, errors: &mut Vec<FieldError>) {
    let text = |field: &str| given[field].as_str().unwrap_or_default().to_owned();
    let mut check = |field: &str, name: &str, required: bool, lower: bool| {
        let path = format!("spec.names.{field}");
        if name.is_empty() {
            if required {
                errors.push(FieldError::required(path, ""));
            }
            return;
        }
        let checked = if lower {
            name.to_owned()
        } else {
            name.to_lowercase()
        };
        let problems = names::dns1035_label(&checked);
        if !problems.is_empty() {
            errors.push(FieldError::invalid(path, name, problems.join(",")));
        }
    };
    check("plural", &text("plural"), true, true);
    check("singular", &text("singular"), false, true);
    check("kind", &text("kind"), true, false);
    check("listKind", &text("listKind"), true, false);
    for (list, field) in [("shortNames", "shortNames"), ("categories", "categories")] {
        for (index, name) in given[list].as_array().into_iter().flatten().enumerate() {
            let name = name.as_str().unwrap_or_default();
            check(&format!("{field}[{index}]"), name, true, true);
        }
    }
    if !text("kind").is_empty() && text("kind") == text("listKind") {
        errors.push(FieldError::invalid(
            "spec.names.listKind",
            text("listKind"),
            "kind and listKind may not be the same",
        ));
    }
}

fn validate_versions(spec: &Value, errors: &mut Vec<FieldError>) {
    const PATH: &str = "spec.versions";
    let versions: Vec<&Value> = spec["versions"].as_array().into_iter().flatten().collect();
    if versions.is_empty() {
        errors.push(FieldError::invalid(
            PATH,
            spec["versions"].clone(),
            "must have at least one version",
        ));
        return;
    }
    let mut seen: Vec<&str> = vec![];
    // Upstream reports problems of a schema that all versions share where it once stood alone.
    let shared = versions
        .iter()
        .all(|version| version["schema"] == versions[0]["schema"]);
    for (index, version) in versions.iter().enumerate() {
        let path = format!("{PATH}[{index}]");
        let name = version["name"].as_str().unwrap_or_default();
        let problems = names::dns1035_label(name);
        if !problems.is_empty() {
            errors.push(FieldError::invalid(
                format!("{path}.name"),
                name,
                problems.join(","),
            ));
        }
        if seen.contains(&name) {
            errors.push(FieldError::invalid(
                PATH,
                name,
                "must contain unique version names",
            ));
        }
        seen.push(name);
        let schema = &version["schema"]["openAPIV3Schema"];
        if !schema.is_object() {
            errors.push(FieldError::required(
                format!("{path}.schema.openAPIV3Schema"),
                "schemas are required",
            ));
        } else if index == 0 || !shared {
            let at = if shared {
                "spec.validation.openAPIV3Schema".to_owned()
            } else {
                format!("{path}.schema.openAPIV3Schema")
            };
            let problems = check_definition_schema(schema, &at);
            if problems.is_empty()
                && let Err(found) = Structural::compile(schema, &at)
            {
                errors.extend(found);
            }
            errors.extend(problems);
        }
        validate_scale(&version["subresources"]["scale"], &path, errors);
        validate_columns(&version["additionalPrinterColumns"], &path, errors);
    }
    let stored = versions
        .iter()
        .filter(|version| version["storage"] == true)
        .count();
    if stored != 1 {
        errors.push(FieldError::invalid(
            PATH,
            spec["versions"].clone(),
            "must have exactly one version marked as storage version",
        ));
    }
}

fn validate_scale(scale: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if scale.is_null() {
        return;
    }
    for (field, root, required) in [
        ("specReplicasPath", ".spec.", true),
        ("statusReplicasPath", ".status.", true),
        ("labelSelectorPath", "", false),
    ] {
        let path = format!("{path}.subresources.scale.{field}");
        let text = scale[field].as_str().unwrap_or_default();
        if text.is_empty() {
            if required {
                errors.push(FieldError::required(path, ""));
            }
            continue;
        }
        let simple = text.starts_with('.') && !text.contains(['[', ']', '*', '?', '$']);
        if !simple {
            errors.push(FieldError::invalid(
                path,
                text,
                "must be a simple json path starting with .",
            ));
        } else if !root.is_empty() && !text.starts_with(root) {
            errors.push(FieldError::invalid(
                path,
                text,
                format!("should be a json path under {}", root.trim_end_matches('.')),
            ));
        }
    }
}

fn validate_columns(columns: &Value, path: &str, errors: &mut Vec<FieldError>) {
    for (index, column) in columns.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.additionalPrinterColumns[{index}]");
        if column["name"].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(format!("{path}.name"), ""));
        }
        match column["type"].as_str().unwrap_or_default() {
            "" => errors.push(FieldError::required(
                format!("{path}.type"),
                "must be one of boolean,date,integer,number,string",
            )),
            "integer" | "number" | "string" | "boolean" | "date" => {}
            other => errors.push(FieldError::invalid(
                format!("{path}.type"),
                other,
                "must be one of boolean,date,integer,number,string",
            )),
        }
        match column["jsonPath"].as_str().unwrap_or_default() {
            "" => errors.push(FieldError::required(format!("{path}.jsonPath"), "")),
            text => {
                if let Err(error) = template(text) {
                    errors.push(FieldError::invalid(
                        format!("{path}.jsonPath"),
                        text,
                        error.to_string(),
                    ));
                }
            }
        }
    }
}

fn validate_conversion(conversion: &Value, errors: &mut Vec<FieldError>) {
    match conversion["strategy"].as_str() {
        None | Some("None") => {}
        // Not converting would hand out objects in the wrong shape, so it is refused.
        Some("Webhook") => errors.push(FieldError::invalid(
            "spec.conversion.strategy",
            "Webhook",
            "this server does not call conversion webhooks; serve one version, or use None",
        )),
        Some(other) => errors.push(FieldError::not_supported(
            "spec.conversion.strategy",
            other,
            &["None", "Webhook"],
        )),
    }
}

fn validate_changes(
    spec: &Value,
    old: &Value,
    old_status: &Value,
    definition: &Value,
    errors: &mut Vec<FieldError>,
) {
    const IMMUTABLE: &str = "field is immutable";
    if spec["group"] != old["group"] {
        errors.push(FieldError::invalid(
            "spec.group",
            spec["group"].clone(),
            IMMUTABLE,
        ));
    }
    let established = old_status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "Established" && c["status"] == "True");
    if established {
        for (field, value, before) in [
            ("spec.scope", &spec["scope"], &old["scope"]),
            (
                "spec.names.plural",
                &spec["names"]["plural"],
                &old["names"]["plural"],
            ),
            (
                "spec.names.kind",
                &spec["names"]["kind"],
                &old["names"]["kind"],
            ),
        ] {
            if value != before {
                errors.push(FieldError::invalid(field, value.clone(), IMMUTABLE));
            }
        }
    }
    let names: Vec<&Value> = spec["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|version| &version["name"])
        .collect();
    let stored = definition["status"]["storedVersions"].as_array();
    for (index, version) in stored.into_iter().flatten().enumerate() {
        if !names.contains(&version) {
            errors.push(FieldError::invalid(
                format!("status.storedVersions[{index}]"),
                version.clone(),
                "missing from spec.versions; it was previously a storage version, and must remain \
                 in spec.versions until a storage migration ensures no data remains persisted in it \
                 and removes it from status.storedVersions",
            ));
        }
    }
}

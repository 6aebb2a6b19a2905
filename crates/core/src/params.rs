//! Parameters: who may override whom.
//!
//! Source: cartographer pkg/realizer/params.go.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A parameter of a blueprint or of one of its resources.
#[derive(Clone, Debug, PartialEq)]
pub struct BlueprintParam {
    /// Name.
    pub name: String,
    /// What it is set to.
    pub setting: Setting,
}

/// How a blueprint sets a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// The owner cannot override it.
    Value(Value),
    /// The owner can override it.
    Default(Value),
    /// Neither was given (`null` is pruned on its way in); the original crashes on it.
    Nothing,
}

/// Merges the four levels, the later over the earlier: template defaults, blueprint, resource,
/// owner. The owner overrides a name unless the last of blueprint and resource that mentions it
/// gave a `value`.
pub(crate) fn merge(
    template: &[(String, Value)],
    blueprint: &[BlueprintParam],
    resource: &[BlueprintParam],
    owner: &[(String, Value)],
) -> Map<String, Value> {
    let mut merged: Map<String, Value> = template.iter().cloned().collect();
    let mut protected = BTreeSet::new();
    for param in blueprint.iter().chain(resource) {
        match &param.setting {
            Setting::Value(value) => {
                merged.insert(param.name.clone(), value.clone());
                protected.insert(&param.name);
            }
            Setting::Default(value) => {
                merged.insert(param.name.clone(), value.clone());
                protected.remove(&param.name);
            }
            Setting::Nothing => {}
        }
    }
    for (name, value) in owner {
        if !protected.contains(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged
}

/// Returns the name of the first parameter that has neither value nor default.
pub(crate) fn unset<'a>(mut params: impl Iterator<Item = &'a BlueprintParam>) -> Option<&'a str> {
    params
        .find(|param| param.setting == Setting::Nothing)
        .map(|param| param.name.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each level is `-` (silent), `v` (value) or `d` (default); the result names the level.
    fn winner(blueprint: char, resource: char, owner: bool) -> String {
        let level = |mark: char, text: &str| -> Vec<BlueprintParam> {
            let setting = match mark {
                'v' => Setting::Value(json!(text)),
                'd' => Setting::Default(json!(text)),
                _ => return vec![],
            };
            vec![BlueprintParam {
                name: "p".into(),
                setting,
            }]
        };
        let owner = if owner {
            vec![("p".into(), json!("owner"))]
        } else {
            vec![]
        };
        let template = [("p".into(), json!("template"))];
        let merged = merge(
            &template,
            &level(blueprint, "blueprint"),
            &level(resource, "resource"),
            &owner,
        );
        merged["p"]
            .as_str()
            .expect("set by the template at least")
            .to_owned()
    }

    #[test]
    fn all_eighteen_combinations() {
        let cases = [
            ('-', '-', false, "template"),
            ('-', '-', true, "owner"),
            ('-', 'd', false, "resource"),
            ('-', 'd', true, "owner"),
            ('-', 'v', false, "resource"),
            ('-', 'v', true, "resource"),
            ('d', '-', false, "blueprint"),
            ('d', '-', true, "owner"),
            ('d', 'd', false, "resource"),
            ('d', 'd', true, "owner"),
            ('d', 'v', false, "resource"),
            ('d', 'v', true, "resource"),
            ('v', '-', false, "blueprint"),
            ('v', '-', true, "blueprint"),
            ('v', 'd', false, "resource"),
            ('v', 'd', true, "owner"),
            ('v', 'v', false, "resource"),
            ('v', 'v', true, "resource"),
        ];
        for (blueprint, resource, owner, expected) in cases {
            let got = winner(blueprint, resource, owner);
            assert_eq!(
                got, expected,
                "blueprint {blueprint} resource {resource} owner {owner}"
            );
        }
    }

    #[test]
    fn parameters_unknown_to_the_template_are_kept() {
        let merged = merge(&[], &[], &[], &[("extra".into(), json!({"a": 1}))]);
        assert_eq!(merged["extra"], json!({"a": 1}));
    }
}

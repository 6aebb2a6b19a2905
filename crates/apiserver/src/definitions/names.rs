//! Names within a group must be unique; the first definition keeps them.
//!
//! Source: apiextensions-apiserver `pkg/controller/status/naming_controller.go`, v1.36.

use std::collections::BTreeSet;

use serde_json::Value;

/// A name that another definition of the group has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameConflict {
    /// `PluralConflict` and the like.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The first name of `definition` that one of `others`, which were accepted before, already has.
pub(crate) fn conflicts(definition: &Value, others: &[&Value]) -> Option<NameConflict> {
    let group = &definition["spec"]["group"];
    let mut words: BTreeSet<&str> = BTreeSet::new();
    let mut kinds: BTreeSet<&str> = BTreeSet::new();
    for other in others {
        if other["spec"]["group"] != *group
            || other["metadata"]["name"] == definition["metadata"]["name"]
        {
            continue;
        }
        let names = &other["status"]["acceptedNames"];
        words.extend(names["plural"].as_str());
        words.extend(names["singular"].as_str());
        words.extend(
            names["shortNames"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
        kinds.extend(names["kind"].as_str());
        kinds.extend(names["listKind"].as_str());
    }
    let names = &definition["spec"]["names"];
    let taken = |name: &Value, set: &BTreeSet<&str>| -> Option<String> {
        let name = name.as_str().filter(|name| !name.is_empty())?;
        set.contains(name)
            .then(|| format!("\"{name}\" is already in use"))
    };
    let conflict = |reason, message| NameConflict { reason, message };
    if let Some(message) = taken(&names["plural"], &words) {
        return Some(conflict("PluralConflict", message));
    }
    if let Some(message) = taken(&names["singular"], &words) {
        return Some(conflict("SingularConflict", message));
    }
    for short in names["shortNames"].as_array().into_iter().flatten() {
        if let Some(message) = taken(short, &words) {
            return Some(conflict("ShortNamesConflict", message));
        }
    }
    if let Some(message) = taken(&names["kind"], &kinds) {
        return Some(conflict("KindConflict", message));
    }
    taken(&names["listKind"], &kinds).map(|message| conflict("ListKindConflict", message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_definition_keeps_its_names() {
        let one = json!({"metadata": {"name": "as.g"}, "spec": {"group": "g"},
            "status": {"acceptedNames": {"plural": "as", "singular": "a", "shortNames": ["x"],
                "kind": "A", "listKind": "AList"}}});
        let other = |group: &str, names: Value| json!({"metadata": {"name": "bs.g"}, "spec": {"group": group, "names": names}});
        let found = conflicts(
            &other("g", json!({"plural": "bs", "shortNames": ["x"]})),
            &[&one],
        );
        assert_eq!(found.unwrap().reason, "ShortNamesConflict");
        let found = conflicts(&other("g", json!({"plural": "bs", "kind": "A"})), &[&one]).unwrap();
        assert_eq!(
            (found.reason, &*found.message),
            ("KindConflict", "\"A\" is already in use")
        );
        assert_eq!(
            conflicts(&other("h", json!({"plural": "as"})), &[&one]),
            None
        );
        assert_eq!(conflicts(&one, &[&one]), None);
    }
}

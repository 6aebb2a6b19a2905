//! Names within a group must be unique; who had a name first keeps it.
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

/// The names that `definition` may have besides `others`, and the last that it may not have.
pub(crate) fn accept(definition: &Value, others: &[&Value]) -> (Value, Option<NameConflict>) {
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
        words.extend(list(&names["shortNames"]));
        kinds.extend(names["kind"].as_str());
        kinds.extend(names["listKind"].as_str());
    }
    let wanted = &definition["spec"]["names"];
    let mut accepted = definition["status"]["acceptedNames"].clone();
    let mut conflict = None;
    for (field, reason, taken) in [
        ("plural", "PluralConflict", &words),
        ("singular", "SingularConflict", &words),
        ("shortNames", "ShortNamesConflict", &words),
        ("kind", "KindConflict", &kinds),
        ("listKind", "ListKindConflict", &kinds),
    ] {
        match in_use(&wanted[field], &accepted[field], taken) {
            Some(message) => conflict = Some(NameConflict { reason, message }),
            None => set(&mut accepted, field, &wanted[field]),
        }
    }
    set(&mut accepted, "categories", &wanted["categories"]);
    (accepted, conflict)
}

fn list(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// What of one or several names is taken and was not accepted before.
fn in_use(wanted: &Value, accepted: &Value, taken: &BTreeSet<&str>) -> Option<String> {
    let wanted: Vec<&str> = wanted.as_str().into_iter().chain(list(wanted)).collect();
    let mine: Vec<&str> = accepted
        .as_str()
        .into_iter()
        .chain(list(accepted))
        .collect();
    let lost: Vec<String> = wanted
        .into_iter()
        .filter(|name| !name.is_empty() && !mine.contains(name) && taken.contains(name))
        .map(|name| format!("\"{name}\" is already in use"))
        .collect();
    match lost.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("[{}]", several.join(", "))),
    }
}

fn set(names: &mut Value, field: &str, value: &Value) {
    if value.is_null() {
        if let Some(names) = names.as_object_mut() {
            names.remove(field);
        }
    } else {
        names[field] = value.clone();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_was_first_keeps_the_name() {
        let one = json!({"metadata": {"name": "as.g"}, "spec": {"group": "g"},
            "status": {"acceptedNames": {"plural": "as", "singular": "a", "shortNames": ["x", "y"],
                "kind": "A", "listKind": "AList"}}});
        let check = |group: &str, names: Value, reason: Option<&str>, message: &str, got: Value| {
            let other =
                json!({"metadata": {"name": "bs.g"}, "spec": {"group": group, "names": names}});
            let (accepted, conflict) = accept(&other, &[&one]);
            assert_eq!(accepted, got);
            assert_eq!(conflict.as_ref().map(|c| c.reason), reason);
            assert_eq!(conflict.map(|c| c.message).unwrap_or_default(), message);
        };
        check(
            "g",
            json!({"plural": "bs", "shortNames": ["x", "y", "z"]}),
            Some("ShortNamesConflict"),
            "[\"x\" is already in use, \"y\" is already in use]",
            json!({"plural": "bs"}),
        );
        check(
            "g",
            json!({"plural": "bs", "singular": "a", "kind": "A"}),
            Some("KindConflict"),
            "\"A\" is already in use",
            json!({"plural": "bs"}),
        );
        let names = json!({"plural": "as", "kind": "A"});
        check("h", names.clone(), None, "", names);
        assert_eq!(accept(&one, &[&one]).1, None);
    }
}

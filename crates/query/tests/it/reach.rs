//! Whether a path may depend on a field.

use carto_query::Path;

#[test]
fn a_path_that_leads_elsewhere_cannot_reach_a_field() {
    for path in [
        ".status.url",
        "data.managedFields",
        "metadata.name",
        "{.metadata.labels['managedFields']}",
        ".status.conditions[?(@.type==\"Ready\")].status",
        ".spec..managedFields",
        "{.broken",
    ] {
        let path = Path::new(path);
        assert!(!path.may_reach(&["metadata", "managedFields"]), "{path:?}");
    }
}

#[test]
fn a_path_that_leads_there_or_may_is_taken_to_reach_it() {
    for path in [
        ".metadata.managedFields[0].manager",
        ".metadata",
        "{.metadata.*}",
        "{.*}",
        "{..managedFields}",
        "{.metadata..manager}",
        "{.spec.url} {.metadata.managedFields}",
        "{.spec.items[?(@.a == $.metadata.managedFields)]}",
    ] {
        let path = Path::new(path);
        assert!(path.may_reach(&["metadata", "managedFields"]), "{path:?}");
    }
}

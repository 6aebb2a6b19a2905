//! What a watch event is about, without reading the object: most events are echoes of our own writes.

use std::borrow::Cow;

use serde::Deserialize;

/// Which object, at which version.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Glance<'a> {
    /// Empty at cluster scope.
    #[serde(borrow)]
    pub(crate) namespace: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) uid: Cow<'a, str>,
    #[serde(borrow, rename = "resourceVersion")]
    pub(crate) version: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Glance<'a>,
}

impl<'a> Glance<'a> {
    /// What a line says was added or changed; `None` of any other line, those included that cannot be read.
    pub(super) fn at_change(line: &'a [u8]) -> Option<Self> {
        let event: Event<'a> = serde_json::from_slice(line).ok()?;
        matches!(&*event.kind, "ADDED" | "MODIFIED").then_some(event.object.metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_which_object_and_nothing_is_copied() {
        let line = br#"{"type":"MODIFIED","object":{"kind":"K","metadata":{"managedFields":[{"f":{}}],
            "name":"n","namespace":"ns","resourceVersion":"7","uid":"u"},"spec":{"metadata":{"name":"other"}}}}"#;
        let glance = Glance::at_change(line).unwrap();
        assert_eq!(
            [
                &glance.namespace,
                &glance.name,
                &glance.uid,
                &glance.version
            ],
            ["ns", "n", "u", "7"]
        );
        assert!(matches!(glance.name, Cow::Borrowed("n")));
    }

    #[test]
    fn what_is_no_change_of_an_object_is_left_to_others() {
        for line in [
            r#"{"type":"DELETED","object":{"metadata":{"name":"n"}}}"#,
            r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#,
            r#"{"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410}}"#,
            r#"{"type":"ADDED","object":{"metadata":null}}"#,
            r#"{"type":"ADDED","object":{"metadata":{"name":"n"}}"#,
            "7",
        ] {
            assert_eq!(Glance::at_change(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn names_with_escapes_are_read_as_they_are_meant() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"name":"\u006e\n"}}}"#;
        assert_eq!(Glance::at_change(line).unwrap().name, "n\n");
    }
}

//! Denials equal those of the original's webhook.
//!
//! The cases were captured by running the webhook's own code (cartographer v0.8.10) over objects
//! of ours, one for each text that it can give. Reasons that come from Kubernetes are worded as in
//! its current release: lists print as JSON, not as Go.

use carto_core::validate::denial;
use serde_json::Value;

#[test]
fn denials_are_as_captured() {
    let mut denied = 0;
    for line in include_str!("../fixtures/webhook.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a captured line is JSON");
        let expected = case["denial"].as_str().map(str::to_owned);
        denied += usize::from(expected.is_some());
        assert_eq!(denial(&case["object"]), expected, "{}", case["object"]);
    }
    assert!(denied > 100, "{denied}");
}

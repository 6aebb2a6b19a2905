//! Requirements on fields, and the choice of the most specific selector. Source of the facts:
//! cartographer `pkg/selector`, v0.8.10, by running it.

use carto_query::labels::Expression;
use carto_query::requirement::FieldRequirement;
use carto_query::select::{OwnerSelector, best_matches};
use serde_json::{Value, json};

fn owner() -> Value {
    json!({
        "metadata": { "name": "shop", "labels": { "type": "web", "team": "blue" } },
        "spec": { "source": { "git": { "url": "u" } }, "image": null, "port": 8080, "on": true },
    })
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

#[test]
fn operators_hold_as_published() {
    for (key, operator, values, holds) in [
        ("metadata.name", "In", &["x", "shop"][..], Ok(true)),
        ("metadata.name", "In", &["x"], Ok(false)),
        ("metadata.name", "NotIn", &["x"], Ok(true)),
        ("metadata.name", "NotIn", &["shop"], Ok(false)),
        ("metadata.name", "Exists", &[], Ok(true)),
        ("metadata.name", "DoesNotExist", &[], Ok(false)),
        // Numbers and bools equal what they are written as.
        ("spec.port", "In", &["8080"], Ok(true)),
        ("spec.port", "NotIn", &["8080"], Ok(false)),
        ("spec.port", "In", &["8080.0"], Ok(false)),
        ("spec.on", "In", &["true"], Ok(true)),
        ("spec.source", "In", &["map[git:map[url:u]]"], Ok(false)),
        ("spec.source", "NotIn", &["u"], Ok(true)),
        // Null is there for NotIn and not there for Exists.
        ("spec.image", "Exists", &[], Ok(false)),
        ("spec.image", "DoesNotExist", &[], Ok(true)),
        ("spec.image", "NotIn", &["x"], Ok(true)),
        ("spec.image", "In", &["x"], Ok(false)),
        // What is missing only satisfies DoesNotExist.
        ("spec.nope", "DoesNotExist", &[], Ok(true)),
        (
            "spec.nope",
            "Exists",
            &[],
            Err("jsonpath returned empty list: spec.nope"),
        ),
        (
            "spec.nope",
            "NotIn",
            &["x"],
            Err("jsonpath returned empty list: spec.nope"),
        ),
        (
            "spec.nope",
            "In",
            &["x"],
            Err("jsonpath returned empty list: spec.nope"),
        ),
        (
            "metadata.name",
            "Like",
            &[],
            Err("invalid operator Like for field selector"),
        ),
        (
            "metadata.labels[*]",
            "Exists",
            &[],
            Err("evaluate: failed to find results: map[string]interface {} is not array or slice"),
        ),
    ] {
        let requirement = FieldRequirement::new(key, operator, &texts(values));
        let judged = requirement
            .matches(&owner())
            .map_err(|error| error.to_string());
        assert_eq!(
            judged,
            holds.map_err(str::to_owned),
            "{key} {operator} {values:?}"
        );
    }
}

struct Sketch {
    labels: &'static [(&'static str, &'static str)],
    expressions: &'static [(&'static str, &'static str)],
    fields: &'static [(&'static str, &'static str)],
}

const ANY: Sketch = Sketch {
    labels: &[],
    expressions: &[],
    fields: &[],
};

fn choose(sketches: &[Sketch]) -> Result<Vec<usize>, (usize, String)> {
    let selectors: Vec<_> = sketches
        .iter()
        .map(|sketch| {
            let expressions = sketch
                .expressions
                .iter()
                .map(|&(key, operator)| Expression {
                    key,
                    operator,
                    values: &[],
                });
            let fields = sketch.fields.iter();
            OwnerSelector::new(
                sketch.labels.iter().copied(),
                expressions,
                fields.map(|(key, operator)| FieldRequirement::new(key, operator, &[])),
            )
        })
        .collect();
    let owner = owner();
    best_matches(&selectors, &owner, &owner).map_err(|(at, error)| (at, error.to_string()))
}

#[test]
fn the_most_specific_match_wins() {
    let one = Sketch {
        labels: &[("type", "web")],
        ..ANY
    };
    let two = Sketch {
        labels: &[("type", "web")],
        expressions: &[("team", "Exists")],
        ..ANY
    };
    let three = Sketch {
        labels: &[("type", "web")],
        expressions: &[("team", "Exists")],
        fields: &[("spec.source.git", "Exists")],
    };
    let wrong = Sketch {
        labels: &[("type", "web"), ("team", "red")],
        expressions: &[("team", "Exists")],
        fields: &[("spec.source.git", "Exists")],
    };
    assert_eq!(choose(&[one, three, wrong, two]), Ok(vec![1]));
}

#[test]
fn equals_tie_in_order_and_nothing_matches_nothing() {
    const ONE: Sketch = Sketch {
        labels: &[("type", "web")],
        ..ANY
    };
    const OTHER: Sketch = Sketch {
        fields: &[("metadata.name", "Exists")],
        ..ANY
    };
    const NO: Sketch = Sketch {
        labels: &[("type", "batch")],
        ..ANY
    };
    assert_eq!(choose(&[ONE, NO, OTHER]), Ok(vec![0, 2]));
    assert_eq!(choose(&[NO]), Ok(vec![]));
    assert_eq!(choose(&[ANY]), Ok(vec![]), "no requirement, no match");
    assert_eq!(choose(&[]), Ok(vec![]));
}

#[test]
fn a_missing_field_is_no_match_and_a_mistake_spoils_the_choice() {
    const MISSING: Sketch = Sketch {
        fields: &[("spec.nope", "Exists")],
        ..ANY
    };
    const BROKEN: Sketch = Sketch {
        fields: &[("spec.source[0]", "In")],
        ..ANY
    };
    const BAD_LABELS: Sketch = Sketch {
        expressions: &[("type", "Like")],
        ..ANY
    };
    const HIDDEN: Sketch = Sketch {
        labels: &[("type", "batch")],
        fields: &[("spec.source[0]", "In")],
        ..ANY
    };
    assert_eq!(choose(&[MISSING]), Ok(vec![]));
    assert_eq!(
        choose(&[MISSING, BROKEN]),
        Err((
            1,
            "failed to evaluate selector matchFields: unable to match field requirement with key [spec.source[0]] operator [In] values [[]]: evaluate: failed to find results: map[string]interface {} is not array or slice".to_owned()
        ))
    );
    assert_eq!(
        choose(&[BAD_LABELS]),
        Err((
            0,
            "selector labels or matchExpressions are not valid: \"Like\" is not a valid label selector operator".to_owned()
        ))
    );
    assert_eq!(
        choose(&[HIDDEN]),
        Ok(vec![]),
        "fields are looked at after labels"
    );
}

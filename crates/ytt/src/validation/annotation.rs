//! Reading `@schema/validation` and `@assert/validate`.
//!
//! Source: ytt pkg/validations/annotations.go, validate.go `asRules`.

use super::NodeValidation;
use super::rule::{Conditions, Rule};
use crate::annotation::Annotation;
use crate::library::assert;
use crate::star::{Thread, Value};

/// Reads an annotation's arguments.
///
/// # Errors
/// What is wrong with them, and where.
pub(crate) fn parse(
    annotation: &Annotation,
    thread: &mut Thread,
) -> Result<NodeValidation, String> {
    let at = annotation.position.compact();
    if annotation.args.is_empty() && annotation.kwargs.is_empty() {
        return Err(format!(
            "expected annotation to have 2-tuple as argument(s), but found no arguments (by {at})"
        ));
    }
    let mut rules = Vec::new();
    for arg in annotation.args.iter() {
        rules.push(tuple_rule(arg, &at)?);
    }
    let mut conditions = Conditions::default();
    let mut one_not_null = None;
    for (kwarg, value) in annotation.kwargs.iter() {
        keyword(kwarg, value, &at, &mut conditions, &mut one_not_null)?;
    }
    rules.extend(keyword_rules(&conditions, one_not_null.as_ref(), thread)?);
    Ok(NodeValidation {
        rules,
        conditions,
        position: annotation.position.clone(),
    })
}

/// A rule from a pair of description and function.
fn tuple_rule(arg: &Value, at: &str) -> Result<Rule, String> {
    let Value::Tuple(tuple) = arg else {
        return Err(format!(
            "expected annotation to have 2-tuple as argument(s), but found: {} (by {at})",
            arg.to_repr()
        ));
    };
    let [description, check] = &tuple[..] else {
        return Err(format!(
            "expected 2-tuple, but found tuple with length {} (by {at})",
            tuple.len()
        ));
    };
    let Value::Str(description) = description else {
        return Err(format!(
            "expected first item in the 2-tuple to be a string describing a valid value, \
             but was {} (at {at})",
            description.type_name()
        ));
    };
    let check = if check.is_callable() {
        check.clone()
    } else {
        check_attribute(check).map_err(|problem| format!("{problem} (at {at})"))?
    };
    Ok(Rule {
        description: description.to_text().into_owned(),
        check,
        priority: 0,
        is_critical: false,
    })
}

/// The function `check` of an assertion object.
fn check_attribute(value: &Value) -> Result<Value, String> {
    let type_name = value.type_name();
    if !value.has_attributes() {
        return Err(format!(
            "expected second item in the 2-tuple to be an assertion function, but was {type_name}"
        ));
    }
    let Some(check) = value.attribute("check") else {
        return Err(format!(
            "expected second item in tuple to be an assertion function or assertion object, \
             but was a {type_name}"
        ));
    };
    if check.is_callable() {
        return Ok(check);
    }
    Err(format!(
        "expected struct with attribute check(), but was {}",
        check.type_name()
    ))
}

fn keyword(
    kwarg: &str,
    value: &Value,
    at: &str,
    conditions: &mut Conditions,
    one_not_null: &mut Option<Value>,
) -> Result<(), String> {
    let expected = |what: &str| {
        Err(format!(
            "expected keyword argument {kwarg:?} to be {what}, but was {} (at {at})",
            value.type_name()
        ))
    };
    let simple = &mut conditions.simple;
    match kwarg {
        "when" if value.is_callable() => conditions.when = Some(value.clone()),
        "when" => return expected("a function"),
        "min_len" | "max_len" => {
            let Some(length) = value.number_to_int() else {
                return expected("a number");
            };
            let place = if kwarg == "min_len" {
                &mut simple.min_len
            } else {
                &mut simple.max_len
            };
            *place = Some(length);
        }
        "min" => simple.min = Some(value.clone()),
        "max" => simple.max = Some(value.clone()),
        "not_null" => match value {
            Value::Bool(value) => conditions.not_null = *value,
            _ => return expected("a boolean"),
        },
        "one_not_null" => match value {
            Value::Bool(true) => *one_not_null = Some(value.clone()),
            Value::Bool(false) => return Err("one_not_null= cannot be False".to_owned()),
            value if value.is_sequence() => *one_not_null = Some(value.clone()),
            _ => {
                return Err(format!(
                    "expected True or a sequence of keys, but was a '{}'",
                    value.type_name()
                ));
            }
        },
        "one_of" if value.is_sequence() => simple.one_of = Some(value.clone()),
        "one_of" => {
            return Err(format!(
                "expected keyword argument one_of to be a sequence, but was {}",
                value.type_name()
            ));
        }
        _ => return Err(format!("unknown keyword argument {kwarg:?} (at {at})")),
    }
    Ok(())
}

/// The rules that keyword arguments stand for, in a fixed order.
fn keyword_rules(
    conditions: &Conditions,
    one_not_null: Option<&Value>,
    thread: &mut Thread,
) -> Result<Vec<Rule>, String> {
    let simple = &conditions.simple;
    let mut rules = Vec::new();
    let rule = |description: String, check: Value| Rule {
        description,
        check,
        priority: 0,
        is_critical: false,
    };
    if let Some(length) = &simple.min_len {
        let check = assert::min_len(thread, length)?;
        rules.push(rule(format!("length >= {}", length.to_repr()), check));
    }
    if let Some(length) = &simple.max_len {
        let check = assert::max_len(thread, length)?;
        rules.push(rule(format!("length <= {}", length.to_repr()), check));
    }
    if let Some(bound) = &simple.min {
        let check = assert::min(thread, bound)?;
        rules.push(rule(format!("a value >= {}", bound.to_repr()), check));
    }
    if let Some(bound) = &simple.max {
        let check = assert::max(thread, bound)?;
        rules.push(rule(format!("a value <= {}", bound.to_repr()), check));
    }
    if conditions.not_null {
        let check = assert::not_null(thread)?;
        let description = "not null".to_owned();
        rules.push(Rule {
            description,
            check,
            priority: 100,
            is_critical: true,
        });
    }
    if let Some(keys) = one_not_null {
        let sequence = (!matches!(keys, Value::Bool(_))).then_some(keys);
        let shown = match sequence {
            Some(keys) => keys.to_repr(),
            None => "all children".to_owned(),
        };
        let check = assert::one_not_null(thread, sequence)?;
        rules.push(rule(
            format!("exactly one of {shown} to be not null"),
            check,
        ));
    }
    if let Some(allowed) = &simple.one_of {
        let check = assert::one_of(thread, allowed)?;
        rules.push(rule(format!("one of {}", allowed.to_repr()), check));
    }
    Ok(rules)
}

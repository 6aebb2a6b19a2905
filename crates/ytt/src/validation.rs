//! Validations: rules that data values must satisfy.
//!
//! Source: ytt pkg/validations.

mod annotation;
mod rule;

use std::rc::Rc;

use crate::annotation::name;
use crate::bridge::from_tree;
use crate::node::{Node, Value as Tree, path_to, walk};
use crate::position::Position;
use crate::star::{self, Budget, Error, Thread, Value};

pub(crate) use annotation::parse;
use rule::{Conditions, Rule};

/// The rules of one annotation.
pub(crate) struct NodeValidation {
    rules: Vec<Rule>,
    conditions: Conditions,
    position: Position,
}

/// Reads every `@assert/validate` below `root` and attaches it to its node.
///
/// # Errors
/// An annotation that is not well formed, or not allowed at its node.
pub(crate) fn attach_assertions(root: &Node, thread: &mut Thread) -> Result<(), String> {
    let budget = Rc::clone(thread.budget());
    walk(root, &budget, &mut |node| {
        let common = node.common();
        let Some(annotation) = common.annotations().get(name::ASSERT_VALIDATE).cloned() else {
            return Ok(());
        };
        if matches!(node, Node::DocumentSet(_) | Node::Array(_) | Node::Map(_)) {
            return Err(format!(
                "Invalid @{} annotation - not supported on {} at {}",
                name::ASSERT_VALIDATE,
                node.type_name(),
                node.position().compact()
            ));
        }
        let validation = parse(&annotation, thread).map_err(|problem| {
            format!("Invalid @{} annotation - {problem}", name::ASSERT_VALIDATE)
        })?;
        common.add_validation(Rc::new(validation));
        Ok(())
    })
}

/// A value that breaks rules.
struct Invalidation {
    path: String,
    position: Position,
    violations: Vec<Violation>,
}

struct Violation {
    rule: String,
    by: Position,
    found: String,
}

/// Checks every node below `root` against its rules; gives the report, empty when all hold.
///
/// # Errors
/// A condition that cannot be evaluated, or a used up budget.
pub(crate) fn run(root: &Node, thread: &mut Thread) -> Result<String, Error> {
    let mut run = Run {
        thread,
        root: root.clone(),
        invalidations: Vec::new(),
    };
    run.node(root, None, "")?;
    Ok(report(&run.invalidations))
}

struct Run<'a> {
    thread: &'a mut Thread,
    root: Node,
    invalidations: Vec<Invalidation>,
}

impl Run<'_> {
    fn node(&mut self, node: &Node, parent: Option<&Node>, path: &str) -> Result<(), Error> {
        self.thread.budget().work(1 + path.len() / 16)?;
        for validation in node.common().validations() {
            let violations = self.violations(&validation, node, parent, path)?;
            if !violations.is_empty() {
                let path = if path.is_empty() {
                    format!("({})", node.type_name())
                } else {
                    path.to_owned()
                };
                let position = node.position();
                self.invalidations.push(Invalidation {
                    path,
                    position,
                    violations,
                });
            }
        }
        for (index, value) in node.values().iter().enumerate() {
            if let Tree::Node(child) = value {
                self.node(child, Some(node), &path_to(path, child, index))?;
            }
        }
        Ok(())
    }

    fn violations(
        &mut self,
        validation: &NodeValidation,
        node: &Node,
        parent: Option<&Node>,
        path: &str,
    ) -> Result<Vec<Violation>, Error> {
        let budget = Rc::clone(self.thread.budget());
        let shown = |node| shown(node, &budget);
        let value = shown(node)?;
        let context = || Ok((parent.map_or(Ok(Value::None), shown)?, shown(&self.root)?));
        let applies = validation.conditions.hold(&value, context, self.thread);
        let applies = applies.map_err(|error| error.after(&format!("Validating {path}: ")))?;
        let mut violations = Vec::new();
        if !applies {
            return Ok(violations);
        }
        for rule in rule::by_priority(&validation.rules) {
            let found = match self
                .thread
                .call(&rule.check, std::slice::from_ref(&value), &[])
            {
                Ok(Value::Bool(true)) => continue,
                Ok(_) => String::new(),
                Err(error) if !error.is_catchable() => return Err(error),
                Err(error) => {
                    let message = error.message();
                    let message = message.strip_prefix("fail: ").unwrap_or(message);
                    message
                        .strip_prefix("check: ")
                        .unwrap_or(message)
                        .to_owned()
                }
            };
            violations.push(Violation {
                rule: rule.description.clone(),
                by: validation.position.clone(),
                found,
            });
            if rule.is_critical {
                break;
            }
        }
        Ok(violations)
    }
}

/// The node as functions of the user see it.
fn shown(node: &Node, budget: &Rc<Budget>) -> Result<star::Value, Error> {
    match node.value() {
        Some(value) => from_tree(&value, budget),
        None => from_tree(&Tree::Node(node.clone()), budget),
    }
}

fn report(invalidations: &[Invalidation]) -> String {
    let mut report = String::new();
    for invalidation in invalidations {
        let Invalidation {
            path,
            position,
            violations,
        } = invalidation;
        report.push_str(&format!("  {path}\n    from: {}\n", position.compact()));
        for violation in violations {
            let Violation { rule, by, found } = violation;
            report.push_str(&format!("    - must be: {rule} (by: {})\n", by.compact()));
            if !found.is_empty() {
                report.push_str(&format!("      found: {found}\n"));
            }
        }
        report.push('\n');
    }
    report
}

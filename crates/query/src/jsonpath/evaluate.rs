//! From steps to results.

use serde_json::Value;

use super::MissingKeys;
use super::ast::{End, Filter, Node, Slice};
use super::compare::compare;
use super::item::{Found, Item, Root};
use crate::go;

/// How many items one evaluation may look at. The largest objects of Kubernetes have some ten
/// thousand values; templates that descend into all of them several times fit in.
pub const MAX_STEPS: usize = 1_000_000;
/// How many results one step may give.
pub const MAX_RESULTS: usize = 100_000;
/// How deep recursive descent goes; twice what JSON readers accept.
pub const MAX_DEPTH: usize = 256;

/// A template that cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the text says it")]
pub enum EvaluateError {
    #[error("{0} is not found")]
    NotFound(Box<str>),
    #[error("{0} is not array or slice")]
    NotAList(&'static str),
    #[error("{0} is not array or slice and cannot be filtered")]
    NotFilterable(String),
    #[error("array index out of bounds: index {index}, length {length}")]
    OutOfBounds { index: i64, length: i64 },
    #[error("starting index {start} is greater than ending index {end}")]
    StartAfterEnd { start: i64, end: i64 },
    #[error("step must be > 0")]
    StepNotPositive,
    #[error("unrecognized identifier {0}")]
    UnrecognizedIdentifier(Box<str>),
    #[error("not in range, nothing to end")]
    NothingToEnd,
    #[error("can only compare one element at a time")]
    SeveralToCompare,
    #[error("unrecognized filter operator {0}")]
    UnrecognizedOperator(Box<str>),
    #[error("invalid type for comparison")]
    NotComparable,
    #[error("incompatible types for comparison")]
    Incompatible,
    #[error("the path looks at more than {MAX_STEPS} values")]
    TooManySteps,
    #[error("the path gives more than {MAX_RESULTS} results")]
    TooManyResults,
    #[error("the value is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Evaluates the nodes of a template.
pub(super) fn find<'a>(
    nodes: &'a [Node],
    root: Root<'a>,
    missing: MissingKeys,
) -> Result<Vec<Vec<Found<'a>>>, EvaluateError> {
    let root = match root {
        Root::Value(Value::Null) => Item::Nothing,
        Root::Value(value) => Item::Bare(value),
        Root::Scope(scope) => Item::Scope(scope),
    };
    let mut evaluator = Evaluator {
        nodes,
        missing,
        loops: Loops::default(),
        steps: 0,
    };
    let mut found = Vec::new();
    evaluator.run(0, root, &mut found)?;
    Ok(found)
}

struct Evaluator<'a> {
    nodes: &'a [Node],
    missing: MissingKeys,
    loops: Loops,
    steps: usize,
}

/// The state of `range` and `end`, which is one for the whole template.
#[derive(Default)]
struct Loops {
    beginning: usize,
    inside: usize,
    ending: usize,
    last_end: Option<usize>,
}

type Items<'a> = Vec<Item<'a>>;

impl<'a> Evaluator<'a> {
    /// Runs the template from a node on. Recursion: one level for each `range` of the template;
    /// the count of steps bounds the rest.
    fn run(
        &mut self,
        from: usize,
        root: Item<'a>,
        found: &mut Vec<Vec<Found<'a>>>,
    ) -> Result<(), EvaluateError> {
        let mut at = from;
        while at < self.nodes.len() {
            let results = self.step(vec![root], &self.nodes[at])?;
            if self.loops.ending > 0 && self.loops.ending <= self.loops.inside {
                self.loops.ending -= 1;
                self.loops.last_end = Some(at);
                return Ok(());
            }
            if self.loops.beginning > 0 {
                self.loops.beginning -= 1;
                self.loops.inside += 1;
                self.turns(at + 1, results, found)?;
                self.loops.inside -= 1;
                if let Some(end) = self.loops.last_end.filter(|&end| end > at) {
                    at = end;
                }
            } else {
                found.push(results.into_iter().map(Found::new).collect());
            }
            at += 1;
        }
        Ok(())
    }

    fn turns(
        &mut self,
        body: usize,
        items: Items<'a>,
        found: &mut Vec<Vec<Found<'a>>>,
    ) -> Result<(), EvaluateError> {
        if items.is_empty() {
            // The body runs once for nothing, so that its end is found.
            return self.run(body, Item::Nothing, &mut Vec::new());
        }
        for item in items {
            let turn = match item {
                Item::Held(Value::Null) => Item::Nothing,
                Item::Held(value) => Item::Bare(value),
                other => other,
            };
            self.run(body, turn, found)?;
        }
        Ok(())
    }

    fn count(&mut self, items: usize) -> Result<(), EvaluateError> {
        self.steps = self.steps.saturating_add(items).saturating_add(1);
        if self.steps > MAX_STEPS {
            return Err(EvaluateError::TooManySteps);
        }
        Ok(())
    }

    fn steps(
        &mut self,
        mut items: Items<'a>,
        steps: &'a [Node],
    ) -> Result<Items<'a>, EvaluateError> {
        for step in steps {
            items = self.step(items, step)?;
        }
        Ok(items)
    }

    fn step(&mut self, items: Items<'a>, step: &'a Node) -> Result<Items<'a>, EvaluateError> {
        self.count(items.len())?;
        let constant = |item: Item<'a>| Ok(vec![item; items.len()]);
        let results = match step {
            Node::List(steps) => self.steps(items, steps),
            Node::Text(text) => Ok(vec![Item::Text(text)]),
            Node::Int(whole) => constant(Item::Int(*whole)),
            Node::Float(float) => constant(Item::Float(*float)),
            Node::Bool(on) => constant(Item::Bool(*on)),
            Node::Identifier(word) => self.identifier(word, items),
            Node::Field(name) => self.field(name, &items),
            Node::Wildcard => Ok(items
                .iter()
                .filter(|item| !item.is_null())
                .flat_map(|item| item.children())
                .collect()),
            Node::Recursive => {
                let mut results = Vec::new();
                self.descend(items, &mut results, 0)?;
                Ok(results)
            }
            Node::Slice(bounds) => slice(&items, *bounds),
            Node::Union(members) => self.union(&items, members),
            Node::Filter(filter) => self.filter(&items, filter),
        }?;
        self.count(results.len())?;
        if results.len() > MAX_RESULTS {
            return Err(EvaluateError::TooManyResults);
        }
        Ok(results)
    }

    fn identifier(&mut self, word: &str, items: Items<'a>) -> Result<Items<'a>, EvaluateError> {
        match word {
            "range" => {
                self.loops.beginning += 1;
                Ok(items)
            }
            "end" if self.loops.inside > 0 => {
                self.loops.ending += 1;
                Ok(Vec::new())
            }
            "end" => Err(EvaluateError::NothingToEnd),
            other => Err(EvaluateError::UnrecognizedIdentifier(other.into())),
        }
    }

    fn field(&self, name: &str, items: &[Item<'a>]) -> Result<Items<'a>, EvaluateError> {
        let results: Items<'a> = items
            .iter()
            .filter_map(|item| item.field(name).map(Item::Held))
            .collect();
        if results.is_empty() && !items.is_empty() && self.missing == MissingKeys::Refuse {
            return Err(EvaluateError::NotFound(name.into()));
        }
        Ok(results)
    }

    /// Gives every value that has something in it, each before what is in it.
    fn descend(
        &mut self,
        items: Items<'a>,
        results: &mut Items<'a>,
        depth: usize,
    ) -> Result<(), EvaluateError> {
        if depth > MAX_DEPTH {
            return Err(EvaluateError::TooDeep);
        }
        self.count(items.len())?;
        for item in items {
            let children = item.children();
            if children.is_empty() {
                continue;
            }
            results.push(match item {
                Item::Held(value) => Item::Bare(value),
                other => other,
            });
            if results.len() > MAX_RESULTS {
                return Err(EvaluateError::TooManyResults);
            }
            if !matches!(children[0], Item::Byte(_)) {
                self.descend(children, results, depth + 1)?;
            }
        }
        Ok(())
    }

    fn union(
        &mut self,
        items: &[Item<'a>],
        members: &'a [Vec<Node>],
    ) -> Result<Items<'a>, EvaluateError> {
        let mut results = Vec::new();
        for member in members {
            results.extend(self.steps(items.to_vec(), member)?);
        }
        Ok(results)
    }

    fn filter(
        &mut self,
        items: &[Item<'a>],
        filter: &'a Filter,
    ) -> Result<Items<'a>, EvaluateError> {
        let mut results = Vec::new();
        for item in items {
            let Some(list) = item.list() else {
                let printed = match item {
                    Item::Nothing => "<invalid reflect.Value>".to_owned(),
                    item => go::display(&Found::new(*item).into_value()),
                };
                return Err(EvaluateError::NotFilterable(printed));
            };
            for candidate in list.iter().map(Item::Held) {
                if self.passes(candidate, filter)? {
                    results.push(candidate);
                }
            }
        }
        Ok(results)
    }

    fn passes(&mut self, candidate: Item<'a>, filter: &'a Filter) -> Result<bool, EvaluateError> {
        let lefts = self.steps(vec![candidate], &filter.left);
        let Some(comparison) = &filter.comparison else {
            return match lefts {
                // What went wrong within an existence test means that nothing is there.
                Err(EvaluateError::TooManySteps) => Err(EvaluateError::TooManySteps),
                lefts => Ok(lefts.is_ok_and(|lefts| !lefts.is_empty())),
            };
        };
        let Some(left) = single(&lefts?)? else {
            return Ok(false);
        };
        let rights = self.steps(vec![candidate], &comparison.right)?;
        let Some(right) = single(&rights)? else {
            return Ok(false);
        };
        compare(&left, &comparison.operator, &right)
    }
}

fn single<'a>(items: &[Item<'a>]) -> Result<Option<Item<'a>>, EvaluateError> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(*item)),
        _ => Err(EvaluateError::SeveralToCompare),
    }
}

/// Takes a part of each list.
///
/// An empty part ends the whole step with what it has so far, lists that follow included: so does
/// the original.
fn slice<'a>(items: &[Item<'a>], bounds: Slice) -> Result<Items<'a>, EvaluateError> {
    let mut results = Vec::new();
    for item in items {
        if item.is_null() {
            continue;
        }
        let list = item
            .list()
            .ok_or_else(|| EvaluateError::NotAList(item.type_name()))?;
        let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
        let mut start = bounds.start.unwrap_or(0);
        let mut end = match bounds.end {
            End::Open => length,
            End::At(end) => end,
            End::AfterStart => start.saturating_add(1),
        };
        if start < 0 {
            start += length;
        }
        if end < 0 || (end == 0 && bounds.end == End::AfterStart) {
            end += length;
        }
        if start == end {
            return Ok(results);
        }
        if start >= length || start < 0 {
            return Err(EvaluateError::OutOfBounds {
                index: start,
                length,
            });
        }
        if end > length || end < 0 {
            return Err(EvaluateError::OutOfBounds {
                index: end - 1,
                length,
            });
        }
        if start > end {
            return Err(EvaluateError::StartAfterEnd { start, end });
        }
        let step = bounds.step.unwrap_or(1);
        let step = usize::try_from(step).ok().filter(|&step| step > 0);
        let step = step.ok_or(EvaluateError::StepNotPositive)?;
        let position = |index: i64| usize::try_from(index).expect("within the list, see above");
        let part = &list[position(start)..position(end)];
        results.extend(part.iter().step_by(step).map(Item::Held));
    }
    Ok(results)
}

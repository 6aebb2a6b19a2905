//! Choosing among selectors: the most specific one that matches.
//!
//! Source: cartographer `pkg/selector/matcher.go`, v0.8.10.

use crate::go;
use crate::jsonpath::Root;
use crate::labels::{self, BuildError, Expression, Labels};
use crate::requirement::{FieldRequirement, RequirementError};

/// What an owner must look like: labels and fields.
///
/// It remembers being malformed and says so when it is judged, as the original does.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnerSelector {
    labels: Result<labels::Selector, BuildError>,
    fields: Vec<FieldRequirement>,
    score: usize,
}

/// A selector that cannot be judged. The texts are the original's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// The requirements on labels make no sense.
    #[error("selector labels or matchExpressions are not valid: {0}")]
    Labels(BuildError),
    /// A requirement on a field cannot be judged.
    #[error(
        "failed to evaluate selector matchFields: unable to match field requirement with key [{key}] operator [{operator}] values [{values}]: {source}"
    )]
    Field {
        /// Path of the field.
        key: Box<str>,
        /// The operator.
        operator: Box<str>,
        /// The values, as Go prints them.
        values: String,
        /// Why.
        source: RequirementError,
    },
}

impl OwnerSelector {
    /// Compiles a selector.
    pub fn new<'a>(
        match_labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        match_expressions: impl IntoIterator<Item = Expression<'a>>,
        match_fields: impl IntoIterator<Item = FieldRequirement>,
    ) -> Self {
        let match_labels: Vec<_> = match_labels.into_iter().collect();
        let match_expressions: Vec<_> = match_expressions.into_iter().collect();
        let fields: Vec<_> = match_fields.into_iter().collect();
        let score = match_labels.len() + match_expressions.len() + fields.len();
        Self {
            labels: labels::Selector::build(match_labels, match_expressions),
            fields,
            score,
        }
    }

    /// Returns how specific the selector is: the number of its requirements.
    pub fn score(&self) -> usize {
        self.score
    }

    /// Returns the requirements on fields.
    pub fn fields(&self) -> &[FieldRequirement] {
        &self.fields
    }

    /// Reports whether an owner with these labels satisfies all requirements. Fields are only
    /// looked at when the labels match.
    ///
    /// # Errors
    /// When the selector makes no sense, or a field cannot be judged; a field that is not there
    /// is no error.
    pub fn matches<'a>(
        &'a self,
        labels: &(impl Labels + ?Sized),
        root: impl Into<Root<'a>>,
    ) -> Result<bool, MatchError> {
        let selector = self.labels.as_ref();
        if !selector
            .map_err(|error| MatchError::Labels(error.clone()))?
            .matches(labels)
        {
            return Ok(false);
        }
        let root = root.into();
        for field in &self.fields {
            match field.matches(root) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if error.is_missing() => return Ok(false),
                Err(source) => {
                    return Err(MatchError::Field {
                        key: field.path().as_str().into(),
                        operator: field.operator().into(),
                        values: go::display_list(field.values()),
                        source,
                    });
                }
            }
        }
        Ok(true)
    }
}

/// Returns the positions of the selectors that match best: those with most requirements. One
/// without requirements never wins.
///
/// # Errors
/// The first selector that cannot be judged, with its position; it spoils the whole choice.
pub fn best_matches<'a>(
    selectors: impl IntoIterator<Item = &'a OwnerSelector>,
    labels: &(impl Labels + ?Sized),
    root: impl Into<Root<'a>>,
) -> Result<Vec<usize>, (usize, MatchError)> {
    let root = root.into();
    let mut best = Vec::new();
    let mut mark = 1;
    for (position, selector) in selectors.into_iter().enumerate() {
        let matches = selector
            .matches(labels, root)
            .map_err(|error| (position, error))?;
        if !matches || selector.score < mark {
            continue;
        }
        if selector.score > mark {
            mark = selector.score;
            best.clear();
        }
        best.push(position);
    }
    Ok(best)
}

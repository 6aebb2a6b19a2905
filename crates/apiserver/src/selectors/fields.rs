//! Field selectors: `metadata.name=a,status.phase!=Running`.
//!
//! Source: apimachinery `pkg/fields/selector.go`, v1.36.

/// Requirements that must all hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldSelector(Vec<Requirement>);

#[derive(Debug, Clone)]
struct Requirement {
    field: String,
    equal: bool,
    value: String,
}

impl FieldSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = vec![];
        for term in split(text) {
            if term.is_empty() {
                continue;
            }
            let (field, equal, value) = operator(&term)
                .ok_or_else(|| format!("invalid selector: '{text}'; can't understand '{term}'"))?;
            let value = unescape(value).ok_or_else(|| {
                format!("invalid field selector: invalid escape sequence in \"{value}\"")
            })?;
            requirements.push(Requirement {
                field: field.to_owned(),
                equal,
                value,
            });
        }
        Ok(Self(requirements))
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|requirement| requirement.field.as_str())
    }

    pub(crate) fn require(&mut self, field: &str, value: &str) {
        self.0.push(Requirement {
            field: field.into(),
            equal: true,
            value: value.into(),
        });
    }

    /// The value that `field` must have.
    pub(crate) fn required(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|r| r.equal && r.field == field)
            .map(|r| r.value.as_str())
    }

    pub(crate) fn matches(&self, mut get: impl FnMut(&str) -> Option<String>) -> bool {
        self.0.iter().all(|requirement| {
            let value = get(&requirement.field).unwrap_or_default();
            (value == requirement.value) == requirement.equal
        })
    }
}

/// Splits at commas that are not escaped.
fn split(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        match c {
            ',' if !escaped => terms.push(String::new()),
            c => terms.last_mut().expect("it begins with one").push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    terms
}

/// The first operator that is not escaped, longest first.
fn operator(term: &str) -> Option<(&str, bool, &str)> {
    let mut escaped = false;
    for (at, c) in term.char_indices() {
        if !escaped {
            for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
                if let Some(value) = term[at..].strip_prefix(operator) {
                    return Some((&term[..at], equal, value));
                }
            }
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                c @ ('\\' | ',' | '=') => out.push(c),
                _ => return None,
            },
            // These must be escaped in a value.
            ',' | '=' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, name: &str, phase: &str) -> bool {
        FieldSelector::parse(selector)
            .unwrap()
            .matches(|field| match field {
                "metadata.name" => Some(name.to_owned()),
                "status.phase" => Some(phase.to_owned()),
                _ => None,
            })
    }

    #[test]
    fn all_terms_must_hold() {
        assert!(matches("", "a", ""));
        assert!(matches(
            "metadata.name=a,status.phase!=Failed",
            "a",
            "Running"
        ));
        assert!(matches("metadata.name==a", "a", ""));
        assert!(!matches("metadata.name!=a", "a", ""));
        assert!(matches(r"metadata.name=a\,b\=c", "a,b=c", ""));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(
            FieldSelector::parse("a").unwrap_err(),
            "invalid selector: 'a'; can't understand 'a'"
        );
        assert!(FieldSelector::parse("a=b=c").is_err());
        assert!(FieldSelector::parse(r"a=\x").is_err());
    }
}

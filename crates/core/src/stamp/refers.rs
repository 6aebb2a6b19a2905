//! Which inputs a template refers to, without running it.
//!
//! A resource is not stamped while an input it refers to is missing; one that it merely declares
//! does not hold it up. In `$(...)$` the expressions say it exactly. In ytt the words of the text
//! are looked at, which may see a reference where there is none (in a comment, say): the resource
//! then waits for an input that was declared for it and is on its way.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::inputs::{InputKind, Missing};
use crate::model::Body;

/// The inputs a template refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refers {
    sources: Names,
    images: Names,
    configs: Names,
    deployment: bool,
}

/// Which of the inputs of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    all: bool,
    some: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, name: Option<&str>) {
        match name {
            Some(name) => {
                self.some.insert(name.to_owned());
            }
            None => self.all = true,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.some.contains(name)
    }
}

impl Refers {
    /// Looks through a template.
    pub(crate) fn of(body: &Body) -> Self {
        let mut refers = Self::default();
        match body {
            Body::Object { written, .. } => refers.walk(written),
            Body::Ytt(ytt) => refers.scan(ytt.text()),
            Body::Nothing => {}
        }
        refers
    }

    /// Reports whether the template refers to that input.
    pub(crate) fn to(&self, missing: &Missing) -> bool {
        match missing.kind {
            InputKind::Source => self.sources.has(&missing.name),
            InputKind::Image => self.images.has(&missing.name),
            InputKind::Config => self.configs.has(&missing.name),
            InputKind::Deployment => self.deployment,
        }
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.tags(text),
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(map) => map.values().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn tags(&mut self, text: &str) {
        let mut rest = text;
        while let Some((_, tail)) = rest.split_once("$(") {
            let Some((expression, tail)) = tail.split_once(")$") else {
                return;
            };
            let bare = expression.trim_start_matches('{').trim_start_matches('.');
            if bare.is_empty() || bare.starts_with(['*', '[']) || expression.contains("..") {
                self.everything();
            } else {
                self.word(bare);
            }
            rest = tail;
        }
    }

    fn scan(&mut self, text: &str) {
        let mut before = ' ';
        for (at, letter) in text.char_indices() {
            if is_word(letter) && !is_word(before) {
                self.word(&text[at..]);
            }
            before = letter;
        }
    }

    fn everything(&mut self) {
        for names in [&mut self.sources, &mut self.images, &mut self.configs] {
            names.all = true;
        }
        self.deployment = true;
    }

    /// Takes the identifier at the beginning of `text` and, behind a plural, the name selected.
    fn word(&mut self, text: &str) {
        let end = text.find(|letter| !is_word(letter)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        match word {
            "source" => self.sources.add(None),
            "image" => self.images.add(None),
            "config" => self.configs.add(None),
            "sources" => self.sources.add(selected(rest)),
            "images" => self.images.add(selected(rest)),
            "configs" => self.configs.add(selected(rest)),
            "deployment" => self.deployment = true,
            _ => {}
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Reads `.name`, `['name']` or `["name"]`; anything else selects nothing in particular.
fn selected(rest: &str) -> Option<&str> {
    let name = if let Some(quoted) = rest.strip_prefix("['") {
        quoted.split_once('\'')?.0
    } else if let Some(quoted) = rest.strip_prefix("[\"") {
        quoted.split_once('"')?.0
    } else {
        let plain = rest.strip_prefix('.')?;
        let is_name = |letter: char| is_word(letter) || matches!(letter, '-' | '/');
        let end = plain.find(|letter| !is_name(letter)).unwrap_or(plain.len());
        &plain[..end]
    };
    (!name.is_empty() && !name.contains(['\\', '*'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inputs::Why;
    use crate::stamp::Ytt;

    fn refers(body: &Body, kind: InputKind, name: &str) -> bool {
        let missing = Missing {
            kind,
            name: name.into(),
            producer: "p".into(),
            why: Why::Pending,
        };
        Refers::of(body).to(&missing)
    }

    #[test]
    fn expressions_name_exactly_what_they_need() {
        use InputKind::{Config, Deployment, Image, Source};
        let cases = [
            ("$(source.url)$", Source, "any", true),
            ("$(sources.a.url)$", Source, "a", true),
            ("$(sources.a.url)$", Source, "b", false),
            ("x $(sources['a-b'].url)$ y", Source, "a-b", true),
            ("$(.sources.a-b.url)$", Source, "a-b", true),
            ("$({.images.i.image})$", Image, "i", true),
            ("$(images)$", Image, "i", true),
            ("$(sources.*.url)$", Source, "b", true),
            ("$(config)$", Config, "c", true),
            ("$(deployment.url)$", Deployment, "", true),
            ("$(params.source)$", Source, "a", false),
            ("$(workload.spec.source.git.url)$", Source, "a", false),
            ("$(..url)$", Source, "a", true),
            ("$(source.url", Source, "a", false),
            ("source.url", Source, "a", false),
        ];
        for (text, kind, name, expected) in cases {
            let body = Body::object(&json!({"spec": [text]}));
            assert_eq!(refers(&body, kind, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn ytt_is_searched_for_words() {
        use InputKind::{Config, Image, Source};
        let cases = [
            ("url: #@ data.values.source.url", Source, "a", true),
            ("url: #@ data.values.sources[\"a\"].url", Source, "a", true),
            ("url: #@ data.values.sources[\"a\"].url", Source, "b", false),
            ("x: #@ data.values.config", Config, "c", true),
            ("x: #@ data.values.configuration", Config, "c", false),
            ("x: #@ data.values.workload.spec", Image, "i", false),
            ("#@ if hasattr(data.values, \"image\"):", Image, "i", true),
        ];
        for (text, kind, name, expected) in cases {
            let body = Body::Ytt(Ytt::new(text));
            assert_eq!(refers(&body, kind, name), expected, "{text} {name}");
        }
    }
}

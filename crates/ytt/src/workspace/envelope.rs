//! Data values and schemas with the library they are meant for.
//!
//! Source: ytt pkg/workspace/datavalues, pkg/workspace/ref.

use std::cell::Cell;
use std::rc::Rc;

use crate::annotation::{Annotations, name};
use crate::bridge::{as_bool, as_string};
use crate::node::{DeepCopy, Document, Node};
use crate::schema::{self, Type, TypeRef};
use crate::star::{Budget, Error, Thread};

/// One step of the way to a library: its path, its alias, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LibraryRef {
    pub(crate) path: String,
    pub(crate) alias: String,
}

impl LibraryRef {
    fn matches(&self, library: &Self) -> bool {
        let same_path = self.path == library.path;
        let same_alias = self.alias == library.alias;
        match (self.path.as_str(), self.alias.as_str()) {
            (_, "") => same_path,
            ("", _) => same_alias,
            _ => same_path && same_alias,
        }
    }

    pub(crate) fn describe(&self) -> String {
        if self.alias.is_empty() {
            return self.path.clone();
        }
        format!("{}~{}", self.path, self.alias)
    }

    /// Reads `@path@path~alias`.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, String> {
        if text.is_empty() {
            return Err("Expected library ref to not be empty".to_owned());
        }
        let Some(rest) = text.strip_prefix('@') else {
            return Err("Expected library ref to start with '@'".to_owned());
        };
        rest.split('@')
            .map(|piece| match piece.split('~').collect::<Vec<_>>()[..] {
                [path] => Ok(Self {
                    path: path.to_owned(),
                    alias: String::new(),
                }),
                [_, ""] => Err("Expected library alias to not be empty".to_owned()),
                [path, alias] => Ok(Self {
                    path: path.to_owned(),
                    alias: alias.to_owned(),
                }),
                _ => Err(format!(
                    "Expected library ref to have form: '@path', '@~alias', or '@path~alias', \
                     got: '{text}'"
                )),
            })
            .collect()
    }

    fn of(annotations: &Annotations) -> Result<Vec<Self>, String> {
        let Some(annotation) = annotations.get(name::LIBRARY_REF) else {
            return Ok(Vec::new());
        };
        let [argument] = &annotation.args[..] else {
            return Err(format!(
                "Expected {} annotation to have one arg, got {}",
                name::LIBRARY_REF,
                annotation.args.len()
            ));
        };
        let text = as_string(argument).map_err(|error| error.message().to_owned())?;
        Self::parse(&text.to_text())
            .map_err(|problem| format!("Annotation {}: {problem}", name::LIBRARY_REF))
    }
}

/// The way to a library, and whether somebody took what was sent there.
#[derive(Clone, Default)]
struct Address {
    original: Rc<[LibraryRef]>,
    rest: Vec<LibraryRef>,
    used: Rc<Cell<bool>>,
}

impl Address {
    fn new(path: Vec<LibraryRef>) -> Self {
        Self {
            original: Rc::from(path.as_slice()),
            rest: path,
            used: Rc::default(),
        }
    }

    /// What is left of the way for somebody at `library`; none if it leads elsewhere.
    fn within(&self, library: &LibraryRef) -> Option<Self> {
        match self.rest.first() {
            None => Some(self.forwarded(0)),
            Some(next) if next.matches(library) => Some(self.forwarded(1)),
            Some(_) => None,
        }
    }

    /// A copy that nobody took yet, `steps` further on the way.
    fn forwarded(&self, steps: usize) -> Self {
        self.used.set(true);
        Self {
            original: Rc::clone(&self.original),
            rest: self.rest[steps..].to_vec(),
            used: Rc::default(),
        }
    }

    fn describe(&self) -> String {
        let pieces: Vec<_> = self.original.iter().map(LibraryRef::describe).collect();
        format!("@{}", pieces.join("@"))
    }
}

/// A document of data values on its way.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) document: Rc<Document>,
    pub(crate) after_library_module: bool,
    address: Address,
}

impl Envelope {
    /// Takes the address from the document's annotations.
    pub(crate) fn new(document: Rc<Document>) -> Result<Self, String> {
        let annotations = document.common.annotations().clone();
        let path = LibraryRef::of(&annotations)?;
        let mut after_library_module = false;
        for (kwarg, value) in annotations.kwargs(name::DATA_VALUES).iter() {
            if kwarg != "after_library_module" {
                let annotation = name::DATA_VALUES;
                return Err(format!("Unknown kwarg {kwarg} for annotation {annotation}"));
            }
            after_library_module = as_bool(value).map_err(|error| error.message().to_owned())?;
            if path.is_empty() {
                return Err(format!(
                    "Annotation {}: Expected kwarg 'after_library_module' \
                     to be used with {} annotation",
                    name::DATA_VALUES,
                    name::LIBRARY_REF
                ));
            }
        }
        Ok(Self {
            document,
            after_library_module,
            address: Address::new(path),
        })
    }

    /// Addresses a document to a library; an empty address is none.
    pub(crate) fn addressed(document: Rc<Document>, library: &str) -> Result<Self, String> {
        if library.is_empty() {
            return Self::new(document);
        }
        let path = LibraryRef::parse(library)?;
        let address = Address::new(path);
        Ok(Self {
            document,
            after_library_module: false,
            address,
        })
    }

    /// A document without values.
    pub(crate) fn empty() -> Self {
        let document = Document::default();
        let map = crate::node::Value::map(crate::node::Map::default());
        *document.value.borrow_mut() = map;
        Self {
            document: Rc::new(document),
            after_library_module: false,
            address: Address::default(),
        }
    }

    pub(crate) fn is_for_another_library(&self) -> bool {
        !self.address.rest.is_empty()
    }

    pub(crate) fn is_used(&self) -> bool {
        self.address.used.get()
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "Data Value belonging to library '{}' on {}",
            self.address.describe(),
            self.document.common.position().long()
        )
    }

    /// What of this is for `library` or for one below it.
    ///
    /// # Errors
    /// A used up budget.
    pub(crate) fn used_in(
        &self,
        library: &LibraryRef,
        budget: &Budget,
    ) -> Result<Option<Self>, Error> {
        let Some(address) = self.address.within(library) else {
            return Ok(None);
        };
        Ok(Some(Self {
            document: self.document.deep_copy(budget)?,
            after_library_module: self.after_library_module,
            address,
        }))
    }
}

/// A schema: the document it came from and its type.
#[derive(Clone)]
pub(crate) struct Schema {
    pub(crate) source: Rc<Document>,
    pub(crate) document_type: TypeRef,
    has_defaults: bool,
}

impl Schema {
    /// The schema that a document stands for.
    pub(crate) fn new(document: Rc<Document>, thread: &mut Thread) -> Result<Self, String> {
        let node = Node::Document(Rc::clone(&document));
        let document_type = schema::infer(&node, thread)?;
        Ok(Self {
            source: document,
            document_type,
            has_defaults: true,
        })
    }

    /// The schema that accepts anything.
    pub(crate) fn null() -> Self {
        Self {
            source: Rc::default(),
            document_type: Type::any_document(),
            has_defaults: false,
        }
    }

    /// A fresh document of the default values, if this is a schema at all.
    ///
    /// # Errors
    /// A used up budget.
    pub(crate) fn defaults(&self, budget: &Budget) -> Result<Option<Document>, Error> {
        if !self.has_defaults {
            return Ok(None);
        }
        let defaults = self.document_type.default_document();
        defaults.deep_copy(budget).map(Some)
    }
}

/// A schema on its way.
#[derive(Clone)]
pub(crate) struct SchemaEnvelope {
    pub(crate) schema: Schema,
    address: Address,
}

impl SchemaEnvelope {
    /// Takes the address from the document's annotations.
    pub(crate) fn new(document: Rc<Document>, thread: &mut Thread) -> Result<Self, String> {
        let path = LibraryRef::of(&document.common.annotations())?;
        let schema = Schema::new(document, thread)?;
        Ok(Self {
            schema,
            address: Address::new(path),
        })
    }

    pub(crate) fn is_for_another_library(&self) -> bool {
        !self.address.rest.is_empty()
    }

    pub(crate) fn is_used(&self) -> bool {
        self.address.used.get()
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "Schema belonging to library '{}' on {}",
            self.address.describe(),
            self.schema.source.common.position().long()
        )
    }

    /// What of this is for `library` or for one below it.
    ///
    /// # Errors
    /// A used up budget.
    pub(crate) fn used_in(
        &self,
        library: &LibraryRef,
        budget: &Budget,
    ) -> Result<Option<Self>, Error> {
        let Some(address) = self.address.within(library) else {
            return Ok(None);
        };
        let schema = Schema {
            source: self.schema.source.deep_copy(budget)?,
            ..self.schema.clone()
        };
        Ok(Some(Self { schema, address }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_references_have_paths_and_aliases() {
        let parsed = LibraryRef::parse("@a@b~c@~d").unwrap();
        let described: Vec<_> = parsed.iter().map(LibraryRef::describe).collect();
        assert_eq!(described, ["a", "b~c", "~d"]);
        for (text, expect) in [
            ("", "Expected library ref to not be empty"),
            ("a", "Expected library ref to start with '@'"),
            ("@a~", "Expected library alias to not be empty"),
            (
                "@a~b~c",
                "Expected library ref to have form: '@path', '@~alias', or '@path~alias', \
                 got: '@a~b~c'",
            ),
        ] {
            assert_eq!(LibraryRef::parse(text).unwrap_err(), expect);
        }
    }
}

//! What documents, map items and array items have in common for overlays.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::node::{ArrayItem, Common, DeepCopy, Document, MapItem, NODE_BYTES, Node, Value};
use crate::position::Position;
use crate::star::{Budget, Error};

/// What an item is called in messages, and what overlays may do with it.
pub(super) trait Item: DeepCopy {
    /// Whether position matters, so that items can be inserted and appended.
    const IN_SEQUENCE: bool;
    /// Whether an item that matches nothing is added.
    const APPENDS_UNMATCHED: bool;
    /// Which kind of item this is.
    const KIND: Kind;

    fn common(&self) -> &Common;
    fn value(&self) -> &RefCell<Value>;
    /// How messages name the item.
    fn label(&self) -> String;
    /// First argument of matcher functions: the key, or the index.
    fn key(&self) -> Option<Value>;
    /// Whether this is the item with that key.
    fn has_key(&self, key: &Value) -> bool;
    fn as_node(item: Rc<Self>) -> Node;
    /// Whether `list` holds the items of `node`.
    fn is_list_of(node: &Node, list: &RefCell<Vec<Rc<Self>>>) -> bool;

    /// Takes the value and position of a merged item.
    fn accept(&self, value: Value, position: Position);
}

/// The three kinds of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    MapItem,
    ArrayItem,
}

impl Item for Document {
    const IN_SEQUENCE: bool = true;
    const APPENDS_UNMATCHED: bool = false;
    const KIND: Kind = Kind::Document;

    fn common(&self) -> &Common {
        &self.common
    }

    fn value(&self) -> &RefCell<Value> {
        &self.value
    }

    fn label(&self) -> String {
        "Document".to_owned()
    }

    fn key(&self) -> Option<Value> {
        None
    }

    fn has_key(&self, _: &Value) -> bool {
        false
    }

    fn as_node(item: Rc<Self>) -> Node {
        Node::Document(item)
    }

    fn is_list_of(node: &Node, list: &RefCell<Vec<Rc<Self>>>) -> bool {
        matches!(node, Node::DocumentSet(node) if std::ptr::eq(&raw const node.items, list))
    }

    fn accept(&self, value: Value, _position: Position) {
        *self.value.borrow_mut() = value;
    }
}

impl Item for MapItem {
    const IN_SEQUENCE: bool = false;
    const APPENDS_UNMATCHED: bool = true;
    const KIND: Kind = Kind::MapItem;

    fn common(&self) -> &Common {
        &self.common
    }

    fn value(&self) -> &RefCell<Value> {
        &self.value
    }

    fn label(&self) -> String {
        format!("Map item (key '{}')", self.key.borrow().go_string())
    }

    fn key(&self) -> Option<Value> {
        Some(self.key.borrow().clone())
    }

    fn has_key(&self, key: &Value) -> bool {
        self.key.borrow().deep_equal(key)
    }

    fn as_node(item: Rc<Self>) -> Node {
        Node::MapItem(item)
    }

    fn is_list_of(node: &Node, list: &RefCell<Vec<Rc<Self>>>) -> bool {
        matches!(node, Node::Map(node) if std::ptr::eq(&raw const node.items, list))
    }

    fn accept(&self, value: Value, position: Position) {
        *self.value.borrow_mut() = value;
        self.common.set_position(position);
    }
}

impl Item for ArrayItem {
    const IN_SEQUENCE: bool = true;
    const APPENDS_UNMATCHED: bool = true;
    const KIND: Kind = Kind::ArrayItem;

    fn common(&self) -> &Common {
        &self.common
    }

    fn value(&self) -> &RefCell<Value> {
        &self.value
    }

    fn label(&self) -> String {
        "Array item".to_owned()
    }

    fn key(&self) -> Option<Value> {
        None
    }

    fn has_key(&self, _: &Value) -> bool {
        false
    }

    fn as_node(item: Rc<Self>) -> Node {
        Node::ArrayItem(item)
    }

    fn is_list_of(node: &Node, list: &RefCell<Vec<Rc<Self>>>) -> bool {
        matches!(node, Node::Array(node) if std::ptr::eq(&raw const node.items, list))
    }

    fn accept(&self, value: Value, position: Position) {
        *self.value.borrow_mut() = value;
        self.common.set_position(position);
    }
}

/// A place in the left tree: which list, and where in it.
pub(super) type Place = (usize, usize);

/// The lists of items that an overlay item looks at: one map or array, or several document sets.
pub(super) struct Lists<'a, T> {
    lists: Vec<&'a RefCell<Vec<Rc<T>>>>,
}

impl<'a, T: Item> Lists<'a, T> {
    pub(super) fn new(lists: Vec<&'a RefCell<Vec<Rc<T>>>>) -> Self {
        Self { lists }
    }

    pub(super) fn one(list: &'a RefCell<Vec<Rc<T>>>) -> Self {
        Self { lists: vec![list] }
    }

    pub(super) fn get(&self, (list, index): Place) -> Option<Rc<T>> {
        self.lists.get(list)?.borrow().get(index).cloned()
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(|list| list.borrow().len()).sum()
    }

    /// Places and positions of the items with this key, in order.
    pub(super) fn with_key(&self, key: &Value) -> Vec<(Place, Position)> {
        let mut found = Vec::new();
        for (list, content) in self.lists.iter().enumerate() {
            let content = content.borrow();
            let fitting = content.iter().enumerate();
            let fitting = fitting.filter(|(_, item)| item.has_key(key));
            found.extend(fitting.map(|(at, item)| ((list, at), item.common().position())));
        }
        found
    }

    /// Every item with its place, in order.
    pub(super) fn items(&self) -> Vec<(Place, Rc<T>)> {
        let mut items = Vec::new();
        for (list, content) in self.lists.iter().enumerate() {
            let content = content.borrow();
            items.extend(
                content
                    .iter()
                    .cloned()
                    .enumerate()
                    .map(|(i, item)| ((list, i), item)),
            );
        }
        items
    }

    pub(super) fn set(&self, (list, index): Place, item: Rc<T>) {
        if let Some(place) = self.lists[list].borrow_mut().get_mut(index) {
            *place = item;
        }
    }

    /// A copy of `item` that holds `value`, to be put into one of the lists.
    pub(super) fn with_value(
        &self,
        item: &T,
        value: Value,
        budget: &Budget,
    ) -> Result<Rc<T>, Error> {
        budget.allocate(NODE_BYTES)?;
        if let Value::Node(node) = &value {
            self.refuse_around(node, &mut BTreeSet::new(), budget)?;
        }
        let copy = Rc::new(item.deep_copy(budget)?);
        T::as_node(Rc::clone(&copy))
            .set_value(value)
            .map_err(Error::new)?;
        Ok(copy)
    }

    /// Fails if one of the lists is somewhere inside `node`: a function of the user may give back
    /// a fragment that is being changed, which would come to contain itself.
    fn refuse_around(
        &self,
        node: &Node,
        seen: &mut BTreeSet<*const Common>,
        budget: &Budget,
    ) -> Result<(), Error> {
        budget.work(1)?;
        if !seen.insert(std::ptr::from_ref(node.common())) {
            return Ok(());
        }
        if self.lists.iter().any(|list| T::is_list_of(node, list)) {
            return Err(budget.refuse(Error::budget(
                "evaluation was stopped: an overlay would put a value into itself",
            )));
        }
        for value in node.values() {
            if let Value::Node(child) = value {
                self.refuse_around(&child, seen, budget)?;
            }
        }
        Ok(())
    }

    /// Removes the items at `places`, which are in order.
    pub(super) fn remove(&self, places: &[Place]) {
        for (list, content) in self.lists.iter().enumerate() {
            let mut index = 0;
            content.borrow_mut().retain(|_| {
                index += 1;
                places.binary_search(&(list, index - 1)).is_err()
            });
        }
    }

    pub(super) fn push_last(&self, item: T) -> Result<(), Error> {
        let list = self.lists.last().ok_or_else(no_document_set)?;
        list.borrow_mut().push(Rc::new(item));
        Ok(())
    }

    pub(super) fn push_first(&self, item: Rc<T>) -> Result<(), Error> {
        let list = self.lists.first().ok_or_else(no_document_set)?;
        list.borrow_mut().push(item);
        Ok(())
    }

    /// Makes every list anew from its items.
    pub(super) fn rebuild(
        &self,
        mut put: impl FnMut(Place, Rc<T>, &mut Vec<Rc<T>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (list, content) in self.lists.iter().enumerate() {
            let items = content.borrow().clone();
            let mut updated = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                put((list, index), item, &mut updated)?;
            }
            content.replace(updated);
        }
        Ok(())
    }
}

/// The original crashes here.
fn no_document_set() -> Error {
    Error::panic("Internal inconsistency: Expected at least one *yamlmeta.DocumentSet")
}

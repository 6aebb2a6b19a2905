//! Overlays among the documents of templates.
//!
//! Source: ytt pkg/workspace/overlay_post_processing.go.

use std::cell::RefCell;
use std::rc::Rc;

use super::tree::FileInLibrary;
use crate::annotation::name;
use crate::node::{Document, DocumentSet};
use crate::overlay::apply_to_sets;
use crate::star::{Error, Thread};

/// A file and its documents.
type FileDocuments = (FileInLibrary, Rc<DocumentSet>);

/// Takes the overlays out and applies them to what is left; empty documents and files without
/// documents fall away.
pub(super) fn apply(
    sets: Vec<FileDocuments>,
    thread: &mut Thread,
) -> Result<Vec<FileDocuments>, Error> {
    let mut overlays: Vec<(FileInLibrary, Vec<Rc<Document>>)> = Vec::new();
    let mut kept = Vec::new();
    for (file, set) in sets {
        let items = set.items.borrow().clone();
        let (own_overlays, documents): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|item| item.common.annotations().has(name::OVERLAY_MATCH));
        if !own_overlays.is_empty() {
            overlays.push((file.clone(), own_overlays));
        }
        let documents: Vec<_> = documents
            .into_iter()
            .filter(|item| !item.is_empty())
            .collect();
        if !documents.is_empty() {
            *set.items.borrow_mut() = documents;
            kept.push((file, set));
        }
    }
    overlays.sort_by_key(|(file, _)| file.file.order());
    // The original goes through a map here, in no particular order.
    kept.sort_by_key(|(file, _)| file.file.order());
    let left: Vec<_> = kept.iter().map(|(_, set)| Rc::clone(set)).collect();
    for (_, documents) in &overlays {
        for document in documents {
            let items = RefCell::new(vec![Rc::clone(document)]);
            let right = Rc::new(DocumentSet {
                items,
                ..DocumentSet::default()
            });
            apply_to_sets(&left, &right, thread).map_err(|error| {
                let files: Vec<_> = overlays.iter().map(|(file, _)| file.file.path()).collect();
                let order = files.join(", ");
                error.after(&format!("Overlaying (in following order: {order}): "))
            })?;
        }
    }
    Ok(kept)
}

//! The document of an owner, kept small.

use std::sync::Arc;

use lz4_flex::block;
use serde_json::Value;

/// An object as JSON text, compressed.
///
/// There are many owners, and each is read once per pass; most of their text is the status, which says the same of
/// each resource in the same words. LZ4 takes a quarter of the room, and microseconds.
#[derive(Clone, Debug)]
pub(super) struct Document(Arc<[u8]>);

impl Document {
    pub(super) fn write(object: &Value) -> Self {
        let json = serde_json::to_vec(object).expect("a JSON value can always be written");
        Self(block::compress_prepend_size(&json).into())
    }

    /// The JSON text.
    pub(super) fn json(&self) -> Vec<u8> {
        block::decompress_size_prepended(&self.0).expect("what was compressed here can be read")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_given_back_as_it_was() {
        let resource =
            json!({"name": "é\u{0}", "conditions": [{"type": "Ready", "status": "True"}]});
        for object in [
            json!({}),
            json!({"status": {"resources": vec![resource; 200]}}),
        ] {
            let document = Document::write(&object);
            let read: Value = serde_json::from_slice(&document.json()).unwrap();
            assert_eq!(read, object);
        }
    }
}

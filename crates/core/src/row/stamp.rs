//! The stamp digest that an object carries.

use std::sync::Arc;

use crate::digest::Writer;
use crate::hex;

/// Annotation `carto.run/stamp-digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StampDigest(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// A SHA-256, which was written in lower case.
    Sha256([u8; 32]),
    /// Whatever somebody else wrote there.
    Other(Arc<str>),
}

impl StampDigest {
    pub(super) fn read(text: &str) -> Self {
        Self(hex::read(text.as_bytes()).map_or_else(|| Form::Other(text.into()), Form::Sha256))
    }

    /// Writes it.
    pub(crate) fn write(&self, into: &mut Writer) {
        match &self.0 {
            Form::Sha256(bytes) => into.bytes(bytes),
            Form::Other(text) => into.text(text),
        }
    }

    /// Reports whether it reads so.
    pub(crate) fn is(&self, text: &str) -> bool {
        *self == Self::read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_is_the_digest() {
        let text = "645ecb95efacc9eebb0f10317a4cc8151ab5d89ebd81e9e438777ca88d3a9d04";
        let digest = StampDigest::read(text);
        assert!(digest.is(text));
        assert!(!digest.is(&text.to_uppercase()));
        assert!(!digest.is(&text[..62]));
        assert!(!digest.is(&text.replace('6', "7")));
        assert!(!StampDigest::read("").is(text));
        assert!(StampDigest::read("mine").is("mine"));
        assert!(StampDigest::read(&text.to_uppercase()).is(&text.to_uppercase()));
    }
}

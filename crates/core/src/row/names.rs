//! Names that API servers give out, in less room than their texts.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::digest::Writer;
use crate::hex;

/// `metadata.uid`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(UidForm);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum UidForm {
    /// As API servers write it: lower case, with dashes.
    Uuid([u8; 16]),
    Other(Arc<str>),
}

/// `metadata.resourceVersion`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(VersionForm);

#[derive(Clone, PartialEq, Eq, Hash)]
enum VersionForm {
    Number(u64),
    Other(Arc<str>),
}

impl Uid {
    /// Reads a uid.
    pub fn new(text: &str) -> Self {
        Self(uuid(text).map_or_else(|| UidForm::Other(text.into()), UidForm::Uuid))
    }

    /// Returns the text.
    pub fn text(&self) -> Arc<str> {
        match &self.0 {
            UidForm::Uuid(_) => self.to_string().into(),
            UidForm::Other(text) => Arc::clone(text),
        }
    }

    /// Writes the uid into what is digested.
    pub(crate) fn write(&self, into: &mut Writer) {
        match &self.0 {
            UidForm::Uuid(bytes) => into.bytes(bytes),
            UidForm::Other(text) => into.text(text),
        }
    }
}

impl Version {
    /// Reads a version.
    pub fn new(text: &str) -> Self {
        let number = text.parse().ok();
        // `+7` and `07` are other texts than `7`.
        let number = number.filter(|number: &u64| number.to_string() == text);
        Self(number.map_or_else(|| VersionForm::Other(text.into()), VersionForm::Number))
    }

    /// Returns the number that API servers count up (KEP-5504). What is none (no API server sends that) is newer than
    /// anything.
    pub fn number(&self) -> u64 {
        match &self.0 {
            VersionForm::Number(number) => *number,
            VersionForm::Other(text) => text.parse().unwrap_or(u64::MAX),
        }
    }

    /// Writes the version into what is digested.
    pub(crate) fn write(&self, into: &mut Writer) {
        match &self.0 {
            VersionForm::Number(number) => into.bytes(&number.to_le_bytes()),
            VersionForm::Other(text) => into.text(text),
        }
    }
}

/// Reads the 8-4-4-4-12 digits of a UUID.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    let is_dash = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    if text.len() != 36 || !(0..36).all(|place| is_dash(place) == (text[place] == b'-')) {
        return None;
    }
    let mut digits = [0; 32];
    let found = text.iter().filter(|byte| **byte != b'-');
    for (digit, byte) in digits.iter_mut().zip(found) {
        *digit = *byte;
    }
    hex::read(&digits)
}

impl PartialEq<str> for Uid {
    fn eq(&self, text: &str) -> bool {
        *self == Self::new(text)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            UidForm::Uuid(bytes) => {
                for (place, digit) in hex::write(bytes).enumerate() {
                    if matches!(place, 8 | 12 | 16 | 20) {
                        f.write_char('-')?;
                    }
                    f.write_char(digit)?;
                }
                Ok(())
            }
            UidForm::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            VersionForm::Number(number) => write!(f, "{number}"),
            VersionForm::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uid_is_given_back_as_it_was_and_is_only_itself() {
        let uuid = "94b14c17-7e22-4e6d-91e1-8a58ef16c515";
        let others = [
            uuid.to_uppercase(),
            uuid.replace('-', ""),
            uuid.replace('9', "g"),
            uuid.replace("17-", "-17"),
            uuid.replace('9', "é"),
            "uid-a".to_owned(),
            String::new(),
        ];
        assert_eq!(*Uid::new(uuid).text(), *uuid);
        for other in others {
            assert_eq!(*Uid::new(&other).text(), *other);
            assert!(Uid::new(&other) != *uuid, "{other}");
            assert!(Uid::new(&other) == *other, "{other}");
        }
    }

    #[test]
    fn versions_are_told_apart_by_their_texts_and_ordered_by_their_numbers() {
        for text in [
            "0",
            "71840",
            "18446744073709551615",
            "18446744073709551616",
            "07",
            "+7",
            "",
            "a",
        ] {
            assert_eq!(Version::new(text).to_string(), text);
        }
        assert_ne!(Version::new("7"), Version::new("07"));
        assert_eq!(Version::new("7").number(), 7);
        assert_eq!(Version::new("a").number(), u64::MAX);
    }
}

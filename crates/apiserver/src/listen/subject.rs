//! Who a client certificate names: common name and organizations of its subject.
//!
//! The chain was verified by the TLS layer; here only the subject is read. Source: apiserver
//! `pkg/authentication/request/x509/x509.go` (`CommonNameUserConversion`), v1.36.

use crate::user::UserInfo;

/// `2.5.4.3` and `2.5.4.10`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// The version, which is explicitly tagged and may be missing.
const VERSION: u8 = 0xa0;

/// The user of a certificate in DER form; `None` when it names nobody.
pub(super) fn user(certificate: &[u8]) -> Option<UserInfo> {
    let mut outer = Der(certificate);
    let mut certificate = Der(outer.expect(SEQUENCE)?);
    let mut body = Der(certificate.expect(SEQUENCE)?);
    if body.peek() == Some(VERSION) {
        body.next()?;
    }
    // Serial number, algorithm, issuer, validity, and then the subject.
    for _ in 0..4 {
        body.next()?;
    }
    let mut subject = Der(body.expect(SEQUENCE)?);
    let mut name = None;
    let mut groups = vec![];
    while subject.peek().is_some() {
        let mut set = Der(subject.expect(SET)?);
        while set.peek().is_some() {
            let mut attribute = Der(set.expect(SEQUENCE)?);
            let kind = attribute.expect(OBJECT_IDENTIFIER)?;
            let (_, value) = attribute.next()?;
            let value = std::str::from_utf8(value).ok()?;
            match kind {
                COMMON_NAME => name = Some(value),
                ORGANIZATION => groups.push(value),
                _ => {}
            }
        }
    }
    let name = name.filter(|name| !name.is_empty())?;
    Some(UserInfo::new(name, groups))
}

/// What is left of an encoding.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content)
    }

    /// The next element: its tag and its content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let bytes = usize::from(first & 0x7f);
            // A certificate fits into a few kilobytes.
            if bytes > 4 {
                return None;
            }
            let (length, after) = rest.split_at_checked(bytes)?;
            rest = after;
            length
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_certificate_names_nobody() {
        assert_eq!(user(&[]), None);
        assert_eq!(user(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(user(&[0x30, 0x02, 0x30, 0x00]), None);
    }
}

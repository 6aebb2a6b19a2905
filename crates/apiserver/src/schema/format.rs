//! The formats of strings and numbers.
//!
//! Source: kube-openapi pkg/validation/strfmt and internal/third_party/govalidator; which formats count is
//! apiextensions-apiserver pkg/apiserver/validation/formats.go, v1.36. Others are ignored.

use std::{net::IpAddr, sync::LazyLock};

use base64::Engine as _;
use regex::Regex;

/// Whether a text matches a pattern of our own in Go's syntax, which is compiled when it is first met.
macro_rules! is_match {
    ($pattern:literal, $text:expr $(,)?) => {{
        static PATTERN: LazyLock<Option<Regex>> =
            LazyLock::new(|| super::pattern::compile($pattern).ok());
        PATTERN
            .as_ref()
            .is_some_and(|pattern| pattern.is_match($text))
    }};
}

/// A format that is enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    /// As written in the schema, for messages.
    pub(super) name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int32,
    Int64,
    Float,
    Double,
    BsonObjectId,
    Uri,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Cidr,
    Mac,
    Uuid,
    Uuid3,
    Uuid4,
    Uuid5,
    Isbn,
    Isbn10,
    Isbn13,
    CreditCard,
    Ssn,
    HexColor,
    RgbColor,
    Byte,
    Password,
    Date,
    Duration,
    DateTime,
    ShortName,
    LongName,
}

impl Format {
    /// Returns the format if it is enforced for values of these types.
    pub(super) fn supported(name: &str, types: &[&str]) -> Option<Self> {
        let kind = match types {
            [] | ["string"] | [_, _, ..] => string_kind(name)?,
            ["integer"] => match name {
                "int32" => Kind::Int32,
                "int64" => Kind::Int64,
                _ => return None,
            },
            ["number"] => match name {
                "float" => Kind::Float,
                "double" => Kind::Double,
                _ => return None,
            },
            _ => return None,
        };
        Some(Self {
            name: name.to_owned(),
            kind,
        })
    }

    /// Tells whether this is the format that a decoded integer has by itself.
    pub(super) fn is_int64(&self) -> bool {
        self.kind == Kind::Int64
    }

    /// Tells whether a number fits; `None` when the format says nothing of numbers.
    pub(super) fn fits_number(&self, number: &serde_json::Number) -> bool {
        match self.kind {
            Kind::Int32 => number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            Kind::Float => number
                .as_f64()
                .is_some_and(|f| f.abs() <= f64::from(f32::MAX)),
            _ => true,
        }
    }

    /// Tells whether a string has this format; formats of numbers say nothing of strings.
    pub(super) fn fits_text(&self, text: &str) -> bool {
        match self.kind {
            Kind::Int32 | Kind::Int64 | Kind::Float | Kind::Double | Kind::Password => true,
            Kind::BsonObjectId => text.len() == 24 && text.chars().all(|c| c.is_ascii_hexdigit()),
            Kind::Uri => is_request_uri(text),
            Kind::Email => is_email(text),
            Kind::Hostname => is_hostname(text),
            Kind::Ipv4 => text.contains('.') && parse_ip(text).is_some(),
            Kind::Ipv6 => text.contains(':') && parse_ip(text).is_some(),
            Kind::Cidr => is_cidr(text),
            Kind::Mac => is_mac(text),
            Kind::Uuid => is_uuid(text, None),
            Kind::Uuid3 => is_uuid(text, Some('3')),
            Kind::Uuid4 => is_uuid(text, Some('4')),
            Kind::Uuid5 => is_uuid(text, Some('5')),
            Kind::Isbn => is_isbn10(text) || is_isbn13(text),
            Kind::Isbn10 => is_isbn10(text),
            Kind::Isbn13 => is_isbn13(text),
            Kind::CreditCard => is_credit_card(text),
            Kind::Ssn => is_match!(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$", text),
            Kind::HexColor => is_match!(r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", text),
            Kind::RgbColor => is_match!(
                r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$",
                text,
            ),
            Kind::Byte => is_base64(text),
            Kind::Date => is_date(text),
            Kind::Duration => is_duration(text),
            Kind::DateTime => is_date_time(text),
            Kind::ShortName => text.len() <= 63 && is_label(text),
            Kind::LongName => text.len() <= 253 && text.split('.').all(is_label),
        }
    }
}

fn string_kind(name: &str) -> Option<Kind> {
    Some(match name.replace('-', "").as_str() {
        "bsonobjectid" => Kind::BsonObjectId,
        "uri" => Kind::Uri,
        "email" => Kind::Email,
        "hostname" => Kind::Hostname,
        "ipv4" => Kind::Ipv4,
        "ipv6" => Kind::Ipv6,
        "cidr" => Kind::Cidr,
        "mac" => Kind::Mac,
        "uuid" => Kind::Uuid,
        "uuid3" => Kind::Uuid3,
        "uuid4" => Kind::Uuid4,
        "uuid5" => Kind::Uuid5,
        "isbn" => Kind::Isbn,
        "isbn10" => Kind::Isbn10,
        "isbn13" => Kind::Isbn13,
        "creditcard" => Kind::CreditCard,
        "ssn" => Kind::Ssn,
        "hexcolor" => Kind::HexColor,
        "rgbcolor" => Kind::RgbColor,
        "byte" => Kind::Byte,
        "password" => Kind::Password,
        "date" => Kind::Date,
        "duration" => Kind::Duration,
        "datetime" => Kind::DateTime,
        "k8sshortname" => Kind::ShortName,
        "k8slongname" => Kind::LongName,
        _ => return None,
    })
}

fn is_label(text: &str) -> bool {
    let edge = |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|c| edge(Some(c)) || *c == b'-')
}

/// An absolute URI or absolute path, as Go's `url.ParseRequestURI` takes it.
fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.chars().any(|c| c.is_ascii_control()) {
        return false;
    }
    if text == "*" || text.starts_with('/') {
        return has_good_escapes(text);
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let scheme_is_good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !scheme_is_good {
        return false;
    }
    let Some(rest) = rest.strip_prefix("//") else {
        // An opaque URI; a relative one is refused.
        return !rest.is_empty() || text.ends_with(':');
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    !host.contains(' ') && has_good_port(host) && has_good_escapes(rest)
}

fn has_good_port(host: &str) -> bool {
    let after_brackets = host.rsplit(']').next().unwrap_or_default();
    match after_brackets.rsplit_once(':') {
        None => true,
        Some((_, port)) => port.chars().all(|c| c.is_ascii_digit()),
    }
}

fn has_good_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let mut chars = rest.chars();
        [chars.next(), chars.next()]
            .iter()
            .all(|c| c.is_some_and(|c| c.is_ascii_hexdigit()))
    })
}

/// An address, possibly with a display name in front, as Go's `mail.ParseAddress` takes it.
fn is_email(text: &str) -> bool {
    let text = text.trim();
    let address = match (text.rfind('<'), text.strip_suffix('>')) {
        (Some(start), Some(inner)) => &inner[start + 1..],
        (None, None) => text,
        _ => return false,
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let is_atom = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| {
                c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
            })
    };
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let local_is_good = quoted || local.split('.').all(is_atom);
    let domain_is_good =
        domain.split('.').all(is_atom) || (domain.starts_with('[') && domain.ends_with(']'));
    local_is_good && domain_is_good
}

static HOSTNAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$",
    )
    .ok()
});

fn is_hostname(text: &str) -> bool {
    text.len() <= 255
        && text.split('.').all(|part| part.len() <= 63)
        && HOSTNAME.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// Parses an address, tolerating leading zeros in IPv4 as Go did before 1.17.
fn parse_ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse().ok();
    }
    let parts: Vec<&str> = text.split('.').collect();
    let all_bytes = parts.len() == 4
        && parts.iter().all(|part| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_digit())
                && part.parse::<u32>().is_ok_and(|n| n <= 255)
        });
    let numbers: Vec<u8> = parts
        .iter()
        .filter_map(|p| {
            p.trim_start_matches('0')
                .parse()
                .ok()
                .or_else(|| p.chars().all(|c| c == '0').then_some(0))
        })
        .collect();
    match numbers.as_slice() {
        [a, b, c, d] if all_bytes => Some(IpAddr::from([*a, *b, *c, *d])),
        _ => None,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let Some(address) = parse_ip(address) else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.chars().all(|c| c.is_ascii_digit()) && length.parse::<u8>().is_ok_and(|n| n <= most)
}

/// 6, 8 or 20 bytes, as Go's `net.ParseMAC` takes them.
fn is_mac(text: &str) -> bool {
    let groups = |separator: char, digits: usize, counts: &[usize]| {
        let parts: Vec<&str> = text.split(separator).collect();
        counts.contains(&parts.len())
            && parts
                .iter()
                .all(|part| part.len() == digits && part.chars().all(|c| c.is_ascii_hexdigit()))
    };
    groups(':', 2, &[6, 8, 20]) || groups('-', 2, &[6, 8, 20]) || groups('.', 4, &[3, 4, 10])
}

/// Upper case is allowed, and so are missing hyphens.
fn is_uuid(text: &str, version: Option<char>) -> bool {
    let digits: Vec<char> = text.chars().filter(|c| *c != '-').collect();
    let hyphens_are_good = {
        let mut seen = 0;
        text.chars().all(|c| {
            if c == '-' {
                matches!(seen, 8 | 12 | 16 | 20)
            } else {
                seen += 1;
                true
            }
        }) && !text.contains("--")
    };
    digits.len() == 32
        && hyphens_are_good
        && digits.iter().all(char::is_ascii_hexdigit)
        && match version {
            None => true,
            Some('3') => digits[12] == '3',
            Some(version) => digits[12] == version && "89abAB".contains(digits[16]),
        }
}

fn digits_only(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect()
}

fn is_isbn10(text: &str) -> bool {
    let digits = digits_only(text);
    if digits.len() != 10 {
        return false;
    }
    let mut sum = 0;
    for (weight, c) in (1..).zip(digits.chars()) {
        let value = match c {
            'X' if weight == 10 => 10,
            c => match c.to_digit(10) {
                Some(value) => value,
                None => return false,
            },
        };
        sum += weight * value;
    }
    sum % 11 == 0
}

fn is_isbn13(text: &str) -> bool {
    let digits: Option<Vec<u32>> = digits_only(text).chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 13) else {
        return false;
    };
    let sum: u32 = digits[..12]
        .iter()
        .zip([1, 3].iter().cycle())
        .map(|(d, w)| d * w)
        .sum();
    (10 - sum % 10) % 10 == digits[12]
}

fn is_credit_card(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_card = is_match!(
        r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$",
        &digits
    );
    if !is_card {
        return false;
    }
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(i, d)| {
            if i % 2 == 0 {
                d
            } else if d * 2 > 9 {
                d * 2 - 9
            } else {
                d * 2
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_base64(text: &str) -> bool {
    !text.is_empty()
        && base64::engine::general_purpose::STANDARD
            .decode(text)
            .is_ok()
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// A date, `t`, and a time of day with a zone; the zone may be lower case.
fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((date, time)) = text.split_at_checked(10) else {
        return false;
    };
    if !is_date(date) || bytes.len() < 19 || !matches!(bytes[10], b'T' | b't') {
        return false;
    }
    let time = time[1..].to_ascii_lowercase();
    let in_range = |range: std::ops::Range<usize>, most: u8| {
        time.get(range)
            .and_then(|part| part.parse::<u8>().ok())
            .is_some_and(|n| n <= most)
    };
    is_match!(
        r"^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$",
        &time,
    ) && in_range(0..2, 23)
        && in_range(3..5, 59)
        && in_range(6..8, 59)
}

/// A duration of Go, or numbers with longer unit names as Scala has them.
fn is_duration(text: &str) -> bool {
    if is_go_duration(text) {
        return true;
    }
    let units = [
        &["ns", "nano"][..],
        &["us", "µs", "micro"],
        &["ms", "milli"],
        &["s", "sec"],
        &["m", "min"],
        &["h", "hr", "hour"],
        &["d", "day"],
        &["w", "wk", "week"],
    ];
    static PARTS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"([0-9]+)\s*([A-Za-zµ]+)").ok());
    let Some(parts) = PARTS.as_ref() else {
        return false;
    };
    parts.captures_iter(text).any(|found| {
        let unit = found[2].to_lowercase();
        units.iter().any(|names| {
            names.iter().any(|name| *name == unit)
                || names.last().is_some_and(|long| unit.starts_with(long))
        })
    })
}

/// As `time.ParseDuration`: a sign, then numbers with units.
fn is_go_duration(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    is_match!(
        r"^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$",
        rest
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, good: &[&str], bad: &[&str]) {
        let format = Format::supported(format, &["string"]).expect("is enforced");
        for text in good {
            assert!(
                format.fits_text(text),
                "{text:?} should be a {}",
                format.name
            );
        }
        for text in bad {
            assert!(
                !format.fits_text(text),
                "{text:?} should not be a {}",
                format.name
            );
        }
    }

    #[test]
    fn formats_know_their_texts() {
        check(
            "ipv4",
            &["10.0.0.1", "010.0.0.1"],
            &["10.0.0", "256.0.0.1", "::1", "a.b.c.d"],
        );
        check(
            "ipv6",
            &["::1", "fe80::1:2"],
            &["10.0.0.1", ":::", "fe80::1%eth0"],
        );
        check(
            "cidr",
            &["10.0.0.0/8", "::/0"],
            &["10.0.0.0", "10.0.0.0/33", "x/8"],
        );
        check(
            "mac",
            &["01:23:45:67:89:ab", "0123.4567.89ab"],
            &["01:23", "01-23:45-67-89-ab"],
        );
        check(
            "date",
            &["2026-02-28"],
            &["2026-02-30", "2026-2-3", "26-02-03"],
        );
        check(
            "date-time",
            &["2026-01-02T03:04:05Z", "2026-01-02t03:04:05.123+01:00"],
            &[
                "2026-01-02",
                "2026-01-02T25:00:00Z",
                "2026-01-02 03:04:05Z",
                "2026-01-02T03:04:05",
            ],
        );
        check(
            "duration",
            &["1h30m", "-5s", "0", "22 ns", "3 days"],
            &["", "5", "h", "x5y"],
        );
        check("byte", &["aGk="], &["a", "####"]);
        check(
            "uuid",
            &[
                "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
                "6ba7b8109dad11d180b400c04fd430c8",
            ],
            &["6ba7b810", "6ba7b810-9dad-11d1-80b4-00c04fd430cz"],
        );
        check(
            "uuid4",
            &["7d444840-9dc0-41d1-b245-5ffdce74fad2"],
            &["6ba7b810-9dad-11d1-80b4-00c04fd430c8"],
        );
        check(
            "email",
            &["a@b.c", "A <a@b.c>"],
            &["a", "@b", "a@", "a b@c"],
        );
        check(
            "hostname",
            &["localhost", "example.com", "1host"],
            &["-a", "a..b", "a_b"],
        );
        check(
            "uri",
            &["https://example.com/a?b=c", "/path", "mailto:x"],
            &["example.com/a b", "", "a"],
        );
        check(
            "isbn",
            &["0321751043", "978-0321751041"],
            &["0321751044", "x"],
        );
        check(
            "creditcard",
            &["4111-1111-1111-1111"],
            &["4111-1111-1111-1112"],
        );
        check("hexcolor", &["#fff", "A1B2C3"], &["#ffff", "red"]);
        check("rgbcolor", &["rgb(1,2,255)"], &["rgb(1,2)", "rgb(1,2,256)"]);
        check("k8s-short-name", &["a-b"], &["A", "-a", "a.b"]);
        check("k8s-long-name", &["a.b-c"], &["a..b"]);
    }

    #[test]
    fn unknown_formats_are_not_enforced() {
        assert_eq!(Format::supported("color", &["string"]), None);
        assert_eq!(Format::supported("int32", &["string"]), None);
        assert_eq!(Format::supported("date", &["object"]), None);
        assert!(Format::supported("int32", &["integer"]).is_some());
    }
}

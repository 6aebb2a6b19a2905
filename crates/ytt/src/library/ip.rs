//! `@ytt:ip`.
//!
//! As in the original, an address of version 4 in the form of version 6 is one of version 4.
//! Source: ytt pkg/yttlibrary/ip.go, Go net/ip.go.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use super::arguments::{none, one, text};
use crate::star::{Args, Closure, Error, Native, Str, Struct, StructKind, Thread, Value};

/// The functions of the module.
pub(super) static MEMBERS: &[(&str, Native)] = &[
    ("parse_addr", Native::wrapping("ip.parse_addr", parse_addr)),
    ("parse_cidr", Native::wrapping("ip.parse_cidr", parse_cidr)),
];

/// Parses an address without a zone.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn parse_addr(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = text(one(args)?)?;
    match parse_address(&text) {
        Some(address) => Ok(address_value(address)),
        None => Err(Error::new(format!("invalid IP address: {text}"))),
    }
}

fn parse_cidr(_: &mut Thread, args: &Args<'_>) -> Result<Value, Error> {
    let text = text(one(args)?)?;
    match Network::parse(&text) {
        Some((address, network)) => Ok(Value::tuple(vec![
            address_value(address),
            network.into_value(),
        ])),
        None => Err(Error::new(format!("invalid CIDR address: {text}"))),
    }
}

/// The address of version 4 that this is, in whichever form.
fn version_4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(address) => address.to_ipv4_mapped(),
    }
}

/// An address as Go prints it.
fn shown(address: IpAddr) -> String {
    match (version_4(address), address) {
        (Some(address), _) => address.to_string(),
        (None, IpAddr::V6(address)) => shown_6(address),
        (None, IpAddr::V4(address)) => address.to_string(),
    }
}

/// The longest run of at least two zeros becomes `::`, the first one if several are as long.
fn shown_6(address: Ipv6Addr) -> String {
    let segments = address.segments();
    let (mut start, mut length) = (0, 1);
    let mut at = 0;
    while at < segments.len() {
        let run = segments[at..]
            .iter()
            .take_while(|segment| **segment == 0)
            .count();
        if run > length {
            (start, length) = (at, run);
        }
        at += run.max(1);
    }
    let mut out = String::new();
    let mut at = 0;
    while at < segments.len() {
        if at == start && length > 1 {
            out.push_str("::");
            at += length;
            continue;
        }
        if !out.is_empty() && !out.ends_with(':') {
            out.push(':');
        }
        write!(out, "{:x}", segments[at]).expect("writing to a string cannot fail");
        at += 1;
    }
    out
}

/// An address with the bits that a mask leaves, and how many those are.
#[derive(Debug, Clone, Copy)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Parses an address, a slash and a number of bits.
    fn parse(text: &str) -> Option<(IpAddr, Self)> {
        let (address, bits) = text.split_once('/')?;
        let address = parse_address(address)?;
        if bits.is_empty() || !bits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let bits: u32 = bits.parse().ok()?;
        let masked = match address {
            IpAddr::V4(address) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
            }
            IpAddr::V6(address) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
            _ => return None,
        };
        Some((
            address,
            Self {
                address: masked,
                bits,
            },
        ))
    }

    fn shown(self) -> String {
        let bits = match self.address {
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
                self.bits.saturating_sub(96)
            }
            _ => self.bits,
        };
        format!("{}/{bits}", shown(self.address))
    }

    fn into_value(self) -> Value {
        let fields = vec![
            (
                Str::from("addr"),
                method("ip.net.addr", move || address_value(self.address)),
            ),
            (
                Str::from("string"),
                method("ip.net.string", move || Value::from(self.shown())),
            ),
        ];
        let kind = StructKind::Named {
            type_name: "@ytt:ip.net",
            go_type: "*yttlibrary.IPNetValue",
            hint: HINT,
        };
        Value::Struct(Rc::new(Struct::of_kind(kind, fields)))
    }
}

const HINT: &str = "does not automatically encode (hint: use .string())";

fn address_value(address: IpAddr) -> Value {
    let is_ipv4 = version_4(address).is_some();
    let fields = vec![
        (
            Str::from("is_ipv4"),
            method("ip.addr.is_ipv4", move || Value::Bool(is_ipv4)),
        ),
        (
            Str::from("is_ipv6"),
            method("ip.addr.is_ipv6", move || Value::Bool(!is_ipv4)),
        ),
        (
            Str::from("string"),
            method("ip.addr.string", move || Value::from(shown(address))),
        ),
    ];
    let kind = StructKind::Named {
        type_name: "@ytt:ip.addr",
        go_type: "*yttlibrary.IPAddrValue",
        hint: HINT,
    };
    Value::Struct(Rc::new(Struct::of_kind(kind, fields)))
}

/// A method without arguments.
fn method(name: &'static str, function: impl Fn() -> Value + 'static) -> Value {
    Value::Closure(Rc::new(Closure::wrapping(name, move |_, args| {
        none(args)?;
        Ok(function())
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_printed_as_go_does() {
        // Expected values come from Go 1.26.
        let rows = [
            ("1.2.3.4", Some("1.2.3.4")),
            ("01.2.3.4", None),
            ("::1", Some("::1")),
            ("::", Some("::")),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("1:2:3:4:5:6:7:8", Some("1:2:3:4:5:6:7:8")),
            ("1::8", Some("1::8")),
            ("2001:db8:0:0:1:0:0:1", Some("2001:db8::1:0:0:1")),
            ("1:0:2:3:4:5:6:7", Some("1:0:2:3:4:5:6:7")),
            ("fe80::1%eth0", None),
            ("::1.2.3.4", Some("::102:304")),
            ("1:0:0:0:0:0:0:0", Some("1::")),
            ("g::", None),
            ("1.2.3", None),
            ("FF::", Some("ff::")),
        ];
        for (text, expected) in rows {
            assert_eq!(
                parse_address(text).map(shown).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn networks_are_masked() {
        // Expected values come from Go 1.26.
        let rows = [
            ("1.2.3.4/24", Some("1.2.3.4 1.2.3.0/24")),
            ("1.2.3.4/33", None),
            ("1.2.3.4/08", Some("1.2.3.4 1.0.0.0/8")),
            ("2001:db8::1/32", Some("2001:db8::1 2001:db8::/32")),
            ("::ffff:1.2.3.4/120", Some("1.2.3.4 1.2.3.0/24")),
            ("::ffff:1.2.3.4/24", Some("1.2.3.4 ::/24")),
            ("::ffff:1.2.3.4/96", Some("1.2.3.4 0.0.0.0/0")),
            ("1.2.3.4", None),
            ("1.2.3.4/", None),
            ("1.2.3.4/-1", None),
            ("::1/129", None),
            ("10.0.0.1/0", Some("10.0.0.1 0.0.0.0/0")),
            ("::/0", Some(":: ::/0")),
        ];
        for (text, expected) in rows {
            let found = Network::parse(text)
                .map(|(address, network)| format!("{} {}", shown(address), network.shown()));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}

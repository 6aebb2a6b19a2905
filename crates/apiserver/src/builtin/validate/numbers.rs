//! Ports, percentages, addresses.
//!
//! Source: apimachinery `pkg/util/validation/{validation,ip}.go`, v1.36.

use std::net::IpAddr;

use serde_json::Value;

use super::at::At;
use super::problems::Problems;
use crate::names;

const PORT: &str = "must be between 1 and 65535, inclusive";
pub(super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

pub(super) fn port(at: &At<'_>, problems: &mut Problems) {
    if !(1..=65_535).contains(&at.number()) {
        problems.invalid_as(at, at.number(), PORT);
    }
}

/// A port by number or by name.
pub(super) fn port_or_name(at: &At<'_>, problems: &mut Problems) {
    match at.value {
        Value::String(name) => problems.all(at, names::port_name(name)),
        _ => port(at, problems),
    }
}

/// A number or a percentage, not negative.
pub(super) fn amount_or_percent(at: &At<'_>, problems: &mut Problems) {
    match at.value {
        Value::String(text) if percent(text).is_none() => {
            problems.invalid(
                at,
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. \
                 '1%',  or '93%', regex used for validation is '[0-9]+%')",
            );
        }
        Value::String(_) => {}
        _ => problems.not_negative(at),
    }
}

pub(super) fn at_most_all(at: &At<'_>, problems: &mut Problems) {
    if percent(at.text()).is_some_and(|percent| percent > 100) {
        problems.invalid(at, "must not be greater than 100%");
    }
}

/// The number of a number or a percentage.
pub(super) fn amount(at: &At<'_>) -> i64 {
    percent(at.text()).unwrap_or_else(|| at.number())
}

fn percent(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// An address of either family.
pub(super) fn address(at: &At<'_>, problems: &mut Problems) -> Option<IpAddr> {
    let parsed = at.text().parse().ok();
    if parsed.is_none() {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        problems.invalid_as(at, at.text(), detail);
    }
    parsed
}

/// A network as `10.0.0.0/8`.
pub(super) fn network(at: &At<'_>, problems: &mut Problems) {
    let is_network = at.text().split_once('/').is_some_and(|(address, bits)| {
        let max = match address.parse() {
            Ok(IpAddr::V4(_)) => 32,
            Ok(IpAddr::V6(_)) => 128,
            Err(_) => return false,
        };
        bits.parse::<u8>().is_ok_and(|bits| bits <= max)
    });
    if !is_network {
        let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        problems.invalid_as(at, at.text(), detail);
    }
}

/// An address that others may reach.
pub(super) fn reachable_address(at: &At<'_>, problems: &mut Problems) {
    let Ok(address) = at.text().parse::<IpAddr>() else {
        return problems.invalid(at, "must be a valid IP address");
    };
    if address.is_unspecified() {
        problems.invalid(at, format!("may not be unspecified ({})", at.text()));
    }
    if address.is_loopback() {
        problems.invalid(
            at,
            "may not be in the loopback range (127.0.0.0/8, ::1/128)",
        );
    }
    let (local, local_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] == 0xff02),
    };
    if local {
        problems.invalid(
            at,
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
        );
    }
    if local_multicast {
        problems.invalid(
            at,
            "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
        );
    }
}

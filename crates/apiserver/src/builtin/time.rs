//! Times and durations as Go writes them.
//!
//! Source: apimachinery pkg/apis/meta/v1/{time,micro_time,duration}.go, v0.36; Go `time.ParseDuration`.

use jiff::Timestamp;

/// Reads an RFC 3339 time and writes it in UTC with seconds.
///
/// # Errors
/// The text of Go's parser.
pub(crate) fn time(text: &str) -> Result<String, String> {
    let time = parse(text, "2006-01-02T15:04:05Z07:00")?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Reads an RFC 3339 time and writes it in UTC with microseconds.
///
/// # Errors
/// The text of Go's parser.
pub(crate) fn micro_time(text: &str) -> Result<String, String> {
    let time = parse(text, "2006-01-02T15:04:05.000000Z07:00")?;
    Ok(time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string())
}

fn parse(text: &str, layout: &str) -> Result<Timestamp, String> {
    let has_time = text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T');
    let parsed = if has_time {
        text.parse::<Timestamp>().ok()
    } else {
        None
    };
    parsed.ok_or_else(|| {
        let quoted = carto_merge::go::quote(text);
        let rest = rest_after_date(text);
        format!(
            "parsing time {quoted} as \"{layout}\": cannot parse {} as \"{}\"",
            carto_merge::go::quote(rest.0),
            rest.1
        )
    })
}

/// Finds where a text stops to look like a time, roughly as Go reports it.
fn rest_after_date(text: &str) -> (&str, &'static str) {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let at = |index: usize| text.get(index..).unwrap_or_default();
    if !digits(0..4) {
        return (text, "2006");
    }
    if bytes.get(4) != Some(&b'-') {
        return (at(4), "-");
    }
    if !digits(5..7) {
        return (at(5), "01");
    }
    if bytes.get(7) != Some(&b'-') {
        return (at(7), "-");
    }
    if !digits(8..10) {
        return (at(8), "02");
    }
    if bytes.get(10) != Some(&b'T') {
        return (at(10), "T");
    }
    if !digits(11..13) {
        return (at(11), "15");
    }
    (at(19), "Z07:00")
}

/// Reads a Go duration and writes it as Go does, for example `1h0m0s`.
///
/// # Errors
/// The text of Go's parser.
pub(crate) fn duration(text: &str) -> Result<String, String> {
    parse_duration(text)
        .map(format_duration)
        .ok_or_else(|| format!("time: invalid duration {}", carto_merge::go::quote(text)))
}

pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit: i64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: i64 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        if !fraction.is_empty() {
            let power = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            let part = fraction.parse::<i128>().ok()? * i128::from(unit) / power;
            total = total.checked_add(i64::try_from(part).ok()?)?;
        }
        rest = after;
    }
    Some(if negative { -total } else { total })
}

pub(crate) fn format_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let with_fraction = |whole: u64, part: u64, width: usize| {
        let fraction = format!("{part:0width$}");
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{fraction}")
        }
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{nanos}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", with_fraction(nanos / 1_000, nanos % 1_000, 3)),
        1_000_000..1_000_000_000 => {
            format!(
                "{sign}{}ms",
                with_fraction(nanos / 1_000_000, nanos % 1_000_000, 6)
            )
        }
        _ => {
            let seconds = nanos / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let seconds = with_fraction(seconds % 60, nanos % 1_000_000_000, 9);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(
            time("2026-01-02T03:04:05+01:00").as_deref(),
            Ok("2026-01-02T02:04:05Z")
        );
        assert_eq!(
            time("2026-01-02T03:04:05.9Z").as_deref(),
            Ok("2026-01-02T03:04:05Z")
        );
        assert_eq!(
            micro_time("2026-01-02T03:04:05.1234567Z").as_deref(),
            Ok("2026-01-02T03:04:05.123456Z")
        );
        assert_eq!(
            time("yesterday"),
            Err(
                "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \
                 \"yesterday\" as \"2006\""
                    .to_owned()
            )
        );
        assert!(time("2026-01-02").is_err());
    }

    #[test]
    fn durations_are_written_as_go_does() {
        for (text, expected) in [
            ("1h", "1h0m0s"),
            ("90s", "1m30s"),
            ("1.5s", "1.5s"),
            ("100ms", "100ms"),
            ("1500us", "1.5ms"),
            ("0", "0s"),
            ("-2m", "-2m0s"),
        ] {
            assert_eq!(duration(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(duration("5").is_err());
    }
}

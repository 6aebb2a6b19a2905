//! The clock, and times as Kubernetes writes them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Now, in UTC with seconds, as `2026-11-21T00:21:39Z`.
pub(crate) fn now() -> String {
    seconds(Timestamp::now())
}

/// Now, in seconds since the epoch.
pub(crate) fn now_seconds() -> i64 {
    Timestamp::now().as_second()
}

fn seconds(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A later time in the same form.
pub(crate) fn after_seconds(now_seconds: i64, more: i64) -> String {
    Timestamp::from_second(now_seconds.saturating_add(more)).map_or_else(|_| now(), seconds)
}

/// Seconds since the epoch of an RFC 3339 time.
pub(crate) fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// An RFC 3339 time in the form of [`now`]; `None` when it is not one.
pub(crate) fn normalise(text: &str) -> Option<String> {
    text.parse::<Timestamp>().ok().map(seconds)
}

/// An age as kubectl prints it: `45s`, `7m3s`, `3h`, `2d4h`, `1y20d`.
///
/// Source: apimachinery `pkg/util/duration/duration.go` (`HumanDuration`), v1.36.
pub(crate) fn human_duration(total_seconds: i64) -> String {
    if total_seconds < -1 {
        return "<invalid>".to_owned();
    }
    let s = total_seconds.max(0);
    let (minutes, hours) = (s / 60, s / 3600);
    let pair = |a: i64, unit_a, b: i64, unit_b| {
        if b == 0 {
            format!("{a}{unit_a}")
        } else {
            format!("{a}{unit_a}{b}{unit_b}")
        }
    };
    if s < 60 * 2 {
        format!("{s}s")
    } else if minutes < 10 {
        pair(minutes, "m", s % 60, "s")
    } else if minutes < 60 * 3 {
        format!("{minutes}m")
    } else if hours < 8 {
        pair(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 24 * 8 {
        pair(hours / 24, "d", hours % 24, "h")
    } else if hours < 24 * 365 * 2 {
        format!("{}d", hours / 24)
    } else if hours < 24 * 365 * 8 {
        pair(hours / 24 / 365, "y", hours / 24 % 365, "d")
    } else {
        format!("{}y", hours / 24 / 365)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_in_kubectl() {
        const M: i64 = 60;
        const H: i64 = 3600;
        const D: i64 = 24 * H;
        for (seconds, expect) in [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7 * M + 3, "7m3s"),
            (10 * M + 5, "10m"),
            (3 * H - 1, "179m"),
            (3 * H, "3h"),
            (3 * H + 5 * M, "3h5m"),
            (9 * H + 5 * M, "9h"),
            (47 * H, "47h"),
            (2 * D + 4 * H, "2d4h"),
            (9 * D + H, "9d"),
            (2 * 365 * D + 20 * D, "2y20d"),
            (9 * 365 * D, "9y"),
        ] {
            assert_eq!(human_duration(seconds), expect);
        }
    }

    #[test]
    fn times_are_normalised_to_utc_seconds() {
        assert_eq!(
            normalise("2026-11-21T01:21:39.5+01:00").as_deref(),
            Some("2026-11-21T00:21:39Z")
        );
        assert_eq!(normalise("yesterday"), None);
        assert_eq!(after_seconds(0, 3600), "1970-01-01T01:00:00Z");
    }
}

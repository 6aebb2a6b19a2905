//! Small text layout for people: durations, columns.

use std::time::Duration;

/// A duration as people read it in a time line: `0.4 ms`, `38 ms`, `1.24 s`, `62 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else if millis < 1_000.0 {
        format!("{millis:.0} ms")
    } else if millis < 10_000.0 {
        format!("{:.2} s", millis / 1e3)
    } else {
        format!("{:.0} s", millis / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_at_most() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (431, "0.4 ms"),
            (38_400, "38 ms"),
            (1_240_000, "1.24 s"),
            (61_700_000, "62 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }
}

//! Previews and digests of outputs in a status.
//!
//! Source: cartographer pkg/realizer/realizer.go (`buildOneOutput`). Differs: the preview is cut
//! at a rune, so that what is stored equals what is computed again.

use carto_yaml::emit::yaml_v3;
use serde_json::Value;

use crate::digest;

/// The most bytes of a preview.
const LIMIT: usize = 1024;

/// Returns preview and digest of one value.
pub(crate) fn of(value: &Value) -> (String, String) {
    let mut text = yaml_v3(value);
    let digest = digest::output(&text);
    let cut = (0..=LIMIT.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.truncate(cut.unwrap_or(0));
    (text, digest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_vectors() {
        let cases = [
            (
                json!("5"),
                "\"5\"\n",
                "11fd182657d58787e0e5b61c5da79195f8715fef7f957b9cdba2d8a581b2ca33",
            ),
            (
                json!("knitting"),
                "knitting\n",
                "ccea367d03c124f9594e3ba0aa97e533c35a47694f62757e4dce79039ca361d7",
            ),
            (
                json!("three"),
                "three\n",
                "f6936912184481f5edd4c304ce27c5a1a827804fc7f329f43d273b8621870776",
            ),
            (
                json!("not-tested"),
                "not-tested\n",
                "87d44d7049a641ab2a679409d36a87450c5197849e2b0515b8838c53f4db541b",
            ),
            (
                json!("test-source"),
                "test-source\n",
                "656fa43debed6cd70291f014c9a2847ee4d39cf6b1f031530b844596a5c88ebe",
            ),
        ];
        for (value, preview, digest) in cases {
            assert_eq!(
                of(&value),
                (preview.to_owned(), format!("sha256:{digest}")),
                "{value}"
            );
        }
    }

    #[test]
    fn cut_at_a_rune() {
        let (preview, _) = of(&json!(format!("{}é{}", "x".repeat(1023), "y".repeat(50))));
        assert_eq!(preview, "x".repeat(1023));
    }
}

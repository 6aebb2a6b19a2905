//! "Did you mean …?"

/// Returns the candidate that is closest to a word, if one is close enough to be a slip: at most
/// one edit in four characters.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (word.chars().count() / 4).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the ending of a message: `; did you mean "x"?`, or nothing.
pub(super) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, candidates).map_or_else(String::new, |candidate| {
        format!("; did you mean \"{candidate}\"?")
    })
}

/// Counts the edits between two words: a character added, dropped, changed, or two neighbours
/// swapped. Case counts for nothing. Words longer than 64 characters are as far as can be.
fn distance(a: &str, b: &str) -> usize {
    let fold = |word: &str| word.to_lowercase().chars().collect::<Vec<_>>();
    let (a, b) = (fold(a), fold(b));
    if a.len().max(b.len()) > 64 {
        return usize::MAX;
    }
    let width = b.len() + 1;
    let mut rows: Vec<usize> = (0..width).collect();
    for i in 1..=a.len() {
        rows.push(i);
        for j in 1..=b.len() {
            let above = rows[(i - 1) * width + j] + 1;
            let left = rows[i * width + j - 1] + 1;
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut least = above.min(left).min(rows[(i - 1) * width + j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[(i - 2) * width + j - 2] + 1);
            }
            rows.push(least);
        }
    }
    rows[rows.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        for (word, expected) in [
            ("imagepath", Some("imagePath")),
            ("imgePath", Some("imagePath")),
            ("imagePaht", Some("imagePath")),
            ("healtRule", Some("healthRule")),
            ("something", None),
            ("param", Some("params")),
            ("x", None),
        ] {
            let candidates = ["imagePath", "healthRule", "params", "lifecycle"];
            assert_eq!(closest(word, candidates), expected, "{word}");
        }
    }
}

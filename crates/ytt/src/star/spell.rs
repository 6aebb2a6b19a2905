//! Spelling hints.
//!
//! Source: starlark-go (k14s fork, 3a5c849cc368) internal/spell/spell.go.

/// Longer names get no hint: the effort grows with the square of the length.
const MAX_LENGTH: usize = 256;

/// The candidate nearest to `wrong`, if one is near enough; the first wins a tie.
///
/// Case and underscores do not count; at most half of the letters may differ.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > MAX_LENGTH {
        return None;
    }
    let wrong = fold(wrong);
    let mut best = None;
    let mut best_distance = wrong.len().div_ceil(2);
    let candidates = candidates.into_iter();
    for candidate in candidates.filter(|candidate| candidate.len() <= 2 * MAX_LENGTH) {
        let distance = distance(&wrong, &fold(candidate), best_distance);
        if distance < best_distance {
            best_distance = distance;
            best = Some(candidate);
        }
    }
    best
}

fn fold(text: &str) -> Vec<u8> {
    let folded: String = text
        .chars()
        .filter(|c| *c != '_')
        .map(super::unicode::to_lower)
        .collect();
    folded.into_bytes()
}

/// Levenshtein distance of bytes; beyond `max` any larger number may be given.
fn distance(x: &[u8], y: &[u8], max: usize) -> usize {
    let (mut x, mut y) = if x.len() > y.len() { (y, x) } else { (x, y) };
    // As in the original, nothing is cut when the shorter word begins the longer one.
    if let Some(common) = x.iter().zip(y).position(|(a, b)| a != b) {
        (x, y) = (&x[common..], &y[common..]);
    }
    if x.is_empty() {
        return y.len();
    }
    if y.len() - x.len() > max {
        return y.len() - x.len();
    }
    let mut row: Vec<usize> = (0..=y.len()).collect();
    for (i, a) in x.iter().enumerate() {
        row[0] = i + 1;
        let mut best = i + 1;
        let mut previous = i;
        for (j, b) in y.iter().enumerate() {
            let substituted = previous + usize::from(a != b);
            let cheapest = substituted.min(row[j] + 1).min(row[j + 1] + 1);
            previous = std::mem::replace(&mut row[j + 1], cheapest);
            best = best.min(cheapest);
        }
        if best > max {
            return best;
        }
    }
    row[y.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let rows: [(&str, &[&str], Option<&str>); 7] = [
            ("lenght", &["length", "list"], Some("length")),
            ("foo", &["food"], Some("food")),
            ("x", &["y"], None),
            ("my_name", &["MyName"], Some("MyName")),
            ("ab", &["ba", "abc"], None),
            ("values", &["value", "valued"], Some("value")),
            ("", &["a"], None),
        ];
        for (wrong, candidates, expected) in rows {
            assert_eq!(
                nearest(wrong, candidates.iter().copied()),
                expected,
                "{wrong}"
            );
        }
    }
}

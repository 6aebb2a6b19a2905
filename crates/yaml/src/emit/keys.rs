//! The natural order of keys: `a2` before `a10`, letters after other characters.
//!
//! Source: go-yaml sorter.go, versions 2.4 and 3.0; they differ where a letter meets a digit's end.

use std::cmp::Ordering;

/// Version 2's order.
pub(crate) fn compare_v2(a: &str, b: &str) -> Ordering {
    compare(a, b, false)
}

/// Version 3's order: behind digits, letters come first.
pub(crate) fn compare_v3(a: &str, b: &str) -> Ordering {
    compare(a, b, true)
}

/// Sorts entries by key.
///
/// The order is not transitive for numbers beyond 64 bits, which the standard library's sort may
/// answer with a panic; a merge sort of our own cannot.
pub(crate) fn sort<T: Copy>(entries: &mut Vec<T>, less: impl Fn(&T, &T) -> bool) {
    let mut width = 1;
    while width < entries.len() {
        let mut merged = Vec::with_capacity(entries.len());
        for run in entries.chunks(2 * width) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(l), Some(r)) = (left.first(), right.first()) {
                if less(r, l) {
                    merged.push(*r);
                    right = &right[1..];
                } else {
                    merged.push(*l);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        *entries = merged;
        width *= 2;
    }
}

fn compare(a: &str, b: &str, letters_first_after_digits: bool) -> Ordering {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else {
        return a.len().cmp(&b.len());
    };
    let after_digit = at > 0 && a[at - 1].is_numeric();
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => a[at].cmp(&b[at]),
        (false, false) => {
            let zeros_count = (a[at] == '0' || b[at] == '0') && follows_nonzero_digit(&a[..at]);
            let (x, x_end) = number_at(&a, at, zeros_count);
            let (y, y_end) = number_at(&b, at, zeros_count);
            x.cmp(&y).then(x_end.cmp(&y_end)).then(a[at].cmp(&b[at]))
        }
        (a_is_letter, _) => {
            let letter_first = letters_first_after_digits && after_digit;
            if a_is_letter == letter_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

/// Whether the digits that end `prefix` contain one other than zero.
fn follows_nonzero_digit(prefix: &[char]) -> bool {
    prefix
        .iter()
        .rev()
        .take_while(|c| c.is_numeric())
        .any(|c| *c != '0')
}

/// The number that begins at `at` and where it ends. A leading one keeps zeros significant.
fn number_at(text: &[char], at: usize, leading_one: bool) -> (i64, usize) {
    let mut value = i64::from(leading_one);
    let mut end = at;
    while let Some(c) = text.get(end).filter(|c| c.is_numeric()) {
        let digit = i64::from(u32::from(*c)) - i64::from(u32::from('0'));
        value = value.wrapping_mul(10).wrapping_add(digit);
        end += 1;
    }
    (value, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_keys_count_as_numbers() {
        let mut keys = vec![
            "a10", "a2", "b", "a", "A", "_", "a1b", "a1_", "1", "10", "2", "a01",
        ];
        sort(&mut keys, |a, b| compare_v2(a, b).is_lt());
        assert_eq!(
            keys,
            [
                "_", "1", "2", "10", "A", "a", "a1_", "a1b", "a01", "a2", "a10", "b"
            ]
        );
    }

    #[test]
    fn version_3_puts_letters_first_behind_digits() {
        assert_eq!(compare_v2("a1b", "a1_"), Ordering::Greater);
        assert_eq!(compare_v3("a1b", "a1_"), Ordering::Less);
    }
}

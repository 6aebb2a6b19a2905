//! The order in which resources are realized: producers before consumers.

use std::collections::BTreeSet;

/// A sequence of all steps, and the ones that can never have their inputs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Indices of the steps; a producer comes before its consumers, otherwise as written.
    pub(crate) sequence: Vec<usize>,
    /// Steps that lie on a circle of references, as written.
    pub(crate) circular: BTreeSet<usize>,
}

/// Orders steps by what each takes from others, given as indices into the same list.
///
/// Cost: quadratic in the number of steps, which a blueprint keeps small.
pub(crate) fn order(producers: &[Vec<usize>]) -> Order {
    let mut order = Order::default();
    let mut done = vec![false; producers.len()];
    while let Some(next) = (0..producers.len())
        .find(|step| !done[*step] && producers[*step].iter().all(|producer| done[*producer]))
    {
        done[next] = true;
        order.sequence.push(next);
    }
    let rest: Vec<usize> = (0..producers.len()).filter(|step| !done[*step]).collect();
    order.circular = rest
        .iter()
        .copied()
        .filter(|step| reaches(producers, *step))
        .collect();
    order.sequence.extend(rest);
    order
}

/// Reports whether a step takes something, over any number of others, from itself.
fn reaches(producers: &[Vec<usize>], step: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = producers[step].clone();
    while let Some(next) = open.pop() {
        if next == step {
            return true;
        }
        if seen.insert(next) {
            open.extend(&producers[next]);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn producers_come_first_and_otherwise_the_written_order_stays() {
        let cases: [(&[&[usize]], &[usize]); 4] = [
            (&[&[], &[0], &[1]], &[0, 1, 2]),
            (&[&[2], &[], &[1]], &[1, 2, 0]),
            (&[&[], &[], &[]], &[0, 1, 2]),
            (&[&[1, 2], &[], &[], &[0]], &[1, 2, 0, 3]),
        ];
        for (input, expected) in cases {
            let input: Vec<Vec<usize>> = input.iter().map(|list| list.to_vec()).collect();
            let got = order(&input);
            assert_eq!(got.sequence, expected, "{input:?}");
            assert!(got.circular.is_empty());
        }
    }

    #[test]
    fn circles_are_named_and_what_only_hangs_on_them_is_not() {
        // 0 <-> 1, 2 takes from 1, 3 takes from itself, 4 is free.
        let got = order(&[vec![1], vec![0], vec![1], vec![3], vec![]]);
        assert_eq!(got.circular, BTreeSet::from([0, 1, 3]));
        assert_eq!(got.sequence, [4, 0, 1, 2, 3]);
    }
}

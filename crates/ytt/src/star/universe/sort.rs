//! The stable sort of Go.
//!
//! Which two elements are compared when decides which failure a list of things that cannot be
//! compared gives, so the algorithm is the original's: insertion sort of blocks, then merging in
//! place. Source: Go sort `Stable`.

use super::super::error::Error;

/// Elements that insertion sort takes at once.
const BLOCK: usize = 20;

/// Sorts by `less`. As in the original, a failure counts as "not less", sorting goes on, and the
/// last failure is reported; one that nothing may catch ends the sorting.
pub(super) fn stable<T>(
    items: &mut [T],
    less: &mut dyn FnMut(&T, &T) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut sorter = Sorter {
        items,
        less,
        failure: None,
    };
    sorter.sort()?;
    sorter.failure.map_or(Ok(()), Err)
}

struct Sorter<'a, T> {
    items: &'a mut [T],
    less: &'a mut dyn FnMut(&T, &T) -> Result<bool, Error>,
    failure: Option<Error>,
}

impl<T> Sorter<'_, T> {
    fn less(&mut self, x: usize, y: usize) -> Result<bool, Error> {
        match (self.less)(&self.items[x], &self.items[y]) {
            Err(error) if error.is_catchable() => {
                self.failure = Some(error);
                Ok(false)
            }
            other => other,
        }
    }

    fn sort(&mut self) -> Result<(), Error> {
        let len = self.items.len();
        for from in (0..len).step_by(BLOCK) {
            self.insertion(from, len.min(from + BLOCK))?;
        }
        let mut size = BLOCK;
        while size < len {
            for from in (0..len).step_by(2 * size) {
                if from + size < len {
                    self.merge(from, from + size, len.min(from + 2 * size))?;
                }
            }
            size *= 2;
        }
        Ok(())
    }

    fn insertion(&mut self, from: usize, to: usize) -> Result<(), Error> {
        for at in from + 1..to {
            let mut at = at;
            while at > from && self.less(at, at - 1)? {
                self.items.swap(at, at - 1);
                at -= 1;
            }
        }
        Ok(())
    }

    /// Merges two sorted stretches; the recursion halves them.
    fn merge(&mut self, from: usize, middle: usize, to: usize) -> Result<(), Error> {
        if middle - from == 1 {
            let (mut low, mut high) = (middle, to);
            while low < high {
                let half = usize::midpoint(low, high);
                if self.less(half, from)? {
                    low = half + 1;
                } else {
                    high = half;
                }
            }
            self.items[from..low].rotate_left(1);
            return Ok(());
        }
        if to - middle == 1 {
            let (mut low, mut high) = (from, middle);
            while low < high {
                let half = usize::midpoint(low, high);
                if self.less(middle, half)? {
                    high = half;
                } else {
                    low = half + 1;
                }
            }
            self.items[low..=middle].rotate_right(1);
            return Ok(());
        }
        let half = usize::midpoint(from, to);
        let sum = half + middle;
        let (mut start, mut end) = if middle > half {
            (sum - to, half)
        } else {
            (from, middle)
        };
        while start < end {
            let at = usize::midpoint(start, end);
            if self.less(sum - 1 - at, at)? {
                end = at;
            } else {
                start = at + 1;
            }
        }
        let end = sum - start;
        if start < middle && middle < end {
            self.items[start..end].rotate_left(middle - start);
        }
        if from < start && start < half {
            self.merge(from, start, half)?;
        }
        if half < end && end < to {
            self.merge(half, end, to)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_stable_at_every_length() {
        for len in 0..200usize {
            let mut items: Vec<(usize, usize)> =
                (0..len).map(|at| ((at * 7919 + len) % 13, at)).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            stable(&mut items, &mut |x, y| Ok(x.0 < y.0)).unwrap();
            assert_eq!(items, expected);
        }
    }
}

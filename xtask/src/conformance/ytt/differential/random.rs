//! Numbers that only depend on a seed.

/// A generator of numbers (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
    /// Nothing that often fails is made: a case fails as a whole with its first mistake.
    careful: bool,
}

/// How many cases of a hundred are made without deliberate mistakes.
const CAREFUL_PERCENT: usize = 75;

impl Random {
    /// The numbers of a case: other cases of the same seed have others.
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        let mut random = Self {
            state: seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ case,
            careful: false,
        };
        random.next();
        random.careful = random.chance(CAREFUL_PERCENT);
        random
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    /// True in `percent` of a hundred calls.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Whether to risk a failure: true in `percent` of a hundred calls, and never in a case that
    /// is made carefully.
    pub(crate) fn risk(&mut self, percent: usize) -> bool {
        let risky = self.chance(percent);
        risky && !self.careful
    }

    /// One of the choices.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of the choices; those with an exclamation mark in front, which often lead to a failure,
    /// are rare.
    pub(crate) fn pick_mostly<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        loop {
            match self.pick(choices).strip_prefix('!') {
                Some(risky) if self.risk(8) => return risky,
                Some(_) => {}
                None => return self.pick_safe(choices),
            }
        }
    }

    fn pick_safe<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        loop {
            let picked = self.pick(choices);
            if !picked.starts_with('!') {
                return picked;
            }
        }
    }

    /// So many things, from `least` to `most`.
    pub(crate) fn many<T>(
        &mut self,
        least: usize,
        most: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

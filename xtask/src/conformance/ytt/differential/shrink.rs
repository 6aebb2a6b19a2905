//! Making a case that differs smaller.

use std::path::Path;

use anyhow::Result;

use super::Case;
use super::compare::{Verdict, compare};

/// Most comparisons for one case.
const MAX_TRIES: usize = 400;

/// The smallest case found that still differs.
pub(super) fn shrink(ytt: &Path, case: &Case) -> Result<Case> {
    let mut search = Search { ytt, tries: 0 };
    let mut best = case.clone();
    loop {
        let before = best.clone();
        search.without_files(&mut best)?;
        search.without_flags(&mut best)?;
        search.without_lines(&mut best)?;
        search.without_pieces(&mut best)?;
        if best == before || search.tries >= MAX_TRIES {
            return Ok(best);
        }
    }
}

struct Search<'a> {
    ytt: &'a Path,
    tries: usize,
}

impl Search<'_> {
    fn differs(&mut self, case: &Case) -> Result<bool> {
        self.tries += 1;
        if self.tries > MAX_TRIES {
            return Ok(false);
        }
        Ok(matches!(
            compare(self.ytt, case)?,
            Verdict::Different { .. }
        ))
    }

    fn accept(&mut self, best: &mut Case, smaller: Case) -> Result<bool> {
        let differs = self.differs(&smaller)?;
        if differs {
            *best = smaller;
        }
        Ok(differs)
    }

    fn without_files(&mut self, best: &mut Case) -> Result<()> {
        let mut at = 0;
        while at < best.files.len() {
            let mut smaller = best.clone();
            smaller.files.remove(at);
            if !self.accept(best, smaller)? {
                at += 1;
            }
        }
        Ok(())
    }

    fn without_flags(&mut self, best: &mut Case) -> Result<()> {
        let mut at = 0;
        while at < best.flags.len() {
            let mut smaller = best.clone();
            smaller.flags.remove(at);
            if at < smaller.flags.len() && !smaller.flags[at].starts_with('-') {
                smaller.flags.remove(at);
            }
            if !self.accept(best, smaller)? {
                at += 1;
            }
        }
        Ok(())
    }

    /// Takes away stretches of lines, long ones first.
    fn without_lines(&mut self, best: &mut Case) -> Result<()> {
        for file in 0..best.files.len() {
            let mut length = best.files[file].1.lines().count().div_ceil(2);
            while length > 0 {
                let mut at = 0;
                loop {
                    let lines: Vec<&str> = best.files[file].1.lines().collect();
                    if at >= lines.len() {
                        break;
                    }
                    let end = (at + length).min(lines.len());
                    let kept: Vec<&str> = [&lines[..at], &lines[end..]].concat();
                    let mut smaller = best.clone();
                    smaller.files[file].1 = kept.iter().map(|line| format!("{line}\n")).collect();
                    if !self.accept(best, smaller)? {
                        at = end;
                    }
                }
                length /= 2;
            }
        }
        Ok(())
    }

    /// Puts something simple in the place of what is in brackets.
    fn without_pieces(&mut self, best: &mut Case) -> Result<()> {
        for file in 0..best.files.len() {
            let mut at = 0;
            while let Some(open) = best.files[file].1[at..].find(['(', '[', '{']) {
                let open = at + open;
                at = open + 1;
                let text = best.files[file].1.clone();
                let Some(close) = closing(&text, open) else {
                    continue;
                };
                for replacement in ["1", "\"a\"", "[]"] {
                    if close - open < replacement.len() {
                        continue;
                    }
                    let mut smaller = best.clone();
                    smaller.files[file].1 =
                        format!("{}{replacement}{}", &text[..open], &text[close + 1..]);
                    if self.accept(best, smaller)? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where the bracket that opens at `open` closes, on the same line.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text[open..].char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open + at);
                }
            }
            '\n' => return None,
            _ => {}
        }
    }
    None
}

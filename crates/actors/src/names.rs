//! Names, labels and annotations that more than one module writes or reads.

/// The node that containers of Deployments run on: this machine.
pub(crate) const NODE: &str = "carto";

/// On a Pod that only shows what somebody else does; no process belongs to it.
pub(crate) const MIRROR: &str = "actors.carto.run/mirror-of";

/// Hash of everything that went into a build; equal ones are not built twice.
pub(crate) const IDENTITY: &str = "actors.carto.run/build-identity";

/// Where something answers, for people and browsers.
pub(crate) const URL: &str = "carto.run/url";

/// A name made of `base` and `suffix` that fits into 63 characters, as Knative's `ChildName` does it: by a hash when too long.
pub(crate) fn child_name(base: &str, suffix: &str) -> String {
    use carto_artifacts::digest::Digest;
    const MAX: usize = 63;
    let whole = format!("{base}{suffix}");
    if whole.len() <= MAX {
        return whole;
    }
    let hash = &Digest::of(whole.as_bytes()).hex()[..8].to_owned();
    let room = MAX.saturating_sub(suffix.len() + hash.len());
    let front: String = base.chars().take(room).collect();
    let back: String = suffix.chars().take(MAX - hash.len()).collect();
    format!("{front}{hash}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened_and_stay_different() {
        assert_eq!(child_name("app", "-build-1"), "app-build-1");
        let long = "a".repeat(60);
        let (one, two) = (
            child_name(&long, "-build-1"),
            child_name(&format!("{long}b"), "-build-1"),
        );
        assert!(one.len() <= 63 && one.ends_with("-build-1"));
        assert_ne!(one, two);
    }
}

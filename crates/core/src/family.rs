//! What differs between Workloads and Deliverables: words.
//!
//! Source: cartographer pkg/conditions/{workload,deliverable}_conditions.go.

use std::collections::BTreeMap;

use carto_query::go;

use crate::condition::{Condition, Status};
use crate::key::OwnerKind;
use crate::words::{condition_type, reason};

/// The words of one kind of owner.
#[derive(Debug)]
pub(crate) struct Family {
    /// Type of the condition about the blueprint.
    pub(crate) ready: &'static str,
    /// Field of the status that names the blueprint.
    pub(crate) reference: &'static str,
    /// Lower-case name of the owner in texts.
    pub(crate) owner: &'static str,
    /// Lower-case name of the blueprint in texts.
    pub(crate) blueprint: &'static str,
    labels_missing: &'static str,
    not_found: &'static str,
    multiple: &'static str,
}

const WORKLOAD: Family = Family {
    ready: condition_type::SUPPLY_CHAIN_READY,
    reference: "supplyChainRef",
    owner: "workload",
    blueprint: "supply chain",
    labels_missing: reason::WORKLOAD_LABELS_MISSING,
    not_found: reason::SUPPLY_CHAIN_NOT_FOUND,
    multiple: reason::MULTIPLE_SUPPLY_CHAIN_MATCHES,
};

const DELIVERABLE: Family = Family {
    ready: condition_type::DELIVERY_READY,
    reference: "deliveryRef",
    owner: "deliverable",
    blueprint: "delivery",
    labels_missing: reason::DELIVERABLE_LABELS_MISSING,
    not_found: reason::DELIVERY_NOT_FOUND,
    multiple: reason::MULTIPLE_DELIVERY_MATCHES,
};

/// The component that events of both name.
pub(crate) const COMPONENT: &str = "Workload";

impl Family {
    /// Returns the words of a kind.
    pub(crate) const fn of(kind: OwnerKind) -> &'static Self {
        match kind {
            OwnerKind::Workload => &WORKLOAD,
            OwnerKind::Deliverable => &DELIVERABLE,
        }
    }

    pub(crate) fn labels_missing(&self) -> Condition {
        let text = format!(
            "{} has no labels to match to {}",
            self.owner, self.blueprint
        );
        Condition::new(self.ready, Status::False, self.labels_missing, text)
    }

    pub(crate) fn not_found(&self, labels: &BTreeMap<String, String>) -> Condition {
        let text = format!(
            "no {} found where full selector is satisfied by labels: {}",
            self.blueprint,
            go::display_map(labels)
        );
        Condition::new(self.ready, Status::False, self.not_found, text)
    }

    pub(crate) fn multiple(&self) -> Condition {
        let text = format!(
            "{} may only match a single {}'s selector",
            self.owner, self.blueprint
        );
        Condition::new(self.ready, Status::False, self.multiple, text)
    }

    pub(crate) fn selector_invalid(&self, text: String) -> Condition {
        Condition::new(self.ready, Status::Unknown, reason::SELECTOR_INVALID, text)
    }

    /// Copies why a blueprint is not ready.
    pub(crate) fn not_ready(
        &self,
        name: &str,
        ready: Option<&(String, String, String)>,
    ) -> Condition {
        let (reason, text) = match ready {
            Some((_, reason, message)) => (reason.clone(), message.clone()),
            None => {
                let text = format!("{} [{name}] has not been examined yet", self.blueprint);
                (reason::UNKNOWN.to_owned(), text)
            }
        };
        Condition::new(self.ready, Status::False, reason, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_originals() {
        let labels = BTreeMap::from([("c".into(), "d".into()), ("a".into(), "b".into())]);
        let workload = Family::of(OwnerKind::Workload);
        let deliverable = Family::of(OwnerKind::Deliverable);
        let cases = [
            (
                workload.labels_missing(),
                "workload has no labels to match to supply chain",
            ),
            (
                deliverable.labels_missing(),
                "deliverable has no labels to match to delivery",
            ),
            (
                workload.not_found(&labels),
                "no supply chain found where full selector is satisfied by labels: map[a:b c:d]",
            ),
            (
                deliverable.not_found(&labels),
                "no delivery found where full selector is satisfied by labels: map[a:b c:d]",
            ),
            (
                workload.multiple(),
                "workload may only match a single supply chain's selector",
            ),
            (
                deliverable.multiple(),
                "deliverable may only match a single delivery's selector",
            ),
        ];
        for (condition, text) in cases {
            assert_eq!(condition.message, text);
            assert_eq!(condition.status, Status::False);
        }
    }
}

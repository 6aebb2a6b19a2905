//! Who asks, and what they may do.

mod aggregate;
mod authenticate;
mod authorize;
mod escalation;
mod impersonate;
mod policy;
mod review;
mod rules;
mod tokens;

pub(crate) use aggregate::run as aggregate_cluster_roles;
pub(crate) use authenticate::{Credentials, authenticate};
pub(crate) use authorize::{authorize, authorize_path};
pub(crate) use escalation::check_escalation;
pub(crate) use impersonate::impersonate;
pub(crate) use policy::PolicyCache;
pub(crate) use tokens::TokenKey;

/// The group of the kinds that say who may do what.
pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

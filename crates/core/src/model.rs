//! What the core reads of blueprints, templates and owners, once per change, into one shape for
//! both families.
//!
//! Readers are tolerant: the API has validated what it could, and what is missing shows up as a
//! condition where it matters, never as an error here. The shell reads an object when its watch
//! event arrives and shares the result with all passes.

mod blueprint;
mod owner;
mod template;

pub use crate::stamp::ytt::Ytt;
pub use blueprint::{Blueprint, Choice, InputRef, Resource, Selector, TemplateOption};
pub use owner::Owner;
pub use template::{
    Body, Completion, ConditionRequirement, HealthField, HealthMatch, HealthRule, Lifecycle,
    OutputRule, Retention, RunTemplate, Template,
};

//! The `JSONPath` dialect of kubectl, interpolation of templates, label and field selectors.
//!
//! Everything works on JSON values, is parsed once and evaluated many times, keeps no state and
//! has a stated bound. The texts of errors are those of Kubernetes and Cartographer, because they
//! end up in the conditions that users read and scripts compare.
#![deny(missing_docs)]

pub mod fields;
pub mod go;
pub mod interpolate;
pub mod jsonpath;
pub mod labels;
pub mod names;
pub mod path;
pub mod requirement;
pub mod scope;
pub mod select;

pub use interpolate::Template;
pub use path::{Defect, Path, PathError};
pub use scope::Scope;

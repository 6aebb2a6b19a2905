//! Templates: compiled to programs that build nodes.
//!
//! A template's tree is translated line by line into a program of "start node" and "set value"
//! calls between the lines of code that the user wrote; running the program builds a new tree.
//! Source: ytt pkg/template, pkg/yamltemplate, pkg/texttemplate.

pub(crate) mod compile;
pub(crate) mod evaluate;
pub(crate) mod machine;
pub(crate) mod meta;
pub(crate) mod text;

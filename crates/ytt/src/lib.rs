//! ytt in process: templates and data values in, documents or an error with frames out.
#![deny(missing_docs)]

pub mod star;

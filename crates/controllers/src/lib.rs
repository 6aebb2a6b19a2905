//! The shell around the core: watches, index, queue, execution, status.

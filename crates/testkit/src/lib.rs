//! Fixtures and an in-process cluster for tests. Never shipped.

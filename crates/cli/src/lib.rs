//! What of the `carto` command others use: the outside world of `carto ytt`.

pub mod disk;

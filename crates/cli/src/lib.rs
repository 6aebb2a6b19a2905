//! The carto command.

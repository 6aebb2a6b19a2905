//! Claims about the definitions that users apply and about the types that read them.

mod definitions;
mod reading;

//! The choreography: select, resolve, stamp, observe, plan. Pure: no I/O, no clock, no randomness.

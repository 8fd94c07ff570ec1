//! Tests of the state machine in virtual time.

mod bench;
mod lives;
mod order;
mod properties;
mod rolling;

//! Tests of the state machine in virtual time.

mod bench;
mod lives;
mod model;
mod observer;
mod order;
mod properties;
mod rolling;

//! Tests of the state machine in virtual time.

mod bench;
mod lives;
mod model;
mod observer;
mod order;
mod pools;
mod properties;
mod rolling;

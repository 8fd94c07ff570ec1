//! Tests of the state machine in virtual time.

mod bench;
mod configure;
mod lives;
mod model;
mod observer;
mod order;
mod pools;
mod properties;
mod rolling;
mod scale;
mod together;
mod trial;
mod watch;
mod witness;

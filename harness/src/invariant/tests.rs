//! The invariants on literal histories, one file of tales for each room.

mod detect;
mod drain;
mod env;
mod limits;
mod operate;
mod order;
mod output;
mod own;
mod pool;
mod stationary;
mod whole;
mod wild;

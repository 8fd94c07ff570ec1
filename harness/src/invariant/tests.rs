//! The invariants on literal histories, one file of tales for each room.

mod detect;
mod drain;
mod early;
mod env;
mod limits;
mod notify;
mod operate;
mod order;
mod output;
mod own;
mod passing;
mod pool;
mod pools;
mod shares;
mod stationary;
mod steps;
mod told;
mod topics;
mod usage;
mod whole;
mod wild;

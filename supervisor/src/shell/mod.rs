//! The one poll loop: inputs in, actions out; owns the channels and which process is which worker.

mod act;
mod hear;
mod human;
mod json;
mod link;
mod outlet;
mod owners;
mod readiness;
mod run;
mod settings;
mod sockets;
mod spec;
mod state;
mod topics;
mod voices;
mod workers;

pub use run::run;

//! The one poll loop: inputs in, actions out; owns the channels and which process is which worker.

mod act;
mod handoff;
mod hear;
mod human;
mod json;
mod link;
mod outlet;
mod owners;
mod primary;
mod readiness;
mod reuseport;
mod run;
mod settings;
mod sockets;
mod spec;
mod state;
mod topics;
mod turns;
mod voices;
mod workers;

pub use run::run;

//! The one poll loop: inputs in, actions out; owns the channels and which process is which worker.

mod human;
mod json;
mod link;
mod outlet;
mod readiness;
mod run;
mod spec;
mod state;
mod topics;
mod voices;
mod workers;

pub use run::run;

//! The one poll loop: inputs in, actions out; owns the channels and which process is which worker.

mod act;
mod client;
mod commands;
mod cutter;
mod goals;
mod handoff;
mod hear;
mod human;
mod json;
mod link;
mod logs;
mod manager;
mod operator;
mod outlet;
mod output;
mod owners;
mod pid_file;
mod primary;
mod readiness;
mod reload;
mod reuseport;
mod roster;
mod run;
mod settings;
mod shortage;
mod sockets;
mod spec;
mod state;
#[cfg(test)]
mod testing;
mod topics;
mod turns;
mod usage;
mod voices;
mod workers;

pub use reload::{Source, launcher};
pub use run::{Start, run};
pub use voices::ALL_WELL;

//! The one poll loop: inputs in, actions out; owns the channels and which process is which worker.

mod run;

pub use run::run;

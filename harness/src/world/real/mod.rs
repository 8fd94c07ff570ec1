//! The real world: real processes, sockets, signals and clients.
//!
//! | part | files |
//! |---|---|
//! | three processes that clean up after each other | `caller`, `gate`, `job`, `guard`, `entry`, `sweep`, `rundir` |
//! | the loop | `runner`, `wait`, `log` |
//! | what is seen | `observe`, `connector`, `journal`, `procs`, `tracked`, `procfs`, `environment`, `stalls`, `claims`, `owned`, `samples`, `words`, `leftovers` |
//! | what is done | `permits`, `subject`, `namespace`, `beside`, `signals`, `faults`, `spoiled`, `planted`, `limits`, `cgroup`, `birth`, `tracer`, `traced`, `wallclock`, `crowd`, `stranger`, `orders`, `clients` |
//! | the worker program | `puppet`, `sys` |

mod beside;
mod birth;
mod bounds;
mod caller;
mod cgroup;
mod claims;
mod client;
mod clients;
mod clock;
mod configured;
mod connector;
mod crowd;
mod entry;
mod environment;
mod error;
mod faults;
mod fnv;
mod gate;
mod guard;
mod host;
mod job;
mod journal;
mod leftovers;
mod limits;
mod log;
mod looks;
mod manager;
mod namespace;
mod observe;
mod orders;
mod outlets;
mod owned;
mod permits;
mod planted;
mod procfs;
mod procs;
mod puppet;
mod rundir;
mod runner;
mod samples;
mod side;
mod signals;
mod spoiled;
mod stalls;
mod stranger;
mod subject;
mod sweep;
mod sys;
mod traced;
mod tracer;
mod tracked;
mod wait;
mod wallclock;
mod words;

pub use caller::{run, run_traced};
pub use entry::hidden_main;
pub use error::RunError;
pub use gate::{Pass, enter};
pub use host::facts;
pub use permits::forbids;
pub use puppet::main as puppet_main;
pub use subject::subject_version;
pub use traced::{Strike, Trace, Traced};
pub use tracer::can_trace;
pub use wallclock::lacks;

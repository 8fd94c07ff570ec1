//! How to start, find, observe, script, steer and stop one supervisor, and what it promises.

mod beside;
mod lacks;
mod load;
mod model;
mod profile;
mod questions;
mod render;
mod validate;

pub use lacks::{Undeclared, lacks, missing_programs, undeclared};
pub use load::{bundled, load, parse_profile, template};
pub use model::{
    Configuration, Deviation, Frequency, HowToReload, HowToReopen, HowToScale, HowToStop, ORIGINAL, Outlet, Puppet,
    Readiness, Subject, Unreadable,
};
pub use profile::{DelayBound, EnvironmentRule, LimitRule, OnSupervisorDeath, OutputPromise, Profile, Takes};
pub use questions::Questions;
pub use render::{
    Contents, Exchange, OWN_DIRECTORY, Rendered, Vars, WORKERS_DIRECTORY, own_directory, owned, render,
    workers_directory,
};
pub use validate::INVARIANTS;

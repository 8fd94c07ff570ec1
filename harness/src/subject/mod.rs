//! How to start, find, observe, script, steer and stop one supervisor, and what it promises.

mod model;
mod profile;

pub use model::{Deviation, Frequency, HowToReload, HowToStop, Puppet, Readiness, Subject};
pub use profile::{DelayBound, LimitRule, OnSupervisorDeath, Profile};

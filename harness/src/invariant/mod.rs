//! One pure function per invariant: no I/O, no clock.

mod case;

pub use case::{Case, Finding, Slack};

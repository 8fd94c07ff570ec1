//! A history: its header and its events.

use serde::{Deserialize, Serialize};

use super::Event;

/// The version of the format that this build writes and reads.
pub const SCHEMA: u32 = 1;

/// What is needed to judge a history and nothing else is at hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of this format.
    pub schema: u32,
    /// `file::variant`.
    pub scenario_name: String,
    /// The scenario as RON, the variant applied.
    pub scenario: String,
    /// The subject's name.
    pub subject: String,
    /// What its version command said.
    pub subject_version: String,
    /// The subject's profile as RON.
    pub profile: String,
    /// `real` or `sim`.
    pub world: String,
    /// The seed.
    pub seed: u64,
    /// The world's slack in nanoseconds.
    pub slack_ns: u64,
    /// Facts about the host, by name.
    pub host: Vec<(String, String)>,
}

/// A history.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// What it is a history of.
    pub header: Header,
    /// What happened, in the order in which it was noted.
    pub events: Vec<Event>,
}

#[cfg(test)]
impl History {
    /// Of a run of this world, as tests tell it: events, and nothing worth saying in the header.
    pub fn told(world: &str, events: Vec<Event>) -> Self {
        let header = Header {
            schema: SCHEMA,
            scenario_name: "told".to_owned(),
            scenario: String::new(),
            subject: "reference".to_owned(),
            subject_version: String::new(),
            profile: String::new(),
            world: world.to_owned(),
            seed: 1,
            slack_ns: 0,
            host: Vec::new(),
        };
        Self { header, events }
    }
}

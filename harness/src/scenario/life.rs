//! What a worker does with its life.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::problem::{Problems, Source};
use crate::ron_file;

use super::{Signal, Span};

/// Which worker gets which life: the n-th worker of its generation to take a ticket gets the n-th of that list.
/// The harness counts generations: 1 until the first reload command, one more after each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lives {
    /// The lives of the first tickets of the first generation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Life>,
    /// The lives of the first tickets of later generations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub generation: BTreeMap<u32, Vec<Life>>,
    /// Every other worker's life.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub then: Life,
}

impl Lives {
    /// Every life that is written.
    pub fn all(&self) -> impl Iterator<Item = &Life> {
        self.first.iter().chain(self.generation.values().flatten()).chain([&self.then])
    }

    /// The life of the worker that took this ticket of this generation, both counted from 1.
    pub fn life(&self, generation: u32, ticket: u32) -> &Life {
        let listed = if generation == 1 { Some(&self.first) } else { self.generation.get(&generation) };
        let index = usize::try_from(ticket).ok().and_then(|ticket| ticket.checked_sub(1));
        listed.zip(index).and_then(|(lives, index)| lives.get(index)).unwrap_or(&self.then)
    }
}

/// One life: a preset, or a record by phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Life {
    /// Boots at once, says ready, serves, drains on TERM or order, exits 0.
    #[default]
    Serve,
    /// Exits by itself, unannounced.
    Crash {
        /// When.
        at: Phase,
        /// With this status; absent is 1.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        code: i32,
        /// So long after the phase began.
        #[serde(default, skip_serializing_if = "Span::is_zero")]
        after: Span,
    },
    /// Stops doing anything at all, asleep.
    Hang {
        /// When.
        at: Phase,
    },
    /// Serves, and neither TERM nor a drain order makes it leave.
    IgnoreTerm,
    /// Takes this long to become ready.
    SlowBoot(Span),
    /// Takes this long to exit after it has drained.
    SlowStop(Span),
    /// Announces its retirement at its first request, having answered it.
    RetireAtFirstRequest(Retirement),
    /// Leaks memory: so many bytes per request.
    Leak(u64),
    /// Writes so many bytes a second to standard output.
    Flood(u64),
    /// The whole record.
    Record(LifeRecord),
}

fn one() -> i32 {
    1
}

fn is_one(code: &i32) -> bool {
    *code == one()
}

impl Life {
    /// Reads a life on its own, as a worker's environment may hold one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, Problems> {
        ron_file::read(&Source::new("life", text))
    }
}

/// A phase of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// From exec to ready.
    Boot,
    /// Ready.
    Ready,
    /// The first request is read.
    Request,
    /// It has stopped accepting.
    Drain,
}

/// A life phase by phase; what is absent is as in `Serve`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifeRecord {
    /// How long boot takes.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub boot: Span,
    /// Never says ready.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub never_ready: bool,
    /// Crash: when, how, after what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Hang: when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang: Option<Phase>,
    /// It hangs in a loop that never ends, instead of asleep.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub busy: bool,
    /// It serves, but never says that it makes progress.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub silent: bool,
    /// How it leaves when a handler throws or it is asked to retire.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub retire: Retirement,
    /// Announce retirement after so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_after: Option<u32>,
    /// Announce retirement after having been ready for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Span>,
    /// Ignore TERM and drain orders.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub ignore_term: bool,
    /// Time between the end of the drain and the exit.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub slow_stop: Span,
    /// Bytes leaked per request.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub leak: u64,
    /// What it prints on standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What it prints on standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Output>,
    /// Bytes that it prints on standard output, and as many on standard error, right before it exits by itself.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub last_words: u64,
    /// It wants to be told the values of these topics, and says so before it says that it is ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<String>,
    /// It never reads its channel.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub deaf: bool,
    /// Children that it spawns when ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Child>,
}

/// An unannounced exit, or another end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exit {
    /// When.
    pub at: Phase,
    /// So long after the phase began.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub after: Span,
    /// With this status.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub code: i32,
    /// By this signal instead, which it sends itself and which ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
}

impl Exit {
    /// A status, as an exit by itself has one.
    pub fn with(at: Phase, after: Span, code: i32) -> Self {
        Self { at, after, code, signal: None }
    }
}

/// How a worker that wants to leave says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retirement {
    /// `{"act":"suicide"}`: it stops accepting as it announces.
    #[default]
    OnePhase,
    /// `{"act":"retire"}`: it goes on accepting until told to drain.
    TwoPhase,
    /// It says nothing: it stops accepting and leaves.
    Silent,
}

/// Bytes that it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// How many a second.
    pub bytes_per_second: u64,
}

/// A process that a worker starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    /// In a session of its own.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub setsid: bool,
    /// Holds the worker's channel and listeners open.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub holds_descriptors: bool,
    /// Its parent exits at once, so that it is adopted.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub orphan: bool,
    /// Ends by itself after this long; absent stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives_for: Option<Span>,
}

//! The operator's commands: what each may say.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::value::RawValue;

use crate::control::Request;
use crate::core::Scale;

use super::instances::instance_name;

/// Which supervisor a command is for, and how its answer is shown.
#[derive(Debug, Args)]
pub struct Which {
    /// The supervisor that was started with `run --name NAME`; not needed if only one runs
    #[arg(long, value_name = "NAME", value_parser = instance_name, conflicts_with = "control")]
    pub name: Option<String>,
    /// The supervisor whose control socket this is
    #[arg(long, value_name = "SOCKET")]
    pub control: Option<PathBuf>,
    /// Print the supervisor's replies as they are, one JSON text per line
    #[arg(long)]
    pub json: bool,
}

/// A command to a running supervisor.
#[derive(Debug, Subcommand)]
pub enum Operate {
    /// Show every supervisor of this user that has a name
    List {
        /// One JSON text per line
        #[arg(long)]
        json: bool,
    },
    /// Show every worker: place, process, state, age, restarts, memory, processor
    Status {
        #[command(flatten)]
        which: Which,
        /// Show it again every second, with the processor time of that second
        #[arg(long)]
        watch: bool,
    },
    /// Show what happened lately
    Events {
        #[command(flatten)]
        which: Which,
        /// Go on with what happens
        #[arg(long, short)]
        follow: bool,
    },
    /// Show what workers wrote lately, where the pool's output comes through the supervisor
    Logs {
        #[command(flatten)]
        which: Which,
        /// Whose: a pool, or a worker as POOL/SLOT or POOL/SLOT.GENERATION; everybody's if absent
        #[arg(value_name = "POOL|WORKER")]
        who: Option<String>,
        /// Go on with what they write
        #[arg(long, short)]
        follow: bool,
        /// At most so many lines of each worker's past
        #[arg(long, short = 'n', value_name = "N")]
        lines: Option<usize>,
    },
    /// Read the configuration again and replace every worker, each only when its replacement is ready
    Reload {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        patience: Patience,
    },
    /// Change how many workers a pool has
    Scale {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        patience: Patience,
        /// Which pool; `main` if the configuration names none
        #[arg(value_name = "POOL")]
        pool: String,
        /// How many, or how many more or less: 4, +1, -1
        #[arg(value_name = "N", value_parser = scale, allow_hyphen_values = true)]
        workers: Scale,
    },
    /// Replace one worker, or all of a pool, each only when its replacement is ready
    Restart {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        patience: Patience,
        /// Whom: a pool, or a worker as POOL/SLOT
        #[arg(value_name = "POOL|WORKER")]
        who: String,
    },
    /// Drain the workers, then end; said again: without waiting for the drain
    Stop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        patience: Patience,
    },
    /// Give a topic a new value, which every worker that subscribed to it is told
    Publish {
        #[command(flatten)]
        which: Which,
        /// Which topic
        #[arg(value_name = "TOPIC")]
        topic: String,
        /// The value: a JSON text, like 1, '"text"' or '{"a": 1}'; null takes it away
        #[arg(value_name = "JSON", value_parser = json, allow_hyphen_values = true)]
        data: Box<RawValue>,
    },
}

/// Whether a command waits for its outcome.
#[derive(Debug, Args)]
pub struct Patience {
    /// Don't wait for the outcome
    #[arg(long)]
    pub no_wait: bool,
}

fn scale(text: &str) -> Result<Scale, String> {
    let parsed = match text.strip_prefix('+') {
        Some(more) => more.parse::<u32>().ok().and_then(|more| i32::try_from(more).ok()).map(Scale::By),
        None if text.starts_with('-') => text.parse().ok().map(Scale::By),
        None => text.parse().ok().filter(|&workers| workers > 0).map(Scale::To),
    };
    parsed.ok_or_else(|| "expected a number of workers from 1 on, or a difference like +1 or -1".to_owned())
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text.to_owned())
        .map_err(|error| format!("this is no JSON text: {error}; a string needs its quotes: '\"text\"'"))
}

impl Operate {
    /// Whom it is for and what is asked; `None` for what is asked of every supervisor.
    pub fn request(self) -> Option<(Which, Request)> {
        Some(match self {
            Self::List { .. } => return None,
            Self::Status { which, .. } => (which, Request::Status),
            Self::Events { which, follow } => (which, Request::Events { follow }),
            Self::Logs { which, who, follow, lines } => (which, Request::Logs { who, lines, follow }),
            Self::Reload { which, patience } => (which, Request::Reload { wait: !patience.no_wait }),
            Self::Scale { which, patience, pool, workers } => {
                (which, Request::Scale { pool, scale: workers, wait: !patience.no_wait })
            }
            Self::Restart { which, patience, who } => (which, Request::Restart { who, wait: !patience.no_wait }),
            Self::Stop { which, patience } => (which, Request::Stop { wait: !patience.no_wait }),
            Self::Publish { which, topic, data } => (which, Request::Publish { topic, data }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_differences() {
        assert_eq!(scale("4"), Ok(Scale::To(4)));
        assert_eq!(scale("+2"), Ok(Scale::By(2)));
        assert_eq!(scale("-1"), Ok(Scale::By(-1)));
        for wrong in ["0", "", "+", "-", "four", "+-1", "4.5"] {
            assert!(scale(wrong).is_err(), "{wrong}");
        }
    }
}

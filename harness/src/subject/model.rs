//! A subject file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::{OutputWay, Signal};

use super::Profile;
use super::questions::Questions;

/// One supervisor under test.
///
/// In `start`, `config` and `env` these are replaced: `{workers}`, `{address}` (host:port), `{host}`, `{port}`,
/// `{drain_s}`, `{drain_ms}`, `{lame_duck}`, `{run}` (the run's directory), `{here}` (the subject's folder), `{supervisor}` and
/// `{puppet}` (our binaries), `{config}` (the rendered configuration file), `{limit}`, `{backoff}`, `{stable}`, `{ready_timeout}`,
/// `{watchdog}`, `{handoff}`, `{output}`, and where the scenario's `owns` asks for them `{control}`, `{socket}`, `{pidfile}`
/// (paths).
/// In `config` and `configs` there is `{revision}` as well: the number of the configuration, 1 at the start. A subject
/// whose workers find it as HARNESS_REVISION in their environment has its reloads judged by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Programs without which it can't be judged.
    #[serde(default)]
    pub requires: Vec<String>,
    /// A command that prints its version.
    pub version: Vec<String>,
    /// The command line.
    pub start: Vec<String>,
    /// Name of the template of its configuration file, in the subject's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Other configurations, by the name that a scenario gives them; `original` is the one of the start.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, Configuration>,
    /// Additions to its environment.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// What its workers are.
    pub puppet: Puppet,
    /// How the harness knows that a worker is ready.
    #[serde(default)]
    pub readiness: Readiness,
    /// How it is stopped.
    pub stop: HowToStop,
    /// What each pool beside the first is in its configuration, if it can have several; all of them are `{beside}` there.
    /// What is filled in is as in `config`, for the pool that it is; and there are its name, `{name}`, and its number from 1,
    /// `{pool}`, which its workers must find as HARNESS_POOL in their environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// How it is told to reload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<HowToReload>,
    /// How it is told to change the number of its workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<HowToScale>,
    /// How its operator asks on the control socket, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Questions>,
    /// How it is told to open its log files again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopen: Option<HowToReopen>,
    /// The ways that its workers' output can take.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<OutputWay, Outlet>,
    /// Where it writes events as JSON lines, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// What it promises.
    pub profile: Profile,
    /// Known failures.
    #[serde(default)]
    pub deviations: Vec<Deviation>,
}

/// What the workers are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Puppet {
    /// Our own puppet: every construct works.
    Own,
    /// A hook in another language, in the subject's folder, which keeps the journal and has a side socket.
    Hook(String),
    /// Workers that can't be scripted.
    Opaque,
}

/// How readiness is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// The puppet's journal says so.
    #[default]
    Journal,
    /// It is not: the interval from birth to birth + boot.
    Unknown,
}

/// How it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HowToStop {
    /// By a signal to the supervisor.
    Signal(Signal),
}

/// How it is told to reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HowToReload {
    /// By a signal to the supervisor.
    Signal(Signal),
}

/// How it is told to open its log files again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HowToReopen {
    /// By a signal to the supervisor.
    Signal(Signal),
}

/// Where the output of workers comes out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlet {
    /// What `{output}` is in the configuration then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config: String,
    /// The file; absent, it is the subject's own standard output and error. The folder of the file is there when the
    /// subject is started, and nothing else is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line that tells of lost lines, with `{lines}` in the place of their number; absent, they are not told of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// How it is told to change the number of its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum HowToScale {
    /// By a signal to the supervisor for each worker more or less.
    Signals {
        /// One more.
        up: Signal,
        /// One less.
        down: Signal,
    },
}

/// A configuration made from the template of the subject's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Configuration {
    /// In the template each of these texts is replaced by the one beside it; a pool can serve with what comes out.
    Good(Vec<(String, String)>),
    /// The same, but no pool can serve with it: a reload must refuse it.
    Bad(Vec<(String, String)>),
    /// There is no file.
    Missing,
    /// There is something that can't be read as one: a reload must refuse it.
    Unreadable(Unreadable),
}

/// What is in the place of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unreadable {
    /// A folder.
    Directory,
    /// A symbolic link to nothing.
    Dangling,
    /// A named pipe to which nobody writes: who opens it as a file waits for ever.
    Fifo,
    /// That of the start, and then line feeds: a mebibyte of them, which is more than anybody needs to read.
    TooLong,
    /// That of the start, and then bytes that are no UTF-8.
    NotText,
}

impl Configuration {
    /// Whether a pool can serve with it.
    pub fn serves(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    /// What is replaced in the template; `None`: there is no file with a text.
    pub fn replaced(&self) -> Option<&[(String, String)]> {
        match self {
            Self::Good(replaced) | Self::Bad(replaced) => Some(replaced),
            Self::Unreadable(Unreadable::TooLong | Unreadable::NotText) => Some(&[]),
            Self::Missing | Self::Unreadable(Unreadable::Directory | Unreadable::Dangling | Unreadable::Fifo) => None,
        }
    }

    /// Why nobody can read it, if it is there.
    pub fn unreadable(&self) -> Option<Unreadable> {
        match self {
            Self::Unreadable(why) => Some(*why),
            Self::Good(_) | Self::Bad(_) | Self::Missing => None,
        }
    }
}

/// The name of the configuration that a subject is started with.
pub const ORIGINAL: &str = "original";

/// A known failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// `file` or `file::variant`.
    pub scenario: String,
    /// The invariant's id.
    pub invariant: String,
    /// How often.
    pub happens: Frequency,
    /// Why.
    pub cause: String,
    /// Where to read more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub see: Option<String>,
}

/// How often a deviation happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frequency {
    /// In every conclusive run; a run without it is news.
    Always,
    /// Now and then.
    Sometimes,
}

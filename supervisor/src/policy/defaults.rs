//! The one table of defaults and promised bounds: the code takes its values from here, `--help` and the documentation
//! print it, and the profile of the reference subject is checked against it.

use std::fmt;
use std::time::Duration;

use super::{Backoff, Limit, Policy, Readiness, Restart};

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The field of the configuration file, or the name of the bound.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// Whether the configuration can change it.
    pub kind: Kind,
    /// What it is, in one clause.
    pub meaning: &'static str,
}

/// Who decides a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The configuration; this is what holds if it says nothing.
    Default,
    /// The supervisor promises it, on a host that lets it run.
    Bound,
}

/// A value of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A length of time.
    Span(Duration),
    /// A number.
    Count(u32),
    /// Something that depends on the host, or a name.
    Text(&'static str),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(span) => write!(f, "{span:?}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[allow(missing_docs)] // TABLE says what each is
mod values {
    use std::time::Duration;

    pub const LIMIT_RESTARTS: u32 = 10;
    pub const LIMIT_WITHIN: Duration = Duration::from_secs(60);
    pub const BACKOFF_INITIAL: Duration = Duration::from_millis(100);
    pub const BACKOFF_FACTOR: u32 = 2;
    pub const BACKOFF_CAP: Duration = Duration::from_secs(5);
    pub const BACKOFF_JITTER_PERCENT: u8 = 10;
    pub const STABLE: Duration = Duration::from_secs(5);
    pub const READY_TIMEOUT: Duration = Duration::from_secs(30);
    pub const DRAIN: Duration = Duration::from_secs(10);
    pub const LAME_DUCK: Duration = Duration::ZERO;
    pub const RELOAD_SURGE: u32 = 1;
    pub const RELOAD_AT_ONCE: u32 = 1;
    pub const BACKLOG: u32 = 511;
    pub const SEED: u64 = 1;
    pub const HANDOFF_TIMEOUT: Duration = Duration::from_secs(10);
    pub const LEAVE_PAUSE: Duration = Duration::from_millis(300);

    pub const KILL_SLACK: Duration = Duration::from_millis(250);
    pub const REAP: Duration = Duration::from_millis(250);
    pub const CONVERGE: Duration = Duration::from_millis(500);
    pub const GIVE_UP: Duration = Duration::from_millis(500);
    pub const ORPHANS: Duration = Duration::from_secs(1);
    pub const SURGE: u32 = 1;

    /// More workers than any host runs: a slip of the finger.
    pub const WORKERS_LIMIT: u32 = 10_000;
    /// A loop that comes back this much too late, or a quarter of a worker's interval if that is more, was suspended.
    pub const SUSPENDED: Duration = Duration::from_millis(100);
}

pub use values::*;

/// All of it.
pub const TABLE: &[Entry] = &[
    default("workers", Value::Text("number of CPUs"), "workers to keep ready"),
    default("limit.restarts", Value::Count(LIMIT_RESTARTS), "restarts that fit into one window; one more gives up"),
    default("limit.within", Value::Span(LIMIT_WITHIN), "length of the sliding window"),
    default("backoff.initial", Value::Span(BACKOFF_INITIAL), "delay of a restart after a run that was not stable"),
    default("backoff.factor", Value::Count(BACKOFF_FACTOR), "what each delay is multiplied by for the next"),
    default("backoff.cap", Value::Span(BACKOFF_CAP), "no delay is longer"),
    default(
        "backoff.jitter_percent",
        Value::Count(BACKOFF_JITTER_PERCENT as u32),
        "variation of the delays, up or down",
    ),
    default("stable", Value::Span(STABLE), "a worker that was ready for this long is restarted without delay"),
    default("restart", Value::Text("Always"), "which unannounced exits are followed by a restart"),
    default("handoff", Value::Text("Inherit"), "how the workers get at connections"),
    default(
        "handoff_timeout",
        Value::Span(HANDOFF_TIMEOUT),
        "a worker that has not taken a connection, or the socket that it asked for, by then hangs",
    ),
    default("leave", Value::Text("Signal(TERM)"), "how a worker is asked to finish what it holds and leave"),
    default(
        "leave_pause",
        Value::Span(LEAVE_PAUSE),
        "rest of a worker of a Node cluster before it is told to disconnect and its `drain` begins",
    ),
    default("ready", Value::Text("Told"), "what makes a worker count as ready"),
    default("ready_timeout", Value::Span(READY_TIMEOUT), "a worker not ready by then is killed: a failed start"),
    default("drain", Value::Span(DRAIN), "time to finish what is held, from being told to leave to SIGKILL"),
    default("lame_duck", Value::Span(LAME_DUCK), "time to go on serving after a stop, before anybody is told to leave"),
    default("watchdog", Value::Text("None"), "a ready worker that says nothing for so long hangs, and is killed"),
    default("reload.surge", Value::Count(RELOAD_SURGE), "workers beyond those wanted that a rolling restart may run"),
    default("reload.at_once", Value::Count(RELOAD_AT_ONCE), "slots that a rolling restart sees to at the same time"),
    default("backlog", Value::Count(BACKLOG), "length of the accept queues"),
    default("seed", Value::Count(SEED as u32), "seed of the jitter"),
    bound("kill_slack", Value::Span(KILL_SLACK), "from a drain deadline to the end of the process"),
    bound("reap", Value::Span(REAP), "from a death to the end of the zombie"),
    bound("converge", Value::Span(CONVERGE), "from the last fault to a full pool, beside delays and boot"),
    bound("give_up", Value::Span(GIVE_UP), "from the need for one restart too many to the end, beside the drain"),
    bound("orphans", Value::Span(ORPHANS), "from the end of the supervisor to that of its workers, beside the drain"),
    bound("surge", Value::Count(SURGE), "workers beside those wanted and those that drain, in a rolling restart"),
];

const fn default(name: &'static str, value: Value, meaning: &'static str) -> Entry {
    Entry { name, value, kind: Kind::Default, meaning }
}

const fn bound(name: &'static str, value: Value, meaning: &'static str) -> Entry {
    Entry { name, value, kind: Kind::Bound, meaning }
}

/// The policy that holds for `workers` workers if the configuration says nothing else.
pub const fn policy(workers: u32) -> Policy {
    Policy {
        workers,
        limit: Some(Limit { restarts: LIMIT_RESTARTS, within: LIMIT_WITHIN }),
        backoff: Backoff {
            initial: BACKOFF_INITIAL,
            factor: BACKOFF_FACTOR,
            cap: BACKOFF_CAP,
            jitter_percent: BACKOFF_JITTER_PERCENT,
        },
        stable: STABLE,
        restart: Restart::Always,
        ready: Readiness::Told,
        ready_timeout: READY_TIMEOUT,
        drain: DRAIN,
        lame_duck: LAME_DUCK,
        watchdog: None,
        surge: RELOAD_SURGE,
        at_once: RELOAD_AT_ONCE,
        seed: SEED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_line_has_a_meaning() {
        for (i, entry) in TABLE.iter().enumerate() {
            assert!(TABLE[..i].iter().all(|other| other.name != entry.name), "{} is there twice", entry.name);
            assert!(!entry.meaning.is_empty());
        }
    }

    #[test]
    fn one_crash_looping_worker_reaches_the_default_limit() {
        let limit = policy(1).limit.expect("there is a default limit");
        assert!(limit.crash_loop_span(&policy(1).backoff) < limit.within);
    }

    #[test]
    fn values_read_as_in_a_configuration_file() {
        let shown: Vec<_> = TABLE.iter().take(6).map(|entry| entry.value.to_string()).collect();
        assert_eq!(shown, ["number of CPUs", "10", "60s", "100ms", "2", "5s"]);
    }
}

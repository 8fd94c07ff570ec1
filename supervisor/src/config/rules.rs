//! The part of the file that says what a pool is to do: numbers of workers, limits and times.

use std::time::Duration;

use serde::Deserialize;

use crate::policy::{Backoff, Limit, Policy, Readiness, Restart, defaults};

use super::ReadySign;
use super::read::{Reader, Struct};

/// What is shorter is mistaken for a hang on any busy host.
const SHORTEST_WATCHDOG: Duration = Duration::from_millis(10);

/// More workers than any host runs: a slip of the finger.
const WORKERS_LIMIT: u32 = 10_000;

/// What the fields of a pool say; `all` is the text of the whole pool.
pub fn policy(reader: &mut Reader<'_>, fields: &Struct<'_>, all: &str) -> (Policy, ReadySign) {
    let before = reader.problems.len();
    let workers = reader.value(fields, "workers", "a number", default_workers());
    let mut policy = defaults::policy(workers);
    policy.limit = limit(reader, fields, policy.limit);
    policy.backoff = backoff(reader, fields, policy.backoff);
    policy.stable = reader.span(fields, "stable", policy.stable);
    policy.restart = restart(reader, fields);
    let (ready, sign) = ready(reader, fields);
    policy.ready = ready;
    policy.ready_timeout = reader.span(fields, "ready_timeout", policy.ready_timeout);
    policy.drain = reader.span(fields, "drain", policy.drain);
    policy.lame_duck = reader.span(fields, "lame_duck", policy.lame_duck);
    policy.watchdog = watchdog(reader, fields);
    reload(reader, fields, &mut policy);
    policy.seed = reader.value(fields, "seed", "a number", policy.seed);
    if reader.problems.len() == before {
        for fault in check_policy(&policy) {
            let part = fields.get(fault.field).unwrap_or(all);
            reader.wrong(part, fault.what, "").help = fault.help;
        }
    }
    (policy, sign)
}

fn watchdog(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Option<Duration> {
    match fields.get("watchdog") {
        None | Some("None") => None,
        Some(_) => Some(reader.span(fields, "watchdog", Duration::MAX)),
    }
}

fn reload(reader: &mut Reader<'_>, fields: &Struct<'_>, policy: &mut Policy) {
    let Some(part) = fields.get("reload") else { return };
    let Some(inner) = reader.structure(part, "Reload", &["surge", "at_once"]) else { return };
    policy.surge = reader.value(&inner, "surge", "a number", policy.surge);
    policy.at_once = reader.value(&inner, "at_once", "a number", policy.at_once);
}

/// The number of CPUs that this process may use.
pub fn default_workers() -> u32 {
    std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()).unwrap_or(1)
}

fn limit(reader: &mut Reader<'_>, fields: &Struct<'_>, default: Option<Limit>) -> Option<Limit> {
    let part = match fields.get("limit") {
        None => return default,
        Some("None") => return None,
        Some(part) => unwrap_some(part),
    };
    let inner = reader.structure(part, "Limit", &["restarts", "within"])?;
    Some(Limit {
        restarts: reader.value(&inner, "restarts", "a number", defaults::LIMIT_RESTARTS),
        within: reader.span(&inner, "within", defaults::LIMIT_WITHIN),
    })
}

/// `Some((…))` may be written out.
fn unwrap_some(part: &str) -> &str {
    let inner = part.strip_prefix("Some").map(str::trim_start).and_then(|rest| rest.strip_prefix('('));
    inner.and_then(|rest| rest.strip_suffix(')')).map_or(part, str::trim)
}

fn backoff(reader: &mut Reader<'_>, fields: &Struct<'_>, default: Backoff) -> Backoff {
    let Some(part) = fields.get("backoff") else { return default };
    let Some(inner) = reader.structure(part, "Backoff", &["initial", "factor", "cap", "jitter_percent"]) else {
        return default;
    };
    Backoff {
        initial: reader.span(&inner, "initial", default.initial),
        factor: reader.value(&inner, "factor", "a whole number", default.factor),
        cap: reader.span(&inner, "cap", default.cap),
        jitter_percent: reader.value(&inner, "jitter_percent", "a number from 0 to 100", default.jitter_percent),
    }
}

fn restart(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Restart {
    #[derive(Deserialize)]
    #[serde(rename = "Restart", deny_unknown_fields)]
    enum Written {
        Always,
        OnFailure {
            #[serde(default = "zero")]
            success: Vec<i32>,
        },
        Never,
    }
    fn zero() -> Vec<i32> {
        vec![0]
    }
    match reader.value(fields, "restart", "Always, OnFailure(success: [0]) or Never", Written::Always) {
        Written::Always => Restart::Always,
        Written::OnFailure { success } => Restart::OnFailure { success },
        Written::Never => Restart::Never,
    }
}

fn ready(reader: &mut Reader<'_>, fields: &Struct<'_>) -> (Readiness, ReadySign) {
    #[derive(Deserialize)]
    #[serde(rename = "Readiness")]
    enum Written {
        Told,
        OwnWord,
        Online,
        AtSpawn,
    }
    match reader.value(fields, "ready", "Told, OwnWord, Online or AtSpawn", Written::Told) {
        Written::Told => (Readiness::Told, ReadySign::Sockets),
        Written::OwnWord => (Readiness::Told, ReadySign::Nothing),
        Written::Online => (Readiness::Told, ReadySign::Online),
        Written::AtSpawn => (Readiness::AtSpawn, ReadySign::Sockets),
    }
}

/// A policy that no pool can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field that is to be changed.
    pub field: &'static str,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// Everything that makes no sense, wherever the policy came from.
pub fn check_policy(policy: &Policy) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |field, what: String, help: Option<String>| faults.push(Fault { field, what, help });
    if policy.workers == 0 || policy.workers > WORKERS_LIMIT {
        fault("workers", format!("`workers` is {}: expected 1 to {WORKERS_LIMIT}", policy.workers), None);
    }
    let Backoff { initial, factor, cap, jitter_percent } = policy.backoff;
    if initial < Duration::from_millis(1) {
        fault("backoff", format!("`backoff.initial` is {initial:?}: expected at least 1ms"), None);
    }
    if factor == 0 {
        fault("backoff", "`backoff.factor` is 0: expected at least 1".to_owned(), None);
    }
    if cap < initial {
        fault("backoff", format!("`backoff.cap` ({cap:?}) is less than `backoff.initial` ({initial:?})"), None);
    }
    if jitter_percent > 100 {
        fault("backoff", format!("`backoff.jitter_percent` is {jitter_percent}: expected 0 to 100"), None);
    }
    if policy.ready == Readiness::Told && policy.ready_timeout.is_zero() {
        fault("ready_timeout", "`ready_timeout` is 0: no worker could ever become ready".to_owned(), None);
    }
    if policy.watchdog.is_some_and(|interval| interval < SHORTEST_WATCHDOG) {
        let what =
            format!("`watchdog` is {:?}: expected at least {SHORTEST_WATCHDOG:?}", policy.watchdog.unwrap_or_default());
        fault("watchdog", what, None);
    }
    if policy.at_once == 0 {
        fault("reload", "`reload.at_once` is 0: expected at least 1".to_owned(), None);
    }
    if let Some(limit) = policy.limit {
        if limit.within.is_zero() {
            fault("limit", "`limit.within` is 0: no window of that length holds anything".to_owned(), None);
        } else if let Some((what, help)) = unreachable(limit, &policy.backoff) {
            fault("limit", what, Some(help));
        }
    }
    faults
}

/// A limit that a crash loop of one worker never reaches, because its delays are longer than the window.
fn unreachable(limit: Limit, backoff: &Backoff) -> Option<(String, String)> {
    let span = limit.crash_loop_span(backoff);
    (span >= limit.within).then(|| {
        let Limit { restarts, within } = limit;
        let what = format!(
            "the limit can't be reached: {restarts} restarts of one crash-looping worker take {span:?} of backoff, \
             and the window is {within:?}"
        );
        (what, format!("widen `limit.within` beyond {span:?}, lower `limit.restarts` or lower `backoff.cap`"))
    })
}

/// Reads a limit as the command line writes it: `10/60s`, or `none`.
///
/// # Errors
/// What was expected.
pub fn parse_limit(text: &str) -> Result<Option<Limit>, String> {
    if text == "none" {
        return Ok(None);
    }
    let expected = || format!("expected restarts and window as in 10/60s, or none; got {text:?}");
    let (restarts, within) = text.split_once('/').ok_or_else(expected)?;
    Ok(Some(Limit {
        restarts: restarts.trim().parse().map_err(|_| expected())?,
        within: humantime::parse_duration(within.trim()).map_err(|_| expected())?,
    }))
}

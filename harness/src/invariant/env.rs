//! INV-ENV: workers have what they are to have, and nothing else.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use crate::history::{Environment, Proc};
use crate::scenario::{Handoff, NOTIFY_FD, Owns, Ready};
use crate::subject::{EnvironmentRule, OWN_DIRECTORY, WORKERS_DIRECTORY};
use crate::verdict::Verdict;

use super::case::Case;
use super::tally::Tally;

/// SIGPIPE, which the runtimes of Rust, Node and Python ignore before a worker can look.
const PIPE: u64 = 1 << 12;

/// Where a service manager listens to its service, and to nobody whom that starts.
const MANAGER: &str = "NOTIFY_SOCKET";

/// From fork to the first instruction it is less than this.
const STARTING: Duration = Duration::from_secs(1);

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some(rule) = &case.profile.environment else { return Verdict::Undeclared };
    let told = &case.timeline.environments;
    let is_supervisor = |proc: Proc| case.timeline.supervisors.iter().any(|one| one.proc == proc);
    // Another one that was started beside the first is nobody's worker either.
    let is_second = |proc: Proc| case.timeline.seconds.iter().any(|one| one.proc == proc);
    let is_worker = |proc: Proc| !is_supervisor(proc) && !is_second(proc);
    let mut tally = Tally::default();
    for (at, proc, is) in told {
        let given = told.iter().rev().find(|(since, proc, _)| since <= at && is_supervisor(*proc));
        let Some((_, _, given)) = given.filter(|_| is_worker(*proc)) else { continue };
        tally.held();
        // Who is started under a limit that the harness has just lowered has it from then on.
        let limited = case
            .timeline
            .faults
            .iter()
            .any(|fault| fault.fault.starts_with("Limit") && fault.from <= *at && *at <= fault.until + STARTING);
        let given = if limited { &Environment { limits: is.limits.clone(), ..(*given).clone() } } else { *given };
        for wrong in differences(case, rule, &asked_for(case, given), is) {
            tally.fail(
                *at,
                format!("{} was started with another {}", name(case, *proc), wrong.what),
                wrong.expected,
                wrong.is,
            );
        }
    }
    let workers = told.iter().filter(|(_, proc, _)| is_worker(*proc)).count();
    tally.verdict_saying("no worker tells what it was started with", format!("{workers} workers as declared"))
}

/// What a supervisor has, with what the pool is to have in its place.
fn asked_for(case: &Case<'_>, given: &Environment) -> Environment {
    let mut asked = given.clone();
    let Some(identity) = &case.scenario.pool.identity else { return asked };
    if let Some(user) = identity.user {
        let only = vec![user; given.user.len()];
        (asked.user, asked.group) = (only.clone(), only);
        asked.groups = Vec::new();
        asked.capabilities = 0;
    }
    if let Some(umask) = identity.umask.as_deref().and_then(|umask| u32::from_str_radix(umask, 8).ok()) {
        asked.umask = umask;
    }
    if let Some(nofile) = identity.nofile {
        asked.limits.insert("nofile".to_owned(), (Some(nofile), Some(nofile)));
    }
    if identity.directory {
        let run = given.directory.strip_suffix(OWN_DIRECTORY).unwrap_or(&given.directory);
        asked.directory = Path::new(run).join(WORKERS_DIRECTORY).display().to_string();
    }
    asked
}

fn name(case: &Case<'_>, proc: Proc) -> String {
    let known = case.timeline.workers.iter().position(|worker| worker.proc == proc);
    known.map_or_else(|| format!("pid {}", proc.pid), |index| case.name(index))
}

/// Something that is not as declared.
struct Wrong {
    what: &'static str,
    expected: String,
    is: String,
}

fn differences(case: &Case<'_>, rule: &EnvironmentRule, given: &Environment, is: &Environment) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    compare(&mut wrong, "user (real, effective, saved, file system)", &given.user, &is.user);
    compare(&mut wrong, "group (real, effective, saved, file system)", &given.group, &is.group);
    compare(&mut wrong, "set of supplementary groups", &given.groups, &is.groups);
    compare(&mut wrong, "set of capabilities", &given.capabilities, &is.capabilities);
    compare(&mut wrong, "umask (in decimal)", &given.umask, &is.umask);
    compare(&mut wrong, "working directory", &given.directory, &is.directory);
    compare(&mut wrong, "limit", &given.limits, &is.limits);
    compare(&mut wrong, "set of blocked signals (as a mask)", &0, &is.blocked);
    compare(&mut wrong, "set of ignored signals (as a mask)", &0, &(is.ignored & !PIPE));
    compare(&mut wrong, "process group (whether it leads one)", &rule.leads_group, &is.leads_group);
    let numbers: Vec<i32> = is.descriptors.keys().copied().collect();
    compare(&mut wrong, "set of descriptors", &descriptors(case, rule), &numbers);
    variables(&mut wrong, rule, given, is);
    wrong
}

fn compare<T: PartialEq + Debug>(wrong: &mut Vec<Wrong>, what: &'static str, expected: &T, is: &T) {
    if expected != is {
        wrong.push(Wrong { what, expected: format!("{expected:?}"), is: format!("{is:?}") });
    }
}

fn descriptors(case: &Case<'_>, rule: &EnvironmentRule) -> Vec<i32> {
    let pool = &case.scenario.pool;
    let accepts = case.handoff() != Handoff::RoundRobin;
    let listeners = if rule.listeners && accepts { 1 + i32::from(pool.owns.contains(&Owns::Socket)) } else { 0 };
    let newline = (pool.ready == Some(Ready::NotifyFd)).then_some(NOTIFY_FD);
    (0..3 + listeners + i32::try_from(rule.descriptors).unwrap_or(i32::MAX / 2)).chain(newline).collect()
}

fn variables(wrong: &mut Vec<Wrong>, rule: &EnvironmentRule, given: &Environment, is: &Environment) {
    let names: BTreeSet<&String> = given.variables.keys().chain(is.variables.keys()).collect();
    for name in names.into_iter().filter(|name| !rule.variables.contains(name)) {
        let (before, after) = (given.variables.get(name), is.variables.get(name));
        if before != after {
            let said =
                |value: Option<&u32>| value.map_or_else(|| format!("no {name}"), |hash| format!("{name} ({hash:08x})"));
            wrong.push(Wrong { what: "environment variable", expected: said(before), is: said(after) });
        }
    }
    // Whoever has that speaks for the supervisor.
    let manager = given.variables.get(MANAGER);
    if manager.is_some() && manager == is.variables.get(MANAGER) {
        let expected = format!("no {MANAGER}, or one of its own");
        wrong.push(Wrong { what: "environment variable", expected, is: format!("{MANAGER} of the supervisor") });
    }
}

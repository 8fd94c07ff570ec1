//! INV-TRUTH: what the supervisor says is so.

use std::collections::BTreeMap;

use crate::history::{ClaimKind, Status, Worker, names_pid};
use crate::scenario::{Command, Owns};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::Case;
use super::giveup::exceeded;
use super::say_status::{matches_status, said_is, said_status};
use super::tally::Tally;
use super::{truth_control, truth_notify};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    let mut said = None;
    if let Some((exit, status)) = case.facts.exit {
        said = judge_status(case, exit, status, &mut tally);
    }
    judge_claims(case, &mut tally);
    judge_pid_file(case, &mut tally);
    truth_notify::judge(case, &mut tally);
    judge_reloads(case, &mut tally);
    truth_control::judge(case, &mut tally);
    let measured = match said {
        Some(status) => format!("{}, {} claims", said_status(status), case.timeline.claims.len()),
        None => format!("{} claims", case.timeline.claims.len()),
    };
    tally.verdict_saying("it claimed nothing and did not end", measured)
}

/// Its exit status tells a stop from a give-up.
fn judge_status(case: &Case<'_>, exit: Time, status: Status, tally: &mut Tally) -> Option<Status> {
    let (facts, profile) = (case.facts, case.profile);
    // A signal that can't be obeyed, or not yet, or a fault, says nothing about its honesty.
    let felled = facts.felled.is_some_and(|at| at <= exit) || case.ended_before_its_handlers();
    if felled || !facts.hindered.is_empty() {
        return None;
    }
    let gave_up = case.scenario.pool.limit.is_some_and(|limit| exceeded(case, limit));
    let (declared, why) = match (facts.ended_itself, gave_up) {
        (Some(_), true) => (profile.give_up_status?, "it gave up"),
        // Not bound to give up: INV-ISOLATE and INV-GIVEUP say what that was.
        (Some(_), false) => return None,
        (None, _) => (profile.stop_status?, "it was told to stop"),
    };
    // A stop may have come while it gave up already.
    let both = facts.ended_itself.is_none()
        && gave_up
        && profile.give_up_status.is_some_and(|other| matches_status(status, other));
    if matches_status(status, declared) || both {
        tally.held();
    } else {
        tally.fail(
            exit,
            format!("{why}, and its exit status says something else"),
            said_is(declared),
            said_status(status),
        );
    }
    Some(status)
}

/// What it says of a reload agrees with the configuration that was in place when it was ordered.
fn judge_reloads(case: &Case<'_>, tally: &mut Tally) {
    // Whether it is to read a configuration.
    let reads = |what: &Command| match what {
        Command::Reload => Some(true),
        Command::RestartPool => Some(false),
        _ => None,
    };
    let reloads: Vec<(Time, bool)> =
        case.timeline.commands.iter().filter_map(|(at, what)| Some((*at, reads(what)?))).collect();
    for (at, claim) in &case.timeline.claims {
        if claim.kind != ClaimKind::Reloaded {
            continue;
        }
        // A claim may be about the reload before the last one: then that must have been able to succeed.
        let so_far = reloads.iter().rev().filter(|(ordered, _)| ordered <= at).take(2);
        let mut refused = so_far.map(|(ordered, reads)| {
            let in_place = case.timeline.configured.iter().rev().find(|(since, ..)| since <= ordered);
            *reads && in_place.is_some_and(|(.., serves)| !serves)
        });
        tally.held();
        if refused.next().unwrap_or(false) && refused.all(|refused| refused) {
            tally.fail(
                *at,
                "it said that a reload was complete, and no pool can serve with that configuration".to_owned(),
                "a reload that failed".to_owned(),
                "a reload that succeeded".to_owned(),
            );
        }
    }
}

/// While it keeps a pool its pid file says who it is. One that the harness took away it need not miss.
fn judge_pid_file(case: &Case<'_>, tally: &mut Tally) {
    let line = case.timeline;
    let looks = line.owned.iter().filter(|look| look.what == Owns::Pidfile.name() && look.at < case.facts.peace);
    for look in looks {
        let Some(owner) = line.supervisors.iter().rev().find(|one| one.born <= look.at) else { continue };
        let runs = line.workers.iter().filter_map(|one| one.ready).any(|at| owner.born <= at && at <= look.at);
        let missed = line.faults.iter().any(|fault| fault.from <= look.at && takes_pid_file(fault.fault));
        if !runs || missed {
            continue;
        }
        tally.held();
        // As it is called in its own namespace.
        let pid = if case.scenario.launch.init { 1 } else { owner.proc.pid };
        if !look.is.is_some_and(|is| names_pid(is, pid)) {
            tally.fail(
                look.at,
                "its workers serve, and its pid file does not say who it is".to_owned(),
                format!("text {:?}", pid.to_string()),
                look.is.unwrap_or("nothing").to_owned(),
            );
        }
    }
}

fn takes_pid_file(fault: &str) -> bool {
    fault.starts_with("File") && fault.contains("\"pidfile\"") && fault.contains("is: Missing")
}

/// Its own stream of events, where there is one.
fn judge_claims(case: &Case<'_>, tally: &mut Tally) {
    let mut by_pid: BTreeMap<u32, Vec<&Worker>> = BTreeMap::new();
    for worker in &case.timeline.workers {
        by_pid.entry(worker.proc.pid).or_default().push(worker);
    }
    for (at, claim) in &case.timeline.claims {
        // The last worker with this pid that was born before.
        let mut same = by_pid.get(&claim.pid).into_iter().flatten().rev();
        let Some(worker) = same.find(|one| one.born.earliest() <= *at + case.slack.0) else { continue };
        match claim.kind {
            ClaimKind::Ready => {
                tally.held();
                let early = worker.ready.is_none_or(|ready| ready > *at + case.slack.0);
                if early && !case.facts.hindered.iter().any(|(from, _)| from <= at) {
                    let actual =
                        worker.ready.map_or_else(|| "never ready".to_owned(), |ready| format!("ready at {ready}"));
                    tally.fail(
                        *at,
                        format!("it said that pid {} was ready", claim.pid),
                        "no claim before it is so".to_owned(),
                        actual,
                    );
                }
            }
            ClaimKind::Exited(claimed) => {
                tally.held();
                match worker.status {
                    Some(status) if status != claimed => tally.fail(
                        *at,
                        format!("it said how pid {} ended", claim.pid),
                        said_status(status),
                        said_status(claimed),
                    ),
                    _ if worker.maybe_dead() > *at + bounds::START_JITTER + case.slack.0 => tally.fail(
                        *at,
                        format!("it said that pid {} had ended", claim.pid),
                        "no claim before it is so".to_owned(),
                        "alive".to_owned(),
                    ),
                    _ => {}
                }
            }
            ClaimKind::GaveUp | ClaimKind::Reloaded | ClaimKind::ReloadFailed => tally.held(),
        }
    }
}

//! INV-OWN: what only one may have has one owner, and nobody is signalled who is none of the supervisor's.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{FaultSpan, Injected, OPEN_TO_OTHERS, Owned, Second};
use crate::scenario::{Command, Handoff, StatusIs};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds::REACT;
use super::case::{Case, Timely};
use super::say_status::{matches_status, said_is, said_status};
use super::tally::{Tally, say};

/// A second start that can't have what it wants ends within this.
const ENDS: Duration = Duration::from_secs(5);

/// How the harness names what it planted itself.
const FOREIGN: &str = "foreign ";

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    judge_bystanders(case, &mut tally);
    for second in &case.timeline.seconds {
        judge_second(case, second, &mut tally);
    }
    judge_starts(case, &mut tally);
    judge_doors(case, &mut tally);
    judge_strangers(case, &mut tally);
    let mut things: BTreeMap<&str, Vec<&Owned<'_>>> = BTreeMap::new();
    for owned in &case.timeline.owned {
        things.entry(owned.what).or_default().push(owned);
    }
    for looks in things.values() {
        judge_looks(case, looks, &mut tally);
    }
    let (seconds, looks) = (case.timeline.seconds.len(), case.timeline.owned.len());
    tally.verdict_saying(
        "nobody looked at what it owns, and nobody stood by",
        format!("{} bystanders in peace, {seconds} second starts, {looks} looks", case.timeline.bystanders.len()),
    )
}

fn judge_bystanders(case: &Case<'_>, tally: &mut Tally) {
    case.timeline.bystanders.iter().for_each(|_| tally.held());
    for caught in &case.timeline.caught {
        let sent = |one: &Injected| one.proc == caught.proc && one.signal == caught.signal;
        // What can't be caught has no sender: it may have been the harness.
        if caught.by.is_none() && case.timeline.injected.iter().any(sent) {
            continue;
        }
        let by = caught.by.map_or_else(|| "somebody".to_owned(), |by| sender(case, by));
        tally.fail(
            caught.at,
            format!("a bystander (pid {}) was signalled by {by}", caught.proc.pid),
            "signals to nobody but its own workers".to_owned(),
            format!("signal {}", caught.signal),
        );
    }
}

fn sender(case: &Case<'_>, by: u32) -> String {
    let line = case.timeline;
    if line.supervisors.iter().any(|one| one.proc.pid == by) {
        format!("the supervisor (pid {by})")
    } else if let Some(index) = line.workers.iter().position(|one| one.proc.pid == by) {
        case.name(index)
    } else {
        format!("pid {by}")
    }
}

/// One that is started where another one runs ends in time and says so by its status.
fn judge_second(case: &Case<'_>, second: &Second, tally: &mut Tally) {
    let declared = case.profile.second_start.unwrap_or(StatusIs::NonZero);
    let pid = second.proc.pid;
    // One that was started after the end of the first has as good a right as any.
    if case.facts.exit.is_some_and(|(exit, _)| exit <= second.born) {
        return;
    }
    // What comes after a signal of the harness is no end of its own.
    let felled = case.timeline.injected.iter().filter(|one| one.proc == second.proc).map(|one| one.at).min();
    let (exit, status) = match second.exited {
        Some((at, status)) if felled.is_none_or(|felled| at < felled) => (at, Some(status)),
        _ => (felled.unwrap_or(case.timeline.until), None),
    };
    match case.timely(second.born, case.due(second.born, ENDS), exit, &[second.proc]) {
        Timely::Yes => match status {
            Some(status) if !matches_status(status, declared) => tally.fail(
                exit,
                format!("a second supervisor (pid {pid}) was started where one runs, and its exit status hides it"),
                said_is(declared),
                said_status(status),
            ),
            Some(_) => tally.measured(exit.since(second.born), ENDS),
            None => tally.doubt(format!("the second supervisor was watched for {} only", say(exit.since(second.born)))),
        },
        Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
        Timely::No => tally.fail(
            exit,
            format!("a second supervisor (pid {pid}) was started where one runs, and stayed"),
            format!("its end within {}", say(ENDS)),
            format!("there for {}", say(exit.since(second.born))),
        ),
    }
}

/// What a dead supervisor left keeps nobody from starting.
fn judge_starts(case: &Case<'_>, tally: &mut Tally) {
    for supervisor in &case.timeline.supervisors {
        let there = |fault: &&FaultSpan<'_>| fault.from <= supervisor.born && supervisor.born <= fault.until;
        let faults = || case.timeline.faults.iter().filter(there).map(|fault| fault.fault);
        let Some(dead) = faults().find(|fault| is_dead(fault)) else { continue };
        if !faults().all(is_dead) {
            continue;
        }
        tally.held();
        let Some((exit, status)) = supervisor.exited else { continue };
        let ordered = [case.facts.stop, case.facts.felled].into_iter().flatten().min();
        let ran =
            case.timeline.workers.iter().any(|one| supervisor.born <= one.born.latest() && one.born.earliest() <= exit);
        if !ran && ordered.is_none_or(|at| at > exit) {
            tally.fail(
                exit,
                format!("what nobody alive has ({dead}) kept the supervisor from starting"),
                "a start".to_owned(),
                said_status(status),
            );
        }
    }
}

/// Whether a fault, as a scenario names it, puts something there that nobody alive has. A pid file is only text: whoever
/// it names has no part in it, only who holds it has.
fn is_dead(fault: &str) -> bool {
    let says = |word: &str| fault.contains(word);
    let text = ["Stale", "Foreign", "Garbage", "Empty"].into_iter().any(says);
    fault.starts_with("File") && (says("is: Stale") || says("\"pidfile\"") && text)
}

/// Whether somebody else has the address while this fault is on.
fn is_address(fault: &str) -> bool {
    fault.starts_with("Address")
}

/// Who starts where somebody else has the address serves there at most when it is free: clients would else come to the one or
/// the other. Told once.
fn judge_strangers(case: &Case<'_>, tally: &mut Tally) {
    for stranger in case.timeline.faults.iter().filter(|fault| is_address(fault.fault)) {
        let during = |at: Time| stranger.from <= at && at < stranger.until;
        if !case.timeline.supervisors.iter().any(|one| during(one.born)) {
            continue;
        }
        tally.held();
        let readies = || case.timeline.workers.iter().enumerate().filter_map(|(index, one)| Some((index, one.ready?)));
        if let Some((index, at)) = readies().find(|(_, at)| during(*at)) {
            tally.fail(
                at,
                format!("{} serves at an address that somebody else has", case.name(index)),
                "a start that fails, or one that waits until the address is free".to_owned(),
                "two who listen there".to_owned(),
            );
        }
    }
}

/// What is for the operator alone nobody else may write to. Told once of each.
fn judge_doors(case: &Case<'_>, tally: &mut Tally) {
    let open = |owned: &&Owned<'_>| owned.is.is_some_and(|is| is.ends_with(OPEN_TO_OTHERS));
    if let Some(owned) = case.timeline.owned.iter().find(open) {
        tally.fail(
            owned.at,
            format!("whoever is on this host may give orders: others than its owner may write to `{}`", owned.what),
            "a socket that its owner alone may write to".to_owned(),
            owned.is.unwrap_or_default().to_owned(),
        );
    }
}

/// From look to look it is the same thing, unless the supervisor was another one or the harness meddled with it.
fn judge_looks(case: &Case<'_>, looks: &[&Owned<'_>], tally: &mut Tally) {
    for pair in looks.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        let foreign = before.what.starts_with(FOREIGN);
        if !foreign && may_change(case, before, after.at) {
            continue;
        }
        tally.held();
        if before.is != after.is {
            let said = |is: Option<&str>| is.map_or_else(|| "nothing".to_owned(), str::to_owned);
            let whose = if foreign { "is somebody else's" } else { "has an owner who lives" };
            let seconds =
                case.timeline.seconds.iter().filter(|one| before.at <= one.born && one.born <= after.at).count();
            let between = if seconds > 0 { format!("; {seconds} second starts lie between") } else { String::new() };
            tally.fail(
                after.at,
                format!("`{}` {whose}, and it is not what it was at {}{between}", before.what, before.at),
                said(before.is),
                said(after.is),
            );
        }
    }
}

fn may_change(case: &Case<'_>, before: &Owned<'_>, after: Time) -> bool {
    let between = |at: Time| before.at <= at && at <= after;
    let line = case.timeline;
    let replaced =
        line.supervisors.iter().any(|one| between(one.born) || one.exited.is_some_and(|(at, _)| between(at)));
    let stopping = case.facts.stop.is_some_and(|at| at <= after) || case.facts.felled.is_some_and(|at| at <= after);
    let ended = case.facts.ended_itself.is_some_and(|at| at <= after);
    let meddled = line.faults.iter().any(|one| {
        (one.fault.starts_with("File") || is_address(one.fault)) && (between(one.from) || between(one.until))
    });
    // Whoever does not claim to hold its listener may open it anew.
    let opens_anew = before.what.contains(':') && case.profile.holds_listener != Some(true);
    // Where each worker has a socket of its own, there are as many as places.
    let shares = before.what.contains(':') && case.handoff() == Handoff::Reuseport;
    let resized = |command: &Command| matches!(command, Command::Scale(_));
    let scaled =
        shares && line.commands.iter().any(|(at, what)| resized(what) && before.at <= *at + REACT && *at <= after);
    replaced || stopping || ended || meddled || opens_anew || scaled
}

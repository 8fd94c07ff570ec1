//! INV-SERIAL: commands take effect one after another, and a stop is final.

use std::time::Duration;

use crate::history::Worker;
use crate::scenario::Command;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::facts::{Leave, hangups};
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    if let Some(stop) = case.facts.stop {
        judge_births(case, stop, &mut tally);
        judge_end(case, stop, &mut tally);
    }
    if let Some(hurry) = case.facts.hurry {
        judge_hurry(case, hurry, &mut tally);
    }
    judge_reloads(case, &mut tally);
    judge_restarts(case, &mut tally);
    tally.verdict("no command")
}

/// No birth after the stop.
fn judge_births(case: &Case<'_>, stop: Time, tally: &mut Tally) {
    let started = case.timeline.commands.iter().any(|(at, command)| *at > stop && matches!(command, Command::Start));
    let due = case.due(stop, bounds::REACT);
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let born = worker.born.earliest();
        if born < stop || started {
            continue;
        }
        match case.timely(stop, due, born, &[worker.proc]) {
            Timely::Yes => {}
            Timely::Unknown(stalled) => {
                tally.doubt(format!("a birth after the stop, and the host stalled for {}", say(stalled)))
            }
            Timely::No => tally.fail(
                born,
                format!("the stop was ordered at {stop} and {} was started after it", case.name(index)),
                format!("no start later than {} after a stop", say(bounds::REACT)),
                format!("a start after {}", say(born.since(stop))),
            ),
        }
    }
}

/// The supervisor ends when everybody has drained, at the latest at the drain deadline.
fn judge_end(case: &Case<'_>, stop: Time, tally: &mut Tally) {
    let end = case.facts.exit.map_or(Time::NEVER, |(at, _)| at);
    let last = case.timeline.until;
    if end < stop {
        return;
    }
    if case.profile.drain != Some(true) && end == Time::NEVER && last.since(stop) < Duration::from_secs(60) {
        return;
    }
    let slowest = case.facts.traits.iter().map(|traits| traits.slow_stop).max().unwrap_or_default();
    // It waits for whoever takes longest, whichever pool that is of.
    let bound = case.scenario.longest_drain() + bounds::kill_slack(case.profile) + bounds::REACT;
    let bound = if case.profile.drain == Some(true) { bound } else { bound + slowest };
    let concerned: Vec<_> = case.timeline.workers.iter().map(|worker| worker.proc).collect();
    // Whoever leaves may have said that it needs longer.
    let longest = case.timeline.workers.iter().filter_map(|worker| worker.lingers).max().unwrap_or(stop);
    let more = bounds::kill_slack(case.profile) + bounds::REACT;
    let due = case.due(stop, bound).max(case.due(longest, more));
    let bound = bound.max(case.lasted(stop, due));
    match case.timely(stop, due, end.min(last), &concerned) {
        Timely::Yes if end == Time::NEVER => {
            tally.doubt(format!("watched for {} only after the stop", say(last.since(stop))))
        }
        Timely::Yes => tally.measured(case.lasted(stop, end), bound),
        Timely::Unknown(stalled) => tally.doubt(format!(
            "the stop took {}, and the host stalled for {}",
            say(end.min(last).since(stop)),
            say(stalled)
        )),
        Timely::No => tally.fail(
            due,
            format!("the stop was ordered at {stop} and the supervisor did not end in time"),
            format!("its end within {}", say(bound)),
            if end == Time::NEVER {
                format!("still there after {}", say(last.since(stop)))
            } else {
                format!("after {}", say(end.since(stop)))
            },
        ),
    }
}

/// Whoever keeps drain deadlines does not wait for them any more when it is told to stop again.
fn judge_hurry(case: &Case<'_>, hurry: Time, tally: &mut Tally) {
    let Some((end, _)) = case.facts.exit.filter(|(end, _)| case.profile.drain == Some(true) && *end >= hurry) else {
        return; // that it never ends is said above
    };
    // Two signals that are pending at the same time are one.
    let apart = case
        .facts
        .stop
        .map_or(Duration::ZERO, |stop| case.lasted(stop, hurry).saturating_sub(case.stalled(stop, hurry, &[])));
    if apart <= bounds::START_JITTER {
        return;
    }
    let bound = bounds::kill_slack(case.profile) + bounds::REACT;
    let concerned: Vec<_> = case.timeline.workers.iter().map(|worker| worker.proc).collect();
    match case.timely(hurry, case.due(hurry, bound), end, &concerned) {
        Timely::Yes => tally.held(),
        Timely::Unknown(stalled) => tally.doubt(format!(
            "the second stop took {}, and the host stalled for {}",
            say(end.since(hurry)),
            say(stalled)
        )),
        Timely::No => tally.fail(
            case.due(hurry, bound),
            format!("the stop was ordered again at {hurry}, and it waited all the same"),
            format!("its end within {}", say(bound)),
            format!("after {}", say(end.since(hurry))),
        ),
    }
}

/// The instants of the reloads, those of a burst one by one.
fn reloads(case: &Case<'_>) -> Vec<Time> {
    let mut reloads = Vec::new();
    for (at, command) in &case.timeline.commands {
        match command {
            Command::Reload | Command::RestartPool => reloads.push(*at),
            Command::Reloads { times, spacing } => {
                reloads.extend((0..*times).map(|n| *at + spacing.0.saturating_mul(n)));
            }
            _ => {}
        }
    }
    reloads.retain(|at| *at < case.facts.peace);
    reloads.sort_unstable();
    reloads
}

/// An order to replace one worker is obeyed at once: its successor is started, or on its way already; so it is for a supervisor
/// that has not heard yet that it is ready.
fn judge_restarts(case: &Case<'_>, tally: &mut Tally) {
    let orders = case.timeline.commands.iter().filter(|(_, command)| matches!(command, Command::Restart(_)));
    for (at, _) in orders {
        // Where no two may be in one place the old one leaves first, in its time.
        let in_place = case.scenario.pool.reload.is_some_and(|reload| reload.surge == 0);
        let leaves =
            if in_place { case.scenario.pool.drain.0 + bounds::kill_slack(case.profile) } else { Duration::ZERO };
        let due = case.due_unhindered(*at, bounds::REACT + leaves);
        if due >= case.facts.peace {
            continue;
        }
        let coming =
            |one: &&Worker| one.born.latest() >= *at || one.ready.is_none_or(|ready| ready + bounds::REACT >= *at);
        let started = case.timeline.workers.iter().filter(coming).map(|one| one.born.earliest()).min();
        match case.timely(*at, due, started.unwrap_or(Time::NEVER), &[]) {
            Timely::Yes => tally.held(),
            Timely::Unknown(stalled) => {
                tally.doubt(format!("a restart waited, and the host stalled for {}", say(stalled)))
            }
            Timely::No => tally.fail(
                due,
                format!("at {at} it was ordered to replace a worker, and started none"),
                format!("a start within {}", say(bounds::REACT + leaves)),
                "none".to_owned(),
            ),
        }
    }
}

/// Each order is carried out once, and of several one runs and at most one waits: between two orders, and after the last one,
/// no more workers are started than what was ordered and not begun needs. And the last order is obeyed.
fn judge_reloads(case: &Case<'_>, tally: &mut Tally) {
    if case.profile.rolling_reload != Some(true) {
        return;
    }
    let reloads = reloads(case);
    let wanted = case.facts.most_wanted() as usize;
    // What a signal of the harness's own ordered is not among the orders.
    let mut owed = if hangups(case.timeline).next().is_some() { 2 * wanted } else { 0 };
    for (nth, from) in reloads.iter().enumerate() {
        let until = reloads.get(nth + 1).copied().unwrap_or(case.facts.peace);
        let within = |at: Time| *from <= at && at < until;
        let births = case
            .timeline
            .workers
            .iter()
            .filter(|worker| within(worker.born.earliest()) && within(worker.born.latest()))
            .count();
        let needs = case
            .facts
            .departures
            .iter()
            .filter(|one| one.how != Leave::Untimely && one.known < until)
            // Who was frozen has yet to learn of it.
            .filter(|one| case.due(one.known, bounds::REACT + longest(case)) >= *from);
        let added = case.facts.additions().filter(|(at, _)| within(*at)).map(|(_, more)| more as usize).sum::<usize>();
        let singles = case.timeline.commands.iter().filter(|(_, command)| matches!(command, Command::Restart(_)));
        let singles = singles.filter(|(at, _)| *at < until && case.due(*at, bounds::REACT) >= *from).count();
        // Ordered while the first workers were still being started.
        let earlier = case.timeline.workers.iter().filter(|worker| worker.born.latest() < *from).count();
        let unstarted = (case.facts.initial as usize).saturating_sub(earlier);
        let otherwise = needs.count() + added + singles + unstarted + 1;
        owed = (owed + wanted).min(2 * wanted);
        let most = owed + otherwise;
        tally.held();
        if births > most {
            tally.fail(
                until,
                format!("after the reload of {from} more workers were started than the rolling restarts need that were ordered and not carried out"),
                format!("at most {most} starts"),
                format!("{births} starts"),
            );
        }
        // Only what nothing else explains is known to be a part of them.
        owed = owed.saturating_sub(births.saturating_sub(otherwise));
    }
    // Where a reload may be abandoned, what else is wrong must not be hidden by it.
    if let Some(last) = reloads.last().filter(|_| !tally.has_failed()) {
        judge_obeyed(case, *last, tally);
    }
}

fn longest(case: &Case<'_>) -> Duration {
    bounds::longest(case.scenario, case.profile, u32::try_from(case.facts.departures.len()).unwrap_or(u32::MAX))
}

/// When the pool has come to rest, nobody who was there before the last reload still serves, unless replacements fail.
fn judge_obeyed(case: &Case<'_>, reload: Time, tally: &mut Tally) {
    let Some(converge) = case.profile.converge else { return };
    let reads = case.timeline.commands.iter().any(|(at, what)| *at == reload && !matches!(what, Command::RestartPool));
    let last = case.timeline.configured.iter().rev().find(|(at, ..)| *at <= reload);
    let refused = last.is_some_and(|one| reads && !one.2);
    let fails = case
        .timeline
        .workers
        .iter()
        .zip(&case.facts.traits)
        .any(|(worker, traits)| worker.born.latest() >= reload && (traits.never_ready || traits.exits))
        || case.facts.departures.iter().any(|one| one.known > reload && one.shortest_run.is_none())
        || case.facts.failed_starts.iter().any(|failed| *failed > reload);
    let rest = case.facts.rolls.iter().map(|(_, until)| *until).max().unwrap_or(reload);
    // A new configuration is for all pools or for none: who leaves on trial in one of them ends it in all.
    let dropped =
        case.facts.gone.iter().any(|(born, known)| reload <= *born && *known <= case.due(rest, bounds::REACT));
    let watched = case.facts.peace >= case.due_unhindered(rest, converge.0 + longest(case));
    if refused || fails || dropped || !watched {
        return;
    }
    tally.held();
    let end = case.facts.peace;
    let left = case.timeline.workers.iter().position(|worker| worker.born.latest() < reload && worker.is_ready(end));
    if let Some(index) = left {
        tally.fail(
            end,
            format!("a reload was ordered at {reload} and {}, which is older, was never replaced", case.name(index)),
            "every worker replaced after the last reload".to_owned(),
            format!("still there after {}", say(end.since(reload))),
        );
    }
}

//! INV-ISOLATE: nothing that a worker or a client does ends the supervisor, or keeps it from listening to its operator.

use crate::history::{Reply, Timeline};
use crate::scenario::{Command, StatusIs};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::giveup::exceeded;
use super::say_status::{matches_status, said_status};
use super::tally::{Tally, say};

/// So ends what is said of an operator to whom nobody listened.
const UNHEARD: &str = "and was not heard";

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    tally.held();
    let line = case.timeline;
    let ordered = line.commands.iter().filter(|(_, command)| matches!(command, Command::Start)).count();
    if let Some(again) = line.supervisors.get(ordered + 1) {
        tally.fail(
            again.born,
            format!("pid {} took the place of the supervisor and nobody had ordered it", again.proc.pid),
            format!("{} incarnations", ordered + 1),
            format!("{}", line.supervisors.len()),
        );
    }
    if let (Some(at), Some((exit, status))) = (case.facts.ended_itself, case.facts.exit)
        && !may_end(case)
    {
        let last = case.facts.departures.iter().rev().find(|one| one.at <= exit);
        let after = last.map_or_else(String::new, |one| format!("; the last that left was {}", case.name(one.worker)));
        tally.fail(
            exit,
            format!("the supervisor ended by itself (its end began at {at}){after}"),
            "an end by a command, a fault aimed at it, or a give-up".to_owned(),
            said_status(status),
        );
    }
    judge_answers(case, &mut tally);
    let measured = match case.facts.exit {
        Some(_) if case.facts.ended_itself.is_some() => "ended by giving up",
        Some(_) => "ended by command",
        None => "there to the end",
    };
    tally.verdict_saying("", measured.to_owned())
}

/// Once it has had a ready worker, and while nothing hinders it, operators are heard: whoever asks is answered in time, and
/// nobody who orders something is turned away without a word.
fn judge_answers(case: &Case<'_>, tally: &mut Tally) {
    let Some(within) = case.profile.control else { return };
    let line = case.timeline;
    let calm = |asked: Time, until: Time| {
        let hindered = case.facts.hindered.iter().any(|span| span.0 <= until && asked <= span.1 + bounds::REACT);
        serves(line, asked, until) && !hindered
    };
    for one in &line.answers {
        let due = case.due(one.asked, within.0);
        // Connections end a moment before their owner is seen to.
        let until = if one.at < due && !one.answered { one.at + bounds::REACT } else { one.at.min(due) };
        // While it ends it has nobody to answer to.
        if one.at.min(due) >= case.facts.peace || !calm(one.asked, until) {
            continue;
        }
        match case.timely(one.asked, due, one.at, &[]) {
            Timely::Yes if one.answered => tally.held(),
            Timely::Unknown(stalled) => {
                tally.doubt(format!("an operator waited, and the host stalled for {}", say(stalled)))
            }
            Timely::Yes | Timely::No => tally.fail(
                one.at,
                format!("an operator asked at {} {UNHEARD}", one.asked),
                format!("an answer within {within}"),
                format!("{} after {}", if one.answered { "one" } else { "none" }, say(one.at.since(one.asked))),
            ),
        }
    }
    let counts = |ordered: Time, at: Time| calm(ordered, at + bounds::REACT) && at < case.facts.peace;
    for (ordered, at, reply) in line.replies.iter().filter(|(ordered, at, _)| counts(*ordered, *at)) {
        match reply {
            Reply::Done | Reply::Refused => tally.held(),
            Reply::TurnedAway | Reply::HungUp => tally.fail(
                *at,
                format!("an operator ordered something at {ordered} {UNHEARD}"),
                "to be told what came of it".to_owned(),
                "turned away without a word".to_owned(),
            ),
        }
    }
}

/// Whether a supervisor with a ready worker was there from the one instant to the other: who is killed meanwhile answers nobody,
/// and who has just been started has no socket yet.
fn serves(line: &Timeline<'_>, asked: Time, until: Time) -> bool {
    line.supervisors.iter().any(|one| {
        let first = line.workers.iter().filter_map(|worker| worker.ready).filter(|ready| *ready >= one.born).min();
        first.is_some_and(|first| first <= asked) && one.exited.is_none_or(|(exit, _)| exit > until)
    })
}

/// Whether its own decision to end may have been a give-up (whether it was due is for INV-GIVEUP), a fault that it could
/// not serve under, or none of its own: a signal that came before its handlers.
fn may_end(case: &Case<'_>) -> bool {
    let Some((_, status)) = case.facts.exit else { return false };
    let gave_up = case.scenario.pool.limit.is_some_and(|limit| {
        let says_so = case
            .profile
            .give_up_status
            .is_some_and(|declared| declared != StatusIs::Zero && matches_status(status, declared));
        says_so || exceeded(case, limit)
    });
    gave_up || !case.facts.hindered.is_empty() || case.ended_before_its_handlers()
}

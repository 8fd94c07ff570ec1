//! INV-ISOLATE: nothing that a worker or a client does ends the supervisor.

use crate::scenario::{Command, StatusIs};
use crate::verdict::Verdict;

use super::case::Case;
use super::giveup::exceeded;
use super::say_status::{matches_status, said_status};
use super::tally::Tally;

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
    let measured = match case.facts.exit {
        Some(_) if case.facts.ended_itself.is_some() => "ended by giving up",
        Some(_) => "ended by command",
        None => "there to the end",
    };
    tally.verdict_saying("", measured.to_owned())
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

//! INV-TRUTH, of what an operator is told on the control socket.

use crate::history::{Answer, Reply, Worker};
use crate::scenario::Command;
use crate::time::Time;

use super::bounds;
use super::case::{Case, Timely};
use super::tally::Tally;

/// Judges it.
pub(super) fn judge(case: &Case<'_>, tally: &mut Tally) {
    // In a namespace of its own it has other pids for them.
    if !case.scenario.launch.init {
        for answer in case.timeline.answers.iter().filter(|one| one.at < case.facts.peace) {
            judge_listed(case, answer, tally);
            judge_missing(case, answer, tally);
        }
    }
    for (ordered, at, reply) in &case.timeline.replies {
        let given = |(given, _): &&(Time, &Command)| given == ordered;
        // Of two orders that were given at once nobody knows which one the answer is to.
        let mut orders = case.timeline.commands.iter().filter(given);
        if let (Reply::Done, Some((_, command)), None) = (reply, orders.next(), orders.next()) {
            judge_done(case, *ordered, *at, command, tally);
        }
    }
}

/// Nobody who was dead, and whose death it must have seen, is named.
fn judge_listed(case: &Case<'_>, answer: &Answer<'_>, tally: &mut Tally) {
    for pid in answer.pids.unwrap_or_default() {
        let of_it = || case.timeline.workers.iter().filter(|worker| worker.proc.pid == *pid);
        // Whom nobody has seen may be one that has hardly been born.
        let Some(dead) = of_it().map(Worker::dead_for_sure).max() else { continue };
        tally.held();
        match case.timely(dead, case.due_unhindered(dead, bounds::REACT), answer.asked, &[]) {
            Timely::Yes => {}
            Timely::Unknown(_) => {
                tally.doubt(format!("pid {pid} was named although it had ended, and the host stalled"))
            }
            Timely::No => tally.fail(
                answer.at,
                format!("an operator who asked at {} was told of pid {pid}, which had ended at {dead}", answer.asked),
                "who is there".to_owned(),
                format!("{} pids, that one among them", answer.pids.unwrap_or_default().len()),
            ),
        }
    }
}

/// Whoever serves all the time is named.
fn judge_missing(case: &Case<'_>, answer: &Answer<'_>, tally: &mut Tally) {
    let Some(pids) = answer.pids else { return };
    let parent = case.timeline.supervisors.iter().rev().find(|one| one.born <= answer.asked).map(|one| one.proc.pid);
    let serves = |worker: &Worker| {
        let through = worker.is_ready(answer.asked) && worker.is_ready(answer.at);
        through && Some(worker.parent) == parent && answer.at < worker.maybe_dead()
    };
    for index in (0..case.timeline.workers.len()).filter(|index| serves(case.worker(*index))) {
        tally.held();
        if !pids.contains(&case.worker(index).proc.pid) {
            tally.fail(
                answer.at,
                format!("an operator who asked at {} was not told of {}, which served", answer.asked, case.name(index)),
                "everybody who is there".to_owned(),
                format!("{} others", pids.len()),
            );
        }
    }
}

/// What is said to be done is done.
fn judge_done(case: &Case<'_>, ordered: Time, at: Time, command: &Command, tally: &mut Tally) {
    let workers = &case.timeline.workers;
    let done = match command {
        // A successor may have been on its way when it was ordered.
        Command::Restart(_) => workers.iter().any(|one| {
            one.ready.is_some_and(|ready| ready <= at + case.slack.0 && ready + bounds::REACT + case.slack.0 >= ordered)
        }),
        // Who is told to leave at the end may hear it later than the operator hears of it.
        Command::RestartPool => {
            let later = case.due(at, bounds::REACT + case.profile.rest.map_or_else(Default::default, |rest| rest.0));
            later >= case.facts.peace
                || !workers.iter().any(|one| one.born.latest() < ordered && one.is_ready(at) && one.is_ready(later))
        }
        _ => return,
    };
    tally.held();
    if !done {
        tally.fail(
            at,
            format!("at {at} it said that it had done what it was ordered to at {ordered} ({command:?})"),
            "a successor that serves".to_owned(),
            "who was there before".to_owned(),
        );
    }
}

//! INV-CONTAIN: the supervisor's end is the end of everything that it started.

use std::time::Duration;

use crate::history::Leftover;
use crate::subject::OnSupervisorDeath;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::excuse::could_not_run;
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some((exit, _)) = case.facts.exit else {
        return Verdict::NotApplicable { why: "the supervisor did not end".to_owned() };
    };
    let killed = was_killed(case, exit);
    let bound = match (killed, case.profile.on_supervisor_death) {
        (false, _) => bounds::orphans(case.profile),
        (true, None) => return Verdict::Undeclared,
        (true, Some(OnSupervisorDeath::WorkersStay)) => {
            return Verdict::NotApplicable {
                why: "it declares that workers outlive a supervisor that was killed".to_owned(),
            };
        }
        (true, Some(OnSupervisorDeath::WorkersLeave { within })) => {
            case.scenario.pool.drain.0 + within.0.max(bounds::orphans(case.profile))
        }
    };
    let mut tally = Tally::default();
    judge_processes(case, exit, killed, bound, &mut tally);
    judge_left(case, exit, killed, bound, &mut tally);
    judge_families(case, exit, &mut tally);
    tally.held();
    let measured = tally.worst().map_or_else(
        || "nothing was left".to_owned(),
        |(span, bound)| format!("the last was gone after {} of {}", say(span), say(bound)),
    );
    tally.verdict_saying("", measured)
}

/// Whether a signal that nobody can obey ended it, and not an order or its own decision.
fn was_killed(case: &Case<'_>, exit: Time) -> bool {
    case.facts.felled.is_some_and(|at| at <= exit)
}

/// Whether this worker can't learn that its supervisor is gone, or does not care: only a cgroup would end it.
fn is_beyond_reach(case: &Case<'_>, index: usize, killed: bool, exit: Time) -> bool {
    let traits = &case.facts.traits[index];
    killed && (traits.ignores_term || could_not_run(case, index, exit, case.timeline.until))
}

fn judge_processes(case: &Case<'_>, exit: Time, killed: bool, bound: Duration, tally: &mut Tally) {
    let due = exit + bound + case.slack.0;
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let died = worker.maybe_dead();
        if died <= exit || is_beyond_reach(case, index, killed, exit) {
            continue;
        }
        let slow = case.facts.traits[index].slow_stop;
        let end = died.min(case.timeline.until);
        match case.timely(exit, due + slow, end, &[worker.proc]) {
            Timely::Yes if died == Time::NEVER => {}
            Timely::Yes => tally.measured(end.since(exit), bound),
            Timely::Unknown(stalled) => tally.doubt(format!(
                "{} outlived the supervisor, and the host stalled for {}",
                case.name(index),
                say(stalled)
            )),
            Timely::No => tally.fail(
                due,
                format!("the supervisor ended at {exit} and {} lived on", case.name(index)),
                format!("gone within {}", say(bound)),
                if died == Time::NEVER {
                    format!("still there after {}", say(end.since(exit)))
                } else {
                    format!("gone after {}", say(end.since(exit)))
                },
            ),
        }
    }
}

fn judge_left(case: &Case<'_>, exit: Time, killed: bool, bound: Duration, tally: &mut Tally) {
    let due = exit + bound + case.slack.0;
    for (at, left) in &case.timeline.left {
        let (what, excused) = match left {
            Leftover::Process { proc, comm } => {
                let worker = case.timeline.workers.iter().position(|worker| worker.proc == *proc);
                let excused = worker.is_some_and(|index| is_beyond_reach(case, index, killed, exit)) || detached(case);
                (format!("process {} ({comm})", proc.pid), excused)
            }
            // Workers that nobody can reach hold it.
            Leftover::Address(address) => {
                let held = (0..case.timeline.workers.len()).any(|index| is_beyond_reach(case, index, killed, exit));
                (format!("address {address}"), held)
            }
            Leftover::File(_) => continue,
        };
        if *at >= due && !excused {
            tally.fail(
                *at,
                format!("the supervisor ended at {exit} and left {what}"),
                format!("nothing after {}", say(bound)),
                format!("{what} after {}", say(at.since(exit))),
            );
        }
    }
}

/// Children in a session of their own are out of scope.
fn detached(case: &Case<'_>) -> bool {
    let asked = case.timeline.asked.iter().any(|asked| asked.act.starts_with("Spawn"));
    asked || case.facts.traits.iter().any(|traits| traits.detached_children)
}

/// What a worker started ends with it.
fn judge_families(case: &Case<'_>, exit: Time, tally: &mut Tally) {
    if detached(case) {
        return;
    }
    let bound = bounds::orphans(case.profile);
    for child in &case.timeline.descendants {
        let parent = case.timeline.workers.iter().position(|worker| worker.proc.pid == child.parent);
        let Some((index, died)) = parent.and_then(|index| case.worker(index).died.map(|died| (index, died.latest())))
        else {
            continue;
        };
        let gone = child.died.map_or(Time::NEVER, crate::history::When::earliest);
        let end = gone.min(case.timeline.until);
        if died < exit && case.timely(died, case.due(died, bound), end, &[child.proc]) == Timely::No {
            tally.fail(
                died,
                format!("{} ended and pid {}, which it had started, lived on", case.name(index), child.proc.pid),
                format!("gone within {}", say(bound)),
                format!("there after {}", say(end.since(died))),
            );
        }
    }
}

//! INV-REAP: no zombies.

use crate::history::{Proc, When};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    let workers = case.timeline.workers.iter().map(|one| (one.proc, one.parent, one.died, one.reaped));
    let others = case.timeline.descendants.iter().map(|one| (one.proc, one.parent, one.died, one.reaped));
    let is_supervisor = |pid: u32| case.timeline.supervisors.iter().any(|one| one.proc.pid == pid);
    for (proc, parent, died, reaped) in workers.chain(others) {
        let Some(died) = died else { continue };
        if is_supervisor(parent) {
            judge_one(case, proc, died, reaped, &mut tally);
        } else if let Some(orphaned) = orphaned(case, parent).filter(|_| case.scenario.launch.init) {
            // Process 1 has every child of a dead parent for its own, be that a zombie already.
            let died = if orphaned.latest() > died.latest() { orphaned } else { died };
            judge_one(case, proc, died, reaped, &mut tally);
        }
    }
    tally.verdict("nobody died")
}

/// When whoever had this pid died.
fn orphaned(case: &Case<'_>, parent: u32) -> Option<When> {
    let workers = case.timeline.workers.iter().map(|one| (one.proc.pid, one.died));
    let others = case.timeline.descendants.iter().map(|one| (one.proc.pid, one.died));
    workers.chain(others).find(|(pid, _)| *pid == parent).and_then(|(_, died)| died)
}

fn judge_one(case: &Case<'_>, proc: Proc, died: When, reaped: Option<When>, tally: &mut Tally) {
    let bound = bounds::reap(case.profile);
    let from = died.latest();
    let due = case.due(from, bound);
    // Once the supervisor is gone it can't reap; whoever adopts the zombie does.
    let end = case.facts.exit.map_or(case.timeline.until, |(at, _)| at).min(case.facts.felled.unwrap_or(Time::NEVER));
    let gone = reaped.map_or(Time::NEVER, When::earliest);
    let seen = gone.min(end);
    match case.timely(from, due, seen, &[]) {
        Timely::Yes if gone <= end => tally.measured(case.lasted(from, seen), bound),
        Timely::Yes => {}
        Timely::Unknown(stalled) => tally.doubt(format!(
            "pid {} was a zombie for {}, and the host stalled for {}",
            proc.pid,
            say(seen.since(from)),
            say(stalled)
        )),
        Timely::No => tally.fail(
            due,
            format!("pid {} died at {from} and stayed a zombie while the supervisor ran", proc.pid),
            format!("reaped within {}", say(bound)),
            if gone <= end {
                format!("reaped after {}", say(seen.since(from)))
            } else {
                format!("still a zombie after {}", say(seen.since(from)))
            },
        ),
    }
}

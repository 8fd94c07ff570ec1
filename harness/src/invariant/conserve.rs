//! INV-CONSERVE: no connection is lost.

use crate::history::{Conn, Given, Outcome};
use crate::verdict::Verdict;

use super::case::Case;
use super::excuse::{Excuses, impatience};
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    let excuses = Excuses::read(case);
    for &index in excuses.losses() {
        lost(case, &case.timeline.connections[index], &mut tally);
    }
    for conn in &case.timeline.connections {
        if let (Some(owner), None) = (conn.record.owner, conn.owner) {
            tally.fail(
                conn.record.tried,
                format!("connection {} was answered by pid {}, which is no worker", conn.record.id, owner.pid),
                "an answer by a worker".to_owned(),
                format!("pid {}", owner.pid),
            );
        }
        tally.held();
    }
    twice(case, &mut tally);
    let total = case.timeline.connections.len();
    tally.verdict_saying("no connection", format!("0 of {total} lost, {} excused", excuses.excused))
}

fn lost(case: &Case<'_>, conn: &Conn<'_>, tally: &mut Tally) {
    let record = conn.record;
    if let Some(why) = impatience(case, record) {
        return tally.doubt(why);
    }
    let owner = match conn.owner {
        Some(owner) => format!("held by {}", case.name(owner)),
        None if record.outcome == Outcome::Refused => "refused while the supervisor is to hold the listener".to_owned(),
        None => "which no worker had accepted".to_owned(),
    };
    tally.fail(
        record.ended,
        format!(
            "connection {} of load {}, tried at {}, {owner}, was lost and nothing excuses that",
            record.id, record.load, record.tried
        ),
        "an answer".to_owned(),
        format!("{:?} after {}", record.outcome, say(record.ended.since(record.tried))),
    );
}

/// Two workers have the same connection, and the first of them was not dead when the second took it.
fn twice(case: &Case<'_>, tally: &mut Tally) {
    let taken: Vec<&Given> = case.timeline.given.iter().filter(|given| given.taken).collect();
    for pair in taken.windows(2) {
        let [first, second] = pair else { continue };
        if first.conn != second.conn || first.worker == second.worker {
            continue;
        }
        let earlier = case.worker(first.worker);
        // One that has no channel any more can't say what it has; who dies loses that before its death is seen.
        let ends = [Some(earlier.maybe_dead()), earlier.killed, earlier.exiting.map(|(at, _)| at), earlier.spoiled];
        if ends.into_iter().flatten().min().is_some_and(|at| at <= second.at) {
            continue;
        }
        let record = case.timeline.connections[first.conn].record;
        tally.fail(
            second.at,
            format!("connection {} of load {} was given to two workers", record.id, record.load),
            format!("no other worker gets what {} took at {}", case.name(first.worker), first.at),
            format!("{} took it as well, {} later", case.name(second.worker), say(second.at.since(first.at))),
        );
    }
}

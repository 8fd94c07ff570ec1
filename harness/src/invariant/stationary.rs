//! INV-STATIONARY: what a supervisor uses does not grow with what it has done, it says no more than there is to say, and at
//! rest it uses no processor.

use std::time::Duration;

use crate::history::{Conn, Used};
use crate::scenario::Handoff;
use crate::verdict::Verdict;

use super::amounts;
use super::case::Case;
use super::tally::{Tally, say};

/// Fewer workers than this, started one after another, show no slope.
const CYCLES: usize = 8;
/// So many descriptors or threads more are no slope: something may be opened at first use.
const ONCE: u32 = 4;
/// A rest that is shorter says nothing about the share of a processor: a clock tick is a large part of it.
const REST: Duration = Duration::from_millis(250);
/// The resolution of processor time, at both ends.
const TICKS: Duration = Duration::from_millis(20);

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut tally = Tally::default();
    let mut measured = Vec::new();
    let samples: Vec<&Used> = case.timeline.used.iter().filter(|one| is_full(case, one)).collect();
    if let (Some(first), Some(last)) = (samples.first(), samples.last()) {
        measured.extend(judge_growth(case, first, last, &mut tally));
    }
    if let [.., before, last] = samples[..] {
        measured.extend(judge_rest(case, before, last, &mut tally));
    }
    measured.extend(amounts::judge_memory(case, &mut tally));
    measured.extend(amounts::judge_lines(case, &mut tally));
    tally.verdict_saying("too little was done, and it was at rest for too short a time", measured.join(", "))
}

/// Whether the pool was as wanted then: what it uses is compared between such instants only.
fn is_full(case: &Case<'_>, used: &Used) -> bool {
    let there =
        case.timeline.workers.iter().filter(|one| one.born.earliest() <= used.at && used.at < one.dead_for_sure());
    let (mut ready, mut others) = (0, 0);
    for worker in there {
        if worker.is_ready(used.at) { ready += 1 } else { others += 1 }
    }
    // A sample of another supervisor is no sample of this one.
    Some(used.proc) == case.facts.supervisor && ready == case.facts.wanted(used.at) && others == 0
}

/// With as many workers as before it has as many descriptors and threads as before.
fn judge_growth(case: &Case<'_>, first: &Used, last: &Used, tally: &mut Tally) -> Option<String> {
    let started =
        case.timeline.workers.iter().filter(|one| first.at < one.born.latest() && one.born.latest() <= last.at);
    let cycles = started.count();
    if cycles < CYCLES || case.facts.wanted(first.at) != case.facts.wanted(last.at) {
        return None;
    }
    tally.held();
    let descriptors = last.descriptors.saturating_sub(case.passing(last.at));
    for (what, before, now) in
        [("descriptors", first.descriptors, descriptors), ("threads", first.threads, last.threads)]
    {
        if now > before + ONCE {
            tally.fail(
                last.at,
                format!("{cycles} workers were started since {}, and something was kept of them", first.at),
                format!("at most {} {what}, as the pool is what it was", before + ONCE),
                format!("{now} {what}"),
            );
        }
    }
    Some(format!("{} descriptors after {cycles} starts, {} before", last.descriptors, first.descriptors))
}

/// Whether it had connections to pass to its workers between these two instants.
fn passed_on(case: &Case<'_>, before: &Used, last: &Used) -> bool {
    let during = |conn: &Conn<'_>| conn.record.tried <= last.at && conn.record.ended >= before.at;
    case.handoff() == Handoff::RoundRobin && case.timeline.connections.iter().any(during)
}

/// Left in peace it takes no more of a processor than it declares.
fn judge_rest(case: &Case<'_>, before: &Used, last: &Used, tally: &mut Tally) -> Option<String> {
    let percent = case.profile.idle_cpu?;
    let span = last.at.since(before.at);
    let quiet = case.timeline.phases.settle.is_some_and(|settle| settle <= before.at);
    if !quiet || span < REST || last.threads == 0 || passed_on(case, before, last) {
        return None;
    }
    let used = Duration::from_nanos(last.cpu_ns.saturating_sub(before.cpu_ns));
    let bound = span * percent / 100 + TICKS;
    if used > bound {
        tally.fail(
            last.at,
            format!("it was left in peace for {} and had nothing to do", say(span)),
            format!("at most {} of a processor", say(bound)),
            say(used),
        );
    } else {
        tally.measured(used, bound);
    }
    Some(format!("{} of a processor in {} of peace", say(used), say(span)))
}

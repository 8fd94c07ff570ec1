//! For INV-STATIONARY: how much memory a supervisor takes for what it does, and how many lines it writes about that.

use std::time::Duration;

use crate::history::{Conn, Used};
use crate::scenario::Handoff;
use crate::time::Time;

use super::case::Case;
use super::tally::Tally;

/// After less than this in the second half of what was done nothing is said of memory: starts of workers, and connections
/// that it passed on.
const DEEDS: usize = 20;
/// So much more is no slope. The kernel counts the pages of a process in lots, an allocator takes them in lots, and some queue
/// may be longer than ever before.
const MEMORY: u64 = 1 << 20;
/// A supervisor may say so many lines about nothing in particular between two looks,
const LINES: u64 = 20;
/// and so many more about each thing that happened.
const LINES_EACH: u64 = 10;
/// A worker that is asked for one of these may say anything any number of times,
const FLOODS: [&str; 4] = ["Flood", "Garble", "Write", "Babble"];
/// and that counts as so many things that happened.
const FLOOD: u64 = 10;
/// What happened so long before a look may be told after it.
const BEFORE: Duration = Duration::from_secs(1);

/// The most memory that it ever had, in the middle of what it did and at the end. It may grow until then.
pub(super) fn judge_memory(case: &Case<'_>, tally: &mut Tally) -> Option<String> {
    let of_it = |one: &&Used| Some(one.proc) == case.facts.supervisor && one.peak > 0;
    let looks: Vec<&Used> = case.timeline.used.iter().filter(of_it).collect();
    let (first, last) = (looks.first()?, looks.last()?);
    let all = deeds(case, first.at, last.at);
    let middle = looks.iter().position(|one| deeds(case, first.at, one.at) * 2 >= all)?;
    let half = deeds(case, looks[middle].at, last.at);
    let most = |looks: &[&Used]| looks.iter().map(|one| case.facts.wanted(one.at)).max();
    if half < DEEDS || most(&looks[middle..]) > most(&looks[..=middle]) {
        return None;
    }
    let more = last.peak.saturating_sub(looks[middle].peak);
    if more > MEMORY {
        tally.fail(
            last.at,
            format!(
                "since {} {half} workers were started or connections passed on, not for the first time",
                looks[middle].at
            ),
            format!("at most {} KiB more memory than ever before", MEMORY / 1024),
            format!("{} KiB more", more / 1024),
        );
    } else {
        tally.held();
    }
    Some(format!("{} KiB more in the second half, after {half} of {all} starts and connections", more / 1024))
}

/// Workers that were started and connections that it passed on.
fn deeds(case: &Case<'_>, from: Time, until: Time) -> usize {
    let within = |at: Time| from < at && at <= until;
    let starts = case.timeline.workers.iter().filter(|one| within(one.born.latest())).count();
    let passed = |conn: &&Conn<'_>| case.handoff() == Handoff::RoundRobin && within(conn.record.ended);
    starts + case.timeline.connections.iter().filter(passed).count()
}

/// The lines that it wrote from one look to the next, beside what happened meanwhile. The worst of them is told.
pub(super) fn judge_lines(case: &Case<'_>, tally: &mut Tally) -> Option<String> {
    let looks: Vec<(Time, u64)> = case.timeline.lines_of(case.facts.supervisor?).collect();
    let hindered = |from: Time, until: Time| case.facts.hindered.iter().any(|span| span.0 <= until && from <= span.1);
    let mut worst: Option<(u64, u64)> = None;
    for pair in looks.windows(2) {
        let [(from, before), (until, now)] = *pair else { continue };
        // What it tries then, and tells, nobody else sees.
        if hindered(from, until) {
            continue;
        }
        let (lines, bound) = (now.saturating_sub(before), LINES + LINES_EACH * happened(case, from - BEFORE, until));
        if lines > bound {
            tally.fail(
                until,
                format!("it went on writing lines since {from}, whatever happened"),
                format!("at most {bound} lines"),
                format!("{lines} lines"),
            );
        } else {
            tally.held();
        }
        if worst.is_none_or(|(most, of)| u128::from(lines) * u128::from(of) > u128::from(most) * u128::from(bound)) {
            worst = Some((lines, bound));
        }
    }
    worst.map(|(lines, bound)| format!("{lines} of {bound} lines"))
}

/// How much happened that is worth a line: lives, orders, and what the harness did.
fn happened(case: &Case<'_>, from: Time, until: Time) -> u64 {
    let line = case.timeline;
    let within = |at: &Time| from <= *at && *at < until;
    let worker = line
        .workers
        .iter()
        .flat_map(|one| [Some(one.born.latest()), one.ready, one.retires(), Some(one.dead_for_sure())]);
    let other = line.descendants.iter().map(|one| one.born.latest());
    let floods = line.asked.iter().filter(|one| within(&one.at) && FLOODS.iter().any(|act| one.act.starts_with(act)));
    let done = line.injected.iter().map(|one| one.at).chain(line.asked.iter().map(|one| one.at));
    let answers = line.answers.iter().map(|one| one.at);
    let ordered = line.commands.iter().map(|(at, _)| *at).chain(line.configured.iter().map(|(at, ..)| *at));
    let all = worker.flatten().chain(other).chain(done).chain(ordered).chain(answers);
    all.filter(within).count() as u64 + FLOOD * floods.count() as u64
}

//! Expectations about what a supervisor and its workers use, and whether its operator is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Answer, Proc, Used};
use crate::time::Time;
use crate::verdict::Verdict;

use super::case::{Case, Timely};
use super::expect::Span;
use super::tally::{Tally, say};

/// Whoever asked was answered in time.
pub(super) fn answered(case: &Case<'_>, within: Duration, span: Span) -> Verdict {
    let mut tally = Tally::default();
    let until = span.until.min(case.facts.peace);
    for one in case.timeline.answers.iter().filter(|one| span.from <= one.at && one.at < until) {
        let Answer { asked: from, at, answered, .. } = *one;
        let after = at.since(from);
        match case.timely(from, case.due(from, within), at, &[]) {
            Timely::Yes if answered => tally.measured(after, within),
            Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
            Timely::Yes | Timely::No => tally.fail(
                at,
                format!("an operator asked at {from}"),
                format!("an answer within {}", say(within)),
                if answered { format!("an answer after {}", say(after)) } else { format!("none after {}", say(after)) },
            ),
        }
    }
    tally.verdict("nobody asked")
}

/// What it uses at the end, and what it ever used, beside what it used before the first step.
pub(super) fn grows(case: &Case<'_>, memory: u64, descriptors: u32) -> Verdict {
    let used = || case.timeline.used.iter().filter(|used| Some(used.proc) == case.facts.supervisor);
    let Some((first, last)) = ends(used()) else {
        return Verdict::NotApplicable { why: "nobody looked twice at what it uses".to_owned() };
    };
    let kept = last.descriptors.saturating_sub(first.descriptors).saturating_sub(case.passing(last.at));
    let more = ends(used().filter(|used| used.peak > 0)).map(|(first, last)| last.peak.saturating_sub(first.peak));
    let actual = match more {
        Some(more) => format!("{} KiB more at most, {kept} descriptors more at the end", more / 1024),
        None => format!("{kept} descriptors more at the end"),
    };
    if more.is_some_and(|more| more > memory) || kept > descriptors {
        return Verdict::Fail {
            at: last.at,
            because: format!("it has used more since {}", first.at),
            expected: format!("at most {} KiB and {descriptors} descriptors more", memory / 1024),
            actual,
        };
    }
    match more {
        Some(_) => Verdict::Pass { measured: actual },
        None => Verdict::NotApplicable { why: format!("its memory was not measured; {actual}") },
    }
}

/// Of a processor it takes no more than that while a fault is on.
pub(super) fn spends(case: &Case<'_>, percent: u32, span: Span) -> Verdict {
    let mut tally = Tally::default();
    let within = |at: Time| span.from <= at && at <= span.until;
    for fault in case.timeline.faults.iter().filter(|fault| within(fault.from) && within(fault.until)) {
        let during = |used: &&Used| fault.from <= used.at && used.at <= fault.until;
        let counted = |used: &&Used| Some(used.proc) == case.facts.supervisor && used.threads > 0;
        let Some((first, last)) = ends(case.timeline.used.iter().filter(during).filter(counted)) else { continue };
        let used = Duration::from_nanos(last.cpu_ns.saturating_sub(first.cpu_ns));
        let bound = last.at.since(first.at) * percent / 100;
        if used > bound {
            tally.fail(
                last.at,
                format!("it worked through {}", fault.fault),
                format!("at most {} of a processor", say(bound)),
                say(used),
            );
        } else {
            tally.measured(used, bound);
        }
    }
    tally.verdict("nobody looked at what it spends during a fault")
}

/// The first and the last of at least two.
fn ends<'a>(mut used: impl DoubleEndedIterator<Item = &'a Used>) -> Option<(&'a Used, &'a Used)> {
    used.next().zip(used.next_back())
}

/// How often workers went to sleep between the first look at them and the last, beside how many connections were made
/// meanwhile: who sleeps and is not needed is to sleep on.
pub(super) fn wakes(case: &Case<'_>, at_most: u32) -> Verdict {
    let unsure = |why: &str| Verdict::Inconclusive { why: why.to_owned() };
    let mut looks: BTreeMap<Proc, Vec<(Time, u64)>> = BTreeMap::new();
    for &(at, proc, times) in &case.timeline.slept {
        looks.entry(proc).or_default().push((at, times));
    }
    let times = || case.timeline.slept.iter().map(|(at, ..)| *at);
    let (Some(from), Some(until)) = (times().min(), times().max().filter(|last| times().any(|at| at < *last))) else {
        return unsure("nobody counted twice how often workers wake");
    };
    // Only of who is there from the first look to the last it is known how often it woke meanwhile.
    let all_the_time =
        |seen: &Vec<(Time, u64)>| seen.iter().any(|one| one.0 == from) && seen.iter().any(|one| one.0 == until);
    if !looks.values().all(all_the_time) {
        return unsure("a worker came or went while it was counted how often they wake");
    }
    let more = |seen: &Vec<(Time, u64)>| {
        seen.last().map_or(0, |one| one.1).saturating_sub(seen.first().map_or(0, |one| one.1))
    };
    let woke: u64 = looks.values().map(more).sum();
    let made = |tried: Time| from <= tried && tried < until;
    let opened =
        case.timeline.connections.iter().filter(|conn| conn.record.opened.is_some() && made(conn.record.tried));
    let connections = opened.count() as u64;
    if connections == 0 {
        return unsure("nobody connected while it was counted how often workers wake");
    }
    let tenths = woke.saturating_mul(10) / connections;
    let measured = format!(
        "{}.{} times for each of {connections} connections, {} workers together",
        tenths / 10,
        tenths % 10,
        looks.len()
    );
    if woke <= connections.saturating_mul(at_most.into()) {
        return Verdict::Pass { measured };
    }
    Verdict::Fail {
        at: until,
        because: format!("workers woke for connections that others of them served, from {from} on"),
        expected: format!("at most {} for a connection", say_times(at_most)),
        actual: measured,
    }
}

fn say_times(times: u32) -> String {
    if times == 1 { "once".to_owned() } else { format!("{times} times") }
}

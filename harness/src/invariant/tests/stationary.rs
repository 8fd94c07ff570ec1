//! STATIONARY.

use crate::history::{Outcome, What};
use crate::scenario::Handoff;
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale};

fn used(tale: &mut Tale, at: u64, descriptors: u32, cpu_ms: u64) {
    tale.add(at, What::Used { proc: SUPERVISOR, descriptors, threads: 1, cpu_ns: cpu_ms * 1_000_000, peak: 0 });
}

/// Two rolling restarts of a pool of four, with so many descriptors before and after.
fn reloaded(before: u32, after: u32) -> Tale {
    let mut tale = Tale::full();
    used(&mut tale, 1_000, before, 10);
    tale.reload(1_100).reload(1_190);
    for n in 1..=8 {
        let at = 1_100 + 20 * u64::from(n);
        tale.comes(at, n + 4).told(at + 11, n).leaves(at + 15, n);
    }
    used(&mut tale, 1_500, after, 20);
    used(&mut tale, 3_500, after, 20);
    tale.calm(1_500, &[9, 10, 11, 12]);
    tale
}

#[test]
fn descriptors_that_are_kept_are_a_violation() {
    reloaded(12, 12).passes("INV-STATIONARY");
    reloaded(12, 12).holds();
    reloaded(12, 16).holds();
    reloaded(12, 20).fails(&["INV-STATIONARY"]);
    // Four of them are connections that it has to pass on.
    let mut passed_on = reloaded(12, 20);
    for _ in 0..4 {
        passed_on.probe(3_490, 3_510, Some(9), Outcome::Ok);
    }
    passed_on.fails(&["INV-STATIONARY"]);
    passed_on.profile.handoffs = Some(vec![Handoff::RoundRobin]);
    passed_on.passes("INV-STATIONARY");
}

#[test]
fn a_pool_of_another_size_is_not_compared() {
    let mut tale = reloaded(12, 20);
    tale.scenario.pool.workers = 3;
    assert!(matches!(tale.verdict("INV-STATIONARY"), Verdict::NotApplicable { .. }));
}

#[test]
fn a_supervisor_that_spins_at_rest_is_a_violation() {
    let rests = |cpu_ms: u64| {
        let mut tale = Tale::full();
        used(&mut tale, 1_500, 12, 10);
        used(&mut tale, 3_500, 12, 10 + cpu_ms);
        tale.calm(1_500, &[1, 2, 3, 4]);
        tale
    };
    rests(0).passes("INV-STATIONARY");
    rests(60).passes("INV-STATIONARY");
    rests(61).fails(&["INV-STATIONARY"]);
    let mut undeclared = rests(1_000);
    undeclared.profile.idle_cpu = None;
    assert!(matches!(undeclared.verdict("INV-STATIONARY"), Verdict::NotApplicable { .. }));
}

#[test]
fn a_supervisor_that_passes_connections_on_is_not_at_rest() {
    let passes = |tried: u64, handoff: Handoff| {
        let mut tale = Tale::full();
        tale.scenario.pool.handoff = Some(handoff);
        used(&mut tale, 1_500, 12, 10);
        tale.probe(tried, tried + 5, Some(1), Outcome::Ok);
        used(&mut tale, 3_500, 12, 210);
        tale.calm(1_500, &[1, 2, 3, 4]);
        tale
    };
    passes(2_000, Handoff::Inherit).fails(&["INV-STATIONARY"]);
    passes(1_200, Handoff::RoundRobin).fails(&["INV-STATIONARY"]);
    passes(2_000, Handoff::RoundRobin).holds();
    let mut unasked = passes(2_000, Handoff::Inherit);
    unasked.scenario.pool.handoff = None;
    unasked.profile.handoffs = Some(vec![Handoff::RoundRobin]);
    unasked.holds();
}

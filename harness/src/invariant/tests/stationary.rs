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

fn takes(tale: &mut Tale, at: u64, kib: u64) {
    tale.add(at, What::Used { proc: SUPERVISOR, descriptors: 12, threads: 1, cpu_ns: 0, peak: kib * 1024 });
}

/// Sixty deaths, one after another, a look before, one after thirty and one after all of them.
fn sixty_deaths(kib: [u64; 3]) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.limit = None;
    takes(&mut tale, 1_000, kib[0]);
    for n in 1..=60_u32 {
        let at = 1_000 + 100 * u64::from(n);
        tale.killed(at, n + 3).comes(at + 20, n + 4);
        if n == 30 {
            takes(&mut tale, at + 50, kib[1]);
        }
    }
    takes(&mut tale, 7_100, kib[2]);
    takes(&mut tale, 9_100, kib[2]);
    tale.calm(7_100, &[1, 2, 3, 64]);
    tale
}

#[test]
fn memory_that_grows_on_and_on_is_a_violation_and_memory_that_was_needed_once_is_not() {
    sixty_deaths([5_000, 9_000, 9_000]).passes("INV-STATIONARY");
    sixty_deaths([5_000, 9_000, 10_024]).passes("INV-STATIONARY");
    let grown = sixty_deaths([5_000, 9_000, 10_025]).verdict("INV-STATIONARY");
    assert!(matches!(&grown, Verdict::Fail { actual, .. } if actual == "1025 KiB more"), "{grown:?}");
    // Nobody measured it.
    sixty_deaths([0, 0, 0]).passes("INV-STATIONARY");
}

#[test]
fn of_memory_nothing_is_said_where_little_was_done_or_more_workers_were_wanted_than_before() {
    let mut idle = Tale::full();
    for (at, kib) in [(1_000, 5_000), (1_500, 5_000), (3_500, 50_000)] {
        takes(&mut idle, at, kib);
    }
    idle.calm(1_500, &[1, 2, 3, 4]);
    idle.holds();
    let mut larger = sixty_deaths([5_000, 9_000, 90_000]);
    larger.scaled(6_900, 5);
    assert!(!format!("{:?}", larger.verdict("INV-STATIONARY")).contains("more memory"));
}

fn wrote(tale: &mut Tale, looks: &[(u64, u64)]) {
    for &(at, lines) in looks {
        tale.add(at, What::Lines { proc: SUPERVISOR, lines });
    }
}

#[test]
fn lines_without_end_are_a_violation_and_lines_about_what_happened_are_not() {
    let at_rest = |lines: u64| {
        let mut tale = Tale::full();
        wrote(&mut tale, &[(3_000, 40), (5_000, 40 + lines)]);
        tale.calm(3_000, &[1, 2, 3, 4]);
        tale
    };
    at_rest(20).passes("INV-STATIONARY");
    at_rest(20).holds();
    at_rest(21).fails(&["INV-STATIONARY"]);
    let died = |lines: u64| {
        let mut tale = Tale::full();
        tale.killed(2_900, 1).comes(3_010, 5);
        wrote(&mut tale, &[(3_000, 40), (5_000, 40 + lines)]);
        tale.calm(3_000, &[2, 3, 4, 5]);
        tale
    };
    // The signal, the death, a birth and that it is ready.
    died(60).holds();
    died(61).fails(&["INV-STATIONARY"]);
}

#[test]
fn what_a_supervisor_tells_while_it_is_hindered_nobody_counts() {
    let mut tale = Tale::full();
    tale.add(3_100, What::FaultBegan { step: vec![0], fault: "Limit(on:Supervisor)".to_owned(), on: vec![SUPERVISOR] });
    tale.add(3_900, What::Healed { step: vec![0] });
    wrote(&mut tale, &[(3_000, 40), (4_000, 4_000), (5_000, 4_010)]);
    tale.calm(3_000, &[1, 2, 3, 4]);
    tale.holds();
}

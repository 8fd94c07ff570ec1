//! What a supervisor uses, and whether its operator is answered.

use crate::history::{Outcome, What};
use crate::scenario::{Expect, Handoff, Span};
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, worker};

fn used(tale: &mut Tale, at: u64, descriptors: u32, peak: u64) {
    tale.add(at, What::Used { proc: SUPERVISOR, descriptors, threads: 1, cpu_ns: 0, peak });
}

#[test]
fn more_than_was_expected_is_a_violation() {
    let grown = |descriptors: u32, peak: u64| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::Grows { memory: 1_000_000, descriptors: 2 }];
        used(&mut tale, 1_000, 10, 5_000_000);
        used(&mut tale, 1_500, 10 + descriptors, 5_000_000 + peak);
        tale.calm(1_500, &[1, 2, 3, 4]);
        tale
    };
    grown(2, 1_000_000).passes("EXPECT-1 Grows");
    grown(2, 1_000_000).holds();
    grown(3, 0).fails(&["EXPECT-1 Grows"]);
    let mut passed_on = grown(3, 0);
    passed_on.probe(1_490, 1_510, Some(1), Outcome::Ok);
    passed_on.fails(&["EXPECT-1 Grows"]);
    passed_on.profile.handoffs = Some(vec![Handoff::RoundRobin]);
    passed_on.passes("EXPECT-1 Grows");
    grown(0, 1_000_001).fails(&["EXPECT-1 Grows"]);
}

#[test]
fn what_was_not_measured_has_not_stayed_as_it_was() {
    let grown = |looks: &[(u32, u64)]| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::Grows { memory: 1_000_000, descriptors: 2 }];
        for ((descriptors, peak), at) in looks.iter().zip(1_000..) {
            used(&mut tale, at, *descriptors, *peak);
        }
        tale.calm(1_500, &[1, 2, 3, 4]);
        tale
    };
    let says_nothing = |looks: &[(u32, u64)]| {
        let verdict = grown(looks).verdict("EXPECT-1 Grows");
        assert!(matches!(verdict, Verdict::NotApplicable { .. }), "{looks:?}: {verdict:?}");
    };
    says_nothing(&[]);
    says_nothing(&[(10, 5_000_000)]);
    says_nothing(&[(10, 0), (10, 0)]);
    says_nothing(&[(10, 5_000_000), (10, 0)]);
    grown(&[(10, 0), (13, 0)]).fails(&["EXPECT-1 Grows"]);
    grown(&[(10, 5_000_000), (10, 6_000_000), (10, 0)]).passes("EXPECT-1 Grows");
    grown(&[(10, 5_000_000), (10, 6_000_001), (10, 0)]).fails(&["EXPECT-1 Grows"]);
}

#[test]
fn who_spins_while_a_fault_is_on_spends_too_much() {
    let spent = |millis: u64| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::Spends { percent: 20 }];
        let used = |cpu_ns| What::Used { proc: SUPERVISOR, descriptors: 9, threads: 1, cpu_ns, peak: 0 };
        tale.add(1_000, What::FaultBegan { step: vec![0], fault: "AddressHeld".to_owned(), on: Vec::new() });
        tale.add(1_000, used(5_000_000)).add(2_000, used(5_000_000 + millis * 1_000_000));
        tale.add(2_000, What::Healed { step: vec![0] }).add(2_400, used(900_000_000));
        tale.calm(2_500, &[1, 2, 3, 4]);
        tale
    };
    spent(200).passes("EXPECT-1 Spends");
    spent(200).holds();
    spent(201).fails(&["EXPECT-1 Spends"]);
    let mut unseen = Tale::full();
    unseen.scenario.expect = vec![Expect::Spends { percent: 20 }];
    unseen.calm(2_500, &[1, 2, 3, 4]);
    assert!(matches!(unseen.verdict("EXPECT-1 Spends"), Verdict::NotApplicable { .. }));
}

#[test]
fn an_operator_who_waits_too_long_is_a_violation() {
    let asked = |answered: bool, millis: u64| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::Answered { within: Span::millis(100) }];
        tale.add(1_400, What::Answered { answered, after_ns: millis * 1_000_000, pids: None })
            .calm(1_500, &[1, 2, 3, 4]);
        tale
    };
    asked(true, 100).passes("EXPECT-1 Answered");
    asked(true, 100).holds();
    asked(true, 101).fails(&["EXPECT-1 Answered"]);
    asked(false, 10).fails(&["INV-ISOLATE", "EXPECT-1 Answered"]);
}

/// Ten connections, and what each of four workers had slept at each look.
fn herd(looks: &[(u64, [u64; 4])], connections: u64) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.expect = vec![Expect::Wakes { at_most: 2 }];
    for &(at, slept) in looks {
        for (n, times) in (1..).zip(slept) {
            tale.add(at, What::Slept { proc: worker(n), times });
        }
    }
    for n in 0..connections {
        tale.probe(1_010 + 10 * n, 1_011 + 10 * n, Some(1), Outcome::Ok);
    }
    tale.calm(1_500, &[1, 2, 3, 4]);
    tale
}

#[test]
fn workers_that_wake_for_what_others_serve_are_a_violation() {
    let woke = |more: [u64; 4]| herd(&[(1_000, [7, 8, 9, 5]), (1_300, [7, 8, 9, 5]), (1_500, more)], 10);
    woke([27, 8, 9, 5]).passes("EXPECT-1 Wakes");
    woke([12, 13, 14, 10]).passes("EXPECT-1 Wakes");
    woke([12, 13, 14, 10]).holds();
    woke([28, 8, 9, 5]).fails(&["EXPECT-1 Wakes"]);
    woke([17, 18, 19, 15]).fails(&["EXPECT-1 Wakes"]);
}

#[test]
fn what_wakes_nobody_counted_or_for_whom_is_not_known() {
    herd(&[], 10).doubts("EXPECT-1 Wakes");
    herd(&[(1_000, [1, 1, 1, 1])], 10).doubts("EXPECT-1 Wakes");
    herd(&[(1_000, [1, 1, 1, 1]), (1_500, [99, 1, 1, 1])], 0).doubts("EXPECT-1 Wakes");
    let mut came = herd(&[(1_000, [1, 1, 1, 1]), (1_500, [1, 1, 1, 1])], 10);
    came.add(1_500, What::Slept { proc: worker(5), times: 3 });
    came.doubts("EXPECT-1 Wakes");
}

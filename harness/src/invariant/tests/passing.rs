//! What passes between supervisor and workers: who is given which connection.

use crate::history::{Outcome, Status, What};
use crate::scenario::{Expect, Handoff};
use crate::verdict::Verdict;

use super::super::testing::{Tale, worker};

/// The client's port of the first connection of a tale.
const FIRST: u32 = 5_001;

#[test]
fn a_connection_that_two_workers_have_is_a_violation() {
    let given = |second: u32| {
        let mut tale = Tale::full();
        tale.add(1_103, What::Accepted { proc: worker(second), peer: FIRST });
        tale.probe(1_100, 1_105, Some(1), Outcome::Ok).calm(1_300, &[1, 2, 3, 4]);
        tale
    };
    given(2).fails(&["INV-CONSERVE"]);
    given(1).holds();
}

#[test]
fn what_a_dead_worker_had_taken_another_may_be_given() {
    let mut tale = Tale::full();
    tale.killed(1_102, 1).comes(1_110, 5);
    tale.add(1_103, What::Accepted { proc: worker(2), peer: FIRST });
    tale.add(1_100, What::Accepted { proc: worker(1), peer: FIRST });
    tale.probe(1_100, 1_105, None, Outcome::Reset).calm(1_900, &[2, 3, 4, 5]);
    assert!(matches!(tale.verdict("INV-CONSERVE"), Verdict::Fail { ref because, .. } if because.contains("was lost")));
}

#[test]
fn what_a_dead_worker_had_not_taken_does_not_wait_for_the_end() {
    let waits = |tried: u64| {
        let mut tale = Tale::full();
        tale.scenario.pool.handoff = Some(Handoff::RoundRobin);
        tale.killed(1_102, 1).comes(1_110, 5).probe(tried, 3_905, None, Outcome::Reset).calm(1_900, &[2, 3, 4, 5]);
        tale
    };
    assert!(matches!(waits(1_100).verdict("INV-FLOOR"), Verdict::Fail { .. }), "its replacement came long ago");
    waits(3_800).passes("INV-FLOOR");
}

#[test]
fn who_dies_loses_its_channel_before_its_death_is_seen() {
    let given = |killed: u64| {
        let mut tale = Tale::full();
        tale.add(killed, What::Injected { proc: worker(1), signal: 9 }).dies(1_104, 1, Status::Signal(9));
        tale.comes(1_110, 5).add(1_103, What::Accepted { proc: worker(2), peer: FIRST });
        tale.probe(1_100, 1_105, Some(1), Outcome::Ok).calm(1_900, &[2, 3, 4, 5]);
        tale
    };
    given(1_102).passes("INV-CONSERVE");
    assert!(matches!(given(1_104).verdict("INV-CONSERVE"), Verdict::Fail { .. }));
}

#[test]
fn who_was_told_to_leave_is_passed_nothing_more() {
    let refused = |tried: u64| {
        let mut tale = Tale::full();
        tale.reload(1_050).comes(1_060, 5).told(1_100, 1);
        tale.add(1_121, What::Refused { proc: worker(1), peer: FIRST });
        tale.probe(tried, 1_123, Some(2), Outcome::Ok).leaves(1_150, 1);
        tale
    };
    let drain = |tale: &Tale| tale.verdict("INV-DRAIN");
    assert!(matches!(drain(&refused(1_120)), Verdict::Fail { .. }), "{:?}", drain(&refused(1_120)));
    assert!(matches!(drain(&refused(1_099)), Verdict::Pass { .. }), "it was on its way already");
}

#[test]
fn a_worker_that_was_frozen_can_not_have_taken_what_came_since() {
    let lost = |frozen: bool| {
        let mut tale = Tale::full();
        if frozen {
            let fault = What::FaultBegan { step: vec![1], fault: "Freeze(Oldest)".to_owned(), on: vec![worker(1)] };
            tale.add(1_100, fault).add(1_150, What::Healed { step: vec![1] });
        }
        tale.probe(1_110, 1_131, None, Outcome::Reset);
        tale.killed(1_130, 1).comes(1_140, 5).calm(2_000, &[2, 3, 4, 5]);
        tale
    };
    lost(false).holds();
    lost(true).fails(&["INV-CONSERVE"]);
}

#[test]
fn shares_that_are_too_different_fail_and_those_of_who_came_late_do_not_count() {
    let shares = |of_first: u32| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::Balanced { load: "probe".to_owned(), within: 2 }];
        tale.killed(1_010, 4).comes(1_020, 5);
        for n in 0..40 {
            let by = if n < of_first { 1 } else { 2 + n % 2 };
            tale.probe(1_100 + 10 * u64::from(n), 1_101 + 10 * u64::from(n), Some(by), Outcome::Ok);
        }
        tale.calm(1_900, &[1, 2, 3, 5]);
        tale
    };
    shares(14).passes("EXPECT-1 Balanced");
    shares(17).fails(&["EXPECT-1 Balanced"]);
    let mut stalled = shares(17);
    stalled.stall(1_100, 1_500, 400);
    stalled.doubts("EXPECT-1 Balanced");
    let mut dead = Tale::full();
    dead.scenario.expect = vec![Expect::Balanced { load: "probe".to_owned(), within: 2 }];
    dead.dies(1_100, 1, Status::Code(0));
    assert!(matches!(dead.verdict("EXPECT-1 Balanced"), Verdict::NotApplicable { .. }));
}

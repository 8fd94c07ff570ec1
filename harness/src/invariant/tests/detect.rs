//! DETECT.

use crate::history::{Status, What};
use crate::scenario::{Exit, Life, LifeRecord, Phase, Signal, Span};
use crate::verdict::Verdict;

use super::super::testing::{Tale, slack, worker};

/// A pool in which a worker may be silent for 400 ms.
fn watched() -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.watchdog = Some(Span::millis(400));
    tale
}

#[test]
fn a_worker_that_hangs_is_killed_in_time() {
    let hangs = |dies: u64| {
        let mut tale = watched();
        tale.add(1_100, What::Hangs(worker(1))).add(1_100, What::Asked { proc: worker(1), act: "Hang".to_owned() });
        tale.dies(dies, 1, Status::Signal(9)).comes(dies + 10, 5).calm(dies + 600, &[2, 3, 4, 5]);
        tale
    };
    hangs(1_500).holds();
    hangs(1_700).passes("INV-DETECT");
    hangs(1_800).fails(&["INV-DETECT"]);
    let mut slow = hangs(1_751);
    slow.slack = slack(5);
    slow.holds();
    let mut starved = hangs(1_800);
    starved.stall(1_100, 1_800, 100).doubts("INV-DETECT");
}

#[test]
fn a_worker_that_hangs_has_its_time_again_after_a_suspension_of_its_supervisor() {
    let dies = |at: u64| {
        let mut tale = watched();
        tale.add(1_100, What::Hangs(worker(1))).add(1_100, What::Asked { proc: worker(1), act: "Hang".to_owned() });
        tale.frozen(1_300, 1_800);
        tale.dies(at, 1, Status::Signal(9)).comes(at + 10, 5).calm(at + 600, &[2, 3, 4, 5]);
        tale
    };
    dies(2_250).passes("INV-DETECT");
    dies(2_440).passes("INV-DETECT");
    dies(2_460).fails(&["INV-DETECT"]);
}

#[test]
fn a_worker_that_never_says_anything_hangs() {
    let mut tale = watched();
    tale.scenario.lives.first = vec![Life::Record(LifeRecord { silent: true, ..LifeRecord::default() })];
    tale.calm(1_500, &[1, 2, 3, 4]);
    tale.fails(&["INV-DETECT"]);
}

#[test]
fn a_worker_that_is_frozen_for_long_is_killed_and_one_that_comes_back_is_not() {
    let frozen = |until: u64, dies: Option<u64>| {
        let mut tale = watched();
        tale.add(1_100, What::FaultBegan { step: vec![0], fault: "Freeze(Oldest)".to_owned(), on: vec![worker(1)] });
        tale.add(until, What::Healed { step: vec![0] });
        match dies {
            Some(at) => tale.dies(at, 1, Status::Signal(9)).comes(at + 10, 5).calm(4_000, &[2, 3, 4, 5]),
            None => tale.calm(4_000, &[1, 2, 3, 4]),
        };
        tale
    };
    frozen(3_000, Some(1_500)).holds();
    frozen(3_000, None).fails(&["INV-DETECT"]);
    frozen(1_250, None).holds();
    frozen(1_250, Some(1_240)).fails(&["INV-DETECT"]);
}

#[test]
fn who_is_frozen_as_it_gets_ready_may_not_have_said_so() {
    let frozen = |at: u64| {
        let mut tale = watched();
        tale.killed(1_050, 1).born(1_060, 5).ready(1_100, 5);
        tale.add(at, What::FaultBegan { step: vec![0], fault: "Freeze(Newest)".to_owned(), on: vec![worker(5)] });
        tale.add(3_000, What::Healed { step: vec![0] }).calm(4_000, &[2, 3, 4, 5]);
        tale
    };
    frozen(1_105).doubts("INV-DETECT");
    frozen(1_150).fails(&["INV-DETECT"]);
}

#[test]
fn who_was_suspended_with_its_supervisor_has_its_time_again() {
    let suspended = |dies: Option<u64>| {
        let mut tale = watched();
        let all = (1..=4).map(worker).collect();
        tale.add(1_100, What::FaultBegan { step: vec![0], fault: "Freeze(All)".to_owned(), on: all });
        tale.frozen(1_100, 2_300).add(2_400, What::Healed { step: vec![0] });
        match dies {
            Some(at) => tale.dies(at, 1, Status::Signal(9)).comes(at + 10, 5).calm(4_000, &[2, 3, 4, 5]),
            None => tale.calm(4_000, &[1, 2, 3, 4]),
        };
        tale
    };
    suspended(None).holds();
    suspended(Some(2_301)).fails(&["INV-DETECT"]);
}

#[test]
fn a_worker_that_is_well_is_not_killed() {
    let killed = |pardoned: bool| {
        let mut tale = watched();
        if pardoned {
            tale.add(1_900, What::Injected { proc: worker(1), signal: 9 });
        }
        tale.dies(1_900, 1, Status::Signal(9)).comes(1_910, 5).calm(2_500, &[2, 3, 4, 5]);
        tale
    };
    killed(true).holds();
    assert!(matches!(killed(false).verdict("INV-DETECT"), Verdict::Fail { .. }));
}

#[test]
fn who_looks_for_nobody_is_not_judged() {
    let mut tale = watched();
    tale.profile.watchdog = None;
    tale.calm(1_500, &[1, 2, 3, 4]);
    assert_eq!(tale.verdict("INV-DETECT"), Verdict::Undeclared);
    tale.profile.watchdog = Some(false);
    assert!(matches!(tale.verdict("INV-DETECT"), Verdict::NotApplicable { .. }));
}

/// A worker is killed, and its replacement never gets ready within the 300 ms that it has; it dies then.
fn boots_in_vain(dies: u64) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.ready_timeout = Some(Span::millis(300));
    tale.scenario.lives.then = Life::Hang { at: Phase::Boot };
    tale.scenario.lives.first = vec![Life::Serve; 4];
    tale.killed(1_100, 1).born(1_102, 5).dies(dies, 5, Status::Signal(9));
    tale.scenario.lives.first.push(Life::Hang { at: Phase::Boot });
    tale.scenario.lives.first.push(Life::Serve);
    tale.comes(dies + 200, 6).calm(dies + 900, &[2, 3, 4, 6]);
    tale
}

#[test]
fn a_boot_has_the_time_that_was_asked_for_and_no_more() {
    boots_in_vain(1_402).passes("INV-DETECT");
    boots_in_vain(1_402).holds();
    boots_in_vain(1_660).fails(&["INV-DETECT"]);
    boots_in_vain(1_300).fails(&["INV-DETECT"]);
    let mut starved = boots_in_vain(1_660);
    starved.stall(1_102, 1_660, 20).doubts("INV-DETECT");
    let mut unasked = boots_in_vain(1_660);
    unasked.scenario.pool.ready_timeout = None;
    unasked.holds();
}

#[test]
fn who_ends_itself_by_a_signal_was_killed_by_nobody() {
    let by_itself = Exit { signal: Some(Signal::KILL), ..Exit::with(Phase::Boot, Span::ZERO, 0) };
    let ends = |life: Life| {
        let mut tale = boots_in_vain(1_300);
        tale.scenario.lives.first[4] = life;
        tale.verdict("INV-DETECT")
    };
    assert!(matches!(ends(Life::Hang { at: Phase::Boot }), Verdict::Fail { .. }));
    let crashes = |exit: Exit| Life::Record(LifeRecord { exit: Some(exit), ..LifeRecord::default() });
    assert!(matches!(ends(crashes(Exit { signal: None, ..by_itself })), Verdict::Fail { .. }));
    assert!(matches!(ends(crashes(by_itself)), Verdict::Pass { .. }));
}

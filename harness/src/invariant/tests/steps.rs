//! Steps that did not come.

use crate::history::{Status, What};
use crate::scenario::{Expect, Life, Span};
use crate::verdict::Verdict;

use super::super::testing::Tale;

#[test]
fn a_missed_step_is_inconclusive_or_fails_if_it_had_to_come() {
    let mut tale = Tale::full();
    tale.add(1_100, What::Missed { step: vec![0], must: false }).calm(1_200, &[1, 2, 3, 4]);
    tale.doubts("STEP-1");
    let mut tale = Tale::full();
    tale.add(1_100, What::Missed { step: vec![1, 0], must: true }).calm(1_200, &[1, 2, 3, 4]).fails(&["STEP-2.1"]);
}

#[test]
fn births_that_a_missed_step_would_have_led_to_are_not_asked_for() {
    let tale = |min: u32, max: u32, must: Option<bool>| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::Births { min, max }];
        if let Some(must) = must {
            tale.add(1_100, What::Missed { step: vec![0], must });
        }
        tale.calm(1_200, &[1, 2, 3, 4]);
        tale
    };
    tale(5, 5, Some(false)).doubts("EXPECT-1 Births");
    for (min, max, must) in [(5, 5, None), (5, 5, Some(true)), (3, 3, Some(false))] {
        let verdict = tale(min, max, must).verdict("EXPECT-1 Births");
        assert!(matches!(verdict, Verdict::Fail { .. }), "{min} to {max}, {must:?}: {verdict:?}");
    }
}

/// A step that waits for a reload is missed: the new worker was not ready within 300 ms, and was killed at `dies`.
fn reloads(dies: u64, alter: impl Fn(&mut Tale)) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.ready_timeout = Some(Span::millis(300));
    tale.scenario.expect = vec![Expect::Births { min: 8, max: 8 }];
    tale.add(1_100, What::Step { step: vec![0], said: "do Operate(Reload)".to_owned() }).reload(1_100).born(1_110, 5);
    alter(&mut tale);
    tale.dies(dies, 5, Status::Signal(9)).add(3_100, What::Missed { step: vec![1], must: true });
    // The next one fires at once.
    tale.add(3_100, What::Step { step: vec![2], said: "do Operate(Reload)".to_owned() }).calm(3_200, &[1, 2, 3, 4]);
    tale
}

#[test]
fn a_worker_that_the_host_kept_from_booting_makes_the_step_that_waits_for_it_doubtful() {
    let tale = reloads(1_412, |tale| _ = tale.stall(1_120, 1_400, 200));
    tale.doubts("STEP-2");
    tale.doubts("EXPECT-1 Births");
}

#[test]
fn one_that_had_half_its_time_or_no_other_reason_to_be_late_does_not() {
    let stalled = |tale: &mut Tale| _ = tale.stall(1_120, 1_400, 200);
    let fails = |tale: Tale| {
        for id in ["STEP-2", "EXPECT-1 Births"] {
            assert!(matches!(tale.verdict(id), Verdict::Fail { .. }), "{id}: {:?}", tale.verdict(id));
        }
    };
    fails(reloads(1_412, |_| ()));
    fails(reloads(1_412, |tale| _ = tale.stall(1_120, 1_400, 100)));
    // It did not live for as long as it was to be given: it ended for another reason.
    fails(reloads(1_290, stalled));
    // It is scripted to be late.
    fails(reloads(1_412, |tale| {
        stalled(tale);
        tale.scenario.lives.then = Life::SlowBoot(Span::millis(400));
    }));
    // The stall was over before it was born.
    fails(reloads(1_412, |tale| _ = tale.stall(1_000, 1_100, 200)));
}

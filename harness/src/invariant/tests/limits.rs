//! INTENSITY and GIVEUP.

use crate::history::{Form, PhaseMark, Proc, Role, Status, What};
use crate::scenario::{Expect, Life, Limit, Phase, Span, Start, StatusIs};
use crate::subject::LimitRule;
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, ms, worker};

const GAVE_UP: Status = Status::Code(75);

/// Worker 1 is killed at 1100 ms; then each new one dies 10 ms after its birth, with these gaps before the births.
fn flapping(gaps: &[u64]) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.lives.first = vec![Life::Serve; 4];
    tale.scenario.lives.then = Life::Crash { at: crate::scenario::Phase::Boot, code: 1, after: Default::default() };
    tale.killed(1_100, 1);
    let mut at = 1_100;
    for (n, gap) in gaps.iter().enumerate() {
        at += gap;
        let n = 5 + n as u32;
        tale.born(at, n);
        at += 10;
        tale.dies(at, n, Status::Code(1));
    }
    tale
}

/// It gives up at the need for the sixth.
fn gives_up(gaps: &[u64], status: Status) -> Tale {
    let mut tale = flapping(gaps);
    let at = 1_100 + gaps.iter().map(|gap| gap + 10).sum::<u64>();
    for n in 2..=4 {
        tale.told(at + 1, n).leaves(at + 5, n);
    }
    tale.exits(at + 10, status);
    tale
}

#[test]
fn restarts_that_wait_and_end_at_the_limit_are_right() {
    // The first worker had a stable run: its restart may be immediate. Then 100, 200, 400, 400.
    let mut tale = gives_up(&[2, 100, 200, 400, 400], GAVE_UP);
    tale.scenario.expect = vec![Expect::GivesUp { after_restarts: 5, status: StatusIs::NonZero }];
    tale.holds();
    for id in ["INV-INTENSITY", "INV-GIVEUP", "INV-TRUTH", "INV-ISOLATE", "EXPECT-1"] {
        tale.passes(id);
    }
}

#[test]
fn who_gives_up_late_because_the_host_kept_the_restarts_apart_may_be_right() {
    let late = |gap: u64, stalled: u64| {
        let mut tale = gives_up(&[2, 100, 200, 400, 400, gap, 100], GAVE_UP);
        tale.scenario.expect = vec![Expect::GivesUp { after_restarts: 5, status: StatusIs::NonZero }];
        tale.stall(2_300, 2_400 + stalled, stalled);
        tale.verdict("EXPECT-1")
    };
    assert!(matches!(late(9_000, 600), Verdict::Inconclusive { .. }), "{:?}", late(9_000, 600));
    assert!(matches!(late(9_000, 50), Verdict::Fail { .. }), "the host was not in the way for as long");
    assert!(matches!(late(3_000, 3_000), Verdict::Fail { .. }), "there were too many all the same");
}

#[test]
fn who_was_told_to_leave_for_a_reload_was_not_told_because_of_the_end() {
    let mut tale = Tale::full();
    tale.scenario.pool.limit = Some(Limit { restarts: 1, within: Span::millis(5_000) });
    tale.reload(1_100).killed(1_101, 4);
    (1..=4).for_each(|n| _ = tale.comes(1_101 + u64::from(n), 4 + n));
    (1..=3).for_each(|n| _ = tale.told(1_118, n).leaves(1_120, n));
    tale.killed(4_000, 5);
    (6..=8).for_each(|n| _ = tale.told(4_002, n).leaves(4_003, n));
    tale.exits(4_010, GAVE_UP);
    assert!(matches!(tale.verdict("INV-GIVEUP"), Verdict::Pass { .. }), "{:?}", tale.verdict("INV-GIVEUP"));
}

/// Worker 1 hangs, and a reload replaces everybody. It is killed when the time to drain is over.
fn reloaded_while_one_hangs(restarts: u32, reload: bool) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.limit = Some(Limit { restarts, within: Span::millis(5_000) });
    tale.add(1_050, What::Hangs(worker(1)));
    if reload {
        tale.reload(1_100);
        (1..=4).for_each(|n| _ = tale.comes(1_100 + 5 * u64::from(n), 4 + n));
        (2..=4).for_each(|n| _ = tale.told(1_110 + 5 * u64::from(n), n).leaves(1_140, n));
    }
    tale.dies(2_200, 1, Status::Signal(9));
    tale
}

#[test]
fn who_hangs_may_have_been_told_to_leave_for_a_reload() {
    let mut tale = reloaded_while_one_hangs(0, true);
    tale.calm(4_000, &[5, 6, 7, 8]);
    assert!(!matches!(tale.verdict("INV-GIVEUP"), Verdict::Fail { .. }), "{:?}", tale.verdict("INV-GIVEUP"));
    let mut tale = reloaded_while_one_hangs(0, false);
    tale.calm(4_000, &[2, 3, 4]);
    assert!(matches!(tale.verdict("INV-GIVEUP"), Verdict::Fail { .. }), "{:?}", tale.verdict("INV-GIVEUP"));
    // Nor did the end begin with it.
    let mut tale = reloaded_while_one_hangs(0, true);
    tale.killed(4_500, 5).ends(4_510, &[6, 7, 8], GAVE_UP);
    tale.passes("INV-GIVEUP");
}

#[test]
fn restarts_that_do_not_wait_break_the_backoff() {
    gives_up(&[2, 1, 1, 1, 1], GAVE_UP).fails(&["INV-INTENSITY"]);
    gives_up(&[2, 100, 100, 100, 100], GAVE_UP).fails(&["INV-INTENSITY"]);
}

#[test]
fn going_on_beyond_the_limit_breaks_it_and_is_no_give_up() {
    let mut tale = flapping(&[2, 100, 200, 400, 400, 400, 400, 400, 400]);
    tale.settle(4_500, 100).ends(4_603, &[2, 3, 4], Status::Code(0));
    let failed: Vec<_> =
        tale.judge().into_iter().filter(|one| matches!(one.verdict, Verdict::Fail { .. })).map(|one| one.id).collect();
    assert!(failed.contains(&"INV-INTENSITY".to_owned()) && failed.contains(&"INV-GIVEUP".to_owned()), "{failed:?}");
}

#[test]
fn standing_still_at_the_limit_is_no_give_up_either() {
    let mut tale = flapping(&[2, 100, 200, 400, 400]);
    tale.settle(2_500, 5_000).ends(7_503, &[2, 3, 4], Status::Code(0));
    assert!(matches!(tale.verdict("INV-GIVEUP"), Verdict::Fail { .. }));
    assert!(matches!(tale.verdict("INV-FLOOR"), Verdict::Fail { .. }));
}

/// A worker dies while its program is missing for so long, and is replaced when it is there again.
fn starved(millis: u64) -> Tale {
    let mut tale = Tale::full();
    let fault = "File(which:\"program\",is:Missing)".to_owned();
    tale.add(1_050, What::FaultBegan { step: vec![0], fault, on: Vec::new() });
    tale.killed(1_100, 1).add(1_050 + millis, What::Healed { step: vec![0] }).comes(1_300 + millis, 5);
    tale.calm(1_400 + millis, &[2, 3, 4, 5]);
    tale
}

#[test]
fn starts_that_fail_for_want_of_a_program_are_restarts() {
    // Six tries, each after 420 ms at most and 250 ms to react; then a second for the give-up, and what a drain takes.
    assert!(matches!(starved(7_000).verdict("INV-GIVEUP"), Verdict::Fail { .. }));
    // It may have had a try left.
    starved(3_900).passes("INV-GIVEUP");
    // Somebody was started after all.
    let mut tale = starved(7_000);
    tale.comes(1_500, 6);
    tale.passes("INV-GIVEUP");
}

#[test]
fn a_restart_that_is_later_than_the_policy_allows_is_wrong() {
    // 400 ms at most, and 250 ms to react.
    gives_up(&[2, 100, 200, 400, 800], GAVE_UP).fails(&["INV-FLOOR", "INV-INTENSITY"]);
}

#[test]
fn a_child_of_the_supervisor_that_the_host_kept_from_starting_makes_a_late_restart_doubtful() {
    let late = |parent: u32| {
        let mut tale = Tale::full();
        let child = Proc { pid: 900, start: 900 };
        tale.killed(1_100, 1).add(1_200, What::Born { proc: child, parent, role: Role::Descendant });
        tale.add(2_000, What::Stall { proc: Some(child), since: ms(1_200), delay_ns: 1_500_000_000 });
        tale.comes(2_100, 5).calm(3_000, &[2, 3, 4, 5]);
        tale
    };
    late(SUPERVISOR.pid).doubts("INV-INTENSITY");
    // That of a worker has nothing to do with it.
    assert!(matches!(late(102).verdict("INV-INTENSITY"), Verdict::Fail { .. }));
}

#[test]
fn a_restart_that_is_late_hides_none_that_is_one_too_many() {
    // Both are wrong, the late one before the other.
    let mut tale = flapping(&[2, 100, 200, 800, 400, 400]);
    tale.settle(4_500, 100).ends(4_603, &[2, 3, 4], Status::Code(0));
    let Verdict::Fail { because, .. } = tale.verdict("INV-INTENSITY") else { panic!("it holds") };
    assert!(because.contains("more than the limit allows"), "{because}");
}

#[test]
fn giving_up_too_early_is_wrong() {
    gives_up(&[2, 100, 200], GAVE_UP).fails(&["INV-GIVEUP"]);
}

#[test]
fn a_give_up_begins_when_it_is_needed_although_others_still_try_in_vain() {
    let mut tale = Tale::unborn();
    tale.scenario.start = Start::AtOnce;
    tale.scenario.pool.limit = Some(Limit { restarts: 1, within: Span::millis(500) });
    tale.scenario.pool.drain = Span::millis(5_000);
    tale.scenario.lives.then = Life::Hang { at: Phase::Boot };
    tale.add(0, What::Phase(PhaseMark::Steps)).add(0, What::SupervisorBorn(SUPERVISOR));
    tale.born(1, 1).born(1, 2).born(1, 3).born(1, 4);
    // The first two have failed, and the one restart is spent. The two others hang, and get their time to leave.
    let killed = Status::Signal(9);
    tale.dies(101, 1, killed).born(202, 5).dies(203, 2, killed);
    tale.dies(5_204, 3, killed).dies(5_204, 4, killed).dies(5_204, 5, killed).exits(5_205, GAVE_UP);
    tale.holds();
    tale.passes("INV-GIVEUP");
}

#[test]
fn a_stall_excuses_a_give_up_only_where_it_brought_restarts_together() {
    let stalled_at = |at: u64| {
        let mut tale = gives_up(&[2, 100, 200, 400, 400], GAVE_UP);
        // From the first need to the last it takes 1152 ms.
        tale.scenario.pool.limit = Some(Limit { restarts: 5, within: Span::millis(600) });
        tale.stall(at, at + 300, 200);
        tale
    };
    stalled_at(1_200).holds();
    stalled_at(500).fails(&["INV-GIVEUP"]);
}

#[test]
fn giving_up_with_status_zero_is_a_lie() {
    gives_up(&[2, 100, 200, 400, 400], Status::Code(0)).fails(&["INV-GIVEUP", "INV-TRUTH"]);
}

#[test]
fn taking_too_long_to_end_is_wrong() {
    let mut tale = flapping(&[2, 100, 200, 400, 400]);
    tale.exits(9_000, GAVE_UP);
    for n in 2..=4 {
        tale.told(2_300, n).leaves(8_900, n);
    }
    assert!(matches!(tale.verdict("INV-GIVEUP"), Verdict::Fail { .. }));
}

#[test]
fn retirements_of_the_form_that_leaves_a_gap_count() {
    let retire = |free: bool| {
        let mut tale = Tale::full();
        // Seven retirements of the one form in a row, 10 ms after each became ready.
        for n in 1..=7_u32 {
            let at = 1_100 + 30 * u64::from(n);
            let form = if free { Form::TwoPhase } else { Form::OnePhase };
            let leaver = if n == 1 { 1 } else { 3 + n };
            tale.announces(at, leaver, form).comes(at + 2, 4 + n);
            if free {
                tale.told(at + 13, leaver);
            }
            tale.leaves(at + 20, leaver);
        }
        tale.calm(1_400, &[2, 3, 4, 11]);
        tale
    };
    retire(false).fails(&["INV-INTENSITY", "INV-GIVEUP"]);
    // Short runs cost even if they were polite.
    retire(true).fails(&["INV-INTENSITY", "INV-GIVEUP"]);
}

#[test]
fn polite_retirements_after_stable_runs_cost_nothing() {
    let mut tale = Tale::full();
    for n in 1..=7_u32 {
        let at = 1_100 + 700 * u64::from(n);
        let leaver = if n == 1 { 1 } else { 3 + n };
        tale.announces(at, leaver, Form::TwoPhase).comes(at + 2, 4 + n).told(at + 13, leaver).leaves(at + 20, leaver);
    }
    tale.calm(6_500, &[2, 3, 4, 11]).holds();
}

#[test]
fn initial_starts_and_rolling_restarts_cost_nothing() {
    let mut tale = Tale::full();
    for round in 0..3_u32 {
        let start = 1_100 + 500 * u64::from(round);
        tale.reload(start);
        for n in 1..=4_u32 {
            let at = start + 50 * u64::from(n);
            let old = 4 * round + n;
            tale.comes(at, old + 4).told(at + 11, old).leaves(at + 30, old);
        }
    }
    tale.calm(3_000, &[13, 14, 15, 16]).holds();
}

#[test]
fn deaths_below_the_limit_do_not_end_it() {
    let mut tale = Tale::full();
    tale.scenario.expect = vec![Expect::NeverGivesUp, Expect::Births { min: 24, max: 24 }];
    let mut last = 0;
    for n in 1..=20_u32 {
        last = 1_100 + 2_500 * u64::from(n);
        tale.killed(last, n).comes(last + 3, n + 4);
    }
    tale.calm(last + 100, &[21, 22, 23, 24]).holds();
}

#[test]
fn who_declares_no_limit_is_not_held_to_one_and_lacks_it() {
    let mut tale = flapping(&[2, 100, 200, 400, 400, 400, 400]);
    tale.profile.limit = Some(LimitRule::Unlimited);
    tale.settle(3_500, 100).ends(3_603, &[2, 3, 4], Status::Code(0));
    assert!(matches!(tale.verdict("INV-GIVEUP"), Verdict::NotApplicable { .. }));
    tale.passes("INV-INTENSITY");
    let lacks = tale.judge().into_iter().find(|one| one.id == "INV-INTENSITY").and_then(|one| one.lacks);
    assert!(lacks.is_some_and(|lacks| lacks.starts_with("6 in")), "it lacks a limit");
}

#[test]
fn two_slots_that_fail_side_by_side_have_some_pairing() {
    let mut tale = Tale::full();
    tale.scenario.pool.limit = None;
    // Slots a and b die together; b's second death comes later, so the delays overlap: 100 for a from 1010, 100 for b.
    tale.killed(1_100, 1).killed(1_100, 2).comes(1_102, 5).comes(1_103, 6);
    tale.killed(1_150, 5).killed(1_200, 6).comes(1_250, 7).comes(1_300, 8);
    tale.killed(1_310, 8).comes(1_510, 9).killed(1_311, 7).comes(1_512, 10);
    tale.calm(1_800, &[3, 4, 9, 10]).holds();
}

#[test]
fn a_stop_during_a_crash_loop_is_a_stop() {
    let mut tale = flapping(&[2, 100]);
    tale.stop(1_300).ends(1_303, &[2, 3, 4], Status::Code(0)).holds();
}

#[test]
fn a_stop_that_comes_while_it_gives_up_changes_nothing() {
    let mut tale = flapping(&[2, 100, 200, 400, 400]);
    for n in 2..=4 {
        tale.told(2_253, n).leaves(2_400 + u64::from(n), n);
    }
    tale.stop(2_300).exits(2_410, GAVE_UP).holds();
    tale.passes("INV-TRUTH");
}

#[test]
fn an_end_that_nobody_ordered_and_no_limit_explains_is_a_breakdown() {
    let mut tale = Tale::full();
    tale.killed(1_100, 1);
    tale.exits(1_102, Status::Code(101));
    for n in 2..=4 {
        tale.told(1_102, n).leaves(1_105, n);
    }
    tale.fails(&["INV-ISOLATE"]);
    let mut tale = Tale::full();
    tale.add(1_100, crate::history::What::Injected { proc: SUPERVISOR, signal: 9 });
    tale.exits(1_101, Status::Signal(9));
    for n in 1..=4 {
        tale.told(1_102, n).leaves(1_105, n);
    }
    tale.holds();
}

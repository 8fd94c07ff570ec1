//! CONVERGE, ONCE, FLOOR, CONSERVE.

use crate::history::{Form, Outcome, Status, What};
use crate::scenario::{Expect, Life, Span};
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, slack, worker};

/// A worker is killed and replaced after the delay that one failure earns.
fn replaced() -> Tale {
    let mut tale = Tale::full();
    tale.killed(1_100, 1).comes(1_105, 5);
    tale
}

#[test]
fn a_killed_worker_that_is_replaced_breaks_nothing() {
    let mut tale = replaced();
    tale.calm(1_500, &[2, 3, 4, 5]).holds();
    for id in ["INV-CONVERGE", "INV-ONCE", "INV-FLOOR", "INV-INTENSITY", "INV-REAP", "INV-CONTAIN"] {
        tale.passes(id);
    }
}

#[test]
fn a_killed_worker_that_is_never_replaced_is_missing() {
    let mut tale = Tale::full();
    tale.killed(1_100, 1).calm(1_500, &[2, 3, 4]);
    tale.fails(&["INV-CONVERGE", "INV-FLOOR"]);
}

#[test]
fn a_pool_that_stays_too_large_has_not_converged() {
    let mut tale = Tale::full();
    tale.killed(1_100, 1).comes(1_105, 5).comes(1_106, 6).calm(1_500, &[2, 3, 4, 5, 6]);
    tale.fails(&["INV-CONVERGE", "INV-ONCE"]);
}

#[test]
fn watched_too_shortly_convergence_is_in_doubt() {
    let mut tale = Tale::full();
    tale.killed(1_100, 1).settle(1_200, 100).ends(1_303, &[2, 3, 4], Status::Code(0)).doubts("INV-CONVERGE");
}

#[test]
fn a_stall_of_the_supervisor_makes_a_late_pool_doubtful_and_no_longer_stall_excuses_a_later_one() {
    let late = |ready: u64| {
        let mut tale = Tale::full();
        tale.killed(1_100, 1).born(1_110, 5).ready(ready, 5).stall(1_200, 2_300, 300);
        tale.calm(3_000, &[2, 3, 4, 5]);
        tale
    };
    late(1_900).passes("INV-CONVERGE");
    late(2_300).doubts("INV-CONVERGE");
    let tale = late(2_900);
    assert!(
        tale.judge()
            .iter()
            .any(|one| one.id == "INV-CONVERGE" && matches!(one.verdict, crate::verdict::Verdict::Fail { .. }))
    );
}

#[test]
fn time_for_which_the_supervisor_was_frozen_counts_for_nothing() {
    let mut tale = Tale::full();
    tale.frozen(1_050, 3_000);
    tale.add(1_100, What::Injected { proc: worker(1), signal: 9 });
    tale.add(1_100, What::Died { proc: worker(1), death: crate::history::Death { status: Some(Status::Signal(9)) } });
    tale.add(3_010, What::Reaped(worker(1))).comes(3_010, 5).calm(3_100, &[2, 3, 4, 5]).holds();
}

#[test]
fn two_births_for_one_retirement_are_one_too_many() {
    let mut tale = Tale::full();
    tale.announces(1_100, 1, Form::OnePhase)
        .comes(1_105, 5)
        .leaves(1_400, 1)
        .comes(1_410, 6)
        .calm(1_900, &[2, 3, 4, 5, 6]);
    tale.fails(&["INV-CONVERGE", "INV-ONCE"]);
}

#[test]
fn a_reload_that_a_signal_ordered_has_its_surge_too() {
    let surge = |signal: Option<i32>| {
        let mut tale = Tale::full();
        if let Some(signal) = signal {
            tale.add(1_100, What::Injected { proc: SUPERVISOR, signal });
        }
        tale.comes(1_105, 5).told(1_600, 1).leaves(1_610, 1).calm(1_900, &[2, 3, 4, 5]);
        tale
    };
    surge(Some(1)).passes("INV-ONCE");
    for other in [None, Some(10)] {
        surge(other).fails(&["INV-ONCE"]);
    }
}

#[test]
fn whoever_rests_before_it_is_told_to_leave_takes_no_place() {
    let rests = |rest: u64| {
        let mut tale = Tale::full();
        tale.profile.rest = Some(Span::millis(rest));
        tale.reload(1_050);
        for n in 1..=4_u64 {
            let (old, new, at) = (n as u32, 4 + n as u32, 1_000 + 120 * n);
            tale.comes(at, new).told(at + 500, old).leaves(at + 510, old);
        }
        tale.calm(2_200, &[5, 6, 7, 8]);
        tale
    };
    rests(500).passes("INV-ONCE");
    rests(0).fails(&["INV-ONCE"]);
}

#[test]
fn one_birth_for_each_retirement_is_right_in_both_forms() {
    let mut tale = Tale::full();
    tale.announces(1_100, 1, Form::OnePhase).comes(1_105, 5).leaves(1_400, 1).calm(1_900, &[2, 3, 4, 5]).holds();
    let mut tale = Tale::full();
    tale.announces(1_100, 1, Form::TwoPhase).comes(1_105, 5).told(1_116, 1).leaves(1_400, 1);
    tale.calm(1_900, &[2, 3, 4, 5]).holds();
    tale.passes("INV-DRAIN");
}

#[test]
fn a_worker_told_to_leave_before_its_replacement_is_ready_lowers_the_floor() {
    let mut tale = Tale::full();
    tale.announces(1_100, 1, Form::TwoPhase).born(1_105, 5).told(1_106, 1).ready(1_130, 5).leaves(1_200, 1);
    tale.calm(1_900, &[2, 3, 4, 5]).fails(&["INV-FLOOR"]);
}

#[test]
fn a_rolling_restart_that_stops_the_old_worker_first_lowers_the_floor() {
    let mut tale = Tale::full();
    tale.reload(1_100);
    for n in 1..=4_u64 {
        let (old, new, at) = (n as u32, 4 + n as u32, 1_100 + 50 * n);
        tale.told(at, old).leaves(at + 5, old).comes(at + 6, new);
    }
    tale.calm(1_900, &[5, 6, 7, 8]).fails(&["INV-FLOOR"]);
}

#[test]
fn a_rolling_restart_that_starts_the_new_worker_first_is_right() {
    let mut tale = Tale::full();
    tale.reload(1_100);
    for n in 1..=4_u64 {
        let (old, new, at) = (n as u32, 4 + n as u32, 1_100 + 50 * n);
        tale.comes(at, new).told(at + 11, old).leaves(at + 30, old);
    }
    tale.calm(1_900, &[5, 6, 7, 8]).holds();
    tale.passes("INV-SERIAL");
}

#[test]
fn a_replacement_that_waits_for_the_exit_comes_too_late() {
    let mut tale = Tale::full();
    tale.announces(1_100, 1, Form::OnePhase).leaves(1_700, 1).comes(1_705, 5).calm(2_200, &[2, 3, 4, 5]);
    tale.fails(&["INV-FLOOR"]);
}

#[test]
fn a_slow_probe_counts_unless_a_worker_was_excused() {
    let mut tale = Tale::full();
    tale.probe(1_100, 1_400, Some(1), Outcome::Ok).calm(1_900, &[1, 2, 3, 4]).fails(&["INV-FLOOR"]);
    let mut tale = replaced();
    tale.probe(1_101, 1_400, Some(2), Outcome::Ok).calm(1_900, &[2, 3, 4, 5]).holds();
}

#[test]
fn a_slow_probe_beside_a_stall_is_doubtful() {
    let mut tale = Tale::full();
    tale.probe(1_100, 1_400, Some(1), Outcome::Ok).stall(1_100, 1_390, 100).calm(1_900, &[1, 2, 3, 4]);
    tale.doubts("INV-FLOOR");
}

#[test]
fn who_found_the_queue_of_the_listener_full_tries_again_after_a_second() {
    let waits = |let_in: Option<u64>, until: u64| {
        let mut tale = Tale::full();
        (1..=4).for_each(|n| _ = tale.killed(1_100, n).comes(1_300, 4 + n));
        tale.probe(1_150, until + 10, None, Outcome::Dropped).let_in(let_in);
        tale.calm(until, &[5, 6, 7, 8]);
        tale.verdict("INV-FLOOR")
    };
    assert!(matches!(waits(None, 2_100), Verdict::Pass { .. }), "{:?}", waits(None, 2_100));
    assert!(matches!(waits(None, 2_900), Verdict::Fail { .. }), "{:?}", waits(None, 2_900));
    assert!(matches!(waits(Some(2_150), 2_200), Verdict::Pass { .. }), "{:?}", waits(Some(2_150), 2_200));
    assert!(matches!(waits(Some(2_150), 2_900), Verdict::Fail { .. }), "{:?}", waits(Some(2_150), 2_900));
    assert!(matches!(waits(Some(1_150), 2_100), Verdict::Fail { .. }), "{:?}", waits(Some(1_150), 2_100));
}

#[test]
fn a_refused_connection_is_a_loss_whoever_was_killed() {
    let mut tale = replaced();
    tale.probe(1_101, 1_101, None, Outcome::Refused).calm(1_900, &[2, 3, 4, 5]).fails(&["INV-CONSERVE"]);
    // Unless nobody holds the listener while there is no worker.
    let all = |holds: bool| {
        let mut tale = Tale::full();
        tale.profile.holds_listener = Some(holds);
        for n in 1..=4 {
            tale.killed(1_100, n).comes(1_110, 4 + n);
        }
        tale.probe(1_101, 1_101, None, Outcome::Refused).calm(1_900, &[5, 6, 7, 8]);
        tale
    };
    all(true).fails(&["INV-CONSERVE"]);
    all(false).holds();
}

#[test]
fn a_connection_of_a_killed_worker_is_excused_and_one_of_another_is_not() {
    let mut tale = replaced();
    tale.probe(1_090, 1_100, Some(1), Outcome::Reset).calm(1_900, &[2, 3, 4, 5]).holds();
    let mut tale = replaced();
    tale.probe(1_090, 1_100, Some(2), Outcome::Reset).calm(1_900, &[2, 3, 4, 5]).fails(&["INV-CONSERVE"]);
}

#[test]
fn a_killed_worker_excuses_one_connection_that_nobody_had_noted() {
    let mut tale = replaced();
    tale.probe(1_099, 1_100, None, Outcome::Reset).calm(1_900, &[2, 3, 4, 5]).holds();
    let mut tale = replaced();
    tale.probe(1_099, 1_100, None, Outcome::Reset).probe(1_099, 1_100, None, Outcome::Empty);
    tale.calm(1_900, &[2, 3, 4, 5]).fails(&["INV-CONSERVE"]);
}

#[test]
fn a_client_that_lost_patience_on_a_host_that_ran_nobody_proves_nothing() {
    let tale = |stalled: u64, outcome: Outcome| {
        let mut tale = Tale::full();
        tale.scenario.expect = vec![Expect::NothingLost { load: "probe".to_owned() }];
        tale.probe(1_100, 1_900, None, outcome).stall(1_000, 1_950, stalled).calm(2_000, &[1, 2, 3, 4]);
        tale
    };
    for id in ["INV-CONSERVE", "EXPECT-1 NothingLost"] {
        for outcome in [Outcome::Hang, Outcome::NotAccepted] {
            tale(400, outcome).doubts(id);
            assert!(matches!(tale(390, outcome).verdict(id), Verdict::Fail { .. }), "{id}");
        }
        // Who was cut was cut by somebody.
        assert!(matches!(tale(800, Outcome::Reset).verdict(id), Verdict::Fail { .. }), "{id}");
    }
}

#[test]
fn a_hang_is_excused_only_while_nobody_can_serve() {
    let mut tale = replaced();
    tale.probe(1_101, 1_900, None, Outcome::Hang).calm(1_950, &[2, 3, 4, 5]).fails(&["INV-CONSERVE"]);
    let mut tale = Tale::full();
    tale.frozen(1_050, 1_900);
    for n in 1..=4 {
        tale.add(1_100, What::Injected { proc: worker(n), signal: 9 });
        tale.add(1_100, What::Died { proc: worker(n), death: crate::history::Death { status: None } });
        tale.add(1_910, What::Reaped(worker(n))).comes(1_910, 4 + n);
    }
    tale.probe(1_101, 1_800, None, Outcome::Hang).calm(2_000, &[5, 6, 7, 8]).holds();
}

#[test]
fn what_comes_after_the_stop_is_not_owed_an_answer_and_what_was_accepted_before_is() {
    let mut tale = Tale::full();
    tale.stop(2_000).probe(2_001, 2_001, None, Outcome::Refused).ends(2_003, &[1, 2, 3, 4], Status::Code(0)).holds();
    let mut tale = Tale::full();
    tale.stop(2_000).probe(1_990, 2_004, Some(1), Outcome::Reset).ends(2_003, &[1, 2, 3, 4], Status::Code(0));
    tale.fails(&["INV-CONSERVE", "INV-DRAIN"]);
}

#[test]
fn an_answer_by_a_process_that_is_no_worker_is_a_violation() {
    let mut tale = Tale::full();
    tale.probe(1_100, 1_101, Some(77), Outcome::Ok).calm(1_900, &[1, 2, 3, 4]).fails(&["INV-CONSERVE"]);
}

#[test]
fn a_replacement_that_is_scripted_to_boot_slowly_prolongs_the_window() {
    let mut tale = Tale::full();
    tale.scenario.lives.then = Life::SlowBoot(Span::millis(2_000));
    tale.scenario.lives.first = vec![Life::Serve; 4];
    tale.killed(1_100, 1).born(1_105, 5).ready(3_110, 5).calm(3_200, &[2, 3, 4, 5]).holds();
}

#[test]
fn an_event_seen_by_sampling_gets_the_benefit_of_its_interval() {
    let mut tale = Tale::full();
    tale.add(1_100, What::Injected { proc: worker(1), signal: 9 });
    tale.within(1_100, 1_150, What::Died { proc: worker(1), death: crate::history::Death { status: None } });
    tale.within(1_150, 1_401, What::Reaped(worker(1)));
    tale.comes(1_160, 5).calm(1_500, &[2, 3, 4, 5]).holds();
}

#[test]
fn the_measuring_error_of_the_world_is_added_to_a_bound() {
    let slow = |by: u64| {
        let mut tale = Tale::full();
        tale.slack = slack(by);
        tale.probe(1_100, 1_360, Some(1), Outcome::Ok).calm(1_900, &[1, 2, 3, 4]);
        tale
    };
    slow(0).fails(&["INV-FLOOR"]);
    slow(20).holds();
}

#[test]
fn a_supervisor_that_breaks_down_without_a_reason_is_told_from_one_that_stops() {
    let mut tale = Tale::full();
    tale.add(1_100, What::SupervisorExited { proc: SUPERVISOR, status: Status::Code(1) });
    tale.add(3_200, What::Phase(crate::history::PhaseMark::End));
    for n in 1..=4 {
        tale.told(1_101, n).leaves(1_110, n);
    }
    tale.fails(&["INV-ISOLATE"]);
}

#[test]
fn who_announces_before_it_ever_served_is_a_start_that_failed() {
    for form in [Form::OnePhase, Form::TwoPhase] {
        let comes = |at: u64| {
            let mut tale = Tale::full();
            tale.killed(1_100, 1).born(1_102, 5).announces(1_110, 5, form).told(1_111, 5).leaves(1_115, 5);
            // The second failure in a row of this place waits for 200 ms.
            tale.comes(at, 6).calm(3_000, &[2, 3, 4, 6]);
            tale
        };
        comes(1_110 + 200).holds();
        assert!(matches!(comes(2_500).verdict("INV-FLOOR"), Verdict::Fail { .. }));
    }
}

#[test]
fn while_there_is_no_supervisor_nobody_is_replaced() {
    let next = crate::history::Proc { pid: 99, ..SUPERVISOR };
    let again = |comes: u64| {
        let mut tale = Tale::full();
        tale.add(1_100, What::Injected { proc: SUPERVISOR, signal: 9 });
        for n in 1..=4 {
            tale.dies(1_101, n, Status::Signal(9));
        }
        tale.add(1_102, What::SupervisorExited { proc: SUPERVISOR, status: Status::Signal(9) });
        tale.add(1_600, What::SupervisorBorn(next));
        for n in 5..=8 {
            tale.comes(comes, n);
        }
        tale.settle(comes + 10, 1_000);
        for n in 5..=8 {
            tale.told(comes + 1_020, n).leaves(comes + 1_022, n);
        }
        tale.add(comes + 1_030, What::SupervisorExited { proc: next, status: Status::Code(0) });
        tale
    };
    let verdict = again(1_610).verdict("INV-FLOOR");
    assert!(!matches!(verdict, Verdict::Fail { .. }), "{verdict:?}");
    assert!(matches!(again(3_000).verdict("INV-FLOOR"), Verdict::Fail { .. }));
}

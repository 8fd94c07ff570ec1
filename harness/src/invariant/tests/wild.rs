//! What random scenarios led to and a judge must not take for a failure; and beside it what still is one.

use crate::history::{Form, Outcome, Status, Timeline, What};
use crate::scenario::{Life, Limit, Phase, Span};
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, ms, worker};

fn ask(tale: &mut Tale, at: u64, n: u32, act: &str) {
    tale.add(at, What::Asked { proc: worker(n), act: act.to_owned() });
    if act == "Hang" {
        tale.add(at, What::Hangs(worker(n)));
    }
}

fn signal(tale: &mut Tale, at: u64, proc: crate::history::Proc, signal: i32) {
    tale.add(at, What::Injected { proc, signal });
}

fn freeze(tale: &mut Tale, from: u64, until: u64, n: u32) {
    let fault = "Freeze(Oldest)".to_owned();
    tale.add(from, What::FaultBegan { step: vec![7], fault, on: vec![worker(n)] });
    tale.add(until, What::Healed { step: vec![7] });
}

#[test]
fn what_ends_with_a_worker_that_a_signal_ended_is_excused_by_the_signal() {
    let told = |lost: u64| {
        let mut tale = Tale::full();
        signal(&mut tale, 1_100, worker(1), 1);
        // Its connections are closed a little before it is seen to be dead.
        tale.request("held", 1_050, lost, 400, Some(1), Outcome::Empty).dies(1_130, 1, Status::Signal(1));
        tale.comes(1_135, 5).calm(1_500, &[2, 3, 4, 5]);
        tale
    };
    told(1_100).holds();
    told(1_090).fails(&["INV-CONSERVE"]);
}

#[test]
fn what_ends_with_a_worker_that_crashed_is_excused_by_its_death_and_by_how_long_that_waited() {
    let told = |lost: u64, stalled: u64| {
        let mut tale = Tale::full();
        tale.request("held", 1_050, lost, 400, Some(1), Outcome::Empty).dies(1_130, 1, Status::Signal(6));
        tale.add(1_131, What::Stall { proc: Some(worker(1)), since: ms(1_100), delay_ns: stalled * 1_000_000 });
        tale.comes(1_135, 5).calm(1_500, &[2, 3, 4, 5]);
        tale
    };
    told(1_125, 0).holds();
    told(1_110, 15).holds();
    told(1_110, 5).fails(&["INV-CONSERVE"]);
}

#[test]
fn what_a_worker_had_no_time_to_note_ends_a_little_before_it_does() {
    let told = |lost: u64| {
        let mut tale = Tale::full();
        freeze(&mut tale, 1_050, 3_140, 1);
        tale.reload(1_060).comes(1_070, 5);
        tale.request("held", 1_050, lost, 400, None, Outcome::Reset).dies(3_130, 1, Status::Signal(9));
        tale.calm(3_500, &[2, 3, 4, 5]);
        tale.verdict("INV-CONSERVE")
    };
    assert!(matches!(told(3_130), crate::verdict::Verdict::Pass { .. }), "{:?}", told(3_130));
    assert!(matches!(told(3_129), crate::verdict::Verdict::Pass { .. }), "{:?}", told(3_129));
    assert!(matches!(told(3_100), crate::verdict::Verdict::Fail { .. }), "{:?}", told(3_100));
}

#[test]
fn a_broken_pipe_is_no_order_to_leave_unless_it_ends_the_worker() {
    let mut tale = Tale::full();
    for n in 1..=3 {
        signal(&mut tale, 1_050, worker(n), if n == 3 { 15 } else { 13 });
    }
    tale.dies(1_051, 2, Status::Signal(13));
    let history = tale.history();
    let line = Timeline::read(&history);
    let of = |n: usize| (line.workers[n - 1].signalled.is_some(), line.workers[n - 1].killed.is_some());
    assert_eq!([of(1), of(2), of(3)], [(false, false), (false, true), (true, false)]);
}

#[test]
fn a_worker_that_is_asked_to_hang_while_it_boots_is_never_ready() {
    let told = |asked: bool| {
        let mut tale = Tale::full();
        tale.killed(1_100, 1).born(1_105, 5);
        if asked {
            ask(&mut tale, 1_107, 5, "Hang");
        }
        tale.settle(1_500, 2_000).dies(3_502, 5, Status::Signal(9)).ends(3_503, &[2, 3, 4], Status::Code(0));
        tale
    };
    told(true).holds();
    told(false).fails(&["INV-CONVERGE", "INV-FLOOR"]);
}

#[test]
fn nobody_is_accepted_by_workers_that_hang() {
    let told = |asked: bool| {
        let mut tale = Tale::full();
        if asked {
            (1..=4).for_each(|n| ask(&mut tale, 1_100, n, "Hang"));
        }
        tale.probe(1_500, 2_500, None, Outcome::NotAccepted);
        tale.settle(2_600, 2_000);
        for n in 1..=4 {
            tale.dies(5_600, n, Status::Signal(9));
        }
        tale.exits(5_605, Status::Code(0));
        tale.verdict("INV-FLOOR")
    };
    assert!(matches!(told(true), crate::verdict::Verdict::Pass { .. }), "{:?}", told(true));
    assert!(matches!(told(false), crate::verdict::Verdict::Fail { .. }), "{:?}", told(false));
}

#[test]
fn a_signal_that_the_supervisor_outlives_ends_no_promise() {
    let mut tale = Tale::full();
    signal(&mut tale, 1_050, SUPERVISOR, 13);
    tale.killed(1_100, 1).calm(1_500, &[2, 3, 4]).fails(&["INV-CONVERGE", "INV-FLOOR"]);
}

#[test]
fn time_for_which_a_worker_was_frozen_is_not_time_enough() {
    let told = |frozen: bool| {
        let mut tale = Tale::full();
        tale.announces(1_100, 1, Form::OnePhase).comes(1_102, 5);
        if frozen {
            freeze(&mut tale, 1_110, 2_105, 1);
        }
        tale.request("short", 1_050, 2_101, 300, Some(1), Outcome::Cut).dies(2_101, 1, Status::Signal(9));
        tale.calm(2_200, &[2, 3, 4, 5]);
        tale
    };
    told(true).holds();
    told(false).fails(&["INV-CONSERVE", "INV-DRAIN"]);
}

#[test]
fn a_worker_that_was_frozen_until_its_deadline_could_not_see_the_order() {
    let told = |frozen: bool| {
        let mut tale = Tale::full();
        tale.reload(1_085).comes(1_086, 5);
        if frozen {
            freeze(&mut tale, 1_090, 3_000, 1);
        }
        tale.request("held", 1_050, 2_100, 10_000, Some(1), Outcome::Empty).dies(2_101, 1, Status::Signal(9));
        for n in 2..=4 {
            tale.told(2_100 + 20 * u64::from(n), n).leaves(2_103 + 20 * u64::from(n), n);
        }
        for n in 6..=8 {
            tale.comes(2_000 + 20 * u64::from(n), n);
        }
        tale.calm(3_100, &[5, 6, 7, 8]);
        let failed = tale.judge().into_iter().filter(|one| one.lacks.is_some()).map(|one| one.id);
        failed.filter(|id| ["INV-CONSERVE", "INV-DRAIN"].contains(&id.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(told(true), Vec::<String>::new());
    assert_eq!(told(false), ["INV-CONSERVE", "INV-DRAIN"]);
}

#[test]
fn a_replacement_that_is_frozen_while_it_boots_is_late_for_a_reason() {
    let told = |frozen: bool| {
        let mut tale = Tale::full();
        tale.killed(1_100, 1).born(1_105, 5);
        if frozen {
            freeze(&mut tale, 1_110, 2_600, 5);
        }
        tale.ready(2_610, 5).calm(2_700, &[2, 3, 4, 5]);
        tale
    };
    told(true).holds();
    told(false).fails(&["INV-CONVERGE", "INV-FLOOR"]);
}

#[test]
fn a_replacement_that_is_frozen_when_it_serves_excuses_nothing_of_before() {
    let told = |probed: u64| {
        let mut tale = Tale::full();
        tale.killed(1_100, 1).comes(1_105, 5);
        tale.probe(probed, probed + 900, Some(2), Outcome::Ok);
        freeze(&mut tale, 3_000, 5_000, 5);
        tale.calm(5_100, &[2, 3, 4, 5]);
        tale
    };
    told(1_110).holds();
    told(2_000).fails(&["INV-FLOOR"]);
}

#[test]
fn whoever_is_on_its_way_for_a_rolling_restart_may_be_the_one_that_never_gets_ready() {
    let told = |then: Life| {
        let mut tale = Tale::full();
        tale.scenario.lives.first = vec![Life::Serve; 4];
        tale.scenario.lives.then = then;
        tale.reload(1_090).born(1_095, 5).killed(1_100, 1);
        tale.settle(1_500, 2_000).dies(3_502, 5, Status::Signal(9)).ends(3_503, &[2, 3, 4], Status::Code(0));
        tale.verdict("INV-FLOOR")
    };
    assert!(!matches!(told(Life::Hang { at: Phase::Boot }), crate::verdict::Verdict::Fail { .. }));
    assert!(matches!(told(Life::Serve), crate::verdict::Verdict::Fail { .. }));
}

#[test]
fn who_is_started_in_the_place_of_one_that_leaves_is_missed_when_its_start_fails() {
    let told = |delay: u64| {
        let mut tale = Tale::full();
        tale.scenario.lives.first = [vec![Life::Serve; 6], vec![Life::Hang { at: Phase::Boot }]].concat();
        // Two are missing, and of the two that come one is for the rolling restart. It takes the place of the other.
        tale.killed(1_050, 3).killed(1_050, 4).reload(1_090).comes(1_095, 5).comes(1_095, 6);
        tale.born(1_110, 7).told(1_111, 6).leaves(1_112, 6);
        tale.dies(3_000, 7, Status::Signal(9)).comes(3_000 + delay, 8).calm(3_900, &[1, 2, 5, 8]);
        tale.verdict("INV-FLOOR")
    };
    assert!(!matches!(told(200), Verdict::Fail { .. }), "{:?}", told(200));
    assert!(matches!(told(850), Verdict::Fail { .. }), "{:?}", told(850));
}

#[test]
fn who_is_tried_for_a_rolling_restart_is_missed_if_another_has_gone_when_its_start_fails() {
    let told = |delay: u64| {
        let mut tale = Tale::full();
        tale.scenario.lives.first = [vec![Life::Serve; 5], vec![Life::Hang { at: Phase::Boot }]].concat();
        tale.reload(1_090).comes(1_095, 5).told(1_107, 1).leaves(1_108, 1);
        // Nobody comes for the one that is killed: this one is on its way.
        tale.born(1_110, 6).killed(1_200, 4);
        tale.dies(3_000, 6, Status::Signal(9)).comes(3_000 + delay, 7).calm(3_900, &[2, 3, 5, 7]);
        tale.verdict("INV-FLOOR")
    };
    assert!(!matches!(told(200), Verdict::Fail { .. }), "{:?}", told(200));
    assert!(matches!(told(850), Verdict::Fail { .. }), "{:?}", told(850));
}

#[test]
fn nobody_hears_a_worker_that_was_asked_to_close_its_channel_first() {
    let told = |closed: bool| {
        let mut tale = Tale::full();
        if closed {
            ask(&mut tale, 1_100, 1, "CloseChannel");
        }
        ask(&mut tale, 1_101, 1, "Throw");
        tale.announces(1_102, 1, Form::OnePhase).leaves(1_900, 1).comes(1_905, 5).calm(2_000, &[2, 3, 4, 5]);
        tale
    };
    told(true).holds();
    told(false).fails(&["INV-FLOOR"]);
}

#[test]
fn who_can_t_run_closes_its_channel_when_it_can() {
    let told = |frozen: bool| {
        let mut tale = Tale::full();
        if frozen {
            freeze(&mut tale, 1_100, 1_300, 1);
        }
        ask(&mut tale, 1_102, 1, "Retire(OnePhase)");
        ask(&mut tale, 1_103, 1, "CloseChannel");
        tale.announces(1_301, 1, Form::OnePhase).comes(1_303, 5).leaves(1_600, 1).calm(2_000, &[2, 3, 4, 5]);
        tale.verdict("INV-INTENSITY")
    };
    assert!(matches!(told(true), Verdict::Pass { .. }), "{:?}", told(true));
    assert!(matches!(told(false), Verdict::Fail { .. }), "{:?}", told(false));
}

#[test]
fn a_silent_departure_is_a_need_when_it_is_known() {
    let told = |first: u64| {
        let mut tale = Tale::full();
        tale.scenario.pool.limit = Some(Limit { restarts: 1, within: Span::millis(500) });
        tale.add(1_100, What::StoppedAccepting(worker(1))).leaves(first, 1);
        tale.comes(first + 5, 5).killed(first + 200, 2);
        tale.ends(first + 202, &[3, 4, 5], Status::Code(75));
        tale.verdict("INV-GIVEUP")
    };
    assert!(matches!(told(2_300), crate::verdict::Verdict::Pass { .. }), "{:?}", told(2_300));
}

#[test]
fn an_order_to_leave_after_which_somebody_stays_is_not_the_beginning_of_the_end() {
    let told = |stays: bool| {
        let mut tale = Tale::full();
        tale.scenario.pool.limit = Some(Limit { restarts: 0, within: Span::millis(10_000) });
        tale.announces(1_100, 1, Form::TwoPhase).comes(1_102, 5).told(1_113, 1).leaves(1_120, 1);
        if !stays {
            (2..=5).for_each(|n| _ = tale.told(1_114, n));
        }
        tale.killed(6_000, 2).ends(6_002, &[3, 4, 5], Status::Code(75));
        tale.verdict("INV-GIVEUP")
    };
    assert!(matches!(told(true), Verdict::Pass { .. }), "{:?}", told(true));
    assert!(matches!(told(false), Verdict::Fail { .. }), "{:?}", told(false));
}

#[test]
fn a_worker_that_took_a_signal_for_the_order_may_be_on_its_way_out() {
    let told = |signalled: bool| {
        let mut tale = Tale::full();
        tale.scenario.lives.then = Life::IgnoreTerm;
        tale.scenario.pool.drain = Span::millis(3_000);
        if signalled {
            signal(&mut tale, 1_050, worker(1), 15);
            tale.add(1_051, What::ToldToStop(worker(1)));
        }
        tale.reload(1_090).comes(1_095, 5).dies(4_100, 1, Status::Signal(9));
        tale.calm(4_200, &[2, 3, 4, 5]);
        tale.verdict("INV-CONVERGE")
    };
    assert!(!matches!(told(true), crate::verdict::Verdict::Fail { .. }), "{:?}", told(true));
    assert!(matches!(told(false), crate::verdict::Verdict::Fail { .. }), "{:?}", told(false));
}

#[test]
fn a_supervisor_that_was_frozen_between_decision_and_order_counts_from_the_decision() {
    let told = |frozen: u64| {
        let mut tale = Tale::full();
        tale.frozen(1_100, frozen);
        tale.reload(1_090).comes(1_095, 5).told(2_010, 1);
        tale.request("held", 1_050, 2_105, 10_000, Some(1), Outcome::Empty).dies(2_106, 1, Status::Signal(9));
        tale.calm(2_200, &[2, 3, 4, 5]);
        tale.verdict("INV-DRAIN")
    };
    assert!(matches!(told(2_005), crate::verdict::Verdict::Pass { .. }), "{:?}", told(2_005));
    assert!(matches!(told(1_105), crate::verdict::Verdict::Fail { .. }), "{:?}", told(1_105));
}

#[test]
fn a_death_just_before_the_supervisor_was_frozen_may_look_later_to_it() {
    let told = |frozen: bool| {
        let mut tale = Tale::full();
        // Ready for 400 ms of the 500 that are stable; then one that fails again.
        tale.killed(1_100, 1).comes(1_105, 5);
        if frozen {
            tale.frozen(1_519, 1_700);
        }
        tale.killed(1_515, 5).comes(1_702, 6).calm(2_500, &[2, 3, 4, 6]);
        tale.verdict("INV-INTENSITY")
    };
    assert!(!matches!(told(true), crate::verdict::Verdict::Fail { .. }), "{:?}", told(true));
}

#[test]
fn a_reload_that_is_ordered_as_the_first_workers_are_started_comes_beside_those_that_are_still_to_be() {
    let started = |later: u32| {
        let mut tale = Tale::unborn();
        tale.add(100, What::SupervisorBorn(SUPERVISOR)).born(110, 1).ready(115, 1).reload(120);
        let born: Vec<u32> = (2..2 + later).collect();
        born.iter().for_each(|n| _ = tale.born(120 + u64::from(*n), *n).ready(125 + u64::from(*n), *n));
        let (leave, stay) = born.split_at(later as usize - 4);
        [&[1], leave].concat().iter().for_each(|n| _ = tale.told(190, *n).leaves(200, *n));
        tale.calm(1_500, stay);
        tale.verdict("INV-SERIAL")
    };
    // Three that were missing, and four for whom there is to be another one.
    assert!(matches!(started(7), Verdict::Pass { .. }));
    assert!(matches!(started(9), Verdict::Fail { .. }));
}

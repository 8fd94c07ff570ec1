//! REAP, CONTAIN, SERIAL, ISOLATE, TRUTH, and the expectations about the supervisor.

use crate::history::{ClaimKind, Death, Form, Leftover, PhaseMark, Role, Status, What};
use crate::scenario::{Command, Expect, Life, StatusIs};
use crate::subject::OnSupervisorDeath;
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, worker};

#[test]
fn a_zombie_that_stays_is_a_violation() {
    let died = |reaped: Option<u64>| {
        let mut tale = Tale::full();
        tale.add(1_100, What::Injected { proc: worker(1), signal: 9 });
        tale.add(1_100, What::Died { proc: worker(1), death: Death { status: None } });
        if let Some(at) = reaped {
            tale.add(at, What::Reaped(worker(1)));
        }
        tale.comes(1_110, 5).calm(1_900, &[2, 3, 4, 5]);
        tale
    };
    died(Some(1_300)).holds();
    died(Some(1_400)).fails(&["INV-REAP"]);
    died(None).fails(&["INV-REAP"]);
}

#[test]
fn process_1_reaps_what_falls_to_it() {
    let orphan = |init: bool, reaped: u64| {
        let child = crate::history::Proc { pid: 900, start: 900 };
        let mut tale = Tale::full();
        tale.scenario.launch.init = init;
        tale.add(1_050, What::Born { proc: child, parent: worker(1).pid, role: Role::Descendant });
        tale.add(1_080, What::Died { proc: child, death: Death { status: None } });
        // Until here its own parent has had to.
        tale.killed(1_500, 1).comes(1_510, 5).add(reaped, What::Reaped(child));
        tale.calm(2_500, &[2, 3, 4, 5]);
        tale
    };
    orphan(true, 1_700).holds();
    orphan(true, 1_800).fails(&["INV-REAP"]);
    // Elsewhere they may fall to somebody else.
    orphan(false, 1_800).holds();
}

#[test]
fn a_supervisor_waits_for_the_program_of_the_worker_that_it_starts() {
    let stalled = |whose: u32| {
        let mut tale = Tale::full();
        tale.add(1_100, What::Injected { proc: worker(1), signal: 9 });
        tale.add(1_100, What::Died { proc: worker(1), death: Death { status: None } });
        tale.born(1_110, 5).ready(1_390, 5);
        let stall =
            What::Stall { proc: Some(worker(whose)), since: super::super::testing::ms(1_110), delay_ns: 270_000_000 };
        tale.add(1_391, stall).add(1_395, What::Reaped(worker(1))).calm(2_000, &[2, 3, 4, 5]);
        tale
    };
    stalled(5).doubts("INV-REAP");
    stalled(2).fails(&["INV-REAP"]);
}

#[test]
fn a_worker_that_outlives_an_orderly_end_is_a_violation() {
    let mut tale = Tale::full();
    tale.scenario.expect = vec![Expect::NothingLeft { within: crate::scenario::Span::millis(1_000) }];
    tale.stop(1_500).told(1_501, 4);
    tale.ends(1_503, &[1, 2, 3], Status::Code(0));
    tale.fails(&["INV-CONTAIN", "EXPECT-1 NothingLeft"]);
}

#[test]
fn an_address_that_is_still_held_is_a_violation() {
    let mut tale = Tale::full();
    tale.stop(1_500).ends(1_503, &[1, 2, 3, 4], Status::Code(0));
    tale.left(3_000, Leftover::Address("127.0.0.1:80".to_owned())).fails(&["INV-CONTAIN"]);
}

#[test]
fn after_a_kill_of_the_supervisor_workers_may_drain() {
    let killed = |left: u64| {
        let mut tale = Tale::full();
        tale.add(1_500, What::Injected { proc: SUPERVISOR, signal: 9 });
        tale.add(1_500, What::SupervisorExited { proc: SUPERVISOR, status: Status::Signal(9) });
        for n in 1..=4 {
            tale.told(1_501, n).leaves(left, n);
        }
        tale.add(9_000, What::Phase(PhaseMark::End));
        tale
    };
    killed(2_400).holds();
    killed(3_600).fails(&["INV-CONTAIN"]);
    let mut stays = killed(3_600);
    stays.profile.on_supervisor_death = Some(OnSupervisorDeath::WorkersStay);
    assert!(matches!(stays.verdict("INV-CONTAIN"), Verdict::NotApplicable { .. }));
}

#[test]
fn what_a_worker_started_ends_with_it() {
    let child = crate::history::Proc { pid: 900, start: 900 };
    let family = |ends: bool| {
        let mut tale = Tale::full();
        tale.add(1_050, What::Born { proc: child, parent: worker(1).pid, role: Role::Descendant });
        tale.killed(1_100, 1).comes(1_110, 5);
        if ends {
            tale.add(1_101, What::Died { proc: child, death: Death { status: None } });
        }
        tale.calm(3_000, &[2, 3, 4, 5]);
        tale
    };
    family(true).holds();
    family(false).fails(&["INV-CONTAIN"]);
}

#[test]
fn nobody_is_started_after_a_stop() {
    let mut tale = Tale::full();
    tale.stop(1_500).told(1_501, 1).leaves(1_510, 1).comes(1_900, 5);
    tale.ends(2_000, &[2, 3, 4, 5], Status::Code(0)).fails(&["INV-SERIAL"]);
}

#[test]
fn a_stop_that_is_lost_is_a_violation() {
    let mut tale = Tale::full();
    tale.reload(1_490).add(1_500, What::Commanded(Command::Stop));
    for n in 1..=4_u32 {
        let at = 1_500 + 20 * u64::from(n);
        tale.comes(at, n + 4).told(at + 11, n).leaves(at + 15, n);
    }
    tale.add(6_000, What::Phase(PhaseMark::Over)).add(6_000, What::Phase(PhaseMark::End));
    tale.fails(&["INV-SERIAL"]);
}

#[test]
fn a_stop_waits_for_the_drain_deadline_and_no_longer() {
    let stopped = |exit: u64| {
        let mut tale = Tale::full();
        tale.scenario.lives.then = Life::IgnoreTerm;
        tale.stop(1_500);
        for n in 1..=4 {
            tale.add(1_501, What::ToldToStop(worker(n))).dies(2_501, n, Status::Signal(9));
        }
        tale.exits(exit, Status::Code(0));
        tale
    };
    stopped(2_502).holds();
    stopped(3_600).fails(&["INV-SERIAL"]);
}

#[test]
fn of_a_burst_of_reloads_one_waits() {
    let burst = |rounds: u32| {
        let mut tale = Tale::full();
        tale.add(1_100, What::Commanded(Command::Reloads { times: 10, spacing: crate::scenario::Span::millis(1) }));
        for n in 1..=4 * rounds {
            let at = 1_120 + 20 * u64::from(n);
            tale.comes(at, n + 4).told(at + 11, n).leaves(at + 15, n);
        }
        let last = 4 * rounds;
        tale.calm(1_200 + 80 * u64::from(rounds), &[last + 1, last + 2, last + 3, last + 4]);
        tale
    };
    burst(1).holds();
    burst(2).holds();
    burst(4).fails(&["INV-SERIAL"]);
}

#[test]
fn a_reload_is_carried_out_once() {
    let rolled = |times: u32| {
        let mut tale = Tale::full();
        tale.reload(1_100);
        for n in 0..4 * times {
            let at = 1_110 + 20 * u64::from(n);
            tale.comes(at, n + 5).told(at + 10, n + 1).leaves(at + 12, n + 1);
        }
        let first = 4 * times + 1;
        tale.calm(1_500 + 80 * u64::from(times), &[first, first + 1, first + 2, first + 3]);
        tale
    };
    rolled(1).holds();
    rolled(2).fails(&["INV-SERIAL"]);
}

#[test]
fn who_left_while_the_supervisor_was_frozen_is_replaced_beside_the_reload() {
    let rolled = |frozen: bool| {
        let mut tale = Tale::full();
        if frozen {
            tale.frozen(1_050, 5_000);
        }
        for n in [1, 2] {
            tale.announces(1_100, n, Form::OnePhase).leaves(1_110, n);
        }
        tale.reload(5_000);
        for n in 5..=10 {
            tale.comes(5_000 + 20 * u64::from(n), n);
        }
        for n in 3..=6 {
            tale.told(5_205 + u64::from(n), n).leaves(5_215 + u64::from(n), n);
        }
        tale.calm(5_400, &[7, 8, 9, 10]);
        tale
    };
    rolled(true).passes("INV-SERIAL");
    assert!(matches!(rolled(false).verdict("INV-SERIAL"), Verdict::Fail { .. }));
}

#[test]
fn the_last_reload_is_carried_out() {
    let mut tale = Tale::full();
    tale.reload(1_100).calm(1_500, &[1, 2, 3, 4]).fails(&["INV-SERIAL"]);
}

#[test]
fn a_reload_that_is_not_carried_out_hides_no_stop_that_is_not() {
    let mut tale = Tale::full();
    tale.reload(1_100).settle(1_500, 2_000).ends(6_000, &[1, 2, 3, 4], Status::Code(0));
    let Verdict::Fail { because, .. } = tale.verdict("INV-SERIAL") else { panic!("it holds") };
    assert!(because.starts_with("the stop was ordered"), "{because}");
}

#[test]
fn a_second_supervisor_that_nobody_started_is_a_violation() {
    let mut tale = Tale::full();
    tale.add(1_100, What::SupervisorBorn(crate::history::Proc { pid: 2, start: 2 })).calm(1_500, &[1, 2, 3, 4]);
    assert!(matches!(tale.verdict("INV-ISOLATE"), Verdict::Fail { .. }));
}

#[test]
fn the_status_after_a_stop_is_as_declared() {
    let mut tale = Tale::full();
    tale.scenario.expect = vec![Expect::Exits { status: StatusIs::Zero }];
    tale.stop(1_500).ends(1_503, &[1, 2, 3, 4], Status::Signal(15)).fails(&["INV-TRUTH", "EXPECT-1 Exits"]);
}

#[test]
fn claims_are_held_against_what_was_seen() {
    let mut tale = Tale::full();
    tale.killed(1_100, 1).claims(1_101, 1, ClaimKind::Exited(Status::Signal(9))).comes(1_110, 5);
    tale.claims(1_121, 5, ClaimKind::Ready).calm(1_900, &[2, 3, 4, 5]).holds();
    let mut tale = Tale::full();
    tale.killed(1_100, 1).claims(1_101, 1, ClaimKind::Exited(Status::Code(0))).comes(1_110, 5);
    tale.calm(1_900, &[2, 3, 4, 5]).fails(&["INV-TRUTH"]);
    let mut tale = Tale::full();
    tale.killed(1_100, 1).comes(1_110, 5).claims(1_111, 5, ClaimKind::Ready);
    tale.calm(1_900, &[2, 3, 4, 5]).fails(&["INV-TRUTH"]);
}

#[test]
fn the_pool_is_full_again_in_time() {
    let again = |ready: u64| {
        let mut tale = Tale::full();
        tale.scenario.expect =
            vec![Expect::FullAgain { within: crate::scenario::Span::millis(100) }, Expect::ReadyAtLeast { workers: 3 }];
        tale.killed(1_100, 1).born(1_110, 5).ready(ready, 5).calm(1_500, &[2, 3, 4, 5]);
        tale
    };
    again(1_150).holds();
    again(1_250).fails(&["EXPECT-1 FullAgain"]);
    let mut lower = again(1_150);
    lower.scenario.expect = vec![Expect::ReadyAtLeast { workers: 4 }];
    lower.fails(&["EXPECT-1 ReadyAtLeast"]);
}

#[test]
fn what_a_step_expects_is_judged_until_the_next_step() {
    let mut tale = Tale::full();
    let step = |expect| crate::scenario::Step {
        within: crate::scenario::Span::millis(1_000),
        expect,
        ..crate::scenario::Step::default()
    };
    tale.scenario.steps = vec![step(vec![Expect::ReadyAtLeast { workers: 4 }]), step(Vec::new())];
    tale.add(1_010, What::Step { step: vec![0], said: String::new() });
    tale.add(1_090, What::Step { step: vec![1], said: String::new() });
    tale.killed(1_100, 1).comes(1_110, 5).calm(1_500, &[2, 3, 4, 5]).holds();
    tale.passes("EXPECT-step1-1");
    tale.scenario.steps[1].expect = vec![Expect::ReadyAtLeast { workers: 4 }];
    tale.fails(&["EXPECT-step2-1 ReadyAtLeast"]);
}

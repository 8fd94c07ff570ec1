//! Births, deaths, retirements and the limit.

use super::bench::*;
use crate::core::{Action, ErrorEvent, Event, Input, Order, SpawnStep, Word};
use crate::policy::{ExitCode, Limit, Policy, Readiness, Restart};

#[test]
fn the_start_asks_for_one_worker_per_slot_and_each_is_reported_when_it_runs() {
    let mut bench = Bench::started(policy(3));
    assert_eq!(bench.next(), None);
    assert_eq!(
        bench.spawned(w(0, 1)),
        [emit(Event::Fork { worker: w(0, 1) }), emit(Event::Online { worker: w(0, 1) })]
    );
    assert_eq!(bench.word(w(0, 1), Word::Ready), [emit(Event::Ready { worker: w(0, 1) })]);
    assert_eq!(bench.word(w(0, 1), Word::Ready), []);
    let again = bench.give(Input::Start);
    assert_eq!(again, [emit(Event::Error { worker: None, what: ErrorEvent::Unexpected("a second start") })]);
}

#[test]
fn ready_at_spawn_needs_no_word() {
    let mut bench = Bench::started(Policy { ready: Readiness::AtSpawn, ..policy(1) });
    let [.., last] = &bench.spawned(w(0, 1))[..] else { panic!() };
    assert_eq!(*last, emit(Event::Ready { worker: w(0, 1) }));
    assert_eq!(bench.next(), None);
}

#[test]
fn after_a_stable_run_the_restart_is_immediate_then_delays_grow() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(5000));
    assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0), restart(w(0, 2), 0), spawn(w(0, 2))]);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 2), 1), [exit(w(0, 2), 1), restart(w(0, 3), 100)]);
    assert_eq!(bench.next(), Some(MS(100)));
    assert_eq!(bench.pass(MS(99)), []);
    assert_eq!(bench.pass(MS(1)), [spawn(w(0, 3))]);
    bench.boot(w(0, 3));
    assert_eq!(bench.exits(w(0, 3), 1), [exit(w(0, 3), 1), restart(w(0, 4), 200)]);
}

#[test]
fn the_need_for_one_restart_too_many_gives_up_and_ends_with_75() {
    let mut bench = Bench::steady(policy(2));
    for generation in 1..=3 {
        bench.exits(w(0, generation), 1);
        bench.pass(MS(1000));
        bench.spawned(w(0, generation + 1));
    }
    let told = bench.exits(w(0, 4), 1);
    let mut expected = vec![
        exit(w(0, 4), 1),
        emit(Event::GiveUp { pool: 0, restarts: 3, within: MS(10_000) }),
        emit(Event::Draining { pool: 0, workers: 1 }),
    ];
    expected.extend(term(w(1, 1)));
    assert_eq!(told, expected);
    let mut late = vec![emit(Event::DrainDeadline { worker: w(1, 1) })];
    late.extend(kill(w(1, 1)));
    assert_eq!(bench.pass(MS(2000)), late);
    assert_eq!(bench.next(), None);
    assert_eq!(ending(&bench.exits(w(1, 1), 9)), Some(ExitCode::GaveUp));
    assert_eq!(bench.exits(w(1, 1), 9), []);
}

#[test]
fn restarts_that_leave_the_window_make_room() {
    let mut bench = Bench::steady(policy(1));
    for generation in 1..=9 {
        bench.pass(MS(5001));
        let told = bench.exits(w(0, generation), 1);
        assert_eq!(starts(&told), [w(0, generation + 1)]);
        bench.boot(w(0, generation + 1));
    }
}

#[test]
fn the_limit_is_checked_again_when_a_restart_falls_due() {
    let mut bench = Bench::steady(policy(4));
    for slot in 0..4 {
        let told = bench.exits(w(slot, 1), 1);
        assert_eq!(told, [exit(w(slot, 1), 1), restart(w(slot, 2), 100)]);
    }
    let told = bench.pass(MS(100));
    assert_eq!(starts(&told), [w(0, 2), w(1, 2), w(2, 2)]);
    assert!(told.contains(&emit(Event::GiveUp { pool: 0, restarts: 3, within: MS(10_000) })));
}

#[test]
fn more_slots_than_the_limit_can_start() {
    let bench = Bench::steady(policy(20));
    assert_eq!(bench.next(), None);
}

#[test]
fn a_ready_timeout_kills_and_the_restart_waits_for_the_end() {
    let mut bench = Bench::started(policy(1));
    bench.spawned(w(0, 1));
    let mut expected = vec![emit(Event::Error { worker: Some(w(0, 1)), what: ErrorEvent::ReadyTimeout })];
    expected.extend(kill(w(0, 1)));
    assert_eq!(bench.pass(MS(3000)), expected);
    assert_eq!(bench.word(w(0, 1), Word::Ready), []);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.exits(w(0, 1), 9), [exit(w(0, 1), 9), restart(w(0, 2), 100)]);
}

#[test]
fn a_shortage_at_spawn_is_retried_with_growing_delays_and_never_charged() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(6000));
    bench.exits(w(0, 1), 1);
    let mut delays = Vec::new();
    for generation in 2..40 {
        let told = bench.spawn_fails(w(0, generation), SpawnStep::Fork, 11);
        assert!(told.contains(&Action::Emit(Event::Restart {
            worker: w(0, generation + 1),
            delay: bench.next().expect("a retry is due"),
        })));
        delays.push(bench.next().expect("a retry is due"));
        let due = bench.next().expect("a retry is due");
        assert_eq!(starts(&bench.pass(due)), [w(0, generation + 1)]);
    }
    assert_eq!(delays[..5], [MS(100), MS(200), MS(400), MS(800), MS(1000)]);
    assert_eq!(bench.boot(w(0, 40)), [emit(Event::Ready { worker: w(0, 40) })]);
}

/// Either the step or the error says so.
#[test]
fn a_shortage_at_any_step_and_any_error_before_the_child_cost_nothing() {
    for (step, errno) in
        [(SpawnStep::Descriptors, 1), (SpawnStep::Fork, 1), (SpawnStep::Setup, 12), (SpawnStep::Exec, 24)]
    {
        let mut bench = Bench::started(Policy { limit: Some(Limit { restarts: 0, within: MS(1000) }), ..policy(1) });
        let told = bench.spawn_fails(w(0, 1), step, errno);
        assert_eq!(told.last(), Some(&restart(w(0, 2), 100)), "{step:?} {errno}");
    }
}

#[test]
fn a_program_that_cannot_run_is_tried_again_up_to_the_limit() {
    let mut bench = Bench::started(policy(1));
    for generation in 1..=3 {
        let told = bench.spawn_fails(w(0, generation), SpawnStep::Exec, 2);
        assert_eq!(ending(&told), None);
        bench.pass(MS(1000));
    }
    assert_eq!(ending(&bench.spawn_fails(w(0, 4), SpawnStep::Exec, 2)), Some(ExitCode::GaveUp));
}

#[test]
fn a_program_that_comes_back_is_found_again() {
    let mut bench = Bench::started(policy(1));
    bench.spawn_fails(w(0, 1), SpawnStep::Exec, 2);
    assert_eq!(starts(&bench.pass(MS(100))), [w(0, 2)]);
    assert_eq!(bench.boot(w(0, 2)), [emit(Event::Ready { worker: w(0, 2) })]);
}

#[test]
fn two_phase_the_old_one_is_told_to_drain_when_the_new_one_is_ready() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(6000));
    let announce = emit(Event::Announce { worker: w(0, 1), two_phase: true });
    assert_eq!(bench.word(w(0, 1), Word::Retire), [announce, restart(w(0, 2), 0), spawn(w(0, 2))]);
    let told = bench.boot(w(0, 2));
    let drain = Action::Tell(w(0, 1), Order::Drain);
    assert_eq!(told, [emit(Event::Ready { worker: w(0, 2) }), drain, emit(Event::Retire { worker: w(0, 1) })]);
    assert_eq!(bench.next(), Some(MS(2000)));
    assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn a_worker_that_announced_and_closed_its_channel_gets_term_instead() {
    let mut bench = Bench::steady(policy(1));
    bench.word(w(0, 1), Word::Retire);
    assert_eq!(bench.give(Input::Disconnected(w(0, 1))), [emit(Event::Disconnect { worker: w(0, 1) })]);
    let mut expected = vec![emit(Event::Ready { worker: w(0, 2) })];
    expected.extend(term(w(0, 1)));
    assert_eq!(bench.boot(w(0, 2)), expected);
}

#[test]
fn one_phase_the_old_one_has_a_deadline_at_once() {
    let mut bench = Bench::steady(policy(1));
    let expected = [
        emit(Event::Announce { worker: w(0, 1), two_phase: false }),
        emit(Event::Retire { worker: w(0, 1) }),
        restart(w(0, 2), 0),
        spawn(w(0, 2)),
    ];
    assert_eq!(bench.word(w(0, 1), Word::Suicide), expected);
    assert_eq!(bench.next(), Some(MS(2000)));
    assert_eq!(bench.boot(w(0, 2)), [emit(Event::Ready { worker: w(0, 2) })]);
}

#[test]
fn a_worker_that_announces_over_and_over_is_told_of_once() {
    let mut bench = Bench::steady(policy(1));
    bench.word(w(0, 1), Word::Retire);
    bench.boot(w(0, 2));
    let twice = ErrorEvent::Unexpected("an announcement said twice");
    assert_eq!(bench.word(w(0, 1), Word::Retire), [emit(Event::Error { worker: Some(w(0, 1)), what: twice })]);
    assert_eq!(bench.word(w(0, 1), Word::Retire), []);
}

#[test]
fn an_announcement_that_changed_something_is_not_one_too_many() {
    let mut bench = Bench::steady(policy(1));
    bench.word(w(0, 1), Word::Retire);
    assert!(bench.word(w(0, 1), Word::Suicide).contains(&emit(Event::Retire { worker: w(0, 1) })));
    let twice = ErrorEvent::Unexpected("an announcement said twice");
    assert_eq!(bench.word(w(0, 1), Word::Suicide), [emit(Event::Error { worker: Some(w(0, 1)), what: twice })]);
    assert_eq!(bench.word(w(0, 1), Word::Suicide), []);
}

#[test]
fn one_replacement_whatever_the_order_of_announcement_channel_and_exit() {
    let inputs = [
        Input::Word(w(0, 1), Word::Retire),
        Input::Word(w(0, 1), Word::Suicide),
        Input::Disconnected(w(0, 1)),
        Input::Exited(w(0, 1), crate::core::ExitStatus::Code(0)),
    ];
    for order in permutations(&inputs) {
        let mut bench = Bench::steady(policy(1));
        let mut born = Vec::new();
        for input in &order {
            born.extend(starts(&bench.give(input.clone())));
            born.extend(starts(&bench.pass(MS(150))));
        }
        assert_eq!(born, [w(0, 2)], "{order:?}");
        bench.boot(w(0, 2));
        assert_eq!(starts(&bench.exits(w(0, 1), 0)), []);
        assert_eq!(bench.next(), None, "{order:?}");
    }
}

fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for i in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(i);
        all.extend(permutations(&rest).into_iter().map(|mut tail| {
            tail.insert(0, first.clone());
            tail
        }));
    }
    all
}

#[test]
fn retiring_at_every_first_request_meets_the_limit() {
    for word in [Word::Retire, Word::Suicide] {
        let mut bench = Bench::steady(policy(1));
        for generation in 1..=3 {
            assert_eq!(starts(&bench.word(w(0, generation), word)), [w(0, generation + 1)]);
            bench.boot(w(0, generation + 1));
        }
        let told = bench.word(w(0, 4), word);
        assert_eq!(starts(&told), []);
        assert!(told.contains(&emit(Event::GiveUp { pool: 0, restarts: 3, within: MS(10_000) })));
    }
}

#[test]
fn a_stable_worker_retires_in_two_phases_free_of_charge_but_suicide_costs() {
    let mut bench = Bench::steady(policy(10));
    bench.pass(MS(5000));
    for slot in 0..10 {
        assert_eq!(starts(&bench.word(w(slot, 1), Word::Retire)), [w(slot, 2)]);
    }
    let mut bench = Bench::steady(policy(10));
    bench.pass(MS(5000));
    let born: Vec<_> = (0..10).flat_map(|slot| starts(&bench.word(w(slot, 1), Word::Suicide))).collect();
    assert_eq!(born, [w(0, 2), w(1, 2), w(2, 2)]);
}

#[test]
fn a_successor_that_fails_is_tried_again_while_the_old_one_serves() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(6000));
    bench.word(w(0, 1), Word::Retire);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 2), 1), [exit(w(0, 2), 1), restart(w(0, 3), 100)]);
    assert_eq!(bench.exits(w(0, 1), 1), [exit(w(0, 1), 1)]);
    assert_eq!(starts(&bench.pass(MS(100))), [w(0, 3)]);
}

#[test]
fn to_announce_before_being_ready_is_a_failed_start() {
    for word in [Word::Retire, Word::Suicide] {
        let mut bench = Bench::started(policy(1));
        bench.spawned(w(0, 1));
        let told = bench.word(w(0, 1), word);
        assert!(told.contains(&restart(w(0, 2), 100)));
        assert_eq!(starts(&told), []);
        assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0)]);
    }
}

#[test]
fn a_closed_channel_is_no_reason_to_replace_anybody() {
    let mut bench = Bench::steady(policy(1));
    assert_eq!(bench.give(Input::Disconnected(w(0, 1))), [emit(Event::Disconnect { worker: w(0, 1) })]);
    assert_eq!(bench.next(), None);
    bench.pass(MS(6000));
    assert_eq!(starts(&bench.exits(w(0, 1), 0)), [w(0, 2)]);
    // Held open by something that the dead one left behind.
    let mut bench = Bench::steady(policy(1));
    bench.exits(w(0, 1), 0);
    assert_eq!(bench.give(Input::Disconnected(w(0, 1))), [emit(Event::Disconnect { worker: w(0, 1) })]);
}

#[test]
fn slots_end_for_good_where_the_rule_says_so_and_the_pool_with_the_last() {
    let on_failure = Restart::OnFailure { success: vec![0, 3] };
    let mut bench = Bench::steady(Policy { restart: on_failure, ..policy(2) });
    assert_eq!(bench.exits(w(0, 1), 3), [exit(w(0, 1), 3)]);
    assert_eq!(bench.exits(w(1, 1), 1), [exit(w(1, 1), 1), restart(w(1, 2), 100)]);
    bench.pass(MS(100));
    bench.boot(w(1, 2));
    assert_eq!(ending(&bench.exits(w(1, 2), 0)), Some(ExitCode::Stopped));
    let mut bench = Bench::steady(Policy { restart: Restart::Never, ..policy(1) });
    assert_eq!(ending(&bench.exits(w(0, 1), 1)), Some(ExitCode::Stopped));
}

#[test]
fn an_announcer_whose_successor_is_not_to_be_restarted_is_let_go() {
    let mut bench = Bench::steady(Policy { restart: Restart::Never, ..policy(1) });
    bench.word(w(0, 1), Word::Retire);
    bench.spawned(w(0, 2));
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [Action::Tell(w(0, 1), Order::Drain), emit(Event::Retire { worker: w(0, 1) })]);
    assert_eq!(ending(&bench.exits(w(0, 1), 0)), Some(ExitCode::Stopped));
}

#[test]
fn a_stable_run_ends_the_row_of_failures_whatever_ended_it() {
    for announced in [false, true] {
        let mut bench = Bench::steady(policy(1));
        bench.exits(w(0, 1), 1);
        bench.pass(MS(100));
        bench.spawned(w(0, 2));
        bench.exits(w(0, 2), 1);
        bench.pass(MS(200));
        bench.boot(w(0, 3));
        bench.pass(MS(5000));
        let told = if announced { bench.word(w(0, 3), Word::Retire) } else { bench.exits(w(0, 3), 1) };
        assert_eq!(told[1], restart(w(0, 4), 0));
        bench.boot(w(0, 4));
        bench.pass(MS(10_000));
        bench.give(Input::Word(w(0, 4), Word::Suicide));
        bench.boot(w(0, 5));
        assert_eq!(bench.exits(w(0, 5), 1), [exit(w(0, 5), 1), restart(w(0, 6), 100)], "{announced}");
    }
}

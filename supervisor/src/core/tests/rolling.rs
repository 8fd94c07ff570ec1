//! Rolling restarts.

use super::bench::*;
use crate::core::{Action, Command, Event, Order, ReloadPhase, SpawnStep, Word};
use crate::policy::{ExitCode, Policy};

#[test]
fn slot_by_slot_each_replacement_ready_before_the_old_one_goes() {
    let mut bench = Bench::steady(policy(2));
    assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Began), spawn(w(0, 2))]);
    let mut expected = vec![emit(Event::Ready { worker: w(0, 2) })];
    expected.extend(term(w(0, 1)));
    expected.push(spawn(w(1, 2)));
    assert_eq!(bench.boot(w(0, 2)), expected);
    let mut expected = vec![emit(Event::Ready { worker: w(1, 2) })];
    expected.extend(term(w(1, 1)));
    expected.push(reload(ReloadPhase::Done));
    assert_eq!(bench.boot(w(1, 2)), expected);
}

#[test]
fn of_many_reloads_one_runs_one_waits_and_the_rest_are_absorbed() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Reload);
    assert_eq!(bench.command(Command::Reload), []);
    for _ in 0..198 {
        assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Absorbed)]);
    }
    let told = bench.boot(w(0, 2));
    assert_eq!(told[3..], [reload(ReloadPhase::Done), reload(ReloadPhase::Began), spawn(w(0, 3))]);
    let told = bench.boot(w(0, 3));
    assert_eq!(told[3..], [reload(ReloadPhase::Done)]);
}

#[test]
fn a_replacement_that_fails_aborts_and_the_old_ones_stay() {
    let mut bench = Bench::steady(policy(2));
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 2), 1), [exit(w(0, 2), 1), reload(ReloadPhase::Aborted)]);
    assert_eq!(bench.next(), None);
    // It cost nothing, and the next one works.
    assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Began), spawn(w(0, 3))]);
    let told = bench.spawn_fails(w(0, 3), SpawnStep::Exec, 2);
    assert_eq!(told[1..], [reload(ReloadPhase::Aborted)]);
    bench.command(Command::Reload);
    bench.boot(w(0, 4));
    let told = bench.boot(w(1, 2));
    assert_eq!(told.last(), Some(&reload(ReloadPhase::Done)));
}

#[test]
fn a_replacement_that_is_never_ready_aborts_when_it_is_gone() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    bench.pass(MS(3000));
    assert_eq!(bench.exits(w(0, 2), 9), [exit(w(0, 2), 9), reload(ReloadPhase::Aborted)]);
}

#[test]
fn one_that_waits_runs_also_after_an_abort() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Reload);
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [reload(ReloadPhase::Aborted), reload(ReloadPhase::Began), spawn(w(0, 3))]);
}

#[test]
fn a_slot_that_is_restarting_is_waited_for_and_not_replaced_again() {
    let mut bench = Bench::steady(policy(2));
    bench.exits(w(0, 1), 1);
    assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Began)]);
    assert_eq!(bench.pass(MS(100)), [spawn(w(0, 2))]);
    let told = bench.boot(w(0, 2));
    assert_eq!(told, [emit(Event::Ready { worker: w(0, 2) }), spawn(w(1, 2))]);
}

#[test]
fn a_worker_that_was_booting_is_old_and_is_replaced_once_it_is_ready() {
    let mut bench = Bench::started(policy(1));
    bench.spawned(w(0, 1));
    assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Began)]);
    let told = bench.word(w(0, 1), Word::Ready);
    assert_eq!(told, [emit(Event::Ready { worker: w(0, 1) }), spawn(w(0, 2))]);
}

#[test]
fn an_old_worker_that_dies_has_its_replacement_on_the_way() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 1), 1), [exit(w(0, 1), 1)]);
    // Now it is a start like any other, and its failure is retried.
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told, [exit(w(0, 2), 1), reload(ReloadPhase::Aborted), restart(w(0, 3), 100)]);
}

#[test]
fn deaths_in_other_slots_are_restarted_as_usual_and_count_as_done() {
    let mut bench = Bench::steady(policy(3));
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(1, 1), 1), [exit(w(1, 1), 1), restart(w(1, 2), 100)]);
    bench.pass(MS(100));
    bench.boot(w(1, 2));
    let told = bench.word(w(0, 2), Word::Ready);
    assert_eq!(starts(&told), [w(2, 2)]);
}

#[test]
fn a_worker_that_announces_meanwhile_gets_no_second_replacement() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    let told = bench.word(w(0, 1), Word::Retire);
    assert_eq!(told, [emit(Event::Announce { worker: w(0, 1), two_phase: true })]);
    // It wants to go, so an abort alone would not do.
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [reload(ReloadPhase::Aborted), restart(w(0, 3), 100)]);
    bench.pass(MS(100));
    let told = bench.boot(w(0, 3));
    assert_eq!(told[1], Action::Tell(w(0, 1), Order::Drain));
}

#[test]
fn a_stop_cancels_it_and_tells_every_worker_once() {
    let mut bench = Bench::steady(policy(2));
    bench.command(Command::Reload);
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    let told = bench.command(Command::Stop);
    let mut expected = vec![
        emit(Event::Stop { pool: None, hurry: false }),
        reload(ReloadPhase::Cancelled),
        emit(Event::Draining { pool: 0, workers: 3 }),
    ];
    for id in [w(0, 1), w(0, 2), w(1, 1)] {
        expected.extend(term(id));
    }
    assert_eq!(told, expected);
}

#[test]
fn as_many_slots_at_the_same_time_as_the_policy_allows() {
    let mut bench = Bench::steady(Policy { surge: 2, at_once: 3, ..policy(3) });
    assert_eq!(starts(&bench.command(Command::Reload)), [w(0, 2), w(1, 2)]);
    // The second is ready before the first.
    assert_eq!(starts(&bench.boot(w(1, 2))), [w(2, 2)]);
    assert_eq!(starts(&bench.boot(w(0, 2))), []);
    assert_eq!(bench.boot(w(2, 2)).last(), Some(&reload(ReloadPhase::Done)));
}

#[test]
fn what_is_on_its_way_when_another_start_fails_still_takes_over() {
    let mut bench = Bench::steady(Policy { surge: 2, at_once: 2, ..policy(3) });
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 2), 1), [exit(w(0, 2), 1), reload(ReloadPhase::Aborted)]);
    let mut expected = vec![ready(w(1, 2))];
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.boot(w(1, 2)), expected);
    assert_eq!(bench.exits(w(1, 1), 0), [exit(w(1, 1), 0)]);
}

#[test]
fn what_is_on_its_way_from_an_earlier_order_counts() {
    let mut bench = Bench::steady(policy(3));
    bench.command(Command::Restart(2));
    assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Began)]);
    assert_eq!(starts(&bench.boot(w(2, 2))), [w(0, 2)]);
    bench.boot(w(0, 2));
    bench.boot(w(1, 2));
    assert_eq!(bench.boot(w(2, 3)).last(), Some(&reload(ReloadPhase::Done)), "it had begun before");
}

#[test]
fn without_surge_the_old_one_is_gone_before_the_new_one_starts() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(2) });
    let mut expected = vec![reload(ReloadPhase::Began)];
    expected.extend(term(w(0, 1)));
    assert_eq!(bench.command(Command::Reload), expected);
    assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0), spawn(w(0, 2))]);
    let mut expected = vec![ready(w(0, 2))];
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.boot(w(0, 2)), expected);
    // One that does not leave is killed, as ever.
    assert_eq!(bench.pass(MS(2000))[1..], kill(w(1, 1)));
    assert_eq!(bench.exits(w(1, 1), 9), [exit(w(1, 1), 9), spawn(w(1, 2))]);
    assert_eq!(bench.boot(w(1, 2)), [ready(w(1, 2)), reload(ReloadPhase::Done)]);
}

#[test]
fn without_surge_each_rolling_restart_sees_to_a_slot_once() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(1) });
    for generation in 2..5 {
        bench.command(Command::Reload);
        bench.exits(w(0, generation - 1), 0);
        assert_eq!(bench.boot(w(0, generation)), [ready(w(0, generation)), reload(ReloadPhase::Done)]);
    }
}

#[test]
fn without_surge_a_stop_in_between_starts_nobody() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(1) });
    bench.command(Command::Reload);
    bench.command(Command::Stop);
    assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0), Action::Exit(ExitCode::Stopped)]);
}

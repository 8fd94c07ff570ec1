//! Another number of workers; one worker replaced by order.

use super::bench::*;
use crate::core::{Action, Command, ErrorEvent, Event, Order, ReloadPhase, Scale, SpawnStep, Word, WorkerId};
use crate::policy::{ExitCode, Limit, Policy, Restart, defaults};

fn to(wanted: u32) -> Command {
    Command::Scale(Scale::To(wanted))
}

fn by(difference: i32) -> Command {
    Command::Scale(Scale::By(difference))
}

fn scaled(workers: u32) -> Action {
    emit(Event::Scale { pool: 0, workers })
}

fn noted(what: &'static str) -> Action {
    emit(Event::Error { worker: None, what: ErrorEvent::Unexpected(what) })
}

#[test]
fn more_are_started_at_once_and_cost_nothing() {
    let strict = Policy { limit: Some(Limit { restarts: 0, within: MS(1000) }), ..policy(1) };
    let mut bench = Bench::steady(strict);
    assert_eq!(bench.command(to(3)), [scaled(3), spawn(w(1, 1)), spawn(w(2, 1))]);
    bench.boot(w(1, 1));
    bench.boot(w(2, 1));
    assert_eq!(bench.command(by(1)), [scaled(4), spawn(w(3, 1))]);
    assert_eq!(bench.command(to(4)), [scaled(4)]);
}

#[test]
fn fewer_retire_from_the_end_with_the_usual_deadline() {
    let mut bench = Bench::steady(policy(3));
    let mut expected = vec![scaled(1)];
    expected.extend(term(w(1, 1)));
    expected.extend(term(w(2, 1)));
    assert_eq!(bench.command(by(-2)), expected);
    assert_eq!(bench.exits(w(1, 1), 0), [exit(w(1, 1), 0)]);
    assert_eq!(bench.pass(MS(2000))[1..], kill(w(2, 1)));
    assert_eq!(bench.exits(w(2, 1), 9), [exit(w(2, 1), 9)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn one_stays_and_there_is_an_upper_limit() {
    let mut bench = Bench::steady(policy(2));
    assert_eq!(bench.command(by(-9))[0], scaled(1));
    assert_eq!(bench.command(to(0)), [scaled(1)]);
    assert_eq!(bench.command(to(u32::MAX))[0], scaled(defaults::WORKERS_LIMIT));
    assert_eq!(bench.command(by(i32::MAX)), [scaled(defaults::WORKERS_LIMIT)]);
    assert_eq!(bench.command(by(i32::MIN))[0], scaled(1));
}

#[test]
fn a_slot_that_comes_back_goes_on_counting_and_the_old_one_drains_beside_it() {
    let mut bench = Bench::steady(policy(2));
    bench.command(to(1));
    assert_eq!(bench.command(to(2)), [scaled(2), spawn(w(1, 2))]);
    bench.boot(w(1, 2));
    assert_eq!(bench.exits(w(1, 1), 0), [exit(w(1, 1), 0)]);
    assert_eq!(bench.exits(w(1, 2), 0), [exit(w(1, 2), 0), restart(w(1, 3), 100)], "no failures are remembered");
}

#[test]
fn a_restart_that_waits_in_a_closed_slot_is_cancelled() {
    let mut bench = Bench::steady(policy(2));
    bench.exits(w(1, 1), 1);
    assert_eq!(bench.command(to(1)), [scaled(1)]);
    assert_eq!(bench.next(), None);
    assert_eq!(bench.pass(MS(1000)), []);
}

#[test]
fn a_worker_that_boots_in_a_closed_slot_is_told_to_leave() {
    let mut bench = Bench::steady(policy(1));
    bench.command(to(2));
    bench.spawned(w(1, 1));
    let mut expected = vec![scaled(1)];
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.command(to(1)), expected);
    assert_eq!(bench.word(w(1, 1), Word::Ready), []);
    assert_eq!(bench.exits(w(1, 1), 1), [exit(w(1, 1), 1)]);
}

#[test]
fn a_worker_whose_start_was_under_way_is_told_as_soon_as_it_runs() {
    let mut bench = Bench::steady(policy(1));
    bench.command(to(3));
    bench.command(to(1));
    assert_eq!(bench.spawned(w(1, 1))[2..], term(w(1, 1)));
    let told = bench.spawn_fails(w(2, 1), SpawnStep::Exec, 2);
    assert!(matches!(told[..], [Action::Emit(Event::Error { .. })]), "and nobody tries again: {told:?}");
}

#[test]
fn an_announcer_in_a_closed_slot_and_its_successor_both_leave() {
    let mut bench = Bench::steady(policy(2));
    bench.pass(MS(5000));
    bench.word(w(1, 1), Word::Retire);
    bench.spawned(w(1, 2));
    let mut expected = vec![scaled(1), Action::Tell(w(1, 1), Order::Drain), emit(Event::Retire { worker: w(1, 1) })];
    expected.extend(term(w(1, 2)));
    assert_eq!(bench.command(to(1)), expected);
}

#[test]
fn slots_that_a_rolling_restart_has_not_reached_may_go_and_new_ones_are_new() {
    let mut bench = Bench::steady(policy(3));
    bench.command(Command::Reload);
    bench.spawned(w(0, 2));
    bench.command(to(2));
    bench.command(by(2));
    bench.boot(w(2, 2));
    bench.boot(w(3, 1));
    assert_eq!(starts(&bench.word(w(0, 2), Word::Ready)), [w(1, 2)]);
    assert_eq!(bench.boot(w(1, 2)).last(), Some(&reload(ReloadPhase::Done)));
}

#[test]
fn the_slot_that_a_rolling_restart_is_at_may_go() {
    let mut bench = Bench::steady(policy(2));
    bench.command(Command::Reload);
    bench.boot(w(0, 2));
    bench.spawned(w(1, 2));
    let mut expected = vec![scaled(1)];
    expected.extend(term(w(1, 1)));
    expected.extend(term(w(1, 2)));
    expected.push(reload(ReloadPhase::Done));
    assert_eq!(bench.command(to(1)), expected);
}

#[test]
fn without_surge_a_slot_may_go_between_the_old_and_the_new_one() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(2) });
    bench.command(Command::Restart(1));
    assert_eq!(bench.command(to(1)), [scaled(1)]);
    assert_eq!(bench.exits(w(1, 1), 0), [exit(w(1, 1), 0)]);
}

#[test]
fn who_ends_is_not_scaled() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Stop);
    let what = "a command to a pool that does not run";
    assert_eq!(bench.command(to(2)), [noted(what)]);
    assert_eq!(bench.command(Command::Restart(0)), [noted(what)]);
    assert_eq!(ending(&bench.exits(w(0, 1), 0)), Some(ExitCode::Stopped));
}

#[test]
fn pools_are_scaled_one_by_one() {
    let mut bench = Bench::steady_pools(vec![policy(1), policy(1)]);
    let told = bench.pool_command(1, to(2));
    assert_eq!(told[0], emit(Event::Scale { pool: 1, workers: 2 }));
    assert_eq!(starts(&told), [p(1, 1)]);
}

#[test]
fn one_worker_is_replaced_by_order_when_the_new_one_is_ready_and_free_of_charge() {
    let strict = Policy { limit: Some(Limit { restarts: 0, within: MS(1000) }), ..policy(2) };
    let mut bench = Bench::steady(strict);
    assert_eq!(bench.command(Command::Restart(1)), [spawn(w(1, 2))]);
    assert_eq!(bench.command(Command::Restart(1)), [], "it is on its way");
    let mut expected = vec![ready(w(1, 2))];
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.boot(w(1, 2)), expected);
    assert_eq!(bench.command(Command::Restart(2)), [noted("a restart of a slot that does not exist")]);
}

#[test]
fn a_replacement_by_order_that_fails_leaves_the_old_one() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Restart(0));
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 2), 1), [exit(w(0, 2), 1)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn without_surge_a_replacement_by_order_waits_for_the_end_of_the_old_one() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(1) });
    assert_eq!(bench.command(Command::Restart(0)), term(w(0, 1)));
    assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0), spawn(w(0, 2))]);
}

#[test]
fn a_restart_that_waits_is_started_now_by_order_and_costs_nothing() {
    let mut bench = Bench::steady(policy(1));
    bench.exits(w(0, 1), 1);
    assert_eq!(bench.command(Command::Restart(0)), [restart(w(0, 2), 0), spawn(w(0, 2))]);
    assert_eq!(bench.next(), None);
    bench.boot(w(0, 2));
    for generation in 2..5 {
        assert_eq!(bench.exits(w(0, generation), 1).len(), 2, "the limit of 3 is untouched");
        bench.pass(MS(1000));
        bench.boot(w(0, generation + 1));
    }
}

#[test]
fn an_empty_slot_is_filled_by_order() {
    let mut bench = Bench::steady(Policy { restart: Restart::Never, ..policy(2) });
    bench.exits(w(0, 1), 0);
    assert_eq!(bench.command(Command::Restart(0)), [spawn(WorkerId { generation: 2, ..w(0, 1) })]);
}

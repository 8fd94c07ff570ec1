//! Several pools.

use super::bench::*;
use crate::core::{
    Action, Command, ErrorEvent, Event, ExitStatus, Input, ReloadPhase, SpawnError, SpawnStep, Word, WorkerId,
};
use crate::policy::{Backoff, ExitCode, Limit, Policy, Restart};

fn stop(pool: Option<u16>, hurry: bool) -> Action {
    emit(Event::Stop { pool, hurry })
}

fn draining(pool: u16, workers: u32) -> Action {
    emit(Event::Draining { pool, workers })
}

fn two() -> Bench {
    Bench::steady_pools(vec![policy(1), policy(2)])
}

#[test]
fn each_pool_has_its_own_policy_and_restarts_its_own_workers() {
    let hasty = Policy { stable: MS(0), ..policy(1) };
    let mut bench = Bench::steady_pools(vec![policy(1), hasty]);
    let next = |pool| WorkerId { generation: 2, ..p(pool, 0) };
    assert_eq!(bench.exits(p(0, 0), 1), [exit(p(0, 0), 1), restart(next(0), 100)]);
    let told = bench.exits(p(1, 0), 1);
    assert_eq!(told[..2], [exit(p(1, 0), 1), restart(next(1), 0)]);
    assert_eq!(starts(&told), [next(1)]);
    assert_eq!(starts(&bench.pass(MS(100))), [next(0)]);
}

/// Each of these pairs of a seed and a place would fall together with another if one of the two were forgotten, or lost
/// bits to the other.
#[test]
fn the_jitter_differs_by_the_seed_and_by_the_pool() {
    let backoff = Backoff { jitter_percent: 50, ..policy(1).backoff };
    let seeds = [1 << 32, 1 << 32, 1, 2, 2];
    let mut bench = Bench::steady_pools(seeds.map(|seed| Policy { backoff, seed, ..policy(1) }).to_vec());
    let mut delays = Vec::new();
    for pool in 0..5 {
        let told = bench.exits(p(pool, 0), 1);
        let [_, Action::Emit(Event::Restart { delay, .. })] = told[..] else { panic!("{told:?}") };
        assert!(!delays.contains(&delay), "{delay:?} a second time in {pool}");
        delays.push(delay);
    }
}

#[test]
fn the_limit_of_one_pool_counts_its_own_restarts_alone() {
    let mut bench = Bench::steady_pools(vec![policy(3), policy(3)]);
    for pool in 0..2 {
        for slot in 0..3 {
            bench.exits(p(pool, slot), 1);
        }
    }
    assert_eq!(starts(&bench.pass(MS(100))).len(), 6);
}

#[test]
fn a_pool_that_gives_up_takes_the_others_with_it() {
    let strict = Policy { limit: Some(Limit { restarts: 0, within: MS(1000) }), ..policy(1) };
    let mut bench = Bench::steady_pools(vec![policy(1), strict]);
    let mut expected = vec![
        exit(p(1, 0), 1),
        emit(Event::GiveUp { pool: 1, restarts: 0, within: MS(1000) }),
        draining(1, 0),
        draining(0, 1),
    ];
    expected.extend(term(p(0, 0)));
    assert_eq!(bench.exits(p(1, 0), 1), expected);
    assert_eq!(ending(&bench.exits(p(0, 0), 0)), Some(ExitCode::GaveUp));
    assert_eq!(bench.exits(p(0, 0), 0), []);
}

#[test]
fn a_give_up_at_a_tick_leaves_nothing_due_in_a_pool_that_ticked_before() {
    let strict = Policy { limit: Some(Limit { restarts: 1, within: MS(10_000) }), ..policy(2) };
    let mut bench = Bench::steady_pools(vec![Policy { drain: MS(0), ..policy(1) }, strict]);
    bench.exits(p(1, 0), 1);
    bench.exits(p(1, 1), 1);
    let told = bench.pass(MS(100));
    assert_eq!(starts(&told).len(), 1);
    assert!(told.ends_with(&kill(p(0, 0))), "{told:?}");
    assert_eq!(bench.next(), None);
}

#[test]
fn a_give_up_at_the_very_start_starts_nobody_who_is_not_ended() {
    let strict = Policy { limit: Some(Limit { restarts: 0, within: MS(1000) }), ..policy(1) };
    let mut bench = Bench::steady_pools(vec![]);
    assert_eq!(bench.give(Input::Start), [], "without pools it is over at once");
    let mut pools = crate::core::Pools::new(vec![strict, policy(1)]);
    let mut actions = Vec::new();
    let mut give = |input| {
        actions.clear();
        crate::core::Machine::step(&mut pools, Default::default(), input, &mut actions);
        actions.clone()
    };
    give(Input::Start);
    let error = crate::core::SpawnError { step: SpawnStep::Exec, errno: 2 };
    assert_eq!(ending(&give(Input::SpawnFailed(p(0, 0), error))), None, "one start is under way");
    assert_eq!(give(Input::Spawned(p(1, 0)))[2..], term(p(1, 0)));
    assert_eq!(ending(&give(Input::Exited(p(1, 0), crate::core::ExitStatus::Code(0)))), Some(ExitCode::GaveUp));
}

#[test]
fn a_pool_that_has_finished_just_ends() {
    let mut bench = Bench::steady_pools(vec![Policy { restart: Restart::Never, ..policy(1) }, policy(1)]);
    assert_eq!(bench.exits(p(0, 0), 0), [exit(p(0, 0), 0)]);
    assert_eq!(bench.pool_command(0, Command::Stop), []);
    let mut expected = vec![stop(None, false), draining(1, 1)];
    expected.extend(term(p(1, 0)));
    assert_eq!(bench.command(Command::Stop), expected);
    assert_eq!(ending(&bench.exits(p(1, 0), 0)), Some(ExitCode::Stopped));
}

#[test]
fn one_pool_is_stopped_and_the_other_serves_on() {
    let mut bench = two();
    let mut expected = vec![stop(Some(0), false), draining(0, 1)];
    expected.extend(term(p(0, 0)));
    assert_eq!(bench.pool_command(0, Command::Stop), expected);
    assert_eq!(bench.exits(p(0, 0), 0), [exit(p(0, 0), 0)]);
    assert_eq!(bench.exits(p(1, 0), 1).len(), 2, "it is restarted");
}

#[test]
fn a_stop_of_all_hurries_nobody_while_one_pool_has_not_heard_it() {
    let mut bench = two();
    bench.pool_command(0, Command::Stop);
    let mut expected = vec![stop(None, false), draining(1, 2)];
    expected.extend(term(p(1, 0)));
    expected.extend(term(p(1, 1)));
    assert_eq!(bench.command(Command::Stop), expected);
    let mut expected = vec![stop(Some(1), true)];
    expected.extend(kill(p(1, 0)));
    expected.extend(kill(p(1, 1)));
    assert_eq!(bench.pool_command(1, Command::Stop), expected);
    let mut expected = vec![stop(None, true)];
    expected.extend(kill(p(0, 0)));
    assert_eq!(bench.command(Command::Stop), expected);
    assert_eq!(bench.command(Command::Stop), []);
}

#[test]
fn a_reload_is_for_all_pools_or_for_one() {
    let mut bench = two();
    let told = bench.pool_command(1, Command::Reload);
    assert_eq!(told[0], emit(Event::Reload { pool: 1, phase: ReloadPhase::Began }));
    assert_eq!(starts(&told), [WorkerId { generation: 2, ..p(1, 0) }]);
    assert_eq!(starts(&bench.command(Command::Reload)), [WorkerId { generation: 2, ..p(0, 0) }]);
}

#[test]
fn what_concerns_no_pool_is_noted() {
    let mut bench = two();
    let told = bench.exits(p(2, 0), 1);
    let what = || ErrorEvent::Unexpected("something for a pool that does not exist");
    assert_eq!(told, [emit(Event::Error { worker: Some(p(2, 0)), what: what() })]);
    assert_eq!(bench.pool_command(9, Command::Stop), [emit(Event::Error { worker: None, what: what() })]);
    assert_eq!(bench.next(), None);
}

#[test]
fn the_next_deadline_is_that_of_any_pool() {
    let mut bench = two();
    bench.exits(p(1, 0), 1);
    assert_eq!(bench.next(), Some(MS(100)));
    bench.pass(MS(50));
    bench.exits(p(0, 0), 1);
    assert_eq!(bench.next(), Some(MS(50)));
}

#[test]
fn nothing_is_heard_of_a_pool_that_is_over() {
    let mut bench = two();
    bench.pool_command(0, Command::Stop);
    bench.exits(p(0, 0), 0);
    let id = p(0, 0);
    let failed = SpawnError { step: SpawnStep::Exec, errno: 2 };
    let news = [
        Input::Spawned(id),
        Input::SpawnFailed(id, failed),
        Input::Word(id, Word::Alive),
        Input::Disconnected(id),
        Input::Exited(id, ExitStatus::Code(0)),
        Input::Hung(id),
    ];
    for input in news {
        assert_eq!(bench.give(input.clone()), [], "{input:?}");
    }
}

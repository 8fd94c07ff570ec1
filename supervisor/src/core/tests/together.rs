//! Another configuration for several pools: all change, or none.

use super::bench::*;
use crate::core::{Action, Command, Event, Input, ReloadPhase, Revision, Scale, Word, WorkerId};
use crate::policy::{ExitCode, Limit, Policy, Restart};

/// The worker of a pool's only place that comes after the first one.
fn second(pool: u16) -> WorkerId {
    WorkerId { generation: 2, ..p(pool, 0) }
}

fn third(pool: u16) -> WorkerId {
    WorkerId { generation: 3, ..p(pool, 0) }
}

fn settle(pool: u16, revision: u32) -> Action {
    Action::Settle(pool, Revision(revision))
}

fn phase(pool: u16, phase: ReloadPhase) -> Action {
    emit(Event::Reload { pool, phase })
}

/// Two pools that were given revision 1; the first one's worker on trial is ready.
fn waiting(policy: &Policy) -> Bench {
    let mut bench = Bench::steady_pools(vec![policy.clone(), policy.clone()]);
    assert_eq!(starts(&configure(&mut bench, 1, policy)), [second(0), second(1)]);
    assert_eq!(bench.boot(second(0)), [ready(second(0))], "nothing old is replaced yet");
    bench
}

fn configure(bench: &mut Bench, revision: u32, policy: &Policy) -> Vec<Action> {
    bench.give(Input::Configure(Revision(revision), vec![policy.clone(), policy.clone()]))
}

#[test]
fn nobody_old_leaves_before_every_pool_has_one_that_is_ready() {
    let mut bench = waiting(&policy(1));
    let mut expected = vec![ready(second(1))];
    for pool in 0..2 {
        expected.push(settle(pool, 1));
        expected.extend(term(p(pool, 0)));
        expected.push(phase(pool, ReloadPhase::Done));
    }
    assert_eq!(bench.boot(second(1)), expected);
}

#[test]
fn one_trial_that_fails_is_the_end_of_all() {
    let mut bench = waiting(&policy(1));
    bench.spawned(second(1));
    let mut expected = vec![exit(second(1), 1), phase(1, ReloadPhase::Aborted), settle(1, 0)];
    expected.extend([phase(0, ReloadPhase::Aborted), settle(0, 0)]);
    expected.extend(term(second(0)));
    assert_eq!(bench.exits(second(1), 1), expected);
    assert_eq!(bench.exits(second(0), 0), [exit(second(0), 0)], "the old one serves on");
    // The next attempt is one like any other.
    assert_eq!(starts(&configure(&mut bench, 2, &policy(1))), [third(0), third(1)]);
    bench.boot(third(0));
    assert!(bench.boot(third(1)).ends_with(&[phase(1, ReloadPhase::Done)]));
}

#[test]
fn one_that_is_ready_and_does_not_last_has_failed() {
    let failures: [fn(&mut Bench) -> Vec<Action>; 3] = [
        |bench| bench.exits(second(0), 1),
        |bench| bench.word(second(0), Word::Suicide),
        |bench| bench.word(second(0), Word::Retire),
    ];
    for fail in failures {
        let mut bench = waiting(&policy(1));
        bench.spawned(second(1));
        let told = fail(&mut bench);
        for pool in 0..2 {
            let at = told.iter().position(|action| *action == phase(pool, ReloadPhase::Aborted));
            assert_eq!(told[at.expect("aborted") + 1], settle(pool, 0));
        }
        assert!(told.ends_with(&term(second(1))), "{told:?}");
        assert_eq!(starts(&told), [], "the old ones serve on");
    }
}

#[test]
fn who_is_started_at_that_moment_is_told_when_it_runs() {
    let mut bench = waiting(&policy(1));
    assert_eq!(starts(&bench.exits(second(0), 1)), []);
    assert_eq!(bench.spawned(second(1))[2..], term(second(1)));
}

#[test]
fn an_old_one_that_dies_while_the_trial_waits_is_made_up_for() {
    let mut bench = waiting(&policy(1));
    assert_eq!(bench.exits(p(0, 0), 1), [exit(p(0, 0), 1), restart(third(0), 100)]);
    assert_eq!(bench.pass(MS(100)), [spawn(third(0))]);
    assert_eq!(bench.boot(third(0)), [ready(third(0))]);
    bench.spawned(second(1));
    let told = bench.exits(second(1), 1);
    assert!(told.ends_with(&term(second(0))), "{told:?}");
    assert_eq!(bench.next(), Some(MS(2000)), "its drain alone");
}

#[test]
fn without_surge_the_old_one_comes_back_free_of_charge() {
    let single = Policy { surge: 0, ..policy(1) };
    let mut bench = Bench::steady_pools(vec![single.clone(), single.clone()]);
    configure(&mut bench, 1, &single);
    for pool in 0..2 {
        assert_eq!(starts(&bench.exits(p(pool, 0), 0)), [second(pool)]);
        bench.boot(second(pool));
    }
    // Both have it. Now one of two fails.
    configure(&mut bench, 2, &single);
    assert_eq!(starts(&bench.exits(second(0), 0)), [third(0)]);
    assert_eq!(bench.boot(third(0)), [ready(third(0))]);
    bench.exits(second(1), 0);
    bench.spawned(third(1));
    assert!(bench.exits(third(1), 1).ends_with(&term(third(0))));
    let old = WorkerId { generation: 4, ..p(0, 0) };
    assert_eq!(bench.exits(third(0), 0)[1..], [Action::Spawn(old, Revision(1))]);
}

#[test]
fn a_pool_in_which_nobody_is_left_agrees() {
    let rule = Policy { restart: Restart::OnFailure { success: vec![0] }, ..policy(2) };
    let mut bench = Bench::steady_pools(vec![policy(1), rule]);
    // One is leaving, and the other has done its work.
    bench.pool_command(1, Command::Scale(Scale::To(1)));
    bench.exits(p(1, 0), 0);
    assert_eq!(starts(&configure(&mut bench, 1, &policy(1))), [second(0)]);
    let told = bench.boot(second(0));
    for pool in 0..2 {
        assert!(told.contains(&phase(pool, ReloadPhase::Done)) && told.contains(&settle(pool, 1)), "{told:?}");
    }
}

#[test]
fn who_waits_for_the_others_in_a_place_that_nobody_may_be_restarted_in_goes_with_them() {
    let strict = Policy { limit: Some(Limit { restarts: 0, within: MS(10_000) }), ..policy(1) };
    let mut bench = waiting(&strict);
    bench.spawned(second(1));
    assert_eq!(starts(&bench.exits(p(0, 0), 1)), [], "the one on trial may still do instead");
    assert_eq!(ending(&bench.exits(second(1), 1)), None, "its workers are told to leave first");
    let told = bench.exits(second(0), 0);
    assert_eq!(starts(&told), []);
    assert_eq!(ending(&bench.exits(p(1, 0), 0)), Some(ExitCode::GaveUp), "{told:?}");
}

#[test]
fn a_pool_that_is_stopped_is_not_waited_for() {
    let mut bench = waiting(&policy(1));
    let told = bench.pool_command(1, Command::Stop);
    assert!(told.contains(&phase(1, ReloadPhase::Cancelled)), "{told:?}");
    assert!(told.ends_with(&[phase(0, ReloadPhase::Done)]), "{told:?}");
}

#[test]
fn a_stop_comes_first() {
    let mut bench = waiting(&policy(1));
    let told = bench.command(Command::Stop);
    for pool in 0..2 {
        assert!(told.contains(&phase(pool, ReloadPhase::Cancelled)), "{told:?}");
        assert!(!told.contains(&settle(pool, 1)), "{told:?}");
    }
}

#[test]
fn a_pool_that_still_does_something_else_is_waited_for() {
    let mut bench = Bench::steady_pools(vec![policy(1), policy(1)]);
    bench.pool_command(1, Command::Reload);
    configure(&mut bench, 1, &policy(1));
    assert_eq!(bench.boot(second(0)), [ready(second(0))]);
    assert_eq!(bench.boot(second(1)).last(), Some(&Action::Spawn(third(1), Revision(1))));
    let told = bench.boot(third(1));
    assert!(told.contains(&settle(0, 1)) && told.contains(&settle(1, 1)), "{told:?}");
}

#[test]
fn one_that_is_overtaken_in_one_pool_is_dropped_in_all() {
    let mut bench = Bench::steady_pools(vec![policy(1), policy(1)]);
    bench.pool_command(1, Command::Reload);
    configure(&mut bench, 1, &policy(1));
    bench.boot(second(0));
    let told = configure(&mut bench, 2, &policy(1));
    assert!(told.contains(&phase(0, ReloadPhase::Aborted)), "{told:?}");
    assert_eq!(told.last(), Some(&Action::Spawn(third(0), Revision(2))));
    bench.boot(second(1));
    bench.boot(third(0));
    let told = bench.boot(third(1));
    assert!(told.contains(&settle(0, 2)) && told.contains(&settle(1, 2)), "{told:?}");
}

#[test]
fn another_number_of_workers_does_not_undo_it() {
    let mut bench = waiting(&policy(2));
    bench.pool_command(0, Command::Scale(Scale::To(3)));
    bench.boot(p(0, 2));
    let told = bench.boot(second(1));
    assert!(told.contains(&settle(0, 1)) && told.contains(&settle(1, 1)), "{told:?}");
    assert!(!told.iter().any(|action| matches!(action, Action::Emit(Event::Scale { .. }))), "{told:?}");
}

#[test]
fn one_that_waits_is_watched_as_its_own_configuration_says() {
    let mut bench = Bench::steady_pools(vec![policy(1), policy(1)]);
    configure(&mut bench, 1, &Policy { watchdog: Some(MS(300)), ..policy(1) });
    bench.boot(second(0));
    assert_eq!(bench.next(), Some(MS(300)));
    let mut expected = vec![emit(Event::Hang { worker: second(0) })];
    expected.extend(kill(second(0)));
    assert_eq!(bench.pass(MS(300)), expected);
}

//! Another configuration.

use super::bench::*;
use crate::core::{Action, Command, Event, ReloadPhase, Revision, Scale, SpawnStep, Word, WorkerId};
use crate::policy::{Backoff, ExitCode, Limit, Policy, Readiness};

fn new(id: WorkerId, revision: u32) -> Action {
    Action::Spawn(id, Revision(revision))
}

fn settle(revision: u32) -> Action {
    Action::Settle(0, Revision(revision))
}

/// As [`policy`], but told apart by its drain of 700 ms and its ready timeout of 800 ms.
fn other(workers: u32) -> Policy {
    Policy { drain: MS(700), ready_timeout: MS(800), ..policy(workers) }
}

#[test]
fn the_first_new_worker_that_is_ready_puts_it_into_force() {
    let mut bench = Bench::steady(policy(2));
    assert_eq!(bench.configure(1, other(2)), [reload(ReloadPhase::Began), new(w(0, 2), 1)]);
    bench.spawned(w(0, 2));
    assert_eq!(bench.next(), Some(MS(800)), "its own ready timeout");
    let mut expected = vec![ready(w(0, 2)), settle(1)];
    expected.extend(term(w(0, 1)));
    expected.push(new(w(1, 2), 1));
    assert_eq!(bench.word(w(0, 2), Word::Ready), expected);
    assert_eq!(bench.next(), Some(MS(700)), "the drain of the new policy");
    assert_eq!(bench.boot(w(1, 2)).last(), Some(&reload(ReloadPhase::Done)));
    bench.exits(w(1, 2), 1);
    assert_eq!(bench.pass(MS(100)), [new(w(1, 3), 1)]);
}

#[test]
fn a_first_new_worker_that_fails_changes_nothing() {
    let failures: [fn(&mut Bench) -> Vec<Action>; 4] = [
        |bench| bench.spawn_fails(w(0, 2), SpawnStep::Exec, 2),
        |bench| {
            bench.spawned(w(0, 2));
            bench.exits(w(0, 2), 1)
        },
        |bench| {
            bench.spawned(w(0, 2));
            bench.pass(MS(800));
            bench.exits(w(0, 2), 9)
        },
        |bench| {
            bench.spawned(w(0, 2));
            let told = bench.word(w(0, 2), Word::Suicide);
            bench.exits(w(0, 2), 0);
            told
        },
    ];
    for fail in failures {
        let mut bench = Bench::steady(policy(2));
        bench.configure(1, other(3));
        let told = fail(&mut bench);
        assert!(told.ends_with(&[reload(ReloadPhase::Aborted), settle(0)]), "{told:?}");
        assert_eq!(bench.next(), None);
        // The old configuration, its policy included.
        bench.exits(w(1, 1), 1);
        assert_eq!(bench.pass(MS(100)), [spawn(w(1, 2))]);
        bench.spawned(w(1, 2));
        assert_eq!(bench.next(), Some(MS(3000)));
        // And the next attempt.
        let told = bench.configure(2, other(2));
        assert_eq!(told.last(), Some(&new(w(0, 3), 2)));
    }
}

#[test]
fn deaths_before_it_is_in_force_are_made_up_for_from_the_old_one_and_replaced_later() {
    let mut bench = Bench::steady(policy(3));
    bench.configure(1, other(3));
    bench.spawned(w(0, 2));
    bench.exits(w(2, 1), 1);
    assert_eq!(bench.pass(MS(100)), [spawn(w(2, 2))]);
    bench.boot(w(2, 2));
    bench.word(w(0, 2), Word::Ready);
    let told = bench.boot(w(1, 2));
    assert_eq!(told.last(), Some(&new(w(2, 3), 1)));
    assert_eq!(bench.boot(w(2, 3)).last(), Some(&reload(ReloadPhase::Done)));
}

#[test]
fn deaths_after_that_are_made_up_for_from_the_new_one_and_are_done() {
    let mut bench = Bench::steady(policy(3));
    bench.configure(1, other(3));
    bench.boot(w(0, 2));
    bench.exits(w(2, 1), 1);
    assert_eq!(bench.pass(MS(100)), [new(w(2, 2), 1)]);
    bench.boot(w(2, 2));
    assert_eq!(bench.boot(w(1, 2)).last(), Some(&reload(ReloadPhase::Done)));
}

#[test]
fn a_failure_after_that_ends_the_rolling_restart_but_not_the_configuration() {
    let mut bench = Bench::steady(policy(3));
    bench.configure(1, other(3));
    bench.boot(w(0, 2));
    bench.spawned(w(1, 2));
    assert_eq!(bench.exits(w(1, 2), 1), [exit(w(1, 2), 1), reload(ReloadPhase::Aborted)]);
    bench.exits(w(2, 1), 1);
    assert_eq!(bench.pass(MS(100)), [new(w(2, 2), 1)]);
}

#[test]
fn the_number_of_workers_changes_with_it() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, other(2));
    let mut expected = vec![ready(w(0, 2)), settle(1)];
    expected.extend(term(w(0, 1)));
    expected.extend([emit(Event::Scale { pool: 0, workers: 2 }), new(w(1, 1), 1), reload(ReloadPhase::Done)]);
    assert_eq!(bench.boot(w(0, 2)), expected);

    let mut bench = Bench::steady(policy(2));
    bench.configure(1, other(1));
    let mut expected = vec![ready(w(0, 2)), settle(1)];
    expected.extend(term(w(0, 1)));
    expected.push(emit(Event::Scale { pool: 0, workers: 1 }));
    expected.extend(term(w(1, 1)));
    expected.push(reload(ReloadPhase::Done));
    assert_eq!(bench.boot(w(0, 2)), expected);
}

#[test]
fn what_was_scaled_by_hand_ends_with_it() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Scale(Scale::To(2)));
    bench.boot(w(1, 1));
    bench.configure(1, other(1));
    let told = bench.boot(w(0, 2));
    assert!(told.contains(&emit(Event::Scale { pool: 0, workers: 1 })));
}

#[test]
fn what_is_scaled_while_it_is_tried_or_waits_outlives_it() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, other(1));
    bench.configure(2, other(1));
    bench.spawned(w(0, 2));
    bench.command(Command::Scale(Scale::To(2)));
    bench.boot(w(1, 1));
    let mut told = bench.word(w(0, 2), Word::Ready);
    assert!(told.contains(&settle(1)), "{told:?}");
    for worker in [w(1, 2), w(0, 3), w(1, 3)] {
        told.extend(bench.boot(worker));
    }
    assert!(told.contains(&settle(2)), "{told:?}");
    assert!(!told.iter().any(|action| matches!(action, Action::Emit(Event::Scale { .. }))), "{told:?}");
}

#[test]
fn workers_added_before_it_is_in_force_are_of_the_old_one_and_are_replaced() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, other(2));
    bench.spawned(w(0, 2));
    let told = bench.command(Command::Scale(Scale::To(2)));
    assert_eq!(told[1..], [spawn(w(1, 1))]);
    bench.boot(w(1, 1));
    assert_eq!(bench.word(w(0, 2), Word::Ready).last(), Some(&new(w(1, 2), 1)));
}

#[test]
fn it_mends_a_crash_loop_without_waiting_for_the_next_round() {
    let mut bench = Bench::steady(policy(1));
    bench.exits(w(0, 1), 1);
    let told = bench.configure(1, other(1));
    assert_eq!(told[..3], [reload(ReloadPhase::Began), restart(w(0, 2), 0), new(w(0, 2), 1)]);
    assert_eq!(bench.boot(w(0, 2)), [ready(w(0, 2)), settle(1), reload(ReloadPhase::Done)]);
    assert_eq!(bench.next(), None);
    // Also if there is no time between the rounds.
    let restless = Backoff { initial: MS(0), ..policy(1).backoff };
    let mut bench = Bench::steady(Policy { backoff: restless, limit: None, ..policy(1) });
    assert_eq!(starts(&bench.exits(w(0, 1), 1)), [w(0, 2)]);
    bench.spawned(w(0, 2));
    assert_eq!(bench.configure(1, other(1)), [reload(ReloadPhase::Began)]);
    let told = bench.exits(w(0, 2), 1);
    assert!(told.ends_with(&[new(w(0, 3), 1), restart(w(0, 4), 0), spawn(w(0, 4))]), "{told:?}");
}

#[test]
fn if_it_does_not_mend_it_the_loop_goes_on_with_the_old_one() {
    let mut bench = Bench::steady(policy(1));
    bench.exits(w(0, 1), 1);
    bench.configure(1, other(1));
    bench.spawned(w(0, 2));
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [reload(ReloadPhase::Aborted), settle(0)]);
    assert_eq!(bench.pass(MS(100)), [spawn(w(0, 3))]);
}

#[test]
fn of_those_that_wait_the_last_one_counts() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, other(1));
    assert_eq!(bench.configure(2, other(1)), []);
    assert_eq!(bench.configure(3, other(1)), [reload(ReloadPhase::Absorbed)]);
    assert_eq!(bench.command(Command::Reload), [reload(ReloadPhase::Absorbed)]);
    let told = bench.boot(w(0, 2));
    assert!(told.ends_with(&[reload(ReloadPhase::Done), reload(ReloadPhase::Began), new(w(0, 3), 3)]), "{told:?}");
    // One that waits for fresh workers waits for those of the new configuration from now on.
    bench.command(Command::Reload);
    assert_eq!(bench.configure(4, other(1)), [reload(ReloadPhase::Absorbed)]);
    assert_eq!(bench.boot(w(0, 3)).last(), Some(&new(w(0, 4), 4)));
}

#[test]
fn one_that_waits_is_tried_also_after_one_that_failed() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, other(1));
    bench.configure(2, other(1));
    bench.spawned(w(0, 2));
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [reload(ReloadPhase::Aborted), settle(0), reload(ReloadPhase::Began), new(w(0, 3), 2)]);
}

#[test]
fn a_stop_drops_it() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, other(1));
    bench.spawned(w(0, 2));
    let told = bench.command(Command::Stop);
    assert_eq!(told[1..3], [reload(ReloadPhase::Cancelled), settle(0)]);
    assert_eq!(bench.next(), Some(MS(2000)), "the old drain");
    assert_eq!(bench.configure(2, other(1)), [reload(ReloadPhase::Cancelled), settle(0)]);
    bench.exits(w(0, 1), 0);
    assert_eq!(ending(&bench.exits(w(0, 2), 0)), Some(ExitCode::Stopped));
}

#[test]
fn it_is_tried_with_one_worker_however_many_may_roll() {
    let many = Policy { surge: 3, at_once: 3, ..policy(3) };
    let mut bench = Bench::steady(many.clone());
    assert_eq!(starts(&bench.configure(1, many)), [w(0, 2)]);
    assert_eq!(starts(&bench.boot(w(0, 2))), [w(1, 2), w(2, 2)]);
}

#[test]
fn without_surge_the_trial_costs_one_old_worker_and_a_failure_brings_it_back() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(2) });
    bench.configure(1, other(2));
    assert_eq!(bench.exits(w(0, 1), 0).last(), Some(&new(w(0, 2), 1)));
    bench.spawned(w(0, 2));
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [reload(ReloadPhase::Aborted), settle(0), restart(w(0, 3), 100)]);
    assert_eq!(bench.pass(MS(100)), [spawn(w(0, 3))]);
}

#[test]
fn the_worker_on_trial_is_ready_as_the_new_policy_says() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, Policy { ready: Readiness::AtSpawn, ..other(1) });
    assert_eq!(bench.spawned(w(0, 2))[2..4], [ready(w(0, 2)), settle(1)]);
}

#[test]
fn the_watchdog_of_the_new_policy_watches_all_from_then_on() {
    let mut bench = Bench::steady(policy(2));
    bench.configure(1, Policy { watchdog: Some(MS(500)), ..other(2) });
    bench.spawned(w(0, 2));
    assert_eq!(bench.next(), Some(MS(800)));
    bench.word(w(0, 2), Word::Ready);
    assert_eq!(bench.next(), Some(MS(500)));
    bench.configure(2, other(2));
    bench.boot(w(1, 2));
    bench.exits(w(0, 1), 0);
    bench.exits(w(1, 1), 0);
    bench.boot(w(0, 3));
    bench.exits(w(0, 2), 0);
    assert_eq!(bench.next(), None, "watched no more");
}

#[test]
fn a_limit_that_is_new_holds_from_then_on() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, Policy { limit: Some(Limit { restarts: 0, within: MS(1) }), ..other(1) });
    bench.boot(w(0, 2));
    bench.exits(w(0, 1), 0);
    assert_eq!(ending(&bench.exits(w(0, 2), 1)), Some(ExitCode::GaveUp));
}

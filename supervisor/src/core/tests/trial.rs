//! Old workers that die while another configuration is on trial.

use super::bench::*;
use crate::core::{Action, Command, Event, ReloadPhase, Revision, Scale, Word, WorkerId};
use crate::policy::{Backoff, ExitCode, Limit, Policy, Restart};

fn new(id: WorkerId, revision: u32) -> Action {
    Action::Spawn(id, Revision(revision))
}

fn settle(revision: u32) -> Action {
    Action::Settle(0, Revision(revision))
}

/// One worker has died while the worker that is to take its place is on trial and boots; a restart is due.
fn bereft(policy: Policy) -> Bench {
    let mut bench = Bench::steady(policy.clone());
    bench.configure(1, policy);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 1), 1), [exit(w(0, 1), 1), restart(w(0, 3), 100)]);
    bench
}

/// The same, and the replacement is asked for.
fn replaced(policy: Policy) -> Bench {
    let mut bench = bereft(policy);
    assert_eq!(bench.pass(MS(100)), [spawn(w(0, 3))]);
    bench
}

#[test]
fn the_place_is_filled_from_the_old_one_and_the_trial_goes_on() {
    let mut bench = replaced(policy(2));
    assert_eq!(bench.boot(w(0, 3)), [ready(w(0, 3))]);
    // All is as if nobody had died.
    let mut expected = vec![ready(w(0, 2)), settle(1)];
    expected.extend(term(w(0, 3)));
    expected.push(new(w(1, 2), 1));
    assert_eq!(bench.word(w(0, 2), Word::Ready), expected);
    assert_eq!(bench.boot(w(1, 2)).last(), Some(&reload(ReloadPhase::Done)));
}

#[test]
fn a_second_death_is_made_up_for_as_well() {
    let mut bench = replaced(policy(1));
    bench.boot(w(0, 3));
    assert_eq!(bench.exits(w(0, 3), 1), [exit(w(0, 3), 1), restart(w(0, 4), 200)]);
    assert_eq!(bench.pass(MS(200)), [spawn(w(0, 4))]);
}

#[test]
fn the_trial_is_ready_before_the_restart_is_due() {
    let mut bench = bereft(policy(1));
    assert_eq!(bench.word(w(0, 2), Word::Ready), [ready(w(0, 2)), settle(1), reload(ReloadPhase::Done)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn the_trial_is_ready_before_the_replacement_which_leaves() {
    let mut expected = vec![ready(w(0, 2)), settle(1)];
    expected.extend(term(w(0, 3)));
    expected.push(reload(ReloadPhase::Done));
    let mut bench = replaced(policy(1));
    bench.spawned(w(0, 3));
    assert_eq!(bench.word(w(0, 2), Word::Ready), expected);
    assert_eq!(bench.exits(w(0, 3), 1), [exit(w(0, 3), 1)]);
    assert_eq!(bench.next(), None);
    // One that is only just being started is told when it runs.
    let mut bench = replaced(policy(1));
    assert_eq!(bench.word(w(0, 2), Word::Ready), [ready(w(0, 2)), settle(1), reload(ReloadPhase::Done)]);
    assert_eq!(bench.spawned(w(0, 3))[2..], term(w(0, 3)));
}

#[test]
fn the_trial_fails_and_the_replacement_serves() {
    let mut bench = bereft(policy(1));
    assert_eq!(bench.exits(w(0, 2), 1), [exit(w(0, 2), 1), reload(ReloadPhase::Aborted), settle(0)]);
    assert_eq!(bench.pass(MS(100)), [spawn(w(0, 3))], "no sooner and no later, and no second one");
    assert_eq!(bench.boot(w(0, 3)), [ready(w(0, 3))]);

    let mut bench = replaced(policy(1));
    bench.spawned(w(0, 3));
    assert_eq!(bench.pass(MS(2900))[1..], kill(w(0, 2)), "its ready timeout");
    assert_eq!(bench.word(w(0, 3), Word::Ready), [ready(w(0, 3))]);
    assert_eq!(bench.exits(w(0, 2), 9), [exit(w(0, 2), 9), reload(ReloadPhase::Aborted), settle(0)]);
    assert_eq!(bench.next(), None);
}

#[test]
fn a_trial_that_leaves_by_its_own_word_fails_too() {
    let mut bench = bereft(policy(1));
    let told = bench.word(w(0, 2), Word::Suicide);
    assert_eq!(told[2..], [reload(ReloadPhase::Aborted), settle(0)]);
    assert_eq!(bench.pass(MS(100)), [spawn(w(0, 3))]);
}

#[test]
fn the_replacement_fails_and_is_tried_again_beside_the_trial() {
    let mut bench = replaced(policy(1));
    bench.spawned(w(0, 3));
    assert_eq!(bench.exits(w(0, 3), 1), [exit(w(0, 3), 1), restart(w(0, 4), 200)]);
    assert_eq!(bench.pass(MS(200)), [spawn(w(0, 4))]);
    bench.spawned(w(0, 4));
    assert_eq!(starts(&bench.word(w(0, 2), Word::Ready)), []);
    assert_eq!(bench.exits(w(0, 4), 0), [exit(w(0, 4), 0)]);
}

#[test]
fn one_that_stops_accepting_leaves_a_place_like_one_that_dies() {
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, policy(1));
    bench.spawned(w(0, 2));
    assert_eq!(bench.word(w(0, 1), Word::Suicide)[2..], [restart(w(0, 3), 0), spawn(w(0, 3))]);
    // One that goes on accepting leaves none.
    let mut bench = Bench::steady(policy(1));
    bench.configure(1, policy(1));
    bench.spawned(w(0, 2));
    assert_eq!(bench.word(w(0, 1), Word::Retire), [emit(Event::Announce { worker: w(0, 1), two_phase: true })]);
}

#[test]
fn in_another_place_a_replacement_starts_at_once() {
    let mut bench = Bench::steady(policy(2));
    bench.configure(1, policy(2));
    assert_eq!(bench.word(w(1, 1), Word::Suicide)[2..], [restart(w(1, 2), 0), spawn(w(1, 2))]);
}

#[test]
fn a_death_just_before_leaves_its_restart_beside_the_trial() {
    let mut bench = Bench::steady(policy(1));
    bench.exits(w(0, 1), 1);
    bench.pass(MS(30));
    let told = bench.configure(1, policy(1));
    assert_eq!(told, [reload(ReloadPhase::Began), restart(w(0, 2), 0), new(w(0, 2), 1), restart(w(0, 3), 70)]);
    bench.spawned(w(0, 2));
    assert_eq!(bench.pass(MS(70)), [spawn(w(0, 3))]);
}

#[test]
fn one_that_waits_is_tried_after_an_abort_while_the_restart_is_due() {
    let mut bench = bereft(policy(1));
    bench.configure(2, policy(1));
    let told = bench.exits(w(0, 2), 1);
    let expected = [reload(ReloadPhase::Began), restart(w(0, 3), 0), new(w(0, 3), 2), restart(w(0, 4), 100)];
    assert_eq!(told[3..], expected);
}

#[test]
fn a_stop_tells_both_of_them() {
    let mut bench = replaced(policy(1));
    bench.spawned(w(0, 3));
    let told = bench.command(Command::Stop);
    assert_eq!(told[4..], [term(w(0, 2)), term(w(0, 3))].concat());
    assert_eq!(bench.exits(w(0, 2), 0), [exit(w(0, 2), 0)]);
    assert_eq!(ending(&bench.exits(w(0, 3), 0)), Some(ExitCode::Stopped));
}

#[test]
fn a_limit_that_allows_no_more_waits_for_the_trial() {
    let strict = Policy { limit: Some(Limit { restarts: 0, within: MS(10_000) }), ..policy(1) };
    let bereft = || {
        let mut bench = Bench::steady(strict.clone());
        bench.configure(1, strict.clone());
        bench.spawned(w(0, 2));
        assert_eq!(bench.exits(w(0, 1), 1), [exit(w(0, 1), 1)]);
        bench
    };
    let mut bench = bereft();
    assert_eq!(bench.word(w(0, 2), Word::Ready), [ready(w(0, 2)), settle(1), reload(ReloadPhase::Done)]);
    let mut bench = bereft();
    assert_eq!(ending(&bench.exits(w(0, 2), 1)), Some(ExitCode::GaveUp));
}

#[test]
fn a_restart_that_the_limit_allows_no_more_when_it_is_due_waits_too() {
    let slow = Backoff { initial: MS(300), ..policy(2).backoff };
    let strict = Policy { limit: Some(Limit { restarts: 1, within: MS(10_000) }), backoff: slow, ..policy(2) };
    let mut bench = Bench::steady(strict.clone());
    bench.configure(1, strict);
    bench.spawned(w(0, 2));
    bench.exits(w(1, 1), 1);
    bench.pass(MS(100));
    assert_eq!(bench.exits(w(0, 1), 1), [exit(w(0, 1), 1), restart(w(0, 3), 300)]);
    assert_eq!(bench.pass(MS(200)), [spawn(w(1, 2))]);
    assert_eq!(bench.pass(MS(100)), []);
    assert_eq!(bench.word(w(0, 2), Word::Ready)[..2], [ready(w(0, 2)), settle(1)]);
}

#[test]
fn a_slot_that_is_closed_sends_both_away() {
    let rule = Policy { restart: Restart::OnFailure { success: vec![0] }, ..policy(2) };
    let mut bench = Bench::steady(rule.clone());
    bench.exits(w(0, 1), 0);
    // The first slot is empty for good, so the trial is in the second.
    bench.configure(1, rule);
    bench.spawned(w(1, 2));
    bench.exits(w(1, 1), 1);
    bench.pass(MS(100));
    bench.spawned(w(1, 3));
    let told = bench.command(Command::Scale(Scale::To(1)));
    assert_eq!(told[1..5], [term(w(1, 2)), term(w(1, 3))].concat());
}

#[test]
fn a_replacement_that_is_done_before_it_served_leaves_the_place_to_the_trial() {
    let rule = Policy { restart: Restart::OnFailure { success: vec![0] }, ..policy(1) };
    let mut bench = replaced(rule);
    bench.spawned(w(0, 3));
    assert_eq!(bench.exits(w(0, 3), 0), [exit(w(0, 3), 0)]);
    assert_eq!(bench.word(w(0, 2), Word::Ready), [ready(w(0, 2)), settle(1), reload(ReloadPhase::Done)]);
}

#[test]
fn without_surge_the_trial_takes_the_place_of_a_restart() {
    let mut bench = Bench::steady(Policy { surge: 0, ..policy(1) });
    bench.exits(w(0, 1), 1);
    let told = bench.configure(1, policy(1));
    assert_eq!(told, [reload(ReloadPhase::Began), restart(w(0, 2), 0), new(w(0, 2), 1)]);
    bench.spawned(w(0, 2));
    assert_eq!(bench.exits(w(0, 2), 1).last(), Some(&restart(w(0, 3), 200)));
}

#[test]
fn one_that_announced_and_still_serves_waits_for_the_trial() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(5000));
    bench.word(w(0, 1), Word::Retire);
    bench.spawned(w(0, 2));
    bench.configure(1, policy(1));
    let told = bench.exits(w(0, 2), 1);
    assert_eq!(told[1..], [restart(w(0, 3), 100), restart(w(0, 3), 0), new(w(0, 3), 1)], "three would be too many");
    bench.spawned(w(0, 3));
    assert_eq!(bench.exits(w(0, 1), 1)[1..], [restart(w(0, 4), 0), spawn(w(0, 4))]);
}

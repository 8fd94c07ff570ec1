//! Workers that hang.

use super::bench::*;
use super::model::{Deed, Model};
use crate::core::{Action, Command, Event, Input, Word, WorkerId};
use crate::policy::{Policy, Readiness};

/// A pool that allows a silence of one second.
fn watched(workers: u32) -> Policy {
    Policy { watchdog: Some(MS(1000)), ..policy(workers) }
}

/// It hangs and is killed.
fn hangs(worker: WorkerId) -> Vec<Action> {
    [vec![emit(Event::Hang { worker })], kill(worker).to_vec()].concat()
}

#[test]
fn silence_is_a_hang_and_the_restart_is_that_of_a_death() {
    let mut bench = Bench::steady(watched(1));
    assert_eq!(bench.next(), Some(MS(1000)));
    assert_eq!(bench.pass(MS(999)), []);
    assert_eq!(bench.pass(MS(1)), hangs(w(0, 1)));
    assert_eq!(bench.next(), None);
    assert_eq!(bench.exits(w(0, 1), 9), [exit(w(0, 1), 9), restart(w(0, 2), 100)]);
}

#[test]
fn any_word_is_a_sign_of_life() {
    for word in [Word::Alive, Word::Ready, Word::Retire, Word::Extend(MS(5))] {
        let mut bench = Bench::steady(watched(1));
        bench.pass(MS(600));
        bench.word(w(0, 1), word);
        assert_eq!(bench.next(), Some(MS(1000)), "{word:?}");
    }
}

#[test]
fn nobody_is_watched_without_a_watchdog_nor_before_ready_nor_after() {
    let mut bench = Bench::steady(policy(1));
    bench.word(w(0, 1), Word::Alive);
    bench.word(w(0, 1), Word::Interval(MS(10)));
    assert_eq!(bench.next(), None);
    let mut bench = Bench::started(watched(1));
    bench.spawned(w(0, 1));
    assert_eq!(bench.word(w(0, 1), Word::Alive), []);
    assert_eq!(bench.next(), Some(MS(3000)), "the ready timeout");
    bench.word(w(0, 1), Word::Ready);
    bench.command(Command::Stop);
    bench.word(w(0, 1), Word::Alive);
    assert_eq!(bench.next(), Some(MS(2000)), "the drain");
}

#[test]
fn ready_at_spawn_is_watched_from_the_spawn() {
    let mut bench = Bench::started(Policy { ready: Readiness::AtSpawn, ..watched(1) });
    bench.spawned(w(0, 1));
    assert_eq!(bench.next(), Some(MS(1000)));
}

#[test]
fn a_worker_sets_its_own_interval() {
    let mut bench = Bench::steady(watched(1));
    assert_eq!(bench.word(w(0, 1), Word::Interval(MS(200))), []);
    assert_eq!(bench.next(), Some(MS(200)));
    bench.word(w(0, 1), Word::Interval(MS(0)));
    assert_eq!(bench.next(), None);
    // It may do so before it is ready.
    let mut bench = Bench::started(watched(1));
    bench.spawned(w(0, 1));
    bench.word(w(0, 1), Word::Interval(MS(300)));
    bench.word(w(0, 1), Word::Ready);
    assert_eq!(bench.next(), Some(MS(300)));
}

#[test]
fn failing_and_hung_are_hangs_at_once_watched_or_not() {
    for policy in [policy(1), watched(1)] {
        for input in [Input::Word(w(0, 1), Word::Failing), Input::Hung(w(0, 1))] {
            let mut bench = Bench::steady(policy.clone());
            assert_eq!(bench.give(input.clone()), hangs(w(0, 1)));
            assert_eq!(bench.give(input.clone()), [], "once is enough");
            let mut bench = Bench::started(policy.clone());
            bench.spawned(w(0, 1));
            assert_eq!(bench.give(input.clone()), hangs(w(0, 1)), "while it starts");
            assert_eq!(bench.exits(w(0, 1), 9)[1], restart(w(0, 2), 100));
            let mut bench = Bench::steady(policy.clone());
            bench.command(Command::Stop);
            assert_eq!(bench.give(input), [], "it leaves anyway");
        }
    }
}

#[test]
fn a_hang_after_a_stable_run_is_restarted_without_delay() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(5000));
    bench.give(Input::Hung(w(0, 1)));
    bench.pass(MS(5));
    assert_eq!(bench.exits(w(0, 1), 9)[1], restart(w(0, 2), 0));
}

#[test]
fn hangs_meet_the_limit() {
    let mut bench = Bench::steady(policy(1));
    for generation in 1..=3 {
        bench.give(Input::Hung(w(0, generation)));
        bench.exits(w(0, generation), 9);
        bench.pass(MS(1000));
        bench.boot(w(0, generation + 1));
    }
    bench.give(Input::Hung(w(0, 4)));
    assert!(bench.exits(w(0, 4), 9).contains(&emit(Event::GiveUp { pool: 0, restarts: 3, within: MS(10_000) })));
}

#[test]
fn a_loop_that_was_suspended_excuses_everybody() {
    let mut bench = Bench::steady(watched(2));
    bench.pass(MS(500));
    bench.word(w(1, 1), Word::Alive);
    // 251 ms late, more than a quarter of the interval.
    assert_eq!(bench.pass(MS(751)), []);
    assert_eq!(bench.next(), Some(MS(1000)), "both start afresh");
    assert_eq!(bench.pass(MS(1000)), [hangs(w(0, 1)), hangs(w(1, 1))].concat());
}

#[test]
fn a_loop_that_is_only_a_little_late_excuses_nobody() {
    let mut bench = Bench::steady(watched(1));
    assert_eq!(bench.pass(MS(1250)), hangs(w(0, 1)));
    // Of a short interval a tenth of a second is allowed.
    let mut bench = Bench::steady(Policy { watchdog: Some(MS(40)), ..policy(1) });
    assert_eq!(bench.pass(MS(140)), hangs(w(0, 1)));
    let mut bench = Bench::steady(Policy { watchdog: Some(MS(40)), ..policy(1) });
    assert_eq!(bench.pass(MS(141)), []);
}

#[test]
fn a_loop_that_is_told_that_it_was_suspended_excuses_everybody_however_late_it_is() {
    let mut bench = Bench::steady(watched(2));
    bench.now = bench.now + MS(1001);
    assert_eq!(bench.give(Input::Resumed), []);
    assert_eq!(bench.next(), Some(MS(1000)), "both start afresh");
    assert_eq!(bench.pass(MS(1000)), [hangs(w(0, 1)), hangs(w(1, 1))].concat());
}

#[test]
fn a_suspension_shows_at_whatever_comes_first_and_in_whichever_pool() {
    let mut bench = Bench::steady_pools(vec![watched(2), Policy { watchdog: Some(MS(1300)), ..policy(1) }]);
    bench.now = bench.now + MS(1400);
    // The death of the one is seen before the tick; its deadline is not there any more when that comes.
    bench.exits(p(0, 0), 1);
    bench.give(Input::Exited(p(0, 1), crate::core::ExitStatus::Code(1)));
    assert_eq!(bench.pass(MS(0)), []);
}

#[test]
fn a_hung_announcer_is_killed_and_its_successor_takes_over() {
    let mut bench = Bench::steady(policy(1));
    bench.pass(MS(5000));
    bench.word(w(0, 1), Word::Retire);
    assert_eq!(bench.give(Input::Hung(w(0, 1))), hangs(w(0, 1)));
    assert_eq!(bench.boot(w(0, 2)), [ready(w(0, 2))], "a dead man needs no signal");
    assert_eq!(bench.exits(w(0, 1), 9), [exit(w(0, 1), 9)]);
}

#[test]
fn an_extension_moves_the_deadline_of_a_start_or_an_end_and_never_back() {
    let mut bench = Bench::started(policy(1));
    bench.spawned(w(0, 1));
    bench.word(w(0, 1), Word::Extend(MS(9000)));
    assert_eq!(bench.next(), Some(MS(9000)));
    bench.word(w(0, 1), Word::Extend(MS(1)));
    assert_eq!(bench.next(), Some(MS(9000)));
    bench.word(w(0, 1), Word::Ready);
    bench.word(w(0, 1), Word::Extend(MS(1)));
    assert_eq!(bench.next(), None);
    bench.command(Command::Stop);
    bench.word(w(0, 1), Word::Extend(MS(4000)));
    assert_eq!(bench.next(), Some(MS(4000)));
    assert_eq!(bench.command(Command::Stop)[1..], kill(w(0, 1)), "a second stop does not wait");
    bench.word(w(0, 1), Word::Extend(MS(4000)));
    assert_eq!(bench.next(), None);
}

#[test]
fn who_was_excused_after_one_suspension_is_not_after_another_that_ends_before_the_deadline() {
    let mut bench = Bench::steady(watched(1));
    assert_eq!(bench.pass(MS(1500)), []);
    assert_eq!(bench.pass(MS(700)), []);
    // 700 ms of the silence were a suspension too, but nothing was due that could have shown it.
    assert_eq!(bench.next(), Some(MS(300)));
    assert_eq!(bench.pass(MS(300)), hangs(w(0, 1)));
}

/// The observer can't see whether the loop noticed the first suspension at the deadline of another worker.
#[test]
fn the_observer_allows_for_both_ends_of_a_suspension_that_was_perhaps_noticed() {
    let policy = Policy { watchdog: Some(MS(1000)), drain: MS(100), limit: None, ..policy(1) };
    let (old_that_stays, new_that_is_silent) = ([255, 0, 0, 0], [185, 255, 0, 0, 0]);
    let mut model = Model::new(vec![policy], [&old_that_stays[..], &new_that_is_silent[..]].concat());
    let suspensions = [(MS(40), Deed::Suspend(MS(500))), (MS(10), Deed::Suspend(MS(750)))];
    model.operate(&[(MS(10), Deed::All(Command::Reload))]);
    model.operate(&suspensions);
    model.calm();
    model.end();
}

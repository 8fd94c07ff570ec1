//! Stop, and what comes in an order that nobody would choose.

use super::bench::*;
use crate::core::{Action, Command, Event, Input, ReloadPhase, Scale, Signal, SpawnStep, Word};
use crate::policy::{ExitCode, Policy};

fn stop(hurry: bool) -> Action {
    emit(Event::Stop { pool: None, hurry })
}

#[test]
fn a_stop_tells_each_worker_once_and_ends_with_0_when_all_are_gone() {
    let mut bench = Bench::steady(policy(2));
    let mut expected = vec![stop(false), emit(Event::Draining { pool: 0, workers: 2 })];
    expected.extend(term(w(0, 1)));
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.command(Command::Stop), expected);
    assert_eq!(bench.next(), Some(MS(2000)));
    assert_eq!(bench.exits(w(0, 1), 0), [exit(w(0, 1), 0)]);
    assert_eq!(bench.exits(w(1, 1), 0), [exit(w(1, 1), 0), Action::Exit(ExitCode::Stopped)]);
}

#[test]
fn a_second_stop_kills_and_a_third_does_nothing() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Stop);
    let mut expected = vec![stop(true)];
    expected.extend(kill(w(0, 1)));
    assert_eq!(bench.command(Command::Stop), expected);
    assert_eq!(bench.command(Command::Stop), []);
    assert_eq!(bench.next(), None);
}

/// A pool of two that goes on serving for a second.
fn lame_duck() -> Bench {
    let mut bench = Bench::steady(Policy { lame_duck: MS(1000), ..policy(2) });
    let told = [stop(false), emit(Event::LameDuck { pool: 0, span: MS(1000) })];
    assert_eq!(bench.command(Command::Stop), told);
    bench
}

#[test]
fn a_lame_duck_keeps_its_workers_until_its_time_is_over() {
    let mut bench = lame_duck();
    assert_eq!(bench.next(), Some(MS(1000)));
    let told = bench.exits(w(0, 1), 1);
    assert!(told.iter().any(|action| matches!(action, Action::Emit(Event::Restart { .. }))), "{told:?}");
    let told = bench.pass(MS(999));
    assert!(!told.iter().any(|action| matches!(action, Action::Signal(..))), "{told:?}");
    assert!(bench.pass(MS(1)).contains(&Action::Signal(w(1, 1), Signal::Term)));
}

#[test]
fn a_second_stop_ends_the_lame_duck_and_a_third_the_drain() {
    let mut bench = lame_duck();
    let mut expected = vec![stop(false), emit(Event::Draining { pool: 0, workers: 2 })];
    expected.extend(term(w(0, 1)));
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.command(Command::Stop), expected);
    let mut expected = vec![stop(true)];
    expected.extend(kill(w(0, 1)));
    expected.extend(kill(w(1, 1)));
    assert_eq!(bench.command(Command::Stop), expected);
}

#[test]
fn a_lame_duck_takes_no_other_orders() {
    let mut bench = lame_duck();
    let cancelled = emit(Event::Reload { pool: 0, phase: ReloadPhase::Cancelled });
    assert_eq!(bench.command(Command::Reload), [cancelled]);
    let told = bench.command(Command::Scale(Scale::To(5)));
    assert!(matches!(told[..], [Action::Emit(Event::Error { .. })]), "{told:?}");
}

#[test]
fn a_stop_cancels_the_restarts_that_wait() {
    let mut bench = Bench::steady(policy(1));
    bench.exits(w(0, 1), 1);
    let told = bench.command(Command::Stop);
    assert_eq!(told, [stop(false), emit(Event::Draining { pool: 0, workers: 0 }), Action::Exit(ExitCode::Stopped)]);
    assert_eq!(bench.pass(MS(1000)), []);
}

#[test]
fn workers_that_are_leaving_get_no_second_signal() {
    let mut bench = Bench::steady(policy(2));
    bench.word(w(0, 1), Word::Suicide);
    bench.boot(w(0, 2));
    bench.pass(MS(500));
    let mut expected = vec![stop(false), emit(Event::Draining { pool: 0, workers: 3 })];
    expected.extend(term(w(0, 2)));
    expected.extend(term(w(1, 1)));
    assert_eq!(bench.command(Command::Stop), expected);
    assert_eq!(bench.next(), Some(MS(1500)));
}

#[test]
fn a_worker_whose_start_was_under_way_is_told_as_soon_as_it_runs() {
    let mut bench = Bench::started(policy(2));
    bench.command(Command::Stop);
    let told = bench.spawned(w(0, 1));
    assert_eq!(told[2..], term(w(0, 1)));
    assert_eq!(ending(&bench.spawn_fails(w(1, 1), SpawnStep::Fork, 11)), None);
    assert_eq!(ending(&bench.exits(w(0, 1), 0)), Some(ExitCode::Stopped));

    let mut bench = Bench::started(policy(1));
    bench.command(Command::Stop);
    bench.command(Command::Stop);
    assert_eq!(bench.spawned(w(0, 1))[2..], kill(w(0, 1)));
}

#[test]
fn a_stop_before_the_start_ends_at_once() {
    let mut pool = crate::core::Pools::new(vec![policy(2)]);
    let mut actions = Vec::new();
    crate::core::Machine::step(&mut pool, Default::default(), Input::Command(Command::Stop), &mut actions);
    assert_eq!(ending(&actions), Some(ExitCode::Stopped));
}

#[test]
fn a_stop_during_a_give_up_is_heard_but_the_status_stays() {
    let mut bench = Bench::steady(policy(5));
    for slot in 0..4 {
        bench.word(w(slot, 1), Word::Suicide);
    }
    assert_eq!(bench.command(Command::Stop), [stop(false)]);
    let told = bench.command(Command::Stop);
    assert_eq!(told[0], stop(true));
    // Four that announced, one that served; the successors were asked for and never came.
    assert_eq!(told.len(), 1 + 2 * 5);
    for (slot, generation) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)] {
        bench.exits(w(slot, generation), 0);
    }
    for slot in 0..2 {
        bench.spawn_fails(w(slot, 2), SpawnStep::Fork, 12);
    }
    assert_eq!(ending(&bench.spawn_fails(w(2, 2), SpawnStep::Fork, 12)), Some(ExitCode::GaveUp));
}

#[test]
fn a_reload_after_the_stop_is_refused() {
    let mut bench = Bench::steady(policy(1));
    bench.command(Command::Stop);
    assert_eq!(bench.command(Command::Reload), [emit(Event::Reload { pool: 0, phase: ReloadPhase::Cancelled })]);
}

#[test]
fn what_makes_no_sense_is_noted_and_changes_nothing() {
    let mut bench = Bench::steady(policy(1));
    for id in [w(0, 0), w(0, 2), w(7, 1), w(u32::MAX, u32::MAX)] {
        let inputs = [
            Input::Spawned(id),
            Input::SpawnFailed(id, crate::core::SpawnError { step: SpawnStep::Fork, errno: 11 }),
            Input::Word(id, Word::Suicide),
            Input::Disconnected(id),
            Input::Exited(id, crate::core::ExitStatus::Signal(9)),
        ];
        for input in inputs {
            let told = bench.give(input.clone());
            assert!(matches!(told[..], [Action::Emit(Event::Error { worker: Some(_), .. })]), "{input:?}: {told:?}");
        }
    }
    assert_eq!(bench.next(), None);
}

#[test]
fn a_word_said_twice_is_noted() {
    let mut bench = Bench::steady(policy(1));
    bench.word(w(0, 1), Word::Suicide);
    let told = bench.word(w(0, 1), Word::Suicide);
    assert!(matches!(told[..], [Action::Emit(Event::Error { .. })]));
    // To stop accepting after having promised to wait is news.
    let mut bench = Bench::steady(policy(1));
    bench.word(w(0, 1), Word::Retire);
    let told = bench.word(w(0, 1), Word::Suicide);
    assert_eq!(told[1], emit(Event::Retire { worker: w(0, 1) }));
    assert_eq!(starts(&told), []);
}

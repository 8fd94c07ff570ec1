//! Lives, and whether they let the pool be what the scenario waits for.

use crate::ron_file::Checker;
use crate::scenario::{Act, Command, Exit, Life, LifeRecord, Lives, Phase, Pool, Scenario, Signal, Start, Step};

/// The lives of the workers of one pool.
pub(super) fn check(checker: &mut Checker, lives: &Lives, pool: &Pool, scenario: &Scenario) {
    checker.enter("first");
    for (index, life) in lives.first.iter().enumerate() {
        checker.enter_index(index);
        one(checker, life);
        checker.leave();
    }
    checker.leave();
    checker.enter("generation");
    for (generation, lives) in &lives.generation {
        match generation {
            0 => drop(checker.wrong_in("0", "there is no generation 0").expected("generations are counted from 1")),
            1 => drop(checker.wrong_in("1", "generation 1 is written as `first`").expected("expected 2 or more")),
            _ if !scenario.steps.iter().any(reloads) => drop(
                checker
                    .wrong_in(&generation.to_string(), format!("generation {generation} never comes"))
                    .expected("a generation begins with a reload, and no step orders one"),
            ),
            _ => {}
        }
        checker.enter(&generation.to_string());
        for (index, life) in lives.iter().enumerate() {
            checker.enter_index(index);
            one(checker, life);
            checker.leave();
        }
        checker.leave();
    }
    checker.leave();
    checker.enter("then");
    one(checker, &lives.then);
    checker.leave();
    steady(checker, lives, pool, scenario.start);
}

/// Whether a full pool, which `start: Steady` waits for, can ever be.
fn steady(checker: &mut Checker, lives: &Lives, pool: &Pool, start: Start) {
    if start == Start::AtOnce || gets_ready(&lives.then, pool) {
        return;
    }
    let able = lives.first.iter().filter(|life| gets_ready(life, pool)).count();
    if able < pool.workers as usize {
        let what = format!("with these lives only {able} of {} workers ever get ready", pool.workers);
        checker.wrong(what).expected(
            "`start: Steady` waits for all of them: write `start: AtOnce`, or give `first` enough that serve",
        );
    }
}

fn gets_ready(life: &Life, pool: &Pool) -> bool {
    let in_time = |boot: crate::scenario::Span| pool.ready_timeout.is_none_or(|timeout| boot < timeout);
    match life {
        Life::Crash { at, .. } | Life::Hang { at } => *at != Phase::Boot,
        Life::SlowBoot(boot) => in_time(*boot),
        Life::Record(record) => {
            let LifeRecord { never_ready, exit, hang, boot, .. } = record;
            !never_ready
                && exit.is_none_or(|exit| exit.at != Phase::Boot)
                && *hang != Some(Phase::Boot)
                && in_time(*boot)
        }
        Life::Serve
        | Life::IgnoreTerm
        | Life::SlowStop(_)
        | Life::RetireAtFirstRequest(_)
        | Life::Leak(_)
        | Life::Flood(_) => true,
    }
}

fn one(checker: &mut Checker, life: &Life) {
    match life {
        Life::Crash { code, .. } => status(checker, "code", *code),
        Life::Leak(0) | Life::Flood(0) => drop(checker.wrong("0 bytes are nothing").expected("expected at least 1")),
        Life::Record(record) => {
            if let Some(exit) = record.exit {
                checker.enter("exit");
                status(checker, "code", exit.code);
                by_signal(checker, exit);
                checker.leave();
            }
            if record.retire_after == Some(0) {
                checker.wrong_in("retire_after", "`retire_after` is 0").expected("expected at least 1 request");
            }
            for (field, output) in [("output", record.output), ("stderr", record.stderr)] {
                checker.enter(field);
                if let Some(output) = output {
                    checker.not_zero("bytes_per_second", output.bytes_per_second);
                }
                checker.leave();
            }
        }
        Life::Serve
        | Life::Hang { .. }
        | Life::IgnoreTerm
        | Life::SlowBoot(_)
        | Life::SlowStop(_)
        | Life::RetireAtFirstRequest(_)
        | Life::Leak(_)
        | Life::Flood(_) => {}
    }
}

/// Whether a signal ends a worker, and nothing else does.
fn by_signal(checker: &mut Checker, exit: Exit) {
    let Some(signal) = exit.signal else { return };
    if !Signal::FATAL.contains(&signal) {
        let fatal: Vec<String> = Signal::FATAL.iter().map(|signal| format!("{signal:?}")).collect();
        let what = format!("{signal:?} ends nobody");
        checker.wrong_in("signal", what).expected(format!("one of: {}", fatal.join(", ")));
    }
    if exit.code != 0 {
        let what = "whoever ends by a signal has no exit status";
        checker.wrong_in("code", what).expected("either `code` or `signal`");
    }
}

/// An exit status as the kernel keeps it.
pub(super) fn status(checker: &mut Checker, field: &str, code: i32) {
    if !(0..=255).contains(&code) {
        checker.wrong_in(field, format!("{code} is no exit status")).expected("expected 0 to 255");
    }
}

/// Whether a step orders a reload.
fn reloads(step: &Step) -> bool {
    step.any(&|act| matches!(act, Act::Operate(Command::Reload | Command::Reloads { .. })))
}

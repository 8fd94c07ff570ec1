//! Expectations: whether they can come true, and do not contradict each other.

use crate::ron_file::Checker;
use crate::scenario::{Act, Expect, Fault, Load, Pool, Scenario, StatusIs};

use super::life::status;
use super::load::{Where, known};

pub(super) fn check(checker: &mut Checker, expect: &[Expect], scenario: &Scenario) {
    for (index, one) in expect.iter().enumerate() {
        checker.enter_index(index);
        single(checker, one, scenario);
        if expect[..index].contains(one) {
            checker.wrong("the same is expected twice");
        }
        checker.leave();
    }
    let gives_up = expect.iter().any(|one| matches!(one, Expect::GivesUp { .. }));
    if let (true, Some(never)) = (gives_up, expect.iter().position(|one| *one == Expect::NeverGivesUp)) {
        checker.wrong_at(never, "`GivesUp` and `NeverGivesUp` can't both hold");
    }
}

fn single(checker: &mut Checker, expect: &Expect, scenario: &Scenario) {
    let pool = &scenario.pool;
    match expect {
        Expect::GivesUp { after_restarts, status } => {
            gives_up(checker, *after_restarts, pool);
            code(checker, *status);
        }
        Expect::NeverGivesUp => {}
        Expect::Exits { status } => code(checker, *status),
        Expect::Current { topic, within } => {
            checker.takes_time("within", within.0);
            super::topics::expected(checker, topic, scenario);
        }
        Expect::Answered { within } => {
            checker.takes_time("within", within.0);
            let asks = |act: &Act| matches!(act, Act::During { fault: Fault::Operators { .. }, .. });
            if !scenario.steps.iter().any(|step| step.any(&asks)) {
                checker.wrong("nobody asks").expected("a step with the fault `Operators`");
            }
        }
        Expect::Grows { .. } => {}
        Expect::Spends { .. } => {
            let breaks = |act: &Act| matches!(act, Act::During { .. });
            if !scenario.steps.iter().any(|step| step.any(&breaks)) {
                checker.wrong("there is no fault").expected("a step with `During`");
            }
        }
        Expect::Wakes { at_most } => {
            checker.not_zero("at_most", (*at_most).into());
            if scenario.load.is_empty() {
                checker.wrong("nobody connects").expected("a load");
            }
        }
        Expect::NothingLeft { within } | Expect::FullAgain { within } => checker.takes_time("within", within.0),
        Expect::NothingLost { load } | Expect::Balanced { load, .. } => {
            _ = known(checker, Where::Field("load"), load, &scenario.load);
        }
        Expect::CutAtDeadline { load } => cut(checker, load, scenario),
        Expect::ReadyAtLeast { workers } => {
            checker.not_zero("workers", (*workers).into());
            if *workers > pool.workers {
                let what = format!("{workers} ready workers in a pool of {}", pool.workers);
                checker.wrong_in("workers", what).expected(format!("at most {}", pool.workers));
            }
        }
        Expect::Births { min, max } => {
            if min > max {
                checker.wrong_in("min", format!("at least {min} and at most {max} births can't be"));
            }
        }
    }
}

fn gives_up(checker: &mut Checker, after_restarts: u32, pool: &Pool) {
    match pool.limit {
        None => {
            checker.wrong("it can't give up").expected("the pool has no `limit`");
        }
        Some(limit) if after_restarts < limit.restarts => {
            let what = format!("{after_restarts} restarts are not too many");
            checker.wrong_in("after_restarts", what).expected(format!("the pool's limit allows {}", limit.restarts));
        }
        Some(_) => {}
    }
}

fn code(checker: &mut Checker, is: StatusIs) {
    if let StatusIs::Code(code) = is {
        status(checker, "status", code);
    }
}

/// Only a request that takes longer than the drain deadline is cut by it.
fn cut(checker: &mut Checker, name: &str, scenario: &Scenario) {
    let drain = scenario.pool.drain;
    match known(checker, Where::Field("load"), name, &scenario.load) {
        Some(Load::Hold { hold, .. }) if *hold <= drain => {
            let what = format!("load `{name}` takes {hold}, which the drain deadline of {drain} does not cut");
            checker.wrong_in("load", what);
        }
        Some(Load::Slow { reads: Some(bulk), .. } | Load::Slow { writes: Some(bulk), .. }) if bulk.takes() <= drain => {
            let what =
                format!("load `{name}` takes {}, which the drain deadline of {drain} does not cut", bulk.takes());
            checker.wrong_in("load", what);
        }
        Some(Load::Hold { .. } | Load::Slow { .. }) | None => {}
        Some(_) => {
            let what = format!("load `{name}` has no long requests that could be cut");
            checker.wrong_in("load", what).expected("a `Hold` load");
        }
    }
}

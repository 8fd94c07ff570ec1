//! A life of the supervisor, once for each way in which each of its system calls can fail.
//!
//! As with a database under I/O errors: whatever fails, afterwards the pool is as it should be, or the supervisor has
//! ended with a documented status, has said why, and has left nothing behind.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::history::History;
use crate::world::Plan;
use crate::world::sim::{Call, CallLog, Planned, Prepared};

use super::ending::{A_WHILE, Ending, FOR_EVER, Life, Struck, ending, unfit};

/// A supervisor that makes more calls than this in a simulated second spins. A loop that never waits makes some 300 000, and one
/// that starts somebody every millisecond a tenth of that.
const CALLS_PER_SECOND: u64 = 30_000;

/// One life with one failure.
#[derive(Clone, Debug)]
pub struct Swept {
    /// Scenario and variant.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// What failed.
    pub planned: Planned,
    /// How it ended.
    pub ending: Ending,
    /// Whether the supervisor said anything that it does not say without the failure.
    pub told: bool,
}

/// The same by kind of call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls of this kind in the life without a failure.
    pub calls: u64,
    /// Lives.
    pub runs: u64,
    /// … that ended right.
    pub right: u64,
    /// … that ended honestly.
    pub honest: u64,
    /// … in which the supervisor named the failure.
    pub told: u64,
    /// … that ended wrong.
    pub wrong: u64,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.runs += other.runs;
        self.right += other.right;
        self.honest += other.honest;
        self.told += other.told;
        self.wrong += other.wrong;
    }

    /// One life more.
    pub fn count(&mut self, ending: &Ending, told: bool) {
        self.runs += 1;
        self.told += u64::from(told);
        match ending {
            Ending::Right => self.right += 1,
            Ending::Honest(_) => self.honest += 1,
            Ending::Wrong(_) => self.wrong += 1,
        }
    }
}

/// Every failure that this life can meet: each call of each kind, each errno, once; and where its cause may last, for
/// three calls and for all that follow.
fn cases(baseline: &CallLog) -> Vec<Planned> {
    let mut cases = Vec::new();
    for (&call, &count) in &baseline.calls {
        for nth in 1..=count {
            for &failure in call.failures() {
                let lengths: &[u64] = if failure.lasting { &[1, A_WHILE, FOR_EVER] } else { &[1] };
                cases.extend(lengths.iter().map(|&times| Planned { call, nth, times, failure }));
            }
        }
    }
    cases
}

/// Lives with a failure in each: all of them, or every n-th (`every`), beginning with the `seed`-th.
///
/// # Errors
/// Why this life tells nothing about a failing call, in words.
pub fn sweep(plan: &Plan, every: usize, mut each: impl FnMut(&Swept)) -> Result<BTreeMap<Call, Tally>, String> {
    let prepared = Prepared::new(plan);
    let (lived, base) = prepared.run_failing(plan.seed, None);
    if let Some(why) = unfit(&life(plan, &lived.history, &base, base.total())) {
        return Err(why);
    }
    let mut tallies: BTreeMap<Call, Tally> = BTreeMap::new();
    for (&call, &calls) in &base.calls {
        tallies.entry(call).or_default().calls = calls;
    }
    let every = every.max(1);
    for planned in cases(&base).into_iter().skip(plan.seed as usize % every).step_by(every) {
        let swept = one(plan, &prepared, &base, planned);
        tallies.entry(planned.call).or_default().count(&swept.ending, swept.told);
        each(&swept);
    }
    Ok(tallies)
}

/// One life with one failure.
fn one(plan: &Plan, prepared: &Prepared<'_>, base: &CallLog, planned: Planned) -> Swept {
    let lived = catch_unwind(AssertUnwindSafe(|| prepared.run_failing(plan.seed, Some(planned))));
    let failure = planned.failure;
    let struck = Struck { calls: vec![planned.call], times: planned.times, errno: (failure.errno, failure.name) };
    let (ending, told) = match lived {
        Ok((lived, log)) => {
            (ending(&life(plan, &lived.history, &log, base.total()), &struck), struck.is_named(&log.said))
        }
        Err(_) => (Ending::Wrong(vec!["it panicked".to_owned()]), false),
    };
    Swept { name: plan.name.clone(), seed: plan.seed, planned, ending, told }
}

fn life<'a>(plan: &'a Plan, history: &'a History, log: &'a CallLog, usual: u64) -> Life<'a> {
    Life { plan, history, slack: Duration::ZERO, said: &log.said, calls: log.total(), usual, pace: CALLS_PER_SECOND }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;

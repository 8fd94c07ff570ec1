//! A life of the supervisor, once for each way in which each of its system calls can fail.
//!
//! As with a database under I/O errors: whatever fails, afterwards the pool is as it should be, or the supervisor has
//! ended with a documented status, has said why, and has left nothing behind.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::history::{History, Status, What};
use crate::invariant::{self, Slack};
use crate::verdict::Verdict;
use crate::world::Plan;
use crate::world::sim::{Call, CallLog, Planned, Prepared};

/// Ends of a supervisor that are no breakdown: EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL, as it documents them.
const DOCUMENTED: [i32; 4] = [65, 69, 70, 75];

/// A supervisor that makes more calls than this in a second, and so many times more than without the failure, spins. A loop that
/// never waits makes some 300 000, and one that starts somebody every millisecond a tenth of that.
const CALLS_PER_SECOND: u64 = 30_000;
const CALLS_FACTOR: u64 = 4;

/// How many calls in a row fail for a cause that goes away again.
const A_WHILE: u64 = 3;

/// How many fail for one that does not.
const FOR_EVER: u64 = u64::MAX;

/// How long accepting rests where there is no descriptor or memory for it.
const REST: Duration = Duration::from_millis(100);

/// What a supervisor says when it abandons a rolling restart, or can't read the configuration for it: then old workers stay.
const ABORTED: [&str; 2] = ["\"phase\":\"aborted\"", "\"phase\":\"refused\""];

/// How the judge says that the service manager waits for its first word.
const NOT_READY: &str = "the service manager was not told READY=1";

/// How the judge says that a replacement was late.
const LATE: &str = "its replacement was late";

/// How a life ended in which a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The pool was as it should be, and the end the one that was ordered.
    Right,
    /// The supervisor ended by itself with this documented status, said why and left nothing.
    Honest(i32),
    /// Anything else; what was wrong.
    Wrong(Vec<String>),
}

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
    if own_end(&lived.history).is_some_and(|code| !DOCUMENTED.contains(&code)) {
        // By SIGKILL for instance.
        return Err("the scenario ends the supervisor itself".to_owned());
    }
    if let Some(wrong) = breakdowns(&lived.history, &base, base.total()).first() {
        return Err(format!("without any failure: {wrong}"));
    }
    let mut tallies: BTreeMap<Call, Tally> = BTreeMap::new();
    for (&call, &calls) in &base.calls {
        tallies.entry(call).or_default().calls = calls;
    }
    let every = every.max(1);
    for planned in cases(&base).into_iter().skip(plan.seed as usize % every).step_by(every) {
        let swept = one(plan, &prepared, &base, planned);
        count(tallies.entry(planned.call).or_default(), &swept);
        each(&swept);
    }
    Ok(tallies)
}

fn count(tally: &mut Tally, swept: &Swept) {
    tally.runs += 1;
    tally.told += u64::from(swept.told);
    match swept.ending {
        Ending::Right => tally.right += 1,
        Ending::Honest(_) => tally.honest += 1,
        Ending::Wrong(_) => tally.wrong += 1,
    }
}

/// One life with one failure.
fn one(plan: &Plan, prepared: &Prepared<'_>, base: &CallLog, planned: Planned) -> Swept {
    let lived = catch_unwind(AssertUnwindSafe(|| prepared.run_failing(plan.seed, Some(planned))));
    let (ending, told) = match lived {
        Ok((lived, log)) => (ending(plan, &lived.history, &log, base.total(), planned), names(&log, planned)),
        Err(_) => (Ending::Wrong(vec!["it panicked".to_owned()]), false),
    };
    Swept { name: plan.name.clone(), seed: plan.seed, planned, ending, told }
}

/// Whether the supervisor's words name the errno.
fn names(log: &CallLog, planned: Planned) -> bool {
    let errno = planned.failure.errno;
    log.said.contains(&format!("(os error {errno})")) || log.said.contains(&format!("\"errno\":{errno}"))
}

/// What became of a life.
fn ending(plan: &Plan, history: &History, log: &CallLog, base: u64, planned: Planned) -> Ending {
    let mut wrong = breakdowns(history, log, base);
    let own_end = own_end(history);
    let documented = own_end.filter(|code| DOCUMENTED.contains(code));
    if own_end.is_some() && documented.is_none() {
        wrong.push(format!("it ended by itself: {own_end:?}"));
    }
    if documented.is_some() && log.said.trim().is_empty() && ![Call::Inherited, Call::Write].contains(&planned.call) {
        wrong.push("it ended by itself and had not said a word".to_owned());
    }
    // A pool can't be right while nothing can be started, and nobody asks for more of one that ended honestly.
    let least = documented.is_some() || planned.times == FOR_EVER;
    let aborted = ABORTED.iter().any(|word| log.said.contains(word));
    let cost = cost(plan, planned);
    let late = |id: &str| cost.is_zero() || failures(plan, history, Slack(cost)).iter().any(|one| one.id == id);
    let judged = |one: &Failure| match one.id.as_str() {
        // Whoever can't wait learns of nothing, and has nothing to tell.
        "INV-TRUTH" if planned.call == Call::Wait && one.because.ends_with(NOT_READY) => !least,
        // What can't be written, or has nowhere to go, is lost.
        "INV-OUTPUT" if planned.call == Call::Inherited => false,
        "INV-OUTPUT" if planned.call == Call::Write && !["EINTR", "EAGAIN"].contains(&planned.failure.name) => false,
        "INV-CONTAIN" | "INV-ONCE" | "INV-TRUTH" => true,
        "INV-SERIAL" if aborted && one.because.starts_with("a reload") => false,
        "INV-GENERATION" if aborted && one.because.ends_with("which was to succeed") => false,
        "INV-FLOOR" => !least && late("INV-FLOOR"),
        "INV-INTENSITY" if one.because.ends_with(LATE) => !least && late("INV-INTENSITY"),
        other => !least && other.starts_with("INV-"),
    };
    let failed = failures(plan, history, Slack::default());
    wrong.extend(
        failed.iter().filter(|one| judged(one)).map(|one| format!("{}: {}; {}", one.id, one.because, one.actual)),
    );
    match (wrong.is_empty(), documented) {
        (false, _) => Ending::Wrong(wrong),
        (true, Some(code)) => Ending::Honest(code),
        (true, None) => Ending::Right,
    }
}

/// By how much calls that fail for a while may delay what is promised. Starts that were refused count as failures each, and
/// the next is tried after the longest delay at most: the judge sees workers, not what was tried. Accepting rests each time.
fn cost(plan: &Plan, planned: Planned) -> Duration {
    if planned.times != A_WHILE {
        return Duration::ZERO;
    }
    let once = match planned.call {
        // A worker is not started without the socket on which it notifies, either.
        Call::Spawn | Call::NotifySocket => plan.scenario.pool.backoff.map_or(Duration::ZERO, |backoff| backoff.cap.0),
        Call::Accept => REST,
        _ => Duration::ZERO,
    };
    once * A_WHILE as u32 * 105 / 100
}

/// Hung, spinning, or something left.
fn breakdowns(history: &History, log: &CallLog, base: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut until = 0;
    for event in &history.events {
        until = until.max(event.when.latest().as_nanos());
        match &event.what {
            What::Incomplete { why } => wrong.push(why.clone()),
            What::Left(what) => wrong.push(format!("left: {what:?}")),
            _ => {}
        }
    }
    let seconds = until / 1_000_000_000;
    if log.total() > (CALLS_PER_SECOND * seconds).max(CALLS_FACTOR * base) {
        wrong.push(format!("it spins: {} system calls within {seconds} s", log.total()));
    }
    wrong
}

/// The status of a supervisor that ended although nobody had told it to, or not as it was told.
fn own_end(history: &History) -> Option<i32> {
    let exit = history.events.iter().rev().find_map(|event| match event.what {
        What::SupervisorExited { status, .. } => Some(status),
        _ => None,
    });
    match exit {
        Some(Status::Code(0)) => None,
        Some(Status::Code(code)) => Some(code),
        Some(Status::Signal(signal)) => Some(-signal),
        None => Some(-1),
    }
}

/// An invariant that fails.
struct Failure {
    id: String,
    because: String,
    actual: String,
}

/// The invariants and expectations that fail, and why.
fn failures(plan: &Plan, history: &History, slack: Slack) -> Vec<Failure> {
    let findings = invariant::judge(&plan.scenario, &plan.subject.profile, history, slack);
    let failed = findings.into_iter().filter_map(|finding| match finding.verdict {
        Verdict::Fail { because, actual, .. } => Some(Failure { id: finding.id, because, actual }),
        _ => None,
    });
    failed.collect()
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;

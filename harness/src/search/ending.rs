//! What becomes of a life in which a system call fails, in whichever world, and what the failure excuses.

use std::time::Duration;

use crate::history::{History, Status, What};
use crate::invariant::{self, Slack};
use crate::verdict::Verdict;
use crate::world::Plan;
use crate::world::sim::Call;

/// Ends of a supervisor that are no breakdown: EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_TEMPFAIL, as it documents them.
const DOCUMENTED: [i32; 4] = [65, 69, 70, 75];

/// The one of them that says that something can't be dealt with.
const BUG: i32 = 70;

/// What spins makes so many times more calls than without the failure.
const CALLS_FACTOR: u64 = 4;

/// How long accepting rests where there is no descriptor or memory for it.
const REST: Duration = Duration::from_millis(100);

/// What a supervisor says when it abandons a rolling restart, or can't read the configuration for it: then old workers stay.
const ABORTED: [&str; 2] = ["\"phase\":\"aborted\"", "\"phase\":\"refused\""];

/// How the judge says that the service manager waits for its first word.
const NOT_READY: &str = "the service manager was not told READY=1";

/// How the judge says that a replacement was late.
const LATE: &str = "its replacement was late";

/// How the judge says that an operator was turned away.
const UNHEARD: &str = "and was not heard";

/// The calls without which nobody is heard.
const TALK: [Call; 4] = [Call::Accept, Call::Peer, Call::Receive, Call::Send];

/// How many calls in a row fail for a cause that goes away again.
pub const A_WHILE: u64 = 3;

/// How many fail for one that does not.
pub const FOR_EVER: u64 = u64::MAX;

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

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// The kinds of call that it may have been.
    pub calls: Vec<Call>,
    /// How many failed in a row.
    pub times: u64,
    /// How: the errno and its name.
    pub errno: (i32, &'static str),
}

/// A life of which something is to be said.
#[derive(Clone, Copy, Debug)]
pub struct Life<'a> {
    /// What was to happen.
    pub plan: &'a Plan,
    /// What did.
    pub history: &'a History,
    /// The measuring error.
    pub slack: Duration,
    /// Everything that the supervisor wrote.
    pub said: &'a str,
    /// How many system calls it made.
    pub calls: u64,
    /// How many it makes if none of them fails.
    pub usual: u64,
    /// More in a second than this, and many more than usual: it spins.
    pub pace: u64,
}

impl Struck {
    /// Whether it may have been a call of this kind.
    fn is(&self, call: Call) -> bool {
        self.calls.contains(&call)
    }

    /// Whether these words name the errno.
    pub fn is_named(&self, said: &str) -> bool {
        let errno = self.errno.0;
        said.contains(&format!("(os error {errno})")) || said.contains(&format!("\"errno\":{errno}"))
    }
}

/// Why a life without any failure says nothing about one with a failure, in words; `None` if it does.
pub fn unfit(life: &Life<'_>) -> Option<String> {
    if own_end(life.history).is_some_and(|code| !DOCUMENTED.contains(&code)) {
        // By SIGKILL for instance.
        return Some("the scenario ends the supervisor itself".to_owned());
    }
    breakdowns(life).first().map(|wrong| format!("without any failure: {wrong}"))
}

/// What became of a life.
pub fn ending(life: &Life<'_>, struck: &Struck) -> Ending {
    let mut wrong = breakdowns(life);
    let own_end = own_end(life.history);
    let documented = own_end.filter(|code| DOCUMENTED.contains(code));
    if own_end.is_some() && documented.is_none() {
        wrong.push(format!("it ended by itself: {own_end:?}"));
    }
    let can_speak = !struck.is(Call::Inherited) && !struck.is(Call::Write);
    if documented.is_some() && life.said.trim().is_empty() && can_speak {
        wrong.push("it ended by itself and had not said a word".to_owned());
    }
    if documented == Some(BUG) && struck.is(Call::Wait) && struck.times != FOR_EVER {
        wrong.push("it ended because it could not wait, which it could have tried again".to_owned());
    }
    wrong.extend(broken(life, struck, documented.is_some()));
    match (wrong.is_empty(), documented) {
        (false, _) => Ending::Wrong(wrong),
        (true, Some(code)) => Ending::Honest(code),
        (true, None) => Ending::Right,
    }
}

/// The invariants that fail although nothing excuses that.
fn broken(life: &Life<'_>, struck: &Struck, ended: bool) -> Vec<String> {
    // A pool can't be right while nothing can be started, and nobody asks for more of one that ended honestly.
    let least = ended || struck.times == FOR_EVER;
    let aborted = ABORTED.iter().any(|word| life.said.contains(word));
    let cost = cost(life.plan, struck);
    let late = |id: &str| cost.is_zero() || failures(life, cost).iter().any(|one| one.id == id);
    let judged = |one: &Failure| match one.id.split('@').next().unwrap_or_default() {
        // Whoever can't wait learns of nothing, and has nothing to tell.
        "INV-TRUTH" if struck.is(Call::Wait) && one.because.ends_with(NOT_READY) => !least,
        // What can't be written, or has nowhere to go, is lost.
        "INV-OUTPUT" if struck.is(Call::Inherited) => false,
        "INV-OUTPUT" if struck.is(Call::Write) && !["EINTR", "EAGAIN"].contains(&struck.errno.1) => false,
        // An order to have less workers comes late, too.
        "INV-ONCE" if struck.is(Call::Accept) => late(&one.id),
        "INV-CONTAIN" | "INV-ONCE" | "INV-TRUTH" => true,
        // Whoever can't be heard is turned away.
        "INV-ISOLATE" if one.because.ends_with(UNHEARD) => !struck.calls.iter().any(|call| TALK.contains(call)),
        "INV-SERIAL" if aborted && one.because.starts_with("a reload") => false,
        "INV-GENERATION" if aborted && one.because.ends_with("which was to succeed") => false,
        "INV-CONVERGE" | "INV-FLOOR" | "INV-SERIAL" => !least && late(&one.id),
        "INV-INTENSITY" if one.because.ends_with(LATE) => !least && late(&one.id),
        other => !least && other.starts_with("INV-"),
    };
    let failed = failures(life, Duration::ZERO).into_iter().filter(judged);
    failed.map(|one| format!("{}: {}; {}", one.id, one.because, one.actual)).collect()
}

/// By how much calls that fail for a while may delay what is promised. Starts that were refused count as failures each, and
/// the next is tried after the longest delay at most: the judge sees workers, not what was tried. Accepting rests each time.
fn cost(plan: &Plan, struck: &Struck) -> Duration {
    let times = if struck.times == FOR_EVER { 0 } else { struck.times as u32 };
    let cap = plan.scenario.pool.backoff.map_or(Duration::ZERO, |backoff| backoff.cap.0);
    let once = struck.calls.iter().map(|call| match call {
        // A worker is not started without the socket on which it notifies, either. That of one is what any delay is.
        Call::Spawn | Call::NotifySocket if struck.times == A_WHILE => cap,
        Call::Accept => REST,
        _ => Duration::ZERO,
    });
    once.max().unwrap_or_default() * times * 105 / 100
}

/// Hung, spinning, or something left.
fn breakdowns(life: &Life<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut from, mut until) = (u64::MAX, 0);
    for event in &life.history.events {
        from = from.min(event.when.latest().as_nanos());
        until = until.max(event.when.latest().as_nanos());
        match &event.what {
            What::Incomplete { why } => wrong.push(why.clone()),
            What::Left(what) => wrong.push(format!("left: {what:?}")),
            _ => {}
        }
    }
    let seconds = until.saturating_sub(from).div_ceil(1_000_000_000);
    if life.calls > (life.pace * seconds).max(CALLS_FACTOR * life.usual) {
        wrong.push(format!("it spins: {} system calls within {seconds} s", life.calls));
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

/// The invariants and expectations that fail if so much more is excused, and why.
fn failures(life: &Life<'_>, more: Duration) -> Vec<Failure> {
    let (scenario, profile) = (&life.plan.scenario, &life.plan.subject.profile);
    let findings = invariant::judge_hindered(scenario, profile, life.history, Slack(life.slack + more));
    let failed = findings.into_iter().filter_map(|finding| match finding.verdict {
        Verdict::Fail { because, actual, .. } => Some(Failure { id: finding.id, because, actual }),
        _ => None,
    });
    failed.collect()
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;

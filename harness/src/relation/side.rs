//! What is compared in every relation: the verdicts, and the lengths of time that deadlines determine.

use std::time::Duration;

use crate::history::{Event, History, What};
use crate::invariant::Finding;
use crate::parity::Projection;
use crate::time::Time;
use crate::verdict::Verdict;

/// From the start of a worker to the first sight of it, where nothing but its own first line shows it: by so much a gap
/// between two births may seem longer or shorter than it is.
pub(super) const SEEN: Duration = Duration::from_millis(50);

/// One of the two runs, judged.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What happened.
    pub history: &'a History,
    /// What every invariant and expectation says.
    pub findings: &'a [Finding],
}

/// Two runs, and what was done in one of them alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    /// The run in which it was done.
    pub with: Side<'a>,
    /// Its twin.
    pub without: Side<'a>,
    /// What was done, as a clause: `the wall clock was set`.
    pub done: &'static str,
}

impl Pair<'_> {
    /// Something is not as in the twin.
    pub fn fail(&self, at: Time, what: &str, without: &str, with: &str) -> Verdict {
        Verdict::Fail {
            at,
            because: format!("{}, and {what} is not as without that", self.done),
            expected: without.to_owned(),
            actual: with.to_owned(),
        }
    }

    /// The first verdict that differs, if one does. What one run could not judge can't be compared.
    pub fn verdicts(&self) -> Option<Verdict> {
        let mut unknown = None;
        for finding in self.with.findings {
            let Some(other) = self.without.findings.iter().find(|other| other.id == finding.id) else { continue };
            let id = &finding.id;
            match (&finding.verdict, &other.verdict) {
                (Verdict::Fail { at, because, .. }, Verdict::Pass { measured }) => {
                    return Some(self.fail(*at, id, &format!("it holds: {measured}"), &format!("it fails: {because}")));
                }
                (Verdict::Pass { measured }, Verdict::Fail { because, .. }) => {
                    let at = Time::default();
                    return Some(self.fail(at, id, &format!("it fails: {because}"), &format!("it holds: {measured}")));
                }
                (Verdict::Inconclusive { why }, _) | (_, Verdict::Inconclusive { why }) => {
                    unknown.get_or_insert_with(|| Verdict::Inconclusive { why: format!("{id} was: {why}") });
                }
                _ => {}
            }
        }
        unknown
    }

    /// What deadlines determine, within the measuring errors of both runs. With what was done a gap may be `longer` by so
    /// much.
    pub fn gaps(&self, longer: Duration) -> Verdict {
        let (with, without) = (self.with.history, self.without.history);
        let errors = Duration::from_nanos(with.header.slack_ns.saturating_add(without.header.slack_ns));
        let slack = errors + SEEN;
        let stalled = stalled(with).max(stalled(without));
        let (mine, theirs) = (Projection::of(with), Projection::of(without));
        let (mut compared, mut worst) = (0, Duration::ZERO);
        for (name, mine, theirs) in [
            ("delay", &sorted(&mine.backoffs)[..], &sorted(&theirs.backoffs)[..]),
            ("drain", &extremes(&mine.drains)[..], &extremes(&theirs.drains)[..]),
            ("give-up", mine.give_up.as_slice(), theirs.give_up.as_slice()),
        ] {
            if mine.len() != theirs.len() {
                let count = |all: &[i64]| format!("{} of them", all.len());
                return self.fail(Time::default(), &format!("the number of {name}s"), &count(theirs), &count(mine));
            }
            for (place, (mine, theirs)) in mine.iter().zip(theirs).enumerate() {
                let apart = apart(*mine, *theirs, longer);
                (compared, worst) = (compared + 1, worst.max(apart));
                if apart > slack + stalled {
                    let millis = |nanos: i64| format!("{} ms", nanos / 1_000_000);
                    let what = format!("{name} {}", place + 1);
                    return self.fail(Time::default(), &what, &millis(*theirs), &millis(*mine));
                }
            }
        }
        if worst > slack {
            let why = format!("a gap differs by {} ms, less than processes had to wait", worst.as_millis());
            return Verdict::Inconclusive { why };
        }
        Verdict::Pass {
            measured: format!("{compared} gaps, at most {} ms of {} ms apart", worst.as_millis(), slack.as_millis()),
        }
    }
}

/// By how much `mine` lies outside of `theirs` and `theirs` + `longer`.
fn apart(mine: i64, theirs: i64, longer: Duration) -> Duration {
    let apart = Duration::from_nanos(mine.abs_diff(theirs));
    if mine > theirs { apart.saturating_sub(longer) } else { apart }
}

/// Which of several deaths at about the same time comes first is a matter of chance.
fn sorted(gaps: &[i64]) -> Vec<i64> {
    let mut gaps = gaps.to_vec();
    gaps.sort_unstable();
    gaps
}

/// The shortest and the longest: which workers have something to be cut is a matter of chance.
fn extremes(sorted: &[i64]) -> Vec<i64> {
    [sorted.first(), sorted.last()].into_iter().flatten().copied().collect()
}

/// How long the judged processes and the harness waited for a processor, in sum.
fn stalled(history: &History) -> Duration {
    let delay = |event: &Event| match event.what {
        What::Stall { delay_ns, .. } => delay_ns,
        _ => 0,
    };
    Duration::from_nanos(history.events.iter().map(delay).sum())
}

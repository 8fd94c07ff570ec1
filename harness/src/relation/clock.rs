//! META-CLOCK: a run in which the wall clock is set, and the same without.

use std::time::Duration;

use crate::history::{Event, History, What};
use crate::invariant::Finding;
use crate::parity::Projection;
use crate::scenario::{Act, Fault, Scenario, Span, Step};
use crate::time::Time;
use crate::verdict::Verdict;

/// The relation's id.
pub const ID: &str = "META-CLOCK";

/// From the start of a worker to the first sight of it, where nothing but its own first line shows it: by so much a gap
/// between two births may seem longer or shorter than it is.
const SEEN: Duration = Duration::from_millis(50);

/// How the text of a fault that sets the wall clock begins.
const FAULT: &str = "ClockStep";

/// One of the two runs, judged.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What happened.
    pub history: &'a History,
    /// What every invariant and expectation says.
    pub findings: &'a [Finding],
}

/// The same scenario with steps of the wall clock that have no length, so that everything else comes when it came; `None`
/// if it sets the clock nowhere.
pub fn without_clock_steps(scenario: &Scenario) -> Option<Scenario> {
    let mut twin = scenario.clone();
    still(&mut twin.steps);
    (twin != *scenario).then_some(twin)
}

fn still(steps: &mut [Step]) {
    steps.iter_mut().filter_map(|step| step.act.as_mut()).for_each(still_act);
}

fn still_act(act: &mut Act) {
    match act {
        Act::During { fault, steps, .. } => {
            if let Fault::ClockStep { by, .. } = fault {
                *by = Span::ZERO;
            }
            still(steps);
        }
        Act::Repeat { steps, .. } => still(steps),
        Act::OneOf(acts) | Act::Together { acts, .. } => acts.iter_mut().for_each(still_act),
        Act::Kill(_)
        | Act::Signal { .. }
        | Act::Ask { .. }
        | Act::Operate(_)
        | Act::Config(_)
        | Act::StartLoad(_)
        | Act::StopLoad(_)
        | Act::Pause(_) => {}
    }
}

/// Judges the relation: `stepped` is the run with the steps of the clock, `without` the one without.
pub fn meta_clock(stepped: Side<'_>, without: Side<'_>) -> Finding {
    let verdict = verdicts(stepped, without).unwrap_or_else(|| match stepped.history.header.world.as_str() {
        "sim" => events(stepped.history, without.history),
        _ => gaps(stepped.history, without.history),
    });
    Finding { id: ID.to_owned(), verdict, lacks: None }
}

/// The first verdict that differs, if one does. What one run could not judge can't be compared.
fn verdicts(stepped: Side<'_>, without: Side<'_>) -> Option<Verdict> {
    let mut unknown = None;
    for finding in stepped.findings {
        let Some(other) = without.findings.iter().find(|other| other.id == finding.id) else { continue };
        let id = &finding.id;
        match (&finding.verdict, &other.verdict) {
            (Verdict::Fail { at, because, .. }, Verdict::Pass { measured }) => {
                return Some(fail(*at, id, &format!("it holds: {measured}"), &format!("it fails: {because}")));
            }
            (Verdict::Pass { measured }, Verdict::Fail { because, .. }) => {
                let at = Time::default();
                return Some(fail(at, id, &format!("it fails: {because}"), &format!("it holds: {measured}")));
            }
            (Verdict::Inconclusive { why }, _) | (_, Verdict::Inconclusive { why }) => {
                unknown.get_or_insert_with(|| Verdict::Inconclusive { why: format!("{id} was: {why}") });
            }
            _ => {}
        }
    }
    unknown
}

fn fail(at: Time, what: &str, without: &str, with: &str) -> Verdict {
    Verdict::Fail {
        at,
        because: format!("the wall clock was set, and {what} is not as without that"),
        expected: without.to_owned(),
        actual: with.to_owned(),
    }
}

/// Event by event.
fn events(stepped: &History, without: &History) -> Verdict {
    let (mine, theirs) = (plain(stepped), plain(without));
    let first = mine.iter().zip(&theirs).position(|(mine, theirs)| mine != theirs);
    match first.or((mine.len() != theirs.len()).then(|| mine.len().min(theirs.len()))) {
        None => Verdict::Pass { measured: format!("{} events, all as without the steps", mine.len()) },
        Some(at) => {
            let said = |events: &[Event]| events.get(at).map_or("nothing".to_owned(), |event| format!("{event:?}"));
            let instant = mine.get(at).map_or(Time::default(), |event| event.when.latest());
            fail(instant, &format!("event {}", at + 1), &said(&theirs), &said(&mine))
        }
    }
}

/// The events without the words in which the two scenarios differ.
fn plain(history: &History) -> Vec<Event> {
    let blank = |event: &Event| {
        let mut event = event.clone();
        match &mut event.what {
            What::Step { said, .. } if said.contains(FAULT) => said.clear(),
            What::FaultBegan { fault, .. } if fault.starts_with(FAULT) => fault.clear(),
            _ => {}
        }
        event
    };
    history.events.iter().map(blank).collect()
}

/// What deadlines determine, within the measuring errors of both runs.
fn gaps(stepped: &History, without: &History) -> Verdict {
    let errors = Duration::from_nanos(stepped.header.slack_ns.saturating_add(without.header.slack_ns));
    let slack = errors + SEEN;
    let stalled = stalled(stepped).max(stalled(without));
    let (mine, theirs) = (Projection::of(stepped), Projection::of(without));
    let (mut compared, mut worst) = (0, Duration::ZERO);
    for (name, mine, theirs) in [
        ("delay", &mine.backoffs[..], &theirs.backoffs[..]),
        ("drain", &extremes(&mine.drains)[..], &extremes(&theirs.drains)[..]),
        ("give-up", mine.give_up.as_slice(), theirs.give_up.as_slice()),
    ] {
        if mine.len() != theirs.len() {
            let count = |all: &[i64]| format!("{} of them", all.len());
            return fail(Time::default(), &format!("the number of {name}s"), &count(theirs), &count(mine));
        }
        for (place, (mine, theirs)) in mine.iter().zip(theirs).enumerate() {
            let apart = Duration::from_nanos(mine.abs_diff(*theirs));
            (compared, worst) = (compared + 1, worst.max(apart));
            if apart > slack + stalled {
                let millis = |nanos: i64| format!("{} ms", nanos / 1_000_000);
                return fail(Time::default(), &format!("{name} {}", place + 1), &millis(*theirs), &millis(*mine));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Death, Proc, Role, Status};
    use crate::scenario::parse;

    /// A worker that dies at 1 s, and its replacement `delay` later.
    fn history(world: &str, delay: u64) -> History {
        let mut events = Vec::new();
        for (pid, millis) in [(10, 100), (11, 1000 + delay)] {
            let proc = Proc { pid, start: u64::from(pid) };
            let role = Role::Worker { ticket: pid, generation: 1 };
            events.push(Event::at(at(millis), What::Born { proc, parent: 1, role }));
            if pid == 10 {
                let death = Death { status: Some(Status::Code(1)) };
                events.push(Event::at(at(1000), What::Died { proc, death }));
            }
        }
        let mut history = History::told(world, events);
        history.header.slack_ns = 5_000_000;
        history
    }

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn judged(stepped: &History, without: &History) -> Verdict {
        let side = |history| Side { history, findings: &[] };
        meta_clock(side(stepped), side(without)).verdict
    }

    #[test]
    fn gaps_are_the_same_within_the_errors_of_both_runs() {
        assert!(matches!(judged(&history("real", 40), &history("real", 99)), Verdict::Pass { .. }));
        assert!(matches!(judged(&history("real", 40), &history("real", 101)), Verdict::Fail { .. }));
        assert!(matches!(judged(&history("sim", 40), &history("sim", 40)), Verdict::Pass { .. }));
        assert!(matches!(judged(&history("sim", 40), &history("sim", 41)), Verdict::Fail { .. }));
    }

    #[test]
    fn a_gap_that_a_stall_may_explain_says_nothing() {
        let mut slow = history("real", 110);
        let stall = What::Stall { proc: None, since: at(1000), delay_ns: 20_000_000 };
        slow.events.push(Event::at(at(1100), stall));
        assert!(matches!(judged(&history("real", 40), &slow), Verdict::Inconclusive { .. }));
    }

    #[test]
    fn a_missing_restart_is_seen() {
        let mut stuck = history("real", 40);
        stuck.events.pop();
        assert!(matches!(judged(&stuck, &history("real", 40)), Verdict::Fail { .. }));
    }

    #[test]
    fn a_verdict_that_changes_is_a_dependence() {
        let history = history("real", 40);
        let pass = Verdict::Pass { measured: String::new() };
        let text = String::new;
        let fail = Verdict::Fail { at: at(1), because: text(), expected: text(), actual: text() };
        let unknown = Verdict::Inconclusive { why: text() };
        let judge = |mine: &Verdict, theirs: &Verdict| {
            let finding = |verdict: &Verdict| Finding { id: "INV-X".into(), verdict: verdict.clone(), lacks: None };
            let (mine, theirs) = ([finding(mine)], [finding(theirs)]);
            meta_clock(Side { history: &history, findings: &mine }, Side { history: &history, findings: &theirs })
                .verdict
        };
        assert!(matches!(judge(&pass, &pass), Verdict::Pass { .. }));
        assert!(matches!(judge(&fail, &fail), Verdict::Pass { .. }));
        assert!(matches!(judge(&fail, &pass), Verdict::Fail { .. }));
        assert!(matches!(judge(&pass, &fail), Verdict::Fail { .. }));
        assert!(matches!(judge(&pass, &unknown), Verdict::Inconclusive { .. }));
    }

    #[test]
    fn the_twin_has_every_step_and_no_length_of_any() {
        let text = r#"(title: "t", pool: (workers: 1), steps: [
            (do: Repeat(times: 2, steps: [(do: During(fault: ClockStep(by: "1h"), for: "1s", do: [(do: Kill(Oldest))]))])),
        ])"#;
        let scenario = parse(text, "x.ron").unwrap();
        let twin = without_clock_steps(&scenario).expect("a twin");
        let said = format!("{twin:?}");
        assert!(said.contains("ClockStep") && said.contains("Kill") && !said.contains("3600"), "{said}");
        assert_eq!(without_clock_steps(&twin), None);
    }
}

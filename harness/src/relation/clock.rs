//! META-CLOCK: a run in which the wall clock is set, and the same without.

use std::time::Duration;

use crate::history::{Event, History, What};
use crate::invariant::Finding;
use crate::scenario::{Act, Fault, Scenario, Span};
use crate::time::Time;
use crate::verdict::Verdict;

use super::acts::each_act;
use super::side::{Pair, Side};

/// The relation's id.
pub const ID: &str = "META-CLOCK";

/// How the text of a fault that sets the wall clock begins.
const FAULT: &str = "ClockStep";

/// The same scenario with steps of the wall clock that have no length, so that everything else comes when it came; `None`
/// if it sets the clock nowhere.
pub fn without_clock_steps(scenario: &Scenario) -> Option<Scenario> {
    let mut twin = scenario.clone();
    each_act(&mut twin.steps, &mut |act| {
        if let Act::During { fault: Fault::ClockStep { by, .. }, .. } = act {
            *by = Span::ZERO;
        }
    });
    (twin != *scenario).then_some(twin)
}

/// Judges the relation: `stepped` is the run with the steps of the clock, `without` the one without.
pub fn meta_clock(stepped: Side<'_>, without: Side<'_>) -> Finding {
    let pair = Pair { with: stepped, without, done: "the wall clock was set" };
    let verdict = pair.verdicts().unwrap_or_else(|| match stepped.history.header.world.as_str() {
        "sim" => events(&pair),
        _ => pair.gaps(Duration::ZERO),
    });
    Finding { id: ID.to_owned(), verdict, lacks: None }
}

/// Event by event.
fn events(pair: &Pair<'_>) -> Verdict {
    let (mine, theirs) = (plain(pair.with.history), plain(pair.without.history));
    let first = mine.iter().zip(&theirs).position(|(mine, theirs)| mine != theirs);
    match first.or((mine.len() != theirs.len()).then(|| mine.len().min(theirs.len()))) {
        None => Verdict::Pass { measured: format!("{} events, all as without the steps", mine.len()) },
        Some(at) => {
            let said = |events: &[Event]| events.get(at).map_or("nothing".to_owned(), |event| format!("{event:?}"));
            let instant = mine.get(at).map_or(Time::default(), |event| event.when.latest());
            pair.fail(instant, &format!("event {}", at + 1), &said(&theirs), &said(&mine))
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
            let role = Role::Worker { ticket: pid, generation: 1, pool: 0 };
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

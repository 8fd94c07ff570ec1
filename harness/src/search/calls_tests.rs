use std::path::PathBuf;

use super::*;
use crate::history::{Event, Leftover, Proc};
use crate::invariant::testing::Tale;
use crate::scenario;
use crate::subject;
use crate::time::Time;
use crate::world::Bins;

const SUPERVISOR: Proc = Proc { pid: 1, start: 1 };

fn plan() -> Plan {
    let (subject, subject_dir) = subject::load("reference").expect("a bundled subject");
    let scenario = scenario::parse(r#"(title: "t", pool: (workers: 1, drain: "1s"))"#, "x.ron").expect("valid");
    Plan { name: "x".into(), scenario, subject, subject_dir, seed: 1, bins: Bins::default() }
}

fn history(events: Vec<(u64, What)>) -> History {
    let events = events.into_iter().map(|(ms, what)| Event::at(Time::from_nanos(ms * 1_000_000), what));
    History::told("sim", events.collect())
}

/// A life of ten seconds that ends with this status, and with whatever else happened.
fn life(status: Status, more: Vec<(u64, What)>) -> History {
    let mut events = vec![(1000, What::SupervisorBorn(SUPERVISOR))];
    events.push((10_000, What::SupervisorExited { proc: SUPERVISOR, status }));
    events.extend(more);
    history(events)
}

fn log(calls: u64, said: &str) -> CallLog {
    CallLog { calls: [(Call::Wait, calls)].into(), failed: 1, said: said.to_owned() }
}

fn planned(call: Call) -> Planned {
    Planned { call, nth: 1, times: 1, failure: call.failures()[0] }
}

fn judged(history: &History, log: &CallLog, call: Call) -> Ending {
    ending(&plan(), history, log, 10, planned(call))
}

fn is_wrong(ending: &Ending, word: &str) -> bool {
    matches!(ending, Ending::Wrong(why) if why.iter().any(|line| line.contains(word)))
}

#[test]
fn a_documented_end_with_a_word_is_honest_and_without_one_is_not() {
    let gave_up = life(Status::Code(75), Vec::new());
    assert_eq!(judged(&gave_up, &log(10, "supervisor: giving up\n"), Call::Spawn), Ending::Honest(75));
    assert!(is_wrong(&judged(&gave_up, &log(10, " \n"), Call::Spawn), "not said a word"));
    assert_eq!(judged(&gave_up, &log(10, ""), Call::Write), Ending::Honest(75), "it had nowhere to say it");
}

#[test]
fn another_end_is_not() {
    assert!(is_wrong(&judged(&life(Status::Code(1), Vec::new()), &log(10, "?"), Call::Spawn), "ended by itself"));
    assert!(is_wrong(&judged(&life(Status::Signal(11), Vec::new()), &log(10, "?"), Call::Spawn), "ended by itself"));
    assert!(is_wrong(&judged(&history(Vec::new()), &log(10, "?"), Call::Spawn), "ended by itself"), "or none at all");
}

#[test]
fn what_spins_or_hangs_or_leaves_something_is_wrong_however_it_ends() {
    for status in [Status::Code(0), Status::Code(75)] {
        let calls = |calls| judged(&life(status, Vec::new()), &log(calls, "?"), Call::Wait);
        assert!(is_wrong(&calls(10 * CALLS_PER_SECOND + 1), "it spins"));
        assert!(!is_wrong(&calls(10 * CALLS_PER_SECOND), "it spins"));
        let left = What::Left(Leftover::Process { proc: Proc { pid: 2, start: 2 }, comm: "puppet".into() });
        assert!(is_wrong(&judged(&life(status, vec![(10_001, left)]), &log(10, "?"), Call::Wait), "left"));
        let hung = What::Incomplete { why: "nothing is left that could happen".into() };
        assert!(is_wrong(&judged(&life(status, vec![(10_001, hung)]), &log(10, "?"), Call::Wait), "nothing is left"));
    }
}

#[test]
fn starts_that_were_refused_for_a_while_explain_a_late_replacement_and_no_later_one() {
    // Three more delays of at most 400 ms may come before the restart. How soon the pool has to be right again is judged as ever.
    let life = |late: u64, call: Call| {
        let mut tale = Tale::full();
        tale.killed(1_100, 1).comes(1_100 + late, 5).calm(1_200 + late, &[2, 3, 4, 5]);
        let mut plan = Plan { scenario: tale.scenario.clone(), ..plan() };
        plan.subject.profile = tale.profile.clone();
        ending(&plan, &tale.history(), &log(10, "?"), 10, Planned { times: A_WHILE, ..planned(call) })
    };
    assert_eq!([Call::Spawn, Call::NotifySocket].map(|call| life(900, call)), [Ending::Right, Ending::Right]);
    for (late, call) in [(4_000, Call::Spawn), (900, Call::Receive)] {
        let wrong = life(late, call);
        assert!(is_wrong(&wrong, "INV-INTENSITY") && is_wrong(&wrong, "INV-FLOOR"), "{wrong:?}");
    }
}

#[test]
fn each_call_fails_in_each_way_and_for_as_long_as_its_cause_may_last() {
    let log = CallLog { calls: [(Call::Signal, 2), (Call::Inherited, 1)].into(), ..CallLog::default() };
    let cases = cases(&log);
    let of = |call| cases.iter().filter(|one| one.call == call).map(|one| (one.nth, one.times)).collect::<Vec<_>>();
    assert_eq!(of(Call::Signal), [(1, 1), (1, 1), (2, 1), (2, 1)], "ESRCH and EPERM");
    assert_eq!(of(Call::Inherited), [(1, 1), (1, A_WHILE), (1, FOR_EVER)]);
}

#[test]
fn the_planned_call_fails_and_no_other() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios/life.ron");
    let text = std::fs::read_to_string(file).expect("a scenario of the suite");
    let plan = Plan { scenario: scenario::parse(&text, "life.ron").expect("valid"), ..plan() };
    let prepared = Prepared::new(&plan);
    let (first, base) = prepared.run_failing(1, None);
    assert_eq!(base.failed, 0);
    for times in [1, A_WHILE] {
        let spawn = Planned { nth: 3, times, ..planned(Call::Spawn) };
        let (outcome, log) = prepared.run_failing(1, Some(spawn));
        assert_eq!(log.failed, times);
        assert!(names(&log, spawn), "{}", log.said);
        let faults = outcome.history.events.iter().filter(|event| matches!(event.what, What::FaultBegan { .. }));
        assert_eq!(faults.count() as u64, times);
        assert_ne!(outcome.history, first.history);
    }
}

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

/// More calls than this in a second, and it spins.
const PACE: u64 = 1_000;

fn log(calls: u64, said: &str) -> (u64, String) {
    (calls, said.to_owned())
}

fn struck(call: Call, times: u64) -> Struck {
    let failure = call.failures()[0];
    Struck { calls: vec![call], times, errno: (failure.errno, failure.name) }
}

fn judged(history: &History, log: &(u64, String), call: Call) -> Ending {
    let (slack, (calls, said)) = (Duration::ZERO, log);
    ending(&Life { plan: &plan(), history, slack, said, calls: *calls, usual: 10, pace: PACE }, &struck(call, 1))
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
        assert!(is_wrong(&calls(9 * PACE + 1), "it spins"));
        assert!(!is_wrong(&calls(9 * PACE), "it spins"));
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
        let history = &tale.history();
        let life = Life { plan: &plan, history, slack: Duration::ZERO, said: "?", calls: 10, usual: 10, pace: PACE };
        ending(&life, &struck(call, A_WHILE))
    };
    assert_eq!([Call::Spawn, Call::NotifySocket].map(|call| life(900, call)), [Ending::Right, Ending::Right]);
    for (late, call) in [(4_000, Call::Spawn), (900, Call::Receive)] {
        let wrong = life(late, call);
        assert!(is_wrong(&wrong, "INV-INTENSITY") && is_wrong(&wrong, "INV-FLOOR"), "{wrong:?}");
    }
}

#[test]
fn a_wait_that_fails_for_a_while_is_no_reason_to_end() {
    let ended = life(Status::Code(BUG), Vec::new());
    let of = |call, times| {
        let life =
            Life { plan: &plan(), history: &ended, slack: Duration::ZERO, said: "?", calls: 1, usual: 1, pace: PACE };
        ending(&life, &struck(call, times))
    };
    assert!(is_wrong(&of(Call::Wait, 1), "could not wait") && is_wrong(&of(Call::Wait, A_WHILE), "could not wait"));
    assert_eq!(of(Call::Wait, FOR_EVER), Ending::Honest(BUG));
    assert_eq!(of(Call::Spawn, 1), Ending::Honest(BUG));
}

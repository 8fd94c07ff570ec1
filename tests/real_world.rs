//! The real world through its one function: what is seen, and what happens when nothing can be.

use std::path::{Path, PathBuf};
use std::thread;

use harness::history::{Event, History, Outcome, Role, Status, What, When};
use harness::scenario::{self, Signal};
use harness::subject;
use harness::world::real::{self, RunError};
use harness::world::{Bins, Plan};

const CRASHES: &str = r#"(
    title: "every worker after the first two dies at boot",
    pool: (workers: 2, limit: (restarts: 6, within: "10s"), backoff: (initial: "5ms", factor: 2, cap: "20ms"), drain: "1s"),
    lives: (first: [Serve, Serve], then: Crash(at: Boot, code: 3)),
    load: [Probe(every: "5ms", as: "probe")],
    steps: [
        (do: Kill(Oldest)),
        (when: GaveUp, within: "5s", must: true),
    ],
)"#;

fn plan(text: &str) -> Plan {
    let (subject, subject_dir) =
        subject::load("reference").unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let scenario = scenario::parse(text, "test").unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let bins = Bins {
        harness: PathBuf::from(env!("CARGO_BIN_EXE_harness")),
        supervisor: PathBuf::from(env!("CARGO_BIN_EXE_supervisor")),
        puppet: PathBuf::from(env!("CARGO_BIN_EXE_puppet")),
    };
    Plan { name: "test::plain".into(), scenario, subject, subject_dir, seed: 1, bins }
}

fn run(plan: &Plan) -> Result<History, RunError> {
    let mut shown = 0;
    let history = real::run(plan, &mut |_| shown += 1);
    if let Ok(history) = &history {
        assert_eq!(shown, history.events.len(), "progress sees every event");
    }
    history
}

/// Workers that live for a millisecond are all seen, each with its birth, its own word and its exit status.
#[test]
fn no_death_is_missed_however_short_the_life() {
    let history = run(&plan(CRASHES)).expect("a history");
    let born: Vec<_> = history
        .events
        .iter()
        .filter_map(|event| match event.what {
            What::Born { proc, role: Role::Worker { ticket, .. }, .. } => Some((proc, ticket, event.when)),
            _ => None,
        })
        .collect();
    let tickets: Vec<u32> = born.iter().map(|(_, ticket, _)| *ticket).collect();
    assert_eq!(tickets.len(), 8, "two, and six restarts: {tickets:?}");
    assert!(tickets.iter().all(|ticket| *ticket > 0), "{tickets:?}");
    for (proc, _, when) in &born {
        let died =
            history.events.iter().find(|event| matches!(event.what, What::Died { proc: dead, .. } if dead == *proc));
        let died = died.unwrap_or_else(|| panic!("{proc:?} was not seen to die"));
        assert!(when.earliest() < died.when.latest());
        let reaped = history.events.iter().find(|event| event.what == What::Reaped(*proc));
        let reaped = reaped.unwrap_or_else(|| panic!("{proc:?} was not seen to be reaped"));
        assert!(died.when.earliest() <= reaped.when.latest());
    }
}

/// A worker whose life ends by a signal ends by that and no other, although programs ignore some, handle others and block
/// one: by any signal that a scenario may have.
#[test]
fn whoever_is_to_end_by_a_signal_does() {
    let crash = |signal: &Signal| format!("Record(exit: (at: Ready, after: \"20ms\", signal: {signal:?}))");
    let lives: Vec<String> = Signal::FATAL.iter().map(crash).collect();
    let text = format!(
        r#"(
            title: "each worker ends by another signal",
            pool: (workers: {}, limit: (restarts: 20, within: "10s"), backoff: (initial: "5ms", factor: 2, cap: "20ms"), drain: "1s"),
            start: AtOnce,
            lives: (first: [{}]),
            steps: [
                (when: Exited, within: "5s", must: true),
                (when: After("300ms")),
                (when: State(Settled), within: "5s", must: true),
            ],
        )"#,
        lives.len(),
        lives.join(", ")
    );
    let history = run(&plan(&text)).expect("a history");
    let mut seen = 0;
    for event in &history.events {
        let What::Born { proc, role: Role::Worker { ticket, .. }, .. } = event.what else { continue };
        let Some(signal) = Signal::FATAL.get(ticket as usize - 1) else { continue };
        let of_it = |event: &Event| match event.what {
            What::Died { proc: dead, death } if dead == proc => Some(death),
            _ => None,
        };
        let death = history.events.iter().find_map(of_it);
        let death = death.unwrap_or_else(|| panic!("whoever was to end by {signal:?} did not"));
        // Where nobody may see statuses that it has ended is all there is to see.
        assert!(death.status.is_none_or(|status| status == Status::Signal(signal.number())), "{signal:?}: {death:?}");
        seen += 1;
    }
    assert_eq!(seen, Signal::FATAL.len());
}

#[test]
fn events_are_whole_and_connections_have_one_outcome_each() {
    let history = run(&plan(CRASHES)).expect("a history");
    let mut ids: Vec<u32> = Vec::new();
    // The last to die is the one that serves, when it has given up because of the one before.
    let died = |event: &Event| matches!(event.what, What::Died { .. }).then(|| event.when.earliest());
    let mut deaths: Vec<_> = history.events.iter().filter_map(died).collect();
    deaths.sort_unstable();
    let gives_up = deaths[deaths.len() - 2];
    for event in &history.events {
        if let When::Within(after, until) = event.when {
            assert!(after <= until, "{event:?}");
        }
        match &event.what {
            What::Connection(connection) => {
                ids.push(connection.id);
                assert!(connection.tried <= connection.ended, "{connection:?}");
                let refused = connection.outcome == Outcome::Refused && connection.ended < gives_up;
                assert!(!refused, "the supervisor holds the listener: {connection:?}");
            }
            What::Incomplete { why } => panic!("the observation is not complete: {why}"),
            _ => {}
        }
    }
    let seen = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(seen > 0 && ids.len() == seen, "{seen} records of {} connections", ids.len());
}

/// Whoever has a part of its answer when its worker is killed is cut, and nothing but that worker's death is to blame: each
/// such client was that worker's.
#[test]
fn who_has_half_its_answer_when_its_worker_is_killed_is_cut() {
    let text = r#"(
        title: "a worker is killed in the middle of its answers",
        pool: (workers: 2, drain: "1s"),
        load: [Slow(connections: 4, reads: (bytes: 8000000, piece: 80000, every: "10ms"), as: "readers")],
        steps: [
            (when: Held("readers"), within: "5s", must: true, do: Pause("400ms")),
            (do: Kill(OwnerOf("readers"))),
            (when: State(Settled), within: "5s", must: true, do: Pause("900ms")),
        ],
    )"#;
    let history = run(&plan(text)).expect("a history");
    let killed = history.events.iter().find_map(|event| match event.what {
        What::Injected { proc, signal: 9 } => Some((proc, event.when.latest())),
        _ => None,
    });
    let (killed, at) = killed.expect("somebody is killed");
    let of_it = history.events.iter().filter_map(|event| match &event.what {
        What::Connection(conn) if conn.owner == Some(killed) => Some(conn),
        _ => None,
    });
    let outcomes: Vec<Outcome> = of_it.filter(|conn| conn.ended > at).map(|conn| conn.outcome).collect();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| *outcome == Outcome::Cut), "{outcomes:?}");
}

#[test]
fn runs_go_on_side_by_side() {
    let plan = plan(CRASHES);
    thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| run(&plan))).collect();
        let mut addresses: Vec<String> = runs
            .into_iter()
            .map(|run| {
                let history = run.join().expect("no panic").expect("a history");
                let (_, address) = history.header.host.into_iter().find(|(name, _)| name == "address").expect("a fact");
                address
            })
            .collect();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 3, "each has an address of its own: {addresses:?}");
    });
}

#[test]
fn what_is_missing_is_named() {
    let missing = Path::new("/nonexistent/supervisor");
    let mut without = plan(CRASHES);
    without.bins.supervisor = missing.to_owned();
    match run(&without) {
        Err(RunError::Setup(why)) => assert!(why.contains("/nonexistent/supervisor"), "{why}"),
        other => panic!("{other:?}"),
    }
    let mut without = plan(CRASHES);
    without.bins.harness = PathBuf::from("/nonexistent/harness");
    match run(&without) {
        Err(RunError::Setup(why)) => assert!(why.contains("/nonexistent/harness"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// A program that ends at once where the harness should be: a bug of the harness, told as such, and nothing hangs.
#[test]
fn a_run_that_says_nothing_is_a_bug_and_not_a_history() {
    let mut plan = plan(CRASHES);
    plan.bins.harness = PathBuf::from("/bin/true");
    assert!(matches!(run(&plan), Err(RunError::Bug(_) | RunError::Setup(_))));
}

use std::path::PathBuf;

use super::*;
use crate::history::What;
use crate::scenario;
use crate::subject;
use crate::world::Bins;

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
    let (subject, subject_dir) = subject::load("reference").expect("a bundled subject");
    let scenario = scenario::parse(&text, "life.ron").expect("valid");
    let plan = Plan { name: "life".into(), scenario, subject, subject_dir, seed: 1, bins: Bins::default() };
    let prepared = Prepared::new(&plan);
    let (first, base) = prepared.run_failing(1, None);
    assert_eq!(base.failed, 0);
    for times in [1, A_WHILE] {
        let failure = Call::Spawn.failures()[0];
        let spawn = Planned { call: Call::Spawn, nth: 3, times, failure };
        let (outcome, log) = prepared.run_failing(1, Some(spawn));
        assert_eq!(log.failed, times);
        assert!(log.said.contains("(os error 24)"), "{}", log.said);
        let faults = outcome.history.events.iter().filter(|event| matches!(event.what, What::FaultBegan { .. }));
        assert_eq!(faults.count() as u64, times);
        assert_ne!(outcome.history, first.history);
    }
}

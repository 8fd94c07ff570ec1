use super::super::shrink::{shrink, to_file};
use super::*;
use crate::scenario::parse;
use crate::subject;

/// Nobody is ready as often as is expected; all else has nothing to do with that.
const PADDED: &str = r#"(
    title: "padded",
    pool: (workers: 3, limit: (restarts: 20, within: "10s"), backoff: (initial: "10ms", factor: 2, cap: "50ms"), drain: "1s"),
    lives: (first: [SlowBoot("20ms"), Serve, SlowStop("50ms")], then: SlowBoot("10ms")),
    load: [Probe(every: "20ms", as: "p"), Park(connections: 2, as: "idle")],
    steps: [(do: Pause("50ms")), (do: Kill(Oldest)), (when: Ready, within: "2s"), (do: Operate(Reload)), (when: State(Settled), within: "2s")],
    expect: [Births(min: 40, max: 50)],
)"#;

fn padded() -> Plan {
    let (subject, folder) = subject::load("reference").expect("a bundled subject");
    of("padded", parse(PADDED, "padded.ron").expect("valid"), &subject, folder, 1)
}

#[test]
fn what_fails_is_found_and_made_small_and_still_fails() {
    let Tried::Found(found) = try_out(&padded()) else { panic!("it fails") };
    assert_eq!(found.failed, ["EXPECT-1 Births"]);
    let small = shrink(&found);
    assert_eq!(small.failed[0], found.failed[0]);
    let (before, after) = (&found.plan.scenario, &small.plan.scenario);
    assert!(after.steps.is_empty() && after.load.is_empty(), "{}", to_file(&small));
    assert!(before.pool.workers == 3 && after.pool.workers == 1 && after.lives.first.is_empty(), "{}", to_file(&small));
    let text = to_file(&small);
    let again = Plan { scenario: parse(&text, "small.ron").expect("what is written is read"), ..small.plan.clone() };
    let Tried::Found(again) = try_out(&again) else { panic!("it still fails: {text}") };
    assert_eq!(again.failed[0], found.failed[0]);
}

#[test]
fn what_holds_and_what_is_refused_are_told_apart() {
    let holds = parse(&PADDED.replace("Births(min: 40, max: 50)", "NeverGivesUp"), "x.ron").expect("valid");
    let plan = Plan { scenario: holds, ..padded() };
    assert!(matches!(try_out(&plan), Tried::Held));
    // A configuration that no supervisor can read.
    let dir = tempfile::tempdir().expect("a directory");
    let template = plan.subject.config.clone().expect("the reference has a configuration");
    std::fs::write(dir.path().join(template), "(").expect("a file");
    let broken = Plan { subject_dir: dir.path().to_owned(), ..plan };
    assert!(matches!(try_out(&broken), Tried::Refused));
}

#[test]
fn most_random_scenarios_run() {
    let (subject, folder) = subject::load("reference").expect("a bundled subject");
    let refused = |seed: &u64| matches!(try_out(&plan(&subject, &folder, *seed)), Tried::Refused);
    let refused: Vec<u64> = (1..=100).filter(refused).collect();
    assert!(refused.len() < 20, "of 100 random scenarios these are refused: {refused:?}");
}

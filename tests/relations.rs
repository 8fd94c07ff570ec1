//! The relations between two runs, on the shipped supervisor and on one for which they do not hold.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use harness::director::Random;
use harness::history::History;
use harness::invariant::Finding;
use harness::invariant::{self, Slack};
use harness::relation::{
    Side, Suspension, Twin, meta_clock, meta_slow, suspended, without_clock_steps, without_suspensions,
};
use harness::scenario::{Act, Expect, Fault, Scenario, Span, not_simulated};
use harness::verdict::Verdict;
use harness::world::Plan;
use mutants::{Mutation, plan, simulate};

/// Every form that sets the wall clock.
const FORMS: [&str; 10] = [
    "time/restarts",
    "time/restarts::forward",
    "time/restarts::back",
    "time/restarts::a_year_back",
    "time/restarts::before_it_is_stable",
    "time/restarts::drain_forward",
    "time/restarts::drain_back",
    "time/heartbeat",
    "time/heartbeat::back",
    "time/heartbeat::to_and_fro",
];

/// META-CLOCK of one form. `compares`: the invariants and expectations as well, and not the histories alone.
fn judged(name: &str, mutation: Mutation, compares: bool) -> Verdict {
    let stepped = plan(name, 1).expect("a form");
    let scenario = without_clock_steps(&stepped.scenario).expect("a form that sets the clock");
    let without = Plan { scenario, ..stepped.clone() };
    let lived = |plan: &Plan| -> (History, Vec<invariant::Finding>) {
        let history = simulate(plan, mutation);
        let slack = Slack(Duration::from_nanos(history.header.slack_ns));
        let findings = invariant::judge(&plan.scenario, &plan.subject.profile, &history, slack);
        (history, if compares { findings } else { Vec::new() })
    };
    let ((mine, my_findings), (theirs, their_findings)) = (lived(&stepped), lived(&without));
    let side = |history, findings| Side { history, findings };
    meta_clock(side(&mine, &my_findings), side(&theirs, &their_findings)).verdict
}

#[test]
fn the_reference_does_not_look_at_the_wall_clock() {
    for name in FORMS {
        let verdict = judged(name, Mutation::Identity, true);
        assert!(matches!(verdict, Verdict::Pass { .. }), "{name}: {verdict:?}");
    }
}

#[test]
fn who_goes_by_the_wall_clock_is_found_out_in_every_form() {
    for name in FORMS {
        for compares in [true, false] {
            let verdict = judged(name, Mutation::WallClock, compares);
            assert!(matches!(verdict, Verdict::Fail { .. }), "{name}: {verdict:?}");
        }
    }
}

#[test]
fn without_a_step_the_wall_clock_does_no_harm() {
    // The mutation itself changes nothing: it is the step that does.
    let plan = plan("kill", 1).expect("a form");
    assert_eq!(simulate(&plan, Mutation::WallClock).events, simulate(&plan, Mutation::Identity).events);
}

/// META-SLOW of one form that is suspended so, against its twin.
fn slowed(plan: &Plan, suspension: Suspension, mutation: Mutation) -> Verdict {
    let slowed = Plan { scenario: suspended(&plan.scenario, suspension), ..plan.clone() };
    let scenario = without_suspensions(&slowed.scenario).expect("a twin");
    compared(&slowed, &Plan { scenario, ..slowed.clone() }, mutation)
}

/// META-SLOW of two plans, one of them with a suspension.
fn compared(slowed: &Plan, without: &Plan, mutation: Mutation) -> Verdict {
    let lived = |plan: &Plan| -> (History, Vec<Finding>) {
        let history = simulate(plan, mutation);
        let findings = invariant::judge(&plan.scenario, &plan.subject.profile, &history, Slack::default());
        (history, findings)
    };
    let ((mine, my_findings), (theirs, their_findings)) = (lived(slowed), lived(without));
    let side = |history, findings| Side { history, findings };
    meta_slow(&slowed.scenario.pool, side(&mine, &my_findings), side(&theirs, &their_findings)).verdict
}

/// Forms that go on hitting whoever is there at a pace of their own: while nobody runs fewer can be hit, or more within the
/// window of the limit. So it is where somebody crashes, or something is missing, until an instant that no suspension puts
/// off, or asks for time from then on.
const PACED: [&str; 14] = [
    "drain/extended::not_for_ever",
    "drift",
    "drift::scaled",
    "flap::below_the_limit",
    "kill::under_load",
    "listener/activation",
    "listener/activation::crowd",
    "load/flood::kills",
    "load/flood::kills_round_robin",
    "load/poison::throws",
    "load/poison::retires",
    "signals/lock",
    "spawn/directory::at_start",
    "throw::first_request_one_phase",
];

/// Whether a suspension may change nothing but how late something is. Who is frozen already can't be frozen again.
fn can_be_suspended(name: &str, scenario: &Scenario) -> bool {
    let freezes = |act: &Act| matches!(act, Act::During { fault: Fault::Freeze(_), .. });
    let frozen = scenario.steps.iter().any(|step| step.any(&freezes));
    // Whoever went on first takes what had queued up: a share is a matter of the moment.
    let shares = scenario.expect.iter().any(|expect| matches!(expect, Expect::Balanced { .. }));
    not_simulated(scenario).is_empty() && !shares && !frozen && !name.contains("::sweep_") && !PACED.contains(&name)
}

/// A form keeps its own when others come or go: FNV-1a.
fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_reference_is_the_same_after_a_suspension_of_everybody() {
    let forms = harness::cli::forms(&[mutants::scenario_dir()]).expect("the suite");
    let (mut compared, mut wrong) = (0, Vec::new());
    let forms = forms.iter().filter(|form| can_be_suspended(&form.name, &form.scenario));
    for form in forms {
        let seed = seed_of(&form.name);
        let mut random = Random::new(seed);
        let millis = |random: &mut Random, most| Span(random.within(Duration::from_millis(most)));
        let (after, span) = (millis(&mut random, 400), millis(&mut random, 700));
        let suspension = Suspension { after, span, supervisor_first: seed.is_multiple_of(2) };
        let plan = Plan { scenario: form.scenario.clone(), ..plan("kill", seed).expect("a form") };
        match slowed(&plan, suspension, Mutation::Identity) {
            Verdict::Pass { .. } => compared += 1,
            Verdict::Inconclusive { .. } => {}
            verdict => wrong.push(format!("{} {suspension:?}: {verdict:?}", form.name)),
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), wrong.len() + compared, wrong.join("\n"));
    assert!(compared > 100, "{compared}");
}

/// A form that is suspended by its own steps, against its twin.
fn suspended_by_itself(name: &str, mutation: Mutation) -> Verdict {
    let mine = plan(name, 1).expect("a form");
    let scenario = without_suspensions(&mine.scenario).expect("a form that suspends everybody");
    let theirs = Plan { scenario, ..mine.clone() };
    compared(&mine, &theirs, mutation)
}

#[test]
fn who_takes_a_suspension_for_silence_is_found_out() {
    for name in ["time/suspended", "time/suspended::supervisor_last", "hang/workers::all_suspended"] {
        assert!(matches!(suspended_by_itself(name, Mutation::Identity), Verdict::Pass { .. }), "{name}");
    }
    let verdict = suspended_by_itself("time/suspended", Mutation::WatchdogFooled);
    assert!(matches!(verdict, Verdict::Fail { .. }), "{verdict:?}");
}

#[test]
fn who_counts_a_suspension_twice_is_found_out_by_the_delays_alone() {
    let name = "time/suspended::backoff";
    for (mutation, holds) in [(Mutation::Identity, true), (Mutation::CountsTwice, false)] {
        let mine = plan(name, 1).expect("a form");
        let theirs = Plan { scenario: without_suspensions(&mine.scenario).expect("a twin"), ..mine.clone() };
        let (slowed, without) = (simulate(&mine, mutation), simulate(&theirs, mutation));
        let side = |history| Side { history, findings: &[] };
        let verdict = meta_slow(&mine.scenario.pool, side(&slowed), side(&without)).verdict;
        assert_eq!(matches!(verdict, Verdict::Pass { .. }), holds, "{verdict:?}");
        assert_eq!(matches!(verdict, Verdict::Fail { .. }), !holds, "{verdict:?}");
    }
}

/// A history is judged again with that of its twin beside it, or says that it is not there.
#[test]
fn a_failing_relation_is_judged_again_from_the_two_files() {
    let stepped = plan("time/restarts", 1).expect("a form");
    let (twin, scenario) = Twin::of(&stepped.scenario).remove(0);
    let without = Plan { scenario, ..stepped.clone() };
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("a.sim.1.1.jsonl");
    let write = |path: &Path, plan: &Plan, mutation| {
        simulate(plan, mutation).write(&mut File::create(path).expect("a file")).expect("a history");
    };
    let judge = || {
        let judged = Command::new(env!("CARGO_BIN_EXE_harness")).arg("judge").arg(&path).output().expect("it runs");
        (String::from_utf8([judged.stdout, judged.stderr].concat()).expect("text"), judged.status.code())
    };
    write(&path, &stepped, Mutation::WallClock);
    write(&twin.beside(&path), &without, Mutation::WallClock);
    let (said, code) = judge();
    assert!(said.contains("FAIL  META-CLOCK") && code == Some(1), "{said}");
    write(&path, &stepped, Mutation::Identity);
    assert!(judge().0.contains("pass  META-CLOCK"), "{}", judge().0);
    std::fs::remove_file(twin.beside(&path)).expect("a file");
    let (said, code) = judge();
    assert!(said.contains("its twin is not here") && code == Some(2), "{said}");
}

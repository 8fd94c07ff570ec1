//! The relations between two runs, on the shipped supervisor and on one for which they do not hold.

use std::time::Duration;

use harness::history::History;
use harness::invariant::{self, Slack};
use harness::relation::{Side, meta_clock, without_clock_steps};
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

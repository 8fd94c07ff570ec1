//! A run as a whole: what a good supervisor does, and what can't be judged.

use crate::history::{ClaimKind, Form, Status, What};
use crate::invariant::{INVARIANTS, find};
use crate::verdict::Verdict;

use super::super::testing::Tale;

#[test]
fn an_uneventful_run_holds() {
    let mut tale = Tale::full();
    tale.probe(1_100, 1_101, Some(1), crate::history::Outcome::Ok).calm(1_200, &[1, 2, 3, 4]).holds();
    tale.passes("INV-CONVERGE");
    tale.passes("INV-FLOOR");
    tale.passes("INV-SERIAL");
}

#[test]
fn without_a_baseline_nothing_is_said() {
    let mut tale = Tale::full();
    tale.add(1_001, What::Phase(crate::history::PhaseMark::NoBaseline)).killed(1_100, 1).calm(3_000, &[2, 3, 4]);
    for finding in tale.judge() {
        assert!(!matches!(finding.verdict, Verdict::Pass { .. } | Verdict::Fail { .. }), "{finding:?}");
    }
    tale.doubts("INV-CONVERGE");
}

#[test]
fn an_incomplete_observation_is_never_a_pass() {
    let mut tale = Tale::full();
    tale.add(1_001, What::Incomplete { why: "events were lost".to_owned() }).calm(1_200, &[1, 2, 3, 4]);
    tale.doubts("INV-REAP");
    tale.doubts("INV-FLOOR");
}

#[test]
fn nothing_promised_is_undeclared_and_what_is_lacking_is_measured() {
    let mut tale = Tale::full();
    tale.profile = Default::default();
    tale.killed(1_100, 1).calm(4_000, &[2, 3, 4]);
    assert_eq!(tale.verdict("INV-CONVERGE"), Verdict::Undeclared);
    let findings = tale.judge();
    let converge = findings.iter().find(|finding| finding.id == "INV-FLOOR").unwrap();
    assert!(converge.lacks.as_ref().is_some_and(|lacks| lacks.contains("3 of them")), "{converge:?}");
}

#[test]
fn the_supervisors_own_word_changes_no_other_verdict() {
    let tale = |silent: bool| {
        let mut tale = Tale::full();
        tale.killed(1_100, 1).born(1_201, 5);
        if !silent {
            tale.claims(1_205, 5, ClaimKind::Ready).claims(1_101, 1, ClaimKind::Exited(Status::Code(3)));
        }
        tale.ready(1_220, 5).calm(2_000, &[2, 3, 4, 5]);
        tale.judge()
    };
    let (with, without) = (tale(false), tale(true));
    let others = |findings: Vec<crate::invariant::Finding>| {
        findings.into_iter().filter(|finding| finding.id != "INV-TRUTH").collect::<Vec<_>>()
    };
    assert!(with.iter().any(|finding| finding.id == "INV-TRUTH" && matches!(finding.verdict, Verdict::Fail { .. })));
    assert_eq!(others(with), others(without));
}

#[test]
fn invariants_are_found_by_name_in_any_spelling() {
    assert_eq!(find("floor").map(|one| one.id), Some("INV-FLOOR"));
    assert_eq!(find("INV-REAP").map(|one| one.id), Some("INV-REAP"));
    assert!(find("INV-NONE").is_none());
    assert!(INVARIANTS.iter().all(|one| crate::subject::INVARIANTS.contains(&one.id)));
    assert!(INVARIANTS.windows(2).all(|two| two[0].id != two[1].id));
}

/// Each says so of a history in which it had something to judge: one that never has would excuse everything.
#[test]
fn who_has_something_to_judge_says_that_it_holds() {
    let mut killed = Tale::full();
    killed.killed(1_100, 1).comes(1_105, 5).calm(1_500, &[2, 3, 4, 5]);
    let mut left = Tale::full();
    left.announces(1_100, 1, Form::OnePhase).comes(1_105, 5).leaves(1_400, 1).calm(1_900, &[2, 3, 4, 5]);
    for (tale, id) in [(&left, "INV-ONCE"), (&killed, "INV-REAP"), (&killed, "INV-ISOLATE"), (&left, "INV-CONTAIN")] {
        tale.passes(id);
    }
}

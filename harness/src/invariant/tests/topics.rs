//! What subscribers of a topic know.

use crate::history::What;
use crate::scenario::{Command, Expect, Span};
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, worker};

const CURRENT: &str = "EXPECT-1 Current";

/// Workers 1 to 3 subscribe, 4 publishes 1 at 1100 ms, and all are told at once.
fn told() -> Tale {
    let mut tale = Tale::full();
    tale.scenario.expect = vec![Expect::Current { topic: "t".to_owned(), within: Span::millis(100) }];
    for n in 1..=3 {
        subscribes(&mut tale, 19, n);
    }
    publishes(&mut tale, 1_100, 4, "1");
    for n in 1..=3 {
        hears(&mut tale, 1_101, n, "1");
    }
    tale
}

fn subscribes(tale: &mut Tale, at: u64, n: u32) {
    tale.add(at, What::Subscribed { proc: worker(n), topic: "t".to_owned() });
}

fn publishes(tale: &mut Tale, at: u64, n: u32, data: &str) {
    tale.add(at, What::Published { proc: worker(n), topic: "t".to_owned(), data: data.to_owned() });
}

fn hears(tale: &mut Tale, at: u64, n: u32, data: &str) {
    tale.add(at, What::Heard { proc: worker(n), topic: "t".to_owned(), data: data.to_owned() });
}

#[test]
fn everybody_knows_or_it_is_a_violation() {
    let mut tale = told();
    publishes(&mut tale, 1_300, 4, "2");
    hears(&mut tale, 1_301, 1, "2");
    hears(&mut tale, 1_302, 2, "2");
    let mut late = told();
    publishes(&mut late, 1_300, 4, "2");
    for (n, at) in [(1, 1_301), (2, 1_302), (3, 1_401)] {
        hears(&mut late, at, n, "2");
    }
    tale.calm(1_600, &[1, 2, 3, 4]).fails(&[CURRENT]);
    late.calm(1_600, &[1, 2, 3, 4]).fails(&[CURRENT]);
    let mut good = told();
    good.calm(1_600, &[1, 2, 3, 4]).holds();
    good.passes(CURRENT);
}

#[test]
fn what_the_operator_publishes_is_a_value_like_any_other() {
    let ordered = |told: u64| {
        let mut tale = told_by(told);
        tale.calm(1_700, &[1, 2, 3, 4]);
        tale
    };
    ordered(1_301).passes(CURRENT);
    ordered(1_450).fails(&[CURRENT]);
}

/// The operator publishes 2 at 1300 ms, of which the last subscriber is told then.
fn told_by(last: u64) -> Tale {
    let mut tale = told();
    let publish = Command::Publish { topic: "t".to_owned(), data: "2".to_owned() };
    tale.add(1_300, What::Commanded(publish));
    for (n, at) in [(1, 1_301), (2, 1_302), (3, last)] {
        hears(&mut tale, at, n, "2");
    }
    tale
}

#[test]
fn a_value_that_was_replaced_in_time_need_not_be_told() {
    let mut tale = told();
    publishes(&mut tale, 1_300, 4, "2");
    publishes(&mut tale, 1_350, 4, "3");
    for n in 1..=3 {
        hears(&mut tale, 1_360, n, "3");
    }
    tale.calm(1_600, &[1, 2, 3, 4]).holds();
}

#[test]
fn an_old_value_after_the_newest_is_a_violation() {
    let mut tale = told();
    publishes(&mut tale, 1_300, 4, "2");
    for n in 1..=3 {
        hears(&mut tale, 1_301, n, "2");
    }
    hears(&mut tale, 1_450, 2, "1");
    tale.calm(1_600, &[1, 2, 3, 4]).fails(&[CURRENT]);
}

#[test]
fn a_newcomer_is_told_what_is_so_and_who_dies_need_not_know() {
    let newcomer = |data: Option<&str>| {
        let mut tale = told();
        publishes(&mut tale, 1_300, 4, "2");
        hears(&mut tale, 1_301, 1, "2");
        hears(&mut tale, 1_301, 2, "2");
        tale.killed(1_310, 3).comes(1_320, 5);
        subscribes(&mut tale, 1_329, 5);
        if let Some(data) = data {
            hears(&mut tale, 1_329, 5, data);
        }
        tale.calm(1_900, &[1, 2, 4, 5]);
        tale
    };
    newcomer(Some("2")).holds();
    newcomer(Some("1")).fails(&[CURRENT]);
    newcomer(None).fails(&[CURRENT]);
}

#[test]
fn nobody_has_to_know_while_it_does_not_run() {
    let frozen = |who| {
        let mut tale = told();
        tale.add(1_290, What::FaultBegan { step: vec![9], fault: "Freeze(Newest)".to_owned(), on: vec![who] });
        publishes(&mut tale, 1_300, 4, "2");
        tale.add(1_700, What::Healed { step: vec![9] });
        for n in 1..=3 {
            hears(&mut tale, if n == 3 { 1_750 } else { 1_301 }, n, "2");
        }
        tale.calm(1_900, &[1, 2, 3, 4]);
        tale.verdict(CURRENT)
    };
    assert!(matches!(frozen(worker(3)), Verdict::Pass { .. }), "{:?}", frozen(worker(3)));
    assert!(matches!(frozen(SUPERVISOR), Verdict::Pass { .. }), "{:?}", frozen(SUPERVISOR));
    assert!(matches!(frozen(worker(1)), Verdict::Fail { .. }), "{:?}", frozen(worker(1)));
}

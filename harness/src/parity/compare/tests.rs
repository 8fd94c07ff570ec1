use super::*;
use crate::parity::Kind;

const MS: i64 = 1_000_000;
const SLACK: Duration = Duration::from_millis(20);

fn life(events: &[(Kind, i64)]) -> Life {
    let (kinds, times) = events.iter().map(|(kind, at)| (*kind, at * MS)).unzip();
    Life { pool: 0, generation: 1, kinds, times }
}

fn serve(from: i64, to: i64) -> Life {
    life(&[(Kind::Birth, from), (Kind::Ready, from + 1), (Kind::Death(Some(0)), to)])
}

fn of(lives: Vec<Life>) -> Projection {
    Projection { lives, ..Projection::default() }
}

#[test]
fn names_and_small_differences_do_not_count() {
    let real = of(vec![serve(0, 500), serve(5, 300)]);
    let other = of(vec![serve(3, 310), serve(2, 700)]);
    assert_eq!(real.same(&other, SLACK), Ok(()));
}

#[test]
fn the_order_of_distant_things_counts() {
    // The replacement comes after the death in one and long before it in the other.
    let real = of(vec![serve(0, 300), serve(350, 900)]);
    let other = of(vec![serve(0, 300), serve(200, 900)]);
    assert_eq!(real.same(&other, SLACK), Err(Mismatch::Order));
}

#[test]
fn a_worker_more_counts() {
    let real = of(vec![serve(0, 300), serve(350, 900)]);
    let other = of(vec![serve(0, 300)]);
    assert!(matches!(real.same(&other, SLACK), Err(Mismatch::Lives(_))));
    assert!(matches!(other.same(&real, SLACK), Err(Mismatch::Lives(_))));
}

#[test]
fn another_outcome_counts() {
    let outcome = |what: &str| std::iter::once(("probe".to_owned(), what.to_owned())).collect();
    let real = Projection { outcomes: outcome("Ok"), ..Projection::default() };
    let other = Projection { outcomes: outcome("Reset"), ..Projection::default() };
    assert!(matches!(real.same(&other, SLACK), Err(Mismatch::Outcomes(_))));
}

#[test]
fn deadlines_count_to_within_the_slack() {
    let drains = |millis: i64| Projection { drains: vec![millis * MS], ..Projection::default() };
    assert_eq!(drains(1000).same(&drains(1015), SLACK), Ok(()));
    assert!(matches!(drains(1000).same(&drains(1030), SLACK), Err(Mismatch::Interval(_))));
}

#[test]
fn the_first_that_is_the_same_is_found() {
    let real = of(vec![serve(0, 500)]);
    let others = || vec![of(vec![]), of(vec![serve(0, 505)]), of(vec![serve(1, 500)])];
    assert_eq!(included(&real, &others(), SLACK), Ok(1));
    let reasons = included(&real, &[of(vec![]), of(vec![])], SLACK).unwrap_err();
    assert_eq!(reasons.iter().map(|(_, count)| count).sum::<u32>(), 2);
}

//! Several pools of one supervisor.

use crate::history::{ClaimKind, Form, Proc, Role, Status, What};
use crate::scenario::{Beside, Command};
use crate::verdict::Verdict;

use super::super::testing::{Tale, worker};

/// The worker that the other pool begins with.
const OTHER: u32 = 9;

/// A full pool of four, and beside it one of one worker under the same terms.
fn two() -> Tale {
    let mut tale = Tale::full();
    let mut pool = tale.scenario.pool.clone();
    pool.workers = 1;
    tale.scenario.beside =
        vec![Beside { name: "notifier".to_owned(), pool, lives: Default::default(), expect: Vec::new() }];
    other(&mut tale, 10, OTHER);
    tale
}

/// A worker of the other pool comes.
fn other(tale: &mut Tale, at: u64, n: u32) {
    let role = Role::Worker { ticket: n - OTHER + 1, generation: 1, pool: 1 };
    tale.add(at, What::Born { proc: worker(n), parent: 1, role }).ready(at + 10, n);
}

#[test]
fn a_death_in_one_pool_is_made_good_there() {
    let mut tale = two();
    tale.killed(1_100, OTHER);
    other(&mut tale, 1_210, 10);
    tale.calm(3_000, &[1, 2, 3, 4, 10]).holds();
    let mut tale = two();
    // Not in another.
    tale.killed(1_100, OTHER).comes(1_210, 5);
    tale.calm(3_000, &[1, 2, 3, 4, 5]);
    tale.fails(&["INV-CONVERGE", "INV-ONCE", "INV-CONVERGE@notifier", "INV-FLOOR@notifier"]);
}

#[test]
fn what_is_missing_in_one_pool_is_no_fault_of_the_other() {
    let mut tale = two();
    tale.killed(1_100, 2).calm(3_000, &[1, 3, 4, OTHER]).fails(&["INV-CONVERGE", "INV-FLOOR"]);
}

/// Deaths in turn in both pools, three in each; a replacement comes after as long as it has to wait.
fn six_deaths(tale: &mut Tale) {
    for (nth, after) in [(0, 10), (1, 110), (2, 210)] {
        let at = 1_100 + u64::from(nth) * 400;
        let mine = if nth == 0 { 1 } else { 4 + nth };
        tale.killed(at, mine).killed(at + 5, OTHER + nth);
        tale.comes(at + after, 5 + nth);
        other(tale, at + after + 5, OTHER + 1 + nth);
    }
}

#[test]
fn a_pool_has_the_size_that_was_ordered_of_it_and_no_other_has() {
    let scaled = |obeyed: bool| {
        let mut tale = two();
        tale.add(1_100, What::Commanded(Command::In("notifier".to_owned(), Box::new(Command::Scale(2)))));
        if obeyed {
            other(&mut tale, 1_110, 10);
        } else {
            tale.comes(1_110, 5);
        }
        tale.calm(3_000, if obeyed { &[1, 2, 3, 4, OTHER, 10] } else { &[1, 2, 3, 4, 5, OTHER] });
        tale
    };
    scaled(true).holds();
    scaled(false).fails(&["INV-CONVERGE", "INV-ONCE", "INV-CONVERGE@notifier", "INV-FLOOR@notifier"]);
}

#[test]
fn deaths_in_one_pool_don_t_count_in_another() {
    let mut tale = two();
    six_deaths(&mut tale);
    tale.calm(4_000, &[2, 3, 4, 7, OTHER + 3]).holds();
    let mut tale = two();
    six_deaths(&mut tale);
    tale.ends(2_400, &[2, 3, 4, 7, OTHER + 3], Status::Code(75));
    tale.fails(&["INV-GIVEUP", "INV-GIVEUP@notifier"]);
}

/// The other pool needs one restart more than its limit allows.
fn flapping() -> Tale {
    let mut tale = flapped();
    tale.killed(2_450, OTHER + 5);
    tale
}

/// The other pool has needed as many restarts as its limit allows.
fn flapped() -> Tale {
    let mut tale = two();
    let mut at = 1_100;
    for (nth, after) in (0..5).zip([0, 100, 200, 400, 400]) {
        tale.killed(at, OTHER + nth);
        other(&mut tale, at + after + 5, OTHER + 1 + nth);
        at += after + 50;
    }
    tale
}

#[test]
fn the_end_of_a_pool_that_gives_up_is_an_order_to_stop_for_the_others() {
    let mut tale = flapping();
    tale.ends(2_800, &[1, 2, 3, 4], Status::Code(75)).holds();
    // They have their time for it, and no more.
    let mut tale = flapping();
    tale.told(2_800, 1).ends(4_500, &[2, 3, 4], Status::Code(75));
    assert!(matches!(tale.verdict("INV-DRAIN"), Verdict::Fail { .. }));
}

#[test]
fn a_configuration_that_one_pool_can_t_be_started_with_is_for_none() {
    let tried = |kept: bool| {
        let mut tale = two();
        (1..=4).for_each(|n| _ = tale.runs(30, n, 1));
        tale.runs(30, OTHER, 1).configured(1_050, 2, true).reload(1_100);
        let role = Role::Worker { ticket: 1, generation: 2, pool: 1 };
        tale.add(1_110, What::Born { proc: worker(20), parent: 1, role }).runs(1_115, 20, 2);
        tale.comes(1_110, 5).runs(1_115, 5, 2);
        tale.add(1_200, What::Exiting { proc: worker(20), code: 1 }).dies(1_200, 20, Status::Code(1));
        let leaves = if kept { 1 } else { 5 };
        tale.told(1_210, leaves).leaves(1_220, leaves);
        tale.calm(3_000, &if kept { [2, 3, 4, 5, OTHER] } else { [1, 2, 3, 4, OTHER] });
        tale
    };
    tried(false).holds();
    tried(true).fails(&["INV-GENERATION"]);
}

#[test]
fn who_leaves_on_trial_in_one_pool_ends_the_reload_in_all() {
    let tried = |leaves: u64| {
        let mut tale = two();
        let role = Role::Worker { ticket: 1, generation: 2, pool: 1 };
        tale.reload(1_100)
            .add(1_105, What::Born { proc: worker(20), parent: 1, role })
            .ready(1_110, 20)
            .comes(1_106, 5);
        tale.announces(leaves, 20, Form::OnePhase).told(1_120, 5).leaves(1_125, 5).leaves(leaves + 5, 20);
        tale.calm(9_000, &[1, 2, 3, 4, OTHER]);
        tale.verdict("INV-SERIAL")
    };
    assert!(matches!(tried(1_118), Verdict::Pass { .. }), "{:?}", tried(1_118));
    assert!(matches!(tried(4_000), Verdict::Fail { .. }), "{:?}", tried(4_000));
}

#[test]
fn an_order_to_replace_one_worker_is_not_the_reload_before_it() {
    let replaced = |orders: usize| {
        let mut tale = two();
        let one = || What::Commanded(Command::In("notifier".to_owned(), Box::new(Command::Restart(0))));
        tale.reload(1_100);
        (1..=4).for_each(|n| _ = tale.comes(1_100 + u64::from(n), 20 + n).told(1_116, n).leaves(1_120, n));
        let births = [(1_102, OTHER), (1_302, 10), (1_502, 11), (1_702, 12)];
        for (nth, (at, old)) in births.into_iter().enumerate() {
            if (1..=orders).contains(&nth) {
                tale.add(at - 2, one());
            }
            other(&mut tale, at, if old == OTHER { 10 } else { old + 1 });
            tale.told(at + 14, old).leaves(at + 18, old);
        }
        tale.calm(3_000, &[21, 22, 23, 24, 13]);
        tale.judge().into_iter().find(|one| one.id == "INV-SERIAL@notifier").map(|one| one.verdict)
    };
    assert!(matches!(replaced(3), Some(Verdict::Pass { .. })), "{:?}", replaced(3));
    assert!(matches!(replaced(0), Some(Verdict::Fail { .. })), "{:?}", replaced(0));
}

#[test]
fn a_pool_may_be_told_of_the_end_before_the_need_of_the_other_is_known() {
    let told = |at: u64| {
        let mut tale = flapping();
        (1..=4).for_each(|n| _ = tale.told(at, n).leaves(2_801, n));
        tale.ends(2_802, &[], Status::Code(75));
        tale.verdict("INV-FLOOR")
    };
    assert!(!matches!(told(2_440), Verdict::Fail { .. }), "{:?}", told(2_440));
    assert!(matches!(told(2_350), Verdict::Fail { .. }), "{:?}", told(2_350));
}

#[test]
fn of_workers_that_hang_nobody_sees_that_they_are_told() {
    // It is killed when the time to drain is over: no need, and not when the end began.
    let hangs = |tale: &mut Tale, told: u64, n: u32| {
        tale.add(2_420, What::Hangs(worker(n)));
        (1..=4).filter(|one| *one != n).for_each(|one| _ = tale.told(told, one).leaves(told + 1, one));
        tale.dies(told + 1_000, n, Status::Signal(9)).ends(told + 1_001, &[], Status::Code(75));
    };
    let mut tale = flapping();
    hangs(&mut tale, 2_451, 4);
    assert!(!matches!(tale.verdict("INV-FLOOR"), Verdict::Fail { .. }), "{:?}", tale.verdict("INV-FLOOR"));
    // In the pool that gives up, it looks like the need that was too much.
    let of_the_other = |told: u64| {
        let mut tale = flapped();
        tale.scenario.beside[0].pool.workers = 2;
        other(&mut tale, 10, 20);
        tale.told(told, OTHER + 5).leaves(told + 1, OTHER + 5);
        hangs(&mut tale, told, 20);
        tale.verdict("INV-FLOOR")
    };
    assert!(!matches!(of_the_other(2_500), Verdict::Fail { .. }), "{:?}", of_the_other(2_500));
}

#[test]
fn whom_the_supervisor_speaks_of_may_be_of_another_pool() {
    let mut tale = two();
    tale.claims(25, OTHER, ClaimKind::Ready).calm(3_000, &[1, 2, 3, 4, OTHER]).holds();
    let stranger = Proc { pid: 77, start: 77 };
    let mut tale = two();
    tale.add(1_100, What::Injected { proc: stranger, signal: 9 }).calm(3_000, &[1, 2, 3, 4, OTHER]).holds();
}

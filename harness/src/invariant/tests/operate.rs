//! GENERATION, and what another number of workers is to the other invariants.

use crate::history::{ClaimKind, Status, What};
use crate::scenario::{Command, Life, Span};
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, worker};

/// A pool of four that runs from revision 1.
fn first() -> Tale {
    let mut tale = Tale::full();
    for n in 1..=4 {
        tale.runs(10, n, 1);
    }
    tale
}

/// Revision 2 is put in place and a reload is ordered, which replaces these workers by as many of this revision.
fn reloaded(serves: bool, replaced: u32, revision: u32) -> Tale {
    let mut tale = first();
    tale.configured(1_050, 2, serves).reload(1_100);
    for n in 1..=replaced {
        let at = 1_100 + 20 * u64::from(n);
        tale.comes(at, n + 4).runs(at + 1, n + 4, revision).told(at + 11, n).leaves(at + 15, n);
    }
    let left: Vec<u32> = (replaced + 1..=replaced + 4).collect();
    tale.calm(1_500, &left);
    tale
}

#[test]
fn a_reload_replaces_everybody_by_workers_of_the_new_configuration() {
    reloaded(true, 4, 2).holds();
    reloaded(true, 4, 2).passes("INV-GENERATION");
    reloaded(true, 4, 1).fails(&["INV-GENERATION"]);
}

#[test]
fn a_mixture_that_stays_is_a_violation() {
    reloaded(true, 3, 2).fails(&["INV-SERIAL", "INV-GENERATION"]);
}

#[test]
fn a_reload_that_is_said_to_be_complete_is_complete() {
    let claimed = |revision| {
        let mut tale = first();
        tale.configured(1_050, 2, true).reload(1_100);
        for n in 1..=4 {
            let at = 1_100 + 20 * u64::from(n);
            tale.comes(at, n + 4).runs(at + 1, n + 4, revision).told(at + 11, n).leaves(at + 15, n);
        }
        tale.claims(1_200, 0, ClaimKind::Reloaded).stop(1_500).ends(1_503, &[5, 6, 7, 8], Status::Code(0));
        tale
    };
    claimed(2).passes("INV-GENERATION");
    claimed(1).fails(&["INV-GENERATION"]);
}

#[test]
fn a_reload_that_is_refused_leaves_the_old_configuration() {
    reloaded(false, 0, 2).passes("INV-GENERATION");
    reloaded(false, 0, 2).holds();
    reloaded(false, 1, 2).fails(&["INV-GENERATION"]);
}

#[test]
fn who_is_started_after_a_refused_reload_is_started_from_what_serves() {
    let killed = |revision| {
        let mut tale = first();
        tale.configured(1_050, 2, false).reload(1_100);
        tale.killed(4_000, 1).comes(4_010, 5).runs(4_011, 5, revision).calm(4_500, &[2, 3, 4, 5]);
        tale
    };
    killed(1).holds();
    killed(2).fails(&["INV-GENERATION"]);
}

#[test]
fn a_configuration_that_nobody_was_told_of_is_nobodys() {
    let killed = |revision| {
        let mut tale = first();
        tale.configured(1_050, 2, true);
        tale.killed(1_100, 1).comes(1_110, 5).runs(1_111, 5, revision).calm(1_900, &[2, 3, 4, 5]);
        tale
    };
    killed(1).holds();
    killed(2).fails(&["INV-GENERATION"]);
}

#[test]
fn a_success_that_can_not_be_is_a_lie() {
    let mut tale = first();
    tale.configured(1_050, 2, false).reload(1_100).claims(1_150, 0, ClaimKind::Reloaded).calm(1_500, &[1, 2, 3, 4]);
    tale.fails(&["INV-TRUTH"]);
    let mut tale = first();
    tale.configured(1_050, 2, false).reload(1_100).claims(1_150, 0, ClaimKind::ReloadFailed).calm(1_500, &[1, 2, 3, 4]);
    tale.holds();
}

#[test]
fn a_new_worker_that_fails_excuses_nobody_of_the_old() {
    let failed = |old_leaves: bool| {
        let mut tale = Tale::full();
        tale.scenario.lives.generation = [(
            2,
            vec![crate::scenario::Life::Crash { at: crate::scenario::Phase::Boot, code: 1, after: Default::default() }],
        )]
        .into();
        tale.reload(1_100);
        let role = crate::history::Role::Worker { ticket: 1, generation: 2, pool: 0 };
        tale.add(1_110, crate::history::What::Born { proc: worker(5), parent: 1, role });
        tale.dies(1_115, 5, Status::Code(1)).claims(1_116, 0, ClaimKind::ReloadFailed);
        if old_leaves {
            tale.told(1_117, 1).leaves(1_120, 1).comes(1_130, 6).calm(1_500, &[2, 3, 4, 6]);
        } else {
            tale.calm(1_500, &[1, 2, 3, 4]);
        }
        tale
    };
    failed(false).holds();
    failed(true).fails(&["INV-FLOOR"]);
}

#[test]
fn workers_that_tell_nothing_are_not_judged() {
    let mut tale = Tale::full();
    tale.reload(1_100).calm(1_500, &[1, 2, 3, 4]);
    assert!(matches!(tale.verdict("INV-GENERATION"), crate::verdict::Verdict::NotApplicable { .. }));
}

#[test]
fn an_order_to_replace_everybody_is_obeyed_whatever_the_file_says() {
    let ordered = |obeyed: bool| {
        let mut tale = Tale::full();
        tale.add(1_050, What::Configured { variant: "wrong".to_owned(), revision: 2, serves: false });
        tale.add(1_100, What::Commanded(Command::RestartPool));
        for n in 1..=4 {
            let at = 1_100 + 100 * u64::from(n);
            if obeyed || n == 1 {
                tale.comes(at, 4 + n).told(at + 20, n).leaves(at + 30, n);
            }
        }
        let there: &[u32] = if obeyed { &[5, 6, 7, 8] } else { &[2, 3, 4, 5] };
        tale.calm(5_000, there);
        tale
    };
    ordered(true).holds();
    ordered(false).fails(&["INV-SERIAL"]);
}

#[test]
fn more_workers_come_when_they_are_ordered() {
    let scaled = |late: u64| {
        let mut tale = Tale::full();
        tale.scaled(1_100, 6).comes(1_110, 5).comes(1_110 + late, 6).calm(4_000, &[1, 2, 3, 4, 5, 6]);
        tale
    };
    scaled(10).holds();
    scaled(500).fails(&["INV-FLOOR"]);
    let mut never = Tale::full();
    never.scaled(1_100, 5).calm(1_500, &[1, 2, 3, 4]);
    never.fails(&["INV-CONVERGE", "INV-FLOOR"]);
}

#[test]
fn nobody_comes_who_was_not_ordered() {
    let mut tale = Tale::full();
    tale.scaled(1_100, 5).comes(1_110, 5).comes(1_120, 6).calm(1_500, &[1, 2, 3, 4, 5, 6]);
    tale.fails(&["INV-CONVERGE", "INV-ONCE"]);
}

#[test]
fn less_workers_are_kept_when_they_are_ordered() {
    let mut tale = Tale::full();
    tale.scaled(1_100, 2).told(1_105, 3).leaves(1_110, 3).told(1_106, 4).leaves(1_120, 4).calm(1_500, &[1, 2]);
    tale.holds();
    let mut deaf = Tale::full();
    deaf.scaled(1_100, 2).told(1_105, 3).leaves(1_110, 3).calm(1_500, &[1, 2, 4]);
    deaf.fails(&["INV-CONVERGE", "INV-ONCE"]);
}

#[test]
fn workers_that_were_ordered_are_no_restarts() {
    let mut tale = Tale::full();
    // The limit is 5: six that are ordered are none of them.
    tale.scaled(1_100, 10);
    for n in 5..=10 {
        tale.comes(1_105 + u64::from(n), n);
    }
    tale.killed(1_500, 1).comes(1_510, 11).calm(2_500, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    tale.holds();
}

#[test]
fn a_second_stop_does_not_wait_for_the_drain() {
    let stopped = |again: bool, ends: u64| {
        let mut tale = Tale::full();
        tale.scenario.lives.then = Life::IgnoreTerm;
        tale.scenario.pool.drain = Span::millis(5_000);
        tale.stop(1_100);
        if again {
            tale.add(1_200, What::Commanded(Command::Stop));
        }
        for n in 1..=4 {
            tale.told(1_101, n).dies(ends, n, Status::Signal(9));
        }
        tale.exits(ends + 2, Status::Code(0));
        tale
    };
    assert!(!matches!(stopped(true, 1_300).verdict("INV-SERIAL"), Verdict::Fail { .. }));
    assert!(matches!(stopped(true, 1_900).verdict("INV-SERIAL"), Verdict::Fail { .. }));
    assert!(!matches!(stopped(false, 1_900).verdict("INV-SERIAL"), Verdict::Fail { .. }));
}

#[test]
fn a_supervisor_that_is_frozen_before_a_fault_ends_is_held_up_by_both() {
    let replaced = |at: u64| {
        let mut tale = Tale::full();
        let fault = "Limit(on:Supervisor,resource:\"NOFILE\",to:8)".to_owned();
        tale.add(1_050, What::FaultBegan { step: vec![0], fault, on: vec![SUPERVISOR] });
        tale.killed(1_100, 1).frozen(1_600, 2_200).add(2_000, What::Healed { step: vec![0] });
        tale.comes(at, 5).calm(at + 600, &[2, 3, 4, 5]);
        tale
    };
    replaced(2_210).passes("INV-FLOOR");
    assert!(matches!(replaced(4_000).verdict("INV-FLOOR"), Verdict::Fail { .. }));
}

#[test]
fn whoever_is_to_serve_on_after_a_stop_leaves_no_earlier_and_not_much_later() {
    let leaves = |at: u64, lame_duck: u64| {
        let mut tale = Tale::full();
        tale.scenario.pool.lame_duck = Span::millis(lame_duck);
        tale.add(1_500, What::Commanded(Command::Stop)).ends(at, &[1, 2, 3, 4], Status::Code(0));
        tale
    };
    for id in ["INV-FLOOR", "INV-SERIAL", "INV-ISOLATE"] {
        leaves(2_510, 1_000).passes(id);
        leaves(1_510, 0).passes(id);
    }
    assert!(matches!(leaves(1_600, 1_000).verdict("INV-FLOOR"), Verdict::Fail { .. }));
    assert!(matches!(leaves(2_510, 0).verdict("INV-SERIAL"), Verdict::Pass { .. }));
    assert!(matches!(leaves(5_000, 1_000).verdict("INV-SERIAL"), Verdict::Fail { .. }));
}

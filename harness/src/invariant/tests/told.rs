//! What an operator is told on the control socket.

use crate::history::{Reply, What};
use crate::scenario::Command;

use super::super::testing::{SUPERVISOR, Tale, ms, worker};

/// An operator asked at 1400 ms and is told of these workers so many milliseconds later.
fn told(tale: &mut Tale, after: u64, workers: &[u32]) {
    let pids = Some(workers.iter().map(|n| worker(*n).pid).chain([1]).collect());
    tale.add(1_400 + after, What::Answered { answered: true, after_ns: after * 1_000_000, pids });
}

/// An order was given at 1100 ms, and this was said to it at 1300 ms.
fn ordered(tale: &mut Tale, command: Command, reply: Reply) {
    tale.add(1_100, What::Commanded(command)).add(1_300, What::Replied { ordered: ms(1_100), reply });
}

#[test]
fn whoever_serves_is_named() {
    let named = |workers: &[u32]| {
        let mut tale = Tale::full();
        told(&mut tale, 2, workers);
        tale.calm(1_500, &[1, 2, 3, 4]);
        tale
    };
    named(&[1, 2, 3, 4]).holds();
    // Whom nobody saw may have been born just now.
    named(&[1, 2, 3, 4, 9]).holds();
    named(&[1, 2, 4]).fails(&["INV-TRUTH"]);
}

#[test]
fn whoever_has_been_dead_for_long_is_not_named() {
    let named = |died: u64, workers: &[u32]| {
        let mut tale = Tale::full();
        tale.killed(died, 1).comes(died + 10, 5);
        told(&mut tale, 2, workers);
        tale.calm(1_500, &[2, 3, 4, 5]);
        tale
    };
    named(1_100, &[2, 3, 4, 5]).holds();
    // It may not have heard of it yet.
    named(1_390, &[1, 2, 3, 4]).holds();
    named(1_100, &[1, 2, 3, 4, 5]).fails(&["INV-TRUTH"]);
}

#[test]
fn pids_of_another_namespace_are_not_compared() {
    let mut tale = Tale::full();
    tale.scenario.launch.init = true;
    told(&mut tale, 2, &[7]);
    tale.calm(1_500, &[1, 2, 3, 4]);
    assert!(!matches!(tale.verdict("INV-TRUTH"), crate::verdict::Verdict::Fail { .. }));
}

#[test]
fn whoever_asks_is_answered_in_time_while_there_is_a_pool() {
    let mut late = Tale::full();
    told(&mut late, 251, &[1, 2, 3, 4]);
    late.calm(2_000, &[1, 2, 3, 4]);
    late.fails(&["INV-ISOLATE"]);
    let never = |answered_at: u64| {
        let mut tale = Tale::full();
        tale.calm(2_000, &[1, 2, 3, 4]);
        let after_ns = 600 * 1_000_000;
        tale.add(answered_at, What::Answered { answered: false, after_ns, pids: None });
        tale
    };
    never(4_300).fails(&["INV-ISOLATE"]);
    // It was told to stop before the answer was due.
    never(4_500).holds();
}

#[test]
fn a_supervisor_that_is_killed_meanwhile_answers_nobody() {
    let asked = |killed: bool| {
        let mut tale = Tale::full();
        tale.add(1_401, What::Answered { answered: false, after_ns: 1_000_000, pids: None });
        if killed {
            tale.add(1_400, What::Injected { proc: SUPERVISOR, signal: 9 });
            for n in 1..=4 {
                tale.told(1_402, n).leaves(1_410, n);
            }
            tale.exits(1_402, crate::history::Status::Signal(9));
        } else {
            tale.calm(2_000, &[1, 2, 3, 4]);
        }
        tale
    };
    asked(true).holds();
    asked(false).fails(&["INV-ISOLATE"]);
}

#[test]
fn an_order_is_called_done_when_its_successor_serves() {
    let replaced = |ready: u64, reply: Reply| {
        let mut tale = Tale::full();
        ordered(&mut tale, Command::Restart(0), reply);
        tale.born(1_110, 5).ready(ready, 5).told(ready + 1, 1).leaves(ready + 10, 1).calm(2_000, &[2, 3, 4, 5]);
        tale
    };
    replaced(1_290, Reply::Done).holds();
    replaced(1_310, Reply::Done).fails(&["INV-TRUTH"]);
}

#[test]
fn a_pool_is_called_replaced_when_nobody_serves_who_was_there() {
    let replaced = |everybody: bool| {
        let mut tale = Tale::full();
        ordered(&mut tale, Command::RestartPool, Reply::Done);
        for n in 1..=4 {
            let at = if n < 4 || everybody { 1_100 + 40 * u64::from(n) } else { 1_700 };
            tale.comes(at, 4 + n).told(at + 15, n).leaves(at + 20, n);
        }
        tale.calm(4_000, &[5, 6, 7, 8]);
        tale
    };
    replaced(true).holds();
    replaced(false).fails(&["INV-TRUTH"]);
}

#[test]
fn an_order_to_which_nothing_was_said_may_have_been_heard_or_not_but_that_is_no_way_to_treat_an_operator() {
    let unheard = |reply: Reply, obeyed: bool| {
        let mut tale = Tale::full();
        ordered(&mut tale, Command::Restart(0), reply);
        if obeyed {
            tale.comes(1_110, 5).told(1_130, 1).leaves(1_140, 1).calm(2_000, &[2, 3, 4, 5]);
        } else {
            tale.calm(2_000, &[1, 2, 3, 4]);
        }
        tale
    };
    unheard(Reply::Done, false).fails(&["INV-SERIAL", "INV-TRUTH"]);
    for obeyed in [true, false] {
        unheard(Reply::TurnedAway, obeyed).fails(&["INV-ISOLATE"]);
    }
    // Who hung up at the end had heard it.
    let mut forgotten = Tale::full();
    forgotten.add(1_100, What::Commanded(Command::Restart(0))).calm(2_000, &[1, 2, 3, 4]);
    forgotten.add(4_002, What::Replied { ordered: ms(1_100), reply: Reply::HungUp });
    forgotten.fails(&["INV-SERIAL"]);
}

#[test]
fn an_order_is_not_refused_where_nobody_comes_or_goes() {
    let refused = |somebody_dies: bool| {
        let mut tale = Tale::full();
        ordered(&mut tale, Command::Restart(0), Reply::Refused);
        if somebody_dies {
            tale.killed(1_050, 2).comes(1_060, 5).calm(2_000, &[1, 3, 4, 5]);
        } else {
            tale.calm(2_000, &[1, 2, 3, 4]);
        }
        tale
    };
    refused(false).fails(&["INV-SERIAL"]);
    refused(true).holds();
}

#[test]
fn a_fault_that_hinders_it_excuses_a_supervisor_that_turns_operators_away() {
    let mut tale = Tale::full();
    tale.add(1_000, What::FaultBegan { step: vec![0], fault: "Limit".to_owned(), on: Vec::new() });
    ordered(&mut tale, Command::Restart(0), Reply::TurnedAway);
    tale.add(1_350, What::Healed { step: vec![0] }).calm(2_000, &[1, 2, 3, 4]);
    tale.holds();
}

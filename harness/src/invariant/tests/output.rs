//! INV-OUTPUT.

use crate::history::{Output, Sink, Status, What};
use crate::scenario::{Command, OutputWay, Span, Stream};
use crate::subject::OutputPromise;
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, ms, worker};

const ID: &str = "INV-OUTPUT";

/// A pool whose output takes this way.
fn tale(way: OutputWay) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.output = Some(way);
    tale
}

fn wrote(tale: &mut Tale, at: u64, n: u32, first: u64, last: u64) {
    wrote_slowly(tale, at, n, (first, last), 1);
}

fn wrote_slowly(tale: &mut Tale, at: u64, n: u32, (first, last): (u64, u64), took: u64) {
    let (stream, longest_ns) = (Stream::Stdout, took * 1_000_000);
    let since = ms(at - took);
    tale.add(at, What::Output(Output::Wrote { proc: worker(n), stream, first, last, since, longest_ns }));
}

fn came(tale: &mut Tale, n: u32, label: &str, lines: &[(u64, u64)]) {
    let (sink, stream) = (Sink::Stdout, Stream::Stdout);
    let (proc, label, lines) = (worker(n), label.to_owned(), lines.to_vec());
    tale.add(6_000, What::Output(Output::CameOut { sink, proc, stream, label, lines }));
}

fn told(tale: &mut Tale, lines: u64) {
    tale.add(6_000, What::Output(Output::ToldLost { sink: Sink::Stdout, lines }));
}

fn not_read(tale: &mut Tale, from: u64, until: u64) {
    tale.add(from, What::FaultBegan { step: vec![7], fault: "NotRead(LogReader)".to_owned(), on: Vec::new() });
    tale.add(until, What::Healed { step: vec![7] });
}

fn gone(tale: &mut Tale, from: u64) {
    tale.add(from, What::FaultBegan { step: vec![8], fault: "Gone(LogReader)".to_owned(), on: Vec::new() });
}

fn calm(tale: &mut Tale) {
    tale.calm(2_500, &[1, 2, 3, 4]);
}

#[test]
fn all_that_was_written_comes_out_under_its_own_name() {
    let mut tale = tale(OutputWay::Prefixed);
    wrote(&mut tale, 1_100, 1, 1, 10);
    wrote(&mut tale, 1_200, 2, 1, 5);
    wrote(&mut tale, 1_300, 1, 11, 12);
    calm(&mut tale);
    came(&mut tale, 1, "a | ", &[(1, 12)]);
    came(&mut tale, 2, "b | ", &[(1, 5)]);
    tale.passes(ID);
    tale.holds();
}

#[test]
fn nothing_is_asked_where_nobody_looks() {
    let mut told = Tale::full();
    calm(&mut told);
    assert!(matches!(told.verdict(ID), Verdict::NotApplicable { .. }));
    let mut silent = tale(OutputWay::Files);
    calm(&mut silent);
    assert_eq!(silent.verdict(ID), Verdict::Undeclared);
}

#[test]
fn a_line_that_is_missing_without_a_reason() {
    for way in [OutputWay::Prefixed, OutputWay::Inherit] {
        let mut tale = tale(way);
        wrote(&mut tale, 1_100, 1, 1, 10);
        calm(&mut tale);
        came(&mut tale, 1, if way == OutputWay::Inherit { "" } else { "a | " }, &[(1, 8), (10, 10)]);
        told(&mut tale, 1);
        tale.fails(&[ID]);
    }
}

#[test]
fn while_nobody_reads_lines_may_be_lost_if_that_is_told() {
    for (wrote_at, counted, fails) in
        [(1_300, 5, false), (1_300, 4, true), (1_300, 0, true), (1_900, 5, false), (2_300, 5, true)]
    {
        let mut tale = tale(OutputWay::Prefixed);
        wrote(&mut tale, wrote_at, 1, 1, 10);
        not_read(&mut tale, 1_200, 1_600);
        calm(&mut tale);
        came(&mut tale, 1, "a | ", &[(1, 5)]);
        told(&mut tale, counted);
        tale.fails(if fails { &[ID] } else { &[] });
    }
}

#[test]
fn what_is_written_when_the_reader_has_gone_is_lost() {
    let cases = [
        // What the supervisor may still hold goes with the reader; who writes for himself has lost what he wrote since.
        (OutputWay::Prefixed, 1_900, false),
        (OutputWay::Prefixed, 1_300, false),
        (OutputWay::Prefixed, 1_100, true),
        (OutputWay::Inherit, 1_900, false),
        (OutputWay::Inherit, 1_600, true),
    ];
    for (way, wrote_at, fails) in cases {
        let mut tale = tale(way);
        wrote(&mut tale, wrote_at, 1, 1, 10);
        gone(&mut tale, 1_700);
        calm(&mut tale);
        came(&mut tale, 1, if way == OutputWay::Inherit { "" } else { "a | " }, &[(1, 5)]);
        tale.fails(if fails { &[ID] } else { &[] });
    }
}

#[test]
fn who_goes_without_having_read_takes_with_him_what_waited() {
    for (reads_again, fails) in [(2_000, false), (1_650, true)] {
        let mut tale = tale(OutputWay::Inherit);
        not_read(&mut tale, 1_200, reads_again);
        wrote(&mut tale, 1_300, 1, 1, 10);
        gone(&mut tale, 1_700);
        calm(&mut tale);
        tale.fails(if fails { &[ID] } else { &[] });
    }
}

#[test]
fn nobody_waits_for_a_reader_that_has_gone() {
    let mut tale = tale(OutputWay::Prefixed);
    gone(&mut tale, 1_200);
    wrote_slowly(&mut tale, 1_900, 1, (1, 10), 600);
    calm(&mut tale);
    tale.fails(&[ID]);
}

#[test]
fn who_waits_for_its_reader_loses_nothing() {
    let mut tale = tale(OutputWay::Inherit);
    wrote_slowly(&mut tale, 1_700, 1, (1, 10), 500);
    not_read(&mut tale, 1_200, 1_600);
    calm(&mut tale);
    came(&mut tale, 1, "", &[(1, 10)]);
    tale.holds();
    tale.passes(ID);
}

#[test]
fn more_lines_told_of_than_were_lost() {
    let mut tale = tale(OutputWay::Prefixed);
    wrote(&mut tale, 1_300, 1, 1, 10);
    not_read(&mut tale, 1_200, 1_600);
    calm(&mut tale);
    came(&mut tale, 1, "a | ", &[(1, 5)]);
    told(&mut tale, 6);
    tale.fails(&[ID]);
}

#[test]
fn who_was_killed_may_have_written_more_than_it_could_say() {
    let mut tale = tale(OutputWay::Prefixed);
    wrote(&mut tale, 1_300, 1, 1, 10);
    not_read(&mut tale, 1_200, 1_600);
    tale.killed(1_310, 1).comes(1_312, 5).calm(2_500, &[2, 3, 4, 5]);
    came(&mut tale, 1, "a | ", &[(1, 5), (14, 15)]);
    told(&mut tale, 8);
    tale.holds();
}

#[test]
fn lines_that_come_twice_or_in_another_order() {
    for lines in [&[(1, 6), (6, 10)][..], &[(6, 10), (1, 5)]] {
        let mut tale = tale(OutputWay::Prefixed);
        wrote(&mut tale, 1_100, 1, 1, 10);
        calm(&mut tale);
        came(&mut tale, 1, "a | ", lines);
        tale.fails(&[ID]);
    }
}

#[test]
fn a_name_belongs_to_one_worker() {
    for (first, second) in [("a | ", "a | "), ("a | ", "")] {
        let mut tale = tale(OutputWay::Prefixed);
        wrote(&mut tale, 1_100, 1, 1, 10);
        wrote(&mut tale, 1_100, 2, 1, 10);
        calm(&mut tale);
        came(&mut tale, 1, first, &[(1, 10)]);
        came(&mut tale, 2, second, &[(1, 10)]);
        tale.fails(&[ID]);
    }
    let mut several = tale(OutputWay::Prefixed);
    wrote(&mut several, 1_100, 1, 1, 10);
    calm(&mut several);
    came(&mut several, 1, "a | ", &[(1, 5)]);
    came(&mut several, 1, "b | ", &[(6, 10)]);
    several.fails(&[ID]);
}

#[test]
fn a_line_that_is_not_whole() {
    let mut tale = tale(OutputWay::Inherit);
    wrote(&mut tale, 1_100, 1, 1, 10);
    calm(&mut tale);
    came(&mut tale, 1, "", &[(1, 10)]);
    tale.add(6_000, What::Output(Output::Damaged { sink: Sink::Stdout, line: "~~~]".to_owned() }));
    tale.fails(&[ID]);
}

#[test]
fn a_worker_that_waits_to_write() {
    let mut slow = tale(OutputWay::Prefixed);
    wrote_slowly(&mut slow, 1_500, 1, (1, 10), 400);
    calm(&mut slow);
    came(&mut slow, 1, "a | ", &[(1, 10)]);
    slow.fails(&[ID]);
    let mut suspended = tale(OutputWay::Prefixed);
    suspended.frozen(1_150, 1_450);
    wrote_slowly(&mut suspended, 1_500, 1, (1, 10), 400);
    calm(&mut suspended);
    came(&mut suspended, 1, "a | ", &[(1, 10)]);
    suspended.passes(ID);
    let mut stalled = tale(OutputWay::Prefixed);
    stalled.stall(1_100, 1_450, 200);
    wrote_slowly(&mut stalled, 1_500, 1, (1, 10), 400);
    calm(&mut stalled);
    came(&mut stalled, 1, "a | ", &[(1, 10)]);
    stalled.doubts(ID);
}

#[test]
fn a_worker_that_waits_to_write_until_it_is_killed() {
    for (killed, fails) in [(1_300, false), (1_900, true)] {
        let mut tale = tale(OutputWay::Prefixed);
        tale.add(1_150, What::Output(Output::Waits { proc: worker(1), stream: Stream::Stdout, since: ms(1_100) }));
        tale.killed(killed, 1).comes(killed + 2, 5).calm(2_500, &[2, 3, 4, 5]);
        tale.fails(if fails { &[ID] } else { &[] });
    }
}

#[test]
fn a_file_that_was_moved_away_is_left_alone() {
    for (reopened, wrote_at, fails) in [(None, 2_300, false), (Some(1_300), 1_500, false), (Some(1_300), 2_300, true)] {
        let mut tale = tale(OutputWay::Files);
        tale.profile
            .outputs
            .get_or_insert_default()
            .insert(OutputWay::Files, OutputPromise::Loses { block: Span::millis(250), recovers: Span::millis(500) });
        let fault = "File(which: \"log\", is: Missing)".to_owned();
        tale.add(1_200, What::FaultBegan { step: vec![7], fault, on: Vec::new() });
        tale.add(1_400, What::Healed { step: vec![7] });
        if let Some(at) = reopened {
            tale.add(at, What::Commanded(Command::Reopen));
        }
        wrote(&mut tale, 1_100, 1, 1, 4);
        wrote(&mut tale, wrote_at, 1, 5, 10);
        calm(&mut tale);
        for (sink, lines) in [(Sink::Moved, (1, 7)), (Sink::File, (8, 10))] {
            let (proc, stream, label, lines) = (worker(1), Stream::Stdout, String::new(), vec![lines]);
            tale.add(6_000, What::Output(Output::CameOut { sink, proc, stream, label, lines }));
        }
        tale.fails(if fails { &[ID] } else { &[] });
    }
}

#[test]
fn what_a_supervisor_held_that_was_killed_is_gone() {
    let mut tale = tale(OutputWay::Prefixed);
    wrote(&mut tale, 1_900, 1, 1, 10);
    wrote(&mut tale, 3_000, 2, 1, 3);
    tale.add(2_000, What::Injected { proc: SUPERVISOR, signal: 9 });
    tale.ends(2_001, &[1, 2, 3, 4], Status::Signal(9));
    came(&mut tale, 1, "a | ", &[(1, 4)]);
    assert!(!matches!(tale.verdict(ID), Verdict::Fail { .. }), "{:?}", tale.verdict(ID));
}

#[test]
fn without_a_reason_a_starved_reader_is_one() {
    let mut tale = tale(OutputWay::Prefixed);
    tale.stall(1_050, 1_200, 150);
    wrote(&mut tale, 1_150, 1, 1, 10);
    calm(&mut tale);
    came(&mut tale, 1, "a | ", &[(1, 5)]);
    told(&mut tale, 5);
    tale.doubts(ID);
}

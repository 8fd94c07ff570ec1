//! DRAIN, and the expectations about loads.

use crate::history::{Form, Outcome, Status, What};
use crate::scenario::{Expect, Life, Load, Ready, Span};

use crate::verdict::Verdict;

use super::super::testing::{Tale, ms, worker};

/// Worker 1 retires at 1100 ms in this form, with its replacement there at once; its drain deadline is at 2100 ms.
fn retiring(form: Form) -> Tale {
    let mut tale = Tale::full();
    tale.announces(1_100, 1, form).comes(1_102, 5);
    if form == Form::TwoPhase {
        tale.told(1_113, 1);
    }
    tale
}

#[test]
fn what_is_held_is_finished() {
    for form in [Form::OnePhase, Form::TwoPhase] {
        let mut tale = retiring(form);
        tale.scenario.expect = vec![Expect::NothingLost { load: "held".to_owned() }];
        tale.request("held", 1_050, 1_450, 400, Some(1), Outcome::Ok)
            .leaves(1_451, 1)
            .calm(1_500, &[2, 3, 4, 5])
            .holds();
        tale.passes("INV-DRAIN");
        tale.passes("EXPECT-1");
    }
}

#[test]
fn a_cut_before_the_deadline_is_a_violation() {
    let mut tale = retiring(Form::OnePhase);
    tale.scenario.expect = vec![Expect::NothingLost { load: "held".to_owned() }];
    tale.request("held", 1_050, 1_120, 400, Some(1), Outcome::Reset).leaves(1_120, 1).calm(1_500, &[2, 3, 4, 5]);
    tale.fails(&["INV-CONSERVE", "INV-DRAIN", "EXPECT-1 NothingLost"]);
}

#[test]
fn a_worker_that_the_supervisor_kills_without_a_word_had_no_drain() {
    let mut tale = Tale::full();
    tale.announces(1_100, 1, Form::TwoPhase).comes(1_102, 5);
    tale.request("held", 1_050, 1_113, 400, Some(1), Outcome::Reset).dies(1_113, 1, Status::Signal(9));
    tale.calm(1_500, &[2, 3, 4, 5]).fails(&["INV-CONSERVE", "INV-DRAIN"]);
}

#[test]
fn who_could_be_told_only_at_the_deadline_may_not_have_seen_it() {
    let frozen = |until: u64| {
        let mut tale = Tale::full();
        tale.frozen(1_100, until);
        tale.request("held", 1_050, until + 1, 5_000, Some(1), Outcome::Reset).dies(until + 1, 1, Status::Signal(9));
        tale.calm(until + 10, &[2, 3, 4]).verdict("INV-DRAIN")
    };
    assert!(!matches!(frozen(2_101), Verdict::Fail { .. }), "{:?}", frozen(2_101));
    assert!(matches!(frozen(2_000), Verdict::Fail { .. }), "{:?}", frozen(2_000));
}

#[test]
fn a_cut_at_the_deadline_is_right() {
    let mut tale = retiring(Form::OnePhase);
    tale.scenario.expect = vec![Expect::CutAtDeadline { load: "long".to_owned() }];
    tale.request("long", 1_050, 2_101, 10_000, Some(1), Outcome::Cut).dies(2_101, 1, Status::Signal(9));
    tale.calm(2_200, &[2, 3, 4, 5]).holds();
    tale.passes("INV-DRAIN");
    tale.passes("EXPECT-1");
}

#[test]
fn whoever_says_that_it_needs_longer_has_longer() {
    let cut_where = |ready: Ready, asks_at: u64, ends: u64| {
        let mut tale = retiring(Form::OnePhase);
        tale.scenario.pool.ready = Some(ready);
        tale.add(asks_at, What::Extends { proc: worker(1), by: Span::millis(1_500) });
        tale.request("long", 1_050, ends, 10_000, Some(1), Outcome::Cut).dies(ends, 1, Status::Signal(9));
        tale.calm(4_000, &[2, 3, 4, 5]);
        tale
    };
    let cut = |asks_at: u64, ends: u64| cut_where(Ready::Told, asks_at, ends);
    cut(1_200, 2_705).passes("INV-DRAIN");
    // Said elsewhere than that it leaves, and perhaps heard before that.
    cut_where(Ready::Notify, 1_101, 2_105).passes("INV-DRAIN");
    // It had not begun to leave.
    cut(1_000, 2_105).passes("INV-DRAIN");
    for ends in [2_105, 3_100] {
        assert!(matches!(cut(1_200, ends).verdict("INV-DRAIN"), Verdict::Fail { .. }), "{ends}");
    }
}

#[test]
fn a_stop_waits_for_who_says_that_it_needs_longer() {
    let stopped = |asks: bool| {
        let mut tale = Tale::full();
        tale.stop(1_100).told(1_101, 1);
        if asks {
            tale.add(1_150, What::Extends { proc: worker(1), by: Span::millis(3_000) });
        }
        tale.ends(3_900, &[1, 2, 3, 4], Status::Code(0));
        tale
    };
    assert!(!matches!(stopped(true).verdict("INV-SERIAL"), Verdict::Fail { .. }));
    assert!(matches!(stopped(false).verdict("INV-SERIAL"), Verdict::Fail { .. }));
}

#[test]
fn what_had_time_enough_is_not_cut_at_the_deadline() {
    let cut = |waited: u64| {
        let mut tale = retiring(Form::OnePhase);
        tale.request("short", 1_050, 2_101, 300, Some(1), Outcome::Cut).dies(2_101, 1, Status::Signal(9));
        tale.add(2_000, What::Stall { proc: Some(worker(1)), since: ms(1_900), delay_ns: waited * 1_000_000 });
        tale
    };
    // It is finished after 300 ms of the 1050 ms that it has.
    for waited in [0, 600] {
        cut(waited).calm(2_200, &[2, 3, 4, 5]).fails(&["INV-CONSERVE", "INV-DRAIN"]);
    }
    cut(800).calm(2_200, &[2, 3, 4, 5]).holds();
}

#[test]
fn a_worker_that_outlives_its_deadline_is_a_violation() {
    let mut tale = retiring(Form::TwoPhase);
    tale.scenario.expect = vec![Expect::CutAtDeadline { load: "long".to_owned() }];
    tale.request("long", 1_050, 3_000, 10_000, Some(1), Outcome::Cut).dies(3_000, 1, Status::Signal(9));
    tale.calm(3_100, &[2, 3, 4, 5]).fails(&["INV-DRAIN", "EXPECT-1 CutAtDeadline"]);
}

#[test]
fn a_cut_that_the_host_made_late_is_doubtful_even_if_there_is_no_other() {
    let mut tale = retiring(Form::OnePhase);
    tale.scenario.expect = vec![Expect::CutAtDeadline { load: "long".to_owned() }];
    tale.request("long", 1_050, 3_000, 10_000, Some(1), Outcome::Cut).dies(3_000, 1, Status::Signal(9));
    tale.stall(1_500, 2_900, 1_200).calm(3_100, &[2, 3, 4, 5]);
    tale.doubts("EXPECT-1 CutAtDeadline");
    let mut tale = retiring(Form::OnePhase);
    tale.scenario.expect = vec![Expect::CutAtDeadline { load: "long".to_owned() }];
    tale.comes(1_300, 5).stall(1_500, 2_900, 1_200).calm(3_100, &[2, 3, 4, 5]);
    assert!(matches!(tale.verdict("EXPECT-1 CutAtDeadline"), Verdict::Fail { .. }), "nothing was held");
}

#[test]
fn a_worker_that_never_leaves_is_a_violation_although_it_never_dies() {
    let mut tale = retiring(Form::TwoPhase);
    tale.scenario.lives.then = Life::IgnoreTerm;
    tale.settle(1_200, 2_000).ends(3_203, &[2, 3, 4, 5], Status::Code(0)).fails(&["INV-DRAIN", "INV-CONTAIN"]);
}

#[test]
fn a_second_order_to_stop_lets_everything_be_cut() {
    let stopped = |twice: bool| {
        let mut tale = Tale::full();
        tale.request("held", 1_900, 2_060, 5_000, Some(1), Outcome::Reset);
        tale.stop(2_000).told(2_001, 1);
        if twice {
            tale.stop(2_050);
        }
        tale.dies(2_060, 1, Status::Signal(9)).ends(2_060, &[2, 3, 4], Status::Code(0));
        tale
    };
    stopped(true).holds();
    stopped(false).fails(&["INV-CONSERVE", "INV-DRAIN"]);
}

#[test]
fn idle_connections_delay_nobody() {
    let idle = |left: u64| {
        let mut tale = retiring(Form::OnePhase);
        // Answered at once; the connection is kept until the worker closes it.
        tale.request("idle", 1_050, 1_051, 0, Some(1), Outcome::Ok);
        let last = tale.history().events.last().cloned();
        if let Some(crate::history::Event { what: crate::history::What::Connection(mut record), .. }) = last {
            record.id = 99;
            record.ended = super::super::testing::ms(left);
            tale.add(left, crate::history::What::Connection(record));
        }
        tale.leaves(left, 1).calm(left + 100, &[2, 3, 4, 5]);
        tale
    };
    idle(1_110).holds();
    idle(1_900).fails(&["INV-DRAIN"]);
}

#[test]
fn nobody_is_served_by_a_worker_that_has_stopped_accepting() {
    let mut tale = retiring(Form::OnePhase);
    tale.probe(1_200, 1_201, Some(1), Outcome::Ok).leaves(1_300, 1).calm(1_400, &[2, 3, 4, 5]).fails(&["INV-DRAIN"]);
}

#[test]
fn who_declares_no_deadline_is_not_held_to_one_and_lacks_it() {
    let mut tale = retiring(Form::OnePhase);
    tale.profile.drain = Some(false);
    tale.dies(4_000, 1, Status::Signal(9)).calm(4_100, &[2, 3, 4, 5]).holds();
    let lacks = tale.judge().into_iter().find(|one| one.id == "INV-DRAIN").and_then(|one| one.lacks);
    assert!(lacks.is_some_and(|lacks| lacks.contains("2.90 s")));
}

/// A connection that is used again within 5 ms as a rule; its worker retired at 1100 ms, and its last request was written then.
fn reused(sent: u64) -> Tale {
    let mut tale = retiring(Form::OnePhase);
    let reuse = Some(Span::millis(5));
    let name = "clients".to_owned();
    tale.scenario.load = vec![Load::Park { connections: 1, per_worker: false, reuse, name, on_demand: false }];
    tale.scenario.expect = vec![Expect::NothingLost { load: "clients".to_owned() }];
    tale.request("clients", 1_050, sent + 1, 0, Some(1), Outcome::Empty).asked_last(sent);
    tale.leaves(1_120, 1).calm(1_500, &[2, 3, 4, 5]);
    tale
}

#[test]
fn a_request_on_a_reused_connection_is_owed_an_answer_if_it_comes_in_time() {
    reused(1_105).fails(&["INV-CONSERVE", "EXPECT-1 NothingLost"]);
    reused(1_106).holds();
}

/// A client that reads slowly; its worker retired at 1100 ms, was killed at `died`, and what had been sent before was read by `ended`.
fn reads_slowly(died: u64, ended: u64, takes: u64) -> Tale {
    let mut tale = retiring(Form::TwoPhase);
    tale.scenario.expect = vec![Expect::CutAtDeadline { load: "long".to_owned() }];
    tale.dies(died, 1, Status::Signal(9)).request("long", 1_050, ended, 0, Some(1), Outcome::Cut).slow(takes);
    tale.calm(ended.max(died) + 100, &[2, 3, 4, 5]);
    tale
}

#[test]
fn who_reads_slowly_sees_late_that_it_was_cut_and_is_cut_when_its_worker_ends() {
    reads_slowly(2_100, 2_600, 10_000).holds();
    reads_slowly(1_700, 2_600, 10_000).fails(&["INV-CONSERVE", "INV-DRAIN", "EXPECT-1 CutAtDeadline"]);
}

#[test]
fn who_would_have_read_everything_by_the_deadline_is_owed_that() {
    let mut tale = reads_slowly(2_100, 2_110, 900);
    tale.scenario.expect.clear();
    tale.fails(&["INV-CONSERVE", "INV-DRAIN"]);
}

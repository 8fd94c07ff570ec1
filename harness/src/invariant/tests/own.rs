//! OWN.

use crate::history::{OPEN_TO_OTHERS, Proc, Status, What, pid_file_told};
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale};

const SECOND: Proc = Proc { pid: 900, start: 900 };
const BYSTANDER: Proc = Proc { pid: 800, start: 800 };

fn looks(tale: &mut Tale, at: u64, what: &str, is: &str) {
    let is = (!is.is_empty()).then(|| is.to_owned());
    tale.add(at, What::Owned { what: what.to_owned(), is });
}

/// A second start at 1100 ms that ends at 1150 ms; the control socket before and after it.
fn second(status: Option<Status>, before: &str, after: &str) -> Tale {
    let mut tale = Tale::full();
    looks(&mut tale, 1_000, "control", before);
    tale.add(1_100, What::SecondBorn(SECOND));
    if let Some(status) = status {
        tale.add(1_150, What::SecondExited { proc: SECOND, status });
    }
    looks(&mut tale, 1_150, "control", after);
    tale.calm(7_000, &[1, 2, 3, 4]);
    tale
}

#[test]
fn a_second_start_fails_with_its_status_and_changes_nothing() {
    let one = "file 1, socket 2";
    second(Some(Status::Code(69)), one, one).passes("INV-OWN");
    second(Some(Status::Code(69)), one, one).holds();
    second(Some(Status::Code(0)), one, one).fails(&["INV-OWN"]);
    second(Some(Status::Code(69)), one, "file 3, socket 4").fails(&["INV-OWN"]);
    second(Some(Status::Code(69)), one, "").fails(&["INV-OWN"]);
    second(None, one, one).fails(&["INV-OWN"]);
}

#[test]
fn the_control_socket_is_for_its_owner() {
    let with = |told: &str| {
        let mut tale = Tale::full();
        looks(&mut tale, 1_000, "control", &format!("file 1, socket 2{told}"));
        tale.calm(3_000, &[1, 2, 3, 4]);
        tale
    };
    with("").holds();
    with(OPEN_TO_OTHERS).fails(&["INV-OWN"]);
}

#[test]
fn a_second_supervisor_that_the_harness_killed_has_not_ended() {
    let killed = |at: u64| {
        let mut tale = Tale::full();
        tale.add(1_100, What::SecondBorn(SECOND));
        tale.add(at, What::Injected { proc: SECOND, signal: 9 });
        tale.add(at + 1, What::SecondExited { proc: SECOND, status: Status::Signal(9) });
        tale.calm(7_000, &[1, 2, 3, 4]);
        tale
    };
    killed(2_000).doubts("INV-OWN");
    killed(6_500).fails(&["INV-OWN"]);
}

#[test]
fn without_a_declared_status_any_but_zero_will_do() {
    let mut tale = second(Some(Status::Code(1)), "file 1", "file 1");
    tale.fails(&["INV-OWN"]);
    tale.profile.second_start = None;
    tale.holds();
}

#[test]
fn the_next_supervisor_may_have_another_socket() {
    let mut tale = Tale::full();
    looks(&mut tale, 1_000, "control", "file 1");
    tale.stop(1_100).ends(1_103, &[1, 2, 3, 4], Status::Code(0));
    looks(&mut tale, 1_200, "control", "");
    tale.holds();
}

#[test]
fn what_is_taken_away_by_the_harness_is_no_theft_and_what_is_somebody_elses_stays() {
    let meddled = |what: &str, after: &str| {
        let mut tale = Tale::full();
        looks(&mut tale, 1_000, what, "file 1");
        let fault = "File(which:\"control\",is:Missing)".to_owned();
        tale.add(1_100, What::FaultBegan { step: vec![0], fault, on: Vec::new() });
        looks(&mut tale, 1_110, what, after);
        tale.add(1_200, What::Healed { step: vec![0] });
        looks(&mut tale, 1_210, what, "file 1");
        tale.calm(1_300, &[1, 2, 3, 4]);
        tale
    };
    meddled("control", "").holds();
    meddled("foreign control", "file 1").holds();
    meddled("foreign control", "").fails(&["INV-OWN"]);
}

#[test]
fn an_address_that_is_not_claimed_to_be_held_may_be_opened_anew() {
    let mut tale = Tale::full();
    looks(&mut tale, 1_000, "127.0.0.1:80", "socket 1");
    looks(&mut tale, 1_200, "127.0.0.1:80", "socket 2");
    tale.calm(1_300, &[1, 2, 3, 4]);
    tale.fails(&["INV-OWN"]);
    tale.profile.holds_listener = Some(false);
    tale.holds();
}

#[test]
fn a_bystander_gets_no_signal() {
    let stands_by = |signal: i32, by: Option<u32>| {
        let mut tale = Tale::full();
        tale.add(100, What::Bystander(BYSTANDER));
        if signal != 0 {
            tale.add(1_200, What::Caught { proc: BYSTANDER, signal, by });
        }
        tale.calm(1_300, &[1, 2, 3, 4]);
        tale
    };
    stands_by(0, None).passes("INV-OWN");
    stands_by(15, Some(SUPERVISOR.pid)).fails(&["INV-OWN"]);
    stands_by(15, Some(101)).fails(&["INV-OWN"]);
    stands_by(9, None).fails(&["INV-OWN"]);
    let mut by_the_harness = stands_by(9, None);
    by_the_harness.add(1_199, What::Injected { proc: BYSTANDER, signal: 9 });
    by_the_harness.holds();
}

#[test]
fn nothing_seen_is_not_applicable() {
    let mut tale = Tale::full();
    tale.calm(1_300, &[1, 2, 3, 4]);
    assert!(matches!(tale.verdict("INV-OWN"), Verdict::NotApplicable { .. }));
}

#[test]
fn what_a_dead_one_left_keeps_nobody_from_starting() {
    let start = |which: &str, is: &str, code: i32| {
        let mut tale = Tale::unborn();
        let fault = format!("File {{ which: \"{which}\", is: {is} }}");
        tale.add(90, What::FaultBegan { step: vec![0], fault, on: Vec::new() });
        tale.add(100, What::SupervisorBorn(SUPERVISOR)).exits(120, Status::Code(code));
        tale.add(500, What::Healed { step: vec![0] });
        tale.verdict("INV-OWN")
    };
    for (which, is) in [("pidfile", "Stale"), ("pidfile", "Foreign"), ("pidfile", "Empty"), ("control", "Stale")] {
        assert!(matches!(start(which, is, 69), Verdict::Fail { .. }), "{which} {is}");
    }
    for (which, is) in [("pidfile", "Directory"), ("control", "Foreign"), ("socket", "Garbage")] {
        assert!(!matches!(start(which, is, 69), Verdict::Fail { .. }), "{which} {is}");
    }
}

#[test]
fn a_pid_file_says_who_serves() {
    let says = |text: &str| {
        let mut tale = Tale::full();
        looks(&mut tale, 1_000, "pidfile", &pid_file_told(7, text));
        tale.calm(1_300, &[1, 2, 3, 4]);
        tale
    };
    says(&format!("{}\n", SUPERVISOR.pid)).passes("INV-TRUTH");
    says("4194305\n").fails(&["INV-TRUTH"]);
    says("").fails(&["INV-TRUTH"]);
}

#[test]
fn who_starts_where_somebody_else_listens_serves_when_that_one_has_gone() {
    let beside = |fault: &str, ready: u64| {
        let mut tale = Tale::unborn();
        tale.add(90, What::FaultBegan { step: vec![0], fault: fault.to_owned(), on: Vec::new() });
        tale.add(100, What::SupervisorBorn(SUPERVISOR)).born(110, 1).ready(ready, 1);
        tale.add(200, What::Healed { step: vec![0] }).calm(3_000, &[1]);
        tale.verdict("INV-OWN")
    };
    for fault in ["AddressHeld", "AddressShared"] {
        assert!(matches!(beside(fault, 150), Verdict::Fail { .. }), "{fault}");
        assert!(matches!(beside(fault, 210), Verdict::Pass { .. }), "{fault}");
    }
    assert!(matches!(beside("PidReused", 150), Verdict::NotApplicable { .. }));
    let mut there_before = Tale::full();
    there_before.add(1_100, What::FaultBegan { step: vec![0], fault: "AddressShared".to_owned(), on: Vec::new() });
    there_before.comes(1_200, 5).add(1_300, What::Healed { step: vec![0] });
    assert!(matches!(there_before.verdict("INV-OWN"), Verdict::NotApplicable { .. }), "it could not prevent that");
}

//! TRUTH of what a service manager is told.

use crate::history::{Status, What};

use super::super::testing::{SUPERVISOR, Tale};

fn told(tale: &mut Tale, at: u64, by: u32, text: &str) {
    tale.add(at, What::Notified { by, text: text.to_owned() });
}

/// A pool that is full at 20 ms under a service manager; the steps begin at 1000 ms.
fn managed() -> Tale {
    let mut tale = Tale::full();
    tale.scenario.launch.notify = true;
    tale
}

/// The same, with a word at the start and at the stop, at 6003 ms.
fn with(ready: Option<(u64, &str)>, stopping: Option<u64>) -> Tale {
    let mut tale = managed();
    if let Some((at, text)) = ready {
        told(&mut tale, at, SUPERVISOR.pid, text);
    }
    if let Some(at) = stopping {
        told(&mut tale, at, SUPERVISOR.pid, "STOPPING=1");
    }
    tale.calm(4_000, &[1, 2, 3, 4]);
    tale
}

#[test]
fn it_is_told_when_it_is_so_and_only_then() {
    let ready = format!("READY=1\nMAINPID={}", SUPERVISOR.pid);
    with(Some((30, &ready)), Some(6_004)).passes("INV-TRUTH");
    with(Some((15, &ready)), Some(6_004)).fails(&["INV-TRUTH"]);
    with(Some((30, "READY=1\nMAINPID=7")), Some(6_004)).fails(&["INV-TRUTH"]);
    with(None, Some(6_004)).fails(&["INV-TRUTH"]);
    with(Some((30, &ready)), None).fails(&["INV-TRUTH"]);
    with(Some((30, &ready)), Some(2_000)).fails(&["INV-TRUTH"]);
}

#[test]
fn nobody_else_tells_anything() {
    let mut tale = managed();
    told(&mut tale, 30, SUPERVISOR.pid, "READY=1");
    told(&mut tale, 40, 101, "READY=1");
    told(&mut tale, 6_004, SUPERVISOR.pid, "STOPPING=1");
    tale.calm(4_000, &[1, 2, 3, 4]).fails(&["INV-TRUTH"]);
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end() {
    let reload = |began: &str, over: Option<u64>| {
        let mut tale = managed();
        told(&mut tale, 30, SUPERVISOR.pid, "READY=1");
        tale.reload(1_100);
        if !began.is_empty() {
            told(&mut tale, 1_110, SUPERVISOR.pid, began);
        }
        if let Some(over) = over {
            told(&mut tale, over, SUPERVISOR.pid, "READY=1");
        }
        tale.settle(4_000, 2_000).stop(6_003);
        if over.is_some() {
            told(&mut tale, 6_004, SUPERVISOR.pid, "STOPPING=1");
        }
        tale.exits(6_010, Status::Code(0));
        tale.verdict("INV-TRUTH")
    };
    let is = |verdict, name: &str| assert!(format!("{verdict:?}").starts_with(name), "{verdict:?}");
    is(reload("RELOADING=1\nMONOTONIC_USEC=1105000", Some(1_500)), "Pass");
    is(reload("RELOADING=1\nMONOTONIC_USEC=1000000", Some(1_500)), "Fail");
    is(reload("RELOADING=1\nMONOTONIC_USEC=9105000", Some(1_500)), "Fail");
    is(reload("RELOADING=1", Some(1_500)), "Fail");
    is(reload("RELOADING=1\nMONOTONIC_USEC=1105000", None), "Fail");
    is(reload("", Some(1_500)), "Fail");
}

#[test]
fn signs_of_life_come_in_every_interval_if_they_are_wanted() {
    let beats = |every: u64| {
        let mut tale = managed();
        tale.scenario.launch.environment = vec![("WATCHDOG_USEC".to_owned(), "500000".to_owned())];
        told(&mut tale, 30, SUPERVISOR.pid, "READY=1");
        for at in (30 + every..6_003).step_by(every as usize) {
            told(&mut tale, at, SUPERVISOR.pid, "WATCHDOG=1");
        }
        told(&mut tale, 6_004, SUPERVISOR.pid, "STOPPING=1");
        tale.calm(4_000, &[1, 2, 3, 4]);
        tale
    };
    beats(250).passes("INV-TRUTH");
    beats(700).fails(&["INV-TRUTH"]);
    beats(9_000).fails(&["INV-TRUTH"]);
}

#[test]
fn what_the_kernel_did_not_let_it_say_is_not_its_fault() {
    let mut tale = managed();
    let fault = "call 1 of notify: EMFILE".to_owned();
    tale.add(25, What::FaultBegan { step: vec![0], fault, on: vec![SUPERVISOR] })
        .add(25, What::Healed { step: vec![0] });
    tale.calm(4_000, &[1, 2, 3, 4]).holds();
}

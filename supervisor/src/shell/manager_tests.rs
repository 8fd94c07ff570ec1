//! What a service manager is told, with a kernel that takes it or doesn't.

use std::ffi::OsStr;
use std::path::Path;

use super::*;
use crate::core::WorkerId;
use crate::kernel::{Fd, Peer, PidFileError};

struct Fake {
    environment: Vec<(&'static str, &'static str)>,
    now: Instant,
    /// What the receiver says; after that it takes everything.
    answers: VecDeque<Errno>,
    sent: Vec<String>,
}

impl Clock for Fake {
    fn now(&self) -> Instant {
        self.now
    }
}

impl Own for Fake {
    fn environment(&self) -> Vec<(OsString, OsString)> {
        self.environment.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
    fn pid_file(&mut self, _: &Path) -> Result<Fd, PidFileError> {
        Err(PidFileError::Held(None))
    }
    fn notify(&mut self, address: &OsStr, text: &str) -> Result<(), Errno> {
        assert_eq!(address, "/run/notify");
        self.answers.pop_front().map_or(Ok(()), Err)?;
        self.sent.push(text.to_owned());
        Ok(())
    }
    fn identity(&self) -> Peer {
        Peer { pid: 42, user: 0 }
    }
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn fake(more: &[(&'static str, &'static str)]) -> Fake {
    let environment = [&[("NOTIFY_SOCKET", "/run/notify")], more].concat();
    Fake { environment, now: at(1000), answers: VecDeque::new(), sent: Vec::new() }
}

/// A manager and what it hears of: one pool of one worker.
struct Bench {
    kernel: Fake,
    manager: Manager,
    roster: Roster,
}

const WORKER: WorkerId = WorkerId { pool: 0, slot: 0, generation: 1 };

impl Bench {
    fn new(kernel: Fake) -> Self {
        let manager = Manager::new(&kernel);
        let mut bench = Self { kernel, manager, roster: Roster::default() };
        bench.event(Event::Setup { pool: 0, workers: 1 });
        bench
    }

    fn event(&mut self, event: Event) {
        self.roster.note(self.kernel.now, &event, None);
        self.manager.note(self.kernel.now, &event, &self.roster);
    }

    /// What is said at the end of a turn, at this instant.
    fn turn(&mut self, millis: u64) -> Vec<String> {
        self.kernel.now = at(millis);
        self.manager.settle(&mut self.kernel, at(millis), &self.roster);
        std::mem::take(&mut self.kernel.sent)
    }

    fn ready(&mut self) {
        self.event(Event::Fork { worker: WORKER });
        self.event(Event::Ready { worker: WORKER });
    }
}

#[test]
fn it_is_told_what_is_so_when_it_is_so() {
    let mut bench = Bench::new(fake(&[]));
    assert!(bench.manager.is_there());
    assert_eq!(bench.turn(1000), ["STATUS=starting: 0 of 1 workers ready"]);
    assert_eq!(bench.turn(1001), [""; 0]);
    bench.ready();
    assert_eq!(bench.turn(1002), ["READY=1\nMAINPID=42\nSTATUS=1 of 1 workers ready"]);
    bench.event(Event::Reload { pool: 0, phase: ReloadPhase::Began });
    assert_eq!(bench.turn(1003), ["RELOADING=1\nMONOTONIC_USEC=1002000", "STATUS=reloading: 1 of 1 workers ready"]);
    bench.event(Event::Reload { pool: 0, phase: ReloadPhase::Aborted });
    assert_eq!(bench.turn(1004), ["READY=1\nSTATUS=1 of 1 workers ready"]);
    bench.event(Event::ReloadRefused { reason: "x".to_owned() });
    assert_eq!(bench.turn(1005), ["RELOADING=1\nMONOTONIC_USEC=1004000", "READY=1\nSTATUS=1 of 1 workers ready"]);
    bench.event(Event::Stop { pool: None, hurry: false });
    bench.event(Event::Stop { pool: None, hurry: true });
    bench.manager.stop("ending");
    assert_eq!(bench.turn(1006), ["STOPPING=1\nSTATUS=stopping"]);
    assert_eq!(bench.manager.next_deadline(), None);
}

#[test]
fn a_reload_that_is_refused_before_all_are_ready_says_nothing_of_that() {
    let mut bench = Bench::new(fake(&[]));
    bench.turn(1000);
    bench.event(Event::ReloadRefused { reason: "x".to_owned() });
    assert_eq!(bench.turn(1001), [""; 0]);
}

#[test]
fn who_gives_up_says_so() {
    let mut bench = Bench::new(fake(&[]));
    bench.turn(1000);
    bench.event(Event::GiveUp { pool: 0, restarts: 3, within: Duration::from_secs(1) });
    assert_eq!(bench.turn(1001), ["STOPPING=1\nSTATUS=gave up, stopping"]);
}

#[test]
fn nobody_is_told_anything_where_nobody_asked() {
    let nobody = Fake { environment: vec![("WATCHDOG_USEC", "1000000")], ..fake(&[]) };
    let mut bench = Bench::new(nobody);
    bench.ready();
    assert_eq!((bench.turn(1000), bench.manager.next_deadline()), (Vec::new(), None));
    assert!(!bench.manager.is_there());
}

#[test]
fn it_shows_signs_of_life_at_half_the_interval_if_they_are_meant_for_it() {
    let beats = |more: &[(&'static str, &'static str)]| Bench::new(fake(more)).manager.next_deadline().is_some();
    assert!(beats(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "42")]));
    assert!(!beats(&[("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "43")]));
    assert!(!beats(&[("WATCHDOG_USEC", "0")]));
    assert!(!beats(&[("WATCHDOG_USEC", "soon")]));
    let mut bench = Bench::new(fake(&[("WATCHDOG_USEC", "1000000")]));
    bench.ready();
    assert_eq!(bench.turn(1000).last().map(String::as_str), Some("WATCHDOG=1"));
    assert_eq!((bench.turn(1499), bench.manager.next_deadline()), (Vec::new(), Some(at(1500))));
    assert_eq!(bench.turn(1500), ["WATCHDOG=1"]);
    // A late one is not made up for by several.
    assert_eq!(bench.turn(9000), ["WATCHDOG=1"]);
    assert_eq!(bench.manager.next_deadline(), Some(at(9500)));
}

#[test]
fn who_has_no_room_is_told_later_and_who_is_gone_is_not() {
    let mut bench = Bench::new(fake(&[]));
    bench.turn(1000);
    bench.ready();
    bench.kernel.answers = [Errno::INTR, Errno::AGAIN].into();
    assert_eq!((bench.turn(1001), bench.manager.next_deadline()), (Vec::new(), Some(at(1101))));
    assert_eq!(bench.turn(1050), [""; 0]);
    assert_eq!(bench.turn(1101).len(), 1);
    assert_eq!(bench.manager.next_deadline(), None);
    bench.kernel.answers = [Errno(111)].into();
    bench.event(Event::Stop { pool: None, hurry: false });
    assert_eq!((bench.turn(1102), bench.manager.next_deadline()), (Vec::new(), None));
}

#[test]
fn what_nobody_ever_reads_does_not_grow() {
    let mut bench = Bench::new(fake(&[]));
    bench.ready();
    bench.turn(1000);
    for _ in 0..1000 {
        bench.event(Event::ReloadRefused { reason: "x".to_owned() });
    }
    assert_eq!(bench.manager.unsent.len(), MOST);
    assert!(bench.manager.unsent.back().is_some_and(|last| last.starts_with("READY=1")));
}

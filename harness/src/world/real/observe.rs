//! Journal and process events, merged into one order.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use crate::history::{Event, Form, Output, Proc, What};
use crate::puppet::Entry;
use crate::scenario::Retirement;
use crate::time::Time;

use super::connector::{Connector, Happening};
use super::journal::{self, JOURNAL, JournalLine, Tail};
use super::procs::Procs;
use super::{clock, procfs};

/// Without process events the supervisor's children are looked for this often.
const SCAN: Duration = Duration::from_millis(10);

/// Everything that tells of processes.
#[derive(Debug)]
pub struct Observer {
    /// Who there is.
    pub procs: Procs,
    connector: Option<Connector>,
    /// Process events that were read before the journal lines that go before them.
    carried: Vec<(Time, Happening)>,
    journal: Tail,
    watch: OwnedFd,
    scanned: Time,
}

enum Seen {
    Kernel(Happening),
    Journal(JournalLine),
}

impl Observer {
    /// Begins to watch. To be called before anything is started. `several`: there is more than one pool.
    ///
    /// # Errors
    /// inotify(7) is not available.
    pub fn new(dir: &Path, several: bool) -> io::Result<Self> {
        let connector = Connector::open();
        Ok(Self {
            procs: Procs::new(connector.is_some(), several),
            connector,
            carried: Vec::new(),
            journal: Tail::new(dir.join(JOURNAL)),
            watch: journal::watch(dir)?,
            scanned: clock::now(),
        })
    }

    /// How births and deaths are observed, for the header.
    pub fn source(&self) -> &'static str {
        if self.connector.is_some() { "process connector, pidfd, journal" } else { "pidfd, /proc, journal" }
    }

    /// What is to be polled.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        use std::os::fd::AsFd;
        self.connector.iter().map(Connector::as_fd).chain([self.watch.as_fd()])
    }

    /// Appends all that has become known, in the order in which it happened.
    pub fn observe(&mut self, now: Time, out: &mut Vec<Event>) {
        journal::forget(&self.watch);
        let mut seen = self.read(out);
        seen.sort_by_key(|(at, _)| *at);
        for (at, seen) in seen {
            match seen {
                Seen::Kernel(happening) => self.procs.happened(at, happening, out),
                Seen::Journal(line) => self.wrote(&line, out),
            }
        }
        if self.connector.is_none() && now.since(self.scanned) >= SCAN {
            self.scan(out);
        }
        self.procs.look(now, out);
    }

    /// When [`Observer::observe`] is wanted, even if no descriptor is ready.
    pub fn next_deadline(&self) -> Option<Time> {
        let scan = self.connector.is_none().then(|| self.scanned + SCAN);
        let carried = (!self.carried.is_empty()).then(clock::now);
        [scan, carried, self.procs.next_look()].into_iter().flatten().min()
    }

    /// A process is forked before it writes, and writes before it exits. So process events are read first and the journal
    /// second; if the journal then speaks of a process whose birth was not read, process events are read again, and of those
    /// only births are used now: before the others, there may be lines that were not read.
    fn read(&mut self, out: &mut Vec<Event>) -> Vec<(Time, Seen)> {
        let mut happened = std::mem::take(&mut self.carried);
        if let Some(connector) = &mut self.connector {
            connector.read(&mut happened);
        }
        let lines = self.lines(out);
        if let Some(connector) = &mut self.connector {
            let born =
                |pid: u32| happened.iter().any(|(_, h)| matches!(h, Happening::Fork { pid: born, .. } if *born == pid));
            if lines.iter().any(|line| !self.procs.knows(line.pid) && !born(line.pid)) {
                let mut later = Vec::new();
                connector.read(&mut later);
                let births = |(_, h): &(Time, Happening)| matches!(h, Happening::Fork { .. });
                let (births, others) = later.into_iter().partition::<Vec<_>, _>(births);
                happened.extend(births);
                self.carried = others;
            }
            if connector.lost() {
                let why = "the kernel dropped process events: its buffer was full".to_owned();
                out.push(Event::at(clock::now(), What::Incomplete { why }));
            }
        }
        let kernel = happened.into_iter().map(|(at, happening)| (at, Seen::Kernel(happening)));
        kernel.chain(lines.into_iter().map(|line| (line.t, Seen::Journal(line)))).collect()
    }

    fn lines(&mut self, out: &mut Vec<Event>) -> Vec<JournalLine> {
        let mut lines = Vec::new();
        for text in self.journal.lines() {
            match serde_json::from_str(&text) {
                Ok(line) => lines.push(line),
                Err(error) => {
                    let why = format!("a line of the journal is not readable ({error}): {text}");
                    out.push(Event::at(clock::now(), What::Incomplete { why }));
                }
            }
        }
        lines
    }

    fn wrote(&mut self, line: &JournalLine, out: &mut Vec<Event>) {
        let proc = line.proc();
        if line.entry == Entry::Born || !self.procs.knows(line.pid) {
            self.procs.took_ticket(proc, line.t, line.ticket(), out);
        }
        self.procs.lived(proc, line.t);
        if let Some(what) = what(proc, line.entry.clone()) {
            out.push(Event::at(line.t, what));
        }
    }

    fn scan(&mut self, out: &mut Vec<Event>) {
        self.scanned = clock::now();
        let Some(supervisor) = self.procs.supervisor().filter(|_| self.procs.supervisor_alive()) else { return };
        let mut parents = vec![supervisor.pid];
        while let Some(parent) = parents.pop() {
            for pid in procfs::children(parent) {
                if let Some(proc) = procfs::proc_of(pid) {
                    self.procs.found(proc, parent, clock::now(), out);
                    parents.push(pid);
                }
            }
        }
    }
}

fn what(proc: Proc, entry: Entry) -> Option<What> {
    Some(match entry {
        Entry::Born | Entry::Announced(Retirement::Silent) => return None,
        Entry::Runs(revision) => What::Runs { proc, revision },
        Entry::Ready => What::Ready(proc),
        Entry::Extends(by) => What::Extends { proc, by },
        Entry::Hangs => What::Hangs(proc),
        Entry::Accepted(peer) => What::Accepted { proc, peer },
        Entry::Refused(peer) => What::Refused { proc, peer },
        Entry::Subscribed(topic) => What::Subscribed { proc, topic },
        Entry::Published(topic, data) => What::Published { proc, topic, data },
        Entry::Heard(topic, data) => What::Heard { proc, topic, data },
        Entry::Announced(Retirement::OnePhase) => What::Announced { proc, form: Form::OnePhase },
        Entry::Announced(Retirement::TwoPhase) => What::Announced { proc, form: Form::TwoPhase },
        Entry::Told => What::ToldToStop(proc),
        Entry::StoppedAccepting => What::StoppedAccepting(proc),
        Entry::Drained => What::Drained(proc),
        Entry::Exiting(code) => What::Exiting { proc, code },
        Entry::Wrote { stream, first, last, since, longest_ns } => {
            What::Output(Output::Wrote { proc, stream, first, last, since, longest_ns })
        }
        Entry::Waits { stream, since } => What::Output(Output::Waits { proc, stream, since }),
    })
}

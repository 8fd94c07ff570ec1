//! Who is told of events: a program by JSON lines, people by lines on standard error.

use crate::config::{Config, EventSink, Output};
use crate::core::Event;
use crate::kernel::{Child, Clock, Errno, Fd, Files, Own, Streams, Watch};
use crate::policy::Instant;

use super::json::{event_pool, event_worker};
use super::manager::Manager;
use super::outlet::Outlet;
use super::roster::Roster;
use super::{human, json};

/// All of them; each may be absent.
#[derive(Debug)]
pub struct Voices {
    events: Option<Outlet>,
    /// Standard error, where workers may write as well.
    people: Option<Outlet>,
    /// Whether people are told nothing there.
    quiet: bool,
    /// Whoever started this supervisor in the background and waits until it is ready.
    starter: Option<Outlet>,
    /// Whoever manages it as a service.
    pub manager: Manager,
    /// What was told and is to be passed on to the operator, if there is one to pass it on to.
    told: Option<Vec<Told>>,
    /// Who is where, as far as events tell.
    pub roster: Roster,
    line: String,
    /// What the pools are called, if there is more than one.
    pools: Vec<String>,
}

/// An event as it was told: to people, if it was, and to programs.
#[derive(Debug)]
pub struct Told {
    /// The sentence.
    pub text: Option<String>,
    /// The JSON text.
    pub event: String,
}

/// What is known of the worker or the pool that an event concerns, beside what it says itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Its process, if it has one.
    pub pid: Option<Child>,
    /// The pool, if there is more than one.
    pub pool: Option<&'a str>,
}

/// What a supervisor that was started in the background reports when as many workers serve as are wanted.
pub const ALL_WELL: &str = "all workers are ready";

/// Standard error.
const STDERR: i32 = 2;

impl Voices {
    /// Standard error alone. Without one (it was closed) people hear nothing.
    pub fn open<K: Files>(kernel: &mut K, config: &Config) -> Self {
        let needed = !config.quiet || config.pools.iter().any(|pool| pool.output == Output::Prefixed);
        let people = needed.then(|| kernel.inherited(STDERR).ok()).flatten().map(|fd| Outlet::new(fd, None));
        let pools = match config.pools.as_slice() {
            [_] => Vec::new(),
            several => several.iter().map(|pool| pool.name.clone()).collect(),
        };
        Self {
            events: None,
            people,
            quiet: config.quiet,
            starter: None,
            manager: Manager::default(),
            told: config.control.as_ref().map(|_| Vec::new()),
            roster: Roster::default(),
            line: String::new(),
            pools,
        }
    }

    /// Tells the same to whoever waits for the pool to be ready.
    pub fn report_to(&mut self, starter: Option<Fd>) {
        self.starter = starter.map(|fd| Outlet::new(fd, None));
    }

    /// Standard error, for lines of workers.
    pub fn errors(&mut self) -> Option<&mut Outlet> {
        self.people.as_mut()
    }

    /// What was told since this was asked last, for the operator.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.told.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// If as many workers serve as are wanted, the starter has nothing more to wait for.
    pub fn report_if_full<K: Files + Streams>(&mut self, kernel: &mut K) {
        if let Some(mut starter) = self.starter.take_if(|_| self.roster.is_full()) {
            starter.push(format!("{ALL_WELL}\n"));
            starter.flush(kernel);
            starter.close(kernel);
        }
    }

    /// The end of a turn: the manager is told what is so by now.
    pub fn tell_manager<K: Clock + Own>(&mut self, kernel: &mut K) {
        if self.manager.is_there() {
            let now = kernel.now();
            self.manager.settle(kernel, now, &self.roster);
        }
    }

    /// Adds where the configuration wants events.
    ///
    /// # Errors
    /// The file can't be opened, or the descriptor is not open.
    pub fn open_events<K: Files>(&mut self, kernel: &mut K, config: &Config) -> Result<(), Errno> {
        self.events = match &config.events {
            None => None,
            Some(EventSink::File(path)) => Some(Outlet::new(kernel.open_append(path)?, Some(path.clone()))),
            Some(EventSink::Descriptor(number)) => Some(Outlet::new(kernel.inherited(*number)?, None)),
        };
        Ok(())
    }

    /// Tells everybody. `pid` is the process of the worker that the event concerns, if it has one.
    pub fn event(&mut self, at: Instant, event: &Event, pid: Option<Child>) {
        let pool = event_worker(event).map(|id| id.pool).or_else(|| event_pool(event));
        let pool = pool.and_then(|pool| self.pools.get(usize::from(pool))).map(String::as_str);
        let about = About { pid, pool };
        self.roster.note(at, event, pid);
        self.manager.note(at, event, &self.roster);
        if let Some(told) = &mut self.told {
            told.push(Told::new(at, event, about));
        }
        if let Some(outlet) = &mut self.events {
            self.line.clear();
            if let Some(lost) = outlet.take_lost() {
                json::write_loss(&mut self.line, at, lost);
            }
            json::write_event(&mut self.line, at, event, about);
            outlet.push(&self.line);
        }
        let people = self.people.as_mut().filter(|_| !self.quiet);
        for outlet in people.into_iter().chain(&mut self.starter) {
            self.line.clear();
            if let Some(lost) = outlet.take_lost() {
                human::write_loss(&mut self.line, lost);
            }
            human::write_event(&mut self.line, event, about);
            outlet.push(&self.line);
        }
    }

    /// Tells people alone.
    pub fn say(&mut self, text: &str) {
        let people = self.people.as_mut().filter(|_| !self.quiet);
        for outlet in people.into_iter().chain(&mut self.starter) {
            outlet.push(format!("supervisor: {text}\n"));
        }
    }

    fn outlets(&mut self) -> impl Iterator<Item = &mut Outlet> {
        self.events.iter_mut().chain(&mut self.people).chain(&mut self.starter)
    }

    /// Appends what is to be watched: nothing but a sink that didn't take all.
    pub fn watches(&mut self, watches: &mut Vec<Watch>) {
        watches.extend(self.outlets().filter_map(|o| o.watch()).map(|fd| Watch { fd, read: false, write: true }));
    }

    /// A descriptor can be written; it may be one of ours.
    pub fn writable(&mut self, fd: Fd) {
        self.outlets().for_each(|outlet| outlet.writable(fd));
    }

    /// Writes what fits.
    pub fn flush<K: Files>(&mut self, kernel: &mut K) {
        self.outlets().for_each(|outlet| outlet.flush(kernel));
    }

    /// Opens the event file again.
    ///
    /// # Errors
    /// Those of open(2); the old one stays in use.
    pub fn reopen<K: Files + Streams>(&mut self, kernel: &mut K) -> Result<(), Errno> {
        self.outlets().try_for_each(|outlet| outlet.reopen(kernel))
    }

    /// Closes all.
    pub fn close<K: Streams>(self, kernel: &mut K) {
        self.events.into_iter().chain(self.people).chain(self.starter).for_each(|outlet| outlet.close(kernel));
    }
}

impl Told {
    fn new(at: Instant, event: &Event, about: About<'_>) -> Self {
        let (mut text, mut line) = (String::new(), String::new());
        human::write_event(&mut text, event, about);
        json::write_event(&mut line, at, event, about);
        let text = text.trim_end().strip_prefix("supervisor: ").map(str::to_owned);
        Self { text, event: line.trim_end().to_owned() }
    }
}

#[cfg(test)]
#[path = "voices_tests.rs"]
mod tests;

//! Who is told of events: a program by JSON lines, people by lines on standard error.

use crate::config::{Config, EventSink};
use crate::core::Event;
use crate::kernel::{Child, Errno, Fd, Files, Streams, Watch};
use crate::policy::Instant;

use super::json::{event_pool, event_worker};
use super::outlet::Outlet;
use super::{human, json};

/// Both of them; either may be absent.
#[derive(Debug)]
pub struct Voices {
    events: Option<Outlet>,
    people: Option<Outlet>,
    line: String,
    /// What the pools are called, if there is more than one.
    pools: Vec<String>,
}

/// What is known of the worker or the pool that an event concerns, beside what it says itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Its process, if it has one.
    pub pid: Option<Child>,
    /// The pool, if there is more than one.
    pub pool: Option<&'a str>,
}

/// Standard error.
const STDERR: i32 = 2;

impl Voices {
    /// Standard error alone. Without one (it was closed) people hear nothing.
    pub fn open<K: Files>(kernel: &mut K, config: &Config) -> Self {
        let stderr = if config.quiet { None } else { kernel.inherited(STDERR).ok() };
        let pools = match config.pools.as_slice() {
            [_] => Vec::new(),
            several => several.iter().map(|pool| pool.name.clone()).collect(),
        };
        Self { events: None, people: stderr.map(|fd| Outlet::new(fd, None)), line: String::new(), pools }
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
        if let Some(outlet) = &mut self.events {
            self.line.clear();
            if let Some(lost) = outlet.take_lost() {
                json::write_loss(&mut self.line, at, lost);
            }
            json::write_event(&mut self.line, at, event, about);
            outlet.push(&self.line);
        }
        if let Some(outlet) = &mut self.people {
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
        if let Some(outlet) = &mut self.people {
            outlet.push(&format!("supervisor: {text}\n"));
        }
    }

    fn outlets(&mut self) -> impl Iterator<Item = &mut Outlet> {
        self.events.iter_mut().chain(self.people.iter_mut())
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

    /// Closes both.
    pub fn close<K: Streams>(self, kernel: &mut K) {
        self.events.into_iter().chain(self.people).for_each(|outlet| outlet.close(kernel));
    }
}

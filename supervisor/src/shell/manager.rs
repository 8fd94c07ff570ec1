//! Whoever manages this supervisor as a service of its own, as sd_notify(3) knows it: systemd, or another supervisor.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::Duration;

use crate::core::{Event, ReloadPhase};
use crate::kernel::{Clock, Errno, Own};
use crate::policy::Instant;

use super::roster::Roster;

/// When what the receiver had no room for is tried again. Nothing is tried while nothing waits.
const AGAIN: Duration = Duration::from_millis(100);

/// How much waits for a receiver that reads nothing; the oldest is forgotten first.
const MOST: usize = 64;

/// What the manager believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing yet.
    #[default]
    Starting,
    /// It was told READY=1.
    Ready,
    /// It was told RELOADING=1.
    Reloading,
    /// It was told STOPPING=1.
    Stopping,
}

/// It is told only what is so. Without NOTIFY_SOCKET there is none, and nothing happens.
#[derive(Debug, Default)]
pub struct Manager {
    /// Where it listens.
    address: Option<OsString>,
    pid: u32,
    phase: Phase,
    /// The last status, or the one that waits.
    status: String,
    /// How often it wants a sign of life, and when the next one is due.
    beat: Option<(Duration, Instant)>,
    unsent: VecDeque<String>,
    again: Option<Instant>,
}

impl Manager {
    /// The one that the environment names.
    pub fn new<K: Clock + Own>(kernel: &K) -> Self {
        let mut environment = kernel.environment();
        let mut take = |name: &str| {
            let place = environment.iter().position(|(known, _)| known == name)?;
            Some(environment.swap_remove(place).1)
        };
        let pid = kernel.identity().pid;
        let number = |text: OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
        let address = take("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let ours = take("WATCHDOG_PID").is_none_or(|named| number(named) == Some(u64::from(pid)));
        let interval = take("WATCHDOG_USEC").and_then(number).filter(|interval| ours && *interval > 1);
        let beat =
            interval.filter(|_| address.is_some()).map(|interval| (Duration::from_micros(interval / 2), kernel.now()));
        Self { address, pid, beat, ..Self::default() }
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.address.is_some()
    }

    fn say(&mut self, text: String) {
        if self.address.is_none() {
            return;
        }
        if self.unsent.len() >= MOST {
            self.unsent.pop_front();
        }
        self.unsent.push_back(text);
    }

    /// Something happened.
    pub fn note(&mut self, at: Instant, event: &Event, roster: &Roster) {
        if self.phase == Phase::Stopping {
            return;
        }
        match event {
            Event::Stop { pool: None, .. } => self.stop("stopping"),
            Event::GiveUp { .. } => self.stop("gave up, stopping"),
            Event::Reload { phase: ReloadPhase::Began, .. } => self.reload(at),
            // It was told to reload, and did not: that is over as soon as it is said.
            Event::ReloadRefused { .. } if self.phase == Phase::Ready => {
                self.reload(at);
                self.ready(roster);
            }
            _ => {}
        }
    }

    /// It begins to end. Once is enough.
    pub fn stop(&mut self, status: &str) {
        if self.phase != Phase::Stopping {
            self.phase = Phase::Stopping;
            self.status = status.to_owned();
            self.say(format!("STOPPING=1\nSTATUS={status}"));
        }
    }

    /// Only who was ready can reload.
    fn reload(&mut self, at: Instant) {
        if self.phase == Phase::Ready {
            self.phase = Phase::Reloading;
            self.say(format!("RELOADING=1\nMONOTONIC_USEC={}", at.as_nanos() / 1000));
        }
    }

    fn ready(&mut self, roster: &Roster) {
        let first = self.phase == Phase::Starting;
        self.phase = Phase::Ready;
        self.status = status(roster, self.phase);
        let pid = if first { format!("MAINPID={}\n", self.pid) } else { String::new() };
        self.say(format!("READY=1\n{pid}STATUS={}", self.status));
    }

    /// The end of a turn: what is so by now is said.
    pub fn settle<K: Own>(&mut self, kernel: &mut K, now: Instant, roster: &Roster) {
        match self.phase {
            Phase::Starting if roster.is_full() => self.ready(roster),
            Phase::Reloading if !roster.is_any_rolling() => self.ready(roster),
            Phase::Stopping => {}
            Phase::Starting | Phase::Ready | Phase::Reloading => {
                let status = status(roster, self.phase);
                if status != self.status {
                    self.say(format!("STATUS={status}"));
                    self.status = status;
                }
            }
        }
        if let Some((every, due)) = &mut self.beat
            && *due <= now
        {
            *due = now + *every;
            self.say("WATCHDOG=1".to_owned());
        }
        self.flush(kernel, now);
    }

    /// Sends what is taken. A receiver that is gone has missed it, one without room is asked again later.
    fn flush<K: Own>(&mut self, kernel: &mut K, now: Instant) {
        if self.again.is_some_and(|again| again > now) {
            return;
        }
        self.again = None;
        let Some(address) = &self.address else { return };
        while let Some(text) = self.unsent.front() {
            match kernel.notify(address, text) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
                    self.again = Some(now + AGAIN);
                    return;
                }
                Ok(()) | Err(_) => drop(self.unsent.pop_front()),
            }
        }
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.beat.map(|(_, due)| due).into_iter().chain(self.again).min()
    }
}

fn status(roster: &Roster, phase: Phase) -> String {
    let (ready, wanted) = roster.totals();
    let doing = match phase {
        Phase::Starting => "starting: ",
        Phase::Reloading => "reloading: ",
        Phase::Ready | Phase::Stopping => "",
    };
    format!("{doing}{ready} of {wanted} workers ready")
}

#[cfg(test)]
#[path = "manager_tests.rs"]
mod tests;

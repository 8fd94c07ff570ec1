//! One process that is watched.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::history::{Proc, Status, When};
use crate::time::Time;

use super::clock;
use super::looks::{Look, Looks, Schedule};
use super::procfs::{self, Stat};

/// What a process is, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The supervisor itself.
    Supervisor,
    /// Another supervisor beside it.
    Second,
    /// A process of the harness that stands by.
    Bystander,
    /// A child of the supervisor that has not written to the journal yet.
    Unknown,
    /// It took a ticket.
    Worker,
    /// A child of a worker, or further down.
    Descendant,
}

impl Kind {
    /// Whether it is a child of the runner, which is told of its end by wait(2) and reaps it.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Supervisor | Self::Second | Self::Bystander)
    }
}

/// How far its end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Not begun.
    Alive,
    /// Its pidfd said so: after the first instant it ended, by the second it had. How it ended may still be told.
    Silent(Time, Time),
    /// It has ended, and at this instant it was still in the process table.
    Zombie(Time),
}

/// One process.
#[derive(Debug)]
pub struct Tracked {
    /// Which.
    pub proc: Proc,
    /// The start time was worked out, not read: the process had gone before it could be.
    pub guessed: bool,
    /// Its parent at birth.
    pub parent: u32,
    /// First seen.
    pub born: When,
    /// What it is.
    pub kind: Kind,
    /// The number of its pool, as its environment has it; 0 if it has none. Nothing if it ended before anybody looked.
    pub pool: Option<u32>,
    /// Whether it runs a program of its own.
    pub exec: bool,
    /// How far its end is.
    pub end: End,
    /// When and how its first thread ended, while others went on.
    pub first: Option<(Time, Status)>,
    /// When the last of its other threads ended, of those that have.
    pub thread: Time,
    /// When it ended.
    pub died: Option<Time>,
    /// The last instant at which it was surely alive.
    pub alive_at: Time,
    /// Names the process, never a later one with its pid. `None` if it had gone before it could be opened.
    pub pidfd: Option<OwnedFd>,
    stat: Option<File>,
    schedstat: Option<File>,
    looks: Looks,
}

impl Tracked {
    /// Opens what there is to open. The process may have gone already; then `guess` is its start time.
    pub fn new(pid: u32, parent: u32, born: When, kind: Kind, guess: u64) -> Self {
        let pidfd = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let pidfd = pidfd.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let mut stat = File::open(format!("/proc/{pid}/stat")).ok();
        let schedstat = File::open(format!("/proc/{pid}/schedstat")).ok();
        let start = stat.as_mut().and_then(read_stat).map(|stat| stat.start);
        Self {
            proc: Proc { pid, start: start.unwrap_or(guess) },
            guessed: start.is_none(),
            parent,
            born,
            kind,
            exec: false,
            pool: None,
            end: End::Alive,
            first: None,
            thread: Time::default(),
            died: None,
            alive_at: born.latest(),
            pidfd,
            stat,
            schedstat,
            looks: Looks::default(),
        }
    }

    /// Whether some thread of it runs, for all that is known.
    pub fn has_threads_left(&self) -> bool {
        let over = |pidfd| poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&Timespec::default()));
        self.end == End::Alive && self.pidfd.as_ref().is_some_and(|pidfd| over(pidfd) == Ok(0))
    }

    /// Whether it is still in the process table, as a zombie or not.
    pub fn in_table(&mut self) -> bool {
        match &mut self.stat {
            // An open stat file of a process that is gone gives ESRCH, also when its pid is in use again.
            Some(stat) => read_stat(stat).is_some(),
            None => !self.guessed && procfs::proc_of(self.proc.pid) == Some(self.proc),
        }
    }

    /// How long it had something to do and could not, since its birth, in nanoseconds: it waited for a processor, or
    /// uninterruptibly, as one does for a disk and for memory. The second is known from the looks at it alone, of which those
    /// are left out at which that does not count.
    pub fn hindered(&mut self, counts: bool) -> Option<u64> {
        let schedule = Schedule::read(self.schedstat.as_mut()?)?;
        let state = self.stat.as_mut().and_then(read_stat).map(|stat| stat.state);
        let (blocked, runnable) = (counts && state == Some('D'), state == Some('R'));
        Some(self.looks.add(Look { at: clock::now(), blocked, runnable, schedule }))
    }

    /// Whether it could not go on when it was looked at last, for all that is known.
    pub fn is_kept(&self) -> bool {
        self.looks.is_kept()
    }
}

fn read_stat(file: &mut File) -> Option<Stat> {
    procfs::parse_stat(&procfs::reread(file)?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_zombie_is_in_the_table_until_it_is_reaped() {
        let mut child = Command::new("true").spawn().expect("true starts");
        let mut tracked = Tracked::new(child.id(), std::process::id(), When::At(Time::from_nanos(1)), Kind::Unknown, 0);
        assert!(!tracked.guessed);
        let pidfd = tracked.pidfd.as_ref().expect("a child that is not reaped has a pidfd");
        rustix::event::poll(&mut [rustix::event::PollFd::new(pidfd, rustix::event::PollFlags::IN)], None)
            .expect("it ends by itself");
        assert!(tracked.in_table());
        child.wait().expect("reaped");
        assert!(!tracked.in_table());
    }
}

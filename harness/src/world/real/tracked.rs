//! One process that is watched.

use std::fs::File;
use std::io::Read;
use std::io::{Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::history::{Proc, Status, When};
use crate::time::Time;

use super::clock;
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
    /// When it ended.
    pub died: Option<Time>,
    /// The last instant at which it was surely alive.
    pub alive_at: Time,
    /// Names the process, never a later one with its pid. `None` if it had gone before it could be opened.
    pub pidfd: Option<OwnedFd>,
    stat: Option<File>,
    schedstat: Option<File>,
    last: Option<Look>,
    /// Since when it has been seen to be runnable without getting on in any way.
    queued: Option<Time>,
    /// How long it has been seen blocked so far, in nanoseconds.
    blocked: u64,
}

/// Who runs is charged for it by the next tick of its processor, which comes a hundred times a second at least.
const CHARGED: Duration = Duration::from_millis(20);

/// What was seen of a process at an instant.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Time,
    /// It was in an uninterruptible sleep.
    blocked: bool,
    /// It ran, or could have.
    runnable: bool,
    schedule: Schedule,
}

impl Look {
    /// How long it was blocked between two looks, in nanoseconds: who is blocked at both was so in between, but for the
    /// time in which it ran or waited for a processor.
    fn blocked_until(self, later: Self) -> u64 {
        let between = u64::try_from(later.at.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        let spent = later.schedule.total().saturating_sub(self.schedule.total());
        if self.blocked && later.blocked { between.saturating_sub(spent) } else { 0 }
    }

    /// Whether it has been in the queue of a processor from this look to the later one. It is charged for that only when it
    /// gets the processor, which one that is killed before never does.
    fn queued_until(self, later: Self) -> bool {
        self.runnable && later.runnable && self.schedule == later.schedule
    }
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
            died: None,
            alive_at: born.latest(),
            pidfd,
            stat,
            schedstat,
            last: None,
            queued: None,
            blocked: 0,
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
        let blocked = counts && state == Some('D');
        let look = Look { at: clock::now(), blocked, runnable: state == Some('R'), schedule };
        let before = self.last.replace(look);
        self.blocked += before.map_or(0, |before| before.blocked_until(look));
        self.queued = before.filter(|before| before.queued_until(look)).map(|before| self.queued.unwrap_or(before.at));
        let queued = self.queued.map_or(Duration::ZERO, |since| look.at.since(since));
        let queued = if queued >= CHARGED { u64::try_from(queued.as_nanos()).unwrap_or(u64::MAX) } else { 0 };
        Some(schedule.delayed + self.blocked + queued)
    }

    /// Whether it could not go on when it was looked at last, for all that is known.
    pub fn is_kept(&self) -> bool {
        self.queued.is_some() || self.last.is_some_and(|look| look.blocked)
    }
}

/// What the scheduler says of a process, in nanoseconds since its birth: the first fields of `/proc/PID/schedstat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// It was on a processor.
    ran: u64,
    /// It could have been, but got none.
    pub delayed: u64,
}

impl Schedule {
    /// `None` if the kernel doesn't say it.
    pub fn read(file: &mut File) -> Option<Self> {
        let text = reread(file)?;
        let mut fields = text.split_ascii_whitespace().map(str::parse);
        Some(Self { ran: fields.next()?.ok()?, delayed: fields.next()?.ok()? })
    }

    fn total(self) -> u64 {
        self.ran + self.delayed
    }
}

fn reread(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

fn read_stat(file: &mut File) -> Option<Stat> {
    procfs::parse_stat(&reread(file)?)
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

    #[test]
    fn who_is_blocked_at_two_looks_was_so_in_between_but_for_the_time_in_which_it_ran() {
        let look = |millis: u64, blocked: bool, ran: u64, delayed: u64| Look {
            at: Time::from_nanos(millis * 1_000_000),
            blocked,
            runnable: !blocked,
            schedule: Schedule { ran, delayed },
        };
        assert_eq!(look(10, true, 5, 5).blocked_until(look(15, true, 5, 5)), 5_000_000);
        assert_eq!(look(10, true, 5, 5).blocked_until(look(15, true, 1_000_005, 500_005)), 3_500_000);
        assert_eq!(look(10, true, 5, 5).blocked_until(look(15, false, 5, 5)), 0, "it may have been for an instant");
        assert_eq!(look(10, false, 5, 5).blocked_until(look(15, true, 5, 5)), 0, "it may just have begun");
        assert_eq!(look(10, false, 5, 5).blocked_until(look(15, false, 5, 5)), 0, "it had nothing to do");
    }

    #[test]
    fn who_is_runnable_and_neither_runs_nor_is_charged_for_waiting_is_in_the_queue() {
        let look = |runnable: bool, ran: u64, delayed: u64| Look {
            at: Time::from_nanos(1),
            blocked: false,
            runnable,
            schedule: Schedule { ran, delayed },
        };
        assert!(look(true, 5, 5).queued_until(look(true, 5, 5)));
        assert!(!look(true, 5, 5).queued_until(look(true, 6, 5)), "it ran");
        assert!(!look(true, 5, 5).queued_until(look(true, 5, 6)), "it got the processor, and was charged");
        assert!(!look(true, 5, 5).queued_until(look(false, 5, 5)), "it sleeps");
    }
}

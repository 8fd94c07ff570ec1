//! What follows from looks at one process, one after the other, about how long it could not go on.

use std::fs::File;
use std::time::Duration;

use crate::time::Time;

use super::procfs::reread;

/// Who runs is charged for it by the next tick of its processor, which comes a hundred times a second at least.
const CHARGED: Duration = Duration::from_millis(20);

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

/// What was seen of a process at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub at: Time,
    /// It was in an uninterruptible sleep.
    pub blocked: bool,
    /// It ran, or could have.
    pub runnable: bool,
    pub schedule: Schedule,
}

impl Look {
    /// How long it was blocked between two looks, in nanoseconds: who is blocked at both was so in between, but for the
    /// time in which it ran or waited for a processor.
    fn blocked_until(self, later: Self) -> u64 {
        let spent = later.schedule.total().saturating_sub(self.schedule.total());
        if self.blocked && later.blocked { nanos(later.at.since(self.at)).saturating_sub(spent) } else { 0 }
    }

    /// Whether it has been in the queue of a processor from this look to the later one. It is charged for that only when it
    /// gets the processor, which one that is killed before never does.
    fn queued_until(self, later: Self) -> bool {
        self.runnable && later.runnable && self.schedule == later.schedule
    }
}

/// All looks so far.
#[derive(Debug, Default)]
pub struct Looks {
    last: Option<Look>,
    /// Since when it has been seen to be runnable without getting on in any way.
    queued: Option<Time>,
    /// How long it has been seen blocked so far, in nanoseconds.
    blocked: u64,
}

impl Looks {
    /// How long it could not go on, by this look, in nanoseconds.
    pub fn add(&mut self, look: Look) -> u64 {
        let before = self.last.replace(look);
        self.blocked += before.map_or(0, |before| before.blocked_until(look));
        self.queued = before.filter(|before| before.queued_until(look)).map(|before| self.queued.unwrap_or(before.at));
        let queued = self.queued.map(|since| look.at.since(since)).filter(|queued| *queued >= CHARGED);
        look.schedule.delayed + self.blocked + queued.map_or(0, nanos)
    }

    /// Whether it could not go on when it was looked at last, for all that is known.
    pub fn is_kept(&self) -> bool {
        self.queued.is_some() || self.last.is_some_and(|look| look.blocked)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn who_is_blocked_at_two_looks_was_so_in_between_but_for_the_time_in_which_it_ran() {
        let look = |millis: u64, blocked: bool, ran: u64, delayed: u64| Look {
            at: at(millis),
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
            at: at(1),
            blocked: false,
            runnable,
            schedule: Schedule { ran, delayed },
        };
        assert!(look(true, 5, 5).queued_until(look(true, 5, 5)));
        assert!(!look(true, 5, 5).queued_until(look(true, 6, 5)), "it ran");
        assert!(!look(true, 5, 5).queued_until(look(true, 5, 6)), "it got the processor, and was charged");
        assert!(!look(true, 5, 5).queued_until(look(false, 5, 5)), "it sleeps");
    }

    #[test]
    fn the_queue_counts_when_a_tick_has_passed_and_once() {
        let mut looks = Looks::default();
        let mut see = |millis: u64, ran: u64, delayed: u64| {
            looks.add(Look { at: at(millis), blocked: false, runnable: true, schedule: Schedule { ran, delayed } })
        };
        assert_eq!(see(0, 5, 0), 0);
        assert_eq!(see(15, 5, 0), 0, "it may run, and be charged at the next tick");
        assert_eq!(see(40, 5, 0), 40_000_000);
        assert_eq!(see(60, 5, 0), 60_000_000);
        assert_eq!(see(65, 6, 61_000_000), 61_000_000, "it got the processor, and is charged for the wait");
    }
}

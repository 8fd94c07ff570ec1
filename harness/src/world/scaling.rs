//! A change of the number of workers, told by signals: one at a time, because two that are pending are one.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::history::{Event, Proc, Role, What};
use crate::scenario::Signal;
use crate::subject::HowToScale;
use crate::time::Time;

/// How long the effect of a signal is waited for before the next one is sent all the same.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is still to be said.
#[derive(Debug)]
pub struct Scaling {
    how: Option<HowToScale>,
    /// How many workers the supervisor has been told to have, when all that was sent is counted.
    told: u32,
    wanted: u32,
    /// The next signal is not sent before this, unless the effect of the last one is seen earlier.
    until: Time,
    /// Workers of pools beside the first, whom no signal is about.
    others: BTreeSet<Proc>,
}

impl Scaling {
    /// Nothing to say to a supervisor that was started with so many workers.
    pub fn new(how: Option<HowToScale>, workers: u32) -> Self {
        Self { how, told: workers, wanted: workers, until: Time::default(), others: BTreeSet::new() }
    }

    /// So many are wanted now.
    pub fn order(&mut self, workers: u32) {
        self.wanted = workers;
    }

    /// Takes an event: a worker of the first pool that is born, or told to leave, is the effect of what was said last.
    pub fn see(&mut self, event: &Event) {
        match event.what {
            What::Born { proc, role: Role::Worker { pool: 1.., .. }, .. } => _ = self.others.insert(proc),
            What::ToldToStop(proc) if self.others.contains(&proc) => {}
            What::Born { role: Role::Worker { .. }, .. } | What::ToldToStop(_) => self.until = Time::default(),
            _ => {}
        }
    }

    /// What is to be said now.
    pub fn next(&mut self, now: Time) -> Option<Signal> {
        let HowToScale::Signals { up, down } = self.how?;
        if self.until > now || self.told == self.wanted {
            return None;
        }
        self.until = now + PATIENCE;
        if self.told < self.wanted {
            self.told += 1;
            Some(up)
        } else {
            self.told -= 1;
            Some(down)
        }
    }

    /// When [`Scaling::next`] is wanted, even if nothing happens.
    pub fn next_deadline(&self) -> Option<Time> {
        (self.told != self.wanted && self.how.is_some()).then_some(self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_in_another_pool_is_the_effect_of_no_signal() {
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        let mut scaling = Scaling::new(Some(HowToScale::Signals { up: Signal::TTIN, down: Signal::TTOU }), 2);
        let proc = Proc { pid: 7, start: 7 };
        scaling.order(4);
        assert_eq!(scaling.next(at(1)), Some(Signal::TTIN));
        let role = Role::Worker { ticket: 3, generation: 1, pool: 1 };
        scaling.see(&Event::at(at(2), What::Born { proc, parent: 1, role }));
        scaling.see(&Event::at(at(3), What::ToldToStop(proc)));
        assert_eq!(scaling.next(at(4)), None, "the first pool has not heard it yet");
        scaling.see(&Event::at(at(5), What::ToldToStop(Proc { pid: 8, start: 8 })));
        assert_eq!(scaling.next(at(6)), Some(Signal::TTIN));
    }

    #[test]
    fn one_signal_at_a_time() {
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        let mut scaling = Scaling::new(Some(HowToScale::Signals { up: Signal::TTIN, down: Signal::TTOU }), 2);
        assert_eq!(scaling.next(at(1)), None);
        scaling.order(4);
        assert_eq!(scaling.next(at(1)), Some(Signal::TTIN));
        assert_eq!(scaling.next(at(2)), None, "its effect is waited for");
        let proc = Proc { pid: 7, start: 7 };
        let role = Role::Worker { ticket: 3, generation: 1, pool: 0 };
        scaling.see(&Event::at(at(3), What::Born { proc, parent: 1, role }));
        assert_eq!(scaling.next(at(3)), Some(Signal::TTIN));
        assert_eq!(scaling.next_deadline(), None, "all is said");
        scaling.order(3);
        assert_eq!(scaling.next(at(50)), None);
        assert_eq!(scaling.next_deadline(), Some(at(103)));
        assert_eq!(scaling.next(at(103)), Some(Signal::TTOU));
    }
}

//! A number over time, as the sum of spans.

use crate::time::Time;

use super::facts::Facts;

/// How many of the spans that were added hold at an instant.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    changes: Vec<(Time, i32)>,
}

/// A stretch of time over which the number does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Its beginning.
    pub from: Time,
    /// Its end, which does not belong to it.
    pub until: Time,
    /// The number.
    pub count: i32,
}

impl Curve {
    /// Adds a span; an empty or negative one adds nothing.
    pub fn add(&mut self, from: Time, until: Time) {
        if from < until {
            self.changes.push((from, 1));
            self.changes.push((until, -1));
        }
    }

    /// From an instant on the number is another one by so much.
    pub fn shift(&mut self, from: Time, by: i32) {
        self.changes.push((from, by));
    }

    /// Lets the number of workers be held against the one at the beginning although another one is wanted later: what
    /// is wanted more is taken off, and what is wanted less is added.
    pub fn rebase(&mut self, facts: &Facts) {
        let mut before = facts.initial;
        for (at, workers) in &facts.scales {
            self.shift(*at, before as i32 - *workers as i32);
            before = *workers;
        }
    }

    /// The stretches within [from, until), none of them empty. Neighbours may have the same number.
    pub fn stretches(mut self, from: Time, until: Time) -> Vec<Stretch> {
        self.changes.sort_unstable();
        let mut stretches = Vec::with_capacity(self.changes.len() + 1);
        let (mut since, mut count) = (from, 0);
        for (at, change) in self.changes {
            let at = at.min(until);
            if at > since {
                stretches.push(Stretch { from: since, until: at, count });
                since = at;
            }
            count += change;
        }
        if until > since {
            stretches.push(Stretch { from: since, until, count });
        }
        stretches
    }
}

/// The stretches that satisfy `wrong`, those that touch joined; the number is that of the first.
pub(super) fn joined(stretches: &[Stretch], wrong: impl Fn(i32) -> bool) -> Vec<Stretch> {
    let mut runs: Vec<Stretch> = Vec::new();
    for stretch in stretches.iter().filter(|stretch| wrong(stretch.count)) {
        match runs.last_mut() {
            Some(last) if last.until == stretch.from => last.until = stretch.until,
            _ => runs.push(*stretch),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Time {
        Time::from_nanos(n)
    }

    #[test]
    fn spans_add_up_and_are_clipped() {
        let mut curve = Curve::default();
        curve.add(at(0), at(10));
        curve.add(at(5), Time::NEVER);
        curve.add(at(7), at(7));
        let found: Vec<_> =
            curve.stretches(at(2), at(20)).iter().map(|s| (s.from.as_nanos(), s.until.as_nanos(), s.count)).collect();
        assert_eq!(found, [(2, 5, 1), (5, 10, 2), (10, 20, 1)]);
    }

    #[test]
    fn runs_that_touch_are_one() {
        let mut curve = Curve::default();
        curve.add(at(0), at(10));
        curve.add(at(0), at(4));
        let runs = joined(&curve.stretches(at(0), at(20)), |count| count < 2);
        assert_eq!(runs, [Stretch { from: at(4), until: at(20), count: 1 }]);
    }
}

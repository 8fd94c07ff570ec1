//! Who ought to have spoken by when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Seen, Witness};
use crate::core::WorkerId;
use crate::policy::Instant;

impl Witness {
    /// A worker's silence counts afresh.
    pub(super) fn heard(&mut self, now: Instant, id: WorkerId) {
        let Some(seen) = self.workers.get(&id) else { return };
        let usual = self.watchdog(seen);
        let Some(seen) = self.workers.get_mut(&id) else { return };
        let interval = usual.map(|usual| seen.interval.unwrap_or(usual)).filter(|span| !span.is_zero());
        let watched = seen.ready_since.is_some() && !seen.retired && !seen.killed;
        seen.silent = interval.filter(|_| watched).map(|interval| (now + interval, now + interval));
    }

    /// A worker on trial is watched as its own configuration says.
    fn watchdog(&self, seen: &Seen) -> Option<Duration> {
        let tried = self.configured.get(&seen.revision).filter(|_| seen.revision > self.revision);
        tried.unwrap_or(&self.policy).watchdog
    }

    /// The loop was suspended until now. Whoever ought to have spoken long ago must be excused; who ought to have spoken
    /// just now may be. Where it is not known whether an earlier suspension was noticed, both are possible: what ends long
    /// after the one deadline does not reach the other.
    pub fn suspended(&mut self, now: Instant) {
        let usual: BTreeMap<_, _> = self.workers.iter().map(|(&id, seen)| (id, self.watchdog(seen))).collect();
        for (id, seen) in &mut self.workers {
            let (Some((from, until)), Some(usual)) = (seen.silent, usual[id]) else { continue };
            let interval = seen.interval.unwrap_or(usual);
            let afresh = now + interval;
            let long_ago = |due: Instant| now.since(due) > Duration::from_millis(100).max(interval / 4);
            let earliest = match (long_ago(from), long_ago(until)) {
                (_, true) => afresh,
                (true, false) => until,
                (false, false) => from,
            };
            seen.silent = Some((earliest, until.max(afresh)));
        }
    }
}

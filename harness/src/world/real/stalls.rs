//! How long the judged processes, and the harness itself, waited for a processor, and the harness for anything else.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use crate::history::{Event, Proc, What};
use crate::time::Time;

use super::clock;
use super::procs::Procs;
use super::tracked::{Kind, run_queue_delay};

/// Looking costs some 5 µs a process, so it is not done more often than this.
const EVERY: Duration = Duration::from_millis(5);
/// Less than this is not worth a line; it is kept and added to what comes.
const WORTH: u64 = 1_000_000;
/// What is kept is told, or forgotten, after this time: the span of a line should say when.
const KEEP: Duration = Duration::from_millis(100);
/// Who is woken and has not gone to sleep again after this was kept from it, by a disk as a rule.
const BUSY: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug)]
struct Mark {
    since: Time,
    delay: u64,
}

/// The last look at each process.
#[derive(Debug)]
pub struct Stalls {
    own: Option<File>,
    marks: BTreeMap<Option<Proc>, Mark>,
    looked: Time,
    /// When the harness was woken last, and how long it had waited for a processor by then.
    woken: Option<(Time, Duration)>,
}

impl Stalls {
    /// Begins with the harness itself.
    pub fn new(now: Time) -> Self {
        Self { own: File::open("/proc/self/schedstat").ok(), marks: BTreeMap::new(), looked: now, woken: None }
    }

    /// Whether the kernel tells run-queue delays at all.
    pub fn works(&mut self) -> bool {
        self.own.as_mut().is_some_and(|own| run_queue_delay(own).is_some())
    }

    /// How long the harness itself has waited for a processor so far.
    pub fn own_delay(&mut self) -> Duration {
        Duration::from_nanos(self.own.as_mut().and_then(run_queue_delay).unwrap_or(0))
    }

    /// The harness was woken at this instant, and looks at nothing new until it waits again.
    pub fn woken(&mut self, now: Time, own_delay: Duration) {
        self.woken = Some((now, own_delay));
    }

    /// The harness waits again. If that took long, it saw nothing meanwhile, nor did its clients.
    pub fn waits(&mut self, now: Time, own_delay: Duration, out: &mut Vec<Event>) {
        let Some((since, before)) = self.woken.take() else { return };
        if let Some(busy) = busy(now.since(since), own_delay.saturating_sub(before)) {
            let delay_ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
            out.push(Event::at(now, What::Stall { proc: None, since, delay_ns }));
        }
    }

    /// Looks at everybody, if it is time.
    pub fn look(&mut self, procs: &mut Procs, out: &mut Vec<Event>) {
        if clock::now().since(self.looked) < EVERY {
            return;
        }
        let own = self.own.as_mut().and_then(run_queue_delay).map(|delay| (None, delay, self.looked));
        let judged = procs.alive().filter(|tracked| !matches!(tracked.kind, Kind::Descendant | Kind::Bystander));
        let delays = judged.filter_map(|tracked| {
            let born = tracked.born.earliest();
            tracked.run_queue_delay().map(|delay| (Some(tracked.proc), delay, born))
        });
        let looks: Vec<_> = own.into_iter().chain(delays).collect();
        // The time after the looks: the waits that they tell of were over by then.
        let now = clock::now();
        self.looked = now;
        let mut gone = std::mem::take(&mut self.marks);
        for (proc, delay, born) in looks {
            // A process that is new has waited since its birth.
            let first = Mark { since: born, delay: if proc.is_some() { 0 } else { delay } };
            let mark = gone.remove(&proc).unwrap_or(first);
            let waited = delay.saturating_sub(mark.delay);
            if waited >= WORTH {
                out.push(Event::at(now, What::Stall { proc, since: mark.since, delay_ns: waited }));
            }
            let renew = waited >= WORTH || now.since(mark.since) >= KEEP;
            self.marks.insert(proc, if renew { Mark { since: now, delay } } else { mark });
        }
    }
}

/// How long the harness was kept from looking, beside its waiting for a processor, which is counted already.
fn busy(took: Duration, waited: Duration) -> Option<Duration> {
    Some(took.saturating_sub(waited)).filter(|busy| *busy >= BUSY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harness_that_is_kept_from_looking_says_so() {
        let millis = Duration::from_millis;
        assert_eq!(busy(millis(4), millis(0)), None);
        assert_eq!(busy(millis(770), millis(0)), Some(millis(770)));
        assert_eq!(busy(millis(770), millis(20)), Some(millis(750)), "that is counted where others are");
        assert_eq!(busy(millis(20), millis(19)), None);
    }

    #[test]
    fn only_what_lies_between_two_waits_counts() {
        let mut stalls = Stalls::new(clock::now());
        let mut out = Vec::new();
        stalls.waits(clock::now(), Duration::ZERO, &mut out);
        assert_eq!(out, [], "it has not waited yet");
        let woken = clock::now();
        stalls.woken(woken, Duration::ZERO);
        stalls.waits(woken + Duration::from_secs(60), Duration::from_secs(1), &mut out);
        let [Event { what: What::Stall { proc: None, since, delay_ns }, .. }] = out[..] else { panic!("{out:?}") };
        assert!(since == woken && delay_ns > 50_000_000_000, "{out:?}");
        stalls.waits(woken + Duration::from_secs(99), Duration::from_secs(1), &mut out);
        assert_eq!(out.len(), 1, "it was not woken again");
    }
}

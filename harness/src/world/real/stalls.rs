//! How long the judged processes, and the harness itself, had something to do and could not: there was no processor for
//! them, or they waited for a disk or for memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use crate::history::{Event, Proc, What};
use crate::time::Time;

use super::clock;
use super::looks::Schedule;
use super::procs::Procs;
use super::tracked::Kind;

/// Looking costs some 5 µs a process, so it is not done more often than this.
const EVERY: Duration = Duration::from_millis(5);
/// Less than this is not worth a line; it is kept and added to what comes.
const WORTH: u64 = 1_000_000;
/// What is kept is told, or forgotten, after this time: the span of a line should say when.
const KEEP: Duration = Duration::from_millis(100);
/// Who has not said a word after this time is not being born any more.
const BOOT: Duration = Duration::from_secs(1);
/// Who comes by so much later than it was to was kept from it: by a disk, or by a host that stood still.
const KEPT: Duration = Duration::from_millis(5);

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
    /// Somebody can't go on, or is just being born, and maybe can't: that is known from looks alone.
    again: bool,
    /// When the harness was to go on, and how long it had waited for a processor before.
    to_go_on: Option<(Time, Duration)>,
}

impl Stalls {
    /// Begins with the harness itself.
    pub fn new(now: Time) -> Self {
        Self {
            own: File::open("/proc/self/schedstat").ok(),
            marks: BTreeMap::new(),
            looked: now,
            again: false,
            to_go_on: None,
        }
    }

    /// Whether the kernel tells run-queue delays at all.
    pub fn works(&mut self) -> bool {
        self.own.as_mut().and_then(Schedule::read).is_some()
    }

    /// How long the harness itself has waited for a processor so far.
    pub fn own_delay(&mut self) -> Duration {
        self.own.as_mut().and_then(Schedule::read).map_or(Duration::ZERO, |own| Duration::from_nanos(own.delayed))
    }

    /// The harness comes by, and is to go on at `next`: at once, or when it wants to be woken, or when something happens.
    /// If it comes by long after it was to go on, it saw nothing meanwhile, nor did its clients.
    pub fn pass(&mut self, now: Time, own_delay: Duration, next: Option<Time>, out: &mut Vec<Event>) {
        if let Some((since, before)) = self.to_go_on.take()
            && let Some(kept) = kept(now.since(since), own_delay.saturating_sub(before))
        {
            let delay_ns = u64::try_from(kept.as_nanos()).unwrap_or(u64::MAX);
            out.push(Event::at(now, What::Stall { proc: None, since, delay_ns }));
        }
        self.to_go_on = next.map(|next| (next.max(now), own_delay));
    }

    /// When [`Stalls::look`] is wanted, even if nothing happens.
    pub fn next_look(&self) -> Option<Time> {
        self.again.then(|| self.looked + EVERY)
    }

    /// Looks at everybody, if it is time.
    pub fn look(&mut self, procs: &mut Procs, out: &mut Vec<Event>) {
        let began = clock::now();
        if began.since(self.looked) < EVERY {
            return;
        }
        let own = self.own.as_mut().and_then(Schedule::read).map(|own| (None, own.delayed, self.looked));
        // Who has called vfork(2) is blocked until the child runs its program, and may not put its own slowness down to that.
        let forking = procs.alive().any(|tracked| tracked.kind == Kind::Unknown && !tracked.exec);
        let judged = procs.alive().filter(|tracked| !matches!(tracked.kind, Kind::Descendant | Kind::Bystander));
        let mut again = false;
        let delays = judged.filter_map(|tracked| {
            let born = tracked.born.earliest();
            let hindered = tracked.hindered(!(forking && tracked.kind == Kind::Supervisor))?;
            again |= tracked.is_kept() || tracked.kind == Kind::Unknown && self.looked.since(born) < BOOT;
            Some((Some(tracked.proc), hindered, born))
        });
        let looks: Vec<_> = own.into_iter().chain(delays).collect();
        let ended = clock::now();
        self.looked = ended;
        self.again = again;
        self.note(looks, began, ended, out);
    }

    /// What was seen at these looks, of each how long it has waited so far and when it was born. What they tell of was over when
    /// they ended; what they do not may have been there since they began: the harness itself may wait between two of them.
    fn note(&mut self, looks: Vec<(Option<Proc>, u64, Time)>, began: Time, ended: Time, out: &mut Vec<Event>) {
        let mut gone = std::mem::take(&mut self.marks);
        for (proc, delay, born) in looks {
            // A process that is new has waited since its birth.
            let first = Mark { since: born, delay: if proc.is_some() { 0 } else { delay } };
            let mark = gone.remove(&proc).unwrap_or(first);
            let waited = delay.saturating_sub(mark.delay);
            if waited >= WORTH {
                out.push(Event::at(ended, What::Stall { proc, since: mark.since, delay_ns: waited }));
            }
            let renew = waited >= WORTH || began.since(mark.since) >= KEEP;
            self.marks.insert(proc, if renew { Mark { since: began, delay } } else { mark });
        }
    }
}

/// How long the harness was kept from going on, beside its waiting for a processor, which is counted already.
pub(super) fn kept(late: Duration, waited: Duration) -> Option<Duration> {
    Some(late.saturating_sub(waited)).filter(|kept| *kept >= KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harness_that_is_kept_from_looking_says_so() {
        let millis = Duration::from_millis;
        assert_eq!(kept(millis(4), millis(0)), None);
        assert_eq!(kept(millis(770), millis(0)), Some(millis(770)));
        assert_eq!(kept(millis(770), millis(20)), Some(millis(750)), "that is counted where others are");
        assert_eq!(kept(millis(20), millis(19)), None);
    }

    fn at(millis: u64) -> Time {
        Time::from_nanos(1_000_000_000) + Duration::from_millis(millis)
    }

    /// It comes by at these instants, and each time is to go on at the other; what it is told to have been kept.
    fn passes(instants: &[(u64, Option<u64>)]) -> Vec<(u64, u64)> {
        let (mut stalls, mut out) = (Stalls::new(at(0)), Vec::new());
        for (now, next) in instants {
            stalls.pass(at(*now), Duration::ZERO, next.map(at), &mut out);
        }
        let told = out.iter().map(|event| match event.what {
            What::Stall { proc: None, since, delay_ns } => (since.since(at(0)), Duration::from_nanos(delay_ns)),
            ref other => panic!("{other:?}"),
        });
        told.map(|(since, delay)| (since.as_millis() as u64, delay.as_millis() as u64)).collect()
    }

    #[test]
    fn who_waits_between_two_looks_has_waited_since_they_began() {
        let (mut stalls, mut out) = (Stalls::new(at(0)), Vec::new());
        stalls.note(vec![(None, 0, at(0))], at(1), at(1), &mut out);
        // It gets no processor when it has looked at itself, and hears of that at its next look.
        stalls.note(vec![(None, 2_000_000, at(1))], at(200), at(570), &mut out);
        stalls.note(vec![(None, 370_000_000, at(1))], at(580), at(581), &mut out);
        let told: Vec<_> = out
            .iter()
            .map(|event| match event.what {
                What::Stall { since, delay_ns, .. } => (since, event.when.latest(), delay_ns / 1_000_000),
                ref other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, [(at(0), at(570), 2), (at(200), at(581), 368)]);
    }

    #[test]
    fn who_works_for_long_or_oversleeps_was_kept_and_who_sleeps_was_not() {
        assert_eq!(passes(&[(0, Some(0)), (60, None)]), [(0, 60)], "it had to go on at once, and slept only then");
        assert_eq!(passes(&[(0, Some(100)), (102, Some(102))]), [], "it was woken in time");
        assert_eq!(passes(&[(0, Some(100)), (30, Some(30))]), [], "something happened before");
        assert_eq!(passes(&[(0, Some(100)), (350, Some(350))]), [(100, 250)], "it was woken late");
        assert_eq!(passes(&[(0, None), (900, Some(900)), (901, None)]), [], "it had nothing to wake for");
        assert_eq!(passes(&[(50, Some(20)), (51, Some(51))]), [], "what is overdue is due now");
    }
}

//! How long the judged processes, and the harness itself, waited for a processor.

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
}

impl Stalls {
    /// Begins with the harness itself.
    pub fn new(now: Time) -> Self {
        Self { own: File::open("/proc/self/schedstat").ok(), marks: BTreeMap::new(), looked: now }
    }

    /// Whether the kernel tells run-queue delays at all.
    pub fn works(&mut self) -> bool {
        self.own.as_mut().is_some_and(|own| run_queue_delay(own).is_some())
    }

    /// How long the harness itself has waited for a processor so far.
    pub fn own_delay(&mut self) -> Duration {
        Duration::from_nanos(self.own.as_mut().and_then(run_queue_delay).unwrap_or(0))
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

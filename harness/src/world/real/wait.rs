//! The one place where a run waits.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::time::Time;

use super::clock;
use super::runner::Runner;

/// From an event to the end of poll(2), beside the measured work and wait for a processor.
const WAKE: Duration = Duration::from_millis(1);

/// What a descriptor of the poll set is.
#[derive(Clone, Copy)]
enum Source {
    /// Its being ready is all there is to know.
    Wake,
    Pidfd(u32),
    Client(u32),
    Guard,
}

impl Runner {
    /// Waits for something to happen or to become due, and takes note of what did.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        let (waited_before, worked_before) = (self.stalls.own_delay(), clock::worked());
        let now = clock::now();
        let due = self.next_deadline(now);
        self.stalls.pass(now, waited_before, due, &mut self.fresh);
        let timeout = due.map(|at| clock::timespec(at.since(now)));
        let mut sources = Vec::new();
        let mut fds = Vec::new();
        for fd in self.observer.fds() {
            sources.push(Source::Wake);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        for fd in self.orders.fds() {
            sources.push(Source::Wake);
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        for (pid, fd) in self.observer.procs.pidfds() {
            sources.push(Source::Pidfd(pid));
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        for (id, fd, wanted) in self.sockets.fds() {
            sources.push(Source::Client(id));
            fds.push(PollFd::from_borrowed_fd(fd, wanted));
        }
        if let Some(manager) = &self.manager {
            sources.push(Source::Wake);
            fds.push(PollFd::from_borrowed_fd(manager.fd(), PollFlags::IN));
        }
        sources.push(Source::Guard);
        fds.push(PollFd::new(&self.guard, PollFlags::IN));
        if self.log.waits() {
            sources.push(Source::Wake);
            fds.push(PollFd::new(self.log.stdout(), PollFlags::OUT));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let at = clock::now();
        let waited = self.stalls.own_delay();
        let awake = waited.saturating_sub(waited_before) + clock::worked().saturating_sub(worked_before);
        let after = not_before(self.polled, now, at, awake);
        self.polled = at;
        self.stalls.pass(at, waited, Some(at), &mut self.fresh);
        let ready = sources.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()).map(|(source, _)| *source);
        for source in ready.collect::<Vec<_>>() {
            match source {
                Source::Wake => {}
                Source::Pidfd(pid) => self.observer.procs.silent(pid, after, at),
                Source::Client(id) => self.sockets.ready(id, &mut self.fresh),
                Source::Guard => self.forsaken = true,
            }
        }
        Ok(())
    }
}

/// What a wait that began and ended then tells of is not older than this. Nothing was there at the last look; and if this
/// process slept at all, then nothing was there until it was woken. `awake`: for how long of the wait it did not sleep.
fn not_before(last_look: Time, began: Time, ended: Time, awake: Duration) -> Time {
    let woken = ended - awake - WAKE;
    if woken > began { woken } else { last_look }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_slept_was_woken_by_what_happened_and_who_did_not_sleep_knows_of_nothing_since_its_last_look() {
        let at = |millis: u64| Time::from_nanos(1_000_000_000) + Duration::from_millis(millis);
        let (look, began) = (at(0), at(30));
        let after = |ended: u64, awake: u64| not_before(look, began, at(ended), Duration::from_millis(awake));
        assert_eq!(after(40, 0), at(39), "it slept until just now");
        assert_eq!(
            after(40, 6),
            at(33),
            "it had to wait for a processor, or to look at many, before or after it slept"
        );
        assert_eq!(after(33, 3), look, "it only had much to look at");
        assert_eq!(after(31, 0), look, "too short to tell");
    }
}

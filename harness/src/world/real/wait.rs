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
        let woken = woken(now, at, awake, due);
        let after = woken.unwrap_or(self.polled);
        self.polled = woken.unwrap_or(now);
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

/// When a wait that ended then was woken, if it slept: what it tells of is not older than that, and if it did not sleep, than
/// its last look. `awake`: for how long of the wait it did not sleep. Who was woken after its own alarm, `due`, was kept by
/// something that is not counted, as a processor that the host takes away, and may have been called any time before.
fn woken(began: Time, ended: Time, awake: Duration, due: Option<Time>) -> Option<Time> {
    let woken = ended - awake - WAKE;
    (woken > began && due.is_none_or(|due| woken <= due)).then_some(woken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(1_000_000_000) + Duration::from_millis(millis)
    }

    #[test]
    fn who_slept_was_woken_by_what_happened_and_who_did_not_sleep_knows_of_nothing_since_its_last_look() {
        let woken = |ended: u64, awake: u64| woken(at(30), at(ended), Duration::from_millis(awake), None);
        assert_eq!(woken(40, 0), Some(at(39)), "it slept until just now");
        let why = "it had to wait for a processor, or to look at many, before or after it slept";
        assert_eq!(woken(40, 6), Some(at(33)), "{why}");
        assert_eq!(woken(33, 3), None, "it only had much to look at");
        assert_eq!(woken(31, 0), None, "too short to tell");
    }

    #[test]
    fn who_sleeps_past_its_alarm_does_not_know_since_when_it_was_called() {
        let woken = |ended: u64, awake: u64| woken(at(30), at(ended), Duration::from_millis(awake), Some(at(50)));
        assert_eq!(woken(40, 0), Some(at(39)), "something happened before");
        assert_eq!(woken(51, 0), Some(at(50)), "its alarm, or something else just then");
        assert_eq!(woken(62, 12), Some(at(49)), "it had to wait for a processor");
        assert_eq!(woken(62, 0), None, "nobody counted what kept it for 11 ms");
    }
}

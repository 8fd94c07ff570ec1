//! The one place where a run waits.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::clock;
use super::runner::Runner;

/// From an event to the end of poll(2), beside the measured wait for a processor.
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
        let waited_before = self.stalls.own_delay();
        let now = clock::now();
        let timeout = self.next_deadline(now).map(|at| clock::timespec(at.since(now)));
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
        // A death was not before the last look; and if this process was asleep until now, not before it was woken.
        let woken = at - self.stalls.own_delay().saturating_sub(waited_before) - WAKE;
        let after = if woken > now { woken } else { self.polled };
        self.polled = at;
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

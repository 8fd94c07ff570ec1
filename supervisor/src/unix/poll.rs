//! poll(2).

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::kernel::{Clock, Errno, Readiness, SignalSet, Wait, Watch};
use crate::policy::Instant;

use super::Unix;

/// A signal that arrives between this and poll(2) leaves a byte in the pipe, so it is not missed.
impl Wait for Unix {
    fn wait(&mut self, watches: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        ready.clear();
        let mut fds = Vec::with_capacity(watches.len() + 1);
        fds.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
        for watch in watches {
            fds.push(PollFd::new(&self.table.get(watch.fd)?.fd, interest(watch)));
        }
        let timeout = until.map(|until| timespec(until.since(self.now())));
        poll(&mut fds, timeout.as_ref())?;
        for (watch, fd) in watches.iter().zip(&fds[1..]) {
            let found = fd.revents();
            let broken = found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
            let readable = watch.read && (broken || found.contains(PollFlags::IN));
            let writable = watch.write && (broken || found.contains(PollFlags::OUT));
            if readable || writable {
                ready.push(Readiness { fd: watch.fd, readable, writable });
            }
        }
        Ok(())
    }

    fn take_signals(&mut self) -> SignalSet {
        self.signals.take()
    }
}

fn interest(watch: &Watch) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, watch.read);
    flags.set(PollFlags::OUT, watch.write);
    flags
}

/// Nanoseconds, so that no short wait becomes none at all and spins.
fn timespec(span: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), tv_nsec: span.subsec_nanos().into() }
}

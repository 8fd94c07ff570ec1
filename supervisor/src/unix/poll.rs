//! poll(2).

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Sys;
use rustix::process::{Resource, getrlimit};
use rustix::thread::nanosleep;

use crate::kernel::{Errno, Readiness, SignalSet, Wait, Watch};
use crate::policy::Instant;

use super::Unix;
use super::memory::give_back;
use super::system::monotonic;

/// A signal that arrives between this and poll(2) leaves a byte in the pipe, so it is not missed.
impl Wait for Unix {
    fn wait(&mut self, watches: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        ready.clear();
        let fds = &mut self.polled;
        fds.clear();
        // SAFETY: poll(2) does nothing to a descriptor, and says of a number that is none that it is none.
        let raw = |fd, flags| PollFd::from_borrowed_fd(unsafe { BorrowedFd::borrow_raw(fd) }, flags);
        fds.push(raw(self.signals.fd().as_raw_fd(), PollFlags::IN));
        fds.extend(watches.iter().map(|watch| raw(watch.fd.0, interest(watch))));
        poll_until(fds, until)?;
        let woken = !fds[0].revents().is_empty();
        for (watch, fd) in watches.iter().zip(&fds[1..]) {
            let found = fd.revents();
            if found.is_empty() {
                continue;
            }
            if found.contains(PollFlags::NVAL) {
                return Err(Errno::BADF);
            }
            let broken = found.intersects(PollFlags::HUP | PollFlags::ERR);
            let readable = watch.read && (broken || found.contains(PollFlags::IN));
            let writable = watch.write && (broken || found.contains(PollFlags::OUT));
            if readable || writable {
                ready.push(Readiness { fd: watch.fd, readable, writable });
            }
        }
        if woken {
            self.signals.wake();
        }
        Ok(())
    }

    fn pause(&mut self, until: Instant) {
        // A handler ends it early.
        _ = nanosleep(&timespec(until.since(monotonic())));
    }

    fn take_signals(&mut self) -> SignalSet {
        self.signals.take()
    }
}

/// Who rests for longer than a second gives memory back before the rest of the wait: one wake-up for each time that nothing
/// happens any more, and none later.
fn poll_until(fds: &mut [PollFd<'_>], until: Option<Instant>) -> Result<usize, Sys> {
    let left = || until.map(|until| until.since(monotonic()));
    if left().is_none_or(|left| left > REST) {
        match poll(fds, Some(&timespec(REST))) {
            Ok(0) => give_back(),
            Err(Sys::INVAL) => {}
            other => return other,
        }
    }
    let left = left().map(timespec);
    match poll(fds, left.as_ref()) {
        Err(Sys::INVAL) => poll_in_parts(fds, left),
        other => other,
    }
}

/// poll(2) refuses more descriptors than RLIMIT_NOFILE allows to open, and somebody may have lowered that below what is
/// open already. Until it is raised again, everything is looked at in turns.
fn poll_in_parts(fds: &mut [PollFd<'_>], timeout: Option<Timespec>) -> Result<usize, Sys> {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    if limit >= fds.len() {
        return Err(Sys::INVAL);
    }
    let mut found = 0;
    for part in fds.chunks_mut(limit.max(1)).filter(|_| limit > 0) {
        found += poll(part, Some(&NOW))?;
    }
    if found == 0 {
        let turn = timeout.filter(|timeout| timeout.tv_sec == 0 && timeout.tv_nsec < TURN.tv_nsec).unwrap_or(TURN);
        found = poll(&mut fds[..limit.min(1)], Some(&turn))?;
    }
    Ok(found)
}

/// A wait for longer than this is a rest.
const REST: Duration = Duration::from_secs(1);

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// How long a turn waits.
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

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

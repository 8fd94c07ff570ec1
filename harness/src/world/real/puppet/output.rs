//! A puppet writes lines, and tells its journal which, and how long that took.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr, write};
use rustix::stdio::{stderr, stdout};

use crate::puppet::{Entry, Lines};
use crate::scenario::Stream;

use super::super::clock;

/// Who has waited for so long to write says so.
const WAITED: Duration = Duration::from_millis(50);

/// Writes about so many bytes. Blocks if nobody reads, as a real worker's write would.
///
/// # Errors
/// Those of the journal. Nobody will ever read what can't be written, and that is no error of a worker.
pub fn output(
    lines: &mut Lines,
    stream: Stream,
    bytes: u64,
    journal: &mut dyn FnMut(Entry) -> io::Result<()>,
) -> io::Result<()> {
    let fd = match stream {
        Stream::Stdout => stdout(),
        Stream::Stderr => stderr(),
    };
    let begin = clock::now();
    let mut written = None;
    let mut longest = Duration::ZERO;
    let mut left = bytes;
    while left > 0 {
        let chunk = lines.next(stream, left);
        let since = clock::now();
        if !is_writable(fd) {
            journal(Entry::Waits { stream, since })?;
        }
        if write_all(fd, &chunk.bytes).is_err() {
            break;
        }
        longest = longest.max(clock::now().since(since));
        left = left.saturating_sub(chunk.bytes.len() as u64);
        written = Some((written.map_or(chunk.first, |(first, _)| first), chunk.last));
    }
    let Some((first, last)) = written else { return Ok(()) };
    let longest_ns = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
    journal(Entry::Wrote { stream, first, last, since: begin, longest_ns })
}

/// Whether there is room within a while.
fn is_writable(fd: BorrowedFd<'_>) -> bool {
    let within = clock::timespec(WAITED);
    !matches!(poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], Some(&within)), Ok(0))
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let count = retry_on_intr(|| write(fd, bytes))?;
        bytes = &bytes[count..];
    }
    Ok(())
}

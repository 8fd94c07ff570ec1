//! The kernel's process connector: every fork, exec and exit, exact and in order, with exit statuses.
//!
//! Layout: `struct nlmsghdr` (netlink(7)), then `struct cn_msg` (linux/connector.h), then `struct proc_event`
//! (linux/cn_proc.h). Root only, and only in the first pid and network namespace.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with, sockopt,
};

use crate::history::Status;
use crate::time::Time;

use super::clock;

/// Room for bursts: with the default size a burst of a hundred deaths loses most of them.
const BUFFER: usize = 4 << 20;
const NLMSG_HEADER: usize = 16;
const CN_MSG: usize = 20;
const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;
const PROC_CN_MCAST_LISTEN: u32 = 1;

/// What happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// `pid` was forked by `parent`.
    Fork {
        /// The new process.
        pid: u32,
        /// Its parent.
        parent: u32,
    },
    /// `pid` runs a program now.
    Exec {
        /// Which.
        pid: u32,
    },
    /// `pid` ended, or its first thread did.
    Exit {
        /// Which.
        pid: u32,
        /// How.
        status: Status,
    },
    /// Another thread of `pid` ended.
    ThreadExit {
        /// Whose.
        pid: u32,
    },
}

/// A listening socket.
#[derive(Debug)]
pub struct Connector {
    socket: OwnedFd,
    /// Messages were lost since the last look.
    lost: bool,
}

impl Connector {
    /// Listens; `None` where that is not permitted or nothing is heard.
    pub fn open() -> Option<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(CONNECTOR)).ok()?;
        sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).ok()?;
        bind(&socket, &SocketAddrNetlink::new(0, CN_IDX_PROC)).ok()?;
        send(&socket, &listen_request(), SendFlags::empty()).ok()?;
        let connector = Self { socket, lost: false };
        connector.heard().then_some(connector)
    }

    /// The kernel acknowledges the request, unless it ignores it (another namespace).
    fn heard(&self) -> bool {
        let patience = clock::timespec(Duration::from_millis(200));
        matches!(poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&patience)), Ok(1))
    }

    /// To be polled.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Appends all that is there, oldest first.
    pub fn read(&mut self, into: &mut Vec<(Time, Happening)>) {
        let mut buffer = [0_u8; 4096];
        loop {
            match recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((count, _)) => into.extend(parse(&buffer[..count])),
                Err(Errno::INTR) => {}
                Err(Errno::NOBUFS) => self.lost = true,
                Err(_) => return,
            }
        }
    }

    /// Whether messages were lost since the last time that this was asked.
    pub fn lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }
}

fn listen_request() -> Vec<u8> {
    let length = NLMSG_HEADER + CN_MSG + 4;
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(0).to_ne_bytes());
    message.extend(3_u16.to_ne_bytes()); // NLMSG_DONE
    message.extend([0; 10]); // flags, sequence number, port
    message.extend(CN_IDX_PROC.to_ne_bytes());
    message.extend(CN_VAL_PROC.to_ne_bytes());
    message.extend([0; 8]); // sequence number, acknowledgement
    message.extend(4_u16.to_ne_bytes());
    message.extend([0; 2]); // flags
    message.extend(PROC_CN_MCAST_LISTEN.to_ne_bytes());
    message
}

/// One message; `None` for what is of no interest here (births of threads, other events).
fn parse(message: &[u8]) -> Option<(Time, Happening)> {
    let event = message.get(NLMSG_HEADER + CN_MSG..)?;
    let word = |at: usize| event.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let at = Time::from_nanos(u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?));
    let happening = match word(0)? {
        // parent pid, parent tgid, child pid, child tgid
        0x1 if word(24)? == word(28)? => Happening::Fork { pid: word(28)?, parent: word(20)? },
        0x2 if word(16)? == word(20)? => Happening::Exec { pid: word(20)? },
        0x8000_0000 if word(16)? == word(20)? => Happening::Exit { pid: word(20)?, status: status(word(24)?) },
        0x8000_0000 => Happening::ThreadExit { pid: word(20)? },
        _ => return None,
    };
    Some((at, happening))
}

/// A status as wait(2) encodes it.
fn status(raw: u32) -> Status {
    match i32::try_from(raw & 0x7f).unwrap_or(0) {
        0 => Status::Code(i32::try_from(raw >> 8 & 0xff).unwrap_or(0)),
        signal => Status::Signal(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, words: &[u32]) -> Vec<u8> {
        let mut message = vec![0; NLMSG_HEADER + CN_MSG];
        message.extend(what.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(77_u64.to_ne_bytes());
        message.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        message
    }

    #[test]
    fn processes_are_told_from_threads() {
        let at = Time::from_nanos(77);
        assert_eq!(parse(&message(1, &[5, 5, 9, 9])), Some((at, Happening::Fork { pid: 9, parent: 5 })));
        assert_eq!(parse(&message(1, &[5, 5, 9, 5])), None, "a thread");
        assert_eq!(parse(&message(2, &[9, 9])), Some((at, Happening::Exec { pid: 9 })));
        assert_eq!(parse(&message(0x8000_0000, &[10, 9, 0, 17])), Some((at, Happening::ThreadExit { pid: 9 })));
        assert_eq!(parse(&message(4, &[9, 9])), None, "another event");
        assert_eq!(parse(&message(1, &[5, 5])), None, "cut short");
    }

    #[test]
    fn statuses_are_decoded() {
        assert_eq!(status(3 << 8), Status::Code(3));
        assert_eq!(status(9), Status::Signal(9));
        assert_eq!(status(11 | 0x80), Status::Signal(11), "with a core dump");
    }
}

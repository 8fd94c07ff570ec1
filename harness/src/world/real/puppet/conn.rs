//! A connection of the puppet: bytes in, requests out of them; answers in, bytes out of them. Nothing here waits.

use std::os::fd::OwnedFd;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, send, sockopt};

use crate::puppet::Request;

use super::wire;

/// What its socket keeps of a long answer, in bytes (the kernel doubles it): the rest waits for the client.
const KEPT: usize = 64 << 10;

/// What follows the document in a long answer.
static SPACES: [u8; 64 << 10] = [b' '; 64 << 10];

/// Nobody has more than so many reads or writes before it is somebody else's turn.
const TURN: usize = 16;

/// An open connection.
pub(super) struct Conn {
    pub fd: OwnedFd,
    pub buffer: Vec<u8>,
    /// A request is with the core; the next one waits in the buffer.
    pub busy: bool,
    /// Close when everything is written.
    pub last: bool,
    /// The client has sent its end; what it sent before is still answered.
    pub ended: bool,
    /// The core wants to know when everything is written.
    pub long: bool,
    out: Vec<u8>,
    /// Spaces that follow.
    padding: u64,
    /// A request whose body is not whole, and how much of that is to come.
    coming: Option<(Request, u64)>,
}

/// What is at the front of a connection's buffer.
pub(super) enum Next {
    /// The head of a request with a body.
    Begun,
    /// A whole request.
    Whole(Request),
    /// Not a whole one yet.
    Partial,
    /// Not HTTP.
    Garbage,
}

/// How far a connection is with what it has to write.
pub(super) enum Wrote {
    All,
    NotAll,
    /// The client is gone.
    Nothing,
}

impl Conn {
    pub fn new(fd: OwnedFd) -> Self {
        let (buffer, out, coming) = (Vec::new(), Vec::new(), None);
        Self { fd, buffer, busy: false, last: false, ended: false, long: false, out, padding: 0, coming }
    }

    /// What it is to be polled for.
    pub fn wants(&self) -> PollFlags {
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, !self.ended);
        wanted.set(PollFlags::OUT, !self.out.is_empty() || self.padding > 0);
        wanted
    }

    /// Reads what is there. `false` if the client has reset it.
    pub fn read(&mut self) -> bool {
        let mut bytes = [0_u8; 16 << 10];
        for _ in 0..TURN {
            match rustix::io::read(&self.fd, &mut bytes) {
                Ok(0) => {
                    self.ended = true;
                    return true;
                }
                Ok(count) => self.buffer.extend(&bytes[..count]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes the next request from its buffer.
    pub fn next(&mut self) -> Next {
        if let Some((request, left)) = self.coming {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            self.buffer.drain(..part);
            let left = left - part as u64;
            self.coming = (left > 0).then_some((request, left));
            return if left > 0 { Next::Partial } else { Next::Whole(request) };
        }
        match wire::read(&self.buffer) {
            wire::Read::Whole(request, length) => {
                self.buffer.drain(..length);
                if let Request::Take { bytes } = request {
                    self.coming = Some((request, bytes));
                    return Next::Begun;
                }
                Next::Whole(request)
            }
            wire::Read::Partial => Next::Partial,
            wire::Read::Garbage => Next::Garbage,
        }
    }

    /// An answer is to be written: these bytes, and so many spaces.
    pub fn answer(&mut self, bytes: Vec<u8>, padding: u64, last: bool) {
        self.busy = false;
        self.last = last;
        self.out.extend(bytes);
        self.padding = padding;
        if padding > 0 {
            self.long = true;
            // Best effort: with more room the client has more of it when this worker ends.
            _ = sockopt::set_socket_send_buffer_size(&self.fd, KEPT);
        }
    }

    /// Writes what the socket takes.
    pub fn write(&mut self) -> Wrote {
        for _ in 0..TURN {
            let spaces = usize::try_from(self.padding).unwrap_or(usize::MAX).min(SPACES.len());
            let piece = if self.out.is_empty() { &SPACES[..spaces] } else { &self.out };
            if piece.is_empty() {
                return Wrote::All;
            }
            match send(&self.fd, piece, SendFlags::NOSIGNAL) {
                Ok(count) if self.out.is_empty() => self.padding -= count as u64,
                Ok(count) => drop(self.out.drain(..count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Wrote::NotAll,
                Err(_) => return Wrote::Nothing,
            }
        }
        Wrote::NotAll
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    fn pair() -> (Conn, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (server, _) = listener.accept().expect("accepted");
        server.set_nonblocking(true).expect("a socket");
        (Conn::new(server.into()), client)
    }

    #[test]
    fn who_does_not_read_is_not_waited_for_and_gets_everything_in_the_end() {
        let (mut conn, mut client) = pair();
        conn.answer(b"head".to_vec(), 8_000_000, true);
        while conn.wants().contains(PollFlags::OUT) && conn.padding > 0 {
            let before = conn.padding;
            assert!(matches!(conn.write(), Wrote::NotAll));
            if conn.padding == before {
                break;
            }
        }
        assert!(conn.padding > 1_000_000, "{} fitted into the sockets", 8_000_000 - conn.padding);
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            client.read_to_end(&mut all).map(|_| all)
        });
        let begun = Instant::now();
        while !matches!(conn.write(), Wrote::All) {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::yield_now();
        }
        drop(conn);
        let all = reader.join().expect("no panic").expect("read");
        assert!(all.len() == 8_000_004 && all.starts_with(b"head    "));
    }

    #[test]
    fn a_body_is_counted_and_what_follows_it_is_the_next_request() {
        let (mut conn, mut client) = pair();
        let mut next = |text: &str| {
            client.write_all(text.as_bytes()).expect("sent");
            let begun = Instant::now();
            let before = conn.buffer.len();
            while conn.buffer.len() < before + text.len() {
                assert!(conn.read() && begun.elapsed() < Duration::from_secs(10));
            }
            conn.next()
        };
        assert!(matches!(next("POST /take HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345"), Next::Begun));
        assert!(matches!(next("67"), Next::Partial));
        assert!(matches!(next("890GET /who HTTP/1.1\r\n\r\n"), Next::Whole(Request::Take { bytes: 10 })));
        assert!(matches!(conn.next(), Next::Whole(Request::Who { keep_alive: true })));
    }
}

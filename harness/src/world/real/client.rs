//! One client's socket.

use std::collections::VecDeque;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{SendFlags, getsockname, send, sockopt};
use serde::Deserialize;

use crate::history::Proc;
use crate::load::{Failure, Input};
use crate::puppet::Request;

/// What the sockets of a client that is slow keep at most, in bytes (the kernel doubles it): its worker is to wait for it.
const KEPT: usize = 64 << 10;

/// Of an answer no more is kept; the rest is counted.
const ENOUGH: usize = 4096;

/// So much is written at a time.
static FILLING: [u8; 64 << 10] = [b'x'; 64 << 10];

/// A connection of a client.
pub(super) struct Conn {
    pub fd: OwnedFd,
    connecting: bool,
    out: Vec<u8>,
    started: bool,
    /// What is to be written of a body, and how much of that by now.
    body: u64,
    gives: u64,
    /// How much may be read by now, if not all that there is.
    takes: Option<u64>,
    /// What was read beyond what is kept.
    beyond: usize,
    /// What is still to be written byte by byte.
    slowly: VecDeque<u8>,
    buffer: Vec<u8>,
    /// The end that came right behind what was read.
    error: Option<Errno>,
}

/// The document that a puppet answers with.
#[derive(Deserialize)]
struct Who {
    pid: u32,
    start: u64,
}

impl Conn {
    pub fn new(fd: OwnedFd, connecting: bool) -> Self {
        let (out, slowly, buffer) = (Vec::new(), VecDeque::new(), Vec::new());
        let (body, gives, takes, beyond) = (0, 0, None, 0);
        Self { fd, connecting, out, started: false, body, gives, takes, beyond, slowly, buffer, error: None }
    }

    /// What it is to be polled for.
    pub fn wants(&self) -> PollFlags {
        let mut wanted = PollFlags::empty();
        wanted.set(PollFlags::IN, self.takes != Some(0));
        wanted.set(PollFlags::OUT, self.connecting || !self.out.is_empty() || self.body_now() > 0);
        wanted
    }

    /// Begins a request, but for its body.
    pub fn send(&mut self, id: u32, request: Request, host: SocketAddrV4) -> Option<Input> {
        self.out = text(request, host).into_bytes();
        self.started = false;
        match request {
            Request::Long { .. } => {
                self.takes = Some(0);
                // Best effort: with more room its worker waits less.
                _ = sockopt::set_socket_recv_buffer_size(&self.fd, KEPT);
            }
            Request::Take { bytes } => {
                self.body = bytes;
                _ = sockopt::set_socket_send_buffer_size(&self.fd, KEPT);
            }
            _ => {}
        }
        self.write_out(id)
    }

    /// Writes one more byte of a request.
    pub fn byte(&mut self, id: u32, request: Request, host: SocketAddrV4) -> Option<Input> {
        if self.slowly.is_empty() {
            self.slowly = text(request, host).into_bytes().into();
        }
        let byte = self.slowly.pop_front()?;
        match send(&self.fd, &[byte], SendFlags::NOSIGNAL) {
            // A byte that does not fit is for the next time.
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => {
                self.slowly.push_front(byte);
                None
            }
            Ok(_) => self.slowly.is_empty().then_some(Input::Sent(id)),
            Err(error) => Some(Input::Failed(id, failure(error))),
        }
    }

    /// How much of its body is to be written now.
    fn body_now(&self) -> u64 {
        self.body.min(self.gives)
    }

    /// So much more of its body may be written.
    pub fn give(&mut self, id: u32, bytes: u64) -> Option<Input> {
        self.gives += bytes;
        self.write_out(id)
    }

    /// So much more of its answer may be read.
    pub fn take(&mut self, id: u32, bytes: u64) -> Option<Input> {
        self.takes = self.takes.map(|takes| takes + bytes);
        self.read_in(id)
    }

    /// What was read of the answer so far.
    fn read_so_far(&self) -> usize {
        self.buffer.len() + self.beyond
    }

    /// Whether its connect has returned.
    pub fn connected(&mut self, id: u32) -> Option<Input> {
        if !std::mem::take(&mut self.connecting) {
            return None;
        }
        match sockopt::socket_error(&self.fd) {
            Ok(Ok(())) if rustix::net::getpeername(&self.fd).is_ok() => opened(id, self),
            // Woken for nothing: not connected, and no error.
            Ok(Ok(())) => {
                self.connecting = true;
                None
            }
            Ok(Err(error)) | Err(error) => Some(Input::NotOpened(id, failure(error))),
        }
    }

    /// Writes what it has to write.
    pub fn write_out(&mut self, id: u32) -> Option<Input> {
        if self.connecting || self.out.is_empty() {
            return self.write_body(id);
        }
        match send(&self.fd, &self.out, SendFlags::NOSIGNAL) {
            Ok(count) => {
                self.out.drain(..count);
                (!std::mem::replace(&mut self.started, true)).then_some(Input::Sent(id))
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(error) => Some(Input::Failed(id, failure(error))),
        }
    }

    /// Writes of a body what is its turn, as far as the socket takes it.
    fn write_body(&mut self, id: u32) -> Option<Input> {
        while !self.connecting && self.body_now() > 0 {
            let piece = usize::try_from(self.body_now()).unwrap_or(FILLING.len()).min(FILLING.len());
            match send(&self.fd, &FILLING[..piece], SendFlags::NOSIGNAL) {
                Ok(count) => {
                    self.body -= count as u64;
                    self.gives -= count as u64;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Some(Input::Failed(id, failure(error))),
            }
        }
        None
    }

    /// Reads what there is, and it may.
    pub fn read_in(&mut self, id: u32) -> Option<Input> {
        if self.connecting {
            return None;
        }
        if let Some(failed) = self.failed(id) {
            return Some(failed);
        }
        let mut bytes = [0_u8; 4096];
        let before = self.read_so_far();
        loop {
            let most = self.takes.map_or(bytes.len(), |takes| usize::try_from(takes).unwrap_or(bytes.len()));
            let most = most.min(bytes.len());
            if most == 0 {
                break;
            }
            match rustix::io::read(&self.fd, &mut bytes[..most]) {
                // What came before the end may be a whole answer; the end is read again after that.
                Ok(0) if self.read_so_far() > before => break,
                Ok(0) => return Some(Input::Closed(id)),
                Ok(count) => self.keep(&bytes[..count]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // The socket tells an error once only.
                Err(error) if self.read_so_far() > before => {
                    self.error = Some(error);
                    break;
                }
                Err(error) => return Some(Input::Failed(id, failure(error))),
            }
        }
        if self.read_so_far() == before {
            return None;
        }
        match answer(&self.buffer, self.beyond) {
            Some(Answer { who, length, last }) => {
                self.buffer.drain(..length.min(self.buffer.len()));
                Some(if last { Input::LastAnswer(id, who) } else { Input::Answered(id, who) })
            }
            None if before == 0 => Some(Input::Partial(id)),
            None => None,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.takes = self.takes.map(|takes| takes - bytes.len() as u64);
        let room = if self.takes.is_some() { ENOUGH.saturating_sub(self.buffer.len()) } else { bytes.len() };
        let kept = room.min(bytes.len());
        self.buffer.extend(&bytes[..kept]);
        self.beyond += bytes.len() - kept;
    }

    /// The error behind what was read last.
    pub fn failed(&mut self, id: u32) -> Option<Input> {
        self.error.take().map(|error| Input::Failed(id, failure(error)))
    }
}

/// What the core hears of a connect that has returned.
pub(super) fn opened(id: u32, conn: &Conn) -> Option<Input> {
    let local = getsockname(&conn.fd).ok().and_then(|name| SocketAddr::try_from(name).ok());
    Some(Input::Opened(id, local.map_or(0, |local| u32::from(local.port()))))
}

/// What this error means to the core.
pub(super) fn failure(error: Errno) -> Failure {
    match error {
        Errno::CONNREFUSED => Failure::Refused,
        _ => Failure::Reset,
    }
}

fn text(request: Request, host: SocketAddrV4) -> String {
    let (path, keep_alive) = match request {
        Request::Who { keep_alive } => ("/who".to_owned(), keep_alive),
        Request::Hold { span, keep_alive } => (format!("/hold?ms={}", span.as_millis()), keep_alive),
        Request::Long { bytes } => (format!("/long?bytes={bytes}"), false),
        Request::Take { bytes } => {
            return format!(
                "POST /take HTTP/1.1\r\nHost: {host}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n"
            );
        }
        Request::Throw => ("/throw".to_owned(), false),
        Request::Exit(code) => (format!("/exit?code={code}"), false),
        Request::Retire => ("/retire".to_owned(), false),
        Request::Hang => ("/hang".to_owned(), false),
        Request::Unknown => ("/unknown".to_owned(), false),
    };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n")
}

/// A whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answer {
    /// Who gave it; one that does not say is from nobody known.
    who: Proc,
    /// How many bytes it is.
    length: usize,
    /// Whether it says that the connection ends with it.
    last: bool,
}

/// The answer that begins with these bytes, of which so many more were read.
fn answer(bytes: &[u8], beyond: usize) -> Option<Answer> {
    let nobody = Proc { pid: 0, start: 0 };
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let start = match head.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) => return None,
        // Not HTTP. Somebody did answer; the connection is of no further use, and its end will be seen.
        Err(_) => return Some(Answer { who: nobody, length: bytes.len(), last: true }),
    };
    let header = |name: &str| head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let length =
        header("content-length").and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    let end = start.saturating_add(length.unwrap_or(0_usize));
    if end > bytes.len() + beyond {
        return None;
    }
    let body = &bytes[start..end.min(bytes.len())];
    let who = serde_json::from_slice::<Who>(body).map_or(nobody, |who| Proc { pid: who.pid, start: who.start });
    let last = header("connection").is_some_and(|header| header.value.eq_ignore_ascii_case(b"close"));
    Some(Answer { who, length: end, last })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use rustix::event::{PollFd, poll};

    use super::super::clock;
    use super::*;

    /// What is seen of a server that writes this and resets the connection at once.
    fn reset_behind(text: &[u8]) -> [Option<Input>; 2] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        client.set_nonblocking(true).expect("a socket");
        let (mut server, _) = listener.accept().expect("a connection");
        server.write_all(text).expect("written");
        sockopt::set_socket_linger(&server, Some(Duration::ZERO)).expect("a socket");
        drop(server);
        let mut conn = Conn::new(client.into(), false);
        let patience = clock::timespec(Duration::from_secs(10));
        // Nothing is asked for: it returns when the reset has come.
        assert_eq!(poll(&mut [PollFd::new(&conn.fd, PollFlags::empty())], Some(&patience)), Ok(1));
        [conn.read_in(7), conn.failed(7)]
    }

    #[test]
    fn a_reset_right_behind_an_answer_is_seen() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"pid\":7,\"start\":123}";
        let reset = || Some(Input::Failed(7, Failure::Reset));
        assert_eq!(reset_behind(whole), [Some(Input::Answered(7, Proc { pid: 7, start: 123 })), reset()]);
        assert_eq!(reset_behind(&whole[..20]), [Some(Input::Partial(7)), reset()]);
    }

    #[test]
    fn an_answer_is_whole_or_not_there() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"pid\":7,\"start\":123}rest";
        let who = Proc { pid: 7, start: 123 };
        assert_eq!(answer(whole, 0), Some(Answer { who, length: whole.len() - 4, last: false }));
        assert_eq!(answer(&whole[..30], 0), None);
        assert_eq!(answer(&whole[..whole.len() - 6], 0), None);
        let nobody = Proc { pid: 0, start: 0 };
        let of = |bytes| answer(bytes, 0).map(|answer| (answer.who, answer.last));
        assert_eq!(of(b"HTTP/1.1 204 No Content\r\n\r\n"), Some((nobody, false)));
        assert_eq!(of(b"HTTP/1.1 204 No Content\r\nconnection: Close\r\n\r\n"), Some((nobody, true)));
        assert_eq!(of(b"SSH-2.0-x\r\n"), Some((nobody, true)));
    }

    /// A client and the server's end of its connection.
    fn pair() -> (Conn, TcpStream, SocketAddrV4) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let Ok(SocketAddr::V4(address)) = listener.local_addr() else { panic!("an address") };
        let client = TcpStream::connect(address).expect("connected");
        client.set_nonblocking(true).expect("a socket");
        let (server, _) = listener.accept().expect("a connection");
        (Conn::new(client.into(), false), server, address)
    }

    fn wait_for(conn: &Conn, what: PollFlags) {
        let patience = clock::timespec(Duration::from_secs(10));
        assert_eq!(poll(&mut [PollFd::new(&conn.fd, what)], Some(&patience)), Ok(1));
    }

    #[test]
    fn who_reads_slowly_reads_what_it_may_and_sees_the_end_behind_it() {
        let (mut conn, mut server, address) = pair();
        let request = Request::Long { bytes: 10_000 };
        assert_eq!(conn.send(7, request, address), Some(Input::Sent(7)));
        // Who closes with something unread resets.
        server.read_exact(&mut vec![0; text(request, address).len()]).expect("the request");
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{\"pid\":7,\"start\":123}";
        server.write_all(head).expect("written");
        server.write_all(&[b' '; 8_000]).expect("written");
        drop(server);
        wait_for(&conn, PollFlags::IN);
        assert_eq!((conn.wants(), conn.read_in(7)), (PollFlags::empty(), None), "nothing may be read yet");
        assert_eq!(conn.take(7, 6_000), Some(Input::Partial(7)));
        assert_eq!((conn.wants(), conn.read_so_far()), (PollFlags::empty(), 6_000));
        assert_eq!(conn.take(7, 6_000), None, "more of it");
        assert_eq!(conn.read_so_far(), head.len() + 8_000);
        assert_eq!((conn.wants(), conn.read_in(7)), (PollFlags::IN, Some(Input::Closed(7))));
    }

    #[test]
    fn a_long_answer_is_whole_when_its_last_byte_is_read() {
        let (mut conn, mut server, address) = pair();
        conn.send(7, Request::Long { bytes: 10_000 }, address);
        let document = b"{\"pid\":7,\"start\":123}";
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\nConnection: close\r\n\r\n";
        server.write_all(&[&head[..], document, &vec![b' '; 10_000 - document.len()]].concat()).expect("written");
        wait_for(&conn, PollFlags::IN);
        assert_eq!(conn.take(7, 10_000), Some(Input::Partial(7)));
        assert_eq!(conn.take(7, 10_000), Some(Input::LastAnswer(7, Proc { pid: 7, start: 123 })));
    }

    #[test]
    fn a_body_is_written_by_and_by_and_as_far_as_the_socket_takes_it() {
        let (mut conn, mut server, address) = pair();
        assert_eq!(conn.send(7, Request::Take { bytes: 50_000_000 }, address), Some(Input::Sent(7)));
        assert_eq!(conn.wants(), PollFlags::IN, "no byte of the body is due");
        assert_eq!((conn.give(7, 10), conn.wants()), (None, PollFlags::IN));
        assert_eq!((conn.give(7, 49_999_990), conn.wants()), (None, PollFlags::IN | PollFlags::OUT));
        let reader = std::thread::spawn(move || std::io::copy(&mut server, &mut std::io::sink()));
        while conn.body > 0 {
            wait_for(&conn, PollFlags::OUT);
            assert_eq!(conn.write_out(7), None);
        }
        let head = text(Request::Take { bytes: 50_000_000 }, address).len() as u64;
        drop(conn);
        assert_eq!(reader.join().expect("no panic").expect("read"), 50_000_000 + head);
    }
}

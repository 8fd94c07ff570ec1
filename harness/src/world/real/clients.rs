//! The sockets of the load core.

use std::collections::{BTreeMap, VecDeque};
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, connect, getsockname, send, socket_with, sockopt,
};
use serde::Deserialize;

use crate::history::{Event, Proc, What};
use crate::load::{Action, Clients, Failure, Input};
use crate::puppet::Request;
use crate::scenario::Load;
use crate::time::Time;

use super::clock;

struct Conn {
    fd: OwnedFd,
    connecting: bool,
    out: Vec<u8>,
    started: bool,
    /// What is still to be written byte by byte.
    slowly: VecDeque<u8>,
    buffer: Vec<u8>,
    /// The end that came right behind what was read.
    error: Option<Errno>,
}

/// All clients of a run, with their sockets.
pub struct Sockets {
    core: Clients,
    conns: BTreeMap<u32, Conn>,
    address: SocketAddrV4,
}

/// The document that a puppet answers with.
#[derive(Deserialize)]
struct Who {
    pid: u32,
    start: u64,
}

impl Sockets {
    /// None is open.
    pub fn new(loads: &[Load], workers: u32, address: SocketAddrV4) -> Self {
        Self { core: Clients::new(loads, workers), conns: BTreeMap::new(), address }
    }

    /// The pure core.
    pub fn core(&self) -> &Clients {
        &self.core
    }

    /// What is to be polled, and for what.
    pub fn fds(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>, PollFlags)> {
        self.conns.iter().map(|(id, conn)| {
            let mut wanted = PollFlags::IN;
            wanted.set(PollFlags::OUT, conn.connecting || !conn.out.is_empty());
            (*id, conn.fd.as_fd(), wanted)
        })
    }

    /// Something from outside: a load starts or stops, a deadline, a journal line.
    pub fn input(&mut self, input: Input, out: &mut Vec<Event>) {
        let mut actions = Vec::new();
        self.core.step(clock::now(), input, &mut actions);
        self.act(actions, out);
    }

    /// Ends everything.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let mut actions = Vec::new();
        self.core.finish(clock::now(), &mut actions);
        self.act(actions, out);
    }

    /// Carries out actions, and what follows from them at once.
    fn act(&mut self, actions: Vec<Action>, out: &mut Vec<Event>) {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            let input = match action {
                Action::Connect(id) => self.connect(id),
                Action::Send(id, request) => self.send(id, request),
                Action::Byte(id, request) => self.byte(id, request),
                Action::Close(id) => {
                    self.conns.remove(&id);
                    None
                }
                Action::Record(record) => {
                    out.push(Event::at(record.ended, What::Connection(record)));
                    None
                }
                Action::Held(load) => {
                    out.push(Event::at(clock::now(), What::Held { load }));
                    None
                }
            };
            if let Some(input) = input {
                let mut more = Vec::new();
                self.core.step(clock::now(), input, &mut more);
                queue.extend(more);
            }
        }
    }

    fn connect(&mut self, id: u32) -> Option<Input> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = match socket_with(AddressFamily::INET, SocketType::STREAM, flags, None) {
            Ok(fd) => fd,
            // Descriptors are short here, not there: the connect deadline will say that nothing came of it.
            Err(_) => return None,
        };
        // A request is one small write; waiting for more would be measured as the server's slowness.
        let _ = sockopt::set_tcp_nodelay(&fd, true);
        let started = connect(&fd, &self.address);
        let connecting = matches!(started, Err(Errno::INPROGRESS));
        let conn = Conn::new(fd, connecting);
        let input = match started {
            Ok(()) => opened(id, &conn),
            Err(Errno::INPROGRESS) => None,
            Err(error) => return Some(Input::NotOpened(id, failure(error))),
        };
        self.conns.insert(id, conn);
        input
    }

    fn send(&mut self, id: u32, request: Request) -> Option<Input> {
        let host = self.address;
        let conn = self.conns.get_mut(&id)?;
        conn.out = text(request, host).into_bytes();
        conn.started = false;
        conn.write_out(id)
    }

    /// Writes one more byte of a request.
    fn byte(&mut self, id: u32, request: Request) -> Option<Input> {
        let host = self.address;
        let conn = self.conns.get_mut(&id)?;
        if conn.slowly.is_empty() {
            conn.slowly = text(request, host).into_bytes().into();
        }
        let byte = conn.slowly.pop_front()?;
        match send(&conn.fd, &[byte], SendFlags::NOSIGNAL) {
            // A byte that does not fit is for the next time.
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => {
                conn.slowly.push_front(byte);
                None
            }
            Ok(_) => conn.slowly.is_empty().then_some(Input::Sent(id)),
            Err(error) => Some(Input::Failed(id, failure(error))),
        }
    }

    /// A descriptor is ready.
    pub fn ready(&mut self, id: u32, out: &mut Vec<Event>) {
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.connected(id)) {
            self.input(input, out);
        }
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.write_out(id)) {
            self.input(input, out);
        }
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.read_in(id)) {
            self.input(input, out);
        }
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.failed(id)) {
            self.input(input, out);
        }
    }

    /// When the core wants a tick.
    pub fn next_deadline(&self) -> Option<Time> {
        self.core.next_deadline()
    }
}

impl Conn {
    fn new(fd: OwnedFd, connecting: bool) -> Self {
        let (out, slowly, buffer) = (Vec::new(), VecDeque::new(), Vec::new());
        Self { fd, connecting, out, started: false, slowly, buffer, error: None }
    }

    fn connected(&mut self, id: u32) -> Option<Input> {
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

    fn write_out(&mut self, id: u32) -> Option<Input> {
        if self.connecting || self.out.is_empty() {
            return None;
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

    fn read_in(&mut self, id: u32) -> Option<Input> {
        if self.connecting {
            return None;
        }
        let mut bytes = [0_u8; 4096];
        let before = self.buffer.len();
        loop {
            match rustix::io::read(&self.fd, &mut bytes) {
                // What came before the end may be a whole answer; the end is read again after that.
                Ok(0) if self.buffer.len() > before => break,
                Ok(0) => return Some(Input::Closed(id)),
                Ok(count) => self.buffer.extend(&bytes[..count]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // The socket tells an error once only.
                Err(error) if self.buffer.len() > before => {
                    self.error = Some(error);
                    break;
                }
                Err(error) => return Some(Input::Failed(id, failure(error))),
            }
        }
        if self.buffer.len() == before {
            return None;
        }
        match answer(&self.buffer) {
            Some(Answer { who, length, last }) => {
                self.buffer.drain(..length);
                Some(if last { Input::LastAnswer(id, who) } else { Input::Answered(id, who) })
            }
            None if before == 0 => Some(Input::Partial(id)),
            None => None,
        }
    }

    /// The error behind what was read last.
    fn failed(&mut self, id: u32) -> Option<Input> {
        self.error.take().map(|error| Input::Failed(id, failure(error)))
    }
}

fn opened(id: u32, conn: &Conn) -> Option<Input> {
    let local = getsockname(&conn.fd).ok().and_then(|name| SocketAddr::try_from(name).ok());
    Some(Input::Opened(id, local.map_or(0, |local| u32::from(local.port()))))
}

fn failure(error: Errno) -> Failure {
    match error {
        Errno::CONNREFUSED => Failure::Refused,
        _ => Failure::Reset,
    }
}

fn text(request: Request, host: SocketAddrV4) -> String {
    let (path, keep_alive) = match request {
        Request::Who { keep_alive } => ("/who".to_owned(), keep_alive),
        Request::Hold { span, keep_alive } => (format!("/hold?ms={}", span.as_millis()), keep_alive),
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

fn answer(bytes: &[u8]) -> Option<Answer> {
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
    let body = bytes.get(start..start + length.unwrap_or(0_usize))?;
    let who = serde_json::from_slice::<Who>(body).map_or(nobody, |who| Proc { pid: who.pid, start: who.start });
    let last = header("connection").is_some_and(|header| header.value.eq_ignore_ascii_case(b"close"));
    Some(Answer { who, length: start + body.len(), last })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use rustix::event::{PollFd, poll};

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
        assert_eq!(answer(whole), Some(Answer { who, length: whole.len() - 4, last: false }));
        assert_eq!(answer(&whole[..30]), None);
        assert_eq!(answer(&whole[..whole.len() - 6]), None);
        let nobody = Proc { pid: 0, start: 0 };
        let of = |bytes| answer(bytes).map(|answer| (answer.who, answer.last));
        assert_eq!(of(b"HTTP/1.1 204 No Content\r\n\r\n"), Some((nobody, false)));
        assert_eq!(of(b"HTTP/1.1 204 No Content\r\nconnection: Close\r\n\r\n"), Some((nobody, true)));
        assert_eq!(of(b"SSH-2.0-x\r\n"), Some((nobody, true)));
    }
}

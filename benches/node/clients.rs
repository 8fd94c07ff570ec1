//! The clients: a new connection per request, as many as can be.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How many connections there are at any time.
const CLIENTS: usize = 64;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What a load came to.
pub struct Rate {
    /// Answers.
    pub answered: u32,
    /// In so long.
    pub span: Duration,
}

/// A load from one thread: each client opens its next connection as soon as it has its answer. They cost as little as
/// clients can: what they take of the processor is missing to whom they measure. So they wait for the end of the answer
/// alone, which the server closes, and read it in one go.
pub struct Clients {
    address: SocketAddr,
    epoll: Epoll,
    streams: Vec<TcpStream>,
}

impl Clients {
    /// All connected.
    pub fn new(address: SocketAddr) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll");
        let mut clients = Self { address, epoll, streams: Vec::new() };
        for n in 0..CLIENTS {
            let stream = clients.connect(n);
            clients.streams.push(stream);
        }
        clients
    }

    fn connect(&self, n: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).expect("connected");
        stream.write_all(REQUEST).expect("sent");
        let end = EpollEvent::new(EpollFlags::EPOLLRDHUP, n as u64);
        self.epoll.add(&stream, end).expect("watched");
        stream
    }

    /// So long.
    pub fn run(&mut self, span: Duration) -> Rate {
        let (begin, mut answered) = (Instant::now(), 0);
        let mut events = [EpollEvent::empty(); CLIENTS];
        while begin.elapsed() < span {
            let count = self.epoll.wait(&mut events, EpollTimeout::NONE).expect("waited");
            for event in &events[..count] {
                let n = usize::try_from(event.data()).expect("a client");
                answer(&mut self.streams[n]);
                answered += 1;
                self.streams[n] = self.connect(n);
            }
        }
        Rate { answered, span: begin.elapsed() }
    }
}

/// Reads the answer, of which everything is there.
fn answer(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(length) => assert!(buffer[..length].starts_with(b"HTTP/1.1 200"), "{}", buffer[..length].escape_ascii()),
        Err(error) if error.kind() == ErrorKind::Interrupted => answer(stream),
        Err(error) => panic!("{error}"),
    }
}

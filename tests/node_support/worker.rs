//! A worker of our own `round_robin` convention: takes connections from its channel, acknowledges each, answers one
//! request. With a listening socket instead of a channel full of connections it accepts by itself.
//! It stands on the supervisor's own kernel, because that can receive descriptors.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;

use nix::sys::socket::{SockaddrIn, getpeername};
use supervisor::kernel::{Errno, Fd, Files, Listen, Streams, Wait, Watch};
use supervisor::unix::Unix;

/// How many connections are taken at a time.
const AT_A_TIME: usize = 64;

/// Serves until its channel ends or SIGTERM comes and nothing is left to answer.
pub fn serve() {
    let mut worker = Worker::start();
    let mut ready = Vec::new();
    let mut leaving = false;
    while !leaving || !worker.waiting.is_empty() {
        let watch = |&fd: &Fd| Watch { fd, read: true, write: false };
        let watches: Vec<Watch> =
            worker.listener.iter().chain([&worker.channel]).chain(&worker.waiting).map(watch).collect();
        match worker.kernel.wait(&watches, None, &mut ready) {
            Ok(()) | Err(Errno::INTR) => {}
            Err(errno) => panic!("{errno:?}"),
        }
        leaving |= worker.kernel.take_signals().stop;
        for fd in ready.iter().map(|readiness| readiness.fd) {
            if fd == worker.channel {
                if !worker.take() {
                    return;
                }
            } else if Some(fd) == worker.listener {
                worker.accept();
            } else if worker.answer(fd) {
                worker.waiting.remove(&fd);
            }
        }
    }
}

struct Worker {
    kernel: Unix,
    channel: Fd,
    listener: Option<Fd>,
    /// Each connection is noted here before it is read from.
    journal: Option<File>,
    /// Connections without a request.
    waiting: BTreeSet<Fd>,
    buffer: Vec<u8>,
    /// What was read of a line that is not whole, and the connection that came with it.
    text: Vec<u8>,
    handle: Option<Fd>,
}

impl Worker {
    fn start() -> Self {
        let mut kernel = Unix::start().expect("it starts");
        let number = std::env::var("NODE_CHANNEL_FD").expect("a channel").parse().expect("a number");
        let channel = kernel.inherited(number).expect("open");
        let listener = std::env::var_os("LISTEN_FDS").map(|_| kernel.inherited(3).expect("open"));
        let journal = std::env::var("JOURNAL").ok();
        let journal = journal.map(|path| OpenOptions::new().append(true).create(true).open(path).expect("a file"));
        kernel.send(channel, b"{\"act\":\"ready\"}\n").expect("told");
        let (waiting, buffer, text) = (BTreeSet::new(), vec![0; 65536], Vec::new());
        Self { kernel, channel, listener, journal, waiting, buffer, text, handle: None }
    }

    /// Takes what came on the channel, acknowledges it all at once, and answers; false at the end.
    fn take(&mut self) -> bool {
        let (mut connections, mut answers) = (Vec::new(), Vec::new());
        while connections.len() < AT_A_TIME {
            match self.kernel.receive(self.channel, &mut self.buffer) {
                Ok(received) if received.bytes == 0 => return false,
                Ok(received) => {
                    self.text.extend_from_slice(&self.buffer[..received.bytes]);
                    // The kernel ends a read after the bytes that carried a descriptor.
                    assert!(self.handle.is_none() || received.handle.is_none(), "two with one line");
                    self.handle = self.handle.or(received.handle);
                }
                Err(_) => break,
            }
            if self.text.last() != Some(&b'\n') {
                continue;
            }
            let line: serde_json::Value = serde_json::from_slice(&self.text).expect("one whole line");
            assert_eq!(line["act"], "connection");
            self.text.clear();
            connections.push(self.handle.take().expect("a connection"));
            writeln!(answers, "{{\"act\":\"accepted\",\"seq\":{}}}", line["seq"]).expect("written");
        }
        for &connection in &connections {
            self.note(connection);
        }
        if !answers.is_empty() {
            self.kernel.send(self.channel, &answers).expect("acknowledged");
        }
        connections.into_iter().for_each(|connection| self.begin(connection));
        true
    }

    fn accept(&mut self) {
        for _ in 0..AT_A_TIME {
            let Ok(connection) = self.kernel.accept(self.listener.expect("a listener")) else { return };
            self.note(connection);
            self.begin(connection);
        }
    }

    fn note(&mut self, connection: Fd) {
        if let (Some(journal), Ok(peer)) = (&mut self.journal, getpeername::<SockaddrIn>(connection.0)) {
            writeln!(journal, "{} {}", std::process::id(), peer.port()).expect("noted");
        }
    }

    fn begin(&mut self, connection: Fd) {
        if !self.answer(connection) {
            self.waiting.insert(connection);
        }
    }

    /// Answers the request on a connection, if it is there by now, and closes it.
    fn answer(&mut self, connection: Fd) -> bool {
        match self.kernel.receive(connection, &mut self.buffer) {
            Err(Errno::AGAIN) => return false,
            Ok(received) if received.bytes > 0 => {
                let body = format!("handled by child, pid is {}\n", std::process::id());
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
                _ = self.kernel.send(connection, format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
            }
            _ => {}
        }
        self.kernel.close(connection);
        true
    }
}

//! A worker of our own `round_robin` convention: takes connections from its channel, acknowledges each, answers one request.
//! It stands on the supervisor's own kernel, because that can receive descriptors.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

use nix::sys::socket::{SockaddrIn, getpeername};
use supervisor::kernel::{Errno, Fd, Files, Streams, Wait, Watch};
use supervisor::unix::Unix;

/// Serves until its channel ends or SIGTERM comes and nothing is left to answer.
pub fn serve() {
    let mut kernel = Unix::start().expect("it starts");
    let number = std::env::var("NODE_CHANNEL_FD").expect("a channel").parse().expect("a number");
    let channel = kernel.inherited(number).expect("open");
    let journal = std::env::var("JOURNAL").ok();
    let mut journal = journal.map(|path| OpenOptions::new().append(true).create(true).open(path).expect("a file"));
    kernel.send(channel, b"{\"act\":\"ready\"}\n").expect("told");
    let (mut waiting, mut buffer, mut text, mut leaving) = (BTreeSet::new(), vec![0; 65536], Vec::new(), false);
    let mut ready = Vec::new();
    while !leaving || !waiting.is_empty() {
        let watch = |&fd: &Fd| Watch { fd, read: true, write: false };
        let watches: Vec<Watch> = [channel].iter().chain(&waiting).map(watch).collect();
        match kernel.wait(&watches, None, &mut ready) {
            Ok(()) | Err(Errno::INTR) => {}
            Err(errno) => panic!("{errno:?}"),
        }
        leaving |= kernel.take_signals().term;
        for fd in ready.iter().map(|readiness| readiness.fd) {
            if fd != channel {
                if answer(&mut kernel, fd, &mut buffer) {
                    waiting.remove(&fd);
                }
                continue;
            }
            match take(&mut kernel, channel, &mut buffer, &mut text) {
                Taken::Nothing => {}
                Taken::End => return,
                Taken::Connection(connection) => {
                    if let (Some(journal), Ok(peer)) = (&mut journal, getpeername::<SockaddrIn>(connection.0)) {
                        writeln!(journal, "{} {}", std::process::id(), peer.port()).expect("noted");
                    }
                    if !answer(&mut kernel, connection, &mut buffer) {
                        waiting.insert(connection);
                    }
                }
            }
        }
    }
}

enum Taken {
    Nothing,
    Connection(Fd),
    End,
}

/// Reads from the channel and acknowledges the connection that came, if one did. One comes at a time.
fn take(kernel: &mut Unix, channel: Fd, buffer: &mut [u8], text: &mut Vec<u8>) -> Taken {
    match kernel.receive(channel, buffer) {
        Ok(received) if received.bytes == 0 => Taken::End,
        Ok(received) => {
            text.extend_from_slice(&buffer[..received.bytes]);
            let Some(handle) = received.handle else { return Taken::Nothing };
            let line: serde_json::Value = serde_json::from_slice(text.trim_ascii()).expect("one whole line");
            assert_eq!(line["act"], "connection");
            text.clear();
            let answer = format!("{{\"act\":\"accepted\",\"seq\":{}}}\n", line["seq"]);
            kernel.send(channel, answer.as_bytes()).expect("acknowledged");
            Taken::Connection(handle)
        }
        Err(_) => Taken::Nothing,
    }
}

/// Answers the request on a connection, if it is there by now, and closes it.
fn answer(kernel: &mut Unix, connection: Fd, buffer: &mut [u8]) -> bool {
    match kernel.receive(connection, buffer) {
        Err(Errno::AGAIN) => return false,
        Ok(received) if received.bytes > 0 => {
            let body = format!("handled by child, pid is {}\n", std::process::id());
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
            _ = kernel.send(connection, format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
        }
        _ => {}
    }
    kernel.close(connection);
    true
}

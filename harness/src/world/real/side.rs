//! The harness's end of a puppet's side socket.

use std::io::{self, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::io::Errno;

use crate::history::{Proc, What};
use crate::scenario::Ask;

/// What is asked of puppets that can't hear yet: a runtime that takes its time to begin has no socket when its process is born.
#[derive(Debug, Default)]
pub struct Asks(Vec<(Proc, Ask)>);

/// What became of an ask.
#[derive(Debug)]
pub enum Said {
    /// It was said.
    Yes(Proc, Ask),
    /// It can't be.
    No(Proc, io::Error),
}

impl Asks {
    /// Somebody is to be asked.
    pub fn add(&mut self, who: Proc, act: Ask) {
        self.0.push((who, act));
    }

    /// Says what can be said now, to each in its order; `side` is the folder of the sockets. Who is no longer among those that
    /// `live` does not hear any more; the history shows that.
    pub fn say(&mut self, side: &Path, live: impl Fn(Proc) -> bool) -> Vec<Said> {
        let mut waiting: Vec<(Proc, Ask)> = Vec::new();
        let mut done = Vec::new();
        for (who, act) in std::mem::take(&mut self.0) {
            if waiting.iter().any(|(other, _)| *other == who) {
                waiting.push((who, act));
                continue;
            }
            match say(&side.join(who.pid.to_string()), &act) {
                Err(error) if live(who) && error.kind() == io::ErrorKind::NotFound => waiting.push((who, act)),
                Err(error) if live(who) => done.push(Said::No(who, error)),
                Ok(()) | Err(_) => done.push(Said::Yes(who, act)),
            }
        }
        self.0 = waiting;
        done
    }

    /// Who was never heard to listen.
    pub fn unsaid(&self) -> impl Iterator<Item = Proc> {
        self.0.iter().map(|(who, _)| *who)
    }
}

/// A puppet that did not hear what it was asked is a blind spot.
pub fn unasked(who: Proc, why: &str) -> What {
    What::Incomplete { why: format!("the puppet {} could not be asked: {why}", who.pid) }
}

/// Says `act`: as one datagram, or, to a puppet in a language that has no datagram sockets, as all of a stream.
fn say(path: &Path, act: &Ask) -> io::Result<()> {
    let text = serde_json::to_vec(act)?;
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match socket.send_to(&text, path) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::PROTOTYPE) => stream(path, &text),
        sent => sent.map(drop),
    }
}

/// A connect to a listening Unix socket returns at once, and what is said here is far smaller than its buffer.
fn stream(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut socket = UnixStream::connect(path)?;
    socket.set_nonblocking(true)?;
    socket.write_all(text)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn who_does_not_listen_yet_is_asked_in_order_when_it_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let (young, dead) = (Proc { pid: 7, start: 1 }, Proc { pid: 8, start: 1 });
        let mut asks = Asks::default();
        asks.add(young, Ask::Exit(1));
        asks.add(dead, Ask::Hang);
        asks.add(young, Ask::Exit(2));
        let live = |who: Proc| who == young;
        assert!(matches!(asks.say(dir.path(), live)[..], [Said::Yes(who, Ask::Hang)] if who == dead));
        assert_eq!(asks.unsaid().collect::<Vec<_>>(), [young, young]);
        let socket = UnixDatagram::bind(dir.path().join("7")).expect("a socket");
        let said = asks.say(dir.path(), live);
        assert!(matches!(said[..], [Said::Yes(_, Ask::Exit(1)), Said::Yes(_, Ask::Exit(2))]), "{said:?}");
        let mut heard = vec![0; 64];
        let length = socket.recv(&mut heard).expect("heard");
        assert_eq!(heard[..length], serde_json::to_vec(&Ask::Exit(1)).expect("text"));
        assert_eq!(asks.unsaid().count(), 0);
        asks.add(young, Ask::Hang);
        drop(socket);
        assert!(
            matches!(asks.say(dir.path(), live)[..], [Said::No(who, _)] if who == young),
            "nobody listens any more"
        );
    }

    #[test]
    fn both_kinds_of_sockets_hear() {
        let dir = tempfile::tempdir().expect("a directory");
        let wanted = serde_json::to_vec(&Ask::Exit(3)).expect("text");
        let datagram = UnixDatagram::bind(dir.path().join("datagram")).expect("a socket");
        say(&dir.path().join("datagram"), &Ask::Exit(3)).expect("said");
        let mut heard = vec![0; 64];
        let length = datagram.recv(&mut heard).expect("heard");
        assert_eq!(heard[..length], wanted);
        let listener = UnixListener::bind(dir.path().join("stream")).expect("a socket");
        say(&dir.path().join("stream"), &Ask::Exit(3)).expect("said");
        let mut heard = Vec::new();
        listener.accept().expect("a connection").0.read_to_end(&mut heard).expect("heard");
        assert_eq!(heard, wanted);
        assert!(say(&dir.path().join("nobody"), &Ask::Hang).is_err());
    }
}

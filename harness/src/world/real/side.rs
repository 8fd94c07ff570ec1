//! The harness's end of a puppet's side socket.

use std::io::{self, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::io::Errno;

use crate::scenario::Ask;

/// Says `act`: as one datagram, or, to a puppet in a language that has no datagram sockets, as all of a stream.
pub fn say(path: &Path, act: &Ask) -> io::Result<()> {
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

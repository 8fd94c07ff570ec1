//! A service manager that a supervisor is a service of: a socket for sd_notify(3), and who said what to it when.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, bind,
    recvmsg, socket_with, sockopt,
};

use crate::history::{Event, What};

use super::clock;

/// More of a datagram is cut.
const MOST: usize = 4096;

/// The folder of its socket in the run's directory: it is nothing of the subject's.
const FOLDER: &str = "manager";

/// It listens.
#[derive(Debug)]
pub struct Manager {
    socket: OwnedFd,
    path: PathBuf,
}

impl Manager {
    /// In the run's directory. The kernel vouches for who sends.
    ///
    /// # Errors
    /// Those of mkdir(2), socket(2) and bind(2), in words.
    pub fn new(run: &Path) -> Result<Self, String> {
        let words = |error: std::io::Error| format!("no socket for notifications: {error}");
        let folder = run.join(FOLDER);
        std::fs::create_dir(&folder).map_err(words)?;
        let path = folder.join("notify");
        let bound = || -> rustix::io::Result<OwnedFd> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
            sockopt::set_socket_passcred(&socket, true)?;
            bind(&socket, &SocketAddrUnix::new(&path)?)?;
            Ok(socket)
        };
        let socket = bound().map_err(|errno| words(errno.into()))?;
        Ok(Self { socket, path })
    }

    /// What a subject is started with so that it finds it.
    pub fn variable(&self) -> (String, String) {
        ("NOTIFY_SOCKET".to_owned(), self.path.display().to_string())
    }

    /// What is to be watched.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What was said since. It was said before it was read: nothing looks earlier than it was.
    pub fn hear(&self, fresh: &mut Vec<Event>) {
        let mut buffer = [0; MOST];
        loop {
            match self.receive(&mut buffer) {
                Ok((by, length)) => {
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    fresh.push(Event::at(clock::now(), What::Notified { by, text }));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(errno) => {
                    let why = format!("notifications can't be read: {errno}");
                    return fresh.push(Event::at(clock::now(), What::Incomplete { why }));
                }
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> rustix::io::Result<(u32, usize)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1), ScmRights(8))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let length = recvmsg(&self.socket, &mut parts, &mut control, flags)?.bytes;
        let mut sender = 0;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmCredentials(credentials) = message {
                sender = credentials.pid.as_raw_nonzero().get().unsigned_abs();
            }
        }
        Ok((sender, length))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn whoever_says_something_is_known_by_its_pid() {
        let dir = tempfile::tempdir().expect("a directory");
        let manager = Manager::new(dir.path()).expect("it listens");
        let (name, path) = manager.variable();
        assert_eq!(name, "NOTIFY_SOCKET");
        UnixDatagram::unbound().expect("a socket").send_to(b"READY=1\nSTATUS=x", path).expect("there");
        let mut heard = Vec::new();
        manager.hear(&mut heard);
        let told = What::Notified { by: std::process::id(), text: "READY=1\nSTATUS=x".to_owned() };
        assert_eq!(heard.into_iter().map(|event| event.what).collect::<Vec<_>>(), [told]);
    }
}

//! What only one supervisor may have at a time, and which socket or file it is now.

use std::fs;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::net::{SocketAddrAny, SocketAddrUnix, getsockname, sockopt};
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};

use crate::history::{OPEN_TO_OTHERS, What, pid_file_told};
use crate::scenario::Owns;
use crate::subject;

use super::tracked::Tracked;

/// More of a pid file is not looked at.
const MOST: usize = 64;

/// Where to look.
#[derive(Debug)]
pub struct Owned {
    address: SocketAddrV4,
    things: Vec<(Owns, PathBuf)>,
}

impl Owned {
    /// The address, and what the scenario asks for beside it.
    pub fn new(address: SocketAddrV4, owns: &[Owns], dir: &Path) -> Self {
        Self { address, things: owns.iter().map(|one| (*one, subject::owned(dir, *one))).collect() }
    }

    /// Looks at all of them, in the supervisor's own descriptors: tables of the whole host take too long to read. Nothing
    /// is said of sockets where it has ended or may not be looked into.
    pub fn look(&self, supervisor: Option<&Tracked>) -> Vec<What> {
        let listeners = supervisor.and_then(listeners);
        let mut seen = Vec::new();
        if let Some(listeners) = &listeners {
            let is = among(listeners, |at| SocketAddr::try_from(at.clone()) == Ok(SocketAddr::V4(self.address)));
            seen.push(What::Owned { what: self.address.to_string(), is });
        }
        for (what, path) in &self.things {
            let is = match (what, &listeners) {
                (Owns::Control, Some(listeners)) => socket_file(path, listeners).map(|is| is + whose(path)),
                (Owns::Socket, Some(listeners)) => socket_file(path, listeners),
                (Owns::Control | Owns::Socket, None) => continue,
                (Owns::Pidfile, _) => text_file(path),
            };
            seen.push(What::Owned { what: what.name().to_owned(), is });
        }
        seen
    }
}

/// The listening sockets that a process has, by inode.
fn listeners(of: &Tracked) -> Option<Vec<(SocketAddrAny, u64)>> {
    let pidfd = of.pidfd.as_ref().filter(|_| of.died.is_none())?;
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", of.proc.pid)).ok()?.flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let (Some(inode), Some(number)) = (inode, number) else { continue };
        // Closed meanwhile: then it is not there.
        let Ok(socket) = pidfd_getfd(pidfd.as_fd(), number, PidfdGetfdFlags::empty()) else { continue };
        found.extend(bound(&socket).map(|at| (at, inode)));
    }
    Some(found)
}

fn bound(socket: &OwnedFd) -> Option<SocketAddrAny> {
    sockopt::socket_acceptconn(socket).ok()?.then(|| getsockname(socket).ok())?
}

fn among(listeners: &[(SocketAddrAny, u64)], is: impl Fn(&SocketAddrAny) -> bool) -> Option<String> {
    let mut inodes: Vec<u64> = listeners.iter().filter(|(at, _)| is(at)).map(|(_, inode)| *inode).collect();
    inodes.sort_unstable();
    let inodes: Vec<String> = inodes.iter().map(u64::to_string).collect();
    (!inodes.is_empty()).then(|| format!("socket {}", inodes.join(", ")))
}

/// The file at a path, and the socket that is bound to it. A file with another socket behind it is not the same thing.
fn socket_file(path: &Path, listeners: &[(SocketAddrAny, u64)]) -> Option<String> {
    let file = fs::symlink_metadata(path).ok()?;
    let at = |any: &SocketAddrAny| {
        let unix = SocketAddrUnix::try_from(any.clone()).ok();
        unix.is_some_and(|unix| unix.path_bytes() == Some(path.as_os_str().as_encoded_bytes()))
    };
    let socket = among(listeners, at).unwrap_or_else(|| "no socket".to_owned());
    Some(format!("file {}, {socket}", file.ino()))
}

/// What is to be said of who may connect to a socket that is for one user alone: who may write to it.
fn whose(path: &Path) -> &'static str {
    const OTHERS: u32 = 0o022;
    let open = fs::symlink_metadata(path).is_ok_and(|file| file.mode() & OTHERS != 0);
    if open { OPEN_TO_OTHERS } else { "" }
}

fn text_file(path: &Path) -> Option<String> {
    let file = fs::metadata(path).ok()?;
    let text = String::from_utf8_lossy(&fs::read(path).ok()?).chars().take(MOST).collect::<String>();
    Some(pid_file_told(file.ino(), &text))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::super::tracked::Kind;
    use super::*;
    use crate::history::When;
    use crate::time::Time;

    fn this() -> Tracked {
        Tracked::new(std::process::id(), 0, When::At(Time::from_nanos(1)), Kind::Supervisor, 0)
    }

    #[test]
    fn a_listener_is_told_from_the_next_one_at_its_address() {
        let first = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let Ok(SocketAddr::V4(address)) = first.local_addr() else { panic!("an address") };
        let owned = Owned::new(address, &[], Path::new("/nowhere"));
        let seen = owned.look(Some(&this()));
        assert!(matches!(&seen[..], [What::Owned { is: Some(_), .. }]), "{seen:?}");
        assert_eq!(owned.look(Some(&this())), seen);
        drop(first);
        assert!(matches!(&owned.look(Some(&this()))[..], [What::Owned { is: None, .. }]));
        let _second = TcpListener::bind(address).expect("free again");
        assert_ne!(owned.look(Some(&this())), seen);
    }

    #[test]
    fn a_socket_that_others_may_write_to_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sock");
        let _listens = UnixListener::bind(&path).expect("a listener");
        for (mode, told) in [(0o600, ""), (0o620, OPEN_TO_OTHERS), (0o602, OPEN_TO_OTHERS)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
            assert_eq!(whose(&path), told, "{mode:o}");
        }
    }

    #[test]
    fn a_socket_file_that_nobody_listens_on_is_another_thing() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sock");
        let is = || socket_file(&path, &listeners(&this()).expect("our own"));
        assert_eq!(is(), None);
        let listens = UnixListener::bind(&path).expect("a listener");
        let live = is().expect("there");
        assert!(!live.ends_with("no socket"), "{live}");
        drop(listens);
        let dead = is().expect("there");
        assert!(dead.ends_with("no socket"), "{dead}");
    }
}

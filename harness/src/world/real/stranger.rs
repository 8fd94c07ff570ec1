//! Somebody of another user, who may say nothing to the subject and tries to.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use rustix::fs::{Access, Mode, OFlags, access, open};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::history::Proc;

use super::{crowd, procfs};

/// Whom nothing belongs to (`nobody`).
const NOBODY: u32 = 65_534;
/// What everybody may write to.
const CARELESS: u32 = 0o666;

/// Why nothing can be done as somebody else here, in words; `None` if it can.
pub fn forbids() -> Option<String> {
    let error = as_user(NOBODY, || Ok(())).err()?;
    Some(format!("here: nothing can be done as another user ({error})"))
}

/// Why workers can't be of this user here, in words; `None` if they can.
pub fn forbids_workers(user: u32, puppet: &Path, runs: &Path) -> Option<String> {
    let reaches = |path: &Path| as_user(user, || Ok(access(path, Access::EXEC_OK)?));
    let why =
        |path: &Path| Some(format!("here: user {user} can't reach {} ({})", path.display(), reaches(path).err()?));
    forbids().or_else(|| why(puppet)).or_else(|| why(runs))
}

/// Does something in a thread that belongs to another user, and the group of that number: unlike libc's, these system calls
/// are of the thread alone. What is said there is said by that user.
fn as_user<T: Send>(number: u32, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let changed = || {
        let (user, group) = (Uid::from_raw(number), Gid::from_raw(number));
        set_thread_groups(&[])?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        act()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("stranger".into()).spawn_scoped(scope, changed)?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("it broke down")))
    })
}

/// Gives an order on the control socket at `path`, which everybody may write to until it is connected. Whoever holds what
/// comes back is not gone.
///
/// # Errors
/// Nobody can connect there, in words. One that is shown the door has had its say.
pub fn order(path: &Path, line: &str) -> Result<OwnedFd, String> {
    let said = || -> io::Result<OwnedFd> {
        // The folders on the way are ours alone, and stay so: this leads to the socket without them.
        let socket = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let direct = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let mode = fs::metadata(path)?.permissions();
        fs::set_permissions(path, Permissions::from_mode(CARELESS))?;
        let dialled = as_user(NOBODY, || Ok(crowd::dial(Path::new(&direct))?));
        fs::set_permissions(path, mode)?;
        let mut stream = dialled?;
        match stream.write_all(format!("{line}\n").as_bytes()) {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Err(error),
            _ => Ok(stream.into()),
        }
    };
    said().map_err(|error| format!("somebody of another user could not give an order: {error}"))
}

/// Sends a datagram to the NOTIFY_SOCKET of each of these.
///
/// # Errors
/// One of them has no such socket, or it can't be reached, in words.
pub fn notify(who: &[Proc], text: &str) -> Result<OwnedFd, String> {
    let sent = || -> io::Result<OwnedFd> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        for proc in who {
            let value = procfs::variable(proc.pid, "NOTIFY_SOCKET").unwrap_or_default();
            let name = value.strip_prefix(b"@").ok_or(io::Error::other("it has no abstract NOTIFY_SOCKET"))?;
            let to = SocketAddrUnix::new_abstract_name(name)?;
            as_user(NOBODY, || Ok(sendto(&socket, text.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL, &to)?))?;
        }
        Ok(socket)
    };
    sent().map_err(|error| format!("somebody of another user could not notify: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;

    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

    use super::*;

    #[test]
    fn an_order_is_another_user_s_and_the_mode_is_what_it_was() {
        if let Some(why) = forbids() {
            eprintln!("skipped: {why}");
            return;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sock");
        let listener = UnixListener::bind(&path).expect("a listener");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        let held = order(&path, "stop").expect("it is heard");
        let (stream, _) = listener.accept().expect("somebody came");
        assert_eq!(getsockopt(&stream, PeerCredentials).expect("known").uid(), NOBODY);
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).expect("a line");
        assert_eq!(line, "stop\n");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(rustix::process::geteuid().is_root(), "the others are who they were");
        drop(held);
    }
}

//! Where the control sockets of this user's supervisors are.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect as connect_to, socket_with};
use rustix::process::geteuid;

use crate::config::nearest;
use crate::control::name_problem;
use crate::policy::ExitCode;

use super::talk::{Connection, Failure};

/// What the name of an instance is followed by.
const SUFFIX: &str = ".sock";

/// The longest path that a Unix socket can have (unix(7)), without the NUL.
const PATH_LIMIT: usize = 107;

/// An instance's name, for clap.
pub fn instance_name(text: &str) -> Result<String, String> {
    name_problem(text).map_or_else(|| Ok(text.to_owned()), Err)
}

/// The directory of the control sockets; it may not be there. `runtime` is the value of XDG_RUNTIME_DIR.
fn directory_for(runtime: Option<PathBuf>, user: u32) -> PathBuf {
    let owned = |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user);
    let usual = PathBuf::from(format!("/run/user/{user}"));
    match runtime.filter(|path| path.is_absolute()).or_else(|| owned(&usual).then_some(usual)) {
        Some(runtime) => runtime.join("supervisor"),
        None => PathBuf::from(format!("/tmp/supervisor-{user}")),
    }
}

fn directory() -> PathBuf {
    directory_for(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), geteuid().as_raw())
}

/// What is wrong with a directory that others could put a socket into.
fn unsafe_directory(found: &Metadata, user: u32) -> Option<String> {
    if !found.is_dir() {
        Some("it is no directory".to_owned())
    } else if found.uid() != user {
        Some(format!("it belongs to user {}, not to user {user}", found.uid()))
    } else {
        (found.mode() & 0o022 != 0).then(|| format!("others may write to it (mode {:o})", found.mode() & 0o777))
    }
}

/// The socket of an instance that is to be started; its directory is made if need be.
///
/// # Errors
/// The directory can't be made, or is not safe to use.
pub fn socket_to_be(name: &str) -> Result<PathBuf, Failure> {
    let directory = directory();
    let wrong = |what: String| {
        Failure::new(ExitCode::Config, format!("can't keep a control socket in {}: {what}", directory.display()))
    };
    if let Err(error) = DirBuilder::new().mode(0o700).recursive(true).create(&directory) {
        return Err(wrong(error.to_string()));
    }
    let found = fs::symlink_metadata(&directory).map_err(|error| wrong(error.to_string()))?;
    if let Some(what) = unsafe_directory(&found, geteuid().as_raw()) {
        return Err(wrong(what));
    }
    let socket = directory.join(format!("{name}{SUFFIX}"));
    let length = socket.as_os_str().len();
    if length > PATH_LIMIT {
        return Err(wrong(format!("the socket's path would have {length} bytes, more than {PATH_LIMIT}")));
    }
    Ok(socket)
}

/// Every socket of this user's, with the name of its instance, sorted; whether somebody answers there is not known.
pub fn sockets() -> Result<Vec<(String, PathBuf)>, Failure> {
    let directory = directory();
    let unreadable =
        |what: String| Failure::new(ExitCode::AddressInUse, format!("can't read {}: {what}", directory.display()));
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let found = fs::symlink_metadata(&directory).map_err(|error| unreadable(error.to_string()))?;
    if let Some(what) = unsafe_directory(&found, geteuid().as_raw()) {
        return Err(unreadable(what));
    }
    let mut sockets: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?.strip_suffix(SUFFIX)?.to_owned();
            Some((name, entry.path()))
        })
        .collect();
    sockets.sort();
    Ok(sockets)
}

/// Connects to the instance of this name, or to the only one that runs.
///
/// # Errors
/// Nobody runs, or not this one (the nearest name is told), or several do.
pub fn connect(name: Option<&str>) -> Result<Connection, Failure> {
    let sockets = sockets()?;
    if let Some(name) = name {
        let Some((_, socket)) = sockets.iter().find(|(known, _)| known == name) else {
            let hint = match sockets.as_slice() {
                [] => format!("none is there; start it with: supervisor run --name {name}"),
                some => nearest(name, some.iter().map(|(name, _)| name.as_str())),
            };
            return Err(Failure::new(ExitCode::AddressInUse, format!("no supervisor `{name}` runs; {hint}")));
        };
        return Connection::open(socket);
    }
    let mut running: Vec<(String, Connection)> = Vec::new();
    for (name, socket) in sockets {
        if let Ok(connection) = Connection::open(&socket) {
            running.push((name, connection));
        }
    }
    match running.len() {
        1 => Ok(running.remove(0).1),
        0 => Err(Failure::new(
            ExitCode::AddressInUse,
            "no supervisor with a name runs; one is started with: supervisor run --name NAME".to_owned(),
        )),
        _ => {
            let names: Vec<String> = running.into_iter().map(|(name, _)| name).collect();
            let text = format!("several supervisors run; choose one with --name: {}", names.join(", "));
            Err(Failure::new(ExitCode::Usage, text))
        }
    }
}

/// Who listens at a socket that is about to be listened on, in words. Whoever it is need not say a word: it may be frozen, or
/// no supervisor at all.
pub fn who_runs(socket: &Path) -> Option<String> {
    let address = SocketAddrUnix::new(socket).ok()?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    match connect_to(&probe, &address) {
        // Its backlog is full.
        Err(Errno::AGAIN) => Some("somebody who takes no connection now".to_owned()),
        Err(_) => None,
        Ok(()) => Some(match getsockopt(&probe, PeerCredentials).map_or(0, |peer| peer.pid()) {
            0 => "somebody in another pid namespace".to_owned(),
            pid => format!("process {pid}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_runtime_directory_comes_first_if_it_is_a_path() {
        let nobody = 4_000_000_000;
        assert_eq!(directory_for(Some("/run/mine".into()), 1), Path::new("/run/mine/supervisor"));
        assert_eq!(directory_for(Some("mine".into()), nobody), Path::new("/tmp/supervisor-4000000000"));
        assert_eq!(directory_for(None, nobody), Path::new("/tmp/supervisor-4000000000"));
    }

    #[test]
    fn a_directory_that_others_can_change_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let wrong = |mode: u32, user: u32| {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).expect("ours");
            unsafe_directory(&fs::metadata(dir.path()).expect("there"), user)
        };
        let own = geteuid().as_raw();
        assert_eq!(wrong(0o700, own), None);
        assert_eq!(wrong(0o777, own), Some("others may write to it (mode 777)".to_owned()));
        assert_eq!(wrong(0o700, own + 1), Some(format!("it belongs to user {own}, not to user {}", own + 1)));
    }
}

//! Listening sockets.

use std::fs::symlink_metadata;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, chmod, fchmod, flock, open};
use rustix::io::Errno as Sys;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, getsockname,
    listen, socket_with, sockopt,
};
use rustix::process::geteuid;

use crate::kernel::{Address, Errno, Fd, Listen, ListenOptions, Sharing};

use super::Unix;
use super::table::{Kind, Listener, MadePath};

/// Longer than any number of supervisors that start at the same instant keep each other waiting.
const ALONE_WITHIN: Duration = Duration::from_millis(500);

impl Listen for Unix {
    fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        let (fd, made) = match address {
            Address::Tcp(socket) => (tcp(socket, options)?, None),
            Address::Udp(socket) => (udp(socket, options)?, None),
            Address::Unix(path) => (unix(path, options)?, MadePath::new(path.clone())),
        };
        let address = bound(address, &fd);
        Ok(self.table.insert(fd, Kind::Listener(Box::new(Listener { address, made }))))
    }

    fn bound_address(&self, fd: Fd) -> Option<Address> {
        match self.table.get(fd).map(|open| &open.kind) {
            Ok(Kind::Listener(listener)) => Some(listener.address.clone()),
            _ => None,
        }
    }

    fn accept(&mut self, listener: Fd) -> Result<Fd, Errno> {
        let connection = accept_with(&self.table.get(listener)?.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        Ok(self.table.insert(connection, Kind::Plain))
    }
}

/// With the real port.
fn bound(asked: &Address, fd: &OwnedFd) -> Address {
    let socket = getsockname(fd).ok().and_then(|any: SocketAddrAny| SocketAddr::try_from(any).ok());
    match (asked, socket) {
        (Address::Tcp(_), Some(socket)) => Address::Tcp(socket),
        (Address::Udp(_), Some(socket)) => Address::Udp(socket),
        _ => asked.clone(),
    }
}

/// Whether the socket at a path was left by somebody who is dead. Then it is removed, if it is ours, and if nobody can be
/// about to listen there: with the lock that a start takes, and only if it looks dead under that lock, too.
pub fn clear_if_dead(path: &Path) -> bool {
    let Ok(address) = SocketAddrUnix::new(path) else { return false };
    if !is_dead(path, &address) {
        return false;
    }
    let alone = lock_directory(path);
    let ours = symlink_metadata(path).is_ok_and(|metadata| metadata.uid() == geteuid().as_raw());
    if alone.is_some() && ours && is_dead(path, &address) {
        // One that stays is found by the next who looks.
        _ = std::fs::remove_file(path);
    }
    true
}

fn socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Sys> {
    socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

fn internet(address: &SocketAddr, kind: SocketType, options: &ListenOptions) -> Result<OwnedFd, Sys> {
    let fd = match address {
        SocketAddr::V4(_) => socket(AddressFamily::INET, kind)?,
        SocketAddr::V6(_) => {
            let fd = socket(AddressFamily::INET6, kind)?;
            // Whatever the host's default is: unless asked for, [::] means IPv6, and 0.0.0.0 beside it is no conflict.
            sockopt::set_ipv6_v6only(&fd, !options.dual_stack)?;
            fd
        }
    };
    if options.sharing == Sharing::Next {
        sockopt::set_socket_reuseport(&fd, true)?;
    }
    Ok(fd)
}

/// Lets others in, after everything that would have let this one in to others.
fn open_up(fd: &OwnedFd, options: &ListenOptions) -> Result<(), Sys> {
    if options.sharing == Sharing::First { sockopt::set_socket_reuseport(fd, true) } else { Ok(()) }
}

fn tcp(address: &SocketAddr, options: &ListenOptions) -> Result<OwnedFd, Sys> {
    let fd = internet(address, SocketType::STREAM, options)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    bind(&fd, address)?;
    listen(&fd, backlog(options))?;
    open_up(&fd, options)?;
    Ok(fd)
}

/// No SO_REUSEADDR: for UDP it lets a second process take the same port and half of the datagrams.
fn udp(address: &SocketAddr, options: &ListenOptions) -> Result<OwnedFd, Sys> {
    let fd = internet(address, SocketType::DGRAM, options)?;
    bind(&fd, address)?;
    open_up(&fd, options)?;
    Ok(fd)
}

fn backlog(options: &ListenOptions) -> i32 {
    i32::try_from(options.backlog).unwrap_or(i32::MAX)
}

fn unix(path: &Path, options: &ListenOptions) -> Result<OwnedFd, Sys> {
    let address = SocketAddrUnix::new(path)?;
    let fd = socket(AddressFamily::UNIX, SocketType::STREAM)?;
    let _alone = lock_directory(path);
    let mode = options.mode.map(Mode::from_raw_mode);
    if let Some(mode) = mode {
        // The file is made with this less the umask, so that at no time anybody may do more than said.
        fchmod(&fd, mode)?;
    }
    match bind(&fd, &address) {
        Err(Sys::ADDRINUSE) if is_dead(path, &address) => {
            std::fs::remove_file(path).map_err(|error| Sys::from_io_error(&error).unwrap_or(Sys::ADDRINUSE))?;
            bind(&fd, &address)?;
        }
        other => other?,
    }
    // And now without the umask, before anybody can connect.
    let opened = mode.map_or(Ok(()), |mode| chmod(path, mode)).and_then(|()| listen(&fd, backlog(options)));
    if let Err(errno) = opened {
        _ = std::fs::remove_file(path);
        return Err(errno);
    }
    Ok(fd)
}

/// Keeps other supervisors from the directory of a socket until it is dropped. Of several that find the same dead socket
/// one would else remove what another has just put in its place; and one that is bound and not yet listened on looks dead.
/// Whoever holds the lock for longer than such a moment is no supervisor that starts, and is not waited for; neither is a
/// directory that can't be read.
fn lock_directory(path: &Path) -> Option<OwnedFd> {
    // A bare name has a parent that is empty.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = open(parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let begin = Instant::now();
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Sys::WOULDBLOCK) if begin.elapsed() < ALONE_WITHIN => std::thread::sleep(Duration::from_millis(1)),
            locked => return locked.ok().map(|()| directory),
        }
    }
}

/// Whether a socket that nobody listens on any more is at the path. A live one accepts or is too busy to (EAGAIN).
fn is_dead(path: &Path, address: &SocketAddrUnix) -> bool {
    let is_socket = symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket
        && socket(AddressFamily::UNIX, SocketType::STREAM)
            .is_ok_and(|probe| connect(&probe, address) == Err(Sys::CONNREFUSED))
}

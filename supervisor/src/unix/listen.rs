//! Listening sockets.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::io::Errno as Sys;
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname, listen,
    socket_with, sockopt,
};

use crate::kernel::{Address, Errno, Fd, Listen, ListenOptions};

use super::Unix;
use super::table::{Kind, MadePath};

impl Listen for Unix {
    fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
        let (fd, made) = match address {
            Address::Tcp(socket) => (tcp(socket, backlog)?, None),
            Address::Udp(socket) => (udp(socket)?, None),
            Address::Unix(path) => (unix(path, backlog)?, MadePath::new(path.clone())),
        };
        let address = bound(address, &fd);
        Ok(self.table.insert(fd, Kind::Listener { address, made }))
    }

    fn bound_address(&self, fd: Fd) -> Option<Address> {
        match self.table.get(fd).map(|open| &open.kind) {
            Ok(Kind::Listener { address, .. }) => Some(address.clone()),
            _ => None,
        }
    }

    fn accept(&mut self, _listener: Fd) -> Result<Fd, Errno> {
        Err(Errno::NOSYS)
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

fn socket(family: AddressFamily, kind: SocketType) -> Result<OwnedFd, Sys> {
    socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

fn internet(address: &SocketAddr, kind: SocketType) -> Result<OwnedFd, Sys> {
    match address {
        SocketAddr::V4(_) => socket(AddressFamily::INET, kind),
        SocketAddr::V6(_) => {
            let fd = socket(AddressFamily::INET6, kind)?;
            // Whatever the host's default is: [::] means IPv6, and 0.0.0.0 beside it is no conflict.
            sockopt::set_ipv6_v6only(&fd, true)?;
            Ok(fd)
        }
    }
}

fn tcp(address: &SocketAddr, backlog: i32) -> Result<OwnedFd, Sys> {
    let fd = internet(address, SocketType::STREAM)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    bind(&fd, address)?;
    listen(&fd, backlog)?;
    Ok(fd)
}

/// No SO_REUSEADDR: for UDP it lets a second process take the same port and half of the datagrams.
fn udp(address: &SocketAddr) -> Result<OwnedFd, Sys> {
    let fd = internet(address, SocketType::DGRAM)?;
    bind(&fd, address)?;
    Ok(fd)
}

fn unix(path: &Path, backlog: i32) -> Result<OwnedFd, Sys> {
    let address = SocketAddrUnix::new(path)?;
    let fd = socket(AddressFamily::UNIX, SocketType::STREAM)?;
    match bind(&fd, &address) {
        Err(Sys::ADDRINUSE) if is_dead(path, &address) => {
            std::fs::remove_file(path).map_err(|error| Sys::from_io_error(&error).unwrap_or(Sys::ADDRINUSE))?;
            bind(&fd, &address)?;
        }
        other => other?,
    }
    listen(&fd, backlog)?;
    Ok(fd)
}

/// Whether a socket that nobody listens on any more is at the path. A live one accepts or is too busy to (EAGAIN).
fn is_dead(path: &Path, address: &SocketAddrUnix) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket
        && socket(AddressFamily::UNIX, SocketType::STREAM)
            .is_ok_and(|probe| connect(&probe, address) == Err(Sys::CONNREFUSED))
}

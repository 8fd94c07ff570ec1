//! Stream and datagram sockets, and pipes that are read.

use std::ffi::OsStr;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::libc;
use rustix::io::{Errno as Sys, read};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, recvmsg, send, sendmsg, sendto, socket_with, sockopt,
};
use rustix::process::{Pid, geteuid, getpgid, getpid};

use crate::kernel::{Child, Errno, Fd, Peer, Received, Streams};

use super::table::{Kind, raised};
use super::{Unix, last_errno};

/// How many datagrams of strangers are skipped in one call.
const SKIPPED: usize = 16;

/// Room for as many descriptors as one message can carry (SCM_MAX_FD), so that none is lost and each can be closed.
const RIGHTS: usize = rustix::cmsg_space!(ScmRights(253));

/// Room for one.
const ONE_RIGHT: usize = rustix::cmsg_space!(ScmRights(1));

impl Streams for Unix {
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        let open = self.table.get(fd)?;
        if matches!(open.kind, Kind::Pipe) {
            return Ok(Received { bytes: read(&open.fd, buffer)?, handle: None });
        }
        let (bytes, handle) = receive_with_handle(&open.fd, buffer)?;
        Ok(Received { bytes, handle: handle.map(|handle| self.table.insert(handle, Kind::Plain)) })
    }

    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        Ok(send(&self.table.get(fd)?.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        if bytes.is_empty() {
            // The kernel would take the message, deliver nothing and say 0.
            return Err(Errno(libc::EINVAL));
        }
        let rights = [self.table.get(handle)?.fd.as_fd()];
        let mut space = [MaybeUninit::uninit(); ONE_RIGHT];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&rights));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(sendmsg(&self.table.get(fd)?.fd, &[IoSlice::new(bytes)], &mut control, flags)?)
    }

    fn peer(&mut self, fd: Fd) -> Result<Peer, Errno> {
        let socket = &self.table.get(fd)?.fd;
        let peer = nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::PeerCredentials)
            .map_err(|errno| Errno(errno as i32))?;
        if peer.uid() == libc::uid_t::MAX {
            // What a socket that has no such thing says instead of an error.
            return Err(Errno(libc::EINVAL));
        }
        // 0 is somebody in another pid namespace.
        Ok(Peer { pid: u32::try_from(peer.pid()).unwrap_or(0), user: peer.uid() })
    }

    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        sockopt::set_socket_passcred(&fd, true)?;
        self.notify_sockets += 1;
        // An abstract name needs no directory and leaves no file. Pid and start keep supervisors apart that share a
        // network namespace.
        let start = self.started.as_nanos();
        let name = format!("supervisor/{}/{start}/{}", getpid().as_raw_nonzero(), self.notify_sockets);
        bind(&fd, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        Ok((self.table.insert(raised(fd), Kind::Plain), format!("@{name}")))
    }

    fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        let socket = self.table.get(fd)?.fd.as_raw_fd();
        for _ in 0..SKIPPED {
            let (length, sender) = receive_with_sender(socket, buffer)?;
            if sender.is_some_and(|sender| self.may_notify(&sender)) {
                return Ok(length);
            }
        }
        Err(Errno::AGAIN)
    }

    fn close(&mut self, fd: Fd) {
        self.table.close(fd);
    }
}

/// One datagram from a socket that nobody can answer to, and that is gone when it is sent.
pub(super) fn send_to(address: &OsStr, text: &str) -> Result<(), Errno> {
    let bytes = address.as_bytes();
    let to = match bytes.split_first() {
        Some((b'@', name)) => SocketAddrUnix::new_abstract_name(name)?,
        Some((b'/', _)) => SocketAddrUnix::new(bytes)?,
        _ => return Err(Errno::INVAL),
    };
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, text.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL, &to)?;
    Ok(())
}

/// Bytes and the first descriptor that came with them; others are closed. A descriptor for which we have no number left
/// is gone, and nothing says so but that it is missing.
fn receive_with_handle(socket: &OwnedFd, buffer: &mut [u8]) -> Result<(usize, Option<OwnedFd>), Sys> {
    let mut space = [MaybeUninit::uninit(); RIGHTS];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let bytes = recvmsg(socket, &mut [std::io::IoSliceMut::new(buffer)], &mut control, flags)?.bytes;
    let mut first = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            for handle in rights {
                first.get_or_insert(handle);
            }
        }
    }
    Ok((bytes, first))
}

impl Unix {
    /// An abstract name is no secret, so the sender counts: root, our own user (who could signal us as well), or a member
    /// of a worker's process group, whatever user that became.
    fn may_notify(&self, sender: &libc::ucred) -> bool {
        sender.uid == 0
            || sender.uid == geteuid().as_raw()
            || Pid::from_raw(sender.pid)
                .and_then(|pid| getpgid(Some(pid)).ok())
                .and_then(|group| u32::try_from(group.as_raw_nonzero().get()).ok())
                .is_some_and(|group| self.children.contains(&Child(group)))
    }
}

/// One datagram and who sent it. The control buffer has room for the credentials alone, so the kernel closes descriptors
/// that came along: that is what a BARRIER=1 waits for.
fn receive_with_sender(socket: i32, buffer: &mut [u8]) -> Result<(usize, Option<libc::ucred>), Errno> {
    #[repr(C, align(8))]
    struct Control([u8; CONTROL]);
    let mut control = Control([0; CONTROL]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all-zero is a valid msghdr; the pointers are to live buffers of the lengths given, aligned as cmsghdr needs.
    // The credentials are read unaligned from a header that the kernel filled and that CMSG_FIRSTHDR found in bounds.
    unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL as _;
        let length = libc::recvmsg(socket, &raw mut header, libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC);
        let Ok(length) = usize::try_from(length) else { return Err(last_errno()) };
        let first = libc::CMSG_FIRSTHDR(&raw const header);
        let vouched = !first.is_null()
            && (*first).cmsg_level == libc::SOL_SOCKET
            && (*first).cmsg_type == libc::SCM_CREDENTIALS
            && (*first).cmsg_len as usize >= libc::CMSG_LEN(size_of::<libc::ucred>() as u32) as usize;
        let sender = vouched.then(|| libc::CMSG_DATA(first).cast::<libc::ucred>().read_unaligned());
        Ok((length, sender))
    }
}

/// `CMSG_SPACE(sizeof(struct ucred))`.
// SAFETY: arithmetic.
const CONTROL: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as u32) } as usize;

//! Stream and datagram sockets.

use std::os::fd::AsRawFd;

use nix::libc;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, recv, send, socket_with,
    sockopt,
};
use rustix::process::{Pid, geteuid, getpgid, getpid};

use crate::kernel::{Child, Errno, Fd, Peer, Received, Streams};

use super::table::Kind;
use super::{Unix, last_errno};

/// How many datagrams of strangers are skipped in one call.
const SKIPPED: usize = 16;

impl Streams for Unix {
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        // Without room for control data the kernel closes descriptors that come along.
        let (bytes, _) = recv(&self.table.get(fd)?.fd, buffer, RecvFlags::DONTWAIT)?;
        Ok(Received { bytes, handle: None })
    }

    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        Ok(send(&self.table.get(fd)?.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn send_handle(&mut self, _fd: Fd, _bytes: &[u8], _handle: Fd) -> Result<usize, Errno> {
        Err(Errno::NOSYS)
    }

    fn peer(&mut self, _fd: Fd) -> Result<Peer, Errno> {
        Err(Errno::NOSYS)
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
        Ok((self.table.insert(fd, Kind::Plain), format!("@{name}")))
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

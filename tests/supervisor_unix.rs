//! The real kernel against its contract: time, streams, listeners, files. One kernel per process, so these take turns.

use std::fs;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use supervisor::kernel::{Address, Clock, Errno, Fd, Files, Listen, ListenOptions, Own, Sharing, Streams, Wait, Watch};
use supervisor::unix::Unix;

mod kernel_support;

use kernel_support::kernel;

#[test]
fn a_wait_is_neither_early_nor_rounded_to_nothing() {
    let (_turn, mut kernel) = kernel();
    kernel.take_signals();
    for span in [Duration::from_micros(900), Duration::from_nanos(1_000_001)] {
        let until = kernel.now() + span;
        kernel.wait(&[], Some(until), &mut Vec::new()).expect("no error");
        assert!(kernel.now() >= until);
    }
    let past = kernel.now() - Duration::from_secs(1);
    let begin = Instant::now();
    kernel.wait(&[], Some(past), &mut Vec::new()).expect("no error");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn closed_handles_are_ebadf() {
    let (_turn, mut kernel) = kernel();
    let (fd, _) = kernel.notify_socket().expect("a socket");
    kernel.close(fd);
    kernel.close(fd);
    assert_eq!(kernel.receive(fd, &mut [0]), Err(Errno::BADF));
    assert_eq!(kernel.write(fd, b"x"), Err(Errno::BADF));
    let watch = Watch { fd, read: true, write: false };
    assert_eq!(kernel.wait(&[watch], None, &mut Vec::new()), Err(Errno::BADF));
    assert_eq!(kernel.inherited(1000), Err(Errno::BADF));
    assert_eq!(kernel.inherited(-1), Err(Errno::BADF));
}

#[test]
fn a_notify_socket_takes_datagrams_and_is_never_the_same() {
    let (_turn, mut kernel) = kernel();
    let (fd, name) = kernel.notify_socket().expect("a socket");
    let (other, other_name) = kernel.notify_socket().expect("a socket");
    assert_ne!(name, other_name);
    let mut buffer = [0; 100];
    assert_eq!(kernel.receive_datagram(fd, &mut buffer), Err(Errno::AGAIN));
    let address = SocketAddr::from_abstract_name(&name[1..]).expect("a name");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.send_to_addr(b"READY=1", &address).expect("sent");
    sender.send_to_addr(b"", &address).expect("sent");
    assert_eq!(kernel.receive_datagram(fd, &mut buffer), Ok(7));
    assert_eq!(&buffer[..7], b"READY=1");
    assert_eq!(kernel.receive_datagram(fd, &mut buffer), Ok(0), "an empty one is one");
    assert_eq!(kernel.receive_datagram(fd, &mut buffer), Err(Errno::AGAIN));
    kernel.close(fd);
    kernel.close(other);
}

/// A BARRIER=1 waits until its descriptor is closed by us.
#[test]
fn descriptors_that_come_with_a_datagram_are_closed() {
    use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socket};
    use std::os::fd::AsRawFd;
    let (_turn, mut kernel) = kernel();
    let (fd, name) = kernel.notify_socket().expect("a socket");
    let address = UnixAddr::new_abstract(&name.as_bytes()[1..]).expect("a name");
    let sender = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let part = [std::io::IoSlice::new(b"BARRIER=1")];
    let rights = [writer.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg(sender.as_raw_fd(), &part, &control, MsgFlags::empty(), Some(&address)).expect("sent");
    drop(writer);
    assert_eq!(kernel.receive_datagram(fd, &mut [0; 100]), Ok(9));
    assert_eq!(reader.read(&mut [0]).expect("the end"), 0, "nobody has the writing end");
    kernel.close(fd);
}

fn at(path: &Path) -> Address {
    Address::Unix(path.to_owned())
}

#[test]
fn a_dead_unix_socket_is_replaced_a_live_one_and_a_file_are_not() {
    let (_turn, mut kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("web.sock");
    drop(UnixListener::bind(&path).expect("bound"));
    assert!(path.exists(), "a dead one");
    let fd = kernel.listen(&at(&path), &ListenOptions::backlog(4)).expect("replaced");
    UnixStream::connect(&path).expect("it listens");
    assert_eq!(kernel.bound_address(fd), Some(Address::Unix(path.clone())));
    assert_eq!(kernel.listen(&at(&path), &ListenOptions::backlog(4)), Err(Errno::ADDRINUSE), "a live one stays");
    kernel.close(fd);
    assert!(!path.exists(), "removed with its listener");
    fs::write(&path, "precious").expect("a file");
    assert_eq!(kernel.listen(&at(&path), &ListenOptions::backlog(4)), Err(Errno::ADDRINUSE));
    assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
}

#[test]
fn a_path_that_somebody_else_took_over_is_not_removed() {
    let (_turn, mut kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("web.sock");
    let fd = kernel.listen(&at(&path), &ListenOptions::backlog(4)).expect("bound");
    fs::remove_file(&path).expect("removed");
    let _successor = UnixListener::bind(&path).expect("bound");
    kernel.close(fd);
    UnixStream::connect(&path).expect("the successor is untouched");
}

#[test]
fn ports_are_exclusive() {
    let (_turn, mut kernel) = kernel();
    let tcp = kernel
        .listen(&Address::Tcp("127.0.0.1:0".parse().expect("an address")), &ListenOptions::backlog(4))
        .expect("bound");
    let again = kernel.bound_address(tcp).expect("bound");
    assert_eq!(kernel.listen(&again, &ListenOptions::backlog(4)), Err(Errno::ADDRINUSE));
    let udp = kernel
        .listen(&Address::Udp("127.0.0.1:0".parse().expect("an address")), &ListenOptions::backlog(4))
        .expect("bound");
    let again = kernel.bound_address(udp).expect("bound");
    assert_eq!(kernel.listen(&again, &ListenOptions::backlog(4)), Err(Errno::ADDRINUSE));
    kernel.close(tcp);
    kernel.close(udp);
}

#[test]
fn a_full_pipe_is_again_and_a_broken_one_an_error() {
    let (_turn, mut kernel) = kernel();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let number = std::os::fd::AsRawFd::as_raw_fd(&writer);
    let fd = kernel.inherited(number).expect("open");
    let chunk = vec![b'x'; 65536];
    let mut written = 0;
    let end = loop {
        match kernel.write(fd, &chunk) {
            Ok(count) => written += count,
            Err(errno) => break errno,
        }
        assert!(written <= 1 << 24, "it never fills");
    };
    assert_eq!(end, Errno::AGAIN);
    let flags = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_GETFL).expect("flags");
    assert_eq!(flags & nix::libc::O_NONBLOCK, 0, "the inherited one still blocks for everybody else");
    drop(reader);
    assert_eq!(kernel.write(fd, b"x"), Err(Errno::PIPE));
    kernel.close(fd);
}

fn tcp(address: &str) -> Address {
    Address::Tcp(address.parse().expect("an address"))
}

/// What was accepted, as soon as it is there.
fn accept(kernel: &mut Unix, listener: Fd) -> Fd {
    readable(kernel, listener);
    kernel.accept(listener).expect("a connection")
}

fn readable(kernel: &mut Unix, fd: Fd) {
    let until = kernel.now() + Duration::from_secs(30);
    let mut ready = Vec::new();
    while ready.is_empty() {
        assert!(kernel.now() < until, "nothing came");
        _ = kernel.wait(&[Watch { fd, read: true, write: false }], Some(until), &mut ready);
    }
}

/// Both ends of a Unix connection: the kernel's and ours.
fn connection(kernel: &mut Unix) -> (Fd, UnixStream) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("sock");
    let listener = kernel.listen(&at(&path), &ListenOptions::backlog(4)).expect("bound");
    let stream = UnixStream::connect(&path).expect("it listens");
    let fd = accept(kernel, listener);
    kernel.close(listener);
    (fd, stream)
}

#[test]
fn accepted_connections_are_ours_alone_and_never_block() {
    let (_turn, mut kernel) = kernel();
    let listener = kernel.listen(&tcp("127.0.0.1:0"), &ListenOptions::backlog(4)).expect("bound");
    let Some(Address::Tcp(address)) = kernel.bound_address(listener) else { panic!("no address") };
    assert_eq!(kernel.accept(listener), Err(Errno::AGAIN));
    let mut client = TcpStream::connect(address).expect("it listens");
    let fd = accept(&mut kernel, listener);
    assert_eq!(kernel.receive(fd, &mut [0; 8]), Err(Errno::AGAIN));
    assert_eq!(flags(fd) & (OFlag::O_CLOEXEC | OFlag::O_NONBLOCK), OFlag::O_CLOEXEC | OFlag::O_NONBLOCK);
    client.write_all(b"x").expect("sent");
    readable(&mut kernel, fd);
    assert_eq!(kernel.receive(fd, &mut [0; 8]).map(|received| received.bytes), Ok(1));
    assert_eq!(kernel.peer(fd), Err(Errno(22)), "TCP has no such thing");
    kernel.close(fd);
    kernel.close(listener);
    assert_eq!(kernel.accept(listener), Err(Errno::BADF));
}

#[test]
fn a_peer_is_who_connected() {
    let (_turn, mut kernel) = kernel();
    let (fd, _stream) = connection(&mut kernel);
    let peer = kernel.peer(fd).expect("a Unix connection");
    assert_eq!((peer.pid, peer.user), (std::process::id(), nix::unistd::geteuid().as_raw()));
    kernel.close(fd);
}

/// Whoever has the other end of the pipe can write through the descriptor that came out.
#[test]
fn a_handle_arrives_as_what_was_sent() {
    let (_turn, mut kernel) = kernel();
    let (one, stream) = connection(&mut kernel);
    let (two, other) = connection(&mut kernel);
    assert_eq!(kernel.send_handle(one, b"", two), Err(Errno(22)), "it needs a byte to travel with");
    assert_eq!(kernel.send_handle(one, b"take", two), Ok(4));
    kernel.close(two);
    let mut fds = take_rights(&stream, b"take");
    let mut writer = std::fs::File::from(fds.pop().expect("a descriptor"));
    assert!(fds.is_empty());
    writer.write_all(b"through").expect("written");
    drop(writer);
    let mut text = String::new();
    (&other).read_to_string(&mut text).expect("its end");
    assert_eq!(text, "through");
    kernel.close(one);
}

#[test]
fn of_many_handles_the_first_is_kept_and_the_others_are_closed() {
    let (_turn, mut kernel) = kernel();
    let (fd, stream) = connection(&mut kernel);
    let (mut first, first_end) = std::io::pipe().expect("a pipe");
    let (mut others, other_end) = std::io::pipe().expect("a pipe");
    let mut rights: Vec<RawFd> = vec![other_end.as_raw_fd(); 253];
    rights[0] = first_end.as_raw_fd();
    send_rights(&stream, b"many", &rights);
    (&stream).write_all(b"more").expect("sent");
    drop((first_end, other_end));
    let mut buffer = [0; 64];
    let received = kernel.receive(fd, &mut buffer).expect("bytes");
    assert_eq!(&buffer[..received.bytes], b"many", "a read ends after what carried a handle");
    let handle = received.handle.expect("the first");
    assert_eq!(others.read(&mut [0]).expect("the end"), 0, "nobody has the others");
    assert_eq!(kernel.write(handle, b"1"), Ok(1));
    assert_eq!(first.read(&mut [0]).expect("a byte"), 1);
    let plain = kernel.receive(fd, &mut buffer).expect("bytes");
    assert_eq!((&buffer[..plain.bytes], plain.handle), (&b"more"[..], None));
    kernel.close(handle);
    kernel.close(fd);
    assert_eq!(first.read(&mut [0]).expect("the end"), 0);
}

/// Handles that nobody receives pile up to the limit for descriptors, and go when somebody does.
#[test]
fn too_many_handles_in_flight_are_told_from_a_full_channel() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use nix::unistd::{Uid, geteuid, seteuid};
    let (_turn, mut kernel) = kernel();
    let (fd, stream) = connection(&mut kernel);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let before = geteuid();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).expect("lower");
    if before.is_root() {
        // Root may have any number in flight.
        seteuid(Uid::from_raw(1234)).expect("root may");
    }
    let end = (0..10_000).find_map(|_| kernel.send_handle(fd, b"x", fd).err());
    seteuid(before).expect("as before");
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("as before");
    assert_eq!(end, Some(Errno::TOOMANYREFS));
    take_rights(&stream, b"x");
    kernel.close(fd);
}

#[test]
fn a_port_is_shared_by_those_who_all_say_so() {
    let (_turn, mut kernel) = kernel();
    let [first, next] =
        [Sharing::First, Sharing::Next].map(|sharing| ListenOptions { sharing, ..ListenOptions::backlog(4) });
    for at in [tcp("127.0.0.1:0"), Address::Udp("127.0.0.1:0".parse().expect("an address"))] {
        let one = kernel.listen(&at, &first).expect("bound");
        let address = kernel.bound_address(one).expect("bound");
        let two = kernel.listen(&address, &next).expect("shared");
        for not_beside_others in [&first, &ListenOptions::backlog(4)] {
            assert_eq!(kernel.listen(&address, not_beside_others), Err(Errno::ADDRINUSE));
        }
        kernel.close(one);
        kernel.close(two);
    }
}

#[test]
fn ipv4_reaches_an_ipv6_listener_only_if_that_was_asked_for() {
    let (_turn, mut kernel) = kernel();
    for dual_stack in [true, false] {
        let options = ListenOptions { dual_stack, ..ListenOptions::backlog(4) };
        let Ok(listener) = kernel.listen(&tcp("[::]:0"), &options) else {
            eprintln!("skipped: no IPv6 on this machine");
            return;
        };
        let Some(Address::Tcp(address)) = kernel.bound_address(listener) else { panic!("no address") };
        let reached = TcpStream::connect(("127.0.0.1", address.port())).is_ok();
        assert_eq!(reached, dual_stack);
        kernel.close(listener);
    }
}

#[test]
fn a_unix_socket_has_the_mode_that_was_asked_for_whatever_the_umask() {
    use nix::sys::stat::{Mode, umask};
    let (_turn, mut kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let before = umask(Mode::from_bits_truncate(0o027));
    let modes: Vec<u32> = [Some(0o600), Some(0o666), Some(0o777), None]
        .map(|mode| {
            let path = dir.path().join("sock");
            let fd = kernel.listen(&at(&path), &ListenOptions { mode, ..ListenOptions::backlog(4) }).expect("bound");
            let mode = fs::metadata(&path).expect("made").permissions().mode() & 0o777;
            kernel.close(fd);
            mode
        })
        .into();
    umask(before);
    assert_eq!(modes, [0o600, 0o666, 0o777, 0o750]);
}

#[test]
fn a_file_is_read_to_its_end_or_the_limit() {
    let (_turn, mut kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let text: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
    fs::write(&path, &text).expect("written");
    for limit in [0, 1, 4096, 4097, 9_999, 10_000, 1 << 20] {
        assert_eq!(kernel.read(&path, limit).expect("there"), text[..limit.min(10_000)], "{limit}");
    }
    let status = kernel.read(Path::new("/proc/self/status"), 1 << 16).expect("/proc");
    assert!(String::from_utf8_lossy(&status).contains("VmRSS"), "a size of 0 says nothing there");
    assert_eq!(kernel.read(&dir.path().join("none"), 10), Err(Errno::NOENT));
    assert_eq!(kernel.read(dir.path(), 10), Err(Errno(21)), "a directory");
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("made");
    assert_eq!(kernel.read(&fifo, 10), Ok(Vec::new()), "never waits for a writer");
}

fn send_rights(stream: &UnixStream, bytes: &[u8], rights: &[RawFd]) {
    let control = [ControlMessage::ScmRights(rights)];
    let sent = sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(bytes)], &control, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
}

fn take_rights(stream: &UnixStream, bytes: &[u8]) -> Vec<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = vec![0; bytes.len()];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut buffer)], &mut control, flags).expect("bytes");
    assert_eq!(&buffer[..received.bytes], bytes);
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    rights.flatten().collect()
}

/// The flags of a descriptor of this process and of what it is open on.
fn flags(fd: Fd) -> OFlag {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.0)).expect("open");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("the line");
    OFlag::from_bits_retain(i32::from_str_radix(flags.trim(), 8).expect("octal"))
}

#[test]
fn a_service_manager_is_told_at_once_or_not_at_all() {
    let (_turn, mut kernel) = kernel();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notify");
    let named = format!("supervisor-test/{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(&named).expect("a name");
    let listeners = [UnixDatagram::bind(&path), UnixDatagram::bind_addr(&abstract_name)].map(|one| one.expect("bound"));
    let addresses = [path.clone().into_os_string(), format!("@{named}").into()];
    let mut buffer = [0; 64];
    for (listener, address) in listeners.iter().zip(&addresses) {
        assert_eq!(kernel.notify(address, "READY=1"), Ok(()));
        let length = listener.recv(&mut buffer).expect("there");
        assert_eq!(&buffer[..length], b"READY=1");
        let full = (0..100_000).find_map(|_| kernel.notify(address, "WATCHDOG=1").err());
        assert_eq!(full, Some(Errno::AGAIN), "nobody reads, and nobody waits for that");
    }
    drop(listeners);
    for (address, errno) in addresses.iter().zip([111, 111]) {
        assert_eq!(kernel.notify(address, "READY=1"), Err(Errno(errno)));
    }
    std::fs::remove_file(path).expect("there");
    for (address, errno) in [(addresses[0].as_os_str(), 2), ("notify".as_ref(), 22), ("".as_ref(), 22)] {
        assert_eq!(kernel.notify(address, "READY=1"), Err(Errno(errno)));
    }
}

//! The real kernel against its contract. One kernel per process, so these take turns.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use supervisor::core::{ExitStatus, Signal, SpawnError, SpawnStep};
use supervisor::kernel::{
    Address, Child, Clock, Errno, Fd, Files, Listen, ListenOptions, Processes, Scope, SpawnSpec, Spawned, Streams,
    Wait, Watch,
};
use supervisor::unix::Unix;

static TURN: Mutex<()> = Mutex::new(());

fn kernel() -> (MutexGuard<'static, ()>, Unix) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (turn, Unix::start().expect("it starts"))
}

fn spec(argv: &[&str]) -> SpawnSpec {
    SpawnSpec {
        argv: argv.iter().map(OsString::from).collect(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        fds: Vec::new(),
        channel: true,
        listen_pid: false,
        on_parent_death: Some(Signal::Term),
        ..SpawnSpec::default()
    }
}

fn shell(script: &str) -> SpawnSpec {
    spec(&["sh", "-c", script])
}

/// Waits for the end of the one child, and reaps it.
fn end_of(kernel: &mut Unix, child: Child) -> ExitStatus {
    let until = kernel.now() + Duration::from_secs(30);
    loop {
        if let Some((ended, status)) = kernel.ended().expect("no error") {
            assert_eq!(ended, child);
            assert_eq!(kernel.ended(), Ok(Some((child, status))), "named again until it is reaped");
            kernel.reap(child).expect("it is there");
            assert_eq!(kernel.ended(), Ok(None));
            assert_eq!(kernel.signal(child, Signal::Term.into(), Scope::Process), Err(Errno::SRCH), "its pid is free");
            return status;
        }
        assert!(kernel.now() < until, "it never ended");
        _ = kernel.wait(&[], Some(until), &mut Vec::new());
        kernel.take_signals();
    }
}

/// Everything that the child writes to its channel.
fn said(kernel: &mut Unix, channel: Fd) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match kernel.receive(channel, &mut buffer) {
            Ok(received) if received.bytes == 0 => break,
            Ok(received) => all.extend_from_slice(&buffer[..received.bytes]),
            Err(Errno::AGAIN) => {
                let until = kernel.now() + Duration::from_secs(30);
                let watch = Watch { fd: channel, read: true, write: false };
                _ = kernel.wait(&[watch], Some(until), &mut Vec::new());
            }
            Err(errno) => panic!("{errno:?}"),
        }
    }
    kernel.close(channel);
    String::from_utf8(all).expect("UTF-8")
}

/// What a script on descriptor 3 says about itself, and how it ends.
fn answer(kernel: &mut Unix, spec: &SpawnSpec) -> (Child, String, ExitStatus) {
    let Spawned { child, channel, .. } = kernel.spawn(spec).expect("it starts");
    let text = said(kernel, channel.expect("a channel"));
    (child, text, end_of(kernel, child))
}

#[test]
fn a_missing_program_is_an_exec_error_and_leaves_nothing() {
    let (_turn, mut kernel) = kernel();
    let open = || fs::read_dir("/proc/self/fd").expect("/proc").count();
    let listener = kernel
        .listen(&Address::Tcp("127.0.0.1:0".parse().expect("an address")), &ListenOptions::backlog(1))
        .expect("bound");
    let before = open();
    for (program, errno) in [("/nonexistent/program", 2), ("no-such-program", 2), ("/etc/passwd", 13), ("/", 13)] {
        // With listeners the child's numbers 3 to 6 are overwritten: a report must survive that.
        let spec = SpawnSpec { fds: vec![listener; 3], ..spec(&[program]) };
        assert_eq!(kernel.spawn(&spec), Err(SpawnError { step: SpawnStep::Exec, errno }), "{program}");
        assert_eq!(kernel.ended(), Ok(None));
    }
    assert_eq!(open(), before, "no descriptor is left");
    let nul = kernel.spawn(&spec(&["a\0b"]));
    assert_eq!(nul, Err(SpawnError { step: SpawnStep::Setup, errno: 22 }));
    kernel.close(listener);
}

#[test]
fn a_program_gets_its_descriptors_and_no_other() {
    let (_turn, mut kernel) = kernel();
    let _strays: Vec<_> = (0..8).map(|_| fs::File::open("/dev/null").expect("there")).collect();
    let address = Address::Tcp("127.0.0.1:0".parse().expect("an address"));
    let fds: Vec<Fd> = (0..3).map(|_| kernel.listen(&address, &ListenOptions::backlog(1)).expect("bound")).collect();
    let (_, text, _) = answer(&mut kernel, &SpawnSpec { fds: fds.clone(), ..shell("exec ls -l /proc/self/fd >&6") });
    let all: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.rsplit_once(" -> "))
        .map(|(left, target)| (left.rsplit(' ').next().unwrap_or(""), target))
        // The directory that ls reads.
        .filter(|(_, target)| !target.starts_with("/proc/"))
        .collect();
    let numbers: Vec<&str> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6"], "{text}");
    assert!(all[3..].iter().all(|(_, target)| target.starts_with("socket:")), "{text}");
    fds.into_iter().for_each(|fd| kernel.close(fd));
}

#[test]
fn a_program_starts_with_clean_signals_in_a_group_of_its_own() {
    let (_turn, mut kernel) = kernel();
    let spec = SpawnSpec {
        listen_pid: true,
        ..spec(&["sh", "-c", "echo $LISTEN_PID >&3; exec cat /proc/self/status /proc/self/stat >&3"])
    };
    let (child, text, status) = answer(&mut kernel, &spec);
    assert_eq!(status, ExitStatus::Code(0));
    assert_eq!(text.lines().next(), Some(child.0.to_string().as_str()), "LISTEN_PID is right");
    for mask in ["SigBlk:", "SigIgn:"] {
        let line = text.lines().find(|line| line.starts_with(mask)).expect("the line");
        assert!(line.ends_with("\t0000000000000000"), "{line}");
    }
    let stat = text.lines().last().expect("a line");
    let group = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(2)).expect("field 5");
    assert_eq!(group, child.0.to_string());
}

#[test]
fn statuses_are_told_apart_real_time_signals_included() {
    let (_turn, mut kernel) = kernel();
    assert_eq!(answer(&mut kernel, &shell("exit 7")).2, ExitStatus::Code(7));
    assert_eq!(answer(&mut kernel, &shell("kill -9 $$")).2, ExitStatus::Signal(9));
    assert_eq!(answer(&mut kernel, &shell("kill -36 $$")).2, ExitStatus::Signal(36));
}

#[test]
fn a_death_wakes_the_wait_and_a_group_dies_together() {
    let (_turn, mut kernel) = kernel();
    let Spawned { child, channel, .. } =
        kernel.spawn(&shell("sleep 1000 & sleep 1000 & echo >&3; wait")).expect("it starts");
    let channel = channel.expect("a channel");
    let until = kernel.now() + Duration::from_secs(30);
    let watch = Watch { fd: channel, read: true, write: false };
    let mut ready = Vec::new();
    while ready.is_empty() {
        _ = kernel.wait(&[watch], Some(until), &mut ready);
        kernel.take_signals();
    }
    kernel.signal(child, Signal::Kill.into(), Scope::Group).expect("it lives");
    assert_eq!(said(&mut kernel, channel), "\n", "the end of file: nobody has the other end");
    let mut child_signal = false;
    while !child_signal {
        assert!(kernel.now() < until);
        _ = kernel.wait(&[], Some(until), &mut ready);
        child_signal = kernel.take_signals().child;
    }
    // The sleepers are adopted, in any order with the child.
    while kernel.has_children() {
        assert!(kernel.now() < until);
        if let Some((ended, _)) = kernel.ended().expect("no error") {
            kernel.reap(ended).expect("it is there");
        }
    }
}

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

#[test]
fn no_descriptor_left_is_an_error_of_the_spawn() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_turn, mut kernel) = kernel();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    let open = fs::read_dir("/proc/self/fd").expect("/proc").count() as u64;
    // The count includes the descriptor that counted.
    setrlimit(Resource::RLIMIT_NOFILE, open + 1, hard).expect("lower");
    let refused = kernel.spawn(&shell("exit 0"));
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("as before");
    assert_eq!(refused, Err(SpawnError { step: SpawnStep::Descriptors, errno: 24 }));
    assert_eq!(answer(&mut kernel, &shell("exit 0")).2, ExitStatus::Code(0));
}

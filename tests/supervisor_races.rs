//! Several supervisors that are started at the same instant for the same socket: one of them has it, and nobody else.

mod supervisor_support;

use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Pid;

use supervisor_support::{DEADLINE, READY, supervisor, wait_until};

/// Enough for each of the two windows of a careless start (between two looks at a dead socket, and between bind and
/// listen) to be met in nearly every run of this test.
const ROUNDS: usize = 100;
const AT_ONCE: usize = 6;

/// Ends those that are left, whatever happens.
struct Crowd(Vec<Child>);

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

fn configure(dir: &Path) {
    let place = dir.display();
    let config = format!(
        r#"(command: ["sh", "-c", {READY:?}], workers: 1, listen: {{"web": "unix:{place}/web.sock"}}, control: "{place}/control.sock")"#
    );
    std::fs::write(dir.join("pool.ron"), config).expect("written");
}

/// With its control socket by the path in the configuration, or by a bare name.
fn start(dir: &Path, bare: bool) -> Child {
    let mut command = supervisor();
    command.args(["run", "pool.ron"]).current_dir(dir);
    if bare {
        command.args(["--control", "control.sock"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// Who listens there.
fn owner(path: &Path) -> Option<i32> {
    let stream = UnixStream::connect(path).ok()?;
    Some(getsockopt(&stream, sockopt::PeerCredentials).expect("a Unix socket").pid())
}

/// A socket of somebody who is gone. A child of the other test that is not past exec has a copy for a moment, and answers.
fn leave_behind(path: &Path) {
    drop(UnixListener::bind(path).expect("a socket"));
    wait_until("that nobody listens", || UnixStream::connect(path).err());
}

#[test]
fn of_supervisors_that_start_at_once_over_a_dead_socket_one_has_it() {
    for round in 0..ROUNDS {
        let dir = tempfile::tempdir().expect("a directory");
        configure(dir.path());
        for name in ["web.sock", "control.sock"] {
            leave_behind(&dir.path().join(name));
        }
        let mut crowd = Crowd((0..AT_ONCE).map(|_| start(dir.path(), round % 2 == 1)).collect());
        // All but one end by themselves, with the status that says why.
        let mut codes = Vec::new();
        wait_until("the end of all but one", || {
            crowd.0.retain_mut(|child| match child.try_wait().expect("our child") {
                Some(status) => {
                    codes.push(status.code());
                    false
                }
                None => true,
            });
            (crowd.0.len() <= 1).then_some(())
        });
        assert_eq!(codes, vec![Some(69); AT_ONCE - 1], "round {round}: one stays ({DEADLINE:?} were enough)");
        let left = i32::try_from(crowd.0[0].id()).expect("a pid");
        for name in ["web.sock", "control.sock"] {
            // It may have bound only the first of them when the others gave up.
            let path = dir.path().join(name);
            assert_eq!(wait_until("its owner", || owner(&path)), left, "round {round}: {name}");
        }
        kill(Pid::from_raw(left), Signal::SIGTERM).expect("it lives");
        assert_eq!(crowd.0[0].wait().expect("our child").code(), Some(0));
    }
}

/// Who lists them clears dead sockets away, and must take none from a supervisor that is just starting.
#[test]
fn one_that_starts_over_a_dead_socket_while_others_list_keeps_its_own() {
    let runtime = tempfile::tempdir().expect("a directory");
    let place = runtime.path().join("supervisor");
    std::fs::DirBuilder::new().mode(0o700).create(&place).expect("made");
    let path = place.join("one.sock");
    let with = |arguments: &[&str]| {
        let mut command = supervisor();
        command.args(arguments).env("XDG_RUNTIME_DIR", runtime.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    };
    for round in 0..ROUNDS / 2 {
        leave_behind(&path);
        let mut crowd = Crowd(vec![with(&["run", "--name", "one", "--workers", "1", "--", "sh", "-c", READY])]);
        crowd.0.extend((1..AT_ONCE).map(|_| with(&["list"])));
        for lister in &mut crowd.0[1..] {
            assert_eq!(lister.wait().expect("our child").code(), Some(0));
        }
        let pid = i32::try_from(crowd.0[0].id()).expect("a pid");
        assert_eq!(wait_until("its socket", || owner(&path)), pid, "round {round}");
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it lives");
        assert_eq!(crowd.0[0].wait().expect("our child").code(), Some(0));
    }
}

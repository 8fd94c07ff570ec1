//! The real supervisor: every way in which a worker says that it is ready, that it is alive, and that it leaves.

mod supervisor_support;

use std::process::Command;

use nix::sys::signal::Signal;

use supervisor_support::{Running, pid, wait_until};

/// What a worker in Python needs for sd_notify(3).
const NOTIFY: &str = r#"
import os, signal, socket, sys, time
def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(text.encode(), os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
"#;

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

/// Whether a program is on this machine; says so by name if not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: `{program}` is not on this machine");
    }
    found
}

/// Starts workers that are Python programs, in a directory of their own with the program as `worker.py`.
fn python(options: &[&str], program: &str) -> Option<Running> {
    if !has("python3") {
        return None;
    }
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("worker.py"), format!("{NOTIFY}{program}")).expect("the program");
    let mut command = supervisor_support::supervisor();
    command.arg("run").args(options).args(["--events", "events", "--", "python3", "worker.py"]);
    Some(Running::start(command, dir))
}

#[test]
fn sd_notify_from_python() {
    let program = "notify('STATUS=warming up'); notify('READY=1\\nSTATUS=serving'); time.sleep(1000)";
    let Some(run) = python(&["--workers", "2"], program) else { return };
    run.wait_for("ready", 2);
    assert!(run.all("error").is_empty());
    stop(run);
}

/// It sends a descriptor, too, and waits until somebody closes that.
#[test]
fn systemd_notify_from_a_shell() {
    if !has("systemd-notify") {
        return;
    }
    let run = Running::script(&["--workers", "1"], "systemd-notify --ready && touch done; exec sleep 1000");
    run.wait_for("ready", 1);
    wait_until("systemd-notify's success", || run.path("done").exists().then_some(()));
    stop(run);
}

#[test]
fn the_word_of_programs_for_pm2() {
    if !has("node") {
        return;
    }
    let script = r#"exec node -e 'setInterval(() => {}, 1000); setTimeout(() => process.send("ready"), 50)'"#;
    let run = Running::script(&["--workers", "1"], script);
    run.wait_for("ready", 1);
    stop(run);
}

#[test]
fn a_worker_that_says_nothing_is_not_ready() {
    let options = ["--workers", "1", "--ready-timeout", "200ms", "--limit", "0/60s"];
    let mut run = Running::script(&options, r#"echo '"readily"' >&$NODE_CHANNEL_FD; exec sleep 1000"#);
    assert_eq!(run.end_code(), 75);
    assert_eq!(run.all("error")[0]["kind"], "ready_timeout");
    assert!(run.all("ready").is_empty());
}

#[test]
fn stopping_is_an_announcement() {
    let program = r#"
notify("READY=1")
if os.path.exists("first"):
    time.sleep(1000)
open("first", "w").close()
while not os.path.exists("leave"):
    time.sleep(0.005)
notify("STOPPING=1")
while not os.path.exists("gone"):
    time.sleep(0.005)
"#;
    let Some(run) = python(&["--workers", "1"], program) else { return };
    let first = pid(&run.wait_for("ready", 1)[0]);
    std::fs::write(run.path("leave"), "").expect("written");
    let announced = run.wait_for("announce", 1);
    assert_eq!((pid(&announced[0]), &announced[0]["two_phase"]), (first, &false.into()));
    run.wait_for("ready", 2);
    assert!(run.all("exit").is_empty(), "the replacement did not wait for its end");
    std::fs::write(run.path("gone"), "").expect("written");
    assert_eq!(run.wait_for("exit", 1)[0]["code"], 0);
    assert_eq!(run.pids().len(), 2, "replaced once");
    stop(run);
}

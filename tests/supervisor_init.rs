//! The supervisor as process 1 of a container. The system gives that process no signal that it does not handle, and every
//! orphan.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

mod supervisor_support;

use supervisor_support::{READY, events_in, supervisor, wait_until};

const NAMESPACES: [&str; 4] = ["--pid", "--fork", "--mount-proc", "--kill-child"];

/// A supervisor in a process namespace of its own. Its events name processes by numbers that mean others out here.
struct Init {
    unshare: Child,
    dir: TempDir,
}

impl Init {
    /// `None` where that is not permitted.
    fn script(script: &str) -> Option<Self> {
        let permitted = Command::new("unshare").args(NAMESPACES).arg("true").output();
        if !permitted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: this machine gives no process namespace");
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let command = supervisor();
        let unshare = Command::new("unshare")
            .args(NAMESPACES)
            .arg(command.get_program())
            .args(["run", "--workers", "1", "--drain", "10s", "--events", "events", "--", "sh", "-c", script])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stderr(fs::File::create(dir.path().join("stderr")).expect("a file"))
            .spawn()
            .expect("it starts");
        Some(Self { unshare, dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn wait_for(&self, event: &str, count: usize) {
        wait_until(event, || {
            let events = events_in(&self.path("events"));
            (events.iter().filter(|found| found["event"] == event).count() >= count).then_some(())
        });
    }

    /// Process 1, as we see it.
    fn pid(&self) -> u32 {
        let pids = wait_until("its birth", || Some(children(self.unshare.id())).filter(|pids| !pids.is_empty()));
        assert_eq!(pids.len(), 1);
        pids[0]
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("it lives");
    }

    fn end(&mut self) -> Option<i32> {
        wait_until("its end", || self.unshare.try_wait().expect("our child")).code()
    }
}

impl Drop for Init {
    /// The end of process 1 is that of its namespace.
    fn drop(&mut self) {
        _ = self.unshare.kill();
        _ = self.unshare.wait();
    }
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()
}

fn name(pid: u32) -> String {
    fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm")).unwrap_or_default().trim().to_owned()
}

#[test]
fn as_process_1_it_stops_when_told() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let Some(mut init) = Init::script(READY) else { return };
        init.wait_for("ready", 1);
        init.signal(signal);
        assert_eq!(init.end(), Some(0), "{signal}");
    }
}

#[test]
fn as_process_1_it_reloads_when_told() {
    let Some(mut init) = Init::script(READY) else { return };
    init.wait_for("ready", 1);
    init.signal(Signal::SIGHUP);
    init.wait_for("ready", 2);
    init.wait_for("close", 1);
    init.signal(Signal::SIGTERM);
    assert_eq!(init.end(), Some(0));
}

/// Of orphans that nobody started on purpose nothing remains, neither while it serves nor at the end.
#[test]
fn as_process_1_it_reaps_every_orphan() {
    let orphan = "(sh -c 'echo >> orphans; exit 3' &)";
    let Some(mut init) = Init::script(&format!("{orphan}; {orphan}; {orphan}; {READY}")) else { return };
    init.wait_for("ready", 1);
    wait_until("the orphans", || (fs::read_to_string(init.path("orphans")).ok()?.lines().count() == 3).then_some(()));
    let pid = init.pid();
    wait_until("no child but the worker", || {
        let names: Vec<String> = children(pid).into_iter().map(name).collect();
        (names == ["sleep"]).then_some(())
    });
    init.signal(Signal::SIGTERM);
    assert_eq!(init.end(), Some(0));
}

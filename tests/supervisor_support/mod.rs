//! Starts the real supervisor with workers that are one-line shell scripts, and watches it through its event file.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on the slowest host; only a failing test waits for it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A worker that says ready and waits for its end as one process.
pub const READY: &str = r#"echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;

/// The binary.
pub fn supervisor() -> Command {
    Command::new(env!("CARGO_BIN_EXE_supervisor"))
}

/// Checks a condition until it gives something.
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "{what}: not after {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process exists, zombies included.
pub fn exists(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

/// A supervisor at work.
pub struct Running {
    pub child: Child,
    pub dir: TempDir,
}

impl Running {
    /// `supervisor run OPTIONS --events … -- sh -c SCRIPT`.
    pub fn script(options: &[&str], script: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = supervisor();
        command.arg("run").args(options).args(["--events", "events", "--", "sh", "-c", script]);
        Self::start(command, dir)
    }

    /// `supervisor run FILE` with this text in the file, which names `events` as the event file.
    pub fn config(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("pool.ron"), text).expect("the file");
        let mut command = supervisor();
        command.args(["run", "pool.ron"]);
        Self::start(command, dir)
    }

    /// Starts any command line in `dir`, its output in files there, if it goes nowhere else.
    pub fn start(mut command: Command, dir: TempDir) -> Self {
        let output = |name| File::create(dir.path().join(name)).expect("the file");
        command.stdout(output("stdout")).stderr(output("stderr"));
        Self::start_as_is(command, dir)
    }

    /// The same without files for its output.
    pub fn start_as_is(mut command: Command, dir: TempDir) -> Self {
        let child = command.current_dir(dir.path()).stdin(Stdio::null()).spawn().expect("the supervisor starts");
        Self { child, dir }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What it said to people.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("it is not reaped");
    }

    /// All whole lines of the event file.
    pub fn events(&self) -> Vec<Value> {
        events_in(&self.path("events"))
    }

    /// All events of one kind.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// Waits until so many events of one kind happened; gives them.
    pub fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} × {kind}; stderr:\n{}", self.stderr()), || {
            let found = self.all(kind);
            (found.len() >= count).then_some(found)
        })
    }

    /// The pids of all workers that ever were.
    pub fn pids(&self) -> Vec<i32> {
        self.all("fork").iter().map(pid).collect()
    }

    /// Waits for its end; then nothing may be left of any worker or its process group.
    pub fn end(&mut self) -> ExitStatus {
        let status = wait_until("its end", || self.child.try_wait().expect("our child"));
        for pid in self.pids() {
            assert!(killpg(Pid::from_raw(pid), None).is_err(), "the group of worker {pid} is left");
        }
        status
    }

    /// Its end, as an exit code.
    pub fn end_code(&mut self) -> i32 {
        let status = self.end();
        status.code().unwrap_or_else(|| panic!("ended by signal {:?}", status.signal()))
    }
}

impl Drop for Running {
    /// A failed test leaves nothing either.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            _ = self.child.kill();
            _ = self.child.wait();
            for pid in self.pids() {
                _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

pub fn events_in(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

pub fn pid(event: &Value) -> i32 {
    event["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_else(|| panic!("no pid: {event}"))
}

/// Runs to the end, for command lines that end by themselves.
pub fn output<S: AsRef<OsStr>>(arguments: &[S], dir: &Path) -> (i32, String, String) {
    let output = supervisor().args(arguments).current_dir(dir).stdin(Stdio::null()).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
}

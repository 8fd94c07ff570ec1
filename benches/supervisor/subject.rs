//! A process that keeps workers: the supervisor or the tight loop, and what it writes on standard output.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long a worker has to come to rest before it is killed, so that its own start takes no processor from what is
/// measured.
const REST: Duration = Duration::from_millis(4);

/// It, running.
pub struct Subject {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The newest worker.
    worker: i32,
    /// Says ready, and is restarted at once only if it was.
    ready: bool,
    _dir: tempfile::TempDir,
}

impl Subject {
    /// The release build of the supervisor, with that many workers that are all ready.
    pub fn supervisor(workers: u32) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = dir.path().join("supervisor.ron");
        fs::write(&config, text(workers)).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_supervisor"));
        command.arg("run").arg(&config).args(["--events-fd", "1", "--quiet"]);
        let mut subject = Self::start(command, dir, true);
        for _ in 0..workers {
            subject.next("ready");
        }
        subject
    }

    /// The tight loop, with its one worker.
    pub fn tight() -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg("tight");
        let mut subject = Self::start(command, tempfile::tempdir().expect("a directory"), false);
        subject.next("fork");
        subject
    }

    fn start(mut command: Command, dir: tempfile::TempDir, ready: bool) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).current_dir(dir.path());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, lines, worker: 0, ready, _dir: dir }
    }

    /// Waits for an event; remembers the worker that it is about.
    fn next(&mut self, event: &str) -> Instant {
        let wanted = format!("\"event\":\"{event}\"");
        loop {
            let line = self.lines.next().expect("it lives").expect("a line");
            let now = Instant::now();
            if line.contains(&wanted) {
                let line: Value = serde_json::from_str(&line).expect("JSON");
                self.worker = line["pid"].as_i64().and_then(|pid| pid.try_into().ok()).expect("a pid");
                return now;
            }
        }
    }

    /// Kills the newest worker; how long it took until the program of the next one ran.
    pub fn replace(&mut self) -> Duration {
        let begin = self.kill();
        let end = self.next("fork");
        if self.ready {
            self.next("ready");
        }
        end - begin
    }

    /// Kills the newest worker; how long it took until that was known. Then waits for the next one.
    pub fn react(&mut self) -> Duration {
        let begin = self.kill();
        let end = self.next("exit");
        self.next("ready");
        end - begin
    }

    fn kill(&self) -> Instant {
        std::thread::sleep(REST);
        let begin = Instant::now();
        kill(Pid::from_raw(self.worker), Signal::SIGKILL).expect("a worker");
        begin
    }

    /// `/proc/PID/name`.
    pub fn proc(&self, name: &str) -> String {
        fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join(name)).expect("it lives")
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // The supervisor ends its workers, which do not obey, at the end of the drain. The tight loop handles no signal; its
        // worker dies with it.
        let signal = if self.ready { Signal::SIGTERM } else { Signal::SIGKILL };
        _ = kill(Pid::from_raw(self.child.id() as i32), signal);
        _ = self.child.wait();
    }
}

/// Every worker that was ready is replaced at once, and any number of times: nobody kills 500 in a second here.
fn text(workers: u32) -> String {
    let program = std::env::current_exe().expect("this program").display().to_string();
    format!(
        "(command: [{program:?}, \"worker\"], workers: {workers}, stable: \"1ms\", drain: \"1ms\", \
         limit: (restarts: 500, within: \"1s\"), backoff: (initial: \"1ms\", factor: 1, cap: \"1ms\"))"
    )
}

//! Commands to a running supervisor, as a user gives them or as raw lines on its control socket.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::supervisor_support::{DEADLINE, Running, output, supervisor, wait_until};

/// `supervisor run --control control OPTIONS --events events -- sh -c SCRIPT`, with its workers ready.
pub fn controlled(options: &[&str], workers: usize, script: &str) -> Running {
    let count = workers.to_string();
    let run = Running::script(&[&["--control", "control", "--workers", &count], options].concat(), script);
    run.wait_for("ready", workers);
    run
}

/// A command to it; gives its code and what it said.
pub fn operate(run: &Running, arguments: &[&str]) -> (i32, String, String) {
    output(&[arguments, &["--control", "control"]].concat(), run.dir.path())
}

/// A command that has to succeed; gives what it said.
pub fn done(run: &Running, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = operate(run, arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}: {stdout}");
    stdout
}

/// How it is.
pub fn status(run: &Running) -> Value {
    serde_json::from_str(&done(run, &["status", "--json"])).expect("one JSON text")
}

/// Stops it and sees that it ends well.
pub fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

/// The workers of the only pool, as (slot, generation, pid, state).
pub fn workers(status: &Value) -> Vec<(u64, u64, i32, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_u64().expect("a number");
    let mut found = Vec::new();
    for slot in list(&status["pools"][0]["slots"]) {
        for worker in list(&slot["workers"]) {
            let state = worker["state"].as_str().expect("a text").to_owned();
            found.push((number(&slot["slot"]), number(&worker["generation"]), number(&worker["pid"]) as i32, state));
        }
    }
    found
}

/// A command that goes on until it is killed or the supervisor ends.
pub struct Following {
    pub child: Child,
    path: PathBuf,
}

impl Following {
    pub fn start(run: &Running, arguments: &[&str]) -> Self {
        let path = run.path(&format!("following-{}", arguments[0]));
        let child = supervisor()
            .args(arguments)
            .args(["--control", "control"])
            .current_dir(run.dir.path())
            .stdout(File::create(&path).expect("the file"))
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        Self { child, path }
    }

    pub fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.path).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    pub fn wait_for(&self, what: &str) -> Vec<String> {
        wait_until(&format!("{what:?} among {:?}", self.lines()), || {
            let lines = self.lines();
            lines.iter().any(|line| line.contains(what)).then_some(lines)
        })
    }

    pub fn end_code(&mut self) -> i32 {
        wait_until("the end of a command", || self.child.try_wait().expect("our child")).code().expect("a code")
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A connection to a control socket, without any manners.
pub struct Raw {
    pub stream: UnixStream,
    reader: BufReader<UnixStream>,
}

impl Raw {
    /// Connects; the supervisor says hello.
    pub fn connect(run: &Running) -> Self {
        let stream = UnixStream::connect(run.path("control")).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        stream.set_write_timeout(Some(DEADLINE)).expect("a socket");
        let reader = BufReader::new(stream.try_clone().expect("a descriptor"));
        Self { stream, reader }
    }

    pub fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("it reads");
    }

    /// The next line, or nothing at the end.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))),
            // It closed before it had read everything.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }
}

/// How many descriptors a process has open.
pub fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

/// How much memory a process has in use, in KiB.
pub fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the line");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// How much processor time a process has used, in hundredths of a second.
pub fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(')').expect("the name of the program");
    rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
}

/// The same command as somebody else.
pub fn as_user(user: u32, program: &std::path::Path, arguments: &[&str], run: &Running) -> (i32, String) {
    use std::os::unix::process::CommandExt;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(run.dir.path())
        .uid(user)
        .gid(user)
        .output()
        .expect("it starts");
    (output.status.code().expect("a code"), String::from_utf8(output.stderr).expect("UTF-8"))
}

//! Supervisors with names: how they are found, and how they go to the background.

mod operator_support;
mod supervisor_support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::json;

use operator_support::stop;
use supervisor_support::{READY, Running, exists, supervisor, wait_until};

fn with_name(name: &str, dir: tempfile::TempDir, runtime: &Path) -> Running {
    let mut command = supervisor();
    command.env("XDG_RUNTIME_DIR", runtime).args(["run", "--name", name, "--workers", "1", "--events", "events"]);
    command.args(["--", "sh", "-c", READY]);
    let run = Running::start(command, dir);
    run.wait_for("ready", 1);
    run
}

fn by_name(arguments: &[&str], runtime: &Path) -> (i32, String, String) {
    let output = supervisor().args(arguments).env("XDG_RUNTIME_DIR", runtime).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
}

#[test]
fn instances_have_names() {
    let runtime = tempfile::tempdir().expect("a directory");
    let here = runtime.path();
    assert_eq!(by_name(&["list"], here), (0, "NAME  PID  STATE  READY  UPTIME  COMMAND\n".to_owned(), String::new()));
    assert_eq!(by_name(&["status"], here).0, 69);
    let mut first = with_name("first", tempfile::tempdir().expect("a directory"), here);
    let (code, stdout, _) = by_name(&["status", "--json"], here);
    assert_eq!(code, 0, "the only one needs no name");
    assert!(stdout.contains(&format!("\"pid\":{}", first.pid())), "{stdout}");
    let second = with_name("second", tempfile::tempdir().expect("a directory"), here);
    let (code, _, stderr) = by_name(&["status"], here);
    assert_eq!(
        (code, stderr.as_str()),
        (64, "error: several supervisors run; choose one with --name: first, second\n")
    );
    let (code, _, stderr) = by_name(&["status", "--name", "secund"], here);
    assert_eq!((code, stderr.as_str()), (69, "error: no supervisor `secund` runs; did you mean `second`?\n"));
    first.signal(Signal::SIGKILL);
    first.child.wait().expect("our child");
    let left = here.join("supervisor/first.sock");
    assert!(left.exists(), "who is killed leaves its socket");
    let (_, table, _) = by_name(&["list"], here);
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 1, "{table}");
    assert_eq!(rows[0][..4], ["second", &*second.pid().to_string(), "running", "1/1"]);
    assert!(!left.exists(), "and who lists them clears it away");
    let (_, line, _) = by_name(&["list", "--json"], here);
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON, one line");
    assert_eq!((&line["name"], &line["info"]["ready"]), (&json!("second"), &json!(1)));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&here.join("supervisor")), 0o700);
    assert_eq!(mode(&here.join("supervisor/second.sock")), 0o600);
    stop(second);
}

#[test]
fn who_listens_and_does_not_answer_is_no_dead_one() {
    let runtime = tempfile::tempdir().expect("a directory");
    fs::DirBuilder::new().mode(0o700).create(runtime.path().join("supervisor")).expect("made");
    let path = runtime.path().join("supervisor/mute.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let hangs_up = std::thread::spawn(move || listener.accept().map(|_| listener));
    let (_, table, _) = by_name(&["list"], runtime.path());
    let row: Vec<&str> = table.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row, ["mute", "-", "silent", "-", "-", "it", "hung", "up"]);
    assert!(path.exists());
    hangs_up.join().expect("no panic").expect("a connection");
}

/// Ends whatever the name stands for, also when a test has failed.
struct Detached<'a>(&'a Path);

impl Drop for Detached<'_> {
    fn drop(&mut self) {
        _ = by_name(&["stop"], self.0);
    }
}

#[test]
fn in_the_background_it_is_ready_when_the_command_ends() {
    let runtime = tempfile::tempdir().expect("a directory");
    let log = runtime.path().join("log");
    let script = format!("echo hello; {READY}");
    let start = [
        "run",
        "--detach",
        "--name",
        "d",
        "--workers",
        "2",
        "--log",
        log.to_str().expect("UTF-8"),
        "--",
        "sh",
        "-c",
        &script,
    ];
    let (code, stdout, stderr) = by_name(&start, runtime.path());
    let _end = Detached(runtime.path());
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    let (_, stdout, _) = by_name(&["status", "--json"], runtime.path());
    let status: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(status["supervisor"]["ready"], 2);
    let pid = status["supervisor"]["pid"].as_i64().expect("a number") as i32;
    let session = nix::unistd::getsid(Some(Pid::from_raw(pid))).expect("it runs");
    assert_eq!(session.as_raw(), pid, "a session of its own");
    for descriptor in 0..3 {
        let target = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).expect("open");
        let expected = if descriptor == 0 { Path::new("/dev/null") } else { &log };
        assert_eq!(target, expected);
    }
    let written = wait_until("the log", || fs::read_to_string(&log).ok().filter(|text| text.contains("hello")));
    assert!(written.contains("supervisor: worker 1 (generation 1, pid"), "{written}");
    let (code, _, stderr) = by_name(&start, runtime.path());
    assert_eq!(code, 69, "{stderr}");
    assert!(stderr.starts_with(&format!("error: it runs already: process {pid} listens at ")), "{stderr}");
    assert_eq!(by_name(&["stop"], runtime.path()).0, 0);
    wait_until("its end", || (!exists(pid)).then_some(()));
}

#[test]
fn in_the_background_a_failed_start_is_told_with_its_code() {
    let runtime = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let start = |options: &[&str], script| {
        by_name(&[&["run", "--detach", "--name", "d"], options, &["--", "sh", "-c", script]].concat(), runtime.path())
    };
    let (code, stdout, stderr) = start(&["--listen", &address], READY);
    assert_eq!((code, stdout.as_str()), (69, ""), "{stderr}");
    assert!(stderr.contains(&format!("can't listen on {address}")), "{stderr}");
    let (code, _, stderr) = start(&["--workers", "1", "--limit", "1/60s"], "exit 7");
    assert_eq!(code, 75, "{stderr}");
    assert!(stderr.contains("exited with status 7") && stderr.contains("giving up"), "{stderr}");
    assert!(stderr.starts_with("warning: what the workers write goes nowhere"), "{stderr}");
    assert!(
        stderr
            .ends_with("error: the supervisor in the background ended with status 75 before its workers were ready\n")
    );
    let (code, _, stderr) = start(&["--workers", "0"], READY);
    assert_eq!(code, 64, "{stderr}");
    assert_eq!(by_name(&["status"], runtime.path()).0, 69, "nothing is left");
}

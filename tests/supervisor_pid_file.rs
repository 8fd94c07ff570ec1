//! The supervisor's pid file, as processes see it.

mod supervisor_support;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;
use supervisor_support::{READY, Running, output, wait_until};
use tempfile::TempDir;

const OPTIONS: [&str; 4] = ["--pid-file", "pid", "--workers", "1"];

fn says(run: &Running) -> String {
    fs::read_to_string(run.path("pid")).unwrap_or_default()
}

/// A supervisor in a directory in which something was prepared.
fn over(prepare: impl Fn(&Path)) -> Running {
    let dir = tempfile::tempdir().expect("a directory");
    prepare(dir.path());
    let mut command = supervisor_support::supervisor();
    command.arg("run").args(OPTIONS).args(["--events", "events", "--", "sh", "-c", READY]);
    let run = Running::start(command, dir);
    run.wait_for("ready", 1);
    run
}

/// What a start in such a directory ends with.
fn refused(dir: &TempDir) -> (i32, String) {
    let (code, stdout, stderr) = output(&[&["run"], &OPTIONS[..], &["--", "sh", "-c", READY]].concat(), dir.path());
    assert_eq!(stdout, "");
    (code, stderr)
}

#[test]
fn it_names_the_supervisor_from_before_its_first_worker_until_after_its_last() {
    let mut run = over(|_| {});
    assert_eq!(says(&run), format!("{}\n", run.pid()));
    assert_eq!(fs::metadata(run.path("pid")).expect("there").permissions().mode() & 0o777, 0o644);
    let worker = run.pids()[0];
    let open = fs::read_dir(format!("/proc/{worker}/fd")).expect("it runs");
    let inherited = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    assert!(inherited.into_iter().all(|target| !target.ends_with("pid")), "a worker has it");
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    assert!(!run.path("pid").exists());
}

#[test]
fn what_an_old_one_says_is_not_believed() {
    let own = std::process::id().to_string();
    for text in
        ["4194305\n", "1\n", &own, "", "not a number", "99999999999999999999", "12 34 56 78 90 and so on and on\n"]
    {
        let mut run = over(|dir| fs::write(dir.join("pid"), text).expect("written"));
        assert_eq!(says(&run), format!("{}\n", run.pid()), "{text:?}");
        run.signal(Signal::SIGTERM);
        assert_eq!(run.end_code(), 0);
    }
}

#[test]
fn a_live_owner_is_named_and_keeps_it() {
    let mut run = over(|_| {});
    let said = format!("supervisor: it runs already: process {} holds the pid file pid\n", run.pid());
    assert_eq!(refused(&run.dir), (69, said));
    assert_eq!(says(&run), format!("{}\n", run.pid()));
    run.signal(Signal::SIGKILL);
    wait_until("its end", || run.child.try_wait().expect("ours"));
    assert!(run.path("pid").exists(), "nobody could remove it");
    let next = over(|dir| _ = fs::copy(run.path("pid"), dir.join("pid")).expect("copied"));
    assert_eq!(says(&next), format!("{}\n", next.pid()));
}

#[test]
fn where_no_pid_can_be_written_no_file_is_left() {
    let dir = tempfile::tempdir().expect("a directory");
    // No file may have a single byte, and the signal that says so is ignored.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script]).arg(supervisor_support::supervisor().get_program());
    let ended = command.arg("run").args(OPTIONS).args(["--", "sh", "-c", READY]).current_dir(dir.path()).output();
    let ended = ended.expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(65) && said.contains("(os error 27)"), "{:?} {said}", ended.status);
    assert!(!dir.path().join("pid").exists(), "{said}");
}

#[test]
fn whoever_holds_it_without_a_word_keeps_it_as_well() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = File::create(dir.path().join("pid")).expect("made");
    let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno).expect("locked");
    assert_eq!(refused(&dir), (69, "supervisor: it runs already: somebody holds the pid file pid\n".to_owned()));
    drop(held);
}

#[test]
fn what_can_not_be_written_is_refused_with_the_reason() {
    let wrong = |prepare: fn(&Path), why: &str| {
        let dir = tempfile::tempdir().expect("a directory");
        prepare(&dir.path().join("pid"));
        assert_eq!(refused(&dir), (65, format!("supervisor: can't write the pid file pid: {why}\n")));
        assert!(fs::symlink_metadata(dir.path().join("pid")).is_ok(), "it stays");
        dir
    };
    wrong(|path| fs::create_dir(path).expect("made"), "Is a directory (os error 21)");
    let linked = wrong(
        |path| {
            fs::write(path.with_file_name("precious"), "precious").expect("written");
            symlink("precious", path).expect("linked");
        },
        "it is a symbolic link",
    );
    assert_eq!(fs::read_to_string(linked.path().join("precious")).expect("there"), "precious");
    let named = wrong(
        |path| {
            fs::write(path.with_file_name("precious"), "precious").expect("written");
            fs::hard_link(path.with_file_name("precious"), path).expect("linked");
        },
        "it has another name as well (a hard link)",
    );
    assert_eq!(fs::read_to_string(named.path().join("precious")).expect("there"), "precious");
    wrong(|path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("made"), "it is no regular file");
}

#[test]
fn what_somebody_else_put_there_stays_at_the_end() {
    let end = |meddle: fn(&Path)| {
        let mut run = over(|_| {});
        meddle(&run.path("pid"));
        run.signal(Signal::SIGTERM);
        assert_eq!(run.end_code(), 0);
        fs::read_to_string(run.path("pid")).ok()
    };
    let replace = |path: &Path| {
        fs::write(path.with_extension("new"), "7\n").expect("written");
        fs::rename(path.with_extension("new"), path).expect("moved");
    };
    assert_eq!(end(replace).as_deref(), Some("7\n"));
    assert_eq!(end(|path| fs::write(path, "8\n").expect("written")).as_deref(), Some("8\n"));
    assert_eq!(end(|path| fs::remove_file(path).expect("there")), None);
}

#[test]
fn a_reload_that_changes_it_is_refused() {
    let config = |pid_file: &str| {
        format!("(command: [\"sh\", \"-c\", {READY:?}], workers: 1, events: \"events\", pid_file: {pid_file:?})")
    };
    let mut run = Running::config(&config("pid"));
    run.wait_for("ready", 1);
    fs::write(run.path("pool.ron"), config("other")).expect("written");
    run.signal(Signal::SIGHUP);
    let refused = wait_until("the refusal", || run.all("reload").into_iter().find(|event| event["phase"] == "refused"));
    assert_eq!(refused["reason"], "the pid file is pid, and can be changed to other only by a restart");
    assert_eq!(says(&run), format!("{}\n", run.pid()));
    assert!(!run.path("other").exists());
    fs::write(run.path("pool.ron"), config("pid")).expect("written");
    run.signal(Signal::SIGHUP);
    wait_until("the end of a reload", || run.all("reload").into_iter().find(|event| event["phase"] == "done"));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn of_several_that_start_at_once_over_an_old_file_one_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("pid"), "4194305\n").expect("written");
    for _ in 0..5 {
        let start = |number: usize| {
            let mut command = supervisor_support::supervisor();
            command.args(["run", "--quiet", "--pid-file", "pid", "--workers", "1"]);
            command.args(["--events", &format!("events{number}"), "--", "sh", "-c", READY]);
            command.current_dir(dir.path()).spawn().expect("it starts")
        };
        let mut children: Vec<_> = (0..8).map(start).collect();
        let mut ended = 0;
        wait_until("the end of all but one", || {
            ended = children.iter_mut().filter_map(|child| child.try_wait().expect("ours")).count();
            (ended >= 7).then_some(())
        });
        let is_left = |child: &mut std::process::Child| matches!(child.try_wait(), Ok(None));
        let mut running: Vec<_> = children.iter_mut().filter_map(|child| is_left(child).then_some(child)).collect();
        assert_eq!(running.len(), 1, "one has it");
        let text = fs::read_to_string(dir.path().join("pid")).expect("there");
        assert_eq!(text, format!("{}\n", running[0].id()));
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(running[0].id() as i32), Signal::SIGTERM).expect("it runs");
        assert!(running[0].wait().expect("ours").success());
        assert!(!dir.path().join("pid").exists());
    }
}

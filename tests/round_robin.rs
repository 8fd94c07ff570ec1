//! Connections that the supervisor accepts and passes in turn, by its own convention, to workers of this very binary.

mod node_support;
mod supervisor_support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use node_support::kills::ROLE;
use node_support::{Load, Outcome, address_of, request, served_by};
use supervisor_support::{Running, wait_until};

/// Not a test of its own: this binary as a worker.
#[test]
fn worker() {
    if std::env::var_os(ROLE).is_some() {
        node_support::worker::serve();
    }
}

fn config(workers: u32) -> String {
    let own = std::env::current_exe().expect("a path");
    format!(
        r#"(command: [{own:?}, "--exact", "worker", "--nocapture"], workers: {workers}, events: "events",
            listen: {{"web": "127.0.0.1:0"}}, handoff: RoundRobin, env: {{"{ROLE}": "1"}})"#
    )
}

fn ready(run: &Running, workers: u32) -> SocketAddr {
    run.wait_for("ready", workers as usize);
    address_of(&run.events(), 0).expect("it listens")
}

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
}

/// Stops the first worker: each of its threads, which takes the kernel a moment.
fn stop_worker(run: &Running) -> Pid {
    let worker = Pid::from_raw(run.pids()[0]);
    kill(worker, Signal::SIGSTOP).expect("it lives");
    let is_stopped = |task: &std::path::Path| {
        let stat = std::fs::read_to_string(task.join("stat")).expect("it lives");
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    wait_until("all of it stops", || {
        let mut tasks = std::fs::read_dir(format!("/proc/{worker}/task")).expect("it lives");
        tasks.all(|task| is_stopped(&task.expect("a task").path())).then_some(())
    });
    worker
}

#[test]
fn nobody_is_ahead_by_more_than_one() {
    let run = Running::config(&config(4));
    let address = ready(&run, 4);
    let mut counts = BTreeMap::new();
    for n in 1..=50 {
        *counts.entry(served_by(address, "/")).or_insert(0) += 1;
        let (least, most) = (counts.values().min().expect("one"), counts.values().max().expect("one"));
        assert!(n < 4 || most - least <= 1, "{counts:?}");
    }
    assert_eq!(counts.len(), 4);
    stop(run);
}

/// A worker that is promptly done gets several connections before it has acknowledged the first; when it is killed before
/// it has, each of them is served by another one.
#[test]
fn all_that_a_dead_worker_did_not_acknowledge_is_served_by_another() {
    let run = Running::config(&config(1));
    let address = ready(&run, 1);
    for _ in 0..20 {
        served_by(address, "/");
    }
    let worker = stop_worker(&run);
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", run.child.id())).expect("it lives").count();
    let before = descriptors();
    let clients: Vec<_> = (0..40).map(|_| std::thread::spawn(move || request(address, "/").0)).collect();
    wait_until("the supervisor has them all", || (descriptors() >= before + 40).then_some(()));
    let under_way = passed_to(worker);
    assert!(under_way.is_none_or(|under_way| under_way > 1), "{under_way:?} on the way to it");
    kill(worker, Signal::SIGKILL).expect("it lives");
    for client in clients {
        let outcome = client.join().expect("no panic");
        assert!(matches!(outcome, Outcome::Answered(pid, _) if pid != worker.as_raw()), "{outcome:?}");
    }
    stop(run);
}

/// How many descriptors wait in its sockets to be received, if this kernel tells (proc_pid_fdinfo(5), scm_fds).
fn passed_to(worker: Pid) -> Option<u32> {
    let descriptors = std::fs::read_dir(format!("/proc/{worker}/fdinfo")).expect("it lives");
    let texts = descriptors.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let waiting =
        |text: String| text.lines().find_map(|line| line.strip_prefix("scm_fds:")?.trim().parse::<u32>().ok());
    texts.filter_map(waiting).reduce(|sum, more| sum + more)
}

#[test]
fn a_reload_under_load_loses_nothing() {
    let run = Running::config(&config(3));
    let load = Load::start(ready(&run, 3), 300);
    wait_until("some answers", || (load.finished() > 50).then_some(()));
    run.signal(Signal::SIGHUP);
    wait_until("the reload", || run.all("reload").iter().any(|event| event["phase"] == "done").then_some(()));
    run.wait_for("close", 3);
    let lost: Vec<_> = load.stop().into_iter().filter(|done| !matches!(done.outcome, Outcome::Answered(..))).collect();
    assert!(lost.is_empty(), "{lost:?}");
    stop(run);
}

#[test]
fn connections_wait_where_no_descriptor_is_left_for_them() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("pool.ron"), config(1)).expect("the file");
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n 40; exec "$0" run pool.ron"#, env!("CARGO_BIN_EXE_supervisor")]);
    let run = Running::start(command, dir);
    let address = ready(&run, 1);
    // The one worker is stopped, so that they pile up.
    let worker = stop_worker(&run);
    let clients: Vec<_> = (0..80).map(|_| std::thread::spawn(move || request(address, "/").0)).collect();
    let error = &run.wait_for("error", 1)[0];
    assert_eq!((&error["call"], &error["errno"]), (&"accept".into(), &24.into()), "{error}");
    kill(worker, Signal::SIGCONT).expect("it lives");
    for client in clients {
        let outcome = client.join().expect("no panic");
        assert!(matches!(outcome, Outcome::Answered(..)), "{outcome:?}");
    }
    assert_eq!(run.all("error").len(), 1, "told once");
    stop(run);
}

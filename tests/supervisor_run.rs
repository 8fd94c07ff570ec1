//! The real supervisor with real processes: start, replacement, give-up, stop, reload.

mod supervisor_support;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use supervisor_support::{READY, Running, exists, pid, supervisor, wait_until};

/// Ignores TERM, in one process: the disposition survives exec.
const STUBBORN: &str = r#"trap '' TERM; echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;

#[test]
fn a_stop_ends_everything_with_status_0() {
    let mut run = Running::script(&["--workers", "3", "--listen", "127.0.0.1:0"], READY);
    run.wait_for("ready", 3);
    let address = run.all("listening")[0]["address"].as_str().expect("text").to_owned();
    TcpStream::connect(&address).expect("the supervisor holds the listener");
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    assert_eq!(run.pids().len(), 3);
    assert_eq!(run.all("close").len(), 3);
    assert!(TcpStream::connect(&address).is_err());
    let kinds: Vec<_> = run.events().iter().map(|event| event["event"].as_str().unwrap_or("").to_owned()).collect();
    assert_eq!(kinds[..2], ["setup", "listening"]);
    assert!(run.events().windows(2).all(|pair| pair[0]["t"].as_f64() <= pair[1]["t"].as_f64()), "time goes on");
}

#[test]
fn an_address_in_use_is_69_and_starts_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut run = Running::script(&["--listen", &format!("web={address}")], READY);
    assert_eq!(run.end_code(), 69);
    assert!(run.all("fork").is_empty());
    assert!(
        run.stderr().contains(&format!("can't listen on {address} (web): Address already in use")),
        "{}",
        run.stderr()
    );
}

#[test]
fn a_missing_program_backs_off_and_gives_up_with_75() {
    let mut run = Running::config(
        r#"(command: ["/nonexistent/program"], workers: 1, events: "events", limit: (restarts: 3, within: "60s"),
            backoff: (initial: "20ms", factor: 2, cap: "1s", jitter_percent: 0))"#,
    );
    assert_eq!(run.end_code(), 75);
    let errors = run.all("error");
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors.iter().all(|e| e["kind"] == "spawn" && e["step"] == "exec" && e["errno"] == 2), "{errors:?}");
    let delays: Vec<_> = run.all("restart").iter().map(|event| event["delay_ms"].as_f64().expect("a number")).collect();
    assert_eq!(delays.len(), 3);
    assert!(delays.windows(2).all(|pair| pair[1] == 2.0 * pair[0]), "{delays:?}");
    assert_eq!(run.all("giveup").len(), 1);
    assert!(run.stderr().contains("can't run its program: No such file or directory"), "{}", run.stderr());
}

#[test]
fn a_killed_worker_is_replaced_and_its_group_ends_with_it() {
    let script = r#"sleep 1000 & echo $! >child.$$; echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; wait"#;
    let mut run = Running::script(&["--workers", "2"], script);
    let victim = pid(&run.wait_for("ready", 2)[0]);
    let helper: i32 =
        fs::read_to_string(run.path(&format!("child.{victim}"))).expect("written").trim().parse().expect("a pid");
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("alive");
    run.wait_for("ready", 3);
    let exit = &run.wait_for("exit", 1)[0];
    assert_eq!((pid(exit), exit["signal"].as_i64()), (victim, Some(9)));
    assert!(!exists(victim), "reaped");
    wait_until("the end of what it left", || (!exists(helper)).then_some(()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn orphans_that_left_their_group_are_adopted_and_reaped_silently() {
    let script = r#"(setsid sh -c 'echo $$ >orphan.new; mv orphan.new orphan; exec sleep 0.2' &)
        echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let mut run = Running::script(&["--workers", "1"], script);
    run.wait_for("ready", 1);
    let orphan: i32 = wait_until("the orphan", || fs::read_to_string(run.path("orphan")).ok()?.trim().parse().ok());
    wait_until("its reaping", || (!exists(orphan)).then_some(()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    assert_eq!(run.all("exit").len(), 1, "only the worker's");
}

#[test]
fn idle_means_not_one_wake_up() {
    let mut run = Running::script(&["--workers", "2"], READY);
    run.wait_for("ready", 2);
    let status = format!("/proc/{}/status", run.pid());
    let wake_ups = || {
        let text = fs::read_to_string(&status).expect("it runs");
        let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).expect("the line");
        line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).expect("a number")
    };
    // The turn that wrote the last event may not be over yet; the idle second is measured from when it is.
    let mut before = wake_ups();
    wait_until("an idle second", || {
        std::thread::sleep(Duration::from_secs(1));
        let now = wake_ups();
        std::mem::replace(&mut before, now).eq(&now).then_some(())
    });
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn a_worker_that_ignores_term_is_killed_at_the_deadline() {
    let mut run = Running::script(&["--workers", "1", "--drain", "300ms"], STUBBORN);
    run.wait_for("ready", 1);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    assert_eq!(run.all("exit")[0]["signal"], 9);
    let at = |kind: &str| run.all(kind)[0]["t"].as_f64().expect("a number");
    assert!(at("drain_deadline") - at("stop") >= 0.3);
    assert!(at("kill") >= at("drain_deadline"));
}

#[test]
fn a_second_stop_does_not_wait() {
    let mut run = Running::script(&["--workers", "2", "--drain", "1h"], STUBBORN);
    run.wait_for("ready", 2);
    run.signal(Signal::SIGTERM);
    run.wait_for("draining", 1);
    run.signal(Signal::SIGINT);
    assert_eq!(run.end_code(), 0);
    let hurry: Vec<_> = run.all("stop").iter().map(|event| event["hurry"] == true).collect();
    assert_eq!(hurry, [false, true]);
}

#[test]
fn a_hang_up_replaces_every_worker_one_ready_after_the_other() {
    let mut run = Running::script(&["--workers", "2"], READY);
    run.wait_for("ready", 2);
    run.signal(Signal::SIGHUP);
    let done = |run: &Running| run.all("reload").iter().any(|event| event["phase"] == "done");
    wait_until("the rolling restart", || done(&run).then_some(()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    let (mut ready, mut least) = (0, 2);
    for event in run.events() {
        match event["event"].as_str() {
            Some("stop") => break,
            Some("ready") => ready += 1,
            Some("retire") => {
                ready -= 1;
                least = least.min(ready);
            }
            _ => {}
        }
    }
    assert_eq!(least, 2, "never below the pool's size");
    assert_eq!(run.pids().len(), 4);
}

#[test]
fn workers_end_when_the_supervisor_is_killed() {
    let mut run = Running::script(&["--workers", "2"], READY);
    run.wait_for("ready", 2);
    run.signal(Signal::SIGKILL);
    run.child.wait().expect("our child");
    for pid in run.pids() {
        // Its new parent may be slow to reap; a zombie serves nobody.
        let gone = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        wait_until("the end of a worker", || (!gone()).then_some(()));
    }
}

#[test]
fn a_stop_at_any_early_instant_leaves_nothing() {
    for delay in [0, 1, 2, 4, 8, 16] {
        let mut run = Running::script(&["--workers", "2"], READY);
        std::thread::sleep(Duration::from_millis(delay));
        run.signal(Signal::SIGTERM);
        let begin = Instant::now();
        let status = run.end();
        // Before main nobody can have a handler; then nothing was started either.
        assert!(status.code() == Some(0) || run.events().is_empty(), "{status:?} after {:?}", begin.elapsed());
    }
}

#[test]
fn options_win_over_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("pool.ron"), r#"(command: ["sleep", "1000"], workers: 7, ready: AtSpawn)"#)
        .expect("the file");
    let mut command = supervisor();
    command.args(["run", "--workers", "1", "--events", "events", "pool.ron"]);
    let mut run = Running::start(command, dir);
    run.wait_for("ready", 1);
    assert_eq!(run.all("setup")[0]["workers"], 1);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn no_descriptor_to_be_had_is_waited_out() {
    let mut run = Running::config(&format!(
        r##"(command: ["sh", "-c", r#"{READY}"#], workers: 2, events: "events", limit: (restarts: 100, within: "60s"),
            backoff: (initial: "20ms", factor: 1, cap: "20ms"))"##
    ));
    let victim = pid(&run.wait_for("ready", 2)[0]);
    let limit = |number: &str| {
        let pid = run.pid().to_string();
        let done = std::process::Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={number}:")]).status();
        assert!(done.is_ok_and(|status| status.success()), "prlimit of util-linux");
    };
    limit("3");
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("alive");
    let errors = run.wait_for("error", 3);
    assert!(errors.iter().all(|error| error["step"] == "descriptors" && error["errno"] == 24), "{errors:?}");
    limit("1024");
    run.wait_for("ready", 3);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn at_rest_it_gives_back_memory_and_goes_on_as_before() {
    let mut run = Running::script(&["--workers", "1"], READY);
    run.wait_for("ready", 1);
    let mapped = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", run.pid())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).expect("the line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let before = mapped();
    wait_until("less of its program in memory", || (mapped() < before / 2).then_some(()));
    kill(Pid::from_raw(run.pids()[0]), Signal::SIGKILL).expect("it lives");
    run.wait_for("ready", 2);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

//! The real supervisor: every way in which a worker says that it is ready, that it is alive, and that it leaves.

mod supervisor_support;

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

/// The same with a configuration: its fields beside `command`.
fn python_with(fields: &str, program: &str) -> Option<Running> {
    if !has("python3") {
        return None;
    }
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("worker.py"), format!("{NOTIFY}{program}")).expect("the program");
    let config = format!(r#"(command: ["python3", "worker.py"], events: "events", {fields})"#);
    std::fs::write(dir.path().join("pool.ron"), config).expect("the configuration");
    let mut command = supervisor_support::supervisor();
    command.args(["run", "pool.ron"]);
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

/// s6: text before the newline means nothing, and what comes later either; the worker closes it when it likes.
#[test]
fn a_newline_on_the_notification_descriptor() {
    let script =
        r#"printf up >&9; while [ ! -e go ]; do sleep 0.01; done; printf '\nagain' >&9; exec 9>&-; exec sleep 1000"#;
    let run = Running::config(&format!(
        r##"(command: ["sh", "-c", r#"{script}"#], workers: 1, notify_fd: 9, events: "events")"##
    ));
    run.wait_for("fork", 1);
    assert!(run.all("ready").is_empty());
    std::fs::write(run.path("go"), "").expect("written");
    run.wait_for("ready", 1);
    assert!(run.all("error").is_empty());
    stop(run);
}

/// One that closes it without a newline may still say ready in another way.
#[test]
fn a_notification_descriptor_that_is_closed_says_nothing() {
    let script = r#"printf up >&9; exec 9>&-; touch closed; while [ ! -e go ]; do sleep 0.01; done
        echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let run = Running::config(&format!(
        r##"(command: ["sh", "-c", r#"{script}"#], workers: 1, notify_fd: 9, events: "events")"##
    ));
    wait_until("it is closed", || run.path("closed").exists().then_some(()));
    assert!(run.all("ready").is_empty());
    std::fs::write(run.path("go"), "").expect("written");
    run.wait_for("ready", 1);
    stop(run);
}

/// Says that it is alive 20 times a second, in both ways in turn, and counts that in a file; `spin` makes it busy for ever.
const ALIVE: &str = r#"
open("told.%d" % os.getpid(), "w").write(os.environ["WATCHDOG_USEC"] + str(os.environ.get("WATCHDOG_PID")))
notify("READY=1")
for beat in range(1000000):
    if beat % 2:
        notify("WATCHDOG=1")
    else:
        os.write(int(os.environ["NODE_CHANNEL_FD"]), b'{"act":"alive"}\n')
    with open("beats.%d" % os.getpid(), "w") as file:
        file.write(str(beat).zfill(8))
    while os.path.exists("spin.%d" % os.getpid()):
        pass
    time.sleep(0.05)
"#;

/// Long for a worker that says so 20 times a second, also on a busy machine.
const WATCHED: &str = r#"workers: 2, watchdog: "1s""#;

/// How often a worker has said that it is alive.
fn beats(run: &Running, worker: i32) -> u32 {
    let text = std::fs::read_to_string(run.path(&format!("beats.{worker}"))).unwrap_or_default();
    text.parse().unwrap_or(0)
}

/// Waits until each of these has said 40 times more that it is alive: two seconds, twice the silence that is allowed.
fn go_on(run: &Running, workers: &[i32]) {
    let before: Vec<u32> = workers.iter().map(|&worker| beats(run, worker)).collect();
    wait_until("signs of life", || {
        let beaten = |(&worker, before)| beats(run, worker) >= before + 40;
        workers.iter().zip(&before).all(beaten).then_some(())
    });
}

#[test]
fn whoever_says_that_it_is_alive_lives() {
    let Some(run) = python_with(WATCHED, ALIVE) else { return };
    let workers: Vec<i32> = run.wait_for("ready", 2).iter().map(pid).collect();
    go_on(&run, &workers);
    assert!(run.all("hang").is_empty());
    let told = std::fs::read_to_string(run.path(&format!("told.{}", workers[0]))).expect("written");
    assert_eq!(told, "1000000None", "WATCHDOG_USEC, and no WATCHDOG_PID that could be wrong");
    stop(run);
}

#[test]
fn whoever_stops_saying_so_is_killed_and_replaced() {
    let Some(run) = python_with(WATCHED, ALIVE) else { return };
    let workers: Vec<i32> = run.wait_for("ready", 2).iter().map(pid).collect();
    wait_until("signs of life", || workers.iter().all(|&worker| beats(&run, worker) > 0).then_some(()));
    kill(Pid::from_raw(workers[0]), Signal::SIGSTOP).expect("it lives");
    std::fs::write(run.path(&format!("spin.{}", workers[1])), "").expect("written");
    let mut hung: Vec<i32> = run.wait_for("hang", 2).iter().map(pid).collect();
    hung.sort_unstable();
    let mut expected = workers.clone();
    expected.sort_unstable();
    assert_eq!(hung, expected);
    run.wait_for("ready", 4);
    let ends = run.wait_for("exit", 2);
    assert!(ends.iter().all(|end| end["signal"] == 9), "{ends:?}");
    stop(run);
}

/// Nobody could speak, or nobody could listen: that is no hang, however long it lasts.
#[test]
fn a_suspension_of_everybody_kills_nobody() {
    let Some(run) = python_with(WATCHED, ALIVE) else { return };
    let workers: Vec<i32> = run.wait_for("ready", 2).iter().map(pid).collect();
    let everybody: Vec<i32> = std::iter::once(run.pid()).chain(workers.iter().copied()).collect();
    wait_until("signs of life", || workers.iter().all(|&worker| beats(&run, worker) > 0).then_some(()));
    signal_all(&everybody, Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(3));
    // The supervisor first: it finds every deadline past and nothing said.
    signal_all(&everybody, Signal::SIGCONT);
    go_on(&run, &workers);
    assert!(run.all("hang").is_empty());
    stop(run);
}

#[test]
fn a_suspension_of_the_supervisor_alone_kills_nobody() {
    let Some(run) = python_with(WATCHED, ALIVE) else { return };
    let workers: Vec<i32> = run.wait_for("ready", 2).iter().map(pid).collect();
    run.signal(Signal::SIGSTOP);
    // The workers can speak until the queues of their notify sockets are full; then they wait in sendto(2).
    std::thread::sleep(Duration::from_secs(3));
    run.signal(Signal::SIGCONT);
    go_on(&run, &workers);
    assert!(run.all("hang").is_empty());
    stop(run);
}

fn signal_all(pids: &[i32], signal: Signal) {
    pids.iter().for_each(|&pid| kill(Pid::from_raw(pid), signal).expect("it lives"));
}

/// The first says so with sd_notify, the second on its channel, each where it has said that it is ready.
#[test]
fn one_that_knows_that_it_fails_is_replaced_at_once() {
    let program = r#"
slot = next(n for n in range(10) if not os.path.exists(f"taken.{n}"))
open(f"taken.{slot}", "w").close()
channel = int(os.environ["NODE_CHANNEL_FD"])
if slot == 1:
    os.write(channel, b'{"act":"ready"}\n{"act":"failing"}\n')
else:
    notify("READY=1")
while slot == 0 and not os.path.exists("fail"):
    time.sleep(0.005)
if slot == 0:
    notify("WATCHDOG=trigger")
time.sleep(1000)
"#;
    let Some(run) = python_with(r#"workers: 1, watchdog: "60s", backoff: (initial: "10ms")"#, program) else { return };
    run.wait_for("ready", 1);
    std::fs::write(run.path("fail"), "").expect("written");
    run.wait_for("hang", 2);
    run.wait_for("ready", 3);
    stop(run);
}

#[test]
fn a_worker_may_ask_to_be_watched_more_closely() {
    let program = "notify('READY=1\\nWATCHDOG_USEC=200000'); time.sleep(1000)";
    let Some(run) = python_with(r#"workers: 1, watchdog: "1h", limit: None"#, program) else { return };
    run.wait_for("hang", 1);
    run.wait_for("ready", 2);
    stop(run);
}

#[test]
fn a_worker_may_ask_for_more_time_to_start() {
    let program = "notify('EXTEND_TIMEOUT_USEC=60000000'); time.sleep(1.5); notify('READY=1'); time.sleep(1000)";
    let Some(run) = python_with(r#"workers: 1, ready_timeout: "1s", limit: None"#, program) else { return };
    let ready = run.wait_for("ready", 1);
    assert_eq!(pid(&ready[0]), run.pids()[0], "the first of them");
    assert!(run.all("error").is_empty());
    stop(run);
}

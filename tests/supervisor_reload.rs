//! Reading the configuration again, with real processes: what changes, what doesn't, and what is refused.

mod supervisor_support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use supervisor_support::{READY, Running, output, wait_until};

/// A worker in Python that answers each connection with the value of GENERATION.
const SERVER: &str = r#"
import os, select, signal, socket
listener = socket.socket(fileno=3)
told, tell = os.pipe()
signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b'x'))
os.write(int(os.environ['NODE_CHANNEL_FD']), b'{"act":"ready"}\n')
while told not in select.select([listener, told], [], [])[0]:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        continue
    connection.setblocking(True)
    connection.recv(1)
    connection.sendall(os.environ['GENERATION'].encode())
    connection.close()
"#;

fn config(generation: &str, workers: u32, extra: &str) -> String {
    format!(
        r#"(
            command: ["python3", "server.py"], workers: {workers}, listen: {{"web": "127.0.0.1:0"}},
            env: {{"GENERATION": "{generation}"}}, drain: "5s", events: "events", {extra}
        )"#
    )
}

fn shell(script: &str, extra: &str) -> String {
    format!(r##"(command: ["sh", "-c", r#"{script}"#], workers: 2, events: "events", {extra})"##)
}

/// Starts with this text; the server's script lies beside it.
fn start(text: &str) -> Running {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("server.py"), SERVER).expect("the script");
    fs::write(dir.path().join("pool.ron"), text).expect("the file");
    let mut command = supervisor_support::supervisor();
    command.args(["run", "pool.ron"]);
    Running::start(command, dir)
}

fn reload(running: &Running, text: &str) {
    fs::write(running.path("pool.ron"), text).expect("the file");
    running.signal(Signal::SIGHUP);
}

fn phases(running: &Running) -> Vec<String> {
    let phase = |event: &Value| event["phase"].as_str().unwrap_or_default().to_owned();
    running.all("reload").iter().map(phase).collect()
}

fn wait_for_phase(running: &Running, wanted: &str, count: usize) {
    wait_until(&format!("{count} × {wanted}; stderr:\n{}", running.stderr()), || {
        (phases(running).iter().filter(|phase| *phase == wanted).count() >= count).then_some(())
    });
}

fn address(running: &Running) -> SocketAddr {
    let text = running.wait_for("listening", 1)[0]["address"].as_str().expect("an address").to_owned();
    text.parse().expect("an address")
}

fn answer(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"x")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    if text.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(text) }
}

/// Connects again and again until nobody hears what it is answered, which may not be an error.
fn client(address: SocketAddr, tells: Sender<String>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let answers = std::iter::repeat_with(|| answer(address));
        for (before, answer) in answers.enumerate() {
            let answer = answer.unwrap_or_else(|error| panic!("after {before} answers: {error}"));
            if tells.send(answer).is_err() {
                break;
            }
        }
    })
}

#[test]
fn another_environment_and_more_workers_under_load_without_a_lost_connection() {
    let mut running = start(&config("one", 2, ""));
    running.wait_for("ready", 2);
    let at = address(&running);
    let (tells, hears) = channel();
    let client = client(at, tells);
    wait_until("an old answer", || hears.try_iter().find(|text| text == "one"));
    reload(&running, &config("two", 3, ""));
    wait_for_phase(&running, "done", 1);
    running.wait_for("ready", 5);
    wait_until("a new answer", || hears.try_iter().find(|text| text == "two"));
    drop(hears);
    client.join().expect("no connection is lost");
    assert_eq!(running.all("listening").len(), 1, "the socket is kept");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

#[test]
fn nobody_is_sent_to_the_sockets_of_workers_that_share_one_again() {
    let mut running = start(&config("one", 3, "handoff: Reuseport"));
    running.wait_for("ready", 3);
    let at = address(&running);
    reload(&running, &config("two", 3, ""));
    wait_for_phase(&running, "done", 1);
    running.wait_for("exit", 3);
    for _ in 0..50 {
        assert_eq!(answer(at).expect("somebody accepts"), "two");
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

#[test]
fn what_can_not_be_used_is_refused_with_the_reason_and_changes_nothing() {
    let mut running = start(&shell(READY, ""));
    running.wait_for("ready", 2);
    let broken = [
        ("(command: [\"sh\"], wrokers: 2)".to_owned(), "workers"),
        (shell(READY, r#"directory: "/nowhere/at/all""#), "/nowhere/at/all"),
        (shell(READY, r#"listen: {"web": "192.0.2.1:1"}"#), "192.0.2.1:1"),
        (r#"(pools: {"other": (command: ["sh"])}, events: "events")"#.to_owned(), "other"),
    ];
    for (count, (text, reason)) in broken.iter().enumerate() {
        reload(&running, text);
        wait_for_phase(&running, "refused", count + 1);
        let said = running.all("reload")[count]["reason"].as_str().expect("a reason").to_owned();
        assert!(said.contains(reason), "{said}");
    }
    fs::remove_file(running.path("pool.ron")).expect("it is there");
    running.signal(Signal::SIGHUP);
    wait_for_phase(&running, "refused", broken.len() + 1);
    assert_eq!(running.all("fork").len(), 2, "nobody was started");
    assert_eq!(running.all("retire").len(), 0, "nobody was asked to leave");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

#[test]
fn a_worker_that_can_not_boot_ends_the_trial_and_the_old_ones_go_on() {
    let mut running = start(&shell(READY, ""));
    running.wait_for("ready", 2);
    reload(&running, &shell("exit 3", r#"listen: {"new": "127.0.0.1:0"}"#));
    wait_for_phase(&running, "aborted", 1);
    assert_eq!(running.all("retire").len(), 0, "nobody old was touched");
    let port = address(&running);
    wait_until("the socket of the trial is closed", || TcpStream::connect(port).is_err().then_some(()));
    // A death meanwhile is made up for from the old configuration, and the next reload is one like any other.
    let victim = running.pids()[0];
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(victim), Signal::SIGKILL).expect("it lives");
    running.wait_for("ready", 3);
    reload(&running, &shell(READY, r#"env: {"A": "B"}"#));
    wait_for_phase(&running, "done", 1);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

/// Two pools, whose second one runs this script.
fn pools(generation: u32, second: &str) -> String {
    let pool = |script: &str| {
        format!(r##"(command: ["sh", "-c", r#"{script}"#], workers: 2, env: {{"GENERATION": "{generation}"}})"##)
    };
    format!(
        r#"(pools: {{"a": {}, "b": {}}}, events: "events", control: "/proc/self/cwd/control")"#,
        pool(READY),
        pool(second)
    )
}

#[test]
fn of_several_pools_all_change_or_none() {
    let mut running = start(&pools(1, READY));
    running.wait_for("ready", 4);
    let old = running.pids();
    fs::write(running.path("pool.ron"), pools(2, "exit 3")).expect("the file");
    let (code, _, stderr) = output(&["reload", "--control", "control"], running.dir.path());
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(phases(&running).iter().filter(|phase| *phase == "aborted").count(), 2);
    // Whoever was tried goes, and nobody else.
    wait_until("the trials have gone", || (running.all("close").len() == running.all("fork").len() - 4).then_some(()));
    let told: Vec<i32> = running.all("retire").iter().map(supervisor_support::pid).collect();
    assert!(old.iter().all(|&pid| supervisor_support::exists(pid) && !told.contains(&pid)), "{told:?}");
    fs::write(running.path("pool.ron"), pools(3, READY)).expect("the file");
    let (code, _, stderr) = output(&["reload", "--control", "control"], running.dir.path());
    assert_eq!(code, 0, "{stderr}");
    wait_until("the old ones have gone", || (!old.iter().any(|&pid| supervisor_support::exists(pid))).then_some(()));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

#[test]
fn a_reload_during_a_reload_ends_with_the_latest() {
    let slow = "sleep 0.2; echo '{\"act\":\"ready\"}' >&$NODE_CHANNEL_FD; exec sleep 1000";
    let mut running = start(&shell(slow, r#"env: {"GENERATION": "1"}"#));
    running.wait_for("ready", 2);
    reload(&running, &shell(slow, r#"env: {"GENERATION": "2"}"#));
    wait_for_phase(&running, "began", 1);
    reload(&running, &shell(slow, r#"env: {"GENERATION": "3"}"#));
    wait_until("both have ended", || {
        let ended = phases(&running).iter().filter(|phase| *phase == "done").count();
        (ended == 2 && running.all("exit").len() == running.all("fork").len() - 2).then_some(())
    });
    let gone: Vec<Value> = running.all("exit").iter().map(|event| event["pid"].clone()).collect();
    let alive = running.all("fork").into_iter().filter(|event| !gone.contains(&event["pid"]));
    for event in alive {
        let environment = fs::read(format!("/proc/{}/environ", event["pid"])).expect("it lives");
        assert!(environment.split(|&byte| byte == 0).any(|pair| pair == b"GENERATION=3"), "{event}");
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

/// Reads its channel, and did not get the descriptor of the first socket.
const MISSED: &str = r#"cat <&3 >got.$$ & echo '{"act":"ready"}' >&3; until [ -e missed ]; do sleep 0.01; done
echo '{"cmd":"NODE_HANDLE_NACK"}' >&3; wait"#;

/// All but the first of them are slow to start.
const HESITANT: &str = r#"mkdir first 2>/dev/null || until [ -e go ]; do sleep 0.01; done
echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;

#[test]
fn a_socket_that_is_still_on_its_way_to_somebody_is_not_closed() {
    let with = |socket: &str, script: &str| {
        format!(
            r##"(command: ["sh", "-c", r#"{script}"#], workers: 2, listen: {{"web": "unix:/proc/self/cwd/{socket}"}},
                handoff: Node(), ready: OwnWord, events: "events")"##
        )
    };
    let mut running = start(&with("one", MISSED));
    running.wait_for("ready", 2);
    let last = running.pids()[1];
    reload(&running, &with("other", HESITANT));
    running.wait_for("ready", 3);
    fs::write(running.path("missed"), "").expect("a file");
    wait_until("it is passed again", || {
        let got = fs::read_to_string(running.path(&format!("got.{last}"))).expect("its channel");
        (got.matches("NODE_HANDLE").count() == 2).then_some(())
    });
    fs::write(running.path("go"), "").expect("a file");
    wait_for_phase(&running, "done", 1);
    let listeners = || {
        let table = fs::read_to_string(format!("/proc/{}/net/unix", running.pid())).expect("a table");
        table.lines().filter(|line| line.ends_with("/cwd/one")).count()
    };
    wait_until("it is closed with its last worker", || (listeners() == 0).then_some(()));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
}

#[test]
fn a_stop_during_a_reload_comes_first() {
    let mut running = start(&shell(READY, ""));
    running.wait_for("ready", 2);
    reload(&running, &shell("exec sleep 1000", ""));
    wait_for_phase(&running, "began", 1);
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end_code(), 0);
    assert_eq!(phases(&running).last().map(String::as_str), Some("cancelled"));
}

#[test]
fn what_can_not_be_applied_is_refused_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("pool.ron"), r#"(command: ["sh"], directory: "/nowhere/at/all")"#).expect("the file");
    let (code, _, stderr) = output(&["run", "pool.ron"], dir.path());
    assert_eq!(code, 65);
    assert!(stderr.contains("/nowhere/at/all"), "{stderr}");
}

//! Every example does what it says, where its runtime is installed. Only the ports are others, so that tests don't meet.

mod supervisor_support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use supervisor_support::{DEADLINE, Running, supervisor, wait_until};

/// Whether a program is on this machine; says so by name if not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: `{program}` is not on this machine");
    }
    found
}

/// Runs `FILE` of an example in a copy of its folder. `None`, said by name: `runtime` is not on this machine.
fn example(folder: &str, file: &str, runtime: &str) -> Option<Running> {
    if !has(runtime) {
        return None;
    }
    let dir = copy_of(folder);
    let text = fs::read_to_string(dir.path().join(file)).expect("the configuration");
    fs::write(dir.path().join(file), any_port(&text)).expect("written");
    let mut command = supervisor();
    command.args(["run", file, "--events", "events"]).env("PORT", "0");
    Some(Running::start(command, dir))
}

fn copy_of(folder: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    for entry in fs::read_dir(&from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), dir.path().join(entry.file_name())).expect("copied");
    }
    dir
}

/// Each address with port 0.
fn any_port(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| done + "127.0.0.1:0" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn address(run: &Running) -> String {
    run.wait_for("listening", 1)[0]["address"].as_str().expect("text").to_owned()
}

/// The answer to one request: status and body.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(address).expect("the socket is held");
    connection.set_read_timeout(Some(DEADLINE)).expect("a time");
    let request = format!("GET {path} HTTP/1.0\r\nHost: example\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("answered");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.unwrap_or_else(|| panic!("no status: {answer:?}")), body.expect("a body"))
}

/// The pid of the worker that answered.
fn answered_by(address: &str) -> i32 {
    let (status, body) = get(address, "/");
    assert_eq!(status, 200, "{body}");
    let digits = body.rsplit(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no pid: {body:?}"))
}

/// How many connections nobody has accepted yet: of a socket that listens that is its receive queue (proc_net_tcp).
fn accept_queue(address: &str) -> u32 {
    let port: u16 = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let table = fs::read_to_string("/proc/net/tcp").expect("the table");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let local = format!("0100007F:{port:04X}");
    let row = rows.into_iter().find(|row| row.get(1) == Some(&local.as_str()) && row.get(3) == Some(&"0A"));
    let queue = row.as_ref().and_then(|row| row[4].split_once(':')).expect("it listens").1;
    u32::from_str_radix(queue, 16).expect("a number")
}

/// It serves, survives the death of a worker without one refused connection, and all of it leaves by itself when told.
fn serves(mut run: Running, workers: usize) {
    run.wait_for("ready", workers);
    let address = address(&run);
    let victim = answered_by(&address);
    assert!(run.pids().contains(&victim), "{victim} is none of {:?}", run.pids());
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("it lives");
    run.wait_for("exit", 1);
    assert_ne!(answered_by(&address), victim);
    run.wait_for("ready", workers + 1);
    leaves(&mut run);
}

fn leaves(run: &mut Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
    assert!(run.all("kill").is_empty(), "somebody had to be killed: {:?}", run.all("kill"));
    assert!(run.all("error").is_empty(), "{:?}", run.all("error"));
}

#[test]
fn python_asyncio() {
    let Some(run) = example("python-asyncio", "pool.ron", "python3") else { return };
    serves(run, 2);
}

/// What is asked when it is told to leave is answered.
#[test]
fn python_asyncio_finishes_what_it_holds() {
    let Some(mut run) = example("python-asyncio", "pool.ron", "python3") else { return };
    run.wait_for("ready", 2);
    let mut connection = TcpStream::connect(address(&run)).expect("the socket is held");
    connection.write_all(b"GET / HTTP/1.1\r\n").expect("sent");
    wait_until("somebody to accept it", || accept_queue(&address(&run)).eq(&0).then_some(()));
    run.signal(Signal::SIGTERM);
    run.wait_for("draining", 1);
    connection.write_all(b"\r\n").expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer:?}");
    assert_eq!(run.end_code(), 0);
}

#[test]
fn python_round_robin() {
    let Some(run) = example("python-round-robin", "pool.ron", "python3") else { return };
    run.wait_for("ready", 2);
    let address = address(&run);
    let answered: Vec<i32> = (0..6).map(|_| answered_by(&address)).collect();
    assert!(answered.windows(2).all(|pair| pair[0] != pair[1]), "not in turn: {answered:?}");
    serves(run, 2);
}

#[test]
fn node_server() {
    let Some(run) = example("node-server", "pool.ron", "node") else { return };
    run.wait_for("ready", 2);
    let address = address(&run);
    let (status, body) = get(&address, "/throw");
    assert_eq!(status, 200, "{body}");
    let announced = run.wait_for("announce", 1);
    assert_eq!(announced[0]["two_phase"], false);
    assert!(body.contains(&format!("pid is {}\n", announced[0]["pid"])), "{body}");
    run.wait_for("ready", 3);
    let ended = run.wait_for("exit", 1);
    assert_eq!((&ended[0]["pid"], &ended[0]["code"]), (&announced[0]["pid"], &1.into()));
    run.wait_for("close", 1);
    let mut run = run;
    assert!(run.pids().contains(&answered_by(&address)));
    leaves(&mut run);
}

#[test]
fn node_cluster() {
    let Some(run) = example("node-cluster", "pool.ron", "node") else { return };
    run.wait_for("ready", 2);
    assert_eq!(get(&address(&run), "/hello/you"), (200, "hello you\n".to_owned()));
    assert_eq!(get(&address(&run), "/nothing").0, 404);
    serves(run, 2);
}

#[test]
fn notifier() {
    let Some(mut run) = example("notifier", "pools.ron", "python3") else { return };
    run.wait_for("ready", 3);
    let address = address(&run);
    for prices in ["pears: 2", "pears: 3"] {
        fs::write(run.path("new"), prices)
            .and_then(|()| fs::rename(run.path("new"), run.path("prices")))
            .expect("written");
        // Both of them: whichever answers.
        wait_until(prices, || {
            let answers: Vec<String> = (0..8).map(|_| get(&address, "/").1).collect();
            answers.iter().all(|answer| answer.ends_with(&format!("knows: {prices}\n"))).then_some(())
        });
    }
    let web = run.all("fork").into_iter().rfind(|event| event["worker"]["pool"] == "web").expect("a worker");
    kill(Pid::from_raw(supervisor_support::pid(&web)), Signal::SIGKILL).expect("it lives");
    run.wait_for("ready", 4);
    for _ in 0..8 {
        let (_, body) = get(&address, "/");
        assert!(body.ends_with("knows: pears: 3\n"), "the new one, too: {body}");
    }
    leaves(&mut run);
}

/// A Redis of the test's own, that ends with it.
struct Redis {
    server: std::process::Child,
    port: String,
}

impl Redis {
    fn start(dir: &Path) -> Self {
        // Free a moment ago: nobody else is given it so soon.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port().to_string();
        let log = fs::File::create(dir.join("redis.log")).expect("a log");
        let mut server = Command::new("redis-server");
        server.args(["--port", &port, "--bind", "127.0.0.1", "--save", ""]).current_dir(dir).stdout(log);
        let redis = Self { server: server.spawn().expect("it starts"), port };
        wait_until("redis", || (redis.cli(&["ping"]) == "PONG").then_some(()));
        redis
    }

    fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port]).args(words).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

/// With a pool that keeps what it is told in the file `heard`.
#[test]
fn redis() {
    if !["python3", "redis-server", "redis-cli"].into_iter().all(has) {
        return;
    }
    let dir = copy_of("redis");
    let redis = Redis::start(dir.path());
    assert_eq!(redis.cli(&["set", "prices", r#"{"pears": 1}"#]), "OK");
    let notifier = fs::read_to_string(dir.path().join("pool.ron")).expect("the configuration");
    let script = r#"echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec cat <&$NODE_CHANNEL_FD >>heard"#;
    let listener = format!(r##"(command: ["sh", "-c", r#"{script}"#], workers: 1, subscribe: ["prices"])"##);
    let pools = format!(r#"(events: "events", pools: {{"notifier": {notifier}, "listener": {listener}}})"#);
    fs::write(dir.path().join("pools.ron"), pools).expect("written");
    let mut command = supervisor();
    command.args(["run", "pools.ron"]).env("REDIS_PORT", &redis.port);
    let mut run = Running::start(command, dir);
    let hears = |prices: &str| {
        let line = format!(r#"{{"act":"update","topic":"prices","data":{prices}}}"#);
        wait_until(&line, || {
            let heard = fs::read_to_string(run.path("heard")).unwrap_or_default();
            heard.lines().any(|heard| heard == line).then_some(())
        });
    };
    run.wait_for("ready", 2);
    hears(r#"{"pears": 1}"#);
    assert_eq!(redis.cli(&["publish", "prices", "no JSON"]), "1");
    assert_eq!(redis.cli(&["publish", "prices", r#"{"pears": 2}"#]), "1");
    hears(r#"{"pears": 2}"#);
    leaves(&mut run);
}

#[test]
fn uvicorn() {
    let Some(run) = example("uvicorn", "pool.ron", "uvicorn") else { return };
    serves(run, 2);
}

#[test]
fn shell() {
    let Some(mut run) = example("shell", "pool.ron", "sh") else { return };
    run.wait_for("ready", 1);
    wait_until("a date", || {
        let said = fs::read_to_string(run.path("stdout")).unwrap_or_default();
        said.contains(':').then_some(())
    });
    leaves(&mut run);
}

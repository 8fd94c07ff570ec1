//! The bars of hand-offs with real Node workers, each by one command that prints its figures:
//!
//! ```sh
//! cargo bench --bench node -- article      # 10 000 requests, every 50th throws; and the articles' limit
//! cargo bench --bench node -- kills        # a kill every 100 ms for 30 s under 500 connections a second
//! cargo bench --bench node -- throughput   # connections a second in turn: ours, Node's own primary, our own convention
//! ```

#[path = "../tests/node_support/mod.rs"]
mod node_support;
#[path = "../tests/supervisor_support/mod.rs"]
mod supervisor_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use node_support::kills::{Kills, ROLE, Way};
use node_support::{Done, Outcome, address_of, has_node, journal, judge, program, request};
use supervisor_support::{Running, pid, wait_until};

fn main() {
    if std::env::var_os(ROLE).is_some() {
        return node_support::worker::serve();
    }
    // cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    if !has_node("every bar of this program") {
        return;
    }
    let mut missed = false;
    for (name, bar) in [("article", article as fn() -> bool), ("kills", kills), ("throughput", throughput)] {
        if wants(name) {
            println!("## {name}");
            missed |= !bar();
        }
    }
    std::process::exit(i32::from(missed));
}

/// The programs that throw, and how they are served.
const THROWING: [(&str, &str, &str); 3] = [
    ("the articles' worker", "article.js", "listen: {\"web\": \"127.0.0.1:0\"}, handoff: Node()"),
    ("a cluster program, round robin", "throws.js", "handoff: NodeCluster()"),
    ("a cluster program, shared", "throws.js", "handoff: NodeCluster(policy: Shared)"),
];

const WORKERS: usize = 4;

fn throwing(name: &str, handoff: &str, limit: &str, notes: &Path) -> Running {
    let (preload, path) = (program("journal.js"), program(name));
    let run = Running::config(&format!(
        r#"(command: ["node", "--require", "{preload}", "{path}"], workers: {WORKERS}, events: "events", {handoff},
            limit: {limit}, backoff: (initial: "1ms", cap: "1ms"), env: {{"JOURNAL": {notes:?}}})"#
    ));
    run.wait_for("ready", WORKERS);
    run
}

fn article() -> bool {
    THROWING.iter().all(|(title, name, handoff)| all_answered(title, name, handoff) & gives_up(title, name, handoff))
}

/// 10 000 requests, every 50th throws, without a limit.
fn all_answered(title: &str, name: &str, handoff: &str) -> bool {
    let dir = tempfile::tempdir().expect("a directory");
    let notes = dir.path().join("journal");
    let mut run = throwing(name, handoff, "None", &notes);
    let address = address_of(&run.events(), 0).expect("it listens");
    let begin = Instant::now();
    let done = requests(address, 10_000);
    let took = begin.elapsed();
    wait_until("a full pool", || {
        let (ready, gone) = (run.all("ready"), run.all("exit"));
        let living = ready.iter().filter(|ready| gone.iter().all(|exit| exit["pid"] != ready["pid"])).count();
        (living == WORKERS && ready.len() == run.all("fork").len()).then_some(())
    });
    let failed: Vec<i32> = run.all("exit").iter().map(pid).collect();
    let judged = judge(&done, &journal(&notes), &failed);
    let good = judged.is_ok();
    let (Ok(text) | Err(text)) = judged;
    println!("{title}: {text}; {WORKERS} of {WORKERS} at the end, after {took:.1?}");
    run.signal(Signal::SIGTERM);
    good & (run.end_code() == 0)
}

fn requests(address: SocketAddr, count: u32) -> Vec<Done> {
    let next = AtomicU32::new(0);
    let client = || {
        let mut done = Vec::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return done;
            }
            let (outcome, port) = request(address, if n % 50 == 49 { "/throw" } else { "/" });
            done.push(Done { outcome, port });
        }
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect()
    })
}

/// The articles' limit, 10 restarts in 60 s: the eleventh is never made.
fn gives_up(title: &str, name: &str, handoff: &str) -> bool {
    let dir = tempfile::tempdir().expect("a directory");
    let limit = r#"(restarts: 10, within: "60s")"#;
    let mut run = throwing(name, handoff, limit, &dir.path().join("journal"));
    let address = address_of(&run.events(), 0).expect("it listens");
    let mut throws = 0;
    while run.all("giveup").is_empty() && throws < 1000 {
        throws += u32::from(request(address, "/throw").0 != Outcome::Refused);
    }
    let (code, forks) = (run.end_code(), run.all("fork").len());
    println!("{title}: gave up after {} restarts with status {code}", forks - WORKERS);
    code == 75 && forks == WORKERS + 10
}

fn kills() -> bool {
    let kills = Kills { span: Duration::from_secs(30), every: Duration::from_millis(100), per_second: 500 };
    let mut good = true;
    for way in Way::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        let notes = dir.path().join("journal");
        let mut run = Running::config(&way.config(&notes, &[]));
        run.wait_for("ready", 4);
        let judged = kills.run(&run.path("events"), &notes, way);
        good &= judged.is_ok();
        let (Ok(text) | Err(text)) = judged;
        println!("{}: {text}", way.name());
        run.signal(Signal::SIGTERM);
        good &= run.end_code() == 0;
    }
    good
}

/// Three workers, a new connection per request.
fn throughput() -> bool {
    let (mut node, mut ours, mut own) = (0.0f64, 0.0f64, 0.0f64);
    for _ in 0..3 {
        node = node.max(nodes_own_primary());
        ours =
            ours.max(supervised(&format!(r#"command: ["node", "{}"], handoff: NodeCluster()"#, program("plain.js"))));
        let exe = std::env::current_exe().expect("a path");
        let listen = r#"listen: {"web": "127.0.0.1:0"}, handoff: RoundRobin"#;
        own = own.max(supervised(&format!(r#"command: [{exe:?}], {listen}"#)));
    }
    println!("Node's own primary, round robin: {node:.0}/s");
    println!("ours with Node workers:          {ours:.0}/s, {:.2} times that (bar 1.7)", ours / node);
    println!("ours with its own convention:    {own:.0}/s, {:.2} times that (bar 5)", own / node);
    ours >= 1.7 * node && own >= 5.0 * node
}

fn nodes_own_primary() -> f64 {
    let mut child = Command::new("node")
        .arg(program("primary.js"))
        .envs([("PORT", "0"), ("NODE_CLUSTER_SCHED_POLICY", "rr")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let ports: Vec<u16> = lines.by_ref().take(3).map(|line| line.expect("a line").parse().expect("a port")).collect();
    let rate = connections_per_second(SocketAddr::from(([127, 0, 0, 1], ports[0])));
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    rate
}

fn supervised(members: &str) -> f64 {
    let mut run = Running::config(&format!(
        r#"({members}, workers: 3, events: "events", env: {{"PORT": "0", "{ROLE}": "1"}}, quiet: true)"#
    ));
    run.wait_for("ready", 3);
    let rate = connections_per_second(address_of(&run.events(), 0).expect("it listens"));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
    rate
}

/// 64 clients in one thread, each opening the next connection as soon as it has its answer.
fn connections_per_second(address: SocketAddr) -> f64 {
    let connect = || {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
        stream.set_nonblocking(true).expect("a socket");
        stream
    };
    let mut streams: Vec<TcpStream> = (0..64).map(|_| connect()).collect();
    let (warm, span) = (Duration::from_secs(1), Duration::from_secs(4));
    let (begin, mut answered, mut buffer) = (Instant::now(), 0u32, [0; 4096]);
    while begin.elapsed() < warm + span {
        let mut polled: Vec<PollFd<'_>> =
            streams.iter().map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)).collect();
        poll(&mut polled, PollTimeout::NONE).expect("polled");
        let ready: Vec<bool> = polled.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        for (stream, _) in streams.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            match stream.read(&mut buffer) {
                Ok(0) => {
                    answered += u32::from(begin.elapsed() >= warm);
                    *stream = connect();
                }
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    f64::from(answered) / span.as_secs_f64()
}

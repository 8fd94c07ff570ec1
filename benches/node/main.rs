//! The bars of hand-offs with real Node workers, each by one command that prints its figures:
//!
//! ```sh
//! cargo bench --bench node -- article      # 10 000 requests, every 50th throws; and the articles' limit
//! cargo bench --bench node -- kills        # a kill every 100 ms for 30 s under 500 connections a second
//! cargo bench --bench node -- throughput   # connections a second in turn: ours, Node's own primary, our own convention
//! ```

mod clients;
#[path = "../../tests/node_support/mod.rs"]
mod node_support;
#[path = "../../tests/supervisor_support/mod.rs"]
mod supervisor_support;
mod throughput;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

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
    for (name, bar) in [("article", article as fn() -> bool), ("kills", kills), ("throughput", throughput::run)] {
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

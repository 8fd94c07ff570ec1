//! How many connections a second are handed to workers one by one, and what that costs whom.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::clients::Clients;
use crate::node_support::kills::ROLE;
use crate::node_support::{address_of, program};
use crate::supervisor_support::{Running, pid};

const WORKERS: usize = 3;
const ROUNDS: usize = 3;
/// Node compiles a program while it runs: what is measured is the program and not its compiler.
const WARM: Duration = Duration::from_secs(4);
const SPAN: Duration = Duration::from_secs(4);

/// One way, and the best that it came to.
struct Way {
    name: &'static str,
    run: fn() -> Figures,
    best: Figures,
}

/// What a load came to.
#[derive(Clone, Copy, Default)]
struct Figures {
    per_second: f64,
    /// Microseconds of processor time for one connection, of each party.
    clients: f64,
    parent: f64,
    workers: f64,
}

/// Three workers, a new connection per request. The two ways in which workers accept by themselves are what is left if a
/// hand-off cost nothing.
pub fn run() -> bool {
    let way = |name, run| Way { name, run, best: Figures::default() };
    let mut ways = [
        way("Node's own primary, round robin", nodes_own_primary as fn() -> Figures),
        way("ours with Node workers", ours_with_node),
        way("ours with its own convention", ours_with_its_own),
        way("Node workers that accept", node_accepts),
        way("workers of our own that accept", own_accept),
    ];
    for _ in 0..ROUNDS {
        for way in &mut ways {
            let figures = (way.run)();
            if figures.per_second > way.best.per_second {
                way.best = figures;
            }
        }
    }
    println!("| way | a second | times Node's | µs of processor each: clients | parent | workers |");
    let node = ways[0].best.per_second;
    for Way { name, best: Figures { per_second, clients, parent, workers }, .. } in &ways {
        let times = per_second / node;
        println!("| {name:31} | {per_second:6.0} | {times:.2} | {clients:5.1} | {parent:5.1} | {workers:5.1} |");
    }
    let met = |n: usize, bar: f64| {
        let word = if ways[n].best.per_second >= bar * node { "met" } else { "MISSED" };
        println!("{}: bar {bar} {word}", ways[n].name);
        word == "met"
    };
    met(1, 1.7) & met(2, 5.0)
}

fn nodes_own_primary() -> Figures {
    let mut child = Command::new("node")
        .arg(program("primary.js"))
        .envs([("PORT", "0"), ("NODE_CLUSTER_SCHED_POLICY", "rr")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let ports: Vec<u16> =
        lines.by_ref().take(WORKERS).map(|line| line.expect("a line").parse().expect("a port")).collect();
    let figures = measure(SocketAddr::from(([127, 0, 0, 1], ports[0])), child.id(), &children(&child));
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    figures
}

fn ours_with_node() -> Figures {
    supervised(&["node", &program("plain.js")], "handoff: NodeCluster()")
}

fn node_accepts() -> Figures {
    supervised(&["node", &program("plain.js")], "handoff: NodeCluster(policy: Shared)")
}

fn ours_with_its_own() -> Figures {
    supervised(&[&this()], r#"listen: {"web": "127.0.0.1:0"}, handoff: RoundRobin"#)
}

fn own_accept() -> Figures {
    supervised(&[&this()], r#"listen: {"web": "127.0.0.1:0"}, handoff: Inherit"#)
}

fn this() -> String {
    std::env::current_exe().expect("a path").to_str().expect("UTF-8").to_owned()
}

fn supervised(command: &[&str], members: &str) -> Figures {
    let mut run = Running::config(&format!(
        r#"(command: {command:?}, {members}, workers: {WORKERS}, events: "events",
            env: {{"PORT": "0", "{ROLE}": "1"}}, quiet: true)"#
    ));
    run.wait_for("ready", WORKERS);
    let workers: Vec<u32> = run.all("ready").iter().map(|event| pid(event).cast_unsigned()).collect();
    let figures = measure(address_of(&run.events(), 0).expect("it listens"), run.child.id(), &workers);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
    figures
}

fn measure(address: SocketAddr, parent: u32, workers: &[u32]) -> Figures {
    let mut clients = Clients::new(address);
    clients.run(WARM);
    let spent = || [spent(std::process::id()), spent(parent), workers.iter().map(|&worker| spent(worker)).sum::<f64>()];
    let before = spent();
    let rate = clients.run(SPAN);
    let after = spent();
    let each = |n: usize| (after[n] - before[n]) / f64::from(rate.answered);
    Figures {
        per_second: f64::from(rate.answered) / rate.span.as_secs_f64(),
        clients: each(0),
        parent: each(1),
        workers: each(2),
    }
}

/// Microseconds of processor time that a process has had with all its threads: utime and stime of proc(5), in ticks of
/// 10 ms.
fn spent(pid: u32) -> f64 {
    const TICK: f64 = 10_000.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks = |n: usize| -> f64 { fields.split_whitespace().nth(n).expect("a field").parse().expect("a number") };
    (ticks(11) + ticks(12)) * TICK
}

fn children(parent: &Child) -> Vec<u32> {
    let pid = parent.id();
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it lives");
    text.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect()
}

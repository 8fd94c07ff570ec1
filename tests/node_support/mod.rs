//! What the tests with real Node workers share: whether Node is there, the programs, a client, a load.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

pub mod kills;
pub mod worker;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No answer takes longer, however busy the host; only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// False, and a line that says so, if Node is not on this machine.
pub fn has_node(test: &str) -> bool {
    let there = Command::new("node").arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: {test}: `node` is not on this machine");
    }
    there
}

/// The path of a program for Node.
pub fn program(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/node").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

/// What became of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer, by this process.
    Answered(i32, String),
    /// Nobody listens.
    Refused,
    /// It ended before an answer, without a byte or in the middle.
    Lost(String),
    /// Nothing came for so long that nothing ever will.
    Silent,
}

/// One connection and one request; also the port at our end, by which a worker's journal names the connection.
pub fn request(address: SocketAddr, path: &str) -> (Outcome, u16) {
    let mut stream = match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return (Outcome::Refused, 0),
        Err(error) => return (Outcome::Lost(format!("connect: {error}")), 0),
    };
    let port = stream.local_addr().map_or(0, |address| address.port());
    (exchange(&mut stream, path), port)
}

fn exchange(stream: &mut TcpStream, path: &str) -> Outcome {
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    if let Err(error) = stream.write_all(head.as_bytes()) {
        return Outcome::Lost(format!("write: {error}"));
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Outcome::Silent,
        Err(error) => return Outcome::Lost(format!("read: {error}")),
    }
    let answer = String::from_utf8_lossy(&answer);
    match pid_in(&answer) {
        Some(pid) if answer.starts_with("HTTP/1.1 200") && answer.ends_with('\n') => {
            Outcome::Answered(pid, answer.into_owned())
        }
        _ => Outcome::Lost(format!("{} bytes", answer.len())),
    }
}

/// The number after `pid is `.
pub fn pid_in(answer: &str) -> Option<i32> {
    let (_, rest) = answer.split_once("pid is ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Who answered a request that has to be answered.
pub fn served_by(address: SocketAddr, path: &str) -> i32 {
    match request(address, path) {
        (Outcome::Answered(pid, _), _) => pid,
        (other, _) => panic!("{path}: {other:?}"),
    }
}

/// One finished request of a load.
#[derive(Clone, Debug)]
pub struct Done {
    pub outcome: Outcome,
    pub port: u16,
}

/// Clients that each open a new connection per request, at a steady rate, whatever became of the others.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<Mutex<Vec<Done>>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many a second, until it is stopped.
    pub fn start(address: SocketAddr, per_second: u32) -> Self {
        const CLIENTS: u32 = 50;
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let every = Duration::from_secs(1) / per_second;
        let begin = Instant::now();
        let client = |first: u32| {
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            std::thread::spawn(move || {
                for n in (first..).step_by(CLIENTS as usize) {
                    std::thread::sleep((begin + every * n).saturating_duration_since(Instant::now()));
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let (outcome, port) = request(address, "/");
                    done.lock().expect("no panic").push(Done { outcome, port });
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, done, clients }
    }

    /// How many requests are finished.
    pub fn finished(&self) -> usize {
        self.done.lock().expect("no panic").len()
    }

    /// Stops, waits for what is under way, and gives everything.
    pub fn stop(self) -> Vec<Done> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().for_each(|client| client.join().expect("no panic"));
        std::mem::take(&mut self.done.lock().expect("no panic"))
    }
}

/// Who accepted which connection: the lines `pid port` that workers write before they read from one.
pub fn journal(path: &Path) -> Vec<(i32, u16)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| line.split_once(' ').and_then(|(pid, port)| Some((pid.parse().ok()?, port.parse().ok()?)));
    text.lines().filter_map(line).collect()
}

/// Checks that nothing was lost that no victim owned: of what has no answer, each connection was in the hands of a killed
/// worker by the journal, or (at most one for each kill) was being accepted as that died.
pub fn judge(done: &[Done], journal: &[(i32, u16)], victims: &[i32]) -> Result<String, String> {
    let owned = |port| journal.iter().any(|(pid, of)| *of == port && victims.contains(pid));
    let lost: Vec<&Done> = done.iter().filter(|done| !matches!(done.outcome, Outcome::Answered(..))).collect();
    let unowned: Vec<&&Done> = lost.iter().filter(|done| !owned(done.port)).collect();
    let cut = unowned.iter().filter(|done| matches!(done.outcome, Outcome::Lost(_))).count();
    let summary = format!(
        "{} requests, {} kills, {} lost with their worker, {} more that it was accepting",
        done.len(),
        victims.len(),
        lost.len() - unowned.len(),
        unowned.len()
    );
    if cut == unowned.len() && cut <= victims.len() { Ok(summary) } else { Err(format!("{summary}: {unowned:?}")) }
}

/// The address of the n-th socket that a supervisor said it listens on.
pub fn address_of(events: &[serde_json::Value], n: usize) -> Option<SocketAddr> {
    events.iter().filter(|event| event["event"] == "listening").nth(n)?["address"].as_str()?.parse().ok()
}

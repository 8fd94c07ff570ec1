//! Workers that are killed one after another under a load, for tests and benches.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Load, address_of, journal, judge, program};

/// The variable that makes a test binary a worker of `round_robin`.
pub const ROLE: &str = "TEST_ROUND_ROBIN_WORKER";

/// How the workers get their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Inherit,
    Reuseport,
    Node,
    ClusterInTurn,
    ClusterShared,
    RoundRobin,
}

impl Way {
    pub const ALL: [Self; 6] =
        [Self::Inherit, Self::Reuseport, Self::Node, Self::ClusterInTurn, Self::ClusterShared, Self::RoundRobin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Inherit => "inherit",
            Self::Reuseport => "reuseport",
            Self::Node => "node",
            Self::ClusterInTurn => "node_cluster, round robin",
            Self::ClusterShared => "node_cluster, shared",
            Self::RoundRobin => "round_robin",
        }
    }

    pub fn needs_node(self) -> bool {
        self != Self::RoundRobin
    }

    /// A configuration with 4 workers that note each connection in a journal; `role` are the arguments that make the
    /// running program a worker.
    pub fn config(self, journal: &Path, role: &[&str]) -> String {
        let (name, handoff) = match self {
            Self::Inherit => ("inherits.js", "Inherit"),
            Self::Reuseport => ("inherits.js", "Reuseport"),
            Self::Node => ("article.js", "Node()"),
            Self::ClusterInTurn => ("plain.js", "NodeCluster()"),
            Self::ClusterShared => ("plain.js", "NodeCluster(policy: Shared)"),
            Self::RoundRobin => ("", "RoundRobin"),
        };
        let command = if self.needs_node() {
            vec!["node".to_owned(), "--require".to_owned(), program("journal.js"), program(name)]
        } else {
            let own = std::env::current_exe().expect("a path").to_str().expect("UTF-8").to_owned();
            std::iter::once(own).chain(role.iter().map(|&word| word.to_owned())).collect()
        };
        // A worker of the cluster asks for its socket itself.
        let listen = if matches!(self, Self::ClusterInTurn | Self::ClusterShared) {
            ""
        } else {
            r#"listen: {"web": "127.0.0.1:0"},"#
        };
        format!(
            r#"(command: {command:?}, workers: 4, {listen} events: "events", handoff: {handoff}, limit: None,
                backoff: (initial: "1ms", cap: "1ms"),
                env: {{"PORT": "0", "JOURNAL": {journal:?}, "{ROLE}": "1"}})"#
        )
    }
}

/// What is done to them.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    pub span: Duration,
    pub every: Duration,
    pub per_second: u32,
}

impl Kills {
    /// Kills the worker that has been ready longest, again and again.
    ///
    /// # Errors
    /// What was lost that nobody's death excuses.
    pub fn run(self, events: &Path, notes: &Path, way: Way) -> Result<String, String> {
        let address = address_of(&said(events), 0).expect("it listens");
        let load = Load::start(address, self.per_second);
        let (begin, mut victims) = (Instant::now(), Vec::new());
        for n in 1.. {
            let at = begin + self.every * n;
            if at > begin + self.span {
                break;
            }
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            victims.extend(kill_oldest(events));
        }
        let done = load.stop();
        assert!(!victims.is_empty(), "{}: nobody was ever ready", way.name());
        judge(&done, &journal(notes), &victims)
    }
}

fn said(events: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(events).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The worker that became ready first of those that live; nobody while all are still starting.
fn kill_oldest(events: &Path) -> Option<i32> {
    let events = said(events);
    let pid = |event: &serde_json::Value| event["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    let gone: Vec<i32> = events.iter().filter(|event| event["event"] == "exit").filter_map(pid).collect();
    let mut ready = events.iter().filter(|event| event["event"] == "ready").filter_map(pid);
    let victim = ready.find(|pid| !gone.contains(pid))?;
    kill(Pid::from_raw(victim), Signal::SIGKILL).ok().map(|()| victim)
}

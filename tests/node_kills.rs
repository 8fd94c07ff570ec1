//! One worker after another is killed under load: nothing is refused or lost that a victim did not own.

mod node_support;
mod supervisor_support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use node_support::has_node;
use node_support::kills::{Kills, Way};
use supervisor_support::Running;

/// Not a test of its own: this binary as a worker of `round_robin`.
#[test]
fn worker() {
    if std::env::var_os(node_support::kills::ROLE).is_some() {
        node_support::worker::serve();
    }
}

fn killed_under_load(way: Way) {
    if way.needs_node() && !has_node(way.name()) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("journal");
    let mut run = Running::config(&way.config(&journal, &["--exact", "worker", "--nocapture"]));
    run.wait_for("ready", 4);
    let kills = Kills { span: Duration::from_secs(3), every: Duration::from_millis(100), per_second: 500 };
    let begin = Instant::now();
    let summary = kills.run(&run.path("events"), &journal, way).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(begin.elapsed() >= kills.span);
    eprintln!("{}: {summary}", way.name());
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
}

#[test]
fn inherit() {
    killed_under_load(Way::Inherit);
}

#[test]
fn reuseport() {
    killed_under_load(Way::Reuseport);
}

#[test]
fn node() {
    killed_under_load(Way::Node);
}

#[test]
fn node_cluster_in_turn() {
    killed_under_load(Way::ClusterInTurn);
}

#[test]
fn node_cluster_shared() {
    killed_under_load(Way::ClusterShared);
}

#[test]
fn round_robin() {
    killed_under_load(Way::RoundRobin);
}

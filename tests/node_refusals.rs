//! Programs of Node's cluster that refuse connections, listen on a descriptor, or write garbage beside their messages.

mod node_support;
mod supervisor_support;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;
use node_support::{address_of, has_node, program, request, served_by};
use supervisor_support::{Running, pid, wait_until};

/// Two workers of `full.js` with these variables; `more` are further fields.
fn start(variables: &str, more: &str) -> (Running, SocketAddr) {
    let path = program("full.js");
    let run = Running::config(&format!(
        r#"(command: ["node", "{path}"], workers: 2, events: "events", handoff: NodeCluster(), {more}
            limit: None, backoff: (initial: "1ms", cap: "1ms"), env: {{{variables}}})"#
    ));
    run.wait_for("ready", 2);
    let address = address_of(&run.events(), 0).expect("it listens");
    (run, address)
}

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
}

/// A connection on which nothing is asked yet, and who has it: the one that the next ten requests don't come to.
fn occupy(address: SocketAddr, workers: &[i32]) -> (TcpStream, i32) {
    let held = TcpStream::connect(address).expect("it listens");
    let others: Vec<i32> = (0..10).map(|_| served_by(address, "/")).collect();
    let owner = workers.iter().copied().find(|worker| !others.contains(worker)).expect("one of them is full");
    (held, owner)
}

#[test]
fn what_a_full_worker_refuses_goes_to_another() {
    if !has_node("what_a_full_worker_refuses_goes_to_another") {
        return;
    }
    let (run, address) = start("", "");
    let workers: Vec<i32> = run.all("ready").iter().map(pid).collect();
    let (held, full) = occupy(address, &workers);
    let other = workers.into_iter().find(|worker| *worker != full).expect("two of them");
    for _ in 0..10 {
        assert_eq!(served_by(address, "/"), other);
    }
    // With both full a connection waits, is refused again and again, and served when somebody has room.
    let second = TcpStream::connect(address).expect("it listens");
    let waiting = std::thread::spawn(move || request(address, "/").0);
    drop(held);
    let served = waiting.join().expect("no panic");
    assert!(matches!(served, node_support::Outcome::Answered(..)), "{served:?}");
    drop(second);
    assert!(run.all("error").is_empty() && run.all("hang").is_empty(), "{:?}", run.events());
    stop(run);
}

#[test]
fn a_descriptor_to_listen_on_is_the_configured_socket() {
    if !has_node("a_descriptor_to_listen_on_is_the_configured_socket") {
        return;
    }
    let (run, address) = start(r#""FD": "3", "MOST": "100""#, r#"listen: {"web": "127.0.0.1:0"},"#);
    let workers: Vec<i32> = run.all("ready").iter().map(pid).collect();
    let served: Vec<i32> = (0..6).map(|_| served_by(address, "/")).collect();
    for worker in workers {
        assert_eq!(served.iter().filter(|of| **of == worker).count(), 3, "in turn: {served:?}");
    }
    assert_eq!(run.all("listening").len(), 1, "and no other socket");
    stop(run);
}

#[test]
fn garbage_beside_the_clusters_messages_costs_nothing() {
    if !has_node("garbage_beside_the_clusters_messages_costs_nothing") {
        return;
    }
    let (run, address) = start(r#""MOST": "100""#, "");
    for _ in 0..2 {
        served_by(address, "/garbage");
    }
    let garbage = || run.all("error").iter().filter(|error| error["kind"] == "garbage").count();
    wait_until("what is no message", || (garbage() >= 2).then_some(()));
    let mut cut = TcpStream::connect(address).expect("it listens");
    cut.write_all(b"GET /garb").expect("sent");
    drop(cut);
    for _ in 0..10 {
        served_by(address, "/");
    }
    assert!(run.all("exit").is_empty(), "{}", run.stderr());
    stop(run);
}

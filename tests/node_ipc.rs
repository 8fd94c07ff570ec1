//! Unmodified Node workers on plain IPC: the worker of the articles, connections one by one, descriptors and garbage from a
//! worker.

mod node_support;
mod supervisor_support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;
use node_support::{PATIENCE, address_of, has_node, pid_in, program, served_by};
use supervisor_support::{Running, pid, wait_until};

/// So many workers of a program, with one listener, their sockets handed over in this way.
fn start(name: &str, workers: u32, handoff: &str) -> (Running, SocketAddr) {
    let path = program(name);
    let run = Running::config(&format!(
        r#"(command: ["node", "{path}"], workers: {workers}, listen: {{"web": "127.0.0.1:0"}}, events: "events",
            {handoff}, limit: None, backoff: (initial: "1ms", cap: "1ms"))"#
    ));
    run.wait_for("ready", workers as usize);
    let address = address_of(&run.events(), 0).expect("it listens");
    (run, address)
}

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
}

#[test]
fn the_articles_worker_is_replaced_while_it_finishes() {
    if !has_node("the_articles_worker_is_replaced_while_it_finishes") {
        return;
    }
    let (run, address) = start("article.js", 2, "handoff: Node()");
    // A long connection: the worker that has it can't go before it ends.
    let mut long = TcpStream::connect(address).expect("connected");
    long.write_all(b"GET /throw HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut answer = [0; 4096];
    let length = long.read(&mut answer).expect("an answer");
    let thrower = pid_in(&String::from_utf8_lossy(&answer[..length])).expect("its pid");
    let announced = run.wait_for("announce", 1);
    assert_eq!((pid(&announced[0]), &announced[0]["two_phase"]), (thrower, &false.into()));
    let ready = run.wait_for("ready", 3);
    assert!(run.all("exit").is_empty(), "its replacement serves before it has gone");
    let both: Vec<i32> = ready[0..3].iter().map(pid).filter(|&pid| pid != thrower).collect();
    for _ in 0..20 {
        assert!(both.contains(&served_by(address, "/")));
    }
    drop(long);
    let exit = &run.wait_for("exit", 1)[0];
    assert_eq!((pid(exit), &exit["code"]), (thrower, &1.into()));
    run.wait_for("close", 1);
    served_by(address, "/");
    assert_eq!(run.all("fork").len(), 3, "one worker for one");
    stop(run);
}

#[test]
fn connections_are_passed_one_by_one_in_turn() {
    if !has_node("connections_are_passed_one_by_one_in_turn") {
        return;
    }
    let (run, address) =
        start("sockets.js", 3, r#"handoff: Node(message: "socket", pass: Connections), ready: AtSpawn"#);
    let mut counts = BTreeMap::new();
    for _ in 0..30 {
        *counts.entry(served_by(address, "/")).or_insert(0) += 1;
    }
    assert_eq!(counts.values().collect::<Vec<_>>(), [&10; 3], "{counts:?}");
    stop(run);
}

#[test]
fn descriptors_from_a_worker_are_acknowledged() {
    if !has_node("descriptors_from_a_worker_are_acknowledged") {
        return;
    }
    // It says ready only after both were.
    let (run, address) = start("sends.js", 1, "handoff: Node(), ready: OwnWord");
    served_by(address, "/");
    let open = std::fs::read_dir(format!("/proc/{}/fd", run.pid())).expect("/proc").count();
    assert!(open < 30, "and closed: {open}");
    assert!(run.all("error").is_empty(), "{}", run.stderr());
    stop(run);
}

#[test]
fn sockets_of_datagrams_and_paths_are_handed_over_as_what_they_are() {
    if !has_node("sockets_of_datagrams_and_paths_are_handed_over_as_what_they_are") {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (script, path) = (program("handles.js"), dir.path().join("web"));
    let run = Running::config(&format!(
        r#"(command: ["node", "{script}"], workers: 1, handoff: Node(), events: "events",
            listen: {{"dns": "udp:127.0.0.1:0", "web": "unix:{}"}})"#,
        path.display()
    ));
    let worker = pid(&run.wait_for("ready", 1)[0]);
    let mut answer = String::new();
    UnixStream::connect(path).expect("connected").read_to_string(&mut answer).expect("an answer");
    assert_eq!(pid_in(&answer), Some(worker));
    let bound = run.all("listening")[0]["address"].as_str().expect("an address").to_owned();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    socket.send_to(b"who?", bound.strip_prefix("udp:").expect("that of datagrams")).expect("sent");
    let mut answer = [0; 100];
    let length = socket.recv(&mut answer).expect("an answer");
    assert_eq!(pid_in(&String::from_utf8_lossy(&answer[..length])), Some(worker));
    assert!(run.all("error").is_empty(), "{}", run.stderr());
    stop(run);
}

/// A worker that sends a message of so many mebibytes, and "ready" after it.
fn talker(mebibytes: u32) -> Running {
    let script = program("big.js");
    Running::config(&format!(
        r#"(command: ["node", "{script}"], workers: 1, handoff: Node(), ready: OwnWord, events: "events",
            env: {{"MIB": "{mebibytes}"}})"#
    ))
}

#[test]
fn a_message_of_two_mebibytes_is_a_message() {
    if !has_node("a_message_of_two_mebibytes_is_a_message") {
        return;
    }
    let run = talker(2);
    run.wait_for("ready", 1);
    assert!(run.all("error").is_empty() && run.all("disconnect").is_empty(), "{}", run.stderr());
    stop(run);
}

#[test]
fn a_message_beyond_the_bound_costs_the_channel_and_nothing_else() {
    if !has_node("a_message_beyond_the_bound_costs_the_channel_and_nothing_else") {
        return;
    }
    let run = talker(17);
    run.wait_for("disconnect", 1);
    let error = &run.wait_for("error", 1)[0];
    assert!(error["text"].as_str().is_some_and(|text| text.contains("more than 16777216 bytes")), "{error}");
    assert!(run.all("exit").is_empty(), "{}", run.stderr());
    stop(run);
}

#[test]
fn garbage_from_a_worker_costs_nothing() {
    if !has_node("garbage_from_a_worker_costs_nothing") {
        return;
    }
    let (run, address) = start("sends.js", 1, "handoff: Node(), ready: OwnWord");
    let worker = served_by(address, "/garbage");
    let errors = run.wait_for("error", 3);
    assert!(errors.iter().all(|error| error["kind"] == "garbage"), "{errors:?}");
    assert_eq!(served_by(address, "/"), worker);
    stop(run);
}

#[test]
fn a_worker_that_takes_no_connection_any_more_is_replaced() {
    if !has_node("a_worker_that_takes_no_connection_any_more_is_replaced") {
        return;
    }
    let handoff = r#"handoff: NodeCluster(), handoff_timeout: "700ms""#;
    let path = program("leaves.js");
    let run = Running::config(&format!(
        r#"(command: ["node", "{path}"], workers: 2, events: "events", {handoff}, limit: None,
            backoff: (initial: "1ms", cap: "1ms"))"#
    ));
    run.wait_for("ready", 2);
    let address = address_of(&run.events(), 0).expect("it listens");
    let mut blocked = TcpStream::connect(address).expect("connected");
    blocked.write_all(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    // The turn of the blocked one comes, too; what it does not take is served by another in the end.
    for _ in 0..4 {
        served_by(address, "/");
    }
    let hang = &run.wait_for("hang", 1)[0];
    run.wait_for("ready", 3);
    let killed = wait_until("its end", || run.all("exit").into_iter().find(|exit| exit["signal"] == 9));
    assert_eq!(pid(hang), pid(&killed));
    stop(run);
}

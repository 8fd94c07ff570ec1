//! Ordinary Node programs as workers of a cluster whose primary is the supervisor.

mod node_support;
mod supervisor_support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use node_support::{Load, Outcome, PATIENCE, address_of, has_node, pid_in, program, request, served_by};
use supervisor_support::{Running, pid, wait_until};

const SHARED: &str = "NodeCluster(policy: Shared)";
const IN_TURN: &str = "NodeCluster()";

/// So many workers of a program that asks for port 0, when all of them are ready.
fn start(name: &str, workers: u32, handoff: &str, more: &str) -> Running {
    let path = program(name);
    let run = Running::config(&format!(
        r#"(command: ["node", "{path}"], workers: {workers}, events: "events", handoff: {handoff}, {more}
            limit: None, backoff: (initial: "1ms", cap: "1ms"), env: {{"PORT": "0", "SOCKET": "/proc/self/cwd/socket"}})"#
    ));
    run.wait_for("ready", workers as usize);
    run
}

fn address(run: &Running, n: usize) -> SocketAddr {
    address_of(&run.events(), n).expect("it listens")
}

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
    assert!(run.all("error").is_empty(), "{:?}", run.all("error"));
}

#[test]
fn connections_come_in_turn() {
    if !has_node("connections_come_in_turn") {
        return;
    }
    let run = start("plain.js", 3, IN_TURN, "");
    let mut counts = BTreeMap::new();
    for _ in 0..30 {
        *counts.entry(served_by(address(&run, 0), "/")).or_insert(0) += 1;
    }
    assert_eq!(counts.values().collect::<Vec<_>>(), [&10; 3], "{counts:?}");
    stop(run);
}

#[test]
fn who_only_has_to_run_is_ready_before_it_listens() {
    if !has_node("who_only_has_to_run_is_ready_before_it_listens") {
        return;
    }
    // This one never listens, and says nothing.
    let run = start("handles.js", 1, IN_TURN, "ready: Online,");
    assert!(run.all("listening").is_empty(), "{:?}", run.events());
    stop(run);
}

#[test]
fn who_has_no_descriptor_left_for_a_socket_is_told_so_and_may_ask_again() {
    if !has_node("who_has_no_descriptor_left_for_a_socket_is_told_so_and_may_ask_again") {
        return;
    }
    let more = r#"ready: OwnWord, limits: {"nofile": 64},"#;
    let mut run = start("starved.js", 2, SHARED, more);
    // Any port is another one each time: the second is the one that they have got.
    served_by(address(&run, 1), "/");
    let errors = run.all("error");
    assert!(errors.iter().all(|error| error["call"] == "SCM_RIGHTS" && error["errno"] == 24), "{errors:?}");
    assert_eq!(errors.len(), 2, "one for each: {errors:?}");
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
}

#[test]
fn a_shared_socket_serves_as_well() {
    if !has_node("a_shared_socket_serves_as_well") {
        return;
    }
    let run = start("plain.js", 2, SHARED, "");
    let workers: Vec<i32> = run.all("ready").iter().map(pid).collect();
    for _ in 0..20 {
        assert!(workers.contains(&served_by(address(&run, 0), "/")));
    }
    assert_eq!(run.all("listening").len(), 1, "one socket for both");
    stop(run);
}

/// Reloads under load: each request on a connection of its own, and none of them lost.
fn reload_under_load(handoff: &str) {
    let run = start("plain.js", 2, handoff, "");
    let load = Load::start(address(&run, 0), 200);
    wait_until("some answers", || (load.finished() > 40).then_some(()));
    run.signal(Signal::SIGHUP);
    wait_until("the reload", || run.all("reload").iter().any(|event| event["phase"] == "done").then_some(()));
    run.wait_for("close", 2);
    let before = load.finished();
    wait_until("some more", || (load.finished() > before + 40).then_some(()));
    let done = load.stop();
    let lost: Vec<_> = done.iter().filter(|done| !matches!(done.outcome, Outcome::Answered(..))).collect();
    assert!(lost.is_empty(), "{} of {}: {lost:?}", lost.len(), done.len());
    assert!(run.all("exit").iter().all(|exit| exit["code"] == 0), "each left by itself: {:?}", run.all("exit"));
    stop(run);
}

#[test]
fn a_reload_loses_nothing_in_turn() {
    if has_node("a_reload_loses_nothing_in_turn") {
        reload_under_load(IN_TURN);
    }
}

#[test]
fn a_reload_loses_nothing_on_a_shared_socket() {
    if has_node("a_reload_loses_nothing_on_a_shared_socket") {
        reload_under_load(SHARED);
    }
}

#[test]
fn a_program_may_listen_on_many_things() {
    if !has_node("a_program_may_listen_on_many_things") {
        return;
    }
    for handoff in [IN_TURN, SHARED] {
        let run = start("several.js", 2, handoff, "ready: OwnWord,");
        let workers: Vec<i32> = run.all("ready").iter().map(pid).collect();
        let (first, second) = (address(&run, 0), address(&run, 1));
        assert_ne!(first, second, "each listen(0) of a worker has its own port");
        let sockets = run.all("listening").len();
        assert_eq!(sockets, 4, "and both workers share them: {:?}", run.all("listening"));
        for address in [first, second] {
            assert!(workers.contains(&served_by(address, "/")));
        }
        let mut pipe = UnixStream::connect(run.path("socket")).expect("a socket");
        pipe.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        pipe.read_to_string(&mut answer).expect("an answer");
        assert!(workers.contains(&pid_in(&answer).expect("its pid")));
        let listening = run.all("listening");
        let udp = listening.iter().find_map(|event| event["address"].as_str()?.strip_prefix("udp:")).expect("UDP");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.send_to(b"hello", udp).expect("sent");
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).expect("an answer");
        assert!(workers.contains(&pid_in(&String::from_utf8_lossy(&answer[..length])).expect("its pid")));
        stop(run);
    }
}

#[test]
fn a_program_that_clusters_itself_takes_its_workers_branch() {
    if !has_node("a_program_that_clusters_itself_takes_its_workers_branch") {
        return;
    }
    let run = start("itself.js", 2, IN_TURN, "");
    let workers: Vec<i32> = run.all("fork").iter().map(pid).collect();
    assert!(workers.contains(&served_by(address(&run, 0), "/")), "no process between");
    stop(run);
}

#[test]
fn a_worker_that_leaves_of_its_own_accord_is_replaced_and_nobody_notices() {
    if !has_node("a_worker_that_leaves_of_its_own_accord_is_replaced_and_nobody_notices") {
        return;
    }
    for handoff in [IN_TURN, SHARED] {
        let run = start("leaves.js", 2, handoff, "");
        let address = address(&run, 0);
        let leaver = served_by(address, "/leave");
        assert_eq!(pid(&run.wait_for("announce", 1)[0]), leaver);
        for _ in 0..20 {
            served_by(address, "/");
        }
        let exit = &run.wait_for("exit", 1)[0];
        assert_eq!((pid(exit), &exit["code"]), (leaver, &0.into()));
        run.wait_for("ready", 3);
        assert_eq!(run.all("fork").len(), 3);
        stop(run);
    }
}

#[test]
fn a_connection_that_is_kept_alive_stays_with_its_worker() {
    if !has_node("a_connection_that_is_kept_alive_stays_with_its_worker") {
        return;
    }
    let run = start("plain.js", 2, IN_TURN, "");
    let mut stream = TcpStream::connect(address(&run, 0)).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut reader = BufReader::new(stream.try_clone().expect("a copy"));
    let mut ask = || {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
        let mut line = String::new();
        while !line.contains("pid is") {
            line.clear();
            assert_ne!(reader.read_line(&mut line).expect("an answer"), 0, "the end");
        }
        let mut rest = String::new();
        while rest != "0\r\n" && rest != "\r\n" {
            rest.clear();
            reader.read_line(&mut rest).expect("its end");
        }
        pid_in(&line).expect("its pid")
    };
    let first = ask();
    assert_eq!((ask(), ask()), (first, first));
    stop(run);
}

#[test]
fn connections_made_while_there_is_no_worker_are_served_by_the_next() {
    if !has_node("connections_made_while_there_is_no_worker_are_served_by_the_next") {
        return;
    }
    for handoff in [IN_TURN, SHARED] {
        let run = start("plain.js", 1, handoff, "");
        let address = address(&run, 0);
        let only = served_by(address, "/");
        kill(Pid::from_raw(only), Signal::SIGKILL).expect("it lives");
        run.wait_for("exit", 1);
        let clients: Vec<_> = (0..20).map(|_| std::thread::spawn(move || request(address, "/").0)).collect();
        for client in clients {
            let outcome = client.join().expect("no panic");
            assert!(matches!(outcome, Outcome::Answered(pid, _) if pid != only), "{outcome:?}");
        }
        stop(run);
    }
}

/// Clients that keep their connections open are more than the worker has descriptors for: it drops what it gets beyond
/// that, several at once, and serves them when others are gone.
#[test]
fn what_a_worker_has_no_descriptor_for_is_passed_again() {
    if !has_node("what_a_worker_has_no_descriptor_for_is_passed_again") {
        return;
    }
    let run = start("plain.js", 1, IN_TURN, r#"limits: {"nofile": 40},"#);
    let (address, worker) = (address(&run, 0), pid(&run.all("ready")[0]));
    let full = OnceLock::new();
    std::thread::scope(|scope| {
        let clients = [(); 60].map(|()| scope.spawn(|| keep(address, || _ = full.get_or_init(|| until_full(worker)))));
        for client in clients {
            assert_eq!(client.join().expect("no panic"), worker);
        }
    });
    assert_eq!(run.all("fork").len(), 1, "the worker lives");
    stop(run);
}

/// Until this worker has all the descriptors that its limit of 40 allows, or but one, which it drops a connection with.
fn until_full(worker: i32) {
    let open = || std::fs::read_dir(format!("/proc/{worker}/fd")).expect("it lives").count();
    wait_until("a worker without free descriptors", || (open() >= 39).then_some(()));
}

/// One request; whoever answers it has the connection until `enough` returns.
fn keep(address: SocketAddr, enough: impl FnOnce()) -> i32 {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let (mut answer, mut part) = (String::new(), [0; 1024]);
    while !answer.contains("0\r\n\r\n") {
        let length = stream.read(&mut part).expect("an answer");
        assert_ne!(length, 0, "the end after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&part[..length]));
    }
    enough();
    pid_in(&answer).expect("its pid")
}

/// The file for two workers of a program that listens there. What nobody has is closed after 5 s.
fn listening_on(places: &str, handoff: &str) -> String {
    format!(
        r#"(command: ["node", "{}"], workers: 2, events: "events", handoff: {handoff}, limit: None, drain: "1s",
            ready_timeout: "5s", backoff: (initial: "1ms", cap: "1ms"), env: {{"LISTEN": "{places}"}})"#,
        program("moves.js")
    )
}

/// The addresses of TCP that the supervisor said it listens on.
fn ports(run: &Running) -> Vec<SocketAddr> {
    run.all("listening").iter().filter_map(|event| event["address"].as_str()?.parse().ok()).collect()
}

fn wait_until_free(address: SocketAddr) {
    wait_until("a closed socket", || TcpListener::bind(address).ok());
}

#[test]
fn what_a_later_program_does_not_listen_on_is_closed() {
    if !has_node("what_a_later_program_does_not_listen_on_is_closed") {
        return;
    }
    let run = Running::config(&listening_on("127.0.0.1 /proc/self/cwd/socket", IN_TURN));
    run.wait_for("ready", 2);
    wait_until("both sockets", || (run.all("listening").len() == 2).then_some(()));
    let first = ports(&run)[0];
    for victim in run.pids() {
        kill(Pid::from_raw(victim), Signal::SIGKILL).expect("it lives");
    }
    run.wait_for("ready", 4);
    served_by(first, "/");
    fs::write(run.path("pool.ron"), listening_on("127.0.0.2", IN_TURN)).expect("the file");
    run.signal(Signal::SIGHUP);
    wait_until("the reload", || run.all("reload").iter().any(|event| event["phase"] == "done").then_some(()));
    wait_until_free(first);
    wait_until("no path", || (!run.path("socket").exists()).then_some(()));
    let all = ports(&run);
    assert_eq!(all.len(), 2, "who came for the dead got the same socket: {all:?}");
    served_by(all[1], "/");
    stop(run);
}

#[test]
fn what_every_worker_has_closed_is_closed() {
    if !has_node("what_every_worker_has_closed_is_closed") {
        return;
    }
    let run = Running::config(&listening_on("127.0.0.1", SHARED));
    run.wait_for("ready", 2);
    let address = address(&run, 0);
    let first = served_by(address, "/close");
    assert_ne!(served_by(address, "/close"), first, "the other one still had it");
    wait_until_free(address);
    assert_eq!(run.all("fork").len(), 2, "both live");
    stop(run);
}

#[test]
fn a_port_that_is_taken_is_an_error_in_the_program() {
    if !has_node("a_port_that_is_taken_is_an_error_in_the_program") {
        return;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let mut run = Running::config(&format!(
        r#"(command: ["node", "{}"], workers: 1, events: "events", handoff: NodeCluster(),
            limit: (restarts: 1, within: "60s"), env: {{"PORT": "{port}"}})"#,
        program("plain.js")
    ));
    assert_eq!(run.end_code(), 75);
    assert!(run.stderr().contains("EADDRINUSE"), "{}", run.stderr());
}

#[test]
fn a_launcher_that_keeps_the_channel_is_warned_of() {
    let mut run = Running::config(
        r#"(command: ["npm", "start"], workers: 1, events: "events", handoff: NodeCluster(), env: {"PATH": "/nowhere"},
            limit: (restarts: 0, within: "60s"))"#,
    );
    assert_eq!(run.end_code(), 75);
    assert!(run.stderr().contains("npm keeps the channel and the sockets for itself"), "{}", run.stderr());
}

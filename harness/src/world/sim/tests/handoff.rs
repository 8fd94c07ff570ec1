//! Connections that the supervisor accepts and passes on; pipes.

use supervisor::core::{SpawnError, SpawnStep};
use supervisor::kernel::{Sharing, Stdio};

use crate::history::Outcome;

use super::*;

const PROBE: &str = "[Probe(every: \"10s\", as: \"p\")]";

/// A listener at which one client waits, and what was accepted there.
fn accepted(kernel: &mut SimKernel) -> (Fd, Fd) {
    let listener = listen(kernel);
    assert_eq!(kernel.accept(listener), Err(Errno::AGAIN));
    kernel.0.borrow_mut().client(Input::Start("p".into()));
    while wait(kernel, &[listener], SECOND).is_empty() {}
    let conn = kernel.accept(listener).expect("a connection");
    assert_eq!(kernel.accept(listener), Err(Errno::AGAIN));
    (listener, conn)
}

/// Offers a connection, and says what was answered.
fn offer(kernel: &mut SimKernel, channel: Fd, conn: Fd) -> String {
    pass(kernel, channel, conn);
    let mut said = String::new();
    while !said.ends_with('\n') {
        if wait(kernel, &[channel], SECOND).is_empty() {
            break;
        }
        said.push_str(&read(kernel, channel));
    }
    said
}

fn pass(kernel: &mut SimKernel, channel: Fd, conn: Fd) {
    let line = b"{\"act\":\"connection\",\"seq\":7,\"listener\":\"web\"}\n";
    let mut sent = kernel.send_handle(channel, line, conn).expect("room");
    while sent < line.len() {
        sent += kernel.send(channel, &line[sent..]).expect("room");
    }
}

fn outcomes(kernel: &SimKernel) -> Vec<Outcome> {
    let world = kernel.0.borrow();
    let outcome = |what: &What| match what {
        What::Connection(connection) => Some(connection.outcome),
        _ => None,
    };
    world.history.iter().filter_map(|event| outcome(&event.what)).collect()
}

#[test]
fn a_worker_serves_what_it_is_passed_and_says_so() {
    for seed in SEEDS {
        let mut kernel = kernel_of(&plan("()", PROBE, seed), Model::default());
        let (_, conn) = accepted(&mut kernel);
        let (_, channel) = ready_worker(&mut kernel, Vec::new());
        assert_eq!(offer(&mut kernel, channel, conn), "{\"act\":\"accepted\",\"seq\":7}\n");
        kernel.close(conn);
        pause(&mut kernel, SECOND);
        let outcomes = outcomes(&kernel);
        assert!(matches!(outcomes[..], [Outcome::Ok]), "{outcomes:?}");
        let world = kernel.0.borrow();
        let who = world.processes.get(0).proc;
        assert!(world.history.iter().any(|event| event.what == What::Accepted { proc: who, peer: 0 }));
    }
}

#[test]
fn a_connection_ends_with_its_last_descriptor() {
    for seed in SEEDS {
        let mut kernel = kernel_of(&plan("()", PROBE, seed), Model::default());
        let (_, conn) = accepted(&mut kernel);
        let (_, channel) = ready_worker(&mut kernel, Vec::new());
        offer(&mut kernel, channel, conn);
        pause(&mut kernel, SECOND);
        assert_eq!(kernel.0.borrow().conns[0].place, super::super::sockets::Place::Held, "ours is still open");
        kernel.close(conn);
        assert_eq!(kernel.0.borrow().conns[0].holders, 0);
    }
}

#[test]
fn what_a_dead_worker_was_passed_is_still_ours() {
    for seed in SEEDS {
        let mut kernel = kernel_of(&plan("()", PROBE, seed), Model::default());
        let (_, conn) = accepted(&mut kernel);
        let (first, channel) = ready_worker(&mut kernel, Vec::new());
        let (_, other) = ready_worker(&mut kernel, Vec::new());
        let proc = kernel.0.borrow().processes.get(0).proc;
        kernel.0.borrow_mut().freeze(proc, true);
        pass(&mut kernel, channel, conn);
        assert_eq!(kernel.0.borrow().conns[0].holders, 2, "ours and one on its way");
        kernel.signal(first, Signal::Kill.into(), Scope::Group).expect("it lives");
        pause(&mut kernel, SECOND / 10);
        assert!(kernel.take_signals().child);
        assert_eq!(kernel.0.borrow().conns[0].holders, 1);
        assert_eq!(kernel.send_handle(channel, b"x", conn), Err(Errno::PIPE));
        assert_eq!(offer(&mut kernel, other, conn), "{\"act\":\"accepted\",\"seq\":7}\n");
        kernel.close(conn);
        pause(&mut kernel, SECOND);
        assert!(matches!(outcomes(&kernel)[..], [Outcome::Ok]));
    }
}

#[test]
fn a_worker_that_leaves_refuses_and_one_that_hangs_says_nothing() {
    for (lives, answer) in [
        ("(then: IgnoreTerm)", "{\"act\":\"accepted\",\"seq\":7}\n"),
        ("(then: SlowStop(\"800ms\"))", "{\"act\":\"refused\",\"seq\":7}\n"),
        ("(then: Hang(at: Ready))", ""),
    ] {
        let mut kernel = kernel_of(&plan(lives, PROBE, 3), Model::default());
        let (_, conn) = accepted(&mut kernel);
        let (child, channel) = ready_worker(&mut kernel, Vec::new());
        if !lives.contains("Hang") {
            kernel.signal(child, Signal::Term.into(), Scope::Process).expect("it lives");
        }
        pause(&mut kernel, SECOND / 10);
        assert_eq!(offer(&mut kernel, channel, conn), answer, "{lives}");
        let holders = if answer.is_empty() { 2 } else { 1 };
        assert_eq!(kernel.0.borrow().conns[0].holders, holders, "{lives}");
    }
}

#[test]
fn a_connection_that_nobody_took_is_reset_with_what_was_asked() {
    let mut kernel = kernel_of(&plan("()", PROBE, 3), Model::default());
    let (_, conn) = accepted(&mut kernel);
    pause(&mut kernel, SECOND / 10);
    kernel.close(conn);
    pause(&mut kernel, SECOND / 10);
    assert!(matches!(outcomes(&kernel)[..], [Outcome::Reset]), "{:?}", outcomes(&kernel));
}

#[test]
fn listeners_are_for_those_that_were_given_them() {
    let mut kernel = kernel_of(&plan("()", PROBE, 3), Model::default());
    let web = listen(&mut kernel);
    let path = Address::Unix("/run/control".into());
    let control = kernel.listen(&path, &ListenOptions::backlog(1)).expect("a listener");
    let same = Address::Tcp("127.0.0.1:80".parse().expect("an address"));
    assert_eq!(kernel.listen(&same, &ListenOptions::backlog(1)), Err(Errno::ADDRINUSE));
    assert_eq!(kernel.peer(control), Err(Errno(22)));
    ready_worker(&mut kernel, Vec::new());
    kernel.0.borrow_mut().client(Input::Start("p".into()));
    pause(&mut kernel, SECOND / 10);
    assert!(outcomes(&kernel).is_empty(), "it waits: nobody accepts there");
    ready_worker(&mut kernel, vec![web]);
    pause(&mut kernel, SECOND / 10);
    assert!(matches!(outcomes(&kernel)[..], [Outcome::Ok]));
    let world = kernel.0.borrow();
    assert_eq!(world.listeners.iter().map(|listener| listener.holders).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn those_who_share_an_address_share_its_connections() {
    let mut kernel = kernel_of(&plan("()", "[Probe(every: \"1ms\", as: \"p\")]", 3), Model::default());
    let address = Address::Tcp("127.0.0.1:80".parse().expect("an address"));
    let [first, next] =
        [Sharing::First, Sharing::Next].map(|sharing| ListenOptions { sharing, ..ListenOptions::backlog(100) });
    kernel.listen(&address, &first).expect("bound");
    kernel.listen(&address, &next).expect("shared");
    assert_eq!(kernel.listen(&address, &first), Err(Errno::ADDRINUSE), "somebody has it");
    kernel.0.borrow_mut().client(Input::Start("p".into()));
    pause(&mut kernel, SECOND / 10);
    assert!(kernel.0.borrow().listeners.iter().all(|listener| listener.queue.len() > 20));
}

#[test]
fn a_flood_stops_its_writer_until_it_is_read() {
    for seed in SEEDS {
        let mut kernel = kernel_of(&plan("(then: Flood(10000000))", "[]", seed), Model::default());
        let spec = SpawnSpec { stdout: Stdio::Pipe, argv: vec!["puppet".into()], ..spec() };
        let Spawned { child, stdout, stderr, notify, .. } = kernel.spawn(&spec).expect("a process");
        assert_eq!((stderr, notify), (None, None));
        let stdout = stdout.expect("a pipe");
        pause(&mut kernel, SECOND);
        assert!(kernel.0.borrow().processes.get(0).blocked);
        let mut buffer = [0; 65_536];
        let mut count = 0;
        for _ in 0..100 {
            count += kernel.receive(stdout, &mut buffer).map_or(0, |received| received.bytes);
            pause(&mut kernel, SECOND / 100);
        }
        assert!(count > 1_000_000, "{count}");
        kernel.signal(child, Signal::Kill.into(), Scope::Process).expect("it lives");
        pause(&mut kernel, SECOND / 10);
        let last = std::iter::from_fn(|| kernel.receive(stdout, &mut buffer).ok()).map(|received| received.bytes);
        let last: Vec<usize> = last.take_while(|&bytes| bytes > 0).collect();
        assert!(last.iter().sum::<usize>() <= 65_536, "what was in it, then the end");
    }
}

#[test]
fn a_worker_without_a_channel_tells_on_its_pipe_that_it_is_ready() {
    let mut kernel = kernel(3);
    let spec = SpawnSpec { notify_fd: Some(5), argv: vec!["puppet".into()], ..spec() };
    let Spawned { channel, notify, .. } = kernel.spawn(&spec).expect("a process");
    assert_eq!(channel, None);
    let notify = notify.expect("a pipe");
    wait(&mut kernel, &[notify], SECOND);
    assert_eq!(read(&mut kernel, notify), "\n");
}

#[test]
fn without_a_free_descriptor_nothing_is_opened_and_nothing_is_lost() {
    let mut kernel = kernel_of(&plan("()", PROBE, 3), Model::default());
    let listener = listen(&mut kernel);
    kernel.0.borrow_mut().client(Input::Start("p".into()));
    kernel.0.borrow_mut().supervisor.descriptors.limit = 4;
    while wait(&mut kernel, &[listener], SECOND).is_empty() {}
    assert_eq!(kernel.accept(listener), Err(Errno::MFILE));
    assert_eq!(kernel.notify_socket(), Err(Errno::MFILE));
    let other = Address::Tcp("127.0.0.1:81".parse().expect("an address"));
    assert_eq!(kernel.listen(&other, &ListenOptions::backlog(1)), Err(Errno::MFILE));
    let puppet = SpawnSpec { argv: vec!["puppet".into()], channel: true, ..spec() };
    let refused = SpawnError { step: SpawnStep::Descriptors, errno: 24 };
    assert_eq!(kernel.spawn(&puppet), Err(refused));
    kernel.0.borrow_mut().supervisor.descriptors.limit = 9;
    let channel = kernel.spawn(&puppet).expect("five more").channel;
    assert_eq!(channel, Some(Fd(4)), "its number is the lowest");
    assert_eq!(kernel.accept(listener), Ok(Fd(5)), "it waited");
    assert_eq!(kernel.spawn(&puppet), Err(refused));
    kernel.0.borrow_mut().process_limit = 2;
    kernel.0.borrow_mut().supervisor.descriptors.limit = usize::MAX;
    assert_eq!(kernel.spawn(&puppet), Err(SpawnError { step: SpawnStep::Fork, errno: 11 }));
}

//! The model against what the kernel's contracts say, without the supervisor's loop.

use std::cell::RefCell;
use std::rc::Rc;

use supervisor::core::{ExitStatus, Signal};
use supervisor::kernel::{
    Address, Child, Clock, Errno, Fd, Listen, ListenOptions, Processes, Readiness, Scope, SpawnSpec, Spawned, Streams,
    Wait, Watch,
};
use supervisor::policy::Instant;

use crate::director::Injection;
use crate::history::{Status, What};
use crate::load::Input;
use crate::scenario::{Fault, FileFault};
use crate::world::{Bins, Plan};

use super::engine::World;
use super::kernel::SimKernel;
use super::model::Model;

mod handoff;

const SEEDS: std::ops::Range<u64> = 0..50;

fn plan(lives: &str, load: &str, seed: u64) -> Plan {
    let text = format!("(title: \"t\", pool: (workers: 2, drain: \"1s\"), lives: {lives}, load: {load})");
    let source = crate::problem::Source::new("t.ron", &text);
    let scenario = crate::ron_file::read(&source).expect("a scenario");
    let (subject, subject_dir) = crate::subject::load("reference").expect("the reference");
    Plan { name: "t".into(), scenario, subject, subject_dir, seed, bins: Bins::default() }
}

/// A kernel in which this test is the supervisor.
fn kernel_of(plan: &Plan, model: Model) -> SimKernel {
    let mut world = World::new(plan, None, plan.seed, model);
    world.direct();
    if !world.supervisor.alive() {
        world.start_supervisor();
    }
    world.until_supervisor_runs();
    SimKernel(Rc::new(RefCell::new(world)))
}

fn kernel(seed: u64) -> SimKernel {
    kernel_of(&plan("()", "[]", seed), Model::default())
}

fn listen(kernel: &mut SimKernel) -> Fd {
    kernel.listen(&Address::Tcp("127.0.0.1:80".parse().unwrap()), &ListenOptions::backlog(4)).expect("a listener")
}

fn spawn(kernel: &mut SimKernel, fds: Vec<Fd>) -> (Child, Fd) {
    let spec = SpawnSpec {
        argv: vec!["puppet".into()],
        env: Vec::new(),
        fds,
        channel: true,
        listen_pid: true,
        on_parent_death: Some(Signal::Term),
        ..SpawnSpec::default()
    };
    let Spawned { child, channel, .. } = kernel.spawn(&spec).expect("a process");
    (child, channel.expect("a channel"))
}

/// Waits until a descriptor can be read, or for ever if `watches` is empty and no signal comes.
fn wait(kernel: &mut SimKernel, fds: &[Fd], span: std::time::Duration) -> Vec<Readiness> {
    let watches: Vec<Watch> = fds.iter().map(|&fd| Watch { fd, read: true, write: false }).collect();
    let until = kernel.now() + span;
    let mut ready = Vec::new();
    loop {
        match kernel.wait(&watches, Some(until), &mut ready) {
            Ok(()) if ready.is_empty() && !kernel.0.borrow().supervisor.pending.any() && kernel.now() < until => {}
            Ok(()) | Err(Errno::INTR) => return ready,
            Err(why) => panic!("{why:?}"),
        }
    }
}

fn read(kernel: &mut SimKernel, fd: Fd) -> String {
    let mut text = String::new();
    let mut buffer = [0; 64];
    while let Ok(received) = kernel.receive(fd, &mut buffer) {
        if received.bytes == 0 {
            break;
        }
        text.push_str(std::str::from_utf8(&buffer[..received.bytes]).unwrap());
    }
    text
}

fn ready_worker(kernel: &mut SimKernel, fds: Vec<Fd>) -> (Child, Fd) {
    let (child, channel) = spawn(kernel, fds);
    let mut said = String::new();
    while !said.ends_with('\n') {
        wait(kernel, &[channel], SECOND);
        said.push_str(&read(kernel, channel));
    }
    assert_eq!(said, "{\"act\":\"ready\"}\n");
    (child, channel)
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn pause(kernel: &mut SimKernel, span: std::time::Duration) {
    let until = kernel.now() + span;
    while kernel.now() < until {
        let left = until.since(kernel.now());
        wait(kernel, &[], left);
        let _ = kernel.0.borrow_mut().elapse(1000);
    }
}

#[test]
fn five_deaths_are_one_signal_and_five_zombies() {
    for seed in SEEDS {
        let mut kernel = kernel(seed);
        let children: Vec<Child> = (0..5).map(|_| ready_worker(&mut kernel, Vec::new()).0).collect();
        for child in &children {
            kernel.signal(*child, Signal::Kill.into(), Scope::Group).expect("a group");
        }
        kernel.0.borrow_mut().elapse(50_000_000).expect("running");
        assert!(kernel.take_signals().child);
        assert!(!kernel.take_signals().child, "one bit");
        let mut reaped = Vec::new();
        while let Some((child, status)) = kernel.ended().expect("a table") {
            assert_eq!(status, ExitStatus::Signal(9));
            kernel.reap(child).expect("a zombie");
            reaped.push(child);
        }
        reaped.sort();
        assert_eq!(reaped, children);
        assert_eq!(kernel.reap(children[0]), Err(Errno(10)), "nobody is reaped twice");
        assert_eq!(kernel.signal(children[0], Signal::Kill.into(), Scope::Group), Err(Errno::SRCH));
    }
}

#[test]
fn the_model_error_delivers_every_sigchld() {
    let model = Model { sigchld_coalesces: false, ..Model::default() };
    let mut kernel = kernel_of(&plan("()", "[]", 1), model);
    for _ in 0..3 {
        let (child, _) = ready_worker(&mut kernel, Vec::new());
        kernel.signal(child, Signal::Kill.into(), Scope::Group).expect("a group");
    }
    kernel.0.borrow_mut().elapse(50_000_000).expect("running");
    assert!((0..3).all(|_| kernel.take_signals().child) && !kernel.take_signals().child);
}

#[test]
fn what_a_worker_said_is_there_after_its_death_then_the_end() {
    for seed in SEEDS {
        let mut kernel = kernel_of(&plan("(then: Crash(at: Ready, code: 3))", "[]", seed), Model::default());
        let (child, channel) = spawn(&mut kernel, Vec::new());
        pause(&mut kernel, SECOND);
        assert_eq!(kernel.ended().unwrap(), Some((child, ExitStatus::Code(3))));
        assert_eq!(read(&mut kernel, channel), "{\"act\":\"ready\"}\n");
        let mut buffer = [0; 8];
        assert_eq!(kernel.receive(channel, &mut buffer).map(|received| received.bytes), Ok(0));
        assert_eq!(kernel.send(channel, b"x"), Err(Errno(32)), "EPIPE");
    }
}

#[test]
fn unread_orders_of_a_dead_worker_are_a_reset() {
    let mut kernel = kernel(7);
    let (child, channel) = ready_worker(&mut kernel, Vec::new());
    let proc = kernel.0.borrow().processes.get(0).proc;
    kernel.0.borrow_mut().freeze(proc, true);
    assert!(kernel.send(channel, b"{\"act\":\"drain\"}\n").is_ok());
    kernel.signal(child, Signal::Kill.into(), Scope::Process).expect("a child");
    pause(&mut kernel, SECOND);
    let mut buffer = [0; 8];
    assert_eq!(kernel.receive(channel, &mut buffer), Err(Errno(104)));
    assert_eq!(kernel.receive(channel, &mut buffer).map(|received| received.bytes), Ok(0));
}

#[test]
fn a_full_channel_takes_no_more() {
    let mut kernel = kernel(3);
    let (_, channel) = ready_worker(&mut kernel, Vec::new());
    let proc = kernel.0.borrow().processes.get(0).proc;
    kernel.0.borrow_mut().freeze(proc, true);
    let mut sent = 0;
    let why = loop {
        match kernel.send(channel, &[b' '; 4096]) {
            Ok(bytes) => sent += bytes,
            Err(why) => break why,
        }
    };
    assert_eq!((why, sent), (Errno::AGAIN, super::model::CHANNEL_BYTES));
}

#[test]
fn a_drain_order_is_obeyed_and_a_frozen_worker_obeys_it_when_thawed() {
    for seed in SEEDS {
        let mut kernel = kernel(seed);
        let (child, channel) = ready_worker(&mut kernel, Vec::new());
        let proc = kernel.0.borrow().processes.get(0).proc;
        kernel.0.borrow_mut().freeze(proc, true);
        let mut order = &b"{\"act\":\"drain\"}\n"[..];
        while !order.is_empty() {
            let sent = kernel.send(channel, order).expect("room");
            order = &order[sent..];
        }
        pause(&mut kernel, SECOND);
        assert_eq!(kernel.ended(), Ok(None));
        kernel.0.borrow_mut().freeze(proc, false);
        pause(&mut kernel, SECOND);
        assert_eq!(kernel.ended(), Ok(Some((child, ExitStatus::Code(0)))));
    }
}

#[test]
fn a_timer_that_fires_during_a_freeze_is_seen_at_the_thaw() {
    for seed in SEEDS {
        let mut kernel = kernel_of(&plan("(then: Crash(at: Ready, after: \"100ms\"))", "[]", seed), Model::default());
        ready_worker(&mut kernel, Vec::new());
        let proc = kernel.0.borrow().processes.get(0).proc;
        kernel.0.borrow_mut().freeze(proc, true);
        pause(&mut kernel, SECOND);
        assert_eq!(kernel.ended(), Ok(None));
        kernel.0.borrow_mut().freeze(proc, false);
        pause(&mut kernel, SECOND / 10);
        assert!(kernel.ended().expect("a table").is_some());
    }
}

#[test]
fn a_killed_supervisor_does_nothing_more_and_its_workers_leave() {
    for seed in SEEDS {
        let mut kernel = kernel(seed);
        let listener = listen(&mut kernel);
        ready_worker(&mut kernel, vec![listener]);
        kernel.0.borrow_mut().signal_supervisor(9);
        let mut ready = Vec::new();
        assert_eq!(kernel.wait(&[], None, &mut ready), Err(Errno(5)));
        assert!(kernel.spawn(&spec()).is_err());
        let mut world = kernel.0.borrow_mut();
        let until = world.now + SECOND;
        while world.happen(until) {}
        assert!(!world.listeners[0].open());
        assert!(world.processes.listed.is_empty());
        let gone = What::SupervisorExited { proc: world.supervisor.proc, status: Status::Signal(9) };
        assert_eq!(world.history.iter().filter(|event| event.what == gone).count(), 1);
    }
}

fn spec() -> SpawnSpec {
    SpawnSpec::default()
}

#[test]
fn a_frozen_supervisor_sees_nothing_until_it_is_thawed() {
    let mut kernel = kernel(5);
    let until = kernel.now() + SECOND;
    {
        let mut world = kernel.0.borrow_mut();
        let proc = world.supervisor.proc;
        world.freeze(proc, true);
        world.signal_supervisor(15);
    }
    let mut ready = Vec::new();
    // Nothing thaws it: the run ends instead of going on for ever.
    assert!(kernel.wait(&[], Some(until), &mut ready).is_err());
    assert!(kernel.now() >= until || kernel.0.borrow().over);
}

#[test]
fn connections_wait_for_a_worker_and_survive_the_death_of_one() {
    for (survives, answered) in [(true, 1), (false, 0)] {
        let model = Model { queue_survives_death: survives, ..Model::default() };
        let plan = plan("(first: [Crash(at: Boot)])", "[Probe(every: \"10s\", as: \"p\")]", 9);
        let mut kernel = kernel_of(&plan, model);
        let listener = listen(&mut kernel);
        kernel.0.borrow_mut().client(Input::Start("p".into()));
        pause(&mut kernel, SECOND / 100);
        assert_eq!(kernel.0.borrow().listeners[0].queue.len(), 1);
        spawn(&mut kernel, vec![listener]);
        pause(&mut kernel, SECOND / 100);
        spawn(&mut kernel, vec![listener]);
        pause(&mut kernel, SECOND / 100);
        let world = kernel.0.borrow();
        let accepted = world.history.iter().filter(|event| matches!(event.what, What::Accepted { .. })).count();
        assert_eq!(accepted, answered);
    }
}

#[test]
fn nobody_listens_is_refused_and_a_full_queue_drops_the_syn() {
    let plan = plan("()", "[Probe(every: \"1ms\", as: \"p\")]", 9);
    let mut kernel = kernel_of(&plan, Model::default());
    kernel.0.borrow_mut().client(Input::Start("p".into()));
    pause(&mut kernel, SECOND / 1000);
    let refused = |world: &World| {
        let is = |what: &What| matches!(what, What::Connection(c) if c.outcome == crate::history::Outcome::Refused);
        world.history.iter().filter(|event| is(&event.what)).count()
    };
    let before = refused(&kernel.0.borrow());
    assert!(before >= 1);
    listen(&mut kernel);
    pause(&mut kernel, SECOND / 10);
    let world = kernel.0.borrow();
    assert!(refused(&world) <= before + 1);
    assert_eq!(world.listeners[0].queue.len(), 5, "backlog + 1, as Linux does");
}

#[test]
fn descriptors_are_reused_from_the_lowest() {
    let mut kernel = kernel(1);
    let first = listen(&mut kernel);
    let other = Address::Tcp("127.0.0.1:81".parse().unwrap());
    let second = kernel.listen(&other, &ListenOptions::backlog(4)).expect("a listener");
    assert_eq!((first, second), (Fd(3), Fd(4)));
    kernel.close(first);
    assert_eq!(listen(&mut kernel), Fd(3));
    assert_eq!(kernel.bound_address(second).expect("bound").to_string(), "127.0.0.1:81");
}

#[test]
fn small_pid_ranges_are_reused_but_never_twice_at_once() {
    let model = Model { pids: 4, ..Model::default() };
    let mut kernel = kernel_of(&plan("(then: Crash(at: Boot))", "[]", 2), model);
    let mut seen = Vec::new();
    for _ in 0..10 {
        let (child, _) = spawn(&mut kernel, Vec::new());
        pause(&mut kernel, SECOND / 10);
        assert_eq!(kernel.ended().map(|ended| ended.map(|(child, _)| child)), Ok(Some(child)));
        kernel.reap(child).expect("a zombie");
        seen.push(child);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3, "four pids, one of them the supervisor's");
}

#[test]
fn time_never_goes_back_and_deadlines_come() {
    let mut kernel = kernel(11);
    let mut ready = Vec::new();
    for _ in 0..80 {
        let until = kernel.now() + SECOND / 10;
        let before: Instant = kernel.now();
        while kernel.now() < until {
            let _ = kernel.wait(&[], Some(until), &mut ready);
        }
        assert!(kernel.now() >= until && kernel.now() > before);
        assert!(kernel.now().since(until) < SECOND / 500, "a timer is late, but not so late");
    }
}

#[test]
fn a_timer_that_fires_while_its_worker_is_frozen_is_seen_after_the_thaw() {
    let mut plan = plan("()", "[]", 4);
    plan.scenario.pool.watchdog = Some(crate::scenario::Span::millis(200));
    let mut kernel = kernel_of(&plan, Model::default());
    let (child, channel) = spawn(&mut kernel, Vec::new());
    let said = |kernel: &mut SimKernel| {
        let mut buffer = [0; 4096];
        let heard = kernel.receive(channel, &mut buffer).map_or(0, |received| received.bytes);
        String::from_utf8_lossy(&buffer[..heard]).matches("alive").count()
    };
    pause(&mut kernel, SECOND / 20);
    let frozen = kernel.0.borrow().child(child).map(|ix| kernel.0.borrow().processes.get(ix).proc).expect("a child");
    let freeze = |kernel: &SimKernel, on| kernel.0.borrow_mut().freeze(frozen, on);
    freeze(&kernel, true);
    pause(&mut kernel, SECOND / 2);
    assert_eq!(said(&mut kernel), 0, "it can't speak");
    freeze(&kernel, false);
    pause(&mut kernel, SECOND / 2);
    assert!(said(&mut kernel) >= 3, "it goes on speaking");
}

/// As in the real world: what an operator put in the place of a file that a fault took away stays.
#[test]
fn a_configuration_that_was_exchanged_while_it_was_away_stays() {
    let plan = plan("()", "[]", 0);
    let rendered = super::run::render(&plan).map(Rc::new);
    let mut world = World::new(&plan, rendered, 0, Model::default());
    let fault = |begin| Injection::Fault {
        step: vec![0],
        fault: Fault::File { which: "config".to_owned(), is: FileFault::Missing },
        on: Vec::new(),
        begin,
    };
    let first = world.file.clone();
    assert!(first.is_some());
    world.inject(fault(true));
    assert_eq!(world.file, None);
    world.inject(fault(false));
    assert_eq!(world.file, first, "it comes back");
    world.inject(fault(true));
    world.inject(Injection::Config(crate::subject::ORIGINAL.to_owned()));
    let second = world.file.clone();
    assert!(second.is_some() && second != first, "the second revision");
    world.inject(fault(false));
    assert_eq!(world.file, second);
}

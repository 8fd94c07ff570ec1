use super::super::testing::{Answering, FIRST, Fake, Log, Script, WORKER, config, pool, ready, run_machine};
use super::*;
use crate::config::{Leave, ReadySign};
use crate::core::{Action, Revision, Signal, Word};
use crate::kernel::{Child, Clock, Errno, SignalSet, SpawnSpec};
use crate::policy::defaults::{HANDOFF_TIMEOUT, LEAVE_PAUSE};

/// Starts one worker, and notes who hangs.
struct Serving(Log);

impl Machine for Serving {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start => actions.push(Action::Spawn(WORKER, FIRST)),
            Input::Word(worker, _) => actions.push(Action::Emit(Event::Ready { worker })),
            Input::Hung(_) => self.0.borrow_mut().push("hung".to_owned()),
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// Whether a worker counts as hung that has a connection, and these are the waits from then on.
fn hangs(waits: &[(Result<&[i32], Errno>, Duration)], answer: Option<&'static str>) -> bool {
    hangs_after(SignalSet::default(), waits, answer)
}

/// The same if the first of those waits ends by these signals.
fn hangs_after(signals: SignalSet, waits: &[(Result<&[i32], Errno>, Duration)], answer: Option<&'static str>) -> bool {
    let now = |fds: &[i32]| (SignalSet::default(), fds.iter().map(|&fd| Fd(fd)).collect());
    let mut kernel = Fake::new(vec![Ok(now(&[10])), Ok(now(&[30]))]);
    kernel.reads = ["{\"act\":\"ready\"}\n"].into_iter().chain(answer).collect();
    kernel.connections = [Fd(40)].into();
    kernel.spans = [Duration::ZERO; 2].into_iter().chain(waits.iter().map(|&(_, span)| span)).collect();
    kernel.waits.extend(waits.iter().map(|(result, _)| result.map(now)));
    if let Some(Ok((first, _))) = kernel.waits.get_mut(2) {
        *first = signals;
    }
    let machine = Serving(kernel.log.clone());
    let web = PoolConfig { handoff: Handoff::RoundRobin, listen: vec![0], ..pool("web") };
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![web], &["127.0.0.1:1"]));
    log.contains(&"hung".to_owned())
}

const ANSWER: &str = "{\"act\":\"accepted\",\"seq\":2}\n";

/// Later than the limit, but not so much that nobody can have looked.
const LATE: Duration = HANDOFF_TIMEOUT.saturating_add(Duration::from_millis(500));

#[test]
fn an_answer_that_lies_there_is_heard_before_anybody_counts_as_hung() {
    assert!(!hangs(&[(Err(Errno::INTR), LATE), (Ok(&[10]), Duration::ZERO)], Some(ANSWER)), "after a suspension");
    assert!(!hangs(&[(Ok(&[]), LATE), (Ok(&[10]), Duration::ZERO)], Some(ANSWER)), "it came after that look");
}

#[test]
fn after_a_suspension_that_is_told_it_has_its_whole_time_again() {
    let resumed = SignalSet { resumed: true, ..SignalSet::default() };
    let rest = (Ok(&[][..]), HANDOFF_TIMEOUT - Duration::from_millis(1));
    assert!(!hangs_after(resumed, &[(Ok(&[]), LATE), rest, (Ok(&[10]), Duration::ZERO)], Some(ANSWER)));
    assert!(hangs_after(resumed, &[(Ok(&[]), LATE), rest], None), "and not more");
}

#[test]
fn one_that_does_not_come_is_a_hang_at_the_first_look_after_that() {
    assert!(hangs(&[(Err(Errno::INTR), LATE), (Ok(&[]), Duration::ZERO)], None));
    assert!(hangs(&[], None));
}

const OTHER: WorkerId = WorkerId { slot: 1, ..WORKER };

const READY: &str = "{\"act\":\"ready\"}\n";

/// When a fake kernel's time begins.
const BEGIN: Instant = Instant::from_nanos(1_000_000_000);

/// Lines of these beginnings, up to the end of the loop.
fn lines(log: &[String], beginnings: &[&str]) -> Vec<String> {
    let lived = log.iter().take_while(|line| !line.starts_with("signal 9"));
    lived.filter(|line| beginnings.iter().any(|begin| line.starts_with(begin))).cloned().collect()
}

const SPAWN: Action = Action::Spawn(WORKER, FIRST);

/// What is passed when two workers serve, of which the first is next in turn, and these descriptors become readable: a
/// connection waits at the listener, 30, and the workers' channels, 10 and 11, have this to say. To a word of theirs they get
/// this.
fn two_serve(readable: &[i32], said: &[&'static str], answer: &[Action]) -> Vec<String> {
    let mut kernel = Fake::new([10, 11].iter().chain(readable).map(|&fd| ready(&[fd])).collect());
    kernel.channels = [Fd(10), Fd(11)].into();
    kernel.reads = [READY, READY].iter().chain(said).copied().collect();
    kernel.connections = [Fd(40)].into();
    let machine = Answering(kernel.log.clone(), |input| match input {
        Input::Start => vec![SPAWN, Action::Spawn(OTHER, FIRST)],
        Input::Word(worker, Word::Ready) => vec![Action::Emit(Event::Ready { worker })],
        Input::Word(..) => answer.to_vec(),
        _ => Vec::new(),
    });
    let web = PoolConfig { handoff: Handoff::RoundRobin, listen: vec![0], ..pool("web") };
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![web], &["127.0.0.1:1"]));
    lines(&log, &["pass"])
}

#[test]
fn a_worker_that_is_to_leave_gets_no_connection_while_another_serves() {
    let after = |answer: &[Action]| two_serve(&[10, 30], &["{\"act\":\"alive\"}\n"], answer);
    assert_eq!(after(&[]), ["pass 10 40"], "it would be its turn");
    for event in [
        Event::Announce { worker: WORKER, two_phase: true },
        Event::Retire { worker: WORKER },
        Event::Kill { worker: WORKER },
    ] {
        assert_eq!(after(&[Action::Emit(event)]), ["pass 11 40"]);
    }
}

#[test]
fn what_a_worker_did_not_answer_for_goes_to_another_at_the_end_of_its_channel() {
    assert_eq!(two_serve(&[30, 10], &[""], &[]), ["pass 10 40", "pass 11 40"]);
}

#[test]
fn connections_wait_at_a_listener_while_a_configuration_names_it_and_no_longer() {
    let answered = "{\"act\":\"accepted\",\"seq\":2}\n";
    let mut kernel = Fake::new([10, 30, 10, 10, 10].iter().map(|&fd| ready(&[fd])).collect());
    kernel.reads = [READY, "{\"act\":\"alive\"}\n", answered, "{\"act\":\"failing\"}\n"].into();
    kernel.connections = [Fd(40), Fd(41)].into();
    let machine = Answering(kernel.log.clone(), |input| match input {
        Input::Start => vec![SPAWN],
        Input::Word(worker, Word::Ready) => vec![Action::Emit(Event::Ready { worker })],
        Input::Word(_, Word::Alive) => vec![Action::Settle(0, FIRST)],
        Input::Word(..) => vec![Action::Settle(0, Revision(1))],
        _ => Vec::new(),
    });
    let web = PoolConfig { handoff: Handoff::RoundRobin, listen: vec![0], ..pool("web") };
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![web], &["127.0.0.1:1"]));
    assert_eq!(lines(&log, &["pass", "close"]), ["pass 10 40", "close 40", "pass 10 41", "close 41", "close 30"]);
}

/// A pool whose workers get the listening sockets at their birth.
fn given(listen: &[usize]) -> PoolConfig {
    let handoff = Handoff::Node { message: "1".to_owned(), connections: false };
    PoolConfig { handoff, sign: ReadySign::Sockets, listen: listen.to_vec(), ..pool("web") }
}

#[test]
fn a_worker_is_ready_when_the_last_of_its_listeners_has_arrived() {
    let after = |arrived: usize| {
        let mut kernel = Fake::new(vec![ready(&[10]); arrived]);
        kernel.reads = vec!["{\"cmd\":\"NODE_HANDLE_ACK\"}\n"; arrived].into();
        let start = |input| if matches!(input, Input::Start) { vec![SPAWN] } else { Vec::new() };
        let machine = Answering(kernel.log.clone(), start);
        let (_, log) =
            run_machine(&mut kernel, machine, &config(vec![given(&[0, 1])], &["127.0.0.1:1", "127.0.0.1:2"]));
        lines(&log, &["pass", "Word"])
    };
    assert_eq!(after(0), ["pass 10 30"]);
    assert_eq!(after(1), ["pass 10 30", "pass 10 31"]);
    assert_eq!(after(2), ["pass 10 30", "pass 10 31", "Word(w, Ready)"]);
}

#[test]
fn what_does_not_fit_because_too_much_is_under_way_is_passed_again_soon() {
    let mut kernel = Fake::new(vec![]);
    kernel.sends = [Err(Errno::TOOMANYREFS)].into();
    let (_, log) = run_machine(&mut kernel, Script([vec![SPAWN]].into()), &config(vec![given(&[0])], &["127.0.0.1:1"]));
    assert_eq!(lines(&log, &["pass"]), ["pass 10 30"; 2]);
    assert_eq!(kernel.now().since(BEGIN), CROWDED);
}

#[test]
fn a_socket_that_nothing_needs_is_closed_when_the_worker_that_was_passed_it_is_dead() {
    let child = SignalSet { child: true, ..SignalSet::default() };
    let mut kernel = Fake::new(vec![Ok((child, vec![]))]);
    kernel.dead = vec![Child(99), Child(7)];
    let script = Script([vec![SPAWN, Action::Settle(0, Revision(1))]].into());
    let (_, log) = run_machine(&mut kernel, script, &config(vec![given(&[0])], &["127.0.0.1:1"]));
    let place = |of: &str| log.iter().position(|line| line == of).unwrap_or_else(|| panic!("no {of:?}: {log:?}"));
    assert!(place("reap 7") < place("close 30") && place("close 30") < place("reap 99"), "{log:?}");
}

#[test]
fn whoever_could_acknowledge_a_socket_in_time_and_did_so_does_not_hang() {
    let asks = "{\"cmd\":\"NODE_CLUSTER\",\"act\":\"queryServer\",\"port\":0,\"addressType\":4,\"seq\":1}\n";
    let mut kernel = Fake::new(vec![ready(&[10]), Err(Errno::INTR), ready(&[10])]);
    kernel.spans = [Duration::ZERO, LATE].into();
    kernel.reads = [asks, "{\"cmd\":\"NODE_HANDLE_ACK\"}\n"].into();
    let machine = Serving(kernel.log.clone());
    let web = PoolConfig { handoff: Handoff::NodeCluster { round_robin: false }, ..pool("web") };
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![web], &[]));
    assert_eq!(lines(&log, &["pass", "hung"]), ["pass 10 30"]);
}

#[test]
fn a_worker_of_a_node_cluster_is_told_to_disconnect_after_its_rest() {
    let mut kernel = Fake::new(vec![]);
    let handoff = Handoff::NodeCluster { round_robin: true };
    let web = PoolConfig { handoff, leave: Leave::Disconnect, ..pool("web") };
    let script = Script([vec![SPAWN, Action::Signal(WORKER, Signal::Term)]].into());
    let (_, log) = run_machine(&mut kernel, script, &config(vec![web], &[]));
    let told = r#"send 10 {\"cmd\":\"NODE_CLUSTER\",\"act\":\"disconnect\",\"seq\":1}\n"#;
    assert_eq!(lines(&log, &["send", "signal", "close"]), [told], "its channel stays open: it has more to say");
    assert_eq!(kernel.now().since(BEGIN), LEAVE_PAUSE);
}

#[test]
fn a_worker_of_a_node_cluster_that_has_no_channel_gets_sigterm() {
    let mut kernel = Fake::new(vec![]);
    kernel.channel = None;
    let handoff = Handoff::NodeCluster { round_robin: true };
    let web = PoolConfig { handoff, leave: Leave::Disconnect, ..pool("web") };
    let script = Script([vec![SPAWN, Action::Signal(WORKER, Signal::Term)]].into());
    let (_, log) = run_machine(&mut kernel, script, &config(vec![web], &[]));
    assert_eq!(lines(&log, &["signal"]), ["signal 15 Process 7"]);
}

#[test]
fn each_worker_of_a_node_cluster_has_a_number_of_its_own_and_nobody_else_has_one() {
    let mut kernel = Fake::new(vec![]);
    let stranger = WorkerId { pool: 1, ..WORKER };
    let spawns = [WORKER, OTHER, stranger].map(|id| Action::Spawn(id, FIRST));
    let web = PoolConfig { handoff: Handoff::NodeCluster { round_robin: true }, ..pool("web") };
    run_machine(&mut kernel, Script([spawns.to_vec()].into()), &config(vec![web, pool("jobs")], &[]));
    let variable =
        |name: &str, spec: &SpawnSpec| spec.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let numbers: Vec<_> = kernel.spawned.iter().map(|spec| variable("NODE_UNIQUE_ID", spec)).collect();
    assert!(numbers[0].is_some() && numbers[1].is_some() && numbers[0] != numbers[1], "{numbers:?}");
    assert_eq!(numbers[2], None);
}

#[test]
fn a_listener_is_watched_while_there_is_somebody_to_serve_and_accepting_does_not_rest() {
    let is_watched = |members: &[WorkerId], paused_until| {
        let mut turn = Turn { paused_until, ..Turn::default() };
        members.iter().for_each(|&id| turn.robin.join(id));
        let mut watches = Vec::new();
        Handoffs { turns: [(Fd(30), turn)].into(), ..Handoffs::default() }.watches(&mut watches);
        !watches.is_empty()
    };
    assert!(is_watched(&[WORKER], None));
    assert!(!is_watched(&[WORKER], Some(BEGIN)) && !is_watched(&[], None));
}

#[test]
fn only_the_sockets_of_places_that_are_no_longer_wanted_are_closed_at_a_scaling() {
    let mut kernel = Fake::new(vec![]);
    kernel.bound = Some(crate::config::parse_address("127.0.0.1:1").expect("valid"));
    let of = |pool, slot| Action::Spawn(WorkerId { pool, slot, generation: 1 }, FIRST);
    let scale = Action::Emit(Event::Scale { pool: 0, workers: 2 });
    let own = |name, place| PoolConfig { handoff: Handoff::Reuseport, listen: vec![place], ..pool(name) };
    // The first places have 30 and 31, these have 32 to 35.
    let script = Script([vec![of(0, 1), of(0, 2), of(1, 1), of(1, 2), scale]].into());
    let pools = vec![own("web", 0), own("api", 1)];
    let (_, log) = run_machine(&mut kernel, script, &config(pools, &["127.0.0.1:1", "127.0.0.1:2"]));
    assert_eq!(lines(&log, &["close"]), ["close 33"]);
}

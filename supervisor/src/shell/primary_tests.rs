use super::super::testing::{FIRST, Fake, Log, Script, WORKER, config, pool, run_machine};
use super::*;
use crate::config::PoolConfig;
use crate::core::{Action, Order};
use crate::kernel::SignalSet;
use crate::policy::ExitCode;
use crate::policy::defaults::{HANDOFF_TIMEOUT, READY_TIMEOUT};

const BORN: u64 = 1_000_000_000;

/// Asks for a port, and says that it listens there.
const LISTENS: &str = concat!(
    r#"{"cmd":"NODE_CLUSTER","act":"queryServer","port":0,"addressType":4,"seq":1}"#,
    "\n",
    r#"{"cmd":"NODE_CLUSTER","act":"listening","seq":2}"#,
    "\n"
);

/// The same a second time.
const AGAIN: &str = concat!(r#"{"cmd":"NODE_CLUSTER","act":"queryServer","port":0,"addressType":4,"seq":4}"#, "\n");

const CLOSES: &str = concat!(r#"{"cmd":"NODE_CLUSTER","act":"close","key":"null:0:4:-:0","seq":3}"#, "\n");

const ACKNOWLEDGES: &str = concat!(r#"{"cmd":"NODE_HANDLE_ACK"}"#, "\n");

const SPAWN: Action = Action::Spawn(WORKER, FIRST);
const FORKED: Action = Action::Emit(Event::Fork { worker: WORKER });
const READY: Action = Action::Emit(Event::Ready { worker: WORKER });

/// A worker says all that, each in a turn of its own, and then nothing happens but what is due. Gives when the socket was
/// closed, in nanoseconds after the birth, and what happened at all; `None` if the loop ended first: nothing was due.
fn closed(mut kernel: Fake, round_robin: bool, words: &[&'static str], script: Vec<Vec<Action>>) -> Option<u64> {
    kernel.reads = words.iter().copied().collect();
    kernel.waits.extend(words.iter().map(|_| Ok((SignalSet::default(), vec![Fd(10)]))));
    let web = PoolConfig { handoff: Handoff::NodeCluster { round_robin }, ..pool("web") };
    let (_, log) = run_machine(&mut kernel, Script(script.into()), &config(vec![web], &[]));
    let place = |of: &str| log.iter().position(|line| line == of).unwrap_or_else(|| panic!("no {of:?}: {log:?}"));
    (place("close 30") < place("signal 9 Group 7")).then_some(kernel.now - BORN)
}

fn serves() -> Vec<Vec<Action>> {
    vec![vec![SPAWN], vec![FORKED], vec![READY]]
}

#[test]
fn a_socket_that_everybody_closed_is_closed_when_nobody_can_be_about_to_ask() {
    let after = closed(Fake::new(vec![]), true, &[LISTENS, CLOSES], serves());
    assert_eq!(after, Some(READY_TIMEOUT.as_nanos() as u64));
}

/// When a worker that asked for a socket and got it counts as hung, in time after its birth, if it says this afterwards.
fn hangs(words: &[&'static str]) -> Option<Duration> {
    let mut kernel = Fake::new(vec![]);
    kernel.reads = words.iter().copied().collect();
    kernel.waits.extend(words.iter().map(|_| Ok((SignalSet::default(), vec![Fd(10)]))));
    let web = PoolConfig { handoff: Handoff::NodeCluster { round_robin: false }, ..pool("web") };
    let script = [serves(), vec![vec![Action::Exit(ExitCode::Stopped)]]].concat();
    let (code, _) = run_machine(&mut kernel, Script(script.into()), &config(vec![web], &[]));
    (code == ExitCode::Stopped).then(|| Duration::from_nanos(kernel.now - BORN))
}

#[test]
fn one_that_is_not_acknowledged_is_a_hang() {
    assert_eq!(hangs(&[LISTENS]), Some(HANDOFF_TIMEOUT));
    assert_eq!(hangs(&[LISTENS, ACKNOWLEDGES]), None);
}

#[test]
fn one_that_is_asked_for_again_is_kept() {
    assert_eq!(closed(Fake::new(vec![]), true, &[LISTENS, CLOSES, AGAIN], serves()), None);
}

#[test]
fn one_that_its_only_worker_closed_to_leave_is_kept_for_the_next() {
    let leaves = vec![Action::Emit(Event::Retire { worker: WORKER }), Action::Tell(WORKER, Order::Drain)];
    let announce = concat!(r#"{"act":"suicide"}"#, "\n");
    let script = [serves(), vec![leaves]].concat();
    assert_eq!(closed(Fake::new(vec![]), true, &[LISTENS, announce, CLOSES], script), None);
}

#[test]
fn one_that_could_not_be_sent_yet_is_not_closed_under_its_message() {
    let mut kernel = Fake::new(vec![]);
    kernel.sends = vec![Err(Errno::AGAIN); 10].into();
    assert_eq!(closed(kernel, false, &[LISTENS, CLOSES], serves()), None);
}

/// Notes what a worker says of itself.
struct Noting(Log);

impl Machine for Noting {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start => actions.push(SPAWN),
            Input::Word(_, word) => self.0.borrow_mut().push(format!("{word:?}")),
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A worker with this sign says these, one a turn: what comes of it.
fn said(kernel: &mut Fake, round_robin: bool, sign: ReadySign, words: &[&'static str]) -> Vec<String> {
    kernel.reads = words.iter().copied().collect();
    kernel.waits = words.iter().map(|_| Ok((SignalSet::default(), vec![Fd(10)]))).collect();
    let machine = Noting(kernel.log.clone());
    let web = PoolConfig { handoff: Handoff::NodeCluster { round_robin }, sign, ..pool("web") };
    run_machine(kernel, machine, &config(vec![web], &[])).1
}

/// A query for this port of this address (a JSON text).
fn query(port: usize, address: &str) -> &'static str {
    let text = format!(
        r#"{{"cmd":"NODE_CLUSTER","act":"queryServer","address":{address},"port":{port},"addressType":4,"seq":1}}"#
    );
    (text + "\n").leak()
}

#[test]
fn a_worker_is_ready_by_the_sign_of_its_pool() {
    let online = concat!(r#"{"cmd":"NODE_CLUSTER","act":"online","seq":1}"#, "\n");
    let listening = concat!(r#"{"cmd":"NODE_CLUSTER","act":"listening","seq":2}"#, "\n");
    let ready = |sign, word| said(&mut Fake::new(vec![]), true, sign, &[word]).contains(&"Ready".to_owned());
    assert_eq!([ready(ReadySign::Online, online), ready(ReadySign::Online, listening)], [true, false]);
    assert_eq!([ready(ReadySign::Sockets, online), ready(ReadySign::Sockets, listening)], [false, true]);
}

#[test]
fn only_who_asked_for_any_address_gets_one_without_ipv6() {
    let tries = |address, errno| {
        let mut kernel = Fake::new(vec![]);
        kernel.listens = [Err(Errno(errno))].into();
        said(&mut kernel, true, ReadySign::Sockets, &[query(80, address)]);
        kernel.listeners
    };
    assert_eq!([tries("null", 97), tries("null", 99), tries("null", 98)], [2, 2, 1]);
    assert_eq!(tries(r#""127.0.0.1""#, 97), 1);
}

#[test]
fn a_pool_has_so_many_sockets_and_no_more() {
    let mut kernel = Fake::new(vec![]);
    let words: Vec<&str> = (1..=257).map(|port| query(port, "null")).collect();
    let answers = said(&mut kernel, true, ReadySign::Sockets, &words);
    let refused: Vec<_> =
        answers.iter().filter(|line| line.contains("errno") && !line.contains(r#"errno\":0"#)).collect();
    assert_eq!((kernel.listeners, refused.len()), (256, 1), "{refused:?}");
}

#[test]
fn a_worker_that_has_no_room_for_a_socket_is_told_so_and_may_ask_again() {
    let refuses = concat!(r#"{"cmd":"NODE_HANDLE_NACK"}"#, "\n");
    let mut kernel = Fake::new(vec![]);
    let log = said(&mut kernel, false, ReadySign::Sockets, &[LISTENS, refuses, refuses, refuses, refuses, AGAIN]);
    let place = |of: &str| log.iter().rposition(|line| line.contains(of)).unwrap_or_else(|| panic!("no {of}: {log:?}"));
    assert!(
        log[place("send 10")].contains(r#"errno\":-24"#) && log[place("send 10")].contains(r#"ack\":1"#),
        "{log:?}"
    );
    assert!(place("send 10") < place("pass 10 30"), "{log:?}");
    assert_eq!((kernel.listeners, log.iter().filter(|line| *line == "pass 10 30").count()), (1, 5));
}

#[test]
fn one_that_has_arrived_is_not_refused() {
    let log = said(&mut Fake::new(vec![]), false, ReadySign::Sockets, &[LISTENS, ACKNOWLEDGES]);
    assert!(!log.iter().any(|line| line.starts_with("send 10")), "{log:?}");
}

use super::super::testing::{FIRST, Fake, Script, WORKER, config, pool, run_machine};
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

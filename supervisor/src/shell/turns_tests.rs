use super::super::testing::{FIRST, Fake, Log, WORKER, config, pool, run_machine};
use super::*;
use crate::config::{Config, PoolConfig, ReadySign};
use crate::core::{Action, Event};
use crate::kernel::SignalSet;
use crate::policy::Instant;

/// Starts so many workers, which are ready when they say so.
struct Serving(Log, u32);

impl Machine for Serving {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start => actions.extend((0..self.1).map(|slot| Action::Spawn(WorkerId { slot, ..WORKER }, FIRST))),
            Input::Word(worker, Word::Ready) => {
                self.0.borrow_mut().push("ready".to_owned());
                actions.push(Action::Emit(Event::Ready { worker }));
            }
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A pool that is passed what comes to the listener.
fn robin() -> PoolConfig {
    PoolConfig { handoff: Handoff::RoundRobin, listen: vec![0], ..pool("web") }
}

/// The listener, and no descriptor at all.
const LISTENER: &[i32] = &[30];
const NOTHING: &[i32] = &[];

/// Accepting fails with these before there is a connection, 40; these are ready, each after so many milliseconds. Gives how
/// often a failure was told, and which descriptors the worker got.
fn accepted(refusals: &[i32], waits: &[(u64, &[i32])]) -> (usize, Vec<String>) {
    let waits: Vec<(u64, &[i32])> = [(0, &[10][..])].iter().chain(waits).copied().collect();
    let fds = |fds: &[i32]| fds.iter().map(|&fd| Fd(fd)).collect();
    let mut kernel = Fake::new(waits.iter().map(|(_, ready)| Ok((SignalSet::default(), fds(ready)))).collect());
    kernel.spans = waits.iter().map(|&(span, _)| Duration::from_millis(span)).collect();
    kernel.reads = ["{\"act\":\"ready\"}\n"].into();
    kernel.refusals = refusals.iter().map(|&errno| Errno(errno)).collect();
    kernel.connections = [Fd(40)].into();
    let loud = Config { quiet: false, ..config(vec![robin()], &["127.0.0.1:1"]) };
    let (_, log) = run_machine(&mut kernel, Serving(Log::default(), 1), &loud);
    (kernel.written.matches("accept").count(), log.into_iter().filter(|line| line.starts_with("pass")).collect())
}

#[test]
fn a_connection_that_is_gone_already_does_not_keep_the_next_one_waiting() {
    assert_eq!(accepted(&[], &[(0, LISTENER)]), (0, vec!["pass 10 40".to_owned()]));
    for gone in GONE.into_iter().chain([Errno::INTR.0]) {
        assert_eq!(accepted(&[gone], &[(0, LISTENER)]), (0, vec!["pass 10 40".to_owned()]));
    }
}

#[test]
fn without_descriptors_accepting_rests_for_a_while() {
    let full = &[Errno::MFILE.0];
    assert_eq!(
        accepted(full, &[(0, LISTENER), (0, LISTENER), (99, NOTHING), (0, NOTHING), (0, LISTENER)]),
        (1, vec![])
    );
    let (_, passed) = accepted(full, &[(0, LISTENER), (100, NOTHING), (0, NOTHING), (0, LISTENER)]);
    assert_eq!(passed, ["pass 10 40"]);
}

#[test]
fn what_fails_again_and_again_is_told_now_and_then() {
    let full = &[Errno::MFILE.0; 2];
    let again = |pause| accepted(full, &[(0, LISTENER), (pause, NOTHING), (0, NOTHING), (0, LISTENER)]).0;
    assert_eq!([again(200), again(9_999), again(10_000)], [1, 1, 2]);
}

const READY: &str = "{\"act\":\"ready\"}\n";
const HAS_IT: &str = "{\"cmd\":\"NODE_HANDLE_ACK\"}\n";
const HAS_NO_ROOM: &str = "{\"cmd\":\"NODE_HANDLE_NACK\"}\n";

/// Asks its primary for a port, and says that it listens there.
const LISTENS: &str = concat!(
    r#"{"cmd":"NODE_CLUSTER","act":"queryServer","port":0,"addressType":4,"seq":1}"#,
    "\n",
    r#"{"cmd":"NODE_CLUSTER","act":"listening","seq":2}"#,
    "\n"
);

/// What happens to descriptors, and who is ready, if these are ready, one a turn, and say that; a connection, 40, waits.
fn happens(mut kernel: Fake, web: PoolConfig, workers: u32, turns: &[(i32, &'static str)]) -> Vec<String> {
    kernel.waits = turns.iter().map(|&(fd, _)| Ok((SignalSet::default(), vec![Fd(fd)]))).collect();
    kernel.reads = turns.iter().map(|&(_, text)| text).filter(|text| !text.is_empty()).collect();
    kernel.connections = [Fd(40)].into();
    let addresses = &["127.0.0.1:1", "127.0.0.1:2"][..web.listen.len()];
    let machine = Serving(kernel.log.clone(), workers);
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![web], addresses));
    let end = log.iter().position(|line| line.starts_with("signal 9")).expect("the loop ends");
    log[..end].iter().filter(|line| ["pass", "close", "ready"].iter().any(|of| line.starts_with(of))).cloned().collect()
}

fn node(connections: bool, listen: &[usize], sign: ReadySign) -> PoolConfig {
    let handoff = Handoff::Node { message: "\"take\"".to_owned(), connections };
    PoolConfig { handoff, listen: listen.to_vec(), sign, ..pool("web") }
}

#[test]
fn a_connection_is_closed_here_when_its_worker_has_it() {
    let pool = || node(true, &[0], ReadySign::Nothing);
    let given = [(10, READY), (30, "")];
    assert_eq!(happens(Fake::new(vec![]), pool(), 1, &given), ["ready", "pass 10 40"]);
    let taken = [(10, READY), (30, ""), (10, HAS_IT)];
    assert_eq!(happens(Fake::new(vec![]), pool(), 1, &taken), ["ready", "pass 10 40", "close 40"]);
}

#[test]
fn one_of_a_cluster_is_not_closed_before_its_worker_has_accepted_it() {
    let handoff = Handoff::NodeCluster { round_robin: true };
    let cluster = PoolConfig { handoff, sign: ReadySign::Sockets, ..pool("web") };
    let turns = [(10, LISTENS), (30, ""), (10, HAS_IT)];
    assert_eq!(happens(Fake::new(vec![]), cluster, 1, &turns), ["ready", "pass 10 40"]);
}

#[test]
fn who_does_not_read_gets_no_connection_and_the_next_one_does() {
    let mut kernel = Fake::new(vec![]);
    kernel.channels = [Fd(10), Fd(11)].into();
    kernel.sends = [Err(Errno::PIPE)].into();
    let log = happens(kernel, robin(), 2, &[(10, READY), (11, READY), (30, "")]);
    assert_eq!(log.iter().filter(|line| *line == "pass 11 40").count(), 1, "{log:?}");
}

#[test]
fn who_does_not_read_is_asked_no_second_time_though_nobody_else_is_there() {
    let mut kernel = Fake::new(vec![]);
    kernel.sends = [Err(Errno::PIPE)].into();
    let log = happens(kernel, robin(), 1, &[(10, READY), (30, "")]);
    assert_eq!(log, ["ready", "pass 10 40"]);
}

#[test]
fn a_worker_is_ready_when_it_has_every_socket_if_that_is_its_sign() {
    let after = |sign, answers: &[&'static str]| {
        let turns: Vec<_> = answers.iter().map(|&text| (10, text)).collect();
        happens(Fake::new(vec![]), node(false, &[0, 1], sign), 1, &turns).contains(&"ready".to_owned())
    };
    assert_eq!([after(ReadySign::Sockets, &[HAS_IT]), after(ReadySign::Sockets, &[HAS_IT; 2])], [false, true]);
    assert!(!after(ReadySign::Nothing, &[HAS_IT; 2]));
    assert!(!after(ReadySign::Sockets, &[HAS_NO_ROOM; 8]));
}

#[test]
fn what_could_not_be_passed_for_all_that_is_under_way_elsewhere_is_tried_again_by_itself() {
    let mut kernel = Fake::new(vec![]);
    kernel.sends = [Err(Errno::TOOMANYREFS)].into();
    let log = happens(kernel, robin(), 1, &[(10, READY), (30, "")]);
    assert_eq!(log[..3], ["ready", "pass 10 40", "pass 10 40"]);
}

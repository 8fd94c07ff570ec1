use super::*;
use crate::history::Connection;
use crate::load::Failure;
use crate::scenario::{Bulk, Harm, Span};

mod slow;

fn at(millis: u64) -> Time {
    Time::from_nanos(1_000_000_000) + Duration::from_millis(millis)
}

fn worker(pid: u32) -> Proc {
    Proc { pid, start: 1 }
}

/// Clients and everything they have done.
struct Field {
    clients: Clients,
    now: u64,
    done: Vec<Action>,
}

impl Field {
    fn of(load: Load) -> Self {
        let mut field = Self { clients: Clients::new(&[load], 2), now: 0, done: Vec::new() };
        field.put(Input::Start("x".into()));
        field
    }

    fn put(&mut self, input: Input) {
        self.clients.step(at(self.now), input, &mut self.done);
    }

    fn until(&mut self, millis: u64) {
        while let Some(due) = self.clients.next_deadline().filter(|due| *due <= at(millis)) {
            self.now = due.since(at(0)).as_nanos().div_ceil(1_000_000) as u64;
            self.put(Input::Tick);
        }
        self.now = millis;
    }

    /// Opens, writes and answers a connection.
    fn serve(&mut self, id: u32, owner: Proc) {
        self.put(Input::Opened(id, 1000 + id));
        self.put(Input::Sent(id));
        self.put(Input::Answered(id, owner));
    }

    fn connects(&self) -> Vec<u32> {
        let id = |action: &Action| if let Action::Connect(id) = action { Some(*id) } else { None };
        self.done.iter().filter_map(id).collect()
    }

    fn records(&self) -> Vec<&Connection> {
        self.done
            .iter()
            .filter_map(|action| if let Action::Record(record) = action { Some(&**record) } else { None })
            .collect()
    }

    /// The requests that are over: which connection's, the n-th of it, due and over when, and how.
    fn over(&self) -> Vec<(u32, u32, Time, Time, Outcome)> {
        let over = |action: &Action| match action {
            Action::Over(one) => Some((one.conn, one.nth, one.due, one.ended, one.outcome)),
            _ => None,
        };
        self.done.iter().filter_map(over).collect()
    }

    fn outcomes(&self) -> Vec<(u32, Outcome)> {
        self.records().iter().map(|record| (record.id, record.outcome)).collect()
    }

    fn held(&self) -> bool {
        self.done.contains(&Action::Held("x".into()))
    }
}

fn probe(every: u64) -> Load {
    Load::Probe { every: Span::millis(every), hold: Span::millis(0), name: "x".into(), on_demand: false }
}

fn hold(connections: u32, per_worker: bool) -> Load {
    Load::Hold { connections, per_worker, hold: Span::millis(500), name: "x".into(), on_demand: false }
}

fn park(connections: u32, per_worker: bool) -> Load {
    Load::Park { connections, per_worker, reuse: None, name: "x".into(), on_demand: false }
}

#[test]
fn probes_keep_their_schedule_whatever_becomes_of_them() {
    let mut field = Field::of(probe(5));
    field.until(12);
    assert_eq!(field.connects(), [0, 1, 2]);
    // The harness slept through two instants: both probes are made, late, and the schedule does not shift.
    field.now = 21;
    field.put(Input::Tick);
    assert_eq!(field.connects(), [0, 1, 2, 3, 4]);
    assert_eq!(field.clients.next_deadline(), Some(at(25)));
}

#[test]
fn each_end_of_a_probe_has_its_outcome() {
    let mut field = Field::of(probe(1));
    field.until(7);
    field.put(Input::Stop("x".into()));
    field.serve(0, worker(9));
    field.put(Input::NotOpened(1, Failure::Refused));
    for id in 2..=6 {
        field.put(Input::Opened(id, 1000 + id));
        field.put(Input::Sent(id));
    }
    field.put(Input::Closed(2));
    field.put(Input::Partial(3));
    field.put(Input::Closed(3));
    field.put(Input::Failed(4, Failure::Reset));
    field.put(Input::Partial(5));
    field.until(60_000);
    let wanted = [
        (0, Outcome::Ok),
        (1, Outcome::Refused),
        (2, Outcome::Empty),
        (3, Outcome::Cut),
        (4, Outcome::Reset),
        (7, Outcome::NotAccepted),
        (5, Outcome::Cut),
        (6, Outcome::Hang),
    ];
    assert_eq!(field.outcomes(), wanted);
    let first = field.records()[0];
    assert_eq!(
        (first.owner, first.peer, first.sent, first.answered),
        (Some(worker(9)), 1000, Some(at(7)), Some(at(7)))
    );
    assert_eq!(field.records()[5].ended, at(3007));
    assert_eq!(field.records()[7].ended, at(10_007));
}

#[test]
fn what_is_open_and_healthy_at_the_end_is_dropped() {
    let mut field = Field::of(probe(5));
    field.until(6);
    field.put(Input::Opened(0, 1000));
    field.clients.finish(at(8), &mut field.done);
    assert_eq!(field.outcomes(), [(0, Outcome::Dropped), (1, Outcome::Dropped)]);
    assert_eq!(field.clients.next_deadline(), None);
    field.put(Input::Answered(0, worker(9)));
    assert_eq!(field.outcomes().len(), 2, "what comes later is ignored");
}

#[test]
fn holds_are_held_when_every_request_is_written_and_every_owner_known() {
    let mut field = Field::of(hold(2, false));
    assert_eq!(field.connects(), [0, 1]);
    // The worker's journal may be quicker than our own connect.
    field.put(Input::AcceptedBy(1000, at(0), worker(1)));
    field.put(Input::Opened(0, 1000));
    field.put(Input::Opened(1, 1001));
    field.put(Input::Sent(0));
    field.put(Input::Sent(1));
    assert!(!field.held());
    assert_eq!(field.clients.owner_of("x"), Some(worker(1)));
    field.put(Input::AcceptedBy(1001, at(0), worker(2)));
    assert!(field.held());
    field.now = 500;
    field.put(Input::Answered(0, worker(1)));
    assert_eq!(field.outcomes(), [(0, Outcome::Ok)]);
    assert_eq!(field.records()[0].hold_ns, 500_000_000);
    assert_eq!(field.clients.owner_of("x"), Some(worker(2)));
}

#[test]
fn a_port_that_is_used_again_does_not_make_an_owner_of_who_accepted_from_it_before() {
    let owners = |accepted: u64, before: bool| {
        let mut field = Field::of(probe(5));
        field.until(6);
        if before {
            field.put(Input::AcceptedBy(1000, at(accepted), worker(1)));
        }
        field.put(Input::Opened(1, 1000));
        if !before {
            field.put(Input::AcceptedBy(1000, at(accepted), worker(1)));
        }
        field.put(Input::Failed(1, Failure::Reset));
        field.records().iter().map(|record| record.owner).collect::<Vec<_>>()
    };
    // The second probe is tried at 5 ms.
    for before in [true, false] {
        assert_eq!(owners(4, before), [None]);
        assert_eq!(owners(5, before), [Some(worker(1))]);
    }
}

#[test]
fn without_journals_holds_are_held_after_a_grace() {
    let mut field = Field::of(hold(1, false));
    field.until(10);
    field.put(Input::Opened(0, 1000));
    field.put(Input::Sent(0));
    field.until(259);
    assert!(!field.held());
    field.until(260);
    assert!(field.held());
    assert_eq!(field.done.iter().filter(|action| matches!(action, Action::Held(_))).count(), 1);
}

#[test]
fn a_hold_that_fails_before_it_was_held_leaves_the_set_incomplete() {
    let mut field = Field::of(hold(2, false));
    field.put(Input::Opened(0, 1000));
    field.put(Input::Sent(0));
    field.put(Input::NotOpened(1, Failure::Refused));
    field.until(5000);
    assert!(!field.held());
}

#[test]
fn stopping_a_load_drops_what_it_holds() {
    let mut field = Field::of(hold(1, false));
    field.put(Input::Opened(0, 1000));
    field.put(Input::Stop("x".into()));
    assert_eq!(field.outcomes(), [(0, Outcome::Dropped)]);
    field.put(Input::Start("x".into()));
    assert_eq!(field.connects(), [0, 1], "and it can be started again");
}

#[test]
fn parked_connections_are_answered_once_and_may_be_closed_in_order() {
    let mut field = Field::of(park(2, false));
    field.serve(0, worker(1));
    assert!(!field.held());
    field.serve(1, worker(2));
    assert!(field.held());
    field.until(60_000);
    assert_eq!(field.outcomes(), [], "idle is no hang");
    field.put(Input::Closed(0));
    field.put(Input::Failed(1, Failure::Reset));
    assert_eq!(field.outcomes(), [(0, Outcome::Ok), (1, Outcome::Reset)]);
}

#[test]
fn per_worker_goes_on_until_each_worker_owns_its_share() {
    let mut field = Field::of(hold(2, true));
    assert_eq!(field.connects(), [0, 1, 2, 3]);
    for id in 0..3 {
        field.serve(id, worker(1));
    }
    assert_eq!(field.outcomes(), [(2, Outcome::Ok)], "one too many of the first worker");
    field.serve(3, worker(2));
    assert_eq!(field.connects().len(), 6, "two more are tried");
    field.serve(4, worker(2));
    assert!(!field.held());
    field.serve(5, worker(1));
    let sent = |id| {
        field.done.contains(&Action::Send(id, Request::Hold { span: Duration::from_millis(500), keep_alive: false }))
    };
    assert!([0, 1, 3, 4].into_iter().all(sent) && !sent(5));
    for id in [0, 1, 3, 4] {
        assert!(!field.held());
        field.put(Input::Sent(id));
    }
    assert!(field.held());
}

#[test]
fn per_worker_gives_up_looking_in_the_end() {
    let mut field = Field::of(park(1, true));
    for id in 0..10_000 {
        field.serve(id, worker(1));
    }
    field.until(10_000);
    assert!(!field.held());
    assert!(field.connects().len() <= 2 * 64, "{}", field.connects().len());
}

#[test]
fn a_kept_connection_that_is_lost_is_sought_again() {
    let mut field = Field::of(park(1, true));
    field.serve(0, worker(1));
    field.put(Input::Closed(0));
    field.serve(1, worker(2));
    assert_eq!(field.connects().len(), 4);
    field.serve(2, worker(2));
    field.serve(3, worker(3));
    assert!(field.held());
}

#[test]
fn poison_throws_every_so_often_and_an_unanswered_throw_is_as_asked() {
    let load =
        Load::Poison { every: Span::millis(1), one_in: 3, does: Harm::Throw, name: "x".into(), on_demand: false };
    let mut field = Field::of(load);
    field.until(5);
    for id in 0..6 {
        field.put(Input::Opened(id, 1000 + id));
    }
    let throws = |action: &Action| if let Action::Send(id, Request::Throw) = action { Some(*id) } else { None };
    assert_eq!(field.done.iter().filter_map(throws).collect::<Vec<_>>(), [2, 5]);
    field.put(Input::Closed(2));
    assert_eq!(field.outcomes(), [(2, Outcome::Ok)]);
}

#[test]
fn mute_connections_say_nothing() {
    let mut field = Field::of(Load::Slow {
        connections: 1,
        byte_every: None,
        reads: None,
        writes: None,
        name: "x".into(),
        on_demand: false,
    });
    field.put(Input::Opened(0, 1000));
    field.until(60_000);
    assert!(field.held());
    assert!(!field.done.iter().any(|action| matches!(action, Action::Send(..))));
    assert!(!field.done.iter().any(|action| matches!(action, Action::Record(_))));
}

/// 3 MB in pieces of one.
fn bulk(every: u64) -> Bulk {
    Bulk { bytes: 3_000_000, piece: 1_000_000, every: Span::millis(every) }
}

fn slow(connections: u32, reads: Option<Bulk>, writes: Option<Bulk>) -> Load {
    Load::Slow { connections, byte_every: None, reads, writes, name: "x".into(), on_demand: false }
}

fn trickle(connections: u32) -> Load {
    let byte_every = Some(Span::millis(10));
    Load::Slow { connections, byte_every, reads: None, writes: None, name: "x".into(), on_demand: false }
}

fn reuse(connections: u32) -> Load {
    Load::Park { connections, per_worker: false, reuse: Some(Span::millis(16)), name: "x".into(), on_demand: false }
}

#[test]
fn a_slow_writer_is_owed_an_answer_when_its_request_is_whole() {
    let mut field = Field::of(trickle(3));
    (0..3).for_each(|id| field.put(Input::Opened(id, 1000 + id)));
    field.until(300);
    assert!(field.held());
    let bytes = |action: &&Action| matches!(action, Action::Byte(0, _));
    assert_eq!(field.done.iter().filter(bytes).count(), 31, "one at once, then one every 10 ms");
    // Two are turned away before they were whole: nobody owes them anything.
    field.put(Input::Closed(1));
    field.put(Input::Failed(2, Failure::Reset));
    assert_eq!(field.outcomes(), [(1, Outcome::Ok), (2, Outcome::Ok)]);
    field.put(Input::Sent(0));
    field.until(400);
    assert_eq!(field.done.iter().filter(bytes).count(), 31);
    field.put(Input::Failed(0, Failure::Reset));
    assert_eq!(field.outcomes()[2], (0, Outcome::Reset), "a whole request was lost");
    assert_eq!(field.records()[2].sent, Some(at(300)));
}

#[test]
fn a_reused_connection_asks_again_and_one_that_was_closed_in_order_is_replaced() {
    let mut field = Field::of(reuse(1));
    field.serve(0, worker(9));
    assert!(field.held());
    field.until(16);
    let sends = |field: &Field, id| {
        field.done.iter().filter(|action| matches!(action, Action::Send(to, _) if *to == id)).count()
    };
    assert_eq!(sends(&field, 0), 2);
    assert_eq!(field.over(), [(0, 1, at(0), at(0), Outcome::Ok)]);
    // Its answer, then the end: another one comes.
    field.put(Input::Sent(0));
    field.put(Input::LastAnswer(0, worker(9)));
    field.until(40);
    assert_eq!(sends(&field, 0), 2, "nothing is asked where the answer was the last");
    field.put(Input::Closed(0));
    assert_eq!(field.outcomes(), [(0, Outcome::Ok)]);
    assert_eq!(field.connects(), [0, 1]);
    field.serve(1, worker(8));
    field.until(80);
    assert_eq!(sends(&field, 1), 2);
    // Closed without an answer: that is a loss, and nobody comes back.
    field.put(Input::Closed(1));
    assert_eq!(field.outcomes()[1], (1, Outcome::Empty));
    assert_eq!(field.connects(), [0, 1]);
    let over: Vec<(u32, u32, Outcome)> = field.over().iter().map(|one| (one.0, one.1, one.4)).collect();
    assert_eq!(over, [(0, 1, Outcome::Ok), (0, 2, Outcome::Ok), (1, 1, Outcome::Ok), (1, 2, Outcome::Empty)]);
}

#[test]
fn a_flood_says_when_each_connection_was_due() {
    let mut field = Field::of(Load::Flood { per_second: 1000, name: "x".into(), on_demand: false });
    field.now = 5;
    field.put(Input::Tick);
    field.clients.finish(at(6), &mut field.done);
    let due: Vec<Option<Time>> = field.records().iter().map(|record| record.due).collect();
    assert_eq!(due, (0..=5).map(|millis| Some(at(millis))).collect::<Vec<_>>());
    assert!(field.records().iter().skip(1).all(|record| record.tried == at(5)), "the harness was late");
}

#[test]
fn who_was_to_do_harm_may_end_as_it_likes() {
    for does in [Harm::Throw, Harm::Exit(3), Harm::Hang] {
        let load = Load::Poison { every: Span::millis(1), one_in: 1, does, name: "x".into(), on_demand: false };
        let mut field = Field::of(load);
        field.until(1);
        field.put(Input::Opened(0, 1000));
        field.put(Input::Opened(1, 1001));
        field.until(30_000);
        field.put(Input::Failed(0, Failure::Reset));
        field.put(Input::Closed(1));
        assert!(field.outcomes().contains(&(0, Outcome::Ok)) && field.outcomes().contains(&(1, Outcome::Ok)));
    }
}

/// Whatever happens in whatever order, each connection is closed once and recorded once, and nothing is asked of it
/// afterwards.
#[test]
fn every_connection_has_exactly_one_outcome() {
    use proptest::prelude::*;
    let failure = || prop_oneof![Just(Failure::Refused), Just(Failure::Reset)];
    let id = || 0..12_u32;
    let input = prop_oneof![
        Just(Input::Tick),
        Just(Input::Start("x".into())),
        Just(Input::Stop("x".into())),
        (id(), 0..20_u32).prop_map(|(id, peer)| Input::Opened(id, peer)),
        (id(), failure()).prop_map(|(id, failure)| Input::NotOpened(id, failure)),
        id().prop_map(Input::Sent),
        id().prop_map(Input::Partial),
        (id(), 1..4_u32).prop_map(|(id, pid)| Input::Answered(id, worker(pid))),
        (id(), 1..4_u32).prop_map(|(id, pid)| Input::LastAnswer(id, worker(pid))),
        id().prop_map(Input::Closed),
        (id(), failure()).prop_map(|(id, failure)| Input::Failed(id, failure)),
        (0..20_u32, 0..50_u64, 1..4_u32).prop_map(|(peer, when, pid)| Input::AcceptedBy(peer, at(when), worker(pid))),
    ];
    let load = prop_oneof![
        Just(probe(7)),
        any::<bool>().prop_map(|per_worker| hold(2, per_worker)),
        any::<bool>().prop_map(|per_worker| park(2, per_worker)),
        Just(reuse(2)),
        Just(trickle(2)),
        Just(slow(2, Some(bulk(400)), None)),
        Just(slow(2, None, Some(bulk(400)))),
        Just(slow(2, None, Some(bulk(0)))),
        Just(Load::Poison {
            every: Span::millis(9),
            one_in: 2,
            does: Harm::Exit(1),
            name: "x".into(),
            on_demand: false
        }),
    ];
    let script = prop::collection::vec((prop_oneof![3 => 0..10_u64, 1 => 0..5000_u64], input), 0..80);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(load in load, script in script)| {
        let mut field = Field::of(load);
        for (pause, input) in script {
            field.until(field.now + pause);
            field.put(input);
            prop_assert!(field.clients.next_deadline().is_none_or(|due| due > at(field.now)));
        }
        field.clients.finish(at(field.now), &mut field.done);
        let mut connected = field.connects();
        let mut recorded: Vec<u32> = field.outcomes().into_iter().map(|(id, _)| id).collect();
        connected.sort_unstable();
        recorded.sort_unstable();
        prop_assert_eq!(&connected, &recorded);
        let mut over = std::collections::BTreeSet::new();
        let mut closed = std::collections::BTreeSet::new();
        let mut requests = std::collections::BTreeSet::new();
        for action in &field.done {
            match action {
                Action::Send(id, _) | Action::Byte(id, _) | Action::Write(id, _) | Action::Read(id, _) => {
                    prop_assert!(!closed.contains(id))
                }
                Action::Close(id) => prop_assert!(closed.insert(*id)),
                Action::Record(record) => {
                    prop_assert!(closed.contains(&record.id) && over.insert(record.id));
                    prop_assert!(record.tried <= record.ended);
                }
                Action::Over(request) => {
                    prop_assert!(requests.insert(request.id) && !over.contains(&request.conn));
                    prop_assert!(request.due <= request.ended);
                }
                Action::Connect(_) | Action::Held(_) => {}
            }
        }
    });
}

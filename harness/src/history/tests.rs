//! A history written is the history read; what is not one is refused by its place; and what it says by worker.

use proptest::prelude::*;

use super::*;
use crate::scenario::{Command, Span};
use crate::time::Time;

fn header() -> Header {
    Header {
        schema: SCHEMA,
        scenario_name: "flap::at_start".to_owned(),
        scenario: "(title: \"a \\\"quoted\\\" one\\n\")".to_owned(),
        subject: "reference".to_owned(),
        subject_version: "0.1.0".to_owned(),
        profile: "()".to_owned(),
        world: "sim".to_owned(),
        seed: u64::MAX,
        slack_ns: 0,
        host: vec![("kernel".to_owned(), "6".to_owned())],
    }
}

fn written(history: &History) -> String {
    let mut bytes = Vec::new();
    history.write(&mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

fn process() -> impl Strategy<Value = Proc> {
    (any::<u32>(), any::<u64>()).prop_map(|(pid, start)| Proc { pid, start })
}

fn instant() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time::from_nanos)
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![instant().prop_map(When::At), (instant(), instant()).prop_map(|(a, b)| When::Within(a, b))]
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![any::<i32>().prop_map(Status::Code), any::<i32>().prop_map(Status::Signal)]
}

fn connection() -> impl Strategy<Value = What> {
    let outcome = prop_oneof![
        Just(Outcome::Ok),
        Just(Outcome::Refused),
        Just(Outcome::Cut),
        Just(Outcome::Hang),
        Just(Outcome::Dropped)
    ];
    let times = (instant(), proptest::option::of(instant()), proptest::option::of(instant()), instant());
    (any::<u32>(), ".*", times, proptest::option::of(process()), outcome).prop_map(
        |(id, load, times, owner, outcome)| {
            let (tried, opened, answered, ended) = times;
            let sent = opened;
            let record = Connection {
                id,
                load,
                due: None,
                tried,
                opened,
                sent,
                answered,
                ended,
                hold_ns: 7,
                slow_ns: u64::from(id % 2),
                peer: id,
                owner,
                outcome,
            };
            What::Connection(Box::new(record))
        },
    )
}

fn request() -> impl Strategy<Value = What> {
    let times = (instant(), proptest::option::of(instant()), instant());
    (any::<(u32, u32, u32)>(), ".*", times, proptest::option::of(process())).prop_map(
        |(numbers, load, times, owner)| {
            let ((id, conn, nth), (due, sent, ended)) = (numbers, times);
            let outcome = Outcome::Empty;
            What::Request(Box::new(Request { id, conn, load, nth, due, sent, ended, owner, outcome }))
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let path = || proptest::collection::vec(any::<u32>(), 0..4);
    prop_oneof![
        process().prop_map(What::SupervisorBorn),
        (process(), status()).prop_map(|(proc, status)| What::SupervisorExited { proc, status }),
        (process(), any::<u32>(), any::<u32>()).prop_map(|(proc, parent, n)| What::Born {
            proc,
            parent,
            role: Role::Worker { ticket: n, generation: n, pool: 0 }
        }),
        (process(), proptest::option::of(status()))
            .prop_map(|(proc, status)| What::Died { proc, death: Death { status } }),
        process().prop_map(What::Reaped),
        process().prop_map(What::Ready),
        process().prop_map(|proc| What::Announced { proc, form: Form::TwoPhase }),
        (process(), any::<u32>()).prop_map(|(proc, peer)| What::Accepted { proc, peer }),
        (process(), any::<u32>()).prop_map(|(proc, peer)| What::Refused { proc, peer }),
        (process(), ".{0,8}").prop_map(|(proc, topic)| What::Subscribed { proc, topic }),
        (process(), ".{0,8}", ".{0,8}").prop_map(|(proc, topic, data)| What::Published { proc, topic, data }),
        (process(), ".{0,8}", ".{0,8}").prop_map(|(proc, topic, data)| What::Heard { proc, topic, data }),
        (path(), ".*").prop_map(|(step, said)| What::Step { step, said }),
        (process(), any::<u64>()).prop_map(|(proc, lines)| What::Lines { proc, lines }),
        (path(), any::<bool>()).prop_map(|(step, must)| What::Missed { step, must }),
        (path(), ".*", process()).prop_map(|(step, fault, on)| What::FaultBegan { step, fault, on: vec![on] }),
        (any::<u32>(), any::<u32>()).prop_map(|(times, millis)| What::Commanded(Command::Reloads {
            times,
            spacing: Span::millis(u64::from(millis))
        })),
        connection(),
        request(),
        Just(What::Phase(PhaseMark::Settle)),
        (process(), instant(), any::<u64>()).prop_map(|(p, since, delay_ns)| What::Stall {
            proc: Some(p),
            since,
            delay_ns
        }),
        ".*".prop_map(|address| What::Left(Leftover::Address(address))),
        (any::<u32>(), status()).prop_map(|(pid, status)| What::Claimed(Claim {
            pid,
            pool: None,
            kind: ClaimKind::Exited(status)
        })),
        ".*".prop_map(|why| What::Incomplete { why }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        events in proptest::collection::vec((when(), what()).prop_map(|(when, what)| Event { when, what }), 0..20)
    ) {
        let history = History { header: header(), events };
        prop_assert_eq!(History::read(&written(&history), "h.jsonl"), Ok(history));
    }

    #[test]
    fn no_text_and_no_history_makes_the_reader_panic(
        text in "\\PC*",
        events in proptest::collection::vec((when(), what()).prop_map(|(when, what)| Event { when, what }), 0..40)
    ) {
        let _ = History::read(&text, "h.jsonl");
        let history = History { header: header(), events };
        let _ = Timeline::read(&history);
    }
}

fn told(text: &str) -> String {
    History::read(text, "h.jsonl").expect_err("it is no history").to_string()
}

#[test]
fn what_is_no_history_is_refused_by_its_place() {
    assert_eq!(told(""), "h.jsonl: empty; the first line of a history is its header");
    let newer = written(&History { header: Header { schema: 2, ..header() }, events: Vec::new() });
    assert_eq!(told(&newer), "h.jsonl:1: schema 2 is a newer one; this build reads schema 1 only");
    assert_eq!(told("{\"schema\":0}\n"), "h.jsonl:1: schema 0 is an older one; this build reads schema 1 only");
    let text = written(&History {
        header: header(),
        events: vec![Event::at(Time::from_nanos(1), What::Phase(PhaseMark::Steps))],
    });
    let broken = text.replace("Steps", "Stops");
    assert!(told(&broken).starts_with("h.jsonl:2:"), "{}", told(&broken));
    assert!(told(&broken).contains("unknown variant `Stops`"), "{}", told(&broken));
}

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn history(events: Vec<(u64, What)>) -> History {
    let events = events.into_iter().map(|(millis, what)| Event::at(at(millis), what)).collect();
    History { header: header(), events }
}

const A: Proc = Proc { pid: 10, start: 1 };
const B: Proc = Proc { pid: 10, start: 2 };
const WORKER: Role = Role::Worker { ticket: 1, generation: 1, pool: 0 };

#[test]
fn a_pid_that_is_used_again_is_another_worker() {
    let born = |proc| What::Born { proc, parent: 1, role: WORKER };
    let history = history(vec![
        (5, born(B)),
        (1, born(A)),
        (2, What::Ready(A)),
        (3, What::Died { proc: A, death: Death { status: Some(Status::Code(3)) } }),
        (6, What::Ready(B)),
    ]);
    let line = Timeline::read(&history);
    let seen: Vec<_> = line.workers.iter().map(|one| (one.proc, one.ready, one.status)).collect();
    assert_eq!(seen, [(A, Some(at(2)), Some(Status::Code(3))), (B, Some(at(6)), None)]);
    assert_eq!(line.until, at(6));
}

#[test]
fn a_fork_that_turns_out_to_be_a_worker_was_born_when_it_was_first_seen() {
    let other = Proc { pid: 11, start: 1 };
    let history = history(vec![
        (1, What::Born { proc: A, parent: 1, role: Role::Descendant }),
        (2, What::Born { proc: other, parent: 10, role: Role::Descendant }),
        (4, What::Born { proc: A, parent: 1, role: WORKER }),
        (5, What::Reaped(other)),
    ]);
    let line = Timeline::read(&history);
    assert_eq!(line.workers[0].born, When::At(at(1)));
    assert_eq!(
        line.descendants.iter().map(|one| (one.proc, one.reaped)).collect::<Vec<_>>(),
        [(other, Some(When::At(at(5))))]
    );
}

/// Histories that were written before clients could be slow are read as they were.
#[test]
fn a_connection_of_which_less_was_known_is_read() {
    let line = r#"{"when":{"At":9},"what":{"Connection":{"id":3,"load":"p","tried":1,"opened":2,"sent":3,"answered":9,"ended":9,"hold_ns":4,"peer":5,"owner":null,"outcome":"Ok"}}}"#;
    let text = written(&history(Vec::new())) + line + "\n";
    let history = History::read(&text, "h.jsonl").expect("a history");
    let What::Connection(record) = &history.events[0].what else { panic!("{:?}", history.events) };
    assert_eq!((record.id, record.hold_ns, record.slow_ns), (3, 4, 0));
    assert_eq!(written(&history).lines().last(), Some(line), "and written as it was");
}

/// A client that was reset.
fn unanswered(peer: u32, tried: u64, ended: u64, let_in: bool) -> What {
    let times = (at(tried), at(ended));
    let opened = let_in.then_some(times.0);
    What::Connection(Box::new(Connection {
        id: 1,
        load: "probe".to_owned(),
        tried: times.0,
        opened,
        sent: opened,
        answered: None,
        ended: times.1,
        due: None,
        hold_ns: 0,
        slow_ns: 0,
        peer,
        owner: None,
        outcome: Outcome::Reset,
    }))
}

#[test]
fn a_connection_that_nobody_answered_belongs_to_the_worker_that_noted_it_then() {
    let record = |tried, ended| unanswered(77, tried, ended, true);
    let history = history(vec![
        (1, What::Born { proc: A, parent: 1, role: WORKER }),
        (1, What::Born { proc: B, parent: 1, role: WORKER }),
        (10, What::Accepted { proc: A, peer: 77 }),
        (30, What::Accepted { proc: B, peer: 77 }),
        (20, record(9, 20)),
        (40, record(29, 40)),
        (60, record(50, 60)),
    ]);
    let owners: Vec<_> = Timeline::read(&history).connections.iter().map(|conn| conn.owner).collect();
    assert_eq!(owners, [Some(0), Some(1), None]);
}

#[test]
fn who_was_never_let_in_was_taken_by_nobody() {
    let owner = |let_in: bool| {
        let history = history(vec![
            (1, What::Born { proc: A, parent: 1, role: WORKER }),
            (30, What::Accepted { proc: A, peer: 0 }),
            (40, unanswered(0, 29, 40, let_in)),
        ]);
        Timeline::read(&history).connections[0].owner
    };
    assert_eq!(owner(true), Some(0));
    assert_eq!(owner(false), None);
}

#[test]
fn a_fault_that_is_repeated_heals_in_order() {
    let began = What::FaultBegan { step: vec![0, 1], fault: "Freeze(Supervisor)".to_owned(), on: vec![A] };
    let healed = What::Healed { step: vec![0, 1] };
    let history = history(vec![(1, began.clone()), (2, healed.clone()), (3, began.clone()), (4, healed), (5, began)]);
    let line = Timeline::read(&history);
    let spans: Vec<_> = line.faults.iter().map(|fault| (fault.from, fault.until)).collect();
    assert_eq!(spans, [(at(1), at(2)), (at(3), at(4)), (at(5), Time::NEVER)]);
}

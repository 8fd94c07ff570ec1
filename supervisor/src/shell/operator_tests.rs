//! The operator's socket with a kernel that brings connections, and takes what is said to them or doesn't.

use super::super::testing::{Fake, config, pool};
use super::*;
use crate::control::{Request, Stream};
use crate::core::Event;
use crate::kernel::Clock;

/// The socket itself.
const LISTENER: Fd = Fd(30);

/// What is said first of all.
const HELLO: &str = r#"{"supervisor":1,"pid":42}"#;

struct Bench {
    kernel: Fake,
    operator: Operator,
}

impl Bench {
    /// A supervisor of user 1000 with two pools; whoever connects is of the same user.
    fn new() -> Self {
        let mut kernel = Fake::new(vec![]);
        kernel.own = Peer { pid: 42, user: 1000 };
        kernel.peer = Ok(Peer { pid: 7, user: 1000 });
        let vector = [6, 65536, 0, 0usize].iter().flat_map(|word| word.to_ne_bytes()).collect();
        kernel.files = [("/proc/self/auxv", vector)].into();
        let config = Config { control: Some("control".into()), ..config(vec![pool("web"), pool("mail")], &[]) };
        let operator = Operator::open(&mut kernel, &config).expect("it listens");
        Self { kernel, operator }
    }

    /// The same with these connections.
    fn with(fds: impl IntoIterator<Item = i32>) -> Self {
        let mut bench = Self::new();
        fds.into_iter().for_each(|fd| bench.connect(fd));
        bench
    }

    fn connect(&mut self, fd: i32) {
        self.kernel.connections.push_back(Fd(fd));
        self.look();
    }

    /// Connections wait, as the kernel says.
    fn look(&mut self) {
        let ready = Readiness { fd: LISTENER, readable: true, writable: false };
        assert!(self.operator.serve(&mut self.kernel, ready, &mut []));
    }

    fn says(&mut self, fd: i32, text: &'static str) {
        self.kernel.reads = [text].into();
        let ready = Readiness { fd: Fd(fd), readable: true, writable: false };
        assert!(self.operator.serve(&mut self.kernel, ready, &mut [0; 1024]));
    }

    fn flush(&mut self) {
        self.operator.flush(&mut self.kernel);
    }

    /// What was sent to this one since this was asked last, after all is sent.
    fn told(&mut self, fd: i32) -> Vec<String> {
        self.flush();
        let sent = format!("send {fd} ");
        let mut told = String::new();
        self.kernel.log.borrow_mut().retain(|line| match line.strip_prefix(&sent) {
            Some(text) => {
                told.push_str(text);
                false
            }
            None => true,
        });
        told.replace("\\\"", "\"").split_terminator("\\n").map(str::to_owned).collect()
    }

    fn is_closed(&self, fd: i32) -> bool {
        self.kernel.log.borrow().contains(&format!("close {fd}"))
    }

    /// Who is watched for reading, and who for writing.
    fn watched(&self) -> (Vec<i32>, Vec<i32>) {
        let mut watches = Vec::new();
        self.operator.watches(&mut watches);
        let of = |wanted: fn(&Watch) -> bool| watches.iter().filter(|w| wanted(w)).map(|w| w.fd.0).collect();
        (of(|watch| watch.read), of(|watch| watch.write))
    }
}

fn worker(pool: u16, slot: u32, generation: u32) -> WorkerId {
    WorkerId { pool, slot, generation }
}

fn event(number: usize) -> Told {
    Told { text: Some(format!("event {number}")), event: number.to_string() }
}

fn line(worker: WorkerId, text: &str) -> LogLine {
    LogLine { place: 1, worker, stream: Stream::Stdout, text: text.to_owned(), more: false }
}

#[test]
fn without_a_socket_there_is_nobody() {
    let mut kernel = Fake::new(vec![]);
    let mut operator = Operator::open(&mut kernel, &config(vec![pool("web")], &[])).expect("nothing to do");
    assert!(!operator.is_open() && kernel.listeners == 0);
    operator.event(event(1));
    assert!(operator.past.is_empty(), "nobody will ask");
}

#[test]
fn it_knows_what_those_who_ask_want_to_know() {
    let Bench { mut kernel, operator } = Bench::new();
    assert!(operator.is_open());
    assert_eq!(kernel.listened[0].mode, Some(0o600), "nobody else may connect");
    assert_eq!(operator.names().collect::<Vec<_>>(), ["web", "mail"]);
    assert_eq!(operator.commands().collect::<Vec<_>>(), ["web", "mail"]);
    assert_eq!((operator.pools(), operator.name(1), operator.name(2)), (2, "mail", ""));
    assert_eq!((operator.own().pid, operator.begun()), (42, kernel.now()));
    assert_ne!(operator.units(), Units::default(), "this kernel says others");
    operator.close(&mut kernel);
    assert_eq!(*kernel.log.borrow(), ["close 30"]);
}

#[test]
fn a_name_stands_for_a_pool_a_place_or_a_worker() {
    let operator = Bench::new().operator;
    let is = |whom| {
        let who = Who { pool: "mail".to_owned(), whom };
        [worker(1, 0, 1), worker(1, 0, 2), worker(1, 1, 1), worker(0, 0, 1)].map(|worker| operator.is(worker, &who))
    };
    assert_eq!(is(Whom::All), [true, true, true, false]);
    assert_eq!(is(Whom::Slot(0)), [true, true, false, false]);
    assert_eq!(is(Whom::One(0, 1)), [true, false, false, false]);
}

#[test]
fn root_and_the_owner_are_greeted_and_everybody_else_is_turned_away() {
    let mut bench = Bench::new();
    for (fd, user) in [(40, 1000), (41, 0)] {
        bench.kernel.peer = Ok(Peer { pid: 7, user });
        bench.connect(fd);
        assert_eq!(bench.told(fd), [HELLO]);
    }
    for (fd, peer, why) in [(42, Ok(Peer { pid: 7, user: 1001 }), "user 1001 may not"), (43, Err(Errno::NOSYS), "who")]
    {
        bench.kernel.peer = peer;
        bench.connect(fd);
        let told = bench.told(fd);
        assert!(told.len() == 1 && told[0].contains("refused") && told[0].contains(why), "{told:?}");
        assert!(bench.is_closed(fd));
    }
    assert_eq!(bench.watched(), (vec![30, 40, 41], vec![]));
}

#[test]
fn who_is_turned_away_and_does_not_read_that_is_closed_all_the_same() {
    let mut bench = Bench::new();
    bench.kernel.sends = [Err(Errno::AGAIN)].into();
    bench.connect(40);
    assert!(!bench.is_closed(40), "but not who reads slowly");
    assert_eq!(bench.watched(), (vec![30, 40], vec![40]));
    bench.kernel.peer = Err(Errno::NOSYS);
    bench.kernel.sends = [Err(Errno::AGAIN)].into();
    bench.connect(41);
    assert!(bench.is_closed(41));
}

#[test]
fn of_too_many_the_one_that_was_idle_for_longest_makes_room() {
    let last = 40 + CLIENTS as i32 - 1;
    let mut bench = Bench::with(40..=last);
    assert!(!bench.is_closed(40), "so many there may be");
    bench.says(40, "{");
    bench.connect(200);
    assert!(bench.is_closed(41) && !bench.is_closed(40));
    assert!(bench.told(41).last().is_some_and(|line| line.contains("busy")));
    assert_eq!(bench.told(200), [HELLO]);
    bench.connect(201);
    assert!(bench.is_closed(42));
    for fd in (40..=201).map(Fd) {
        bench.operator.tell_events(fd, None, true);
    }
    bench.connect(202);
    assert!(bench.is_closed(202), "nobody is idle");
    assert!(bench.told(202).last().is_some_and(|line| line.contains("64 connections are in use already")));
}

#[test]
fn who_spoke_or_came_last_is_not_the_one_that_was_idle_for_longest() {
    for (order, spoke, idle) in [([41, 40], vec![], 41), ([40, 41], vec![40, 41], 40), ([40, 41], vec![41, 40], 41)] {
        let mut bench = Bench::with(order);
        spoke.into_iter().for_each(|fd| bench.says(fd, "{"));
        bench.kernel.refusals = [Errno::MFILE].into();
        bench.connect(42);
        assert!(bench.is_closed(idle) && !bench.is_closed(81 - idle), "{order:?}");
    }
}

#[test]
fn without_descriptors_the_idle_make_room_or_the_socket_rests() {
    let mut bench = Bench::with([40]);
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
        bench.kernel.refusals = [errno].into();
        bench.connect(41);
        assert!(bench.is_closed(40) && bench.watched().0 == [30, 41]);
        bench.operator.tell_events(Fd(41), None, true);
        bench.kernel.refusals = [errno].into();
        bench.look();
        assert_eq!((bench.watched().0, bench.operator.next_deadline()), (vec![41], Some(bench.kernel.now() + PAUSE)));
        bench.kernel.now += 99_000_000;
        bench.flush();
        assert_eq!(bench.watched().0, [41]);
        bench.kernel.now += 1_000_000;
        bench.flush();
        assert_eq!((bench.watched().0, bench.operator.next_deadline()), (vec![30, 41], None));
        bench = Bench::with([40]);
    }
}

#[test]
fn one_that_is_gone_before_it_is_accepted_does_not_keep_the_next_one_waiting() {
    let mut bench = Bench::new();
    bench.kernel.refusals = [Errno(103)].into();
    bench.connect(40);
    assert_eq!(bench.told(40), [HELLO]);
}

#[test]
fn descriptors_of_others_are_left_to_them() {
    let mut bench = Bench::with([40]);
    bench.kernel.reads = ["{\"do\":\"info\"}\n"].into();
    let ready = |fd| Readiness { fd: Fd(fd), readable: false, writable: true };
    assert!(!bench.operator.serve(&mut bench.kernel, ready(41), &mut []));
    assert!(bench.operator.serve(&mut bench.kernel, ready(40), &mut []));
    assert!(bench.operator.next_request().is_none(), "there was nothing to read");
}

#[test]
fn one_client_is_asked_after_the_other_however_much_each_wants() {
    let mut bench = Bench::with([40, 41, 42]);
    let twice = "{\"do\":\"info\"}\n{\"do\":\"status\"}\n";
    [40, 41, 42].into_iter().for_each(|fd| bench.says(fd, twice));
    let order: Vec<_> = std::iter::from_fn(|| bench.operator.next_request()).collect();
    assert_eq!(order.iter().map(|(fd, _)| fd.0).collect::<Vec<_>>(), [40, 41, 42, 40, 41, 42]);
    assert!(order[..3].iter().all(|(_, asked)| matches!(asked.request, Request::Info)));
}

#[test]
fn who_has_said_more_than_a_turn_has_time_for_is_not_read_before_that_is_done() {
    let mut bench = Bench::with([40, 41]);
    bench.says(40, "{\"do\":\"info\"}\n{\"do\":\"info\"}\n");
    assert!(bench.operator.next_request().is_some());
    bench.operator.leave_behind(true);
    assert_eq!(bench.watched().0, [30, 41]);
    assert_eq!(bench.operator.next_deadline(), Some(Instant::default()), "the next turn comes at once");
    bench.operator.leave_behind(false);
    assert_eq!((bench.watched().0, bench.operator.next_deadline()), (vec![30, 40, 41], None));
}

#[test]
fn who_had_no_room_for_an_answer_and_has_it_now_is_not_forgotten() {
    let mut bench = Bench::with([40]);
    bench.says(40, "{\"do\":\"info\"}\n");
    let long = Reply::Done { note: Some("x".repeat(super::super::client::OUTPUT_LIMIT)) };
    bench.operator.reply(Fd(40), None, &long);
    assert!(bench.operator.next_request().is_none());
    bench.operator.leave_behind(false);
    assert_eq!(bench.operator.next_deadline(), None);
    bench.flush();
    bench.operator.leave_behind(false);
    assert!(bench.operator.next_deadline().is_some());
}

#[test]
fn events_are_told_from_the_past_on_and_for_as_long_as_that_is_wanted() {
    let mut bench = Bench::with([40, 41]);
    (0..=EVENTS_KEPT).for_each(|number| bench.operator.event(event(number)));
    bench.operator.tell_events(Fd(40), Some(3), false);
    bench.operator.tell_events(Fd(41), Some(4), true);
    bench.operator.event(event(999));
    let (once, on) = (bench.told(40), bench.told(41));
    let told = |id, number| format!(r#"{{"id":{id},"reply":"event","text":"event {number}","event":{number}}}"#);
    assert_eq!((once.len(), &once[1]), (EVENTS_KEPT + 2, &told(3, 1)), "the oldest is forgotten");
    assert_eq!(once[EVENTS_KEPT..], [told(3, 200), r#"{"id":3,"reply":"done"}"#.to_owned()]);
    assert_eq!(on[EVENTS_KEPT..], [told(4, 200), told(4, 999)]);
}

#[test]
fn lines_are_told_to_those_who_follow_those_who_wrote_them() {
    let mut bench = Bench::with([40, 41, 42, 43]);
    let past = [bench.operator.log_reply(&line(worker(0, 0, 1), "past"))];
    assert!(!bench.operator.follows_logs());
    let mail = Who { pool: "mail".to_owned(), whom: Whom::All };
    bench.operator.tell_logs(Fd(40), Some(1), &past, None);
    assert!(!bench.operator.follows_logs());
    bench.operator.tell_logs(Fd(41), Some(2), &past, Some(None));
    bench.operator.tell_logs(Fd(42), Some(3), &[], Some(Some(mail)));
    assert!(bench.operator.follows_logs());
    bench.operator.logs(&[line(worker(0, 0, 1), "one"), line(worker(1, 2, 3), "two")]);
    let log = |id: u64, who: &str, text: &str| {
        format!(r#"{{"id":{id},"reply":"log","worker":"{who}","stream":"stdout","text":"{text}"}}"#)
    };
    assert_eq!(bench.told(40)[1..], [log(1, "web/0.1", "past"), r#"{"id":1,"reply":"done"}"#.to_owned()]);
    assert_eq!(
        bench.told(41)[1..],
        [("web/0.1", "past"), ("web/0.1", "one"), ("mail/2.3", "two")].map(|(who, text)| log(2, who, text))
    );
    assert_eq!(bench.told(42)[1..], [log(3, "mail/2.3", "two")]);
    assert_eq!(bench.told(43), [HELLO], "nobody asked");
}

#[test]
fn an_answer_comes_when_its_goal_is_decided_and_only_then() {
    let mut bench = Bench::with([40]);
    let mut roster = Roster::default();
    roster.note(Instant::default(), &Event::Setup { pool: 0, workers: 1 }, None);
    bench.operator.reply_later(Fd(40), Some(1), Goal::Scaled(0, 1));
    bench.operator.reply_later(Fd(40), Some(2), Goal::Scaled(0, 2));
    bench.operator.settle(&roster);
    let told = bench.told(40);
    assert!(told.len() == 2 && told[1].starts_with(r#"{"id":2,"reply":"error""#), "{told:?}");
    for event in [Event::Fork { worker: worker(0, 0, 1) }, Event::Ready { worker: worker(0, 0, 1) }] {
        roster.note(Instant::default(), &event, None);
    }
    bench.operator.settle(&roster);
    bench.operator.settle(&roster);
    assert_eq!(bench.told(40), [r#"{"id":1,"reply":"done","note":"1 workers serve"}"#]);
}

#[test]
fn at_the_end_those_who_waited_for_it_are_told_and_all_others_that_it_came() {
    let mut bench = Bench::with([40, 41]);
    bench.operator.reply_later(Fd(40), Some(1), Goal::Stopped);
    bench.operator.reply_later(Fd(41), Some(2), Goal::Scaled(0, 1));
    bench.operator.stopped();
    assert_eq!(bench.told(40)[1..], [r#"{"id":1,"reply":"done","note":"stopped"}"#]);
    assert!(bench.told(41)[1].contains("the supervisor has stopped"));
    let Bench { mut kernel, operator } = bench;
    operator.close(&mut kernel);
    assert_eq!(*kernel.log.borrow(), ["close 40", "close 41", "close 30"]);
}

#[test]
fn at_the_end_only_who_has_not_read_all_is_waited_for() {
    let mut bench = Bench::with([40]);
    bench.kernel.sends = [Err(Errno::AGAIN)].into();
    bench.connect(41);
    let slow = |bench: &Bench| {
        let mut watches = Vec::new();
        bench.operator.last_watches(&mut watches);
        watches
    };
    assert_eq!(slow(&bench), [Watch { fd: Fd(41), read: false, write: true }]);
    bench.operator.writable(Fd(40));
    assert_eq!(bench.watched().1, [41], "somebody else can be written");
    bench.operator.writable(Fd(41));
    bench.flush();
    assert_eq!((slow(&bench), bench.watched().1), (vec![], vec![]));
}

#[test]
fn who_has_left_is_let_go_of() {
    let mut bench = Bench::with([40, 41]);
    bench.says(40, "");
    bench.flush();
    assert!(bench.is_closed(40) && !bench.is_closed(41));
    assert_eq!(bench.watched().0, [30, 41]);
}

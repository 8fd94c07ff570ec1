use super::super::testing::{Fake, config, pool};
use super::*;
use crate::config::PoolConfig;
use crate::core::WorkerId;

const EVENTS: i32 = 9;
const STARTER: i32 = 8;

const WORKER: WorkerId = WorkerId { pool: 0, slot: 0, generation: 1 };

const FORK: Event = Event::Fork { worker: WORKER };

/// One pool, events to a descriptor, people on standard error, and somebody who waits for the start.
fn loud() -> Config {
    Config { quiet: false, events: Some(EventSink::Descriptor(EVENTS)), ..config(vec![pool("web")], &[]) }
}

fn open(kernel: &mut Fake, config: &Config) -> Voices {
    let mut voices = Voices::open(kernel, config);
    voices.report_to(Some(Fd(STARTER)));
    voices.open_events(kernel, config).expect("it is open");
    voices
}

/// What came to standard error, the events and the starter, in the order of this line.
fn heard(kernel: &Fake) -> [&str; 3] {
    [STDERR, EVENTS, STARTER].map(|fd| kernel.written_to.get(&Fd(fd)).map_or("", String::as_str))
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

#[test]
fn people_hear_sentences_and_programs_events() {
    let mut kernel = Fake::new(vec![]);
    let mut voices = open(&mut kernel, &loud());
    voices.event(at(0), &FORK, Some(Child(7)));
    voices.say("so it is");
    voices.flush(&mut kernel);
    let said = "supervisor: worker 0 (generation 1, pid 7) started\nsupervisor: so it is\n";
    let [people, events, starter] = heard(&kernel);
    assert_eq!([people, starter], [said; 2]);
    assert!(events.starts_with(r#"{"t":0.000000000,"event":"fork","#) && events.lines().count() == 1, "{events}");
}

#[test]
fn quiet_is_for_people_alone() {
    let mut kernel = Fake::new(vec![]);
    let prefixed = PoolConfig { output: Output::Prefixed, ..pool("web") };
    let mut voices = open(&mut kernel, &Config { quiet: true, pools: vec![prefixed], ..loud() });
    voices.event(at(0), &FORK, None);
    voices.say("so it is");
    assert!(voices.errors().is_some(), "what workers write goes there all the same");
    voices.flush(&mut kernel);
    let [people, events, starter] = heard(&kernel);
    assert_eq!((people, events.lines().count(), starter.lines().count()), ("", 1, 2));
    let mut voices = open(&mut kernel, &Config { quiet: true, ..loud() });
    assert!(voices.errors().is_none(), "nobody needs it");
}

#[test]
fn whoever_waits_for_the_start_is_let_go_of_when_all_are_ready() {
    let mut kernel = Fake::new(vec![]);
    let mut voices = open(&mut kernel, &loud());
    voices.event(at(0), &Event::Setup { pool: 0, workers: 1 }, None);
    voices.event(at(0), &FORK, None);
    voices.report_if_full(&mut kernel);
    assert_eq!(heard(&kernel)[2], "");
    voices.event(at(0), &Event::Ready { worker: WORKER }, None);
    voices.report_if_full(&mut kernel);
    assert!(heard(&kernel)[2].ends_with("is ready\nall workers are ready\n"), "{}", heard(&kernel)[2]);
    assert_eq!(*kernel.log.borrow(), ["close 8"]);
    voices.say("later");
    voices.flush(&mut kernel);
    assert!(!heard(&kernel)[2].contains("later"));
}

#[test]
fn the_operator_hears_everything_once_if_there_is_one() {
    let mut kernel = Fake::new(vec![]);
    let mut voices = open(&mut kernel, &Config { control: Some("control".into()), ..loud() });
    voices.event(at(0), &FORK, None);
    voices.event(at(0), &Event::Close { worker: WORKER }, None);
    let told = voices.take_told();
    assert_eq!(told[0].text.as_deref(), Some("worker 0 (generation 1) started"));
    assert_eq!((told[1].text.as_deref(), told.len()), (None, 2), "of no interest to people");
    assert!(told[0].event.starts_with('{') && told[0].event.ends_with('}'));
    assert!(voices.take_told().is_empty());
    let mut alone = open(&mut kernel, &loud());
    alone.event(at(0), &FORK, None);
    assert!(alone.take_told().is_empty());
}

#[test]
fn pools_are_named_where_there_are_several() {
    let mut kernel = Fake::new(vec![]);
    let mut voices = open(&mut kernel, &Config { pools: vec![pool("web"), pool("mail")], ..loud() });
    let mail = WorkerId { pool: 1, ..WORKER };
    voices.event(at(0), &Event::Fork { worker: mail }, None);
    voices.event(at(0), &Event::Draining { pool: 1, workers: 2 }, None);
    voices.flush(&mut kernel);
    let [people, events, _] = heard(&kernel);
    assert!(people.starts_with("supervisor: mail worker 0"), "{people}");
    assert_eq!(events.matches(r#""pool":"mail""#).count(), 2, "{events}");
}

#[test]
fn what_is_not_taken_is_waited_for_and_what_was_lost_is_told() {
    let mut kernel = Fake::new(vec![]);
    let mut voices = open(&mut kernel, &loud());
    voices.event(at(0), &FORK, None);
    kernel.writes = [Err(Errno::NOSPC), Err(Errno::AGAIN), Err(Errno::NOSPC)].into();
    voices.flush(&mut kernel);
    let mut watches = Vec::new();
    voices.watches(&mut watches);
    assert_eq!(watches, [Watch { fd: Fd(STDERR), read: false, write: true }], "errors are not waited for");
    voices.writable(Fd(EVENTS));
    voices.flush(&mut kernel);
    assert_eq!(heard(&kernel), [""; 3], "nothing fits yet");
    voices.writable(Fd(STDERR));
    voices.event(at(0), &FORK, None);
    voices.flush(&mut kernel);
    let [people, events, starter] = heard(&kernel);
    assert_eq!(people.lines().count(), 2);
    assert!(events.lines().next().is_some_and(|line| line.contains(r#""lost":1"#)), "{events}");
    assert!(starter.starts_with("supervisor: 1 lines were lost here\n"), "{starter}");
}

#[test]
fn the_file_of_events_is_opened_again_and_all_is_closed_at_the_end() {
    let mut kernel = Fake::new(vec![]);
    kernel.appends = [Ok(Fd(60)), Ok(Fd(61))].into();
    let to_file = Config { events: Some(EventSink::File("events".into())), ..loud() };
    let mut voices = open(&mut kernel, &to_file);
    assert_eq!(voices.reopen(&mut kernel), Ok(()));
    assert_eq!(*kernel.log.borrow(), ["close 60"]);
    assert_eq!(voices.reopen(&mut kernel), Err(Errno::NOSPC));
    assert_eq!(voices.open_events(&mut kernel, &to_file), Err(Errno::NOSPC));
    voices.close(&mut kernel);
    assert_eq!(kernel.log.borrow()[1..], ["close 61", "close 2", "close 8"]);
}

#[test]
fn whoever_manages_it_as_a_service_is_told_how_it_is() {
    let mut kernel = Fake::new(vec![]);
    kernel.environment = vec![("NOTIFY_SOCKET".into(), "@manager".into())];
    let mut voices = open(&mut kernel, &loud());
    voices.manager = Manager::new(&kernel);
    voices.event(at(0), &Event::Setup { pool: 0, workers: 1 }, None);
    voices.tell_manager(&mut kernel);
    assert_eq!(*kernel.log.borrow(), [r#"notify "STATUS=starting: 0 of 1 workers ready""#]);
}

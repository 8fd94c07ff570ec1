use super::*;
use crate::core::SpawnError;

fn line(event: Event, pid: Option<u32>) -> String {
    line_of_pool(event, pid, None)
}

fn line_of_pool(event: Event, pid: Option<u32>, pool: Option<&str>) -> String {
    let mut out = String::new();
    write_event(&mut out, Instant::from_nanos(12_000_000_345), &event, About { pid: pid.map(Child), pool });
    let parsed: serde_json::Value = serde_json::from_str(&out).expect("every line is JSON");
    assert_eq!(parsed["t"], 12.000_000_345);
    assert_eq!(out.find('\n'), Some(out.len() - 1), "one line each");
    out.strip_prefix(r#"{"t":12.000000345,"event":"#).and_then(|rest| rest.strip_suffix("}\n")).unwrap().to_owned()
}

const WORKER: WorkerId = WorkerId { pool: 0, slot: 2, generation: 7 };

#[test]
fn exits() {
    let event = Event::Exit { worker: WORKER, status: ExitStatus::Code(1) };
    assert_eq!(line(event, Some(99)), r#""exit","worker":{"slot":2,"generation":7},"pid":99,"code":1"#);
    let event = Event::Exit { worker: WORKER, status: ExitStatus::Signal(34) };
    assert_eq!(line(event, Some(99)), r#""exit","worker":{"slot":2,"generation":7},"pid":99,"signal":34"#);
}

#[test]
fn spans_are_numbers_of_milliseconds() {
    let restart = |delay| line(Event::Restart { worker: WORKER, delay }, None);
    assert_eq!(restart(Duration::ZERO), r#""restart","worker":{"slot":2,"generation":7},"delay_ms":0"#);
    assert!(restart(Duration::from_micros(20_500)).ends_with(r#""delay_ms":20.5"#));
    assert!(restart(Duration::from_nanos(1)).ends_with(r#""delay_ms":0.000001"#));
    let giveup = Event::GiveUp { pool: 0, restarts: 10, within: Duration::from_secs(60) };
    assert_eq!(line(giveup, None), r#""giveup","restarts":10,"within_ms":60000"#);
}

#[test]
fn errors_name_their_kind_and_keep_their_text_in_one_line() {
    let of = |what| line(Event::Error { worker: None, what }, None);
    let spawn = SpawnError { step: SpawnStep::Exec, errno: 2 };
    assert_eq!(of(ErrorEvent::Spawn(spawn)), r#""error","kind":"spawn","step":"exec","errno":2"#);
    assert_eq!(of(ErrorEvent::Garbage("a\"\n".into())), r#""error","kind":"garbage","text":"a\"\n""#);
    assert_eq!(of(ErrorEvent::ReadyTimeout), r#""error","kind":"ready_timeout""#);
    assert_eq!(
        of(ErrorEvent::System { call: "poll", errno: 12 }),
        r#""error","kind":"system","call":"poll","errno":12"#
    );
}

#[test]
fn lost_lines_are_counted_in_a_line_of_their_own() {
    let mut out = String::new();
    write_loss(&mut out, Instant::from_nanos(1_000_000_000), 7);
    assert_eq!(out, "{\"t\":1.000000000,\"event\":\"error\",\"kind\":\"lost\",\"lost\":7}\n");
}

#[test]
fn the_rest() {
    assert_eq!(line(Event::Setup { pool: 0, workers: 4 }, None), r#""setup","workers":4"#);
    let listening = Event::Listening { address: "unix:/tmp/a".into() };
    assert_eq!(line(listening, None), r#""listening","address":"unix:/tmp/a""#);
    assert_eq!(line(Event::Reload { pool: 0, phase: ReloadPhase::Absorbed }, None), r#""reload","phase":"absorbed""#);
    assert_eq!(line(Event::Stop { pool: None, hurry: true }, None), r#""stop","hurry":true"#);
    let announce = Event::Announce { worker: WORKER, two_phase: false };
    assert!(line(announce, Some(1)).ends_with(r#""pid":1,"two_phase":false"#));
}

#[test]
fn one_pool_of_several_is_named() {
    let named = |event| line_of_pool(event, None, Some("a \"web\""));
    assert_eq!(
        named(Event::Ready { worker: WORKER }),
        r#""ready","worker":{"pool":"a \"web\"","slot":2,"generation":7}"#
    );
    assert_eq!(named(Event::Draining { pool: 1, workers: 3 }), r#""draining","pool":"a \"web\"","workers":3"#);
    assert_eq!(named(Event::Stop { pool: None, hurry: false }), r#""stop","hurry":false"#);
}

#[test]
fn the_page_tells_how_a_pool_is_named() {
    let ready = line_of_pool(Event::Ready { worker: WORKER }, None, Some("main"));
    assert_eq!(ready, r#""ready","worker":{"pool":"main","slot":2,"generation":7}"#, "the first pool is no exception");
    let page = include_str!("../../../docs/supervisor.md");
    let said =
        page.split("## Events").nth(1).and_then(|rest| rest.split("\n|").next()).expect("it says how lines are made");
    assert!(said.contains(r#"`"pool":NAME`"#) && said.contains("for every pool"), "{said}");
}

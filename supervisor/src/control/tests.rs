//! The words, both ways.

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;
use crate::core::Scale;

fn complaint(line: &str) -> String {
    let (_, complaint) = decode_request(line.as_bytes()).expect_err(line);
    format!("{}: {}", complaint.code, complaint.text)
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    for (line, expected) in [
        (r#"{"do":"statsu"}"#, "unknown_request: no request `statsu`; did you mean `status`?"),
        (r#"{"do":"dance","id":3}"#, "unknown_request: no request `dance`; there is: info, status, events, logs, "),
        (r#"{"do":"scale","workers":3}"#, "bad_request: `scale` needs `pool`"),
        (
            r#"{"do":"scale","pool":"a"}"#,
            "bad_request: `scale` needs either `workers`, a number, or `by`, a difference",
        ),
        (r#"{"do":"scale","pool":"a","workers":1,"by":1}"#, "bad_request: `scale` needs either"),
        (r#"{"do":"status","pool":"a"}"#, "bad_request: `status` takes no `pool`"),
        (r#"{"do":"publish","topic":"a"}"#, "bad_request: `publish` needs `data`"),
        (r#"{"do":"status","polo":"a"}"#, "bad_request: not a request: unknown field `polo`"),
        (r#"{"id":1}"#, "bad_request: not a request: missing field `do`"),
        ("[]", "bad_request: not a request: "),
        ("", "bad_request: not a request: EOF"),
    ] {
        let complaint = complaint(line);
        assert!(complaint.starts_with(expected), "{line}: {complaint}");
    }
}

#[test]
fn a_refused_request_keeps_its_id() {
    let (id, _) = decode_request(br#"{"do":"dance","id":3}"#).expect_err("no such request");
    assert_eq!(id, Some(3));
}

#[test]
fn commands_wait_unless_told_not_to() {
    let wait = |line: &str| match decode_request(line.as_bytes()).expect(line).request {
        Request::Reload { wait } => wait,
        other => panic!("{other:?}"),
    };
    assert!(wait(r#"{"do":"reload"}"#));
    assert!(!wait(r#"{"do":"reload","wait":false}"#));
}

#[test]
fn a_value_is_passed_on_as_it_was_written() {
    let line = br#"{"data": {"b": 1.0e3, "a":1}, "topic":"t", "do":"publish"}"#;
    match decode_request(line).expect("a request").request {
        Request::Publish { data, .. } => assert_eq!(data.get(), r#"{"b": 1.0e3, "a":1}"#),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_is_passed_on_as_it_was_written() {
    let line = Reply::encode_event(Some(1), Some("it's \"so\""), r#"{"t":1.000000001,"event":"x"}"#);
    assert_eq!(
        line,
        "{\"id\":1,\"reply\":\"event\",\"text\":\"it's \\\"so\\\"\",\"event\":{\"t\":1.000000001,\"event\":\"x\"}}\n"
    );
    let event = serde_json::json!({"t": 1.000000001, "event": "x"});
    assert_eq!(
        Reply::decode(line.as_bytes()),
        Ok(Reply::Event { text: Some("it's \"so\"".to_owned()), event: event.clone() })
    );
    let line = Reply::encode_event(None, None, r#"{"event":"x","t":1.000000001}"#);
    assert_eq!(Reply::decode(line.as_bytes()), Ok(Reply::Event { text: None, event }));
}

#[test]
fn a_hello_of_another_version_is_refused_by_number() {
    assert_eq!(Hello::decode(Hello::new(7).encode().as_bytes()), Ok(Hello::new(7)));
    let newer = Hello::decode(br#"{"supervisor":2,"pid":1}"#).expect_err("newer");
    assert_eq!(newer, "it speaks version 2 of the control protocol, this program version 1");
    assert!(Hello::decode(b"HTTP/1.1 400 Bad Request").is_err());
}

#[test]
fn names_of_workers() {
    let read = |text| Who::read(text, ["web", "a/1"]).map(|who| who.to_string());
    for name in ["web", "web/3", "web/3.7", "a/1", "a/1/0"] {
        assert_eq!(read(name), Ok(name.to_owned()));
    }
    assert_eq!(read("wbe/1"), Err("there is no pool `wbe`; did you mean `web`?".to_owned()));
    assert_eq!(read("notifier/1"), Err("there is no pool `notifier`; there is: web, a/1".to_owned()));
    assert_eq!(
        read("web/x"),
        Err("`web/x` names no worker: expected web/SLOT or web/SLOT.GENERATION, as in web/0".to_owned())
    );
}

#[test]
fn names_of_instances() {
    assert_eq!(name_problem("web-1.example_2"), None);
    for wrong in ["", ".hidden", "-flag", "a/b", "a b", "ä", &"x".repeat(NAME_LIMIT + 1)] {
        assert!(name_problem(wrong).is_some(), "{wrong}");
    }
}

fn request() -> impl Strategy<Value = Request> {
    let scale = prop_oneof![any::<u32>().prop_map(Scale::To), any::<i32>().prop_map(Scale::By)];
    let data = prop_oneof![Just("null"), Just("[1,{\"a\":\"\\n\"}]"), Just("\"text\"")]
        .prop_map(|text| RawValue::from_string(text.to_owned()).expect("JSON"));
    prop_oneof![
        Just(Request::Info),
        Just(Request::Status),
        any::<bool>().prop_map(|follow| Request::Events { follow }),
        (any::<Option<String>>(), any::<Option<usize>>(), any::<bool>())
            .prop_map(|(who, lines, follow)| Request::Logs { who, lines, follow }),
        any::<bool>().prop_map(|wait| Request::Reload { wait }),
        (any::<String>(), scale, any::<bool>()).prop_map(|(pool, scale, wait)| Request::Scale { pool, scale, wait }),
        (any::<String>(), any::<bool>()).prop_map(|(who, wait)| Request::Restart { who, wait }),
        any::<bool>().prop_map(|wait| Request::Stop { wait }),
        (any::<String>(), data).prop_map(|(topic, data)| Request::Publish { topic, data }),
    ]
}

fn worker() -> impl Strategy<Value = WorkerStatus> {
    let state = prop_oneof![Just(WorkerState::Booting), Just(WorkerState::Leaving), Just(WorkerState::Killed)];
    (any::<[u32; 2]>(), state, any::<u64>(), any::<[Option<u64>; 2]>()).prop_map(
        |([generation, pid], state, uptime_ms, [rss, cpu_ms])| WorkerStatus {
            generation,
            pid,
            state,
            uptime_ms,
            rss,
            cpu_ms,
        },
    )
}

fn status() -> impl Strategy<Value = Reply> {
    let slot = (any::<u32>(), any::<u64>(), any::<Option<u64>>(), proptest::collection::vec(worker(), 0..3))
        .prop_map(|(slot, restarts, backoff_ms, workers)| SlotStatus { slot, restarts, backoff_ms, workers });
    let pool = (any::<String>(), any::<[u32; 2]>(), proptest::collection::vec(slot, 0..3)).prop_map(
        |(name, [wanted, ready], slots)| PoolStatus {
            name,
            wanted,
            ready,
            lame_duck_ms: (ready > wanted).then_some(5),
            slots,
        },
    );
    (any::<[u32; 3]>(), any::<u64>(), any::<Vec<String>>(), proptest::collection::vec(pool, 0..3)).prop_map(
        |([pid, ready, wanted], uptime_ms, commands, pools)| {
            let version = "1".to_owned();
            let supervisor = Info { pid, version, mood: Mood::Running, uptime_ms, ready, wanted, commands };
            Reply::Status(Status { supervisor, pools })
        },
    )
}

fn reply() -> impl Strategy<Value = Reply> {
    let event = (any::<Option<String>>(), any::<i64>())
        .prop_map(|(text, number)| Reply::Event { text, event: serde_json::json!({"event": "x", "n": number}) });
    prop_oneof![
        status(),
        event,
        (any::<String>(), any::<String>(), any::<bool>()).prop_map(|(worker, text, more)| Reply::Log {
            worker,
            stream: Stream::Stderr,
            text,
            more
        }),
        any::<u64>().prop_map(|lines| Reply::Lost { lines }),
        any::<Option<String>>().prop_map(|note| Reply::Done { note }),
        any::<String>().prop_map(|text| Reply::Error(Complaint::failed(text))),
    ]
}

proptest! {
    #[test]
    fn a_request_is_one_line_and_comes_back(request in request(), id in any::<Option<u64>>()) {
        let asked = Asked { id, request };
        let line = asked.encode();
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        let back = decode_request(line.trim_end().as_bytes()).expect("what was encoded");
        prop_assert_eq!(format!("{back:?}"), format!("{asked:?}"));
    }

    #[test]
    fn a_reply_is_one_line_and_comes_back(reply in reply(), id in any::<Option<u64>>()) {
        let line = reply.encode(id);
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        prop_assert_eq!(Reply::decode(line.as_bytes()), Ok(reply));
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        prop_assert_eq!(value.get("id").and_then(serde_json::Value::as_u64), id);
    }

    #[test]
    fn any_bytes_are_a_request_or_a_complaint(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err((_, complaint)) = decode_request(&bytes) {
            prop_assert!(!complaint.text.is_empty());
        }
        _ = Reply::decode(&bytes);
        _ = Hello::decode(&bytes);
    }
}

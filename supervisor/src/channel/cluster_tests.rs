use super::*;

fn read(members: &str) -> Option<ClusterMessage> {
    decode(&format!(r#"{{"cmd":"NODE_CLUSTER",{members}}}"#))
}

fn asked(members: &str) -> Query {
    match read(&format!(r#""act":"queryServer",{members},"seq":1"#)) {
        Some(ClusterMessage::Query { seq: 1, query }) => query,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_workers_say() {
    assert_eq!(read(r#""act":"online","seq":0"#), Some(ClusterMessage::Online));
    assert_eq!(read(r#""act":"listening","index":0,"port":1,"seq":2"#), Some(ClusterMessage::Listening));
    assert_eq!(read(r#""act":"close","key":"a\"b","seq":4"#), Some(ClusterMessage::Close { key: "a\"b".to_owned() }));
    assert_eq!(read(r#""act":"exitedAfterDisconnect","seq":4"#), Some(ClusterMessage::Leaving { seq: 4 }));
    assert_eq!(read(r#""ack":1,"accepted":true,"seq":3"#), Some(ClusterMessage::Answer { ack: 1, accepted: true }));
    assert_eq!(read(r#""ack":1,"accepted":false"#), Some(ClusterMessage::Answer { ack: 1, accepted: false }));
    assert_eq!(read(r#""ack":1"#), Some(ClusterMessage::Answer { ack: 1, accepted: false }));
    for nothing in
        [r#""act":"dance""#, r#""act":"close""#, r#""act":"close","key":1"#, r#""act":"queryServer""#, r#""x":1"#]
    {
        assert_eq!(read(nothing), None, "{nothing}");
    }
}

#[test]
fn a_query_as_node_20_writes_it() {
    let query = asked(r#""index":0,"data":null,"address":null,"port":34567,"addressType":4,"backlog":0"#);
    assert_eq!(query, Query { data: "null".to_owned(), port: Some(34567), ..Query::default() });
    assert_eq!(query.key(), "null:34567:4:-");
}

#[test]
fn members_may_be_absent_null_or_false() {
    assert_eq!(
        asked(r#""backlog":false,"fd":null,"index":null"#),
        Query { data: "null".to_owned(), ..Query::default() }
    );
    let query = asked(r#""addressType":"udp6","port":5,"fd":-1,"flags":1,"address":"::1","backlog":10"#);
    assert_eq!((query.family, query.fd, query.flags, query.backlog), (Family::Udp6, None, 1, Some(10)));
    let query = asked(r#""addressType":-1,"port":-1,"address":"/tmp/x","readableAll":true,"data":{"ticketKeys":"00"}"#);
    assert_eq!((query.family, query.port, query.readable_all, query.writable_all), (Family::Pipe, None, true, false));
    assert_eq!(query.data, r#"{"ticketKeys":"00"}"#);
    assert_eq!(asked(r#""port":70000"#).port, None);
}

#[test]
fn only_port_0_has_its_index_in_the_key() {
    let with = |index, port| Query { index, port: Some(port), ..Query::default() }.key();
    assert_eq!(with(0, 80), with(1, 80));
    assert_ne!(with(0, 0), with(1, 0));
    assert_ne!(Query { fd: Some(3), ..Query::default() }.key(), Query { fd: Some(4), ..Query::default() }.key());
}

fn json(line: &[u8]) -> Value {
    serde_json::from_slice(line).expect("JSON")
}

#[test]
fn answers_to_queries() {
    let answer = QueryAnswer { ack: 1, key: "a\"b:4", data: "{\"ticketKeys\":\"00\"}", errno: 98, sockname: None };
    assert_eq!(
        json(query_answer(&answer, 9).as_bytes()),
        json!({"cmd":"NODE_CLUSTER","errno":-98,"key":"a\"b:4","ack":1,"data":{"ticketKeys":"00"},"seq":9})
    );
    let sockname = Some("[::1]:80".parse().expect("an address"));
    let answer = QueryAnswer { errno: 0, data: "null", sockname, ..answer };
    let said = json(query_answer(&answer, 9).as_bytes());
    assert_eq!(said["errno"], 0);
    assert_eq!(said["sockname"], json!({"address":"::1","family":"IPv6","port":80}));
}

#[test]
fn what_workers_are_told() {
    assert_eq!(
        json(new_connection("k", 3).as_bytes()),
        json!({"cmd":"NODE_CLUSTER","act":"newconn","key":"k","seq":3})
    );
    assert_eq!(json(&may_leave(4, 1)), json!({"cmd":"NODE_CLUSTER","ack":4,"seq":1}));
    assert_eq!(json(&disconnect(2)), json!({"cmd":"NODE_CLUSTER","act":"disconnect","seq":2}));
    for line in [may_leave(4, 1), disconnect(2)] {
        assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
    }
}

use proptest::prelude::*;

use super::*;

fn handle(message: &str) -> Option<Internal> {
    Some(Internal::Handle { message: message.to_owned() })
}

#[test]
fn messages_of_node_itself() {
    assert_eq!(internal(br#"{"cmd":"NODE_HANDLE_ACK"}"#), Some(Internal::Ack));
    assert_eq!(internal(b" {\"x\":1, \"cmd\" : \"NODE_HANDLE_NACK\"}\r"), Some(Internal::Nack));
    assert_eq!(internal(br#"{"cmd":"NODE_SOCKET_COUNT","key":"k","count":2}"#), Some(Internal::Unknown));
    assert_eq!(internal(br#"{"cmd":"NODE_CLUSTER","act":"dance","seq":1}"#), Some(Internal::Unknown));
    assert_eq!(
        internal(br#"{"cmd":"NODE_CLUSTER","act":"online","seq":0}"#),
        Some(Internal::Cluster(ClusterMessage::Online))
    );
}

#[test]
fn everything_else_is_the_programs() {
    for line in [
        &br#"{"cmd":"NODE_"}"#[..],
        br#"{"cmd":"node_handle_ack"}"#,
        br#"{"cmd":7,"x":"NODE_HANDLE"}"#,
        br#"{"act":"NODE_HANDLE_ACK"}"#,
        br#""NODE_HANDLE_ACK""#,
        br#"{"cmd":"NODE_HANDLE_ACK""#,
        b"{\"cmd\":\"NODE_HANDLE_ACK\xff\"}",
        b"",
        b"NODE_",
    ] {
        assert_eq!(internal(line), None, "{}", line.escape_ascii());
    }
}

#[test]
fn a_surrogate_that_stands_alone_or_deep_nesting_beside_the_name_is_no_obstacle() {
    let line = br#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"text":"\ud800"}}"#;
    assert_eq!(internal(line), handle(r#"{"text":"\ud800"}"#));
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let line = format!(r#"{{"cmd":"NODE_HANDLE","msg":{deep}}}"#);
    assert_eq!(internal(line.as_bytes()), handle(&deep));
}

#[test]
fn a_handle_that_node_sends_again_is_wrapped_twice() {
    let line = br#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_HANDLE","type":"net.Socket","msg":"client","key":"4:127.0.0.1:0"}}"#;
    assert_eq!(internal(line), handle("\"client\""));
    assert_eq!(internal(br#"{"cmd":"NODE_HANDLE"}"#), handle("null"));
    let mut wrapped = "1".to_owned();
    for _ in 0..1000 {
        wrapped = format!(r#"{{"cmd":"NODE_HANDLE","msg":{wrapped}}}"#);
    }
    assert!(matches!(internal(wrapped.as_bytes()), Some(Internal::Handle { .. })), "and no more work than a few times");
}

#[test]
fn envelopes_are_as_node_writes_them() {
    let line = envelope(HandleKind::Server, "\"server\"");
    assert_eq!(line, b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Server\",\"msg\":\"server\"}\n");
    let line = envelope(HandleKind::Datagram { v6: true }, "[]");
    assert_eq!(line, b"{\"cmd\":\"NODE_HANDLE\",\"type\":\"dgram.Socket\",\"dgramType\":\"udp6\",\"msg\":[]}\n");
    let datagram = HandleKind::Datagram { v6: false };
    for kind in [HandleKind::Socket, HandleKind::NativeStream, HandleKind::NativeDatagram, datagram] {
        assert_eq!(internal(&envelope(kind, "[1]")), handle("[1]"));
    }
}

proptest! {
    #[test]
    fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        internal(&line);
    }

    /// Lines that are nearly right, cut and changed anywhere.
    #[test]
    fn nor_on_what_is_nearly_a_message(
        which in 0usize..6, at in 0usize..120, byte in any::<u8>(), length in 0usize..200,
    ) {
        let mut line = [
            &br#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_HANDLE","msg":1}}"#[..],
            br#"{"cmd":"NODE_CLUSTER","act":"queryServer","index":0,"data":null,"address":null,"port":1,"addressType":4,"seq":1}"#,
            br#"{"cmd":"NODE_CLUSTER","ack":1,"accepted":true,"seq":3}"#,
            br#"{"cmd":"NODE_CLUSTER","act":"close","key":"null:34567:4:undefined:0","seq":4}"#,
            br#"{"cmd":"NODE_HANDLE_ACK"}"#,
            br#"{"cmd":"NODE_CLUSTER","act":"exitedAfterDisconnect","seq":4}"#,
        ][which].to_vec();
        if let Some(place) = line.get_mut(at) {
            *place = byte;
        }
        line.truncate(length);
        internal(&line);
    }
}

//! Connections that the supervisor accepts and passes in turn: a convention for workers of any language.
//!
//! Beside a descriptor (SCM_RIGHTS on the first byte of the line) the worker gets
//! `{"act":"connection","seq":N,"listener":NAME}`, and answers `{"act":"accepted","seq":N}` before it reads from the
//! connection, or `{"act":"refused","seq":N}` if it can't take it: then another worker gets it. What is unanswered when a
//! worker dies goes to another as well. A worker that owes an answer for long counts as one that hangs.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a worker says about a connection that it was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the line that it came with.
    pub seq: u64,
    /// Whether it serves it.
    pub accepted: bool,
}

/// The line beside which a connection is passed, LF included. `listener` is what the configuration calls the socket that
/// it came to.
pub fn offer(seq: u64, listener: &str) -> Vec<u8> {
    let listener = serde_json::Value::from(listener);
    format!("{{\"act\":\"connection\",\"seq\":{seq},\"listener\":{listener}}}\n").into_bytes()
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    act: &'a RawValue,
    #[serde(borrow)]
    seq: &'a RawValue,
}

/// The answer that a line is, if it is one.
pub fn answer(line: &[u8]) -> Option<Answer> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let members: Members<'_> = serde_json::from_slice(line).ok()?;
    let accepted = match members.act.get() {
        "\"accepted\"" => true,
        "\"refused\"" => false,
        _ => return None,
    };
    Some(Answer { seq: members.seq.get().parse().ok()?, accepted })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_offer_is_one_line_of_json() {
        assert_eq!(offer(7, "http"), b"{\"act\":\"connection\",\"seq\":7,\"listener\":\"http\"}\n");
        let odd = offer(0, "a\"\n\u{1}");
        assert_eq!(odd.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let read: serde_json::Value = serde_json::from_slice(&odd).expect("JSON");
        assert_eq!(read["listener"], "a\"\n\u{1}");
    }

    #[test]
    fn answers() {
        assert_eq!(answer(br#"{"act":"accepted","seq":7}"#), Some(Answer { seq: 7, accepted: true }));
        assert_eq!(
            answer(b" {\"seq\": 0, \"x\": [], \"act\": \"refused\"}\r"),
            Some(Answer { seq: 0, accepted: false })
        );
    }

    #[test]
    fn anything_else_is_none() {
        for line in [
            &b""[..],
            b"{}",
            b"{\"act\":\"accepted\"}",
            b"{\"act\":\"accepted\",\"seq\":-1}",
            b"{\"act\":\"accepted\",\"seq\":1.5}",
            b"{\"act\":\"accepted\",\"seq\":\"1\"}",
            b"{\"act\":\"accepted\",\"seq\":99999999999999999999999}",
            b"{\"act\":\"ready\",\"seq\":1}",
            b"[\"accepted\",1]",
        ] {
            assert_eq!(answer(line), None, "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            answer(&line);
        }
    }
}

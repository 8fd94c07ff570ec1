//! The supervision words: `{"act":"ready"}` and its siblings, one JSON object per line.
//!
//! Any other JSON text is a message that concerns somebody else (a Node worker's `process.send`), so it is ignored;
//! a line that is no JSON text at all is an error of the worker.

use serde::Deserialize;

use crate::core::{Order, Word};

/// A line that is not a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAMessage {
    /// The beginning of the line, made printable.
    pub excerpt: String,
}

/// How much of a bad line is shown.
const EXCERPT: usize = 60;

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Act { act: String },
    Other(serde::de::IgnoredAny),
}

/// What a line from a worker says about its supervision; `None` if nothing.
///
/// # Errors
/// The line is not a JSON text (an empty one included), or one that is nested too deeply to be read safely.
pub fn decode(line: &[u8]) -> Result<Option<Word>, NotAMessage> {
    let not_a_message = || NotAMessage { excerpt: excerpt(line) };
    match serde_json::from_slice(line).map_err(|_| not_a_message())? {
        Message::Act { act } => Ok(match act.as_str() {
            "ready" => Some(Word::Ready),
            "retire" => Some(Word::Retire),
            "suicide" => Some(Word::Suicide),
            _ => None,
        }),
        Message::Other(_) => Ok(None),
    }
}

/// The line that tells a worker `order`, with its LF.
pub fn encode(order: Order) -> &'static [u8] {
    match order {
        Order::Drain => b"{\"act\":\"drain\"}\n",
    }
}

fn excerpt(line: &[u8]) -> String {
    let shown = line[..line.len().min(EXCERPT)].escape_ascii();
    if line.len() > EXCERPT { format!("{shown}… ({} bytes)", line.len()) } else { shown.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        assert_eq!(decode(br#"{"act":"ready"}"#), Ok(Some(Word::Ready)));
        assert_eq!(decode(br#" { "pid": 1, "act" : "retire" } "#), Ok(Some(Word::Retire)));
        assert_eq!(decode(b"{\"act\":\"suicide\"}\r"), Ok(Some(Word::Suicide)));
    }

    #[test]
    fn other_messages_are_ignored() {
        for line in
            [&br#"{"act":"dance"}"#[..], b"{\"act\":7}", b"{}", b"null", b"\"ready\"", b"[{\"act\":\"ready\"}]", b"12"]
        {
            assert_eq!(decode(line), Ok(None), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn garbage_is_shown_printable_and_short() {
        assert_eq!(decode(b""), Err(NotAMessage { excerpt: String::new() }));
        assert_eq!(decode(b"\x00\xff{").unwrap_err().excerpt, "\\x00\\xff{");
        let deep = vec![b'['; 100_000];
        assert!(decode(&deep).unwrap_err().excerpt.ends_with("… (100000 bytes)"));
    }

    #[test]
    fn orders_are_one_line() {
        let line = encode(Order::Drain);
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
    }

    proptest! {
        #[test]
        fn never_panics_and_excerpts_are_bounded(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Err(NotAMessage { excerpt }) = decode(&line) {
                prop_assert!(excerpt.len() <= 4 * EXCERPT + 30);
                prop_assert!(excerpt.chars().all(|c| !c.is_control()));
            }
        }
    }
}

//! The supervision words: `{"act":"ready"}` and its siblings, one JSON object per line.
//!
//! Any other JSON text is a message that concerns somebody else (a Node worker's `process.send`), so it is ignored;
//! a line that is no JSON text at all is an error of the worker.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::core::{Order, Word};

use super::topics::{Refusal, TopicWord};

/// A line that is not a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAMessage {
    /// The beginning of the line, made printable.
    pub excerpt: String,
}

/// What a line from a worker says.
#[derive(Clone, Debug)]
pub enum Message {
    /// Something about its supervision.
    Word(Word),
    /// Something about topics.
    Topics(TopicWord),
    /// A word that is known, with something wrong about it.
    Refused(Refusal),
    /// Something that concerns somebody else.
    Other,
}

/// How much of a bad line is shown.
const EXCERPT: usize = 60;

/// What a member of a message should have been.
type Expected = &'static str;

/// The members that mean something here, unread: so what else is in a message may be as odd as JSON allows.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    act: Option<&'a RawValue>,
    #[serde(borrow)]
    ms: Option<&'a RawValue>,
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow)]
    topics: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// `null` is a value, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// What a line from a worker says.
///
/// # Errors
/// The line is not a JSON text (an empty one included).
pub fn decode(line: &[u8]) -> Result<Message, NotAMessage> {
    let not_a_message = || NotAMessage { excerpt: excerpt(line) };
    if line.trim_ascii_start().first() == Some(&b'{') {
        return serde_json::from_slice(line).map(|members| members_say(&members)).map_err(|_| not_a_message());
    }
    let _: IgnoredAny = serde_json::from_slice(line).map_err(|_| not_a_message())?;
    // The word of programs that were written for pm2.
    let ready = line.trim_ascii() == b"\"ready\"";
    Ok(if ready { Message::Word(Word::Ready) } else { Message::Other })
}

fn members_say(members: &Members<'_>) -> Message {
    let Some(act) = members.act.and_then(read::<String>) else { return Message::Other };
    let said = match act.as_str() {
        "ready" => Ok(Message::Word(Word::Ready)),
        "retire" => Ok(Message::Word(Word::Retire)),
        "suicide" => Ok(Message::Word(Word::Suicide)),
        "alive" => Ok(Message::Word(Word::Alive)),
        "failing" => Ok(Message::Word(Word::Failing)),
        "interval" => span(members).map(|span| Message::Word(Word::Interval(span))),
        "extend" => span(members).map(|span| Message::Word(Word::Extend(span))),
        "publish" => publish(members).map(Message::Topics),
        "subscribe" => topics(members).map(|topics| Message::Topics(TopicWord::Subscribe(topics))),
        "unsubscribe" => topics(members).map(|topics| Message::Topics(TopicWord::Unsubscribe(topics))),
        _ => Ok(Message::Other),
    };
    said.unwrap_or_else(|expected| Message::Refused(Refusal::Malformed { act, expected }))
}

fn span(members: &Members<'_>) -> Result<Duration, Expected> {
    members.ms.and_then(read).map(Duration::from_millis).ok_or(r#""ms":N, a whole number of milliseconds"#)
}

fn publish(members: &Members<'_>) -> Result<TopicWord, Expected> {
    match (members.topic.and_then(read), members.data) {
        (Some(topic), Some(data)) => Ok(TopicWord::Publish { topic, data: data.to_owned() }),
        _ => Err(r#""topic":NAME and "data":VALUE"#),
    }
}

/// `topic` and `topics`; at least one of them.
fn topics(members: &Members<'_>) -> Result<Vec<String>, Expected> {
    const EXPECTED: Expected = r#""topic":NAME or "topics":[NAME,…]"#;
    let one = members.topic.map(|raw| read::<String>(raw).ok_or(EXPECTED)).transpose()?;
    let several = members.topics.map(|raw| read::<Vec<String>>(raw).ok_or(EXPECTED)).transpose()?;
    if one.is_none() && several.is_none() {
        return Err(EXPECTED);
    }
    Ok(one.into_iter().chain(several.unwrap_or_default()).collect())
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
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

    /// The word, if it is one.
    fn word(line: &str) -> Option<Word> {
        match decode(line.as_bytes()) {
            Ok(Message::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// What was refused, as the worker is told.
    fn refusal(line: &str) -> String {
        match decode(line.as_bytes()) {
            Ok(Message::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words() {
        assert_eq!(word(r#"{"act":"ready"}"#), Some(Word::Ready));
        assert_eq!(word(r#" { "pid": 1, "act" : "retire" } "#), Some(Word::Retire));
        assert_eq!(word("{\"act\":\"suicide\"}\r"), Some(Word::Suicide));
        assert_eq!(word(r#"{"act":"alive"}"#), Some(Word::Alive));
        assert_eq!(word(r#"{"act":"failing","why":{"ms":[]}}"#), Some(Word::Failing));
        assert_eq!(word(r#"{"act":"interval","ms":1500}"#), Some(Word::Interval(Duration::from_millis(1500))));
        assert_eq!(word(r#"{"ms":0,"act":"extend"}"#), Some(Word::Extend(Duration::ZERO)));
        assert_eq!(word(" \"ready\"\r"), Some(Word::Ready), "process.send('ready')");
    }

    #[test]
    fn words_about_topics() {
        let Ok(Message::Topics(TopicWord::Publish { topic, data })) =
            decode(br#"{"act":"publish","topic":"a\u0062","data": { "x":1.50, "y":"\ud800" } }"#)
        else {
            panic!("not understood")
        };
        assert_eq!((topic.as_str(), data.get()), ("ab", r#"{ "x":1.50, "y":"\ud800" }"#), "as it was written");
        assert!(matches!(
            decode(br#"{"act":"publish","topic":"a","data":null}"#),
            Ok(Message::Topics(TopicWord::Publish { data, .. })) if data.get() == "null"
        ));
        for (line, expected) in [
            (r#"{"act":"subscribe","topic":"a"}"#, vec!["a"]),
            (r#"{"act":"subscribe","topics":["b","c"]}"#, vec!["b", "c"]),
            (r#"{"act":"subscribe","topics":["b"],"topic":"a"}"#, vec!["a", "b"]),
        ] {
            let said = decode(line.as_bytes());
            assert!(
                matches!(&said, Ok(Message::Topics(TopicWord::Subscribe(topics))) if *topics == expected),
                "{said:?}"
            );
        }
        let said = decode(br#"{"act":"unsubscribe","topic":"a"}"#);
        assert!(matches!(&said, Ok(Message::Topics(TopicWord::Unsubscribe(topics))) if *topics == ["a"]), "{said:?}");
    }

    #[test]
    fn a_word_that_lacks_something_says_what() {
        let spans = "\"extend\": expected \"ms\":N, a whole number of milliseconds";
        assert_eq!(refusal(r#"{"act":"extend"}"#), spans);
        assert_eq!(refusal(r#"{"act":"extend","ms":-1}"#), spans);
        assert_eq!(
            refusal(r#"{"act":"publish","topic":"a"}"#),
            "\"publish\": expected \"topic\":NAME and \"data\":VALUE"
        );
        assert_eq!(refusal(r#"{"act":"publish","topic":7,"data":7}"#), refusal(r#"{"act":"publish","data":7}"#));
        let topics = "\"subscribe\": expected \"topic\":NAME or \"topics\":[NAME,…]";
        assert_eq!(refusal(r#"{"act":"subscribe"}"#), topics);
        assert_eq!(refusal(r#"{"act":"subscribe","topics":"a"}"#), topics);
    }

    #[test]
    fn other_messages_are_ignored() {
        let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for line in [
            r#"{"act":"dance"}"#,
            r#"{"act":7}"#,
            r#"{"act":null}"#,
            "{}",
            "null",
            "\"readily\"",
            r#"[{"act":"ready"}]"#,
            "12",
            r#"{"text":"half a character: \ud800"}"#,
            deep.as_str(),
        ] {
            assert!(matches!(decode(line.as_bytes()), Ok(Message::Other)), "{line:.60}");
        }
    }

    #[test]
    fn garbage_is_shown_printable_and_short() {
        assert_eq!(decode(b"").unwrap_err().excerpt, "");
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

//! sd_notify(3): datagrams of `NAME=value` lines.

use std::time::Duration;

use crate::core::Word;

/// Something that a datagram says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something about supervision.
    Word(Word),
    /// What it is doing, in one line for people; empty: nothing any more.
    Status(String),
}

/// A longer status is cut: nobody reads more, and it is kept for each worker.
const STATUS_LIMIT: usize = 512;

/// What a datagram says, in its order. What does not concern us (`RELOADING`, `MAINPID`, `BARRIER`, …), names that
/// nobody knows and values that make no sense are passed over, as the protocol wants; `READY=1` may come often.
pub fn notices(datagram: &[u8]) -> impl Iterator<Item = Notice> + '_ {
    datagram.split(|&byte| byte == b'\n').filter_map(notice)
}

fn notice(line: &[u8]) -> Option<Notice> {
    let equals = line.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&line[..equals], &line[equals + 1..]);
    let word = match (name, value) {
        (b"READY", b"1") => Word::Ready,
        (b"STOPPING", b"1") => Word::Suicide,
        (b"WATCHDOG", b"1") => Word::Alive,
        (b"WATCHDOG", b"trigger") => Word::Failing,
        (b"WATCHDOG_USEC", _) => Word::Interval(microseconds(value)?),
        (b"EXTEND_TIMEOUT_USEC", _) => Word::Extend(microseconds(value)?),
        (b"STATUS", _) => return Some(Notice::Status(status(value))),
        _ => return None,
    };
    Some(Notice::Word(word))
}

/// A plain decimal number: no sign, no blanks.
fn microseconds(digits: &[u8]) -> Option<Duration> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().map(Duration::from_micros)
}

fn status(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let end = text.floor_char_boundary(STATUS_LIMIT);
    text[..end].replace(|c: char| c.is_control(), "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(datagram: &[u8]) -> Vec<Word> {
        let word = |notice| if let Notice::Word(word) = notice { Some(word) } else { None };
        notices(datagram).filter_map(word).collect()
    }

    #[test]
    fn ready_anywhere_in_the_datagram() {
        assert_eq!(words(b"READY=1"), [Word::Ready]);
        assert_eq!(words(b"STATUS=up\nREADY=1\nMAINPID=4\n"), [Word::Ready]);
    }

    #[test]
    fn several_in_their_order() {
        let datagram =
            b"WATCHDOG_USEC=1500000\nREADY=1\nEXTEND_TIMEOUT_USEC=7\nWATCHDOG=1\nWATCHDOG=trigger\nSTOPPING=1\n";
        let expected = [
            Word::Interval(Duration::from_millis(1500)),
            Word::Ready,
            Word::Extend(Duration::from_micros(7)),
            Word::Alive,
            Word::Failing,
            Word::Suicide,
        ];
        assert_eq!(words(datagram), expected);
    }

    #[test]
    fn nothing_else_means_anything() {
        for datagram in [
            &b""[..],
            b"READY",
            b"READY=0",
            b"XREADY=1",
            b"READY=1x",
            b"RELOADING=1\nMONOTONIC_USEC=5",
            b"BARRIER=1",
            b"STOPPING=0",
            b"WATCHDOG=2",
            b"WATCHDOG_USEC=",
            b"WATCHDOG_USEC=+5",
            b"WATCHDOG_USEC=-5",
            b"WATCHDOG_USEC=5 ",
            b"EXTEND_TIMEOUT_USEC=99999999999999999999999999",
            b"\xff\n\0",
        ] {
            assert_eq!(notices(datagram).next(), None, "{}", datagram.escape_ascii());
        }
    }

    #[test]
    fn a_status_is_one_printable_line_of_bounded_length() {
        let said = |datagram: &[u8]| notices(datagram).next();
        assert_eq!(said(b"STATUS=a=b c"), Some(Notice::Status("a=b c".into())));
        assert_eq!(said(b"STATUS="), Some(Notice::Status(String::new())));
        assert_eq!(said(b"STATUS=\x1b[31m\xff"), Some(Notice::Status("\u{fffd}[31m\u{fffd}".into())));
        let long = ["STATUS=".as_bytes(), "é".repeat(STATUS_LIMIT).as_bytes()].concat();
        assert_eq!(said(&long), Some(Notice::Status("é".repeat(STATUS_LIMIT / 2))));
    }

    proptest! {
        #[test]
        fn any_bytes_give_no_more_notices_than_lines(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(notices(&datagram).count() <= 1 + datagram.iter().filter(|&&byte| byte == b'\n').count());
        }
    }
}

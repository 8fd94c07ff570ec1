//! sd_notify(3): datagrams of `NAME=value` lines.

use crate::core::Word;

/// What a datagram says about supervision. Unknown names are ignored, as the protocol wants; READY=1 may come often.
pub fn notification(datagram: &[u8]) -> Option<Word> {
    datagram.split(|&byte| byte == b'\n').any(|line| line == b"READY=1").then_some(Word::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_anywhere_in_the_datagram() {
        assert_eq!(notification(b"READY=1"), Some(Word::Ready));
        assert_eq!(notification(b"STATUS=up\nREADY=1\nMAINPID=4\n"), Some(Word::Ready));
    }

    #[test]
    fn nothing_else_is_ready() {
        for datagram in [
            &b""[..],
            b"READY=0",
            b"XREADY=1",
            b"READY=1x",
            b"RELOADING=1\nMONOTONIC_USEC=5",
            b"BARRIER=1",
            b"\xff\n\0",
        ] {
            assert_eq!(notification(datagram), None);
        }
    }
}

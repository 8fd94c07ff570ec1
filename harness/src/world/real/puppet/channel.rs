//! What the supervisor says on the channel, and what it passes there.

use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::Deserialize;

/// A line that a puppet knows.
#[derive(Debug)]
pub enum Word {
    /// Stop accepting, finish, exit.
    Drain,
    /// A connection, and the number under which it is to be answered for.
    Connection(u64, OwnedFd),
    /// The value of a topic, as JSON text.
    Update(String, String),
}

/// What was read and not yet understood.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    handles: VecDeque<OwnedFd>,
}

#[derive(Deserialize)]
struct Line {
    act: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    data: serde_json::Value,
}

impl Inbox {
    /// Reads what is there; false at the end.
    pub fn receive(&mut self, channel: &OwnedFd) -> bool {
        let mut buffer = [0_u8; 4096];
        // As many as one message can carry, so that none of them is lost without a word.
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = match recvmsg(channel, &mut [IoSliceMut::new(&mut buffer)], &mut control, flags) {
            Ok(received) => received.bytes,
            Err(error) => return matches!(error, Errno::AGAIN | Errno::INTR),
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                self.handles.extend(rights);
            }
        }
        self.bytes.extend(&buffer[..received]);
        received > 0
    }

    /// The next word that was read whole; lines that mean nothing to a puppet are skipped.
    pub fn next_word(&mut self) -> Option<Word> {
        loop {
            let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let Ok(line) = serde_json::from_slice::<Line>(&line) else { continue };
            match line.act.as_str() {
                "drain" => return Some(Word::Drain),
                "update" => return Some(Word::Update(line.topic, line.data.to_string())),
                // Without a descriptor there was no number left for it: who sent it waits for the answer in vain.
                "connection" => match self.handles.pop_front() {
                    Some(handle) => return Some(Word::Connection(line.seq, handle)),
                    None => continue,
                },
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    use super::*;

    fn pass(stream: &UnixStream, bytes: &[u8], handle: &impl AsFd) {
        let rights = [handle.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&rights)));
        let sent = sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::empty()).expect("sent");
        assert_eq!(sent, bytes.len());
    }

    fn words(inbox: &mut Inbox) -> Vec<Word> {
        std::iter::from_fn(|| inbox.next_word()).collect()
    }

    #[test]
    fn a_connection_comes_with_its_line_however_that_is_cut() {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let theirs = OwnedFd::from(theirs);
        let mut inbox = Inbox::default();
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        pass(&ours, b"{\"act\":\"conn", &writer);
        drop(writer);
        assert!(inbox.receive(&theirs));
        assert!(inbox.next_word().is_none(), "half a line");
        ours.write_all(b"ection\",\"seq\":7}\n{\"act\":\"unheard of\"}\nnot JSON\n{\"act\":\"drain\"}\n")
            .expect("sent");
        assert!(inbox.receive(&theirs));
        let mut words = words(&mut inbox).into_iter();
        let Some(Word::Connection(7, handle)) = words.next() else { panic!("no connection") };
        std::fs::File::from(handle).write_all(b"x").expect("the pipe");
        assert_eq!(reader.read(&mut [0]).expect("a byte"), 1);
        assert!(matches!(words.next(), Some(Word::Drain)));
        assert!(words.next().is_none());
        drop(ours);
        assert!(!inbox.receive(&theirs), "the end");
    }

    #[test]
    fn a_line_whose_descriptor_was_lost_is_not_a_connection() {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let mut inbox = Inbox::default();
        ours.write_all(b"{\"act\":\"connection\",\"seq\":1}\n{\"act\":\"drain\"}\n").expect("sent");
        assert!(inbox.receive(&OwnedFd::from(theirs)));
        assert!(matches!(words(&mut inbox)[..], [Word::Drain]));
    }
}

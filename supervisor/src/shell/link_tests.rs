use std::collections::VecDeque;

use super::*;
use crate::channel::encode;
use crate::core::Order;
use crate::kernel::{Peer, Received};

/// A socket that answers from lists; then there is nothing to read, and everything can be sent.
#[derive(Default)]
struct Socket {
    reads: VecDeque<Result<Vec<u8>, Errno>>,
    sends: VecDeque<Result<usize, Errno>>,
    sent: Vec<u8>,
}

impl Streams for Socket {
    fn receive(&mut self, _fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        let mut bytes = self.reads.pop_front().unwrap_or(Err(Errno::AGAIN))?;
        let rest = bytes.split_off(bytes.len().min(buffer.len()));
        if !rest.is_empty() {
            self.reads.push_front(Ok(rest));
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Received { bytes: bytes.len(), handle: None })
    }
    fn send(&mut self, _fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let taken = self.sends.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.sent.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn send_handle(&mut self, _: Fd, _: &[u8], _: Fd) -> Result<usize, Errno> {
        Err(Errno::NOSYS)
    }
    fn peer(&mut self, _: Fd) -> Result<Peer, Errno> {
        Err(Errno::NOSYS)
    }
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        Err(Errno::BADF)
    }
    fn receive_datagram(&mut self, _fd: Fd, _buffer: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::BADF)
    }
    fn close(&mut self, _fd: Fd) {}
}

fn socket(reads: &[Result<&str, Errno>]) -> Socket {
    Socket { reads: reads.iter().map(|read| read.map(|text| text.as_bytes().to_vec())).collect(), ..Socket::default() }
}

/// Turns until nothing more is said.
fn hear(socket: &mut Socket, last: bool) -> Vec<Said> {
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    while !socket.reads.is_empty() && !matches!(said.last(), Some(Said::End)) {
        link.receive(socket, &mut [0; 16], last, &mut said);
    }
    said
}

fn garbage(text: &str) -> Said {
    Said::Wrong(ErrorEvent::Garbage(text.to_owned()))
}

const READY: Said = Said::Word(Word::Ready);

impl PartialEq for Said {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

#[test]
fn words_in_pieces_among_interruptions_until_the_end() {
    let mut socket = socket(&[
        Ok("{\"act\":\"re"),
        Err(Errno::INTR),
        Ok("ady\"}\n{\"act\":"),
        Err(Errno::AGAIN),
        Ok("\"retire\"}\n"),
        Ok(""),
    ]);
    assert_eq!(hear(&mut socket, false), [READY, Said::Word(Word::Retire), Said::End]);
}

#[test]
fn a_reset_is_an_end_and_half_a_line_is_told() {
    let mut socket = socket(&[Ok("{\"act\":\"ready\"}\n{\"a"), Err(Errno::CONNRESET)]);
    assert_eq!(hear(&mut socket, true), [READY, garbage("an unfinished line of 3 bytes"), Said::End]);
}

#[test]
fn an_unknown_error_ends_the_channel_with_its_name() {
    let mut socket = socket(&[Err(Errno::NOMEM)]);
    let wrong = Said::Wrong(ErrorEvent::System { call: "recv", errno: 12 });
    assert_eq!(hear(&mut socket, false), [wrong, Said::End]);
}

#[test]
fn a_turn_is_bounded_and_the_last_one_reads_on_after_a_short_read() {
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    let mut flood = socket(&[Ok(&"x".repeat(16 * (READS_PER_TURN + 5)))]);
    link.receive(&mut flood, &mut [0; 16], false, &mut said);
    assert_eq!(flood.reads[0].as_ref().map(Vec::len), Ok(16 * 5));
    let mut short = socket(&[Ok("\n"), Ok("{}\n"), Ok("{\"act\":\"ready\"}\n")]);
    link.receive(&mut short, &mut [0; 16], true, &mut said);
    assert_eq!(said.last(), Some(&READY), "three short reads in one turn");
}

#[test]
fn garbage_without_end_is_shown_ever_less_often() {
    let mut socket = socket(&[Ok(&"?\n".repeat(1000))]);
    let said = hear(&mut socket, false);
    assert_eq!(said.len() as u64, GARBAGE_SHOWN + 6, "up to 8, then 16, 32, 64, 128, 256, 512");
    assert_eq!(said[8], garbage("\"?\" (bad line 16)"));
}

#[test]
fn a_line_beyond_the_limit_ends_the_channel() {
    let mut socket = socket(&[Ok(&"x".repeat(LINE_LIMIT + 1)), Ok("\n{\"act\":\"ready\"}\n")]);
    let said = hear(&mut socket, false);
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[1], Said::End);
}

#[test]
fn orders_wait_until_they_fit() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: [Ok(4), Err(Errno::AGAIN)].into(), ..Socket::default() };
    assert_eq!(link.say(&mut socket, encode(Order::Drain)), Ok(()));
    assert!(link.has_output());
    socket.sends.push_back(Err(Errno::INTR));
    link.flush(&mut socket);
    assert!(!link.has_output());
    assert_eq!(socket.sent, encode(Order::Drain));
}

#[test]
fn orders_to_a_worker_that_never_reads_are_bounded() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: vec![Err(Errno::AGAIN); 100_000].into(), ..Socket::default() };
    let refused = (0..OUTPUT_LIMIT).find_map(|_| link.say(&mut socket, encode(Order::Drain)).err());
    assert_eq!(refused, Some(Errno::NOBUFS));
    assert!(link.output.len() <= OUTPUT_LIMIT);
}

#[test]
fn an_update_needs_room_and_takes_none_from_orders() {
    let mut link = Link::new(Fd(3));
    let update = vec![b'u'; 4 * OUTPUT_LIMIT];
    assert!(link.has_room());
    link.queue_update(update.clone());
    assert!(!link.has_room());
    let mut socket =
        Socket { sends: [Ok(OUTPUT_LIMIT), Err(Errno::AGAIN), Err(Errno::AGAIN)].into(), ..Socket::default() };
    link.flush(&mut socket);
    assert!(link.has_output());
    assert_eq!(link.say(&mut socket, encode(Order::Drain)), Ok(()), "whatever waits before it");
    link.flush(&mut socket);
    assert_eq!(socket.sent, [&update[..], encode(Order::Drain)].concat());
    assert!(link.has_room());
    socket.sends = vec![Err(Errno::AGAIN); 100_000].into();
    let refused = (0..OUTPUT_LIMIT).find_map(|_| link.say(&mut socket, encode(Order::Drain)).err());
    assert_eq!(refused, Some(Errno::NOBUFS), "orders are bounded as ever");
    assert!(link.output.len() <= OUTPUT_LIMIT);
}

#[test]
fn a_deaf_worker_may_still_speak() {
    let mut link = Link::new(Fd(3));
    let mut socket = socket(&[Ok("{\"act\":\"ready\"}\n")]);
    socket.sends.push_back(Err(Errno::PIPE));
    assert_eq!(link.say(&mut socket, encode(Order::Drain)), Ok(()));
    assert!(!link.has_output(), "nothing to watch for");
    assert!(link.is_deaf() && !link.has_room());
    assert_eq!(link.say(&mut socket, encode(Order::Drain)), Ok(()));
    assert_eq!(socket.sent, b"");
    let mut said = Vec::new();
    link.receive(&mut socket, &mut [0; 64], false, &mut said);
    assert_eq!(said, [READY]);
}

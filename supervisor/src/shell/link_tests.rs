use std::collections::VecDeque;

use super::super::shortage::MOST;
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
    /// Comes along with the read of this number, from 0.
    handles: Vec<(usize, Fd)>,
    read: usize,
    passed: Vec<Fd>,
    closed: Vec<Fd>,
}

impl Streams for Socket {
    fn receive(&mut self, _fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        let mut bytes = self.reads.pop_front().unwrap_or(Err(Errno::AGAIN))?;
        let rest = bytes.split_off(bytes.len().min(buffer.len()));
        if !rest.is_empty() {
            self.reads.push_front(Ok(rest));
        }
        buffer[..bytes.len()].copy_from_slice(&bytes);
        let handle = self.handles.iter().find(|(read, _)| *read == self.read).map(|&(_, fd)| fd);
        self.read += 1;
        Ok(Received { bytes: bytes.len(), handle })
    }
    fn send(&mut self, _fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let taken = self.sends.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.sent.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        let sent = self.send(fd, bytes)?;
        self.passed.push(handle);
        Ok(sent)
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
    fn close(&mut self, fd: Fd) {
        self.closed.push(fd);
    }
}

fn socket(reads: &[Result<&str, Errno>]) -> Socket {
    Socket { reads: reads.iter().map(|read| read.map(|text| text.as_bytes().to_vec())).collect(), ..Socket::default() }
}

/// Turns until nothing more is said.
fn hear(socket: &mut Socket, how: Reading) -> Vec<Said> {
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    while !socket.reads.is_empty() && !matches!(said.last(), Some(Said::End)) {
        link.receive(socket, &mut [0; 16], how, &mut said);
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
    assert_eq!(hear(&mut socket, Reading::Briefly), [READY, Said::Word(Word::Retire), Said::End]);
}

#[test]
fn a_reset_is_an_end_and_half_a_line_is_told() {
    let mut socket = socket(&[Ok("{\"act\":\"ready\"}\n{\"a"), Err(Errno::CONNRESET)]);
    assert_eq!(
        hear(&mut socket, Reading::ForTheLastTime),
        [READY, garbage("an unfinished line of 3 bytes"), Said::End]
    );
}

#[test]
fn an_unknown_error_ends_the_channel_with_its_name() {
    let mut socket = socket(&[Err(Errno::BADF)]);
    let wrong = Said::Wrong(ErrorEvent::System { call: "recv", errno: 9 });
    assert_eq!(hear(&mut socket, Reading::Briefly), [wrong, Said::End]);
}

#[test]
fn a_shortage_of_memory_loses_nothing_unless_it_lasts() {
    let mut short = socket(&[Err(Errno::NOMEM), Err(Errno::NOBUFS), Ok("{\"act\":\"ready\"}\n"), Err(Errno::NOMEM)]);
    assert_eq!(hear(&mut short, Reading::Briefly), [READY]);
    let mut last_words = socket(&[Err(Errno::NOMEM), Ok("{\"act\":\"ready\"}\n"), Ok("")]);
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    link.receive(&mut last_words, &mut [0; 16], Reading::ForTheLastTime, &mut said);
    assert_eq!(said, [READY, Said::End], "of a dead worker in one turn");
    let mut late = socket(&[Err(Errno::NOMEM); 20]);
    link.receive(&mut late, &mut [0; 16], Reading::ToTheEnd, &mut said);
    assert_eq!((late.reads.len(), said.len()), (19, 2), "one that lives has later turns");
    let mut lasting = socket(&[Err(Errno::NOMEM); 20]);
    assert_eq!(hear(&mut lasting, Reading::Briefly).last(), Some(&Said::End));
    assert_eq!(lasting.reads.len(), 20 - MOST as usize);
}

#[test]
fn an_order_for_which_there_is_no_memory_is_sent_later() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: [Err(Errno::NOBUFS), Err(Errno::NOMEM)].into(), ..Socket::default() };
    assert_eq!(link.say(&mut socket, encode(Order::Drain)), Ok(()));
    link.flush(&mut socket);
    assert!(link.has_output() && !link.is_deaf());
    link.flush(&mut socket);
    assert_eq!(socket.sent, encode(Order::Drain));
}

#[test]
fn where_memory_is_short_for_too_long_nothing_more_is_sent() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: vec![Err(Errno::NOMEM); 2 * MOST as usize].into(), ..Socket::default() };
    assert_eq!(link.say(&mut socket, encode(Order::Drain)), Ok(()));
    (2..MOST).for_each(|_| link.flush(&mut socket));
    assert!(!link.is_deaf());
    link.flush(&mut socket);
    assert!(link.is_deaf());
}

#[test]
fn a_turn_is_bounded_and_the_last_one_reads_on_after_a_short_read() {
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    let mut flood = socket(&[Ok(&"x".repeat(16 * (READS_PER_TURN + 5)))]);
    link.receive(&mut flood, &mut [0; 16], Reading::Briefly, &mut said);
    assert_eq!(flood.reads[0].as_ref().map(Vec::len), Ok(16 * 5));
    let mut short = socket(&[Ok("\n"), Ok("{}\n"), Ok("{\"act\":\"ready\"}\n")]);
    link.receive(&mut short, &mut [0; 16], Reading::ForTheLastTime, &mut said);
    assert_eq!(said.last(), Some(&READY), "three short reads in one turn");
}

#[test]
fn garbage_without_end_is_shown_ever_less_often() {
    let mut socket = socket(&[Ok(&"?\n".repeat(1000))]);
    let said = hear(&mut socket, Reading::Briefly);
    assert_eq!(said.len() as u64, GARBAGE_SHOWN + 6, "up to 8, then 16, 32, 64, 128, 256, 512");
    assert_eq!(said[8], garbage("\"?\" (bad line 16)"));
}

#[test]
fn a_line_beyond_the_limit_ends_the_channel() {
    let mut socket = socket(&[Ok(&"x".repeat(LINE_LIMIT + 1)), Ok("\n{\"act\":\"ready\"}\n")]);
    let (mut link, mut said, mut buffer) = (Link::new(Fd(3)), Vec::new(), vec![0; LINE_LIMIT / 16]);
    while !matches!(said.last(), Some(Said::End)) {
        link.receive(&mut socket, &mut buffer, Reading::Briefly, &mut said);
    }
    assert_eq!(said.len(), 2, "{said:?}");
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
    assert!((0..1000).all(|_| link.say(&mut socket, encode(Order::Drain)).is_ok()), "a thousand may wait");
    let refused = (0..OUTPUT_LIMIT).find_map(|_| link.say(&mut socket, encode(Order::Drain)).err());
    assert_eq!(refused, Some(Errno::NOBUFS));
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
    link.receive(&mut socket, &mut [0; 64], Reading::Briefly, &mut said);
    assert_eq!(said, [READY]);
}

/// What comes out of the channel when these lines come in, each in a read of its own, some with a descriptor.
fn exchange(reads: &[(&str, Option<i32>)]) -> (Socket, Vec<String>) {
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    let texts: Vec<Result<&str, Errno>> = reads.iter().map(|(text, _)| Ok(*text)).collect();
    let mut socket = socket(&texts);
    let handle = |(read, (_, fd)): (usize, &(&str, Option<i32>))| fd.map(|fd| (read, Fd(fd)));
    socket.handles = reads.iter().enumerate().filter_map(handle).collect();
    while !socket.reads.is_empty() {
        link.receive(&mut socket, &mut [0; 1024], Reading::Briefly, &mut said);
    }
    link.close(&mut socket);
    (socket, said.iter().map(|said| format!("{said:?}")).collect())
}

const HANDLE: &str = "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\",\"msg\":{\"act\":\"retire\"}}\n";

fn acks(text: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(text);
    let count = |answer: &[u8]| text.matches(&*String::from_utf8_lossy(answer)).count();
    (count(ACK), count(NACK))
}

#[test]
fn a_descriptor_that_a_worker_sends_is_answered_once_and_closed_and_its_message_heard() {
    let (socket, said) = exchange(&[(HANDLE, Some(7)), ("", None)]);
    assert_eq!(acks(&socket.sent), (1, 0));
    assert_eq!(socket.closed, [Fd(7), Fd(3)]);
    assert_eq!(said[0], "Word(Retire)");
}

#[test]
fn one_that_did_not_arrive_is_asked_for_again_and_its_message_not_heard_yet() {
    let (socket, said) = exchange(&[(HANDLE, None), (HANDLE, Some(7))]);
    assert_eq!(acks(&socket.sent), (1, 1));
    assert!(String::from_utf8_lossy(&socket.sent).starts_with("{\"cmd\":\"NODE_HANDLE_NACK\"}\n"));
    assert_eq!(said, ["Word(Retire)"]);
}

#[test]
fn a_descriptor_belongs_to_the_line_that_begins_where_it_came() {
    let (first, rest) = HANDLE.split_at(20);
    let (socket, _) = exchange(&[("\"x\"\n", None), (first, Some(7)), (rest, None)]);
    assert_eq!((acks(&socket.sent), socket.closed), ((1, 0), vec![Fd(7), Fd(3)]));
    let late = format!("{rest}{HANDLE}");
    let (socket, _) = exchange(&[(first, None), (&late, Some(7))]);
    assert_eq!(acks(&socket.sent), (1, 1), "it came with the second line");
    assert!(socket.sent.starts_with(NACK));
}

#[test]
fn descriptors_that_come_with_anything_else_are_closed_at_once() {
    let (socket, _) = exchange(&[("{\"act\":\"dance\"}\n", Some(7)), (HANDLE, None)]);
    assert_eq!(acks(&socket.sent), (0, 1), "nor are they taken for the next line's");
    assert_eq!(socket.closed, [Fd(7), Fd(3)]);
    let flood: Vec<(&str, Option<i32>)> = (10..40).map(|fd| ("x", Some(fd))).collect();
    let (socket, _) = exchange(&flood);
    assert_eq!(socket.closed[..29], (11..40).map(Fd).collect::<Vec<_>>(), "only the first may belong to the line");
    assert_eq!(socket.closed[29..], [Fd(10), Fd(3)], "and is closed with the channel");
}

#[test]
fn one_that_came_with_whole_lines_is_closed_before_anything_more_comes() {
    let (mut link, mut said) = (Link::new(Fd(3)), Vec::new());
    let mut socket = socket(&[Ok("{\"act\":\"ready\"}\n")]);
    socket.handles.push((0, Fd(7)));
    link.receive(&mut socket, &mut [0; 1024], Reading::Briefly, &mut said);
    assert_eq!((said, socket.closed), (vec![READY], vec![Fd(7)]));
}

#[test]
fn answers_to_descriptors_overtake_what_waits_for_one() {
    let mut link = Link::new(Fd(3));
    let mut socket = socket(&[Ok(HANDLE)]);
    socket.handles.push((0, Fd(8)));
    let parcel = Parcel { fd: Fd(7), content: Content::Listener };
    assert_eq!(link.pass(&mut socket, b"1\n".to_vec(), parcel, Confirm::First), Ok(()));
    assert_eq!(link.say(&mut socket, b"2\n"), Ok(()));
    let mut said = Vec::new();
    link.receive(&mut socket, &mut [0; 1024], Reading::Briefly, &mut said);
    assert_eq!(socket.sent, [b"1\n", ACK].concat());
    socket.reads.push_back(Ok([ACK, ACK].concat()));
    link.receive(&mut socket, &mut [0; 1024], Reading::Briefly, &mut said);
    assert_eq!(socket.sent, [b"1\n", ACK, b"2\n"].concat());
    assert_eq!(socket.passed, [Fd(7)]);
    let arrived = said.iter().filter(|said| matches!(said, Said::Arrived(found) if *found == parcel)).count();
    assert_eq!(arrived, 1, "the second ACK answers nothing");
}

#[test]
fn one_that_the_worker_never_gets_is_given_up_after_four_times() {
    let mut link = Link::new(Fd(3));
    let mut socket = socket(&[]);
    let parcel = Parcel { fd: Fd(7), content: Content::Connection(5) };
    assert_eq!(link.pass(&mut socket, b"1\n".to_vec(), parcel, Confirm::First), Ok(()));
    let mut said = Vec::new();
    for _ in 0..4 {
        assert!(said.is_empty());
        socket.reads.push_back(Ok(NACK.to_vec()));
        link.receive(&mut socket, &mut [0; 1024], Reading::Briefly, &mut said);
    }
    assert!(matches!(said[..], [Said::Lost(found)] if found == parcel), "{said:?}");
    assert_eq!(socket.passed.len(), 4);
}

#[test]
fn a_descriptor_goes_with_the_first_byte_and_never_twice() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: [Err(Errno::AGAIN), Ok(1), Err(Errno::AGAIN)].into(), ..Socket::default() };
    let parcel = Parcel { fd: Fd(7), content: Content::Connection(5) };
    assert_eq!(link.pass(&mut socket, b"123\n".to_vec(), parcel, Confirm::Never), Ok(()));
    assert!(link.has_output() && socket.passed.is_empty());
    link.flush(&mut socket);
    link.flush(&mut socket);
    assert_eq!((&socket.sent[..], &socket.passed[..]), (&b"123\n"[..], &[Fd(7)][..]));
}

#[test]
fn too_many_descriptors_under_way_are_no_reason_to_watch_for_room() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: [Err(Errno::TOOMANYREFS)].into(), ..Socket::default() };
    let parcel = Parcel { fd: Fd(7), content: Content::Connection(5) };
    assert_eq!(link.pass(&mut socket, b"1\n".to_vec(), parcel, Confirm::Never), Ok(()));
    assert!(link.is_crowded() && !link.has_output());
    link.flush(&mut socket);
    assert!(!link.is_crowded());
    assert_eq!(socket.sent, b"1\n");
}

#[test]
fn nothing_is_passed_to_one_that_does_not_read_any_more() {
    let mut link = Link::new(Fd(3));
    let mut socket = Socket { sends: [Err(Errno::PIPE)].into(), ..Socket::default() };
    let parcel = Parcel { fd: Fd(7), content: Content::Connection(5) };
    assert_eq!(
        link.pass(&mut socket, b"1\n".to_vec(), parcel, Confirm::First),
        Ok(()),
        "the end of the channel will tell"
    );
    assert_eq!(link.pass(&mut socket, b"1\n".to_vec(), parcel, Confirm::First), Err(Errno::PIPE));
    assert!(link.is_deaf() && !link.has_output());
}

use std::collections::VecDeque;

use super::*;
use crate::control::Request;
use crate::kernel::{Peer, Received};

/// A connection with what its client says, and how much of what it is told it takes.
#[derive(Default)]
struct Wire {
    said: VecDeque<Vec<u8>>,
    takes: usize,
    told: String,
}

impl Streams for Wire {
    fn receive(&mut self, _: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        let bytes = self.said.pop_front().ok_or(Errno::AGAIN)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Received { bytes: bytes.len(), handle: None })
    }
    fn send(&mut self, _: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let taken = self.takes.min(bytes.len());
        self.takes -= taken;
        self.told.push_str(std::str::from_utf8(&bytes[..taken]).expect("ASCII"));
        if taken == 0 { Err(Errno::AGAIN) } else { Ok(taken) }
    }
    fn send_handle(&mut self, _: Fd, _: &[u8], _: Fd) -> Result<usize, Errno> {
        Err(Errno::NOSYS)
    }
    fn peer(&mut self, _: Fd) -> Result<Peer, Errno> {
        Err(Errno::NOSYS)
    }
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        Err(Errno::NOSYS)
    }
    fn receive_datagram(&mut self, _: Fd, _: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::NOSYS)
    }
    fn close(&mut self, _: Fd) {}
}

fn client(said: &[&[u8]], takes: usize) -> (Client, Wire) {
    let said = said.iter().map(|bytes| bytes.to_vec()).collect();
    (Client::new(Fd(7), 0), Wire { said, takes, ..Wire::default() })
}

fn hear(client: &mut Client, wire: &mut Wire) {
    let mut buffer = vec![0; 1024 * 1024];
    while !wire.said.is_empty() {
        client.receive(wire, &mut buffer);
    }
}

#[test]
fn what_is_no_request_is_answered_and_the_next_one_is_heard() {
    let (mut client, mut wire) =
        client(&[b"nonsense\n{\"do\":\"dance\",\"id\":1}\n{\"do\":", b"\"status\"}\n"], usize::MAX);
    hear(&mut client, &mut wire);
    let asked = client.next_request().expect("the third");
    assert!(matches!(asked.request, Request::Status), "{asked:?}");
    assert!(client.next_request().is_none());
    client.flush(&mut wire);
    let codes: Vec<_> = wire.told.lines().map(|line| line.contains("\"id\":1,")).collect();
    assert_eq!(codes, [false, true], "{}", wire.told);
    assert!(!client.is_over());
}

#[test]
fn a_request_without_end_is_the_end_whether_a_line_feed_comes_or_not() {
    let endless = vec![b'x'; REQUEST_LIMIT + 1];
    let ended = [&endless[..], b"\n{\"do\":\"status\"}\n"].concat();
    for said in [endless, ended] {
        let (mut client, mut wire) = client(&[&said], usize::MAX);
        hear(&mut client, &mut wire);
        assert!(client.next_request().is_none());
        client.flush(&mut wire);
        assert!(wire.told.contains("a request of more than 327680 bytes"), "{}", wire.told);
        assert!(client.is_over() && wire.told.lines().count() == 1);
    }
}

#[test]
fn a_client_that_does_not_read_is_not_read_either() {
    let (mut client, mut wire) = client(&[b"{\"do\":\"status\"}\n{\"do\":\"status\"}\n"], 0);
    hear(&mut client, &mut wire);
    assert!(client.next_request().is_some());
    client.queue(&"x".repeat(OUTPUT_LIMIT));
    client.flush(&mut wire);
    assert_eq!((client.watch(), client.next_request().is_some()), ((false, true), false));
    wire.takes = usize::MAX;
    client.writable();
    client.flush(&mut wire);
    assert_eq!(client.watch(), (true, false));
    assert!(client.next_request().is_some(), "it was kept");
}

#[test]
fn a_client_that_takes_all_its_answers_at_once_has_its_next_request_looked_for() {
    let (mut client, mut wire) = client(&[b"{\"do\":\"status\"}\n{\"do\":\"status\"}\n"], usize::MAX);
    hear(&mut client, &mut wire);
    assert!(client.next_request().is_some());
    client.queue(&"x".repeat(OUTPUT_LIMIT));
    assert!(client.next_request().is_none() && !client.has_caught_up(), "the answer is in the way");
    client.flush(&mut wire);
    assert!(client.has_caught_up(), "and there is nothing to wake for");
    assert!(client.next_request().is_some());
    assert!(client.next_request().is_none() && !client.has_caught_up());
}

#[test]
fn lines_that_a_client_follows_and_does_not_read_are_lost_and_counted() {
    let (mut client, mut wire) = client(&[], 0);
    let line = || format!("{}\n", "x".repeat(1023));
    for _ in 0..2 * OUTPUT_LIMIT / 1024 {
        client.offer(Some(3), line);
    }
    assert_eq!(client.output.len(), OUTPUT_LIMIT);
    wire.takes = usize::MAX;
    client.flush(&mut wire);
    client.offer(Some(3), || "next\n".to_owned());
    client.offer(Some(3), || "last\n".to_owned());
    client.flush(&mut wire);
    let end: Vec<&str> = wire.told.lines().skip(OUTPUT_LIMIT / 1024).collect();
    assert_eq!(end, [r#"{"id":3,"reply":"lost","lines":256}"#, "next", "last"]);
}

#[test]
fn who_has_left_is_over() {
    let (mut client, mut wire) = client(&[b"{\"do\":\"status\"}\n", b""], usize::MAX);
    hear(&mut client, &mut wire);
    assert!(client.is_over() && client.next_request().is_none());
}

#[test]
fn a_client_that_asked_nothing_yet_is_idle_and_one_that_follows_or_waits_is_not() {
    assert!(client(&[], 0).0.is_idle());
    let busy: [fn(&mut Client); 3] = [
        |client| client.events = Some(None),
        |client| client.logs = Some((None, None)),
        |client| client.goals.push((None, Goal::Stopped)),
    ];
    for begin in busy {
        let (mut client, _) = client(&[], 0);
        begin(&mut client);
        assert!(!client.is_idle(), "{client:?}");
    }
}

#[test]
fn what_was_read_is_input_until_it_is_done_with() {
    let (mut client, mut wire) = client(&[b"{\"do\":\"status\"}\n"], 0);
    assert!(!client.has_input());
    hear(&mut client, &mut wire);
    assert!(client.has_input());
    assert!(client.next_request().is_some() && !client.has_input());
}

#[test]
fn what_is_queued_is_output_until_it_is_taken_or_nobody_is_there_to_take_it() {
    let (mut leaving, mut wire) = client(&[b""], 2);
    assert!(!leaving.has_output());
    leaving.queue("one\n");
    leaving.flush(&mut wire);
    assert!(leaving.has_output());
    hear(&mut leaving, &mut wire);
    assert!(!leaving.has_output(), "it has left");
    let (mut reading, mut wire) = client(&[], usize::MAX);
    reading.queue("one\n");
    reading.flush(&mut wire);
    assert!(!reading.has_output());
}

use std::collections::VecDeque;
use std::path::Path;

use super::*;
use crate::kernel::{Peer, Received};

/// A descriptor that answers each write from a list, then takes everything.
#[derive(Default)]
struct Sink {
    answers: VecDeque<Result<usize, Errno>>,
    text: String,
    writes: usize,
    opened: usize,
}

impl Files for Sink {
    fn read(&mut self, _: &Path, _: usize) -> Result<Vec<u8>, Errno> {
        Err(Errno::NOENT)
    }
    fn open_append(&mut self, _path: &Path) -> Result<Fd, Errno> {
        self.opened += 1;
        Ok(Fd(100))
    }

    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        Ok(Fd(number))
    }

    fn write(&mut self, _fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.writes += 1;
        let taken = self.answers.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.text.push_str(std::str::from_utf8(&bytes[..taken]).expect("ASCII"));
        Ok(taken)
    }
}

impl Streams for Sink {
    fn receive(&mut self, _fd: Fd, _buffer: &mut [u8]) -> Result<Received, Errno> {
        Err(Errno::BADF)
    }
    fn send(&mut self, _fd: Fd, _bytes: &[u8]) -> Result<usize, Errno> {
        Err(Errno::BADF)
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

fn sink(answers: &[Result<usize, Errno>]) -> (Outlet, Sink) {
    (Outlet::new(Fd(7), None), Sink { answers: answers.iter().copied().collect(), ..Sink::default() })
}

#[test]
fn parts_and_interruptions_lose_nothing() {
    let (mut outlet, mut sink) = sink(&[Ok(3), Err(Errno::INTR), Ok(1)]);
    outlet.push("one\n");
    outlet.push("two\n");
    outlet.flush(&mut sink);
    assert_eq!(sink.text, "one\ntwo\n");
    assert_eq!((outlet.watch(), outlet.take_lost()), (None, None));
}

#[test]
fn what_does_not_fit_is_watched_and_asked_for_only_when_there_is_room() {
    let (mut outlet, mut sink) = sink(&[Ok(2), Err(Errno::AGAIN)]);
    outlet.push("one\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.watch(), Some(Fd(7)));
    outlet.push("two\n");
    outlet.flush(&mut sink);
    assert_eq!(sink.writes, 2, "not tried in between");
    outlet.writable(Fd(8));
    assert_eq!(outlet.watch(), Some(Fd(7)), "another descriptor's news");
    outlet.writable(Fd(7));
    outlet.flush(&mut sink);
    assert_eq!(sink.text, "one\ntwo\n");
    assert_eq!(outlet.watch(), None);
}

#[test]
fn beyond_the_limit_whole_lines_are_lost_and_counted() {
    let (mut outlet, mut sink) = sink(&[Ok(5), Err(Errno::AGAIN)]);
    let line = format!("{}\n", "x".repeat(1023));
    for _ in 0..BACKLOG_LIMIT / 1024 {
        outlet.push(&line);
    }
    outlet.flush(&mut sink);
    outlet.push("y\ny\n");
    outlet.push(&line);
    assert_eq!(outlet.take_lost(), None, "no room to say so yet");
    outlet.writable(Fd(7));
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(1), "the short ones found room in the five bytes that had left");
    assert_eq!(outlet.take_lost(), None, "said once");
    assert_eq!(sink.text.lines().filter(|line| line.len() == 1023).count(), BACKLOG_LIMIT / 1024);
}

#[test]
fn a_reader_that_never_catches_up_costs_no_more_memory_than_the_limit() {
    let (mut outlet, mut sink) = sink(&[]);
    let line = format!("{}\n", "x".repeat(1023));
    outlet.push(&line);
    for _ in 0..20_000 {
        outlet.push(&line);
        sink.answers.extend([Ok(1000), Err(Errno::AGAIN)]);
        outlet.writable(Fd(7));
        outlet.flush(&mut sink);
    }
    assert!(outlet.waits());
    assert!(outlet.backlog.capacity() <= 4 * BACKLOG_LIMIT, "{} bytes", outlet.backlog.capacity());
}

#[test]
fn an_error_costs_what_waits_and_the_next_line_starts_afresh() {
    let (mut outlet, mut sink) = sink(&[Ok(2), Err(Errno::NOSPC)]);
    outlet.push("one\ntwo\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.watch(), None, "an error is not waited for");
    assert_eq!(outlet.take_lost(), Some(2));
    outlet.push("three\n");
    outlet.flush(&mut sink);
    assert_eq!(sink.text, "on\nthree\n");
}

#[test]
fn a_notice_that_is_lost_is_no_line_and_what_it_told_of_is_told_again() {
    let full = Err(Errno::NOSPC);
    let (mut outlet, mut sink) = sink(&[full, Ok(3), full, full]);
    outlet.push("one\ntwo\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(2));
    outlet.push("2 lost\nthree\nfour\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(4), "the notice was torn");
    outlet.push("4 lost\n");
    outlet.push("five\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(5));
    outlet.push("5 lost\nsix\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), None);
    assert_eq!(sink.text, "2 l\n5 lost\nsix\n");
}

#[test]
fn a_notice_that_left_is_not_told_again() {
    let (mut outlet, mut sink) = sink(&[Err(Errno::NOSPC), Ok(7), Err(Errno::NOSPC)]);
    outlet.push("one\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(1));
    outlet.push("1 lost\ntwo\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(1), "of the second line alone");
}

#[test]
fn only_files_are_opened_again() {
    let (mut outlet, mut sink) = sink(&[]);
    outlet.reopen(&mut sink).expect("nothing to do");
    assert_eq!(sink.opened, 0);
    let mut file = Outlet::new(Fd(7), Some("events".into()));
    file.reopen(&mut sink).expect("opened");
    assert_eq!((sink.opened, file.fd), (1, Fd(100)));
}

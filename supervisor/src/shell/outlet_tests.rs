use std::collections::VecDeque;
use std::path::Path;

use proptest::prelude::*;

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

#[test]
fn as_much_waits_as_the_limit_says_and_losses_are_told_when_half_of_it_is_free() {
    let (mut outlet, mut sink) = sink(&[Ok(5), Err(Errno::AGAIN)]);
    outlet.push("x".repeat(5));
    assert_eq!(outlet.watch(), None, "it was not tried yet");
    outlet.push(format!("{}\n", "x".repeat(1024 * 1024 - 6)));
    outlet.flush(&mut sink);
    outlet.push("12345");
    outlet.push("\n");
    assert_eq!(sink.text, "xxxxx", "all but the last one fitted");
    sink.answers = [Ok(512 * 1024 - 1), Err(Errno::AGAIN)].into();
    outlet.writable(Fd(7));
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), None);
    sink.answers = [Ok(1), Err(Errno::AGAIN)].into();
    outlet.writable(Fd(7));
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(1));
}

#[test]
fn a_notice_that_finds_no_room_is_not_forgotten() {
    let (mut outlet, mut sink) = sink(&[Err(Errno::NOSPC)]);
    outlet.push("one\ntwo\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(2));
    outlet.push(format!("2 lost\n{}\n", "x".repeat(BACKLOG_LIMIT)));
    assert_eq!(outlet.take_lost(), Some(3));
}

#[test]
fn a_notice_behind_half_a_line_is_gone_when_it_has_left() {
    let (mut outlet, mut sink) = sink(&[Ok(2), Err(Errno::AGAIN)]);
    outlet.push("line\n");
    outlet.flush(&mut sink);
    for _ in 0..2 {
        outlet.push(format!("{}\n", "x".repeat(BACKLOG_LIMIT)));
    }
    assert_eq!(outlet.take_lost(), Some(2));
    outlet.push("2 lost\n");
    outlet.push("three\n");
    sink.answers = [Ok("ne\n2 lost\n".len()), Err(Errno::NOSPC)].into();
    outlet.writable(Fd(7));
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(1), "the third line alone");
}

#[derive(Clone, Copy, Debug)]
enum Do {
    /// A line of so many bytes, after what is to be said of lost ones.
    Push(usize),
    /// So many bytes are taken, then no more for now.
    Take(usize),
    /// So many bytes are taken, then writing fails.
    Fail(usize),
}

fn doing() -> impl Strategy<Value = Do> {
    let some = || prop_oneof![3 => 0..40usize, 1 => 0..700_000usize];
    prop_oneof![4 => some().prop_map(Do::Push), 2 => some().prop_map(Do::Take), 1 => some().prop_map(Do::Fail)]
}

/// How many lines have arrived, themselves or among the lost ones that a line tells of; what is torn is neither.
fn arrived(text: &str) -> u64 {
    let of = |line: &str| match line.strip_suffix(" lost") {
        Some(lost) => lost.parse().expect("a number"),
        None => u64::from(line.ends_with('.')),
    };
    text.lines().map(of).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Whatever is taken and whatever fails, each line has arrived or is counted among the lost ones, once.
    #[test]
    fn every_line_arrives_or_is_counted(steps in prop::collection::vec(doing(), 0..30)) {
        let (mut outlet, mut sink) = sink(&[]);
        let mut pushed = 0;
        for step in steps {
            let (taken, then) = match step {
                Do::Push(length) => {
                    let notice = outlet.take_lost().map_or_else(String::new, |lost| format!("{lost} lost\n"));
                    outlet.push(format!("{notice}{}.\n", "x".repeat(length)));
                    pushed += 1;
                    continue;
                }
                Do::Take(taken) => (taken, Errno::AGAIN),
                Do::Fail(taken) => (taken, Errno::NOSPC),
            };
            sink.answers = [Ok(taken), Err(then)].into();
            outlet.writable(Fd(7));
            outlet.flush(&mut sink);
            if then == Errno::NOSPC && sink.answers.is_empty() && !sink.text.ends_with('\n') {
                // It may be torn before its line end alone: that one is lost, too.
                sink.text.push('!');
            }
        }
        sink.answers.clear();
        outlet.writable(Fd(7));
        outlet.flush(&mut sink);
        prop_assert!(!outlet.waits());
        prop_assert_eq!(arrived(&sink.text) + outlet.take_lost().unwrap_or(0), pushed);
    }
}

#[test]
fn a_line_that_tells_of_lost_ones_has_told_when_its_end_has_left() {
    let told = "3 lines were lost\n";
    let (mut outlet, mut sink) = sink(&[Err(Errno::NOSPC), Ok(told.len() - 1), Err(Errno::NOSPC)]);
    outlet.push("one\ntwo\nthree\n");
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(3));
    outlet.push(told);
    outlet.flush(&mut sink);
    assert_eq!(outlet.take_lost(), Some(3), "nobody has read that whole line");
}

//! What workers wrote lately: a bounded piece of the past for each place of a pool.

use std::collections::{BTreeMap, VecDeque};

use crate::control::Stream;
use crate::core::WorkerId;

/// How many lines of a place are kept.
pub const KEPT_LINES: usize = 200;

/// How many bytes of a place are kept.
pub const KEPT_BYTES: usize = 64 * 1024;

/// One line, or a piece of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its place among all lines of all workers.
    pub place: u64,
    /// Who wrote it.
    pub worker: WorkerId,
    /// Where.
    pub stream: Stream,
    /// What; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// Whether the line goes on in the next piece.
    pub more: bool,
}

/// The lines of one place.
#[derive(Debug, Default)]
struct Past {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl Past {
    fn add(&mut self, line: LogLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > KEPT_LINES || self.bytes > KEPT_BYTES {
            let oldest = self.lines.pop_front();
            self.bytes -= oldest.map_or(0, |line| line.text.len());
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Logs {
    places: BTreeMap<(u16, u32), Past>,
    count: u64,
    /// What came since it was taken last, while somebody follows.
    fresh: Option<Vec<LogLine>>,
}

impl Logs {
    /// A worker wrote something.
    pub fn add(&mut self, worker: WorkerId, stream: Stream, text: &[u8], more: bool) {
        self.count += 1;
        let text = String::from_utf8_lossy(text).into_owned();
        let line = LogLine { place: self.count, worker, stream, text, more };
        if let Some(fresh) = &mut self.fresh {
            fresh.push(line.clone());
        }
        self.places.entry((worker.pool, worker.slot)).or_default().add(line);
    }

    /// Whether somebody wants to hear of each line from now on.
    pub fn follow(&mut self, followed: bool) {
        match (followed, &self.fresh) {
            (true, None) => self.fresh = Some(Vec::new()),
            (false, Some(_)) => self.fresh = None,
            _ => {}
        }
    }

    /// What came since this was called last.
    pub fn take_fresh(&mut self) -> Vec<LogLine> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The last lines, at most so many of each place, of those workers that are `wanted`, in the order in which they came.
    pub fn last(&self, lines: usize, wanted: impl Fn(WorkerId) -> bool) -> Vec<&LogLine> {
        let mut found: Vec<&LogLine> = Vec::new();
        for past in self.places.values() {
            found.extend(past.lines.iter().rev().filter(|line| wanted(line.worker)).take(lines));
        }
        found.sort_by_key(|line| line.place);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(slot: u32, generation: u32) -> WorkerId {
        WorkerId { pool: 0, slot, generation }
    }

    fn texts(lines: Vec<&LogLine>) -> Vec<&str> {
        lines.into_iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn the_past_of_each_place_is_bounded_and_in_order() {
        let mut logs = Logs::default();
        logs.add(worker(1, 1), Stream::Stdout, b"quiet", false);
        for number in 0..3 * KEPT_LINES {
            logs.add(worker(0, 1), Stream::Stdout, number.to_string().as_bytes(), false);
        }
        logs.add(worker(1, 2), Stream::Stderr, b"again \xff", false);
        let all = logs.last(usize::MAX, |_| true);
        assert_eq!(all.len(), KEPT_LINES + 2);
        assert_eq!(
            (all[0].text.as_str(), all[1].text.as_str()),
            ("quiet", "400"),
            "one place doesn't push out another"
        );
        assert_eq!(texts(logs.last(1, |_| true)), ["599", "again \u{fffd}"]);
        assert_eq!(texts(logs.last(9, |id| id == worker(1, 1))), ["quiet"]);
    }

    #[test]
    fn long_lines_push_out_more_than_one() {
        let mut logs = Logs::default();
        for _ in 0..KEPT_LINES {
            logs.add(worker(0, 1), Stream::Stdout, &[b'x'; KEPT_BYTES / 4], false);
        }
        assert_eq!(logs.last(usize::MAX, |_| true).len(), 4);
    }

    #[test]
    fn the_page_says_how_much_is_kept() {
        let page = include_str!("../../../docs/operating.md");
        let row = format!("| lines kept of each slot | {KEPT_LINES}, {} KiB |", KEPT_BYTES / 1024);
        assert!(page.contains(&row), "it has no {row:?}");
    }

    #[test]
    fn what_is_fresh_is_kept_only_while_somebody_follows() {
        let mut logs = Logs::default();
        logs.add(worker(0, 1), Stream::Stdout, b"before", false);
        logs.follow(true);
        logs.add(worker(0, 1), Stream::Stdout, b"one", false);
        logs.follow(true);
        assert_eq!(texts(logs.take_fresh().iter().collect()), ["one"]);
        assert!(logs.take_fresh().is_empty());
        logs.add(worker(0, 1), Stream::Stdout, b"two", false);
        logs.follow(false);
        assert!(logs.take_fresh().is_empty());
    }
}

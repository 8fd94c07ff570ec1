//! What comes out of a subject: whose lines they are, which are whole, and what it says of those that are not there.

use std::collections::BTreeMap;

use crate::history::{Output, Proc, Sink};
use crate::puppet::{Read, read};
use crate::scenario::Stream;

/// A longer line than any puppet writes is not kept as a whole.
const LONGEST: usize = 16 * 1024;

/// No more damaged lines than this are told: they are enough to fail.
const SHOWN: usize = 20;

/// Where lines came out, whose they are, and what stood before them.
type Origin = (Sink, Proc, Stream, String);

/// Everything that has come out so far.
#[derive(Clone, Debug, Default)]
pub struct Sinks {
    /// Before and after the number in the line that tells of lost lines.
    lost: Option<(String, String)>,
    found: BTreeMap<Origin, Vec<(u64, u64)>>,
    damaged: Vec<(Sink, String)>,
    told_lost: BTreeMap<Sink, u64>,
    /// What has come of a line whose end has not.
    rest: BTreeMap<Sink, Vec<u8>>,
}

impl Sinks {
    /// Nothing yet. `lost`: the line that tells of lost lines, with `{lines}` in the place of their number.
    pub fn new(lost: Option<&str>) -> Self {
        let lost = lost.and_then(|lost| lost.split_once("{lines}"));
        Self { lost: lost.map(|(before, after)| (before.to_owned(), after.to_owned())), ..Self::default() }
    }

    /// More has come out.
    pub fn take(&mut self, sink: Sink, bytes: &[u8]) {
        let mut rest = self.rest.remove(&sink).unwrap_or_default();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            rest.extend_from_slice(part);
            if rest.pop_if(|byte| *byte == b'\n').is_some() || rest.len() > LONGEST {
                self.line(sink, &String::from_utf8_lossy(&rest));
                rest.clear();
            }
        }
        self.rest.insert(sink, rest);
    }

    /// The file that was read is over; its last line needs no end.
    pub fn end(&mut self, sink: Sink) {
        if let Some(rest) = self.rest.remove(&sink).filter(|rest| !rest.is_empty()) {
            self.line(sink, &String::from_utf8_lossy(&rest));
        }
    }

    /// Nothing will come any more, as its reader goes: the line of which a part has come is not one that was cut.
    pub fn cut(&mut self, sink: Sink) {
        self.rest.remove(&sink);
    }

    /// What has come out at the log file is in one that was moved away from now on.
    pub fn move_away(&mut self) {
        let (moved, stays) =
            std::mem::take(&mut self.found).into_iter().partition(|((sink, ..), _)| *sink == Sink::File);
        self.found = stays;
        let moved: BTreeMap<Origin, Vec<(u64, u64)>> = moved;
        for ((_, proc, stream, label), lines) in moved {
            let there = self.found.entry((Sink::Moved, proc, stream, label)).or_default();
            lines.into_iter().for_each(|pair| append(there, pair));
        }
        let told = self.told_lost.remove(&Sink::File).unwrap_or(0);
        *self.told_lost.entry(Sink::Moved).or_default() += told;
        self.end(Sink::Moved);
        if let Some(rest) = self.rest.remove(&Sink::File) {
            self.rest.insert(Sink::Moved, rest);
        }
    }

    fn line(&mut self, sink: Sink, line: &str) {
        match read(line) {
            Read::Line { label, proc, stream, number } => {
                let lines = self.found.entry((sink, proc, stream, label.to_owned())).or_default();
                append(lines, (number, number));
            }
            Read::Damaged if self.damaged.len() < SHOWN => self.damaged.push((sink, line.to_owned())),
            Read::Damaged => {}
            Read::Other => *self.told_lost.entry(sink).or_default() += self.lost_lines(line).unwrap_or(0),
        }
    }

    fn lost_lines(&self, line: &str) -> Option<u64> {
        let (before, after) = self.lost.as_ref()?;
        line.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?.parse().ok()
    }

    /// All that came out, for the history.
    pub fn tell(mut self) -> Vec<Output> {
        for sink in [Sink::Stdout, Sink::Stderr, Sink::Moved, Sink::File] {
            self.end(sink);
        }
        let found = self.found.into_iter();
        let mut told: Vec<Output> = found
            .map(|((sink, proc, stream, label), lines)| Output::CameOut { sink, proc, stream, label, lines })
            .collect();
        told.extend(self.damaged.into_iter().map(|(sink, line)| Output::Damaged { sink, line }));
        let lost = self.told_lost.into_iter().filter(|(_, lines)| *lines > 0);
        told.extend(lost.map(|(sink, lines)| Output::ToldLost { sink, lines }));
        told
    }
}

/// More numbers, after those that are there.
fn append(lines: &mut Vec<(u64, u64)>, (first, end): (u64, u64)) {
    match lines.last_mut() {
        Some((_, last)) if last.checked_add(1) == Some(first) => *last = end,
        _ => lines.push((first, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::puppet::Lines;

    #[test]
    fn what_came_out_is_told_by_worker() {
        let mut sinks = Sinks::new(Some("supervisor: {lines} lines were lost here"));
        let proc = Proc { pid: 7, start: 8 };
        let mut lines = Lines::new(proc);
        let first = lines.next(Stream::Stdout, 1);
        let lost = lines.next(Stream::Stdout, 1);
        let third = lines.next(Stream::Stdout, 1);
        let mut text = [first.bytes.as_slice(), b"supervisor: 1 lines were lost here\n", &third.bytes].concat();
        text.extend(&lost.bytes[..20]);
        for byte in &text {
            sinks.take(Sink::Stdout, &[*byte]);
        }
        let told = sinks.tell();
        let expected = Output::CameOut {
            sink: Sink::Stdout,
            proc,
            stream: Stream::Stdout,
            label: String::new(),
            lines: vec![(1, 1), (3, 3)],
        };
        assert_eq!(told[0], expected);
        assert!(matches!(&told[1], Output::Damaged { line, .. } if line.starts_with("~[7.8")));
        assert_eq!(told[2..], [Output::ToldLost { sink: Sink::Stdout, lines: 1 }]);
    }
}

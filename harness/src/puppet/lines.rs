//! What a puppet writes: lines with a number, which show whether they are whole and whose they are.
//!
//! `~[1234.567890 out 17 80 ~~~~~~]`: process, stream, number of the line, its length, and as many `~` as that takes.

use crate::history::Proc;
use crate::scenario::Stream;

/// A write of at most so many bytes into a pipe is not mixed with others (PIPE_BUF, pipe(7)).
const MOST: usize = 4096;

/// The lines that one puppet has written.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    proc: Proc,
    written: [u64; 2],
}

/// Whole lines, as many as one write takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What is to be written.
    pub bytes: Vec<u8>,
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line.
    pub last: u64,
}

impl Lines {
    /// None yet.
    pub fn new(proc: Proc) -> Self {
        Self { proc, written: [0; 2] }
    }

    /// The next lines for a stream: about `bytes`, at least one line, at most what one write takes.
    pub fn next(&mut self, stream: Stream, bytes: u64) -> Chunk {
        let most = usize::try_from(bytes).unwrap_or(MOST).min(MOST);
        let written = &mut self.written[stream.index()];
        let first = *written + 1;
        let mut chunk = Chunk { bytes: Vec::with_capacity(most), first, last: first };
        loop {
            let line = line(self.proc, stream, *written + 1);
            if !chunk.bytes.is_empty() && chunk.bytes.len() + line.len() > most {
                return chunk;
            }
            *written += 1;
            chunk.last = *written;
            chunk.bytes.extend(line);
        }
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "out",
        Stream::Stderr => "err",
    }
}

/// Lines are of many lengths, and some are long.
fn length(number: u64) -> usize {
    let mixed = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize;
    if mixed.is_multiple_of(64) { 1_000 + mixed % 1_000 } else { 64 + mixed % 100 }
}

fn line(proc: Proc, stream: Stream, number: u64) -> Vec<u8> {
    let length = length(number);
    let mut line = format!("~[{}.{} {} {number} {length} ", proc.pid, proc.start, name(stream)).into_bytes();
    let end = length.max(line.len() + 2);
    line.resize(end - 1, b'~');
    line.extend(b"]\n");
    line
}

/// What a line that came out is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// One of a puppet's, whole.
    Line {
        /// What stands before it.
        label: &'a str,
        /// Whose it is.
        proc: Proc,
        /// Where it was written to.
        stream: Stream,
        /// Its number.
        number: u64,
    },
    /// A puppet wrote some of it.
    Damaged,
    /// No puppet wrote any of it.
    Other,
}

/// Reads a line, without its end.
pub fn read(line: &str) -> Read<'_> {
    if !line.contains('~') {
        return Read::Other;
    }
    whole(line).unwrap_or(Read::Damaged)
}

fn whole(line: &str) -> Option<Read<'_>> {
    let (label, own) = line.split_once("~[")?;
    let mut words = own.strip_suffix(']')?.split(' ');
    let (pid, start) = words.next()?.split_once('.')?;
    let proc = Proc { pid: pid.parse().ok()?, start: start.parse().ok()? };
    let stream =
        [Stream::Stdout, Stream::Stderr].into_iter().find(|stream| words.clone().next() == Some(name(*stream)))?;
    let number = words.nth(1)?.parse().ok()?;
    // What was written is known, to the last byte.
    let expected = self::line(proc, stream, number);
    let is = expected.strip_suffix(b"\n") == Some(&line.as_bytes()[label.len()..]);
    is.then_some(Read::Line { label, proc, stream, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Proc = Proc { pid: 12, start: 34_567 };

    #[test]
    fn what_is_written_is_read_back() {
        let mut lines = Lines::new(ME);
        let mut numbers = Vec::new();
        let mut bytes = 0;
        while bytes < 100_000 {
            let chunk = lines.next(Stream::Stderr, 100_000 - bytes);
            assert!(chunk.bytes.len() <= MOST);
            bytes += chunk.bytes.len() as u64;
            let text = String::from_utf8(chunk.bytes).expect("ASCII");
            for line in text.lines() {
                let labelled = format!("main/0.1 | {line}");
                match read(&labelled) {
                    Read::Line { label, proc, stream, number } => {
                        assert_eq!((label, proc, stream), ("main/0.1 | ", ME, Stream::Stderr));
                        numbers.push(number);
                    }
                    other => panic!("{other:?}: {line}"),
                }
            }
            assert_eq!(numbers.last(), Some(&chunk.last));
        }
        let all: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, all);
        assert_eq!(lines.next(Stream::Stdout, 1).first, 1, "each stream has its own numbers");
    }

    #[test]
    fn what_is_cut_or_mixed_is_damaged() {
        let text = String::from_utf8(line(ME, Stream::Stdout, 7)).expect("ASCII");
        let text = text.trim_end();
        for cut in 1..text.len() - 1 {
            assert_eq!(read(&text[cut..]), Read::Damaged, "without its first {cut} bytes");
            assert_eq!(read(&text[..text.len() - cut]), Read::Damaged, "without its last {cut} bytes");
        }
        assert_eq!(read(&format!("{text}{text}")), Read::Damaged);
        assert_eq!(read(&format!("{}{text}", &text[..20])), Read::Damaged);
        assert_eq!(read(&format!("{text} and more")), Read::Damaged);
        assert_eq!(read("supervisor: worker 0.1 is ready"), Read::Other);
    }
}

//! Framing: a stream of bytes cut into lines that end with LF.

/// A longer line is the end of the channel: its writer is broken, and its bytes would fill our memory. Programs do send big
/// objects: Node itself has no limit.
pub const LINE_LIMIT: usize = 16 * 1024 * 1024;

/// So much room is kept for the next bytes; what a longer line took is given back.
const ROOM_KEPT: usize = 64 * 1024;

/// Keeps what has arrived of a line that is not complete.
#[derive(Clone, Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Start of the first line that was not handed out.
    start: usize,
    /// No LF before this place, so that a long line in many pieces is searched once and not once per piece.
    searched: usize,
    /// How many bytes came before those that are kept.
    forgotten: u64,
}

/// What [`LineBuffer::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line, without its LF.
    Whole(&'a [u8]),
    /// The line grew beyond [`LINE_LIMIT`]; there is no way back into step.
    TooLong,
    /// Nothing more until more bytes come.
    Incomplete,
}

impl LineBuffer {
    /// Takes bytes as they came. What was handed out is forgotten here.
    pub fn push(&mut self, bytes: &[u8]) {
        self.forget();
        let (kept, wanted) = (self.bytes.len(), self.bytes.len() + bytes.len());
        if kept > ROOM_KEPT && wanted > self.bytes.capacity() {
            // Room for the longest line at once: a buffer that grows is copied now and then, and both copies take memory, but
            // room that nobody has written to takes none. Where even that is refused it grows as it must.
            _ = self.bytes.try_reserve_exact((LINE_LIMIT + ROOM_KEPT).max(wanted) - kept);
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn forget(&mut self) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.forgotten += self.start as u64;
            self.start = 0;
            self.bytes.shrink_to(ROOM_KEPT);
        }
    }

    /// The next line.
    #[allow(clippy::should_implement_trait, reason = "lends from itself, which Iterator can't")]
    pub fn next(&mut self) -> Line<'_> {
        let found = self.bytes[self.searched..].iter().position(|&byte| byte == b'\n');
        let end = found.map_or(self.bytes.len(), |offset| self.searched + offset);
        if end - self.start > LINE_LIMIT {
            return Line::TooLong;
        }
        if found.is_none() {
            self.searched = end;
            if self.bytes.capacity() > ROOM_KEPT {
                self.forget();
            }
            return Line::Incomplete;
        }
        let line = &self.bytes[self.start..end];
        self.start = end + 1;
        self.searched = end + 1;
        Line::Whole(line)
    }

    /// Where in the stream the first line begins that was not handed out.
    pub fn position(&self) -> u64 {
        self.forgotten + self.start as u64
    }

    /// How many bytes of an incomplete line are kept.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `pieces` and collects the lines.
    fn lines(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, usize) {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for piece in pieces {
            buffer.push(piece);
            while let Line::Whole(line) = buffer.next() {
                lines.push(line.to_vec());
            }
        }
        (lines, buffer.pending())
    }

    #[test]
    fn empty_lines_are_lines_and_a_half_line_is_none() {
        let (lines, pending) = lines(&[b"a\n\nb", b"c\nd"]);
        assert_eq!(lines, [&b"a"[..], b"", b"bc"]);
        assert_eq!(pending, 1);
    }

    #[test]
    fn a_long_line_is_never_copied_as_it_grows() {
        let mut buffer = LineBuffer::default();
        let piece = [b'x'; 50_000];
        // By then it is a long one.
        (0..3).for_each(|_| buffer.push(&piece));
        let (place, room) = (buffer.bytes.as_ptr(), buffer.bytes.capacity());
        while buffer.next() == Line::Incomplete {
            buffer.push(&piece);
        }
        assert_eq!((buffer.bytes.as_ptr(), buffer.bytes.capacity()), (place, room));
        assert!(buffer.pending() > LINE_LIMIT && room < LINE_LIMIT + LINE_LIMIT / 8);
    }

    #[test]
    fn it_knows_where_in_the_stream_a_line_begins() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"ab\n\nc");
        let mut begins = vec![buffer.position()];
        while let Line::Whole(_) = buffer.next() {
            begins.push(buffer.position());
        }
        buffer.push(b"d\ne");
        assert_eq!(buffer.next(), Line::Whole(b"cd"));
        begins.push(buffer.position());
        assert_eq!(begins, [0, 3, 4, 7]);
    }

    #[test]
    fn what_a_long_line_took_is_given_back() {
        let mut buffer = LineBuffer::default();
        let mut long = vec![b'x'; 2 * 1024 * 1024];
        long.extend_from_slice(b"\nabc");
        buffer.push(&long);
        assert!(matches!(buffer.next(), Line::Whole(line) if line.len() == 2 * 1024 * 1024));
        let begin = buffer.position();
        assert_eq!(buffer.next(), Line::Incomplete);
        assert!(buffer.bytes.capacity() <= ROOM_KEPT, "{}", buffer.bytes.capacity());
        assert_eq!((buffer.position(), buffer.pending()), (begin, 3));
        buffer.push(b"d\n");
        assert_eq!(buffer.next(), Line::Whole(b"abcd"));
    }

    #[test]
    fn the_limit_counts_the_line_and_not_the_buffer() {
        let mut buffer = LineBuffer::default();
        let mut longest = vec![b'x'; LINE_LIMIT];
        longest.push(b'\n');
        buffer.push(&longest);
        buffer.push(&longest);
        assert_eq!(buffer.next(), Line::Whole(&longest[..LINE_LIMIT]));
        assert_eq!(buffer.next(), Line::Whole(&longest[..LINE_LIMIT]));
        assert_eq!(buffer.next(), Line::Incomplete);
        buffer.push(&longest[..LINE_LIMIT]);
        assert_eq!(buffer.next(), Line::Incomplete);
        buffer.push(b"x");
        assert_eq!(buffer.next(), Line::TooLong);
        buffer.push(b"\n");
        assert_eq!(buffer.next(), Line::TooLong, "stays broken");
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_lines_of_the_whole(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(0usize..400, 0..20),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let (found, pending) = lines(&pieces);
            let mut expected: Vec<Vec<u8>> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let rest = expected.pop().unwrap_or_default();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(pending, rest.len());
        }
    }
}

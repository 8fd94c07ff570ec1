//! What a worker writes, cut into lines. It may write anything: no line end at all, or no UTF-8.

/// A longer line is cut into pieces of this size.
pub const PIECE: usize = 8 * 1024;

/// Keeps the beginning of a line that has not ended yet.
#[derive(Debug, Default)]
pub struct Cutter {
    kept: Vec<u8>,
}

impl Cutter {
    /// Takes bytes as they came, and gives each line without its LF to `each`, with whether the line goes on after this
    /// piece.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8], bool)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            self.keep(&bytes[..end], &mut each);
            each(&self.kept, false);
            self.kept.clear();
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes, &mut each);
    }

    /// Nothing more comes: the line that has not ended is given as it is.
    pub fn finish(&mut self, mut each: impl FnMut(&[u8], bool)) {
        if !self.kept.is_empty() {
            each(&self.kept, false);
            self.kept = Vec::new();
        }
    }

    /// Keeps a part of a line, never more than a piece.
    fn keep(&mut self, mut part: &[u8], each: &mut impl FnMut(&[u8], bool)) {
        while self.kept.len() + part.len() > PIECE {
            let (now, later) = part.split_at(PIECE - self.kept.len());
            self.kept.extend_from_slice(now);
            let end = whole_characters(&self.kept);
            each(&self.kept[..end], true);
            self.kept.drain(..end);
            part = later;
        }
        self.kept.extend_from_slice(part);
    }
}

/// Where to cut so that no character of UTF-8 is torn; the end, if that is what these bytes are not.
fn whole_characters(bytes: &[u8]) -> usize {
    let begins = |at: &usize| bytes[*at] & 0b1100_0000 != 0b1000_0000;
    let Some(last) = (bytes.len().saturating_sub(4)..bytes.len()).rev().find(begins) else { return bytes.len() };
    match std::str::from_utf8(&bytes[last..]) {
        Err(error) if error.error_len().is_none() => last,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut cutter = Cutter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            cutter.push(piece, |line, more| lines.push((line.to_vec(), more)));
        }
        cutter.finish(|line, more| lines.push((line.to_vec(), more)));
        lines
    }

    #[test]
    fn the_last_line_needs_no_end() {
        let lines = cut(&[b"a\n\nb", b"c\nd"]);
        let texts: Vec<_> = lines.iter().map(|(line, _)| line.as_slice()).collect();
        assert_eq!(texts, [&b"a"[..], b"", b"bc", b"d"]);
    }

    #[test]
    fn a_piece_ends_between_characters() {
        let text = "ä".repeat(PIECE);
        let lines = cut(&[b"x", text.as_bytes()]);
        assert!(lines.iter().all(|(line, _)| line.len() <= PIECE && std::str::from_utf8(line).is_ok()));
        let more: Vec<bool> = lines.iter().map(|&(_, more)| more).collect();
        assert_eq!(more, [true, true, false]);
    }

    #[test]
    fn wherever_a_piece_ends_characters_of_any_length_stay_whole() {
        for character in ["ä", "€", "😀"] {
            for before in 0..character.len() {
                let text = "x".repeat(before) + &character.repeat(PIECE);
                let lines = cut(&[text.as_bytes()]);
                let whole = |line: &[u8]| std::str::from_utf8(line).is_ok() && line.len() <= PIECE;
                assert!(lines.iter().all(|(line, _)| whole(line)), "{character} after {before}");
            }
        }
    }

    #[test]
    fn the_page_says_where_a_line_is_cut() {
        let page = include_str!("../../../docs/operating.md");
        let sentence = format!("line longer than {} KiB is cut", PIECE / 1024);
        assert!(page.contains(&sentence), "it does not say {sentence:?}");
    }

    #[test]
    fn a_line_that_just_fits_is_one_line() {
        let line = [&[b'x'; PIECE][..], b"\n"].concat();
        assert_eq!(cut(&[&line]), [(line[..PIECE].to_vec(), false)]);
    }

    #[test]
    fn what_is_no_text_is_cut_at_the_size() {
        let sizes: Vec<_> = cut(&[&[0xff; 2 * PIECE]]).into_iter().map(|(line, more)| (line.len(), more)).collect();
        assert_eq!(sizes, [(PIECE, true), (PIECE, false)]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_long(
            bytes in proptest::collection::vec(prop_oneof![1 => Just(b'\n'), 200 => any::<u8>()], 0..3 * PIECE),
            cuts in proptest::collection::vec(0..3 * PIECE, 0..9),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let mut whole = Vec::new();
            for (line, more) in cut(&pieces) {
                prop_assert!(line.len() <= PIECE);
                whole.extend_from_slice(&line);
                if !more {
                    whole.push(b'\n');
                }
            }
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                whole.pop();
            }
            prop_assert_eq!(whole, bytes);
        }
    }
}

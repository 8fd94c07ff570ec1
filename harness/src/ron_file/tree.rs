//! The bare structure of a RON file with the place of every value: serde tells no places of what it has read, and
//! whoever validates wants to point at them.

use std::ops::Range;

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seg {
    /// A field of a struct, or a key of a map.
    Field(String),
    /// An element of a list, or of what is between a variant's parentheses.
    Index(usize),
}

/// From the whole to a part.
pub type Path = Vec<Seg>;

/// A value and its place in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it is, parentheses included.
    pub place: Range<usize>,
    /// Its parts.
    pub parts: Vec<(Seg, Node)>,
    /// Where its name is, if it is a field.
    pub key: Option<Range<usize>>,
    /// Whether it is written `Some(…)`.
    some: bool,
}

/// Deeper files are refused by the RON reader as well.
const MAX_DEPTH: usize = 128;

/// The structure of a file; `None` if it is not well-formed RON (which the RON reader then says better).
pub fn tree(text: &str) -> Option<Node> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.attributes();
    let node = reader.value()?;
    reader.blank();
    (reader.at == text.len()).then_some(node)
}

impl Node {
    /// The part at the end of a path, or the deepest that is there on the way to it.
    pub fn nearest(&self, path: &[Seg]) -> &Self {
        let mut node = self;
        for seg in path {
            while let (true, [(_, inner)]) = (node.some, node.parts.as_slice()) {
                node = inner;
            }
            match node.part(seg) {
                Some(part) => node = part,
                None => return node,
            }
        }
        node
    }

    /// A part by name or number.
    pub fn part(&self, seg: &Seg) -> Option<&Self> {
        self.parts.iter().find(|(known, _)| known == seg).map(|(_, node)| node)
    }

    /// The smallest value around a byte.
    pub fn around(&self, byte: usize) -> Option<&Self> {
        if !self.place.contains(&byte) {
            return None;
        }
        Some(self.parts.iter().find_map(|(_, part)| part.around(byte)).unwrap_or(self))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn eat(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    /// Skips white space and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.rest().starts_with("//") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.eat("/*") {
                self.comment();
            } else {
                return;
            }
        }
    }

    fn comment(&mut self) {
        let mut open = 1;
        while open > 0 && self.at < self.text.len() {
            if self.eat("/*") {
                open += 1;
            } else if self.eat("*/") {
                open -= 1;
            } else {
                self.at += self.rest().chars().next().map_or(1, char::len_utf8);
            }
        }
    }

    fn attributes(&mut self) {
        self.blank();
        while self.eat("#!") {
            self.at += self.rest().find(']').map_or(self.rest().len(), |end| end + 1);
            self.blank();
        }
    }

    fn word(&mut self) -> usize {
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '+' | '-' | '#');
        let length = self.rest().find(|c| !part(c)).unwrap_or(self.rest().len());
        self.at += length;
        length
    }

    fn value(&mut self) -> Option<Node> {
        self.blank();
        let start = self.at;
        let mut parts = Vec::new();
        let mut some = false;
        if self.string() {
            // The place is all there is to know.
        } else if self.eat("[") {
            parts = self.parts("]")?;
        } else if self.eat("{") {
            parts = self.parts("}")?;
        } else if self.eat("(") {
            parts = self.parts(")")?;
        } else {
            if self.word() == 0 {
                return None;
            }
            let end = self.at;
            self.blank();
            if self.eat("(") {
                some = &self.text[start..end] == "Some";
                parts = self.parts(")")?;
            } else {
                self.at = end;
            }
        }
        Some(Node { place: start..self.at, parts, key: None, some })
    }

    fn parts(&mut self, close: &str) -> Option<Vec<(Seg, Node)>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut parts = Vec::new();
        loop {
            self.blank();
            if self.eat(close) {
                self.depth -= 1;
                return Some(parts);
            }
            let first = self.value()?;
            self.blank();
            let part = if self.eat(":") {
                let key = self.text[first.place.clone()].trim_matches('"').to_owned();
                (Seg::Field(key), Node { key: Some(first.place), ..self.value()? })
            } else {
                (Seg::Index(parts.len()), first)
            };
            parts.push(part);
            self.blank();
            if !self.eat(",") && !self.rest().starts_with(close) {
                return None;
            }
        }
    }

    /// Skips a string or character; `false` if there is none here.
    fn string(&mut self) -> bool {
        let rest = self.rest();
        let rest = rest.strip_prefix('b').unwrap_or(rest);
        if let Some(raw) = rest.strip_prefix('r') {
            let hashes = raw.len() - raw.trim_start_matches('#').len();
            if raw[hashes..].starts_with('"') {
                let body = self.text.len() - raw.len() + hashes + 1;
                let close = format!("\"{}", "#".repeat(hashes));
                self.at = self.text[body..].find(&close).map_or(self.text.len(), |at| body + at + close.len());
                return true;
            }
        }
        let Some(quote) = rest.chars().next().filter(|&c| c == '"' || c == '\'') else { return false };
        let body = self.text.len() - rest.len() + 1;
        let mut escaped = false;
        for (at, c) in self.text[body..].char_indices() {
            if !escaped && c == quote {
                self.at = body + at + 1;
                return true;
            }
            escaped = !escaped && c == '\\';
        }
        self.at = self.text.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Seg {
        Seg::Field(name.to_owned())
    }

    #[test]
    fn every_part_has_its_place() {
        let text = r##"#![enable(implicit_some)]
        // a comment with ( and "
        Scenario(title: "a \" b", raw: r#"x"y"#, steps: [(do: Kill(Random(3))), (when: Some(All([Born, Ready])))], m: {2: [Serve]})"##;
        let tree = tree(text).unwrap();
        let at = |path: &[Seg]| &text[tree.nearest(path).place.clone()];
        assert_eq!(at(&[field("title")]), r#""a \" b""#);
        assert_eq!(at(&[field("raw")]), r##"r#"x"y"#"##);
        assert_eq!(at(&[field("steps"), Seg::Index(0), field("do"), Seg::Index(0)]), "Random(3)");
        assert_eq!(at(&[field("steps"), Seg::Index(1), field("when"), Seg::Index(0), Seg::Index(1)]), "Ready");
        assert_eq!(at(&[field("m"), field("2"), Seg::Index(0)]), "Serve");
        assert_eq!(at(&[field("steps"), Seg::Index(9)]), at(&[field("steps")]));
        assert_eq!(&text[tree.around(text.find("Random").unwrap()).unwrap().place.clone()], "Random(3)");
    }

    #[test]
    fn what_is_not_well_formed_has_no_tree() {
        for text in ["", "(", "(a: )", "(a b)", "[1 2]", "\"open", "/* open", "(a: 1))", "é(", "'", "r#\"x"] {
            let _ = tree(text);
        }
        assert_eq!(tree("(a b)"), None);
        assert_eq!(tree("(a: 1))"), None);
        assert_eq!(tree(&"[".repeat(1_000_000)), None);
    }
}

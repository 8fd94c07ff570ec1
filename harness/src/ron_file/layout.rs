//! Lays a RON text out as a person would: what fits stays on one line.

use std::fmt::Write;

use super::Seg;
use super::tree::{Node, tree};

/// Lines are not longer than this if it can be helped.
const WIDTH: usize = 120;
const INDENT: usize = 4;
/// Room for a field's name.
const LONGEST_KEY: usize = 16;

/// The same value, laid out; its outermost fields have a line each. A text that is not well-formed stays as it is.
pub fn layout(text: &str) -> String {
    let Some(root) = tree(text) else { return text.to_owned() };
    let mut out = String::new();
    Writer { text, out: &mut out }.broken(&root, 0);
    out.push('\n');
    out
}

struct Writer<'a, 'o> {
    text: &'a str,
    out: &'o mut String,
}

impl<'a> Writer<'a, '_> {
    /// A value, beginning at this column of a line indented by so much; `after` is what must follow on its last line.
    fn value(&mut self, node: &Node, column: usize, indent: usize, after: usize) {
        if node.parts.is_empty() || column + self.one_line(node).chars().count() + after <= WIDTH {
            let line = self.one_line(node);
            self.out.push_str(&line);
        } else if self.hugs(node, column) {
            self.hugged(node, column, indent, after);
        } else {
            self.broken(node, indent);
        }
    }

    /// Whether all parts but the last fit beside the opening, and the last ends in a list that can be broken there.
    fn hugs(&self, node: &Node, column: usize) -> bool {
        let Some(((_, last), before)) = node.parts.split_last() else { return false };
        let head: usize = before.iter().map(|part| self.part_line(part).chars().count() + 2).sum();
        let column = column + head + self.open(node).len() + self.open(last).len() + LONGEST_KEY;
        let list = self.open(last).ends_with('[') && !last.parts.is_empty();
        self.open(node).ends_with('(') && before.len() <= 2 && column <= WIDTH && (list || self.hugs(last, column))
    }

    fn hugged(&mut self, node: &Node, column: usize, indent: usize, after: usize) {
        let start = self.out.len();
        self.out.push_str(self.open(node));
        for (index, part) in node.parts.iter().enumerate() {
            if index + 1 < node.parts.len() {
                let line = self.part_line(part);
                let _ = write!(self.out, "{line}, ");
            } else {
                self.key(&part.0);
                let column = column + self.out[start..].chars().count();
                self.value(&part.1, column, indent, after + 1);
            }
        }
        self.out.push_str(self.close(node));
    }

    fn broken(&mut self, node: &Node, indent: usize) {
        self.out.push_str(self.open(node));
        self.out.push('\n');
        let inside = indent + INDENT;
        for (seg, part) in &node.parts {
            self.out.push_str(&" ".repeat(inside));
            let before = self.out.len();
            self.key(seg);
            let column = inside + self.out[before..].chars().count();
            self.value(part, column, inside, 1);
            self.out.push_str(",\n");
        }
        self.out.push_str(&" ".repeat(indent));
        self.out.push_str(self.close(node));
    }

    fn key(&mut self, seg: &Seg) {
        if let Seg::Field(name) = seg {
            let _ = write!(self.out, "{name}: ");
        }
    }

    fn one_line(&self, node: &Node) -> String {
        if node.parts.is_empty() {
            return plain_quotes(&self.text[node.place.clone()]);
        }
        let parts: Vec<String> = node.parts.iter().map(|part| self.part_line(part)).collect();
        format!("{}{}{}", self.open(node), parts.join(", "), self.close(node))
    }

    fn part_line(&self, (seg, node): &(Seg, Node)) -> String {
        match seg {
            Seg::Field(name) => format!("{name}: {}", self.one_line(node)),
            Seg::Index(_) => self.one_line(node),
        }
    }

    /// The name, if there is one, and the opening bracket.
    fn open(&self, node: &Node) -> &'a str {
        let text = self.text;
        let whole = &text[node.place.clone()];
        let end = whole.find(['(', '[', '{']).map_or(whole.len(), |at| at + 1);
        &whole[..end]
    }

    fn close(&self, node: &Node) -> &'a str {
        let text = self.text;
        &text[node.place.end - 1..node.place.end]
    }
}

/// A text in double quotes needs no backslash before a single one.
fn plain_quotes(leaf: &str) -> String {
    let mut out = String::with_capacity(leaf.len());
    let mut letters = leaf.chars().peekable();
    let text = leaf.starts_with('"');
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some('\'')) if text => {}
            ('\\', Some(&next)) => {
                out.extend([letter, next]);
                letters.next();
            }
            _ => out.push(letter),
        }
    }
    out
}

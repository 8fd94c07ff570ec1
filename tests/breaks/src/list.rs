//! What cargo-mutants would try: `cargo mutants --list --json`.

use std::ops::Range;
use std::path::PathBuf;

use serde::Deserialize;

/// One change of the source, by which the program becomes another.
#[derive(Clone, Debug, Deserialize)]
pub struct Mutant {
    /// Where it is and what it does; no other has this name.
    pub name: String,
    /// The file, below the workspace.
    pub file: PathBuf,
    /// What kind of change it is.
    pub genre: Genre,
    /// What of the file is replaced.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

/// Kinds of changes, as cargo-mutants names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Genre {
    /// A function gives a value without doing anything.
    FnValue,
    /// Another operator between two operands.
    BinaryOperator,
    /// An operand without its operator.
    UnaryOperator,
    /// A match has an arm less.
    MatchArm,
    /// The guard of an arm is always true, or never.
    MatchArmGuard,
    /// A field is taken from the base of a struct expression.
    StructField,
}

/// A part of a file: from a place up to one that is outside.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Span {
    start: LineColumn,
    end: LineColumn,
}

/// Both from 1; columns count characters.
#[derive(Clone, Copy, Debug, Deserialize)]
struct LineColumn {
    line: usize,
    column: usize,
}

impl Span {
    /// The same in bytes of this source.
    ///
    /// # Errors
    /// The source has no such lines or columns.
    pub fn bytes(&self, source: &str) -> Result<Range<usize>, String> {
        let byte = |at: LineColumn| {
            let line = source.split_inclusive('\n').nth(at.line - 1)?;
            let before: usize = source.split_inclusive('\n').take(at.line - 1).map(str::len).sum();
            let inside = line.char_indices().map(|(byte, _)| byte).chain([line.len()]).nth(at.column - 1)?;
            Some(before + inside)
        };
        let range = byte(self.start).zip(byte(self.end)).map(|(start, end)| start..end);
        range.ok_or_else(|| format!("no such place in the source: {self:?}"))
    }
}

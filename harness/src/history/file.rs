//! A history as a file: JSON lines, the header first, then one event a line.

use std::fmt;
use std::io::{self, Write};

use serde::Deserialize;

use super::{Event, History, SCHEMA};

/// Why a history could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The file is empty.
    Empty {
        /// The file's name.
        name: String,
    },
    /// It was written by another version of the harness.
    Schema {
        /// The file's name.
        name: String,
        /// What it says.
        found: u32,
    },
    /// A line is not what it should be.
    Line {
        /// The file's name.
        name: String,
        /// From 1.
        line: usize,
        /// From 1; 0 where the parser knew none.
        column: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { name } => write!(f, "{name}: empty; the first line of a history is its header"),
            Self::Schema { name, found } => {
                let age = if *found < SCHEMA { "an older" } else { "a newer" };
                write!(f, "{name}:1: schema {found} is {age} one; this build reads schema {SCHEMA} only")
            }
            Self::Line { name, line, column, why } => write!(f, "{name}:{line}:{column}: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// The one field that every version of the header has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

impl History {
    /// Writes the header and the events, one JSON value a line. The header's `schema` is written as it is.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &self.header)?;
        out.write_all(b"\n")?;
        for event in &self.events {
            serde_json::to_writer(&mut *out, event)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Reads what [`History::write`] wrote. `name` is the file's name, for errors. Empty lines are skipped.
    ///
    /// # Errors
    /// [`ReadError`]: another schema by its number, a malformed line by its place.
    pub fn read(text: &str, name: &str) -> Result<Self, ReadError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((first, header)) = lines.next() else {
            return Err(ReadError::Empty { name: name.to_owned() });
        };
        let version: Version = parse(header, first, name)?;
        if version.schema != SCHEMA {
            return Err(ReadError::Schema { name: name.to_owned(), found: version.schema });
        }
        let header = parse(header, first, name)?;
        let events = lines.map(|(at, line)| parse::<Event>(line, at, name)).collect::<Result<_, _>>()?;
        Ok(Self { header, events })
    }
}

fn parse<'de, T: Deserialize<'de>>(line: &'de str, index: usize, name: &str) -> Result<T, ReadError> {
    serde_json::from_str(line).map_err(|error| {
        let why = error.to_string();
        // serde_json counts lines within the one it was given; the place in the file is ours to say.
        let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(what, _)| what).to_owned();
        ReadError::Line { name: name.to_owned(), line: index + 1, column: error.column(), why }
    })
}

//! RON as all our files are written: options without `Some`, unknown names are errors, errors have a place.

use ron::error::{Position, SpannedError};
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use crate::problem::{Problem, Problems, Source};

/// The dialect, for reading and writing alike.
pub fn dialect() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES)
}

/// Reads one value from a whole file.
///
/// # Errors
/// The first thing that does not fit.
pub fn read<T: DeserializeOwned>(source: &Source, text: &str) -> Result<T, Problems> {
    dialect().from_str(text).map_err(|error| problem(source, text, &error).into())
}

fn problem(source: &Source, text: &str, error: &SpannedError) -> Problem {
    let place = offset(text, error.span.start)..offset(text, error.span.end);
    Problem::new(source, error.code.to_string()).at(place)
}

/// The byte that a position (line and column in characters, from 1) means.
fn offset(text: &str, position: Position) -> usize {
    let line: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[line..];
    line + rest.char_indices().nth(position.col.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

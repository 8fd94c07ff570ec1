//! Reading values.

use std::ops::Range;

use ron::extensions::Extensions;
use serde::de::DeserializeOwned;

use crate::problem::{Problems, Source};

use super::error::problem;

/// The dialect, for reading and writing alike.
pub fn dialect() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES)
}

/// Reads one value from a whole file.
///
/// # Errors
/// The first thing that does not fit.
pub fn read<T: DeserializeOwned>(source: &Source) -> Result<T, Problems> {
    read_part(source, 0..source.text().len())
}

/// Reads one value from a part of a file, so that one bad part does not hide the next.
///
/// # Errors
/// The first thing in it that does not fit.
pub fn read_part<T: DeserializeOwned>(source: &Source, part: Range<usize>) -> Result<T, Problems> {
    let text = source.text().get(part.clone()).unwrap_or_default();
    dialect().from_str(text).map_err(|error| problem(source, part.start, text, &error).into())
}

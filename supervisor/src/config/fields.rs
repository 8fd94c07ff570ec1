//! A RON struct as its fields, each still text, so that one wrong field doesn't hide the next.

use std::fmt;
use std::ops::Range;

use ron::Options;
use ron::extensions::Extensions;
use ron::value::RawValue;
use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::problem::{Problem, nearest};

/// One `name: value`, both as slices of the text that was read.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// How our files are read: `limit: (…)` means `limit: Some((…))`.
fn options() -> Options {
    Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// The fields of the struct that `text` holds, in their order; `name` may precede it.
///
/// # Errors
/// The text is not RON, or not a struct.
pub fn fields<'a>(text: &'a str, name: &'static str) -> Result<Vec<Field<'a>>, Problem> {
    options().from_str_seed(text, Seed(name)).map_err(|error| syntax(text, &error))
}

/// The entries of the map from strings that `text` holds, in their order.
///
/// # Errors
/// The text is not RON, or not such a map.
pub fn entries(text: &str) -> Result<Vec<(String, &str)>, Problem> {
    options().from_str_seed(text, Entries).map_err(|error| syntax(text, &error))
}

/// The value that `text` holds.
///
/// # Errors
/// The text is not RON, or not such a value.
pub fn value<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    options().from_str(text).map_err(|error| {
        let mut problem = syntax(text, &error);
        if let ron::Error::NoSuchEnumVariant { expected, found, .. } = &error.code {
            problem.what = format!("there is no `{found}`");
            problem.help = Some(nearest(found, expected.iter().copied()));
        }
        if !text.contains(['(', '[', '{']) {
            // One word: all of it is wrong, and the reader's own place can be one before it.
            problem.place = 0..text.len();
        }
        problem
    })
}

fn syntax(text: &str, error: &ron::error::SpannedError) -> Problem {
    let start = offset(text, error.span.start);
    let end = offset(text, error.span.end).max(start);
    Problem::new(start..end, lower(&error.code.to_string()), "")
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The byte that a line and a column (counted in characters, both from 1) name.
fn offset(text: &str, position: ron::error::Position) -> usize {
    let line_start: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let line = &text[line_start..];
    let column: usize = line.chars().take(position.col.saturating_sub(1)).map(char::len_utf8).sum();
    (line_start + column).min(text.len())
}

/// Where the slice `part` lies in `text`.
pub fn place(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len());
    start..(start + part.len()).min(text.len())
}

struct Seed(&'static str);

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Vec<Field<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_struct(self.0, &[], self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Vec<Field<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields in parentheses: (name: value, …)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value::<&RawValue>()?;
            fields.push(Field { name, value: value.trim().get_ron() });
        }
        Ok(fields)
    }
}

struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<(String, &'de str)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map: {\"name\": value, …}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key()? {
            entries.push((name, map.next_value::<&RawValue>()?.trim().get_ron()));
        }
        Ok(entries)
    }
}

/// An identifier, still borrowed from the text, so that its place is known.
struct Name<'a>(&'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Identifier;
        impl<'de> Visitor<'de> for Identifier {
            type Value = &'de str;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(name)
            }
        }
        deserializer.deserialize_identifier(Identifier).map(Name)
    }
}

//! What the RON reader says, in words for the one who wrote the file.

use std::ops::Range;

use ron::error::{Error, Position, SpannedError};

use crate::problem::{Problem, Source};

use super::tree;

/// The error as a problem; `text` is the part of the file that was read, `start` where it begins.
pub(super) fn problem(source: &Source, start: usize, text: &str, error: &SpannedError) -> Problem {
    let place = offset(text, error.span.start)..offset(text, error.span.end);
    let place = widen(text, place, &error.code);
    let written = text[place.clone()].to_owned();
    let shifted = start + place.start..start + place.end;
    describe(source, &error.code, &written).at(shifted)
}

fn describe(source: &Source, code: &Error, written: &str) -> Problem {
    let new = |what: String| Problem::new(source, what);
    let is_not =
        |wanted: &str| new(format!("{} is not {wanted}", shown(written))).expected(format!("expected {wanted}"));
    match code {
        Error::NoSuchStructField { expected, found, outer } => {
            new(format!("{} has no field `{found}`", kind(outer.as_deref())))
                .expected(one_of(expected))
                .suggest(found, expected.iter().copied())
        }
        Error::NoSuchEnumVariant { expected, found, outer } => {
            new(format!("`{found}` is not {}", kind(outer.as_deref())))
                .expected(one_of(expected))
                .suggest(found, expected.iter().copied())
        }
        Error::ExpectedDifferentStructName { expected, found } => {
            new(format!("`{found}` is not {}", kind(Some(expected)))).expected("expected `(`")
        }
        Error::SuggestRawIdentifier(found) => new(format!("`{found}` is not a name")).expected("expected a name"),
        Error::MissingStructField { field, outer } => {
            new(format!("{} has no `{field}`", kind(outer.as_deref()))).expected(format!("`{field}` is missing"))
        }
        Error::DuplicateStructField { field, .. } => {
            new(format!("`{field}` is there twice")).expected("the second one")
        }
        Error::ExpectedString if written.starts_with(|c: char| c.is_ascii_digit()) => {
            new(format!("the number {written} has no unit"))
                .expected(format!("a duration is written \"{written}ms\" or \"{written}s\""))
        }
        Error::ExpectedString => is_not("a text in quotes"),
        Error::ExpectedInteger => is_not("a whole number"),
        Error::IntegerOutOfBounds => {
            new(format!("{} is too large, or negative", shown(written))).expected("expected a number that fits")
        }
        Error::ExpectedBoolean => is_not("`true` or `false`"),
        Error::ExpectedArray => is_not("a list: `[…]`"),
        Error::ExpectedMap => is_not("a map: `{…}`"),
        Error::ExpectedNamedStructLike(name) if !written.is_empty() => is_not(&format!("{}: `(…)`", kind(Some(name)))),
        Error::ExpectedStructLike => {
            new(format!("{} needs something in parentheses", shown(written))).expected("expected `(`")
        }
        Error::ExpectedStructLikeEnd => {
            new(format!("too much between the parentheses at {}", shown(written))).expected("expected `)`")
        }
        Error::ExpectedComma => new("a comma or a closing bracket is missing".to_owned()).expected("expected `,`"),
        Error::TrailingCharacters => new("the file goes on after its end".to_owned()).expected("nothing may be here"),
        Error::ExceededRecursionLimit => new("nested too deeply".to_owned()).expected("at most 128 deep"),
        _ if source.text().trim().is_empty() => new("the file is empty".to_owned()),
        Error::Message(why) if why.contains("is not a duration") => {
            new(why.clone()).expected("a number with its unit (us, ms, s, m, h): \"250ms\", \"3s\"")
        }
        other => new(plain(&other.to_string())),
    }
}

/// What a value is called in messages.
fn kind(name: Option<&str>) -> String {
    let known = match name.unwrap_or_default() {
        "Act" => "an act (`do`)",
        "Backoff" => "a `backoff`",
        "Beside" => "a pool in `beside`",
        "Child" => "a child",
        "Command" => "an operator's command",
        "Deviation" => "a deviation",
        "Exit" => "an `exit`",
        "Expect" => "an expectation",
        "Fault" => "a fault",
        "FileFault" => "a fault of a file",
        "Launch" => "a `launch`",
        "Life" => "a life",
        "LifeRecord" => "a life's `Record`",
        "Limit" => "a `limit`",
        "Lives" => "`lives`",
        "Load" => "a load",
        "Phase" => "a phase",
        "Pool" => "a `pool`",
        "Profile" => "a `profile`",
        "Retirement" => "a form of retirement",
        "Scenario" => "a scenario",
        "Signal" => "a signal",
        "Start" => "a `start`",
        "State" => "a state",
        "StatusIs" => "a status",
        "Step" => "a step",
        "Subject" => "a subject",
        "Sweep" => "a `sweep`",
        "Target" => "a target",
        "Trigger" => "a trigger (`when`)",
        "Variant" => "a variant",
        "" => "this",
        other => return format!("`{other}`"),
    };
    known.to_owned()
}

fn one_of(names: &[&str]) -> String {
    if names.is_empty() { "it has none".to_owned() } else { format!("one of: {}", names.join(", ")) }
}

fn shown(written: &str) -> String {
    let line = written.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        _ if line.is_empty() => "this".to_owned(),
        Some((end, _)) => format!("`{}…`", &line[..end]),
        None => format!("`{line}`"),
    }
}

/// The reader's own words, beginning like ours.
fn plain(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "something is wrong".to_owned(),
    }
}

/// The whole word or value where the reader marks only where it stopped.
fn widen(text: &str, place: Range<usize>, code: &Error) -> Range<usize> {
    let wrong_value = matches!(
        code,
        Error::ExpectedString
            | Error::ExpectedInteger
            | Error::IntegerOutOfBounds
            | Error::ExpectedBoolean
            | Error::ExpectedArray
            | Error::ExpectedMap
            | Error::ExpectedNamedStructLike(_)
            | Error::Message(_)
    );
    let before = matches!(code, Error::ExpectedStructLike | Error::ExpectedStructLikeEnd);
    let byte = match code {
        _ if before => place.start.saturating_sub(1),
        Error::IntegerOutOfBounds => place.start,
        _ => place.end,
    };
    let value = tree::tree(text).and_then(|tree| tree.around(byte).map(|node| node.place.clone()));
    match value {
        // A custom message comes after the value was read; the value begins where the reader's mark does.
        Some(value) if matches!(code, Error::Message(_)) && value.start != place.start => place,
        Some(value) if wrong_value || before => value,
        _ => {
            let letter = text[place.start..].chars().next().map_or(0, char::len_utf8);
            place.start..place.end.max(place.start + letter)
        }
    }
}

/// The byte that a position (line and column in characters, from 1) means.
fn offset(text: &str, position: Position) -> usize {
    let line: usize = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[line..];
    line + rest.char_indices().nth(position.col.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

//! Reading the fields of one struct, collecting everything that is wrong with them.

use std::ops::Range;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::fields::{Field, entries, fields, place, value};
use super::problem::{Problem, nearest};

/// The problems of one text.
pub struct Reader<'a> {
    /// The whole text, which every place refers to.
    pub text: &'a str,
    pub problems: Vec<Problem>,
}

/// The fields of one struct, none of them twice and none unknown.
pub struct Struct<'a>(Vec<Field<'a>>);

impl<'a> Struct<'a> {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|field| field.name == name).map(|field| field.value)
    }

    /// The name of a field as it stands in the text, if it is there.
    pub fn name_of(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|field| field.name == name).map(|field| field.name)
    }
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, problems: Vec::new() }
    }

    /// Notes a problem of a part of the text.
    pub fn wrong(&mut self, part: &str, what: impl Into<String>, label: impl Into<String>) -> &mut Problem {
        let place = place(self.text, part);
        self.problems.push(Problem::new(place, what, label));
        self.problems.last_mut().expect("was just pushed")
    }

    /// Notes a problem whose place counts from the beginning of a part.
    fn inside(&mut self, part: &str, mut problem: Problem) {
        let start = place(self.text, part).start;
        problem.place = Range { start: problem.place.start + start, end: problem.place.end + start };
        self.problems.push(problem);
    }

    /// The struct that a part of the text holds; only `known` fields are kept.
    pub fn structure<'b>(&mut self, part: &'b str, name: &'static str, known: &[&str]) -> Option<Struct<'b>> {
        match fields(part, name) {
            Ok(all) => Some(self.known(all, known)),
            Err(problem) => {
                self.inside(part, problem);
                None
            }
        }
    }

    /// The entries of the map from strings that a part of the text holds.
    pub fn map<'b>(&mut self, part: &'b str, name: &str, expected: &str) -> Option<Vec<(String, &'b str)>> {
        match entries(part) {
            Ok(entries) => Some(entries),
            Err(mut problem) => {
                problem.what = format!("`{name}`: {}", problem.what);
                problem.label = format!("expected {expected}");
                self.inside(part, problem);
                None
            }
        }
    }

    fn known<'b>(&mut self, all: Vec<Field<'b>>, known: &[&str]) -> Struct<'b> {
        let mut kept: Vec<Field<'b>> = Vec::new();
        for field in all {
            if !known.contains(&field.name) {
                let help = nearest(field.name, known.iter().copied());
                self.wrong(field.name, format!("unknown field `{}`", field.name), "").help = Some(help);
            } else if kept.iter().any(|other| other.name == field.name) {
                self.wrong(field.name, format!("`{}` is there twice", field.name), "given before");
            } else {
                kept.push(field);
            }
        }
        Struct(kept)
    }

    /// The value of a field, or `default` if it is absent or wrong.
    pub fn value<T: DeserializeOwned>(&mut self, of: &Struct<'_>, name: &str, expected: &str, default: T) -> T {
        let Some(part) = of.get(name) else { return default };
        self.read(part, name, expected).unwrap_or(default)
    }

    /// The value that a part of the text holds.
    pub fn read<T: DeserializeOwned>(&mut self, part: &str, name: &str, expected: &str) -> Option<T> {
        match value(part) {
            Ok(value) => Some(value),
            Err(mut problem) => {
                problem.what = format!("`{name}`: {}", problem.what);
                problem.label = format!("expected {expected}");
                self.inside(part, problem);
                None
            }
        }
    }

    /// A duration, written with its unit.
    pub fn span(&mut self, of: &Struct<'_>, name: &str, default: Duration) -> Duration {
        let Some(part) = of.get(name) else { return default };
        if part.parse::<f64>().is_ok() {
            let what = format!("`{name}` needs a unit");
            self.wrong(part, what, "").help = Some(format!("write \"{part}s\" or \"{part}ms\""));
            return default;
        }
        let Some(text) = self.read::<String>(part, name, "a duration in quotes, such as \"10s\"") else {
            return default;
        };
        match humantime::parse_duration(&text) {
            // Instants count nanoseconds in 64 bits.
            Ok(span) if u64::try_from(span.as_nanos()).is_ok() => span,
            Ok(_) => {
                self.wrong(part, format!("`{name}` is longer than 584 years"), "");
                default
            }
            Err(error) => {
                let what = format!("`{name}` is no duration: {error}");
                self.wrong(part, what, "expected a number with ns, us, ms, s, min, h or day");
                default
            }
        }
    }
}

//! What was found to be wrong with a value that was read, and where in it.

use std::time::Duration;

use super::{Node, Path, Seg};
use crate::problem::{Problem, Source};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part of the value.
    pub path: Path,
    /// What is wrong with it.
    pub what: String,
    expected: Option<String>,
    written: Option<(String, Vec<String>)>,
}

impl Finding {
    /// What would have been right.
    pub fn expected(&mut self, what: impl Into<String>) -> &mut Self {
        self.expected = Some(what.into());
        self
    }

    /// The names that would have been valid instead of the written one.
    pub fn names<'a>(&mut self, written: &str, valid: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let valid: Vec<String> = valid.into_iter().map(str::to_owned).collect();
        if self.expected.is_none() {
            self.expected = Some(match valid.len() {
                0 => "there are none".to_owned(),
                1..=12 => format!("one of: {}", valid.join(", ")),
                many => format!("one of {many} names"),
            });
        }
        self.written = Some((written.to_owned(), valid));
        self
    }

    /// As a problem of the file whose structure is `tree`.
    pub fn place(&self, source: &Source, tree: Option<&Node>) -> Problem {
        let mut problem = Problem::new(source, self.what.clone());
        if let Some(tree) = tree {
            problem = problem.at(tree.nearest(&self.path).place.clone());
        }
        if let Some(expected) = &self.expected {
            problem = problem.expected(expected.clone());
        }
        if let Some((written, valid)) = &self.written {
            problem = problem.suggest(written, valid.iter().map(String::as_str));
        }
        problem
    }
}

/// Collects findings; knows which part it is at.
#[derive(Debug, Default)]
pub struct Checker {
    path: Path,
    found: Vec<Finding>,
}

impl Checker {
    /// Begins at a part.
    pub fn at(path: Path) -> Self {
        Self { path, found: Vec::new() }
    }

    /// What was found.
    pub fn done(self) -> Vec<Finding> {
        self.found
    }

    /// Goes into a field.
    pub fn enter(&mut self, field: &str) {
        self.path.push(Seg::Field(field.to_owned()));
    }

    /// Goes into an element.
    pub fn enter_index(&mut self, index: usize) {
        self.path.push(Seg::Index(index));
    }

    /// Goes back out.
    pub fn leave(&mut self) {
        self.path.pop();
    }

    /// Something is wrong here.
    pub fn wrong(&mut self, what: impl Into<String>) -> &mut Finding {
        let finding = Finding { path: self.path.clone(), what: what.into(), expected: None, written: None };
        self.found.push(finding);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Something is wrong with a field of what is here.
    pub fn wrong_in(&mut self, field: &str, what: impl Into<String>) -> &mut Finding {
        self.enter(field);
        self.leave_after_wrong(what)
    }

    /// Something is wrong with an element of what is here.
    pub fn wrong_at(&mut self, index: usize, what: impl Into<String>) -> &mut Finding {
        self.enter_index(index);
        self.leave_after_wrong(what)
    }

    fn leave_after_wrong(&mut self, what: impl Into<String>) -> &mut Finding {
        let path = self.path.clone();
        self.path.pop();
        let finding = self.wrong(what);
        finding.path = path;
        finding
    }

    /// A number of a field that must not be zero.
    pub fn not_zero(&mut self, field: &str, number: u64) {
        if number == 0 {
            self.wrong_in(field, format!("`{field}` is 0")).expected("expected at least 1");
        }
    }

    /// A number of a field that must be from 1 to `most`.
    pub fn one_to(&mut self, field: &str, number: u64, most: u64) {
        if number == 0 || number > most {
            self.wrong_in(field, format!("`{field}` is {number}")).expected(format!("expected 1 to {most}"));
        }
    }

    /// A duration of a field that must not be zero.
    pub fn takes_time(&mut self, field: &str, span: Duration) {
        if span.is_zero() {
            self.wrong_in(field, format!("`{field}` is no time at all")).expected("expected more than \"0s\"");
        }
    }
}

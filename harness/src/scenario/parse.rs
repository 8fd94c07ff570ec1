//! From the text of a file to a scenario.

use serde::de::DeserializeOwned;

use crate::problem::{Problem, Problems, Source};
use crate::ron_file::{self, Node, Seg};

use super::validate::findings;
use super::write::to_ron;
use super::{Beside, Expect, Launch, Lives, Load, Pool, Scenario, Start, Step, Sweep, Variant};

/// Reads a scenario and validates it.
///
/// # Errors
/// Everything that is wrong with it; `file_name` is what the problems call the file.
pub fn parse(text: &str, file_name: &str) -> Result<Scenario, Problems> {
    let source = Source::new(file_name, text);
    let scenario = ron_file::read(&source).map_err(|first| piecewise(&source, first))?;
    check(&scenario, &source)?;
    Ok(scenario)
}

/// Validates a scenario that was not read from a file.
///
/// # Errors
/// Everything that is wrong with it; the problems show the scenario as it would be written.
pub fn validate(scenario: &Scenario) -> Result<(), Problems> {
    check(scenario, &Source::new("scenario", &to_ron(scenario)))
}

fn check(scenario: &Scenario, source: &Source) -> Result<(), Problems> {
    let tree = ron_file::tree(source.text());
    Problems::check(findings(scenario).iter().map(|finding| finding.place(source, tree.as_ref())).collect())
}

/// The reader stops at the first error; this reads the parts one by one, so that each can have its own.
fn piecewise(source: &Source, first: Problems) -> Problems {
    let mut problems: Vec<Problem> = first.iter().cloned().collect();
    if let Some(tree) = ron_file::tree(source.text()) {
        let mut pieces = Pieces { source, problems: &mut problems };
        for (seg, node) in &tree.parts {
            if let Seg::Field(name) = seg {
                pieces.field(name, node);
            }
        }
    }
    Problems::check(problems).err().unwrap_or(first)
}

/// The fields of a scenario, in the order in which the reader tells them.
const FIELDS: [&str; 13] = [
    "title",
    "guards_against",
    "start",
    "launch",
    "alone",
    "pool",
    "lives",
    "beside",
    "load",
    "steps",
    "expect",
    "variants",
    "sweep",
];

struct Pieces<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Pieces<'_> {
    fn field(&mut self, name: &str, node: &Node) {
        match name {
            "title" => self.one::<String>(node),
            "guards_against" => self.each::<String>(node),
            "start" => self.one::<Start>(node),
            "launch" => self.one::<Launch>(node),
            "alone" => self.one::<bool>(node),
            "pool" => self.one::<Pool>(node),
            "lives" => self.one::<Lives>(node),
            "beside" => self.each::<Beside>(node),
            "load" => self.each::<Load>(node),
            "steps" => self.each::<Step>(node),
            "expect" => self.each::<Expect>(node),
            "variants" => self.each::<Variant>(node),
            "sweep" => self.one::<Sweep>(node),
            unknown => {
                let problem = Problem::new(self.source, format!("a scenario has no field `{unknown}`"))
                    .at(node.key.clone().unwrap_or_default())
                    .expected(format!("one of: {}", FIELDS.join(", ")))
                    .suggest(unknown, FIELDS);
                self.problems.push(problem);
            }
        }
    }

    fn one<T: DeserializeOwned>(&mut self, node: &Node) {
        if let Err(problems) = ron_file::read_part::<T>(self.source, node.place.clone()) {
            self.problems.extend(problems.iter().cloned());
        }
    }

    fn each<T: DeserializeOwned>(&mut self, list: &Node) {
        if self.source.text()[list.place.clone()].starts_with('[') {
            for (_, node) in &list.parts {
                self.one::<T>(node);
            }
        }
    }
}

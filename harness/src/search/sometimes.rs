//! How often each situation happened in the runs of a suite.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::situation::SITUATIONS;

/// Counts by situation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sometimes(BTreeMap<String, u32>);

impl Sometimes {
    /// Counts the situations of one run.
    pub fn add<'a>(&mut self, happened: impl IntoIterator<Item = &'a str>) {
        for name in happened {
            *self.0.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// In how many runs a situation happened.
    pub fn count(&self, name: &str) -> u32 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// The situations that never happened, by name.
    pub fn never(&self) -> Vec<&'static str> {
        SITUATIONS.iter().map(|situation| situation.name).filter(|name| self.count(name) == 0).collect()
    }

    /// A line for each situation: in how many runs it happened.
    ///
    /// # Errors
    /// Whatever the writer says.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = SITUATIONS.iter().map(|situation| situation.name.len()).max().unwrap_or(0);
        writeln!(out, "Situations, and in how many runs each happened:")?;
        for situation in SITUATIONS {
            let count = match self.count(situation.name) {
                0 => "never".to_owned(),
                count => count.to_string(),
            };
            writeln!(out, "  {count:>6}  {:width$}  {}", situation.name, situation.sentence)?;
        }
        Ok(())
    }
}

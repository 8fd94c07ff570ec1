//! From the text of a file to a scenario.

use crate::problem::{Problems, Source};

use super::Scenario;

/// Reads a scenario and validates it.
///
/// # Errors
/// Everything that is wrong with it; `file_name` is what the problems call the file.
pub fn parse(text: &str, file_name: &str) -> Result<Scenario, Problems> {
    let source = Source::new(file_name, text);
    let scenario: Scenario = crate::ron_file::read(&source, text)?;
    Ok(scenario)
}

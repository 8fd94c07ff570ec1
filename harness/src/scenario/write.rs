//! From a scenario to the text of a file.

use crate::ron_file;

use super::Scenario;

/// The scenario as a person would write it: defaults left out, durations with their unit, what is short on one line.
/// Reading it gives the same scenario.
pub fn to_ron(scenario: &Scenario) -> String {
    let text = ron_file::dialect().without_recursion_limit().to_string(scenario);
    ron_file::layout(&text.expect("a scenario is plain data, which can always be written"))
}

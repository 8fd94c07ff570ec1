//! Pools beside the first one, as a subject's configuration has them.

use std::path::Path;

use crate::problem::{Problem, Source};

use super::Subject;
use super::render::{Names, Vars};

/// The text of all of them; `None` if there are none.
pub(super) fn rendered(
    subject: &Subject,
    vars: &Vars<'_>,
    config: &Path,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let template = Source::new("beside", subject.beside.as_deref()?);
    let others = vars.beside.iter().enumerate().map(|(index, other)| {
        let vars = Vars { pool: &other.pool, ..*vars };
        let mut names = Names::new(&vars, config, None);
        names.set("name", other.name.clone());
        names.set("pool", (index + 1).to_string());
        names.fill_lines(&template, problems)
    });
    Some(others.collect::<String>()).filter(|text| !text.is_empty())
}

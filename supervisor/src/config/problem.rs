//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes of the text.
    pub place: Range<usize>,
    /// What.
    pub what: String,
    /// What was expected, shown under the place; may be empty.
    pub label: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(place: Range<usize>, what: impl Into<String>, label: impl Into<String>) -> Self {
        Self { place, what: what.into(), label: label.into(), help: None }
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Everything that is wrong with one text, in the order of the places; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// What the text is called.
    pub file: String,
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub list: Vec<Problem>,
}

impl Problems {
    /// As a compiler would show them: each with its line; `colour` adds terminal codes.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown: Vec<String> = self.list.iter().map(|problem| renderer.render(&self.report(problem))).collect();
        shown.join("\n\n")
    }

    fn report<'a>(&'a self, problem: &'a Problem) -> [annotate_snippets::Group<'a>; 1] {
        // A place at the end of the text has nothing to underline.
        let end = problem.place.end.min(self.text.len());
        let start = problem.place.start.min(end);
        let annotation = AnnotationKind::Primary.span(start..end).label(problem.label.as_str());
        let snippet = Snippet::source(self.text.as_str()).path(self.file.as_str()).annotation(annotation);
        let group = Level::ERROR.primary_title(problem.what.as_str()).element(snippet);
        [match &problem.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }]
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// A hint that names the nearest of `names`, or all of them.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let closest = names.iter().map(|name| (strsim::damerau_levenshtein(wrong, name), *name)).min();
    match closest {
        Some((distance, name)) if distance <= 1 + name.len() / 3 => format!("did you mean `{name}`?"),
        _ => format!("there is: {}", names.join(", ")),
    }
}

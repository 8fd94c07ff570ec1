//! What is wrong with a file that a person wrote: where, what, what was expected, and the nearest valid name.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A file's name and text, shared by the problems found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// The text of a file, and the name that problems show for it.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A file of which there is no text to show.
    pub fn unread(path: &Path) -> Self {
        Self::new(&path.display().to_string(), "")
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    source: Source,
    at: Option<Range<usize>>,
    what: String,
    expected: Option<String>,
    nearest: Option<String>,
}

impl Problem {
    /// Something is wrong with a file.
    pub fn new(source: &Source, what: impl Into<String>) -> Self {
        Self { source: source.clone(), at: None, what: what.into(), expected: None, nearest: None }
    }

    /// Where, in bytes from the file's beginning; clamped to the text.
    pub fn at(mut self, place: Range<usize>) -> Self {
        self.at = Some(clamp(&self.source.text, place));
        self
    }

    /// What would have been right.
    pub fn expected(mut self, what: impl Into<String>) -> Self {
        self.expected = Some(what.into());
        self
    }

    /// Suggests the valid name that is nearest to the one that was written, if one is near.
    pub fn suggest<'a>(mut self, written: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        self.nearest = nearest(written, valid).map(str::to_owned);
        self
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// Line, counted from 1; `None` if the problem is not in the text.
    pub fn line(&self) -> Option<usize> {
        let before = self.source.text.get(..self.at.as_ref()?.start)?;
        Some(1 + before.matches('\n').count())
    }

    /// Column in characters, counted from 1.
    pub fn column(&self) -> Option<usize> {
        let before = self.source.text.get(..self.at.as_ref()?.start)?;
        Some(1 + before.chars().rev().take_while(|&c| c != '\n').count())
    }

    /// What is wrong.
    pub fn what(&self) -> &str {
        &self.what
    }

    fn help(&self) -> Option<String> {
        self.nearest.as_ref().map(|name| format!("did you mean `{name}`?"))
    }

    fn report(&self) -> Group<'_> {
        let title = Level::ERROR.primary_title(self.what.as_str());
        let label = self.expected.as_deref();
        let group = match &self.at {
            None => {
                let group = title.element(Origin::path(&*self.source.name));
                match label {
                    Some(label) => group.element(Level::NOTE.message(label)),
                    None => group,
                }
            }
            Some(at) => {
                let mark = AnnotationKind::Primary.span(at.clone()).label(label);
                title.element(Snippet::source(&*self.source.text).path(&*self.source.name).annotation(mark))
            }
        };
        match self.help() {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }
}

/// Everything that is wrong, in the order of the files and of their lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `Err` with the problems if there are any.
    pub fn check(mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.sort_by_key(|problem| (problem.file().to_owned(), problem.at.as_ref().map(|at| at.start)));
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// How many, at least one.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds those of another file.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The way rustc shows errors, with colour if asked for.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown: Vec<String> = self.0.iter().map(|problem| renderer.render(&[problem.report()])).collect();
        shown.join("\n\n")
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// The valid name that is nearest to the written one, if it is near enough to be meant.
pub fn nearest<'a>(written: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    let far = |name: &&str| strsim::damerau_levenshtein(&lower, &name.to_lowercase());
    let allowed = (written.chars().count() / 3).max(1);
    valid.into_iter().map(|name| (far(&name), name)).filter(|&(far, _)| far <= allowed).min().map(|(_, name)| name)
}

fn clamp(text: &str, place: Range<usize>) -> Range<usize> {
    let mut start = place.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = place.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    start..end.max(start)
}

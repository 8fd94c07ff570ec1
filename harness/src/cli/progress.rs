//! What a person sees while scenarios run; nothing off a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::history::What;

use super::suite::News;

/// One line on standard error: how many of how many, and what happens just now.
pub struct Progress(ProgressBar);

impl Progress {
    /// For so many runs.
    pub fn new(runs: usize) -> Self {
        let bar = ProgressBar::new(runs as u64);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows the news.
    pub fn show(&mut self, news: &News) {
        match news {
            News::Began(name) => self.0.set_message(name.clone()),
            News::Happened(name, event) => match &event.what {
                What::Step { said, .. } => self.0.set_message(format!("{name}: {said}")),
                What::Phase(phase) => self.0.set_message(format!("{name}: {phase:?}").to_lowercase()),
                _ => self.0.tick(),
            },
            News::Ended(_) => self.0.inc(1),
        }
    }

    /// Does something that writes to the terminal while the line is out of the way.
    pub fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.0.suspend(act)
    }

    /// Counts what no news told of.
    pub fn one_more(&mut self) {
        self.0.inc(1);
    }

    /// Removes the line.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

//! A scenario in plain words, as one person would tell it to another.

mod life;
mod story;
mod words;

pub use story::explain;

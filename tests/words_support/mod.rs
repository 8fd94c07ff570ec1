//! The words of the scenario grammar: which there are, and which a scenario uses.

mod known;
mod used;

pub use known::known;
pub use used::used;

/// A word, and what it is one of: a variant and its type, or a field and its record.
pub type Word = (String, String);

/// Why a walk through a type ended.
#[derive(Debug)]
pub struct Ended(String);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Ended {}

impl serde::de::Error for Ended {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

impl serde::ser::Error for Ended {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self(what.to_string())
    }
}

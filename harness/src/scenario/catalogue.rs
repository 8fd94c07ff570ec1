//! Real failures of supervisors that scenarios guard against.

use std::sync::LazyLock;

use serde::Deserialize;

/// One kind of failure that was seen in the field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What scenarios call it.
    pub id: String,
    /// P0 (first) to P2.
    pub priority: String,
    /// The group that it belongs to.
    pub class: String,
    /// Ids of the invariants that have to notice it, the most telling first.
    pub invariants: Vec<String>,
    /// What goes wrong, in one sentence.
    pub failure: String,
}

static CATALOGUE: LazyLock<Vec<Entry>> =
    LazyLock::new(|| serde_json::from_str(include_str!("catalogue.json")).unwrap_or_default());

/// All of them, most important first.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

/// The one with this id.
pub fn entry(id: &str) -> Option<&'static Entry> {
    catalogue().iter().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_there_once_and_say_something() {
        assert_eq!(catalogue().len(), 90);
        for entry in catalogue() {
            assert_eq!(catalogue().iter().filter(|other| other.id == entry.id).count(), 1, "{}", entry.id);
            assert!(entry.failure.ends_with('.') && entry.failure.len() > 30, "{}", entry.id);
            // Balance is a figure, and nobody's failure.
            assert!(!entry.invariants.is_empty() || entry.class == "balance", "{}", entry.id);
        }
    }
}

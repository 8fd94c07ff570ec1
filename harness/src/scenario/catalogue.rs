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
    /// Where it was seen: issues as `owner/repository#number`, and `near owner/repository#number` if what was seen there only
    /// comes close to it.
    pub seen_in: Vec<String>,
    /// What goes wrong, in one sentence.
    pub failure: String,
}

impl Entry {
    /// Each place where it was seen: what it is called, and its address.
    pub fn sightings(&self) -> impl Iterator<Item = (&str, String)> {
        self.seen_in.iter().map(|seen| (seen.as_str(), address(seen).unwrap_or_default()))
    }
}

/// The address of an issue; [`None`] if this names none. A change that was proposed has a number like an issue, and is found there.
fn address(seen: &str) -> Option<String> {
    let (repository, number) = seen.strip_prefix("near ").unwrap_or(seen).split_once('#')?;
    let (owner, name) = repository.split_once('/')?;
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let number: u32 = number.parse().ok()?;
    (is_name(owner) && is_name(name)).then(|| format!("https://github.com/{owner}/{name}/issues/{number}"))
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
            assert!(!entry.seen_in.is_empty(), "{} was seen nowhere", entry.id);
            for (seen, address) in entry.sightings() {
                assert!(address.starts_with("https://"), "{}: {seen:?} is no `owner/repository#number`", entry.id);
            }
            // Balance is a figure, and nobody's failure.
            assert!(!entry.invariants.is_empty() || entry.class == "balance", "{}", entry.id);
        }
    }
    #[test]
    fn only_an_issue_has_an_address() {
        let there = "https://github.com/a-b/c.d/issues/7";
        assert_eq!(address("a-b/c.d#7").as_deref(), Some(there));
        assert_eq!(address("near a-b/c.d#7").as_deref(), Some(there));
        for wrong in ["", "a/b", "a#7", "a/b#", "a/b#x", "a/b/c#7", "nearly a/b#7", "/b#7"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}

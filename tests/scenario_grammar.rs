//! Eight failures of the field, written in the grammar: it can say what they need, and say it back in words.

use std::path::{Path, PathBuf};

use harness::scenario::{self, Scenario};

const ENTRIES: [&str; 8] = [
    "all-workers-drain-at-once",
    "early-signal",
    "event-order-undercount",
    "reload-broken-keeps-old",
    "sigchld-coalesced",
    "spawn-fails-transiently",
    "stdout-pipe-full",
    "term-during-reload",
];

fn read(path: &Path, name: &str) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap();
    scenario::parse(&text, name).unwrap_or_else(|problems| panic!("{problems}"))
}

fn entries() -> Vec<(String, Scenario)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/grammar");
    let files = scenario::find(&[folder]).unwrap();
    files.into_iter().map(|(name, path)| (name.clone(), read(&path, &name))).collect()
}

#[test]
fn eight_entries_of_the_catalogue_are_written_in_the_grammar() {
    let names: Vec<String> = entries().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ENTRIES);
    for (name, scenario) in entries() {
        assert!(scenario.guards_against.contains(&name), "{name}");
        assert!(scenario.forms().len() >= 2 || name == "event-order-undercount", "{name} has one form only");
    }
}

#[test]
fn each_is_explained_in_words() {
    for (name, scenario) in entries() {
        insta::assert_snapshot!(format!("explain_{name}"), scenario::explain(&scenario, &name));
    }
}

#[test]
fn what_is_written_back_reads_as_if_a_person_wrote_it() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let files = scenario::find(&[folder.join("scenarios"), folder.join("tests/grammar")]).unwrap();
    for (name, path) in files {
        let scenario = read(&path, &name);
        let written = scenario::to_ron(&scenario);
        let longest = written.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(120), "{name} has a line of {longest:?} columns:\n{written}");
        assert_eq!(scenario::parse(&written, &name).unwrap_or_else(|problems| panic!("{problems}")), scenario);
    }
    let (_, scenario) = entries().into_iter().find(|(name, _)| name == "reload-broken-keeps-old").unwrap();
    insta::assert_snapshot!("written_back", scenario::to_ron(&scenario));
}

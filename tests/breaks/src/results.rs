//! What became of each mutant: a file with a line for each, so that an interrupted run goes on.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::list::Mutant;

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This step failed.
    Caught(&'static str),
    /// This step took ten times as long as without it.
    Hung(&'static str),
    /// Nobody noticed.
    Missed,
    /// It is no program.
    DoesNotCompile,
}

/// All that is known.
pub struct Results {
    path: PathBuf,
    known: Mutex<BTreeMap<String, String>>,
}

impl Results {
    /// Goes on with this file, if there is one.
    ///
    /// # Errors
    /// It can't be read, or is something else.
    pub fn open(path: &Path) -> Result<Self, String> {
        let said = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let text = match fs::read_to_string(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(|why| said(&why))?,
        };
        let mut known = BTreeMap::new();
        // What was killed while it wrote left a line without an end, which says nothing.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            fs::write(path, &text[..whole]).map_err(|why| said(&why))?;
        }
        for line in text[..whole].lines() {
            let line: Value = serde_json::from_str(line).map_err(|why| said(&why))?;
            let word = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            known.insert(word("mutant"), word("outcome"));
        }
        Ok(Self { path: path.to_owned(), known: Mutex::new(known) })
    }

    /// Whether this one was tried.
    pub fn has(&self, mutant: &Mutant) -> bool {
        self.known().contains_key(&mutant.name)
    }

    /// Notes what became of one.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn add(&self, mutant: &Mutant, outcome: Outcome) -> Result<(), String> {
        let outcome = match outcome {
            Outcome::Caught(step) => format!("caught by the {step}"),
            Outcome::Hung(step) => format!("hangs the {step}"),
            Outcome::Missed => "missed".to_owned(),
            Outcome::DoesNotCompile => "does not compile".to_owned(),
        };
        let mut known = self.known();
        let line = format!("{}\n", json!({"mutant": mutant.name, "outcome": outcome}));
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|why| format!("{}: {why}", self.path.display()))?;
        known.insert(mutant.name.clone(), outcome);
        Ok(())
    }

    /// Says those that were missed, and how many of each; gives how many were missed.
    pub fn tell(&self) -> usize {
        let known = self.known();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, outcome) in known.iter() {
            *counts.entry(outcome).or_default() += 1;
            if outcome == "missed" {
                println!("MISSED {name}");
            }
        }
        println!("{} tried", known.len());
        counts.iter().for_each(|(outcome, count)| println!("{count:5} {outcome}"));
        counts.get("missed").copied().unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

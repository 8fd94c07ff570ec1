//! The file in which a soak keeps its runs: JSON lines, only ever appended to, so that it can be killed at any time and
//! gone on with. A line that was cut off by that is dropped; its run is made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::verdict::ExitCode;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Line {
    /// A soak begins, or goes on.
    Session(Session),
    /// A run is over.
    Run(Done),
}

/// Where and of what the runs after this line are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// What was tested: `git describe`, or the version of the build.
    pub commit: String,
    /// The subject's name.
    pub subject: String,
    /// What its version command said.
    pub subject_version: String,
    /// Facts about the host, by name.
    pub host: Vec<(String, String)>,
    /// What the machine was kept busy with meanwhile.
    pub stress: Vec<String>,
    /// How many runs side by side.
    pub jobs: u32,
    /// When, in seconds since 1970.
    pub began: u64,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The form as it is counted: the points of a sweep are one.
    pub form: String,
    /// The form that was run: `file::sweep_7`.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// What was tested.
    pub commit: String,
    /// The subject's name.
    pub subject: String,
    /// How the run came out.
    pub code: ExitCode,
    /// How the first attempt came out.
    pub first: ExitCode,
    /// How many attempts it took.
    pub attempts: u32,
    /// How long, in milliseconds.
    pub took_ms: u64,
}

/// What came out of the runs of one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Runs that are over.
    pub runs: u32,
    /// Of them failed, in whatever way.
    pub failed: u32,
    /// Of them stayed inconclusive.
    pub inconclusive: u32,
    /// Of them inconclusive at the first attempt.
    pub inconclusive_first: u32,
}

/// The file, open, and what is in it.
#[derive(Debug)]
pub struct Ledger {
    file: Option<File>,
    /// What was counted: a run that is there twice counts once.
    seen: BTreeSet<(String, u64)>,
    counts: BTreeMap<String, Count>,
    /// Runs of another commit or subject.
    pub others: u32,
}

impl Drop for Ledger {
    /// The lock goes with the last copy of the descriptor, and a process that is being started by another thread has one
    /// until it executes its program. So it is given back in so many words.
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            drop(file.unlock());
        }
    }
}

impl Ledger {
    /// Opens the file, or makes it, and counts the runs of this commit (of every commit if `None`) and subject. Without a
    /// path nothing is kept.
    ///
    /// # Errors
    /// It can't be read or written, another soak has it, or a line in it is none of ours.
    pub fn open(path: Option<&Path>, commit: Option<&str>, subject: &str) -> Result<Self, String> {
        let mut ledger = Self { file: None, seen: BTreeSet::new(), counts: BTreeMap::new(), others: 0 };
        let Some(path) = path else { return Ok(ledger) };
        let told = |why: String| format!("{}: {why}", path.display());
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(|why| told(why.to_string()))?;
        file.try_lock().map_err(|_| told("another soak is writing to it".to_owned()))?;
        let text = whole_lines(&mut file).map_err(|why| told(why.to_string()))?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line = serde_json::from_str(line).map_err(|why| told(format!("line {}: {why}", index + 1)))?;
            match line {
                Line::Run(done) if commit.is_some_and(|commit| commit != done.commit) || subject != done.subject => {
                    ledger.others += 1;
                }
                Line::Run(done) => ledger.count(&done),
                Line::Session(_) => {}
            }
        }
        ledger.file = Some(file);
        Ok(ledger)
    }

    /// Keeps a line, in one write, so that it is there as a whole or can be told from one that is.
    ///
    /// # Errors
    /// It can't be written.
    pub fn append(&mut self, line: &Line) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let mut text = serde_json::to_string(line)?;
            text.push('\n');
            file.write_all(text.as_bytes())?;
        }
        if let Line::Run(done) = line {
            self.count(done);
        }
        Ok(())
    }

    fn count(&mut self, done: &Done) {
        if !self.seen.insert((done.name.clone(), done.seed)) {
            return;
        }
        let count = self.counts.entry(done.form.clone()).or_default();
        count.runs += 1;
        count.inconclusive_first += u32::from(done.first == ExitCode::Inconclusive);
        match done.code {
            ExitCode::Ok => {}
            ExitCode::Inconclusive => count.inconclusive += 1,
            _ => count.failed += 1,
        }
    }

    /// What came out of a form's runs.
    pub fn of(&self, form: &str) -> Count {
        self.counts.get(form).copied().unwrap_or_default()
    }

    /// Whether this very run is there already.
    pub fn has(&self, name: &str, seed: u64) -> bool {
        self.seen.contains(&(name.to_owned(), seed))
    }
}

/// The text up to the last line feed; what comes after it was cut off, and is removed.
fn whole_lines(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64)?;
        bytes.truncate(whole);
    }
    String::from_utf8(bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn done(name: &str, seed: u64, commit: &str, codes: [ExitCode; 2]) -> Line {
        let [first, code] = codes;
        let (name, commit) = (name.to_owned(), commit.to_owned());
        let form = name.split("_").next().unwrap_or_default().to_owned();
        Line::Run(Done { form, name, seed, commit, subject: "reference".into(), code, first, attempts: 1, took_ms: 5 })
    }

    fn file(lines: &[Line], tail: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("soak.jsonl");
        let mut ledger = Ledger::open(Some(&path), None, "reference").expect("a new file");
        lines.iter().for_each(|line| ledger.append(line).expect("a line"));
        drop(ledger);
        let mut text = std::fs::read_to_string(&path).expect("the file");
        text.push_str(tail);
        std::fs::write(&path, text).expect("the file");
        (dir, path)
    }

    const OK: [ExitCode; 2] = [ExitCode::Ok; 2];

    #[test]
    fn what_was_kept_is_counted_again_and_once() {
        let doubtful = [ExitCode::Inconclusive, ExitCode::Ok];
        let lines = [
            done("a", 1, "x", OK),
            done("a", 1, "x", OK),
            done("a", 2, "x", doubtful),
            done("b::sweep_1", 1, "x", [ExitCode::Failed; 2]),
            done("b::sweep_2", 1, "x", [ExitCode::Inconclusive; 2]),
        ];
        let (_dir, path) = file(&lines, "");
        let ledger = Ledger::open(Some(&path), Some("x"), "reference").expect("our own file");
        assert_eq!(ledger.of("a"), Count { runs: 2, inconclusive_first: 1, ..Count::default() });
        assert_eq!(ledger.of("b::sweep"), Count { runs: 2, failed: 1, inconclusive: 1, inconclusive_first: 1 });
        assert!(ledger.has("b::sweep_2", 1) && !ledger.has("b::sweep_2", 2));
    }

    #[test]
    fn a_line_that_was_cut_off_is_dropped_and_the_file_goes_on() {
        let (_dir, path) = file(&[done("a", 1, "x", OK)], "{\"Run\":{\"form\":\"a\",\"na");
        let mut ledger = Ledger::open(Some(&path), Some("x"), "reference").expect("the tail is no error");
        ledger.append(&done("a", 2, "x", OK)).expect("a line");
        drop(ledger);
        assert_eq!(Ledger::open(Some(&path), Some("x"), "reference").expect("whole lines").of("a").runs, 2);
    }

    #[test]
    fn runs_of_another_commit_or_subject_are_not_counted() {
        let (_dir, path) = file(&[done("a", 1, "x", OK), done("a", 2, "y", OK)], "");
        let mine = Ledger::open(Some(&path), Some("x"), "reference").expect("our own file");
        assert_eq!((mine.of("a").runs, mine.others), (1, 1));
        drop(mine);
        let all = Ledger::open(Some(&path), None, "reference").expect("our own file");
        assert_eq!((all.of("a").runs, all.others), (2, 0));
        drop(all);
        assert_eq!(Ledger::open(Some(&path), None, "nginx").expect("our own file").others, 2);
    }

    #[test]
    fn a_file_of_something_else_or_of_a_running_soak_is_refused() {
        let (_dir, path) = file(&[], "hello\n");
        assert!(Ledger::open(Some(&path), None, "reference").expect_err("no line of ours").contains("line 1"));
        let (_dir, path) = file(&[], "");
        let _first = Ledger::open(Some(&path), None, "reference").expect("a free file");
        assert!(Ledger::open(Some(&path), None, "reference").expect_err("it is taken").contains("another soak"));
    }
}

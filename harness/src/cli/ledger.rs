//! The file in which a soak keeps its runs: JSON lines, only ever appended to, so that it can be killed at any time and
//! gone on with. A line that was cut off by that is dropped; its run is made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::iter::Sum;
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
    /// The commit of the source, for the reader: `git describe`, or the version of the build.
    pub commit: String,
    /// A digest of the binaries.
    #[serde(default)]
    pub build: String,
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
    /// The commit of the source, for the reader.
    pub commit: String,
    /// A digest of what was tested, and with what. Older files have none.
    #[serde(default)]
    pub tested: String,
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

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, count| Self {
            runs: sum.runs + count.runs,
            failed: sum.failed + count.failed,
            inconclusive: sum.inconclusive + count.inconclusive,
            inconclusive_first: sum.inconclusive_first + count.inconclusive_first,
        })
    }
}

/// The file, open, and what is in it.
#[derive(Debug)]
pub struct Ledger {
    file: Option<File>,
    /// What was counted: a run that is there twice counts once.
    seen: BTreeSet<(String, u64)>,
    counts: BTreeMap<String, Count>,
    /// Runs that are not counted.
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
    /// Opens the file, or makes it, and counts those of its runs that `counts` takes. Without a path nothing is kept.
    ///
    /// # Errors
    /// It can't be read or written, another soak has it, or something in it is none of ours; then it stays as it is.
    pub fn open(path: Option<&Path>, counts: impl Fn(&Done) -> bool) -> Result<Self, String> {
        let mut ledger = Self { file: None, seen: BTreeSet::new(), counts: BTreeMap::new(), others: 0 };
        let Some(path) = path else { return Ok(ledger) };
        let told = |why: String| format!("{}: {why}", path.display());
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(|why| told(why.to_string()))?;
        file.try_lock().map_err(|_| told("another soak is writing to it".to_owned()))?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(|why| told(why.to_string()))?;
        file.read_to_end(&mut bytes).map_err(|why| told(why.to_string()))?;
        let (whole, lines) = lines(&bytes).map_err(told)?;
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(|why| told(why.to_string()))?;
        }
        for line in lines {
            match line {
                Line::Run(done) if counts(&done) => ledger.count(&done),
                Line::Run(_) => ledger.others += 1,
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

/// The whole lines, and where they end: what comes after the last line feed was cut off. It may be dropped only from a file that
/// is ours beyond doubt.
fn lines(bytes: &[u8]) -> Result<(usize, Vec<Line>), String> {
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let (text, tail) = bytes.split_at(whole);
    let mut lines = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            lines.push(serde_json::from_slice(line).map_err(|why| format!("line {}: {why}", index + 1))?);
        }
    }
    let begins = |start: &[u8]| tail.starts_with(start) || start.starts_with(tail);
    if lines.is_empty() && !BEGINNINGS.iter().any(|start| begins(start)) {
        return Err("it is no file of a soak: it does not begin with a session or a run".to_owned());
    }
    Ok((whole, lines))
}

/// How a line of ours begins.
const BEGINNINGS: [&[u8]; 2] = [b"{\"Session\":", b"{\"Run\":"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn done(name: &str, seed: u64, tested: &str, codes: [ExitCode; 2]) -> Line {
        let [first, code] = codes;
        let (name, tested, commit) = (name.to_owned(), tested.to_owned(), "v1".to_owned());
        let form = name.split("_").next().unwrap_or_default().to_owned();
        let subject = "reference".to_owned();
        Line::Run(Done { form, name, seed, commit, tested, subject, code, first, attempts: 1, took_ms: 5 })
    }

    fn all(path: &Path) -> Result<Ledger, String> {
        Ledger::open(Some(path), |_| true)
    }

    fn file(lines: &[Line], tail: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("soak.jsonl");
        let mut ledger = all(&path).expect("a new file");
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
        let ledger = all(&path).expect("our own file");
        assert_eq!(ledger.of("a"), Count { runs: 2, inconclusive_first: 1, ..Count::default() });
        assert_eq!(ledger.of("b::sweep"), Count { runs: 2, failed: 1, inconclusive: 1, inconclusive_first: 1 });
        assert!(ledger.has("b::sweep_2", 1) && !ledger.has("b::sweep_2", 2));
    }

    #[test]
    fn a_line_that_was_cut_off_is_dropped_and_the_file_goes_on() {
        let (_dir, path) = file(&[done("a", 1, "x", OK)], "{\"Run\":{\"form\":\"a\",\"na");
        let mut ledger = all(&path).expect("the tail is no error");
        ledger.append(&done("a", 2, "x", OK)).expect("a line");
        drop(ledger);
        assert_eq!(all(&path).expect("whole lines").of("a").runs, 2);
    }

    #[test]
    fn runs_that_are_not_asked_for_are_not_counted() {
        let (_dir, path) = file(&[done("a", 1, "x", OK), done("a", 2, "y", OK)], "");
        let mine = Ledger::open(Some(&path), |done| done.tested == "x").expect("our own file");
        assert_eq!((mine.of("a").runs, mine.others), (1, 1));
    }

    #[test]
    fn a_run_of_before_there_were_digests_is_read_and_is_of_nothing_that_is_known() {
        let Line::Run(run) = done("a", 1, "x", OK) else { panic!("a run") };
        let text = serde_json::to_string(&Line::Run(run)).expect("text").replace("\"tested\":\"x\",", "");
        let (_dir, path) = file(&[], &(text + "\n"));
        let mine = Ledger::open(Some(&path), |done| done.tested.is_empty()).expect("our own file");
        assert_eq!(mine.of("a").runs, 1);
    }

    #[test]
    fn a_file_of_something_else_is_refused_and_stays_as_it_is() {
        for (text, why) in [
            ("hello\n", "line 1"),
            ("a diary without a line feed", "no file of a soak"),
            ("\n\nhello", "no file of a soak"),
            ("{\"Ran\": 1}", "no file of a soak"),
        ] {
            let (_dir, path) = file(&[], text);
            let refused = all(&path).expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
            assert_eq!(std::fs::read_to_string(&path).expect("the file"), text);
        }
        let (_dir, path) = file(&[done("a", 1, "x", OK)], "hello\n{\"Run\"");
        let before = std::fs::read(&path).expect("the file");
        assert!(all(&path).expect_err("not all lines are ours").contains("line 2"));
        assert_eq!(std::fs::read(&path).expect("the file"), before);
    }

    #[test]
    fn a_first_line_that_was_cut_off_is_ours() {
        for tail in ["", "{", "{\"Run\":{\"fo", "{\"Session\":{\"comm"] {
            let (_dir, path) = file(&[], tail);
            drop(all(&path).expect(tail));
            assert_eq!(std::fs::read_to_string(&path).expect("the file"), "");
        }
    }

    #[test]
    fn a_file_of_a_running_soak_is_refused() {
        let (_dir, path) = file(&[], "");
        let _first = all(&path).expect("a free file");
        assert!(all(&path).expect_err("it is taken").contains("another soak"));
    }
}

//! The copy of the workspace in which the mutants are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::list::Mutant;
use crate::places::{Id, places};
use crate::weave::{Woven, weave};

/// Where the switch is.
const CRATE: &str = "supervisor/src/lib.rs";

/// All but one are off, and which one is said once for the whole process.
const SWITCH: &str = "
/// Whether this mutant is the one that is tried.
pub fn broken(mutant: u32) -> bool {
    static CHOSEN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        std::env::var(\"BROKEN\").ok().and_then(|number| number.parse().ok()).unwrap_or(0)
    });
    *CHOSEN == mutant
}
";

/// A copy of the workspace, and the sources as they were.
pub struct Tree {
    root: PathBuf,
    sources: BTreeMap<PathBuf, String>,
}

impl Tree {
    /// The copy is in `root`; these mutants are of its files.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn new(root: &Path, mutants: &[Mutant]) -> Result<Self, String> {
        let files: BTreeSet<&PathBuf> = mutants.iter().map(|mutant| &mutant.file).collect();
        let read = |file: &PathBuf| {
            let source = fs::read_to_string(root.join(file)).map_err(|why| format!("{}: {why}", file.display()))?;
            Ok((file.clone(), source))
        };
        let sources = files.into_iter().chain([&PathBuf::from(CRATE)]).map(read).collect::<Result<_, String>>()?;
        Ok(Self { root: root.to_owned(), sources })
    }

    /// Puts all these mutants in, each behind its switch, but for those with which it does not compile; gives those that are in.
    ///
    /// # Errors
    /// It does not compile, for whatever other reason.
    pub fn weave(&self, mutants: &[(Id, &Mutant)]) -> Result<BTreeSet<Id>, String> {
        let mut left: BTreeSet<Id> = mutants.iter().map(|(id, _)| *id).collect();
        loop {
            let woven = self.write(mutants, &left)?;
            let inside = woven.values().flat_map(|woven| woven.due.iter().flat_map(|(_, ids)| ids.iter().copied()));
            left = inside.collect();
            let wrong = self.check()?;
            if wrong.is_empty() {
                return Ok(left);
            }
            let before = left.len();
            for (file, part, message) in wrong {
                let blamed = woven.get(&file).map_or(&[][..], |woven| woven.blamed(&part));
                if blamed.is_empty() {
                    eprintln!("due to no mutant: {}: {message}", file.display());
                }
                blamed.iter().for_each(|id| _ = left.remove(id));
            }
            eprintln!("{} mutants can't be put in like this; {} are left", before - left.len(), left.len());
            if left.len() == before {
                return Err("it does not compile".to_owned());
            }
        }
    }

    fn write(&self, mutants: &[(Id, &Mutant)], which: &BTreeSet<Id>) -> Result<BTreeMap<PathBuf, Woven>, String> {
        let mut all = BTreeMap::new();
        for (file, source) in &self.sources {
            let these = mutants.iter().filter(|(id, mutant)| which.contains(id) && mutant.file == *file);
            let these: Vec<(Id, &Mutant)> = these.copied().collect();
            let places = places(source, &these).map_err(|why| format!("{}: {why}", file.display()))?;
            let mut woven = weave(source, &places);
            if file == Path::new(CRATE) {
                woven.text.push_str(SWITCH);
            }
            self.replace(file, &woven.text)?;
            all.insert(file.clone(), woven);
        }
        Ok(all)
    }

    /// One mutant alone, as cargo-mutants would have it; false if it does not compile.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn put_in(&self, mutant: &Mutant) -> Result<bool, String> {
        self.restore()?;
        let source = &self.sources[&mutant.file];
        let Range { start, end } = mutant.span.bytes(source)?;
        self.replace(&mutant.file, &format!("{}{}{}", &source[..start], mutant.replacement, &source[end..]))?;
        Ok(self.check()?.is_empty())
    }

    /// All files as they were.
    ///
    /// # Errors
    /// A file can't be written.
    pub fn restore(&self) -> Result<(), String> {
        self.sources.iter().try_for_each(|(file, source)| self.replace(file, source))
    }

    fn replace(&self, file: &Path, text: &str) -> Result<(), String> {
        let path = self.root.join(file);
        if fs::read_to_string(&path).is_ok_and(|before| before == text) {
            return Ok(());
        }
        fs::write(&path, text).map_err(|why| format!("{}: {why}", path.display()))
    }

    /// What the compiler finds wrong: the file, the part of it, and what it is.
    fn check(&self) -> Result<Vec<(PathBuf, Range<usize>, String)>, String> {
        let messages = self.cargo(&["check", "--package", "supervisor", "--lib"], false)?;
        let errors = messages.iter().filter(|message| message["message"]["level"] == "error");
        let at = |message: &Value| {
            let message = &message["message"];
            let spans = message["spans"].as_array()?;
            let span = spans.iter().find(|span| span["is_primary"] == true)?;
            let byte = |name: &str| usize::try_from(span[name].as_u64()?).ok();
            let part = byte("byte_start")?..byte("byte_end")?;
            Some((span["file_name"].as_str()?.into(), part, message["message"].as_str()?.to_owned()))
        };
        Ok(errors.filter_map(at).collect())
    }

    /// Builds the tests of these targets and gives the programs, by the names of their targets.
    ///
    /// # Errors
    /// It does not compile.
    pub fn build(&self, arguments: &[&str]) -> Result<BTreeMap<String, PathBuf>, String> {
        let messages = self.cargo(arguments, true)?;
        let program = |message: &Value| {
            let path = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.to_owned(), path.into()))
        };
        Ok(messages.iter().filter_map(program).collect())
    }

    fn cargo(&self, arguments: &[&str], must: bool) -> Result<Vec<Value>, String> {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).args(["--locked", "--message-format", "json"]);
        let output =
            cargo.current_dir(&self.root).stderr(Stdio::null()).output().map_err(|why| format!("cargo: {why}"))?;
        if must && !output.status.success() {
            return Err(format!("cargo {}: {}", arguments.join(" "), output.status));
        }
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(|why| why.to_string())).collect()
    }
}

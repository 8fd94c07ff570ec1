//! Whether the tests notice a mutant.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::places::Id;
use crate::results::Outcome;

/// How often a running test is looked at.
const EVERY: Duration = Duration::from_millis(10);

/// Everything gets as long, however short it is: the machine may be slow meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// As long as it is not known how long a step takes.
const FIRST: Duration = Duration::from_secs(300);

/// One way to notice a mutant.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is called in the results.
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<&'static str>,
    folder: PathBuf,
    patience: Duration,
}

impl Step {
    /// A program of the build, and what it is told.
    ///
    /// # Errors
    /// There is no such program.
    pub fn new(
        name: &'static str,
        built: &BTreeMap<String, PathBuf>,
        program: &str,
        arguments: &[&'static str],
        folder: PathBuf,
    ) -> Result<Self, String> {
        let program = built.get(program).ok_or_else(|| format!("no program {program} was built"))?.clone();
        Ok(Self { name, program, arguments: arguments.to_vec(), folder, patience: FIRST })
    }

    /// The same program, told something else.
    pub fn instead(self, name: &'static str, arguments: &[&'static str]) -> Self {
        Self { name, arguments: arguments.to_vec(), ..self }
    }

    /// Has as much time as the same step of these, whose time is known.
    pub fn with_time_of(self, measured: &[Self]) -> Self {
        let same = measured.iter().find(|step| step.name == self.name);
        Self { patience: same.map_or(self.patience, |step| step.patience), ..self }
    }

    /// Looks how long it takes without any mutant.
    ///
    /// # Errors
    /// It fails without any.
    pub fn measure(mut self) -> Result<Self, String> {
        let start = Instant::now();
        if self.passes(0)? != Some(true) {
            return Err(format!("the {} fail without any mutant: {}", self.name, self.program.display()));
        }
        let took = start.elapsed();
        eprintln!("{}: {:.1} s", self.name, took.as_secs_f32());
        self.patience = PATIENCE.max(took * 10);
        Ok(self)
    }

    /// Whether it passes with this mutant; nothing if it does not end.
    ///
    /// # Errors
    /// It can't be run: that says nothing of the mutant.
    fn passes(&self, id: Id) -> Result<Option<bool>, String> {
        let said = |why: std::io::Error| format!("{}: {why}", self.program.display());
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).env("BROKEN", id.to_string()).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(said)?;
        let start = Instant::now();
        loop {
            match child.try_wait().map_err(said)? {
                Some(status) => return Ok(Some(status.success())),
                None if start.elapsed() < self.patience => std::thread::sleep(EVERY),
                None => {
                    end(&mut child);
                    return Ok(None);
                }
            }
        }
    }
}

/// Ends a test with all that it started.
fn end(child: &mut Child) {
    _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    _ = child.wait();
}

/// Tries a mutant by these steps, until one of them notices it.
///
/// # Errors
/// One of them can't be run.
pub fn attempt(steps: &[Step], id: Id) -> Result<Outcome, String> {
    for step in steps {
        match step.passes(id)? {
            Some(true) => {}
            Some(false) => return Ok(Outcome::Caught(step.name)),
            None => return Ok(Outcome::Hung(step.name)),
        }
    }
    Ok(Outcome::Missed)
}

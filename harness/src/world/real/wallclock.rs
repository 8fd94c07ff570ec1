//! The wall clock of the judged processes, which a scenario can set. The machine's own is never touched: a small library
//! in LD_PRELOAD (`wallclock.c`) adds an offset to what libc says, and the offset is in a file that all of them have mapped.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scenario::constructs;
use crate::world::Plan;

use super::{fnv, subject};

/// The library's source: one file, compiled by `cc` when it is needed first.
const SOURCE: &str = include_str!("wallclock.c");

/// Where the library finds the offset.
const VARIABLE: &str = "HARNESS_WALL_CLOCK";

/// The file that is mapped: the offset in nanoseconds, then how many processes have loaded the library.
const LOADS: u64 = 8;
const LENGTH: u64 = 16;

/// The wall clock of one run.
#[derive(Debug)]
pub struct WallClock {
    library: PathBuf,
    path: PathBuf,
    file: File,
    offset: i64,
}

impl WallClock {
    /// One that is right as yet, with its file in the run's directory.
    ///
    /// # Errors
    /// Why there can be none, in words.
    pub fn new(dir: &Path) -> Result<Self, String> {
        let library = library()?;
        let path = dir.join("wallclock");
        let open = File::options().read(true).write(true).create(true).truncate(true).open(&path);
        let file = open.and_then(|file| file.set_len(LENGTH).map(|()| file));
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { library, path, file, offset: 0 })
    }

    /// The environment of whoever is to live by it.
    pub fn env(&self) -> [(String, String); 2] {
        let shown = |path: &Path| path.display().to_string();
        [("LD_PRELOAD".to_owned(), shown(&self.library)), (VARIABLE.to_owned(), shown(&self.path))]
    }

    /// Sets it forward by so many nanoseconds more (back, if negative), for those who live by it now or later.
    ///
    /// # Errors
    /// The file can't be written; it is as it was then.
    pub fn step(&mut self, nanos: i64) -> Result<(), String> {
        let offset = self.offset.saturating_add(nanos);
        let written = self.file.write_all_at(&offset.to_ne_bytes(), 0);
        written.map_err(|error| format!("{}: {error}", self.path.display()))?;
        self.offset = offset;
        Ok(())
    }

    /// Whether somebody lives by it.
    ///
    /// # Errors
    /// Why nobody does, in words.
    pub fn is_seen(&self) -> Result<(), String> {
        if self.is_loaded().map_err(|error| format!("{}: {error}", self.path.display()))? {
            return Ok(());
        }
        Err("none of the subject's processes has loaded the library that sets its wall clock".to_owned())
    }

    fn is_loaded(&self) -> io::Result<bool> {
        let mut loads = [0; 8];
        self.file.read_exact_at(&mut loads, LOADS)?;
        Ok(u64::from_ne_bytes(loads) > 0)
    }
}

/// Why the wall clock of this plan's subject can't be set; `None` if it can, or need not be. The subject's own version
/// command is the test: a program that does not load the library, because it is static for instance, is found out.
pub fn lacks(plan: &Plan) -> Option<String> {
    // Where nothing is to be run there are no programs to try it with.
    if !constructs(&plan.scenario).contains("ClockStep") || plan.bins.harness.as_os_str().is_empty() {
        return None;
    }
    tried(plan).err().map(|why| format!("its wall clock can't be set: {why}"))
}

fn tried(plan: &Plan) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let clock = WallClock::new(dir.path())?;
    let command = subject::version_command(plan);
    let (program, args) = command.split_first().ok_or("the subject file has no `version` to try it with")?;
    let mut trial = Command::new(program);
    trial.args(args).envs(clock.env()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    trial.status().map_err(|error| format!("{program}: {error}"))?;
    match clock.is_loaded() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{program} does not load LD_PRELOAD (is it static?)")),
        Err(error) => Err(error.to_string()),
    }
}

/// The library, compiled once for each version of its source: in a folder of this user's own, because what is loaded into
/// other processes must not be written by others.
fn library() -> Result<PathBuf, String> {
    let user = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("supervision-harness-{user}"));
    let fail = |error: io::Error| format!("{}: {error}", folder.display());
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
        _ => {}
    }
    let there = fs::symlink_metadata(&folder).map_err(fail)?;
    if !there.is_dir() || there.uid() != user || there.mode() & 0o022 != 0 {
        return Err(format!("{} is not a folder of this user's own", folder.display()));
    }
    // Another source has another name.
    let done = folder.join(format!("wallclock-{:016x}.so", fnv::hash(SOURCE.as_bytes())));
    if !done.exists() {
        compile(&folder, &done)?;
    }
    Ok(done)
}

/// Under a name of its own first: others may compile it at the same time.
fn compile(folder: &Path, done: &Path) -> Result<(), String> {
    let words = |error: io::Error| error.to_string();
    let own = tempfile::tempdir_in(folder).map_err(words)?;
    let (source, library) = (own.path().join("wallclock.c"), own.path().join("wallclock.so"));
    fs::write(&source, SOURCE).map_err(words)?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl").stdin(Stdio::null());
    let output = cc.output().map_err(|error| format!("no C compiler (`cc`): {error}"))?;
    if !output.status.success() {
        return Err(format!("`cc` does not compile wallclock.c: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    fs::rename(&library, done).map_err(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `date` says, as seconds since 1970.
    fn date(clock: &WallClock) -> i64 {
        let output = Command::new("date").arg("+%s").envs(clock.env()).output().expect("date(1)");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }

    #[test]
    fn a_process_sees_the_step_and_the_machine_does_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut clock = WallClock::new(dir.path()).expect("a C compiler");
        assert!(clock.is_seen().is_err(), "nobody has loaded it yet");
        // Before anybody is born it can be set all the same.
        clock.step(3_600_000_000_000).expect("written");
        let early = date(&clock);
        clock.is_seen().expect("date has loaded it");
        clock.step(-3_600_000_000_000).expect("written");
        let before = date(&clock);
        assert!((3500..=3600).contains(&(early - before)), "{early} {before}");
        clock.step(3_600_000_000_000).expect("written");
        let ahead = date(&clock) - before;
        assert!((3600..3700).contains(&ahead), "{ahead}");
        clock.step(-2 * 3_600_000_000_000).expect("again");
        let behind = date(&clock) - before;
        assert!((-3600..-3500).contains(&behind), "{behind}");
        let own = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        assert!((own.as_secs() as i64 - before).abs() < 100);
    }
}

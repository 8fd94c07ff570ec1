//! Faults with an end. Whatever is on when the run is over, for whatever reason, is healed.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use crate::history::{Event, Proc, What};
use crate::scenario::{Attempt, Fault, FileFault, Owns, Reader, Span};
use crate::subject::{self, Questions};

use super::cgroup::{Controller, Group};
use super::clock;
use super::crowd::{Answers, Crowd};
use super::limits::Limits;
use super::outlets::{LogFile, Outlets};
use super::planted::{self, Planted};
use super::procfs;
use super::spoiled::Spoiled;
use super::stranger;
use super::tracer::Tracer;
use super::wallclock::WallClock;

/// How one fault is healed.
#[derive(Debug)]
enum Heal {
    /// The socket is closed.
    Release(#[allow(dead_code, reason = "held for its drop")] OwnedFd),
    /// The limits are set back.
    Limits(#[allow(dead_code, reason = "held for its drop")] Limits),
    /// The processes go back to the group that they were in.
    Ungroup(Group),
    /// What was planted is taken away, if it is still there.
    Uproot(Planted),
    /// There is a directory again.
    Make(PathBuf),
    /// The file is put back in its place; one that is somebody's, only as long as its owner lives.
    PutBack { file: Spoiled, owner: Option<Proc> },
    /// Somebody reads the output again.
    Read,
    /// What stands in the log file's place is taken away; nothing, if the supervisor has put a file there.
    Clear(PathBuf),
    /// The wall clock is set by so many nanoseconds.
    Clock(i64),
    /// They go.
    Leave(#[allow(dead_code, reason = "held for its drop")] Crowd),
    /// Calls are left alone again.
    Detach(Tracer),
}

/// The faults that are on.
#[derive(Debug)]
pub struct Faults {
    /// By the step that began them.
    on: BTreeMap<Vec<u32>, Heal>,
    address: SocketAddrV4,
    /// The run's directory.
    dir: PathBuf,
    /// How many files and groups bear a number of this run.
    numbered: u32,
    /// The program of the workers as the subject knows it.
    program: PathBuf,
    /// The subject's configuration file, if it has one.
    config: Option<PathBuf>,
    /// Where the subject has what the scenario asks for beside its address.
    owned: BTreeMap<&'static str, PathBuf>,
    /// Who has nothing to do with the subject.
    pub bystander: Option<Proc>,
    /// The subject's wall clock, if the scenario sets it.
    clock: Option<WallClock>,
    /// Where the workers' output comes out, if the scenario asks for that.
    pub outlets: Option<Outlets>,
    /// How it is asked.
    questions: Option<Questions>,
    /// What operators who ask are told.
    asked: Vec<Answers>,
    /// What is known when a fault is over.
    told: Vec<Event>,
}

impl Faults {
    /// None is on.
    pub fn new(
        address: SocketAddrV4,
        dir: &Path,
        config: Option<PathBuf>,
        owns: &[Owns],
        clock: Option<WallClock>,
        outlets: Option<Outlets>,
    ) -> Self {
        let owned = owns.iter().map(|one| (one.name(), subject::owned(dir, *one))).collect();
        let program = super::subject::program(dir);
        Self {
            on: BTreeMap::new(),
            address,
            dir: dir.to_owned(),
            numbered: 0,
            program,
            config,
            owned,
            bystander: None,
            clock,
            outlets,
            questions: None,
            asked: Vec::new(),
            told: Vec::new(),
        }
    }

    /// The same for a subject that is asked like this.
    pub fn asking(mut self, questions: &Option<Questions>) -> Self {
        self.questions.clone_from(questions);
        self
    }

    /// What was planted and belongs to somebody else, as it is now.
    pub fn foreign(&self) -> impl Iterator<Item = What> {
        self.on.values().filter_map(|heal| match heal {
            Heal::Uproot(planted) => planted.look(),
            _ => None,
        })
    }

    /// What operators were told since, and what is known of faults that are over.
    pub fn hear(&mut self, out: &mut Vec<Event>) {
        out.append(&mut self.told);
        self.asked.retain(|answers| answers.hear(out));
    }

    /// Whether somebody waits for an answer.
    pub fn await_answers(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The configuration file is another one from now on: none that was moved aside comes back.
    pub fn config_exchanged(&mut self) {
        let config = self.config.as_deref();
        self.on.retain(|_, heal| !matches!(heal, Heal::PutBack { file, .. } if Some(file.path()) == config));
    }

    /// A number that nothing of this run has yet.
    fn number(&mut self) -> u32 {
        self.numbered += 1;
        self.numbered
    }

    /// Moves a file aside, where nobody takes it for one of the subject's.
    fn spoil(&mut self, path: &Path, is: FileFault, owner: Option<Proc>) -> Result<Heal, String> {
        let aside = self.dir.join("aside").join(self.number().to_string());
        Spoiled::spoil(path, is, aside).map(|file| Heal::PutBack { file, owner })
    }

    fn spoil_owned(&mut self, which: &str, is: FileFault, supervisor: Option<Proc>) -> Result<Heal, String> {
        let path = self.owned.get(which).cloned().ok_or_else(|| format!("the subject has no {which}"))?;
        if is == FileFault::Missing {
            return self.spoil(&path, is, supervisor);
        }
        planted::plant(which, &path, is, self.bystander).map(Heal::Uproot)
    }

    /// Begins one. `supervisor`: if it lives.
    ///
    /// # Errors
    /// Why it can't be done, in words. Nothing is as the fault would have it then.
    pub fn begin(
        &mut self,
        step: Vec<u32>,
        fault: &Fault,
        on: &[Proc],
        supervisor: Option<Proc>,
    ) -> Result<(), String> {
        let heal = match fault {
            Fault::AddressHeld => self.hold_address(false)?,
            Fault::AddressShared => self.hold_address(true)?,
            Fault::Limit { resource, to, .. } => match Controller::of(resource) {
                Some(what) => {
                    let number = self.number();
                    Heal::Ungroup(Group::limit(&self.dir, number, on, what, *to)?)
                }
                None => Heal::Limits(Limits::lower(resource, *to, on)?),
            },
            Fault::File { which, is } if which == "program" => {
                let program = self.program.clone();
                self.spoil(&program, *is, None)?
            }
            Fault::File { which, is } if which == "config" => {
                let config = self.config.clone().ok_or("the subject has no configuration file")?;
                self.spoil(&config, *is, None)?
            }
            Fault::File { which, .. } if which == "directory" => delete(subject::own_directory(&self.dir))?,
            Fault::File { which, .. } if which == "workers directory" => delete(subject::workers_directory(&self.dir))?,
            Fault::File { which, is } if self.owned.contains_key(which.as_str()) => {
                self.spoil_owned(which, *is, supervisor)?
            }
            Fault::Operators { connections, say } => {
                let path = self.owned.get(Owns::Control.name()).ok_or("the subject has no control socket")?;
                let questions = self.questions.as_ref().ok_or("nobody knows how to ask the subject")?;
                let come = Crowd::come(path, *connections, say, questions);
                let (crowd, answers) = come.map_err(|error| error.to_string())?;
                self.asked.push(answers);
                Heal::Leave(crowd)
            }
            Fault::Stranger(attempt) => Heal::Release(self.attempt(attempt, on)?),
            Fault::Syscall { .. } => Heal::Detach(Tracer::attach(fault, on, &self.dir)?),
            Fault::ClockStep { by, back } => self.set_clock(nanos(*by, *back), supervisor.is_some())?,
            Fault::NotRead(Reader::LogReader) => {
                self.outlets.as_mut().ok_or("nobody reads the output")?.stop_reading(true)?;
                Heal::Read
            }
            Fault::Gone(Reader::LogReader) => {
                // Nothing heals it.
                return self.outlets.as_mut().ok_or("nobody reads the output")?.close_reader();
            }
            Fault::File { which, is } if which == "log" => spoil_log(self.log()?, *is)?,
            Fault::File { which, is } if which == "log directory" => {
                let folder = self.log()?.path().parent().ok_or("the log file is in no folder")?.to_owned();
                self.spoil(&folder, *is, None)?
            }
            Fault::Freeze(_) | Fault::File { .. } | Fault::PidReused => {
                return Err("not built for real processes".to_owned());
            }
        };
        self.on.insert(step, heal);
        Ok(())
    }

    /// Heals the one that this step began. One that is not on needs no healing.
    ///
    /// # Errors
    /// Why it can't be healed, in words.
    pub fn heal(&mut self, step: &[u32]) -> Result<(), String> {
        self.on.remove(step).map_or(Ok(()), |heal| self.apply(heal))
    }

    fn apply(&mut self, heal: Heal) -> Result<(), String> {
        match heal {
            // Dropping it is all.
            Heal::Release(_) | Heal::Limits(_) | Heal::Leave(_) => {}
            // Then dropping it is all as well.
            Heal::Ungroup(group) => {
                self.told.extend(group.idle().map(|why| Event::at(clock::now(), What::Incomplete { why })));
            }
            Heal::Detach(tracer) => self.told.extend(tracer.detach()),
            Heal::Uproot(planted) => planted.uproot(),
            Heal::Make(path) => make(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?,
            Heal::Clear(path) => clear(&path).map_err(|error| format!("cannot clear {}: {error}", path.display()))?,
            // Whoever sees it is not asked again: a subject that has gone needs no clock.
            Heal::Clock(nanos) => drop(self.set_clock(nanos, false)?),
            Heal::Read => self.outlets.as_mut().map_or(Ok(()), |outlets| outlets.stop_reading(false))?,
            // It went with its owner.
            Heal::PutBack { owner: Some(owner), .. } if !procfs::lives(owner) => {}
            Heal::PutBack { file, .. } => {
                let of_log = self.log().is_ok_and(|log| log.path().parent() == Some(file.path()));
                if let Some(aside) = file.put_back()?
                    && of_log
                {
                    self.log()?.folder_replaced(&aside);
                }
            }
        }
        Ok(())
    }

    /// What somebody of another user tries, and what is open as long as that lasts.
    fn attempt(&self, attempt: &Attempt, on: &[Proc]) -> Result<OwnedFd, String> {
        match attempt {
            Attempt::Order(order) => {
                let path = self.owned.get(Owns::Control.name()).ok_or("the subject has no control socket")?;
                let line = self.questions.as_ref().and_then(|questions| questions.order(order));
                stranger::order(path, &line.ok_or("nobody knows how to order that")?)
            }
            Attempt::Notify(_, text) => stranger::notify(on, text),
        }
    }

    fn log(&mut self) -> Result<&mut LogFile, String> {
        self.outlets.as_mut().and_then(Outlets::log).ok_or_else(|| "the subject has no log file".to_owned())
    }

    /// `seen`: somebody has to see it.
    fn set_clock(&mut self, nanos: i64, seen: bool) -> Result<Heal, String> {
        let clock = self.clock.as_mut().ok_or("the subject's wall clock can't be set")?;
        if seen {
            clock.is_seen()?;
        }
        clock.step(nanos)?;
        Ok(Heal::Clock(nanos.saturating_neg()))
    }

    fn hold_address(&self, shared: bool) -> Result<Heal, String> {
        let held = || -> rustix::io::Result<OwnedFd> {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            sockopt::set_socket_reuseport(&socket, shared)?;
            bind(&socket, &self.address)?;
            listen(&socket, 1)?;
            Ok(socket)
        };
        held().map(Heal::Release).map_err(|error| format!("cannot hold {}: {error}", self.address))
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // The innermost first. Nobody is there any more who could be told of one that can't be healed.
        while let Some((_, heal)) = self.on.pop_last() {
            let _ = self.apply(heal);
        }
    }
}

/// A step of the clock in nanoseconds.
fn nanos(by: Span, back: bool) -> i64 {
    let nanos = i64::try_from(by.0.as_nanos()).unwrap_or(i64::MAX);
    if back { -nanos } else { nanos }
}

/// Deletes a directory, in which nothing is; whoever has it as its own stays in it.
fn delete(path: PathBuf) -> Result<Heal, String> {
    std::fs::remove_dir(&path).map_err(|error| format!("cannot delete {}: {error}", path.display()))?;
    Ok(Heal::Make(path))
}

/// Makes a directory that anybody may enter who may enter the one around it.
pub fn make(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// Takes away what stands in the log file's place. A file there is the supervisor's.
fn clear(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path).map(|is| is.file_type()) {
        Ok(is) if is.is_dir() => std::fs::remove_dir(path),
        Ok(is) if is.is_symlink() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// Moves the log file away, as who rotates logs does: whoever has it open goes on with it. In its place is what can't be
/// opened, or what takes nothing, by whomever.
fn spoil_log(log: &mut LogFile, how: FileFault) -> Result<Heal, String> {
    let fail = |error: std::io::Error| format!("cannot spoil the log: {error}");
    let path = log.path().to_owned();
    if !matches!(how, FileFault::Missing | FileFault::Directory | FileFault::Full) {
        return Err(format!("a log file can't be made {how:?}"));
    }
    log.move_away().map_err(fail)?;
    match how {
        FileFault::Directory => std::fs::create_dir(&path).map_err(fail)?,
        FileFault::Full => std::os::unix::fs::symlink("/dev/full", &path).map_err(fail)?,
        _ => {}
    }
    Ok(Heal::Clear(path))
}

#[cfg(test)]
mod tests;

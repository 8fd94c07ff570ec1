//! Faults with an end. Whatever is on when the run is over, for whatever reason, is healed.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::history::{Proc, What};
use crate::scenario::{Fault, FileFault, Owns, Span, Target};
use crate::subject;

use super::cgroup::Group;
use super::outlets::{LogFile, Outlets};
use super::planted::{self, Planted};
use super::wallclock::WallClock;

/// How one fault is healed.
#[derive(Debug)]
enum Heal {
    /// The socket is closed.
    Release(#[allow(dead_code, reason = "held for its drop")] OwnedFd),
    /// The limits are set back.
    Limits(Vec<(Proc, Resource, Rlimit)>),
    /// The processes go back to the group that they were in.
    Ungroup(#[allow(dead_code, reason = "held for its drop")] Group),
    /// What was planted is taken away, if it is still there.
    Uproot(Planted),
    /// The file is put back in its place.
    PutBack { aside: PathBuf, to: PathBuf },
    /// Somebody reads the output again.
    Read,
    /// What stands in the log file's place is taken away; nothing, if the supervisor has put a file there.
    Clear(PathBuf),
    /// The wall clock is set by so many nanoseconds.
    Clock(i64),
}

/// The faults that are on.
#[derive(Debug)]
pub struct Faults {
    on: BTreeMap<String, Heal>,
    address: SocketAddrV4,
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
        Self { on: BTreeMap::new(), address, program, config, owned, bystander: None, clock, outlets }
    }

    /// What was planted and belongs to somebody else, as it is now.
    pub fn foreign(&self) -> impl Iterator<Item = What> {
        self.on.values().filter_map(|heal| match heal {
            Heal::Uproot(planted) => planted.look(),
            _ => None,
        })
    }

    fn spoil_owned(&self, which: &str, is: FileFault) -> Result<Heal, String> {
        let Some(path) = self.owned.get(which) else { return Err(format!("the subject has no {which}")) };
        if is == FileFault::Missing {
            return spoil(path, is);
        }
        planted::plant(which, path, is, self.bystander).map(Heal::Uproot)
    }

    /// Begins one.
    ///
    /// # Errors
    /// Why it can't be done, in words.
    pub fn begin(&mut self, fault: &Fault, on: &[Proc]) -> Result<(), String> {
        let heal = match fault {
            Fault::AddressHeld => self.hold_address()?,
            Fault::Limit { resource, to, .. } if resource == "memory" => Heal::Ungroup(Group::limit(on, *to)?),
            Fault::Limit { resource, to, .. } => limit(resource, *to, on)?,
            Fault::File { which, is } if which == "program" => spoil(&self.program, *is)?,
            Fault::File { which, is } if which == "config" => {
                spoil(self.config.as_deref().ok_or("the subject has no configuration file")?, *is)?
            }
            Fault::File { which, is } if self.owned.contains_key(which.as_str()) => self.spoil_owned(which, *is)?,
            Fault::ClockStep { by, back } => self.set_clock(nanos(*by, *back))?,
            Fault::NotRead(Target::LogReader) => {
                self.outlets.as_mut().ok_or("nobody reads the output")?.stop_reading(true)?;
                Heal::Read
            }
            Fault::File { which, is } if which == "log" => spoil_log(self.log()?, *is)?,
            Fault::File { which, is } if which == "log directory" => {
                spoil(self.log()?.path().parent().ok_or("the log file is in no folder")?, *is)?
            }
            Fault::Freeze(_) | Fault::File { .. } | Fault::NotRead(_) | Fault::Syscall { .. } => {
                return Err("not built for real processes".to_owned());
            }
        };
        self.on.insert(format!("{fault:?}"), heal);
        Ok(())
    }

    /// Heals one. One that is not on needs no healing.
    pub fn heal(&mut self, fault: &Fault) {
        if let Some(heal) = self.on.remove(&format!("{fault:?}")) {
            self.apply(heal);
        }
    }

    fn apply(&mut self, heal: Heal) {
        match heal {
            // It was set before, so somebody sees it; and a subject that has gone needs no clock.
            Heal::Clock(nanos) => drop(self.set_clock(nanos)),
            // It could be told to stop, so there is one.
            Heal::Read => drop(self.outlets.as_mut().map(|outlets| outlets.stop_reading(false))),
            other => other.apply(),
        }
    }

    fn log(&mut self) -> Result<&mut LogFile, String> {
        self.outlets.as_mut().and_then(Outlets::log).ok_or_else(|| "the subject has no log file".to_owned())
    }

    fn set_clock(&mut self, nanos: i64) -> Result<Heal, String> {
        let clock = self.clock.as_mut().ok_or("the subject's wall clock can't be set")?;
        clock.step(nanos)?;
        Ok(Heal::Clock(nanos.saturating_neg()))
    }

    fn hold_address(&self) -> Result<Heal, String> {
        let held = || -> rustix::io::Result<OwnedFd> {
            let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            bind(&socket, &self.address)?;
            listen(&socket, 1)?;
            Ok(socket)
        };
        held().map(Heal::Release).map_err(|error| format!("cannot hold {}: {error}", self.address))
    }
}

impl Heal {
    fn apply(self) {
        match self {
            // Dropping it is all.
            // The clock and the reader are the run's, and end with it.
            Self::Release(_) | Self::Clock(_) | Self::Read | Self::Ungroup(_) => {}
            Self::Uproot(planted) => planted.uproot(),
            Self::Limits(limits) => {
                for (proc, resource, limit) in limits {
                    // A process that has ended needs no limit.
                    let _ = prlimit(pid(proc), resource, limit);
                }
            }
            Self::Clear(path) => {
                let is = std::fs::symlink_metadata(&path).map(|is| is.file_type());
                // In the run's directory nobody else takes it away.
                let _ = match is {
                    Ok(is) if is.is_dir() => std::fs::remove_dir(path),
                    Ok(is) if is.is_symlink() => std::fs::remove_file(path),
                    _ => Ok(()),
                };
            }
            Self::PutBack { aside, to } => {
                // Replaces whatever is there now. It can't fail but with the run's directory gone, which heals as well.
                let _ = std::fs::rename(aside, to);
            }
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        std::mem::take(&mut self.on).into_values().for_each(Heal::apply);
    }
}

/// A step of the clock in nanoseconds.
fn nanos(by: Span, back: bool) -> i64 {
    let nanos = i64::try_from(by.0.as_nanos()).unwrap_or(i64::MAX);
    if back { -nanos } else { nanos }
}

/// Moves the log file away, as who rotates logs does: whoever has it open goes on with it. In its place is what can't be
/// opened, or what takes nothing, by whomever.
fn spoil_log(log: &mut LogFile, how: FileFault) -> Result<Heal, String> {
    let fail = |error: std::io::Error| format!("cannot spoil the log: {error}");
    let path = log.path().to_owned();
    log.move_away().map_err(fail)?;
    match how {
        FileFault::Missing => {}
        FileFault::Directory => std::fs::create_dir(&path).map_err(fail)?,
        FileFault::Full => std::os::unix::fs::symlink("/dev/full", &path).map_err(fail)?,
        other => return Err(format!("a log file can't be made {other:?}")),
    }
    Ok(Heal::Clear(path))
}

/// Moves a file aside and puts what is wrong with it in its place.
fn spoil(path: &Path, how: FileFault) -> Result<Heal, String> {
    let aside = path.with_extension("aside");
    let fail = |error: std::io::Error| format!("cannot spoil {}: {error}", path.display());
    let mode = match how {
        FileFault::Missing => None,
        FileFault::Forbidden => Some(0o000),
        FileFault::Empty => Some(0o700),
        FileFault::Full => return Err(format!("{} is on a filesystem that can't be filled", path.display())),
        FileFault::Stale | FileFault::Foreign | FileFault::Garbage | FileFault::Directory => {
            return Err(format!("{} belongs to nobody but the harness", path.display()));
        }
    };
    std::fs::rename(path, &aside).map_err(fail)?;
    let heal = Heal::PutBack { aside, to: path.to_owned() };
    if let Some(mode) = mode {
        let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        if let Err(error) = written {
            heal.apply();
            return Err(fail(error));
        }
    }
    Ok(heal)
}

fn pid(proc: Proc) -> Option<Pid> {
    i32::try_from(proc.pid).ok().and_then(Pid::from_raw)
}

fn limit(name: &str, to: u64, on: &[Proc]) -> Result<Heal, String> {
    let resource = match name {
        "NOFILE" => Resource::Nofile,
        "NPROC" => Resource::Nproc,
        "AS" => Resource::As,
        _ => return Err(format!("the limit `{name}` is not built for real processes")),
    };
    let mut former = Vec::new();
    for proc in on {
        let target = pid(*proc).ok_or("no process")?;
        // Twice, as the hard limit must stay where it is: lowering that one could not be undone without privilege.
        let old = prlimit(Some(target), resource, Rlimit { current: Some(to), maximum: None }).or_else(|_| {
            let maximum = rustix::process::getrlimit(resource).maximum;
            prlimit(Some(target), resource, Rlimit { current: Some(to), maximum })
        });
        let old = old.map_err(|error| format!("cannot limit {name} of {}: {error}", proc.pid))?;
        let _ = prlimit(Some(target), resource, Rlimit { current: Some(to), maximum: old.maximum });
        former.push((*proc, resource, old));
    }
    Ok(Heal::Limits(former))
}

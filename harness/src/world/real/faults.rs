//! Faults with an end. Whatever is on when the run is over, for whatever reason, is healed.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::history::Proc;
use crate::scenario::{Fault, FileFault};

/// How one fault is healed.
#[derive(Debug)]
enum Heal {
    /// The socket is closed.
    Release(#[allow(dead_code, reason = "held for its drop")] OwnedFd),
    /// The limits are set back.
    Limits(Vec<(Proc, Resource, Rlimit)>),
    /// The file is moved back.
    Rename { from: PathBuf, to: PathBuf },
}

/// The faults that are on.
#[derive(Debug)]
pub struct Faults {
    on: BTreeMap<String, Heal>,
    address: SocketAddrV4,
    /// The program of the workers as the subject knows it.
    program: PathBuf,
}

impl Faults {
    /// None is on.
    pub fn new(address: SocketAddrV4, program: PathBuf) -> Self {
        Self { on: BTreeMap::new(), address, program }
    }

    /// Begins one.
    ///
    /// # Errors
    /// Why it can't be done, in words.
    pub fn begin(&mut self, fault: &Fault, on: &[Proc]) -> Result<(), String> {
        let heal = match fault {
            Fault::AddressHeld => self.hold_address()?,
            Fault::Limit { resource, to, .. } => limit(resource, *to, on)?,
            Fault::File { which, is: FileFault::Missing } if which == "program" => self.hide_program()?,
            Fault::Freeze(_)
            | Fault::File { .. }
            | Fault::NotRead(_)
            | Fault::Syscall { .. }
            | Fault::ClockStep { .. } => return Err("not built for real processes".to_owned()),
        };
        self.on.insert(format!("{fault:?}"), heal);
        Ok(())
    }

    /// Heals one. One that is not on needs no healing.
    pub fn heal(&mut self, fault: &Fault) {
        if let Some(heal) = self.on.remove(&format!("{fault:?}")) {
            heal.apply();
        }
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

    fn hide_program(&self) -> Result<Heal, String> {
        let aside = self.program.with_extension("aside");
        std::fs::rename(&self.program, &aside)
            .map_err(|error| format!("cannot move {}: {error}", self.program.display()))?;
        Ok(Heal::Rename { from: aside, to: self.program.clone() })
    }
}

impl Heal {
    fn apply(self) {
        match self {
            // Dropping it is all.
            Self::Release(_) => {}
            Self::Limits(limits) => {
                for (proc, resource, limit) in limits {
                    // A process that has ended needs no limit.
                    let _ = prlimit(pid(proc), resource, limit);
                }
            }
            Self::Rename { from, to } => {
                // It fails if somebody has put a new one there, which heals as well.
                let _ = std::fs::rename(from, to);
            }
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        std::mem::take(&mut self.on).into_values().for_each(Heal::apply);
    }
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

//! Resource limits of live processes that are lower for a while.

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::history::Proc;

use super::{environment, procfs};

/// CAP_SYS_ADMIN and CAP_SYS_RESOURCE.
const ABOVE: u64 = 1 << 21 | 1 << 24;

/// Why a limit would bind nobody here, in words; `None` if it would. Fork asks for that of processes only where it has a user
/// without privilege (getrlimit(2)), and the subject runs as the harness does.
pub fn forbids(resource: &str) -> Option<String> {
    let own = environment::own().ok()?;
    let exempt = own.user.first() == Some(&0) || own.capabilities & ABOVE != 0;
    (resource == "NPROC" && exempt).then(|| "here: the limit NPROC does not bind this user (try `pids`)".to_owned())
}

/// What the limits were; they are so again when this is dropped.
#[derive(Debug)]
pub struct Limits {
    resource: Resource,
    former: Vec<(Proc, Rlimit)>,
}

impl Limits {
    /// Lowers one of each process that is there.
    ///
    /// # Errors
    /// Why it can't be done, in words. All limits are as they were then.
    pub fn lower(name: &str, to: u64, on: &[Proc]) -> Result<Self, String> {
        let resource = match name {
            "NOFILE" => Resource::Nofile,
            "NPROC" => Resource::Nproc,
            "AS" => Resource::As,
            _ => return Err(format!("the limit `{name}` is not built for real processes")),
        };
        let mut limits = Self { resource, former: Vec::new() };
        for pid in on.iter().map(|proc| proc.pid) {
            let Some(proc) = procfs::proc_of(pid) else { continue };
            match lower(proc, resource, to) {
                Ok(former) => limits.former.push((proc, former)),
                // It has ended meanwhile, and needs no limit.
                Err(Errno::SRCH) => {}
                Err(error) => return Err(format!("cannot limit {name} of {pid}: {error}")),
            }
        }
        Ok(limits)
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        for (proc, former) in &self.former {
            // Its number may be somebody else's by now.
            if procfs::proc_of(proc.pid) == Some(*proc) {
                let _ = prlimit(pid(*proc), self.resource, *former);
            }
        }
    }
}

/// Lowers one limit; what it was.
fn lower(proc: Proc, resource: Resource, to: u64) -> Result<Rlimit, Errno> {
    let target = pid(proc).ok_or(Errno::SRCH)?;
    // Twice, as the hard limit must stay where it is: lowering that one could not be undone without privilege.
    let former = prlimit(Some(target), resource, Rlimit { current: Some(to), maximum: None }).or_else(|_| {
        let maximum = rustix::process::getrlimit(resource).maximum;
        prlimit(Some(target), resource, Rlimit { current: Some(to), maximum })
    })?;
    let _ = prlimit(Some(target), resource, Rlimit { current: Some(to), maximum: former.maximum });
    Ok(former)
}

fn pid(proc: Proc) -> Option<Pid> {
    i32::try_from(proc.pid).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> (Child, Proc) {
        let child = Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let proc = procfs::proc_of(child.id()).expect("it lives");
        (child, proc)
    }

    /// The soft limit of open files, as the kernel tells it.
    fn nofile(of: Proc) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/limits", of.pid)).expect("it lives");
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files")).expect("the kernel tells it");
        line.split_ascii_whitespace().next().expect("a number").to_owned()
    }

    fn end(mut child: Child) {
        child.kill().expect("ours");
        child.wait().expect("ours");
    }

    #[test]
    fn who_has_gone_is_left_out_and_nothing_is_left_of_what_fails() {
        let (lives, proc) = sleeper();
        let (gone, former) = sleeper();
        end(gone);
        let before = nofile(proc);
        let limits = Limits::lower("NOFILE", 7, &[former, proc]).expect("one of them is there");
        assert_eq!(nofile(proc), "7");
        let inner = Limits::lower("NOFILE", 5, &[proc]).expect("it is there");
        assert_eq!(nofile(proc), "5");
        drop(inner);
        assert_eq!(nofile(proc), "7");
        drop(limits);
        assert_eq!(nofile(proc), before);
        assert!(Limits::lower("cpu", 7, &[proc]).is_err());
        end(lives);
    }
}

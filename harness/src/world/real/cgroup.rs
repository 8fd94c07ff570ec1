//! A memory limit on live processes: a control group of their own for a while.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::history::Proc;

/// Where groups are made, and the file with the limit: of the first version of cgroups, and of the second.
const PLACES: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// Processes in a group of their own.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    /// Where they go when it is over.
    base: &'static str,
}

/// Why no such group can be made here, in words; `None` if one can.
pub fn forbids() -> Option<String> {
    match make("probe") {
        Ok((path, ..)) => {
            // Made and empty: it can be removed.
            let _ = fs::remove_dir(path);
            None
        }
        Err(why) => Some(format!("here: no memory cgroup can be made ({why})")),
    }
}

fn make(name: &str) -> io::Result<(PathBuf, &'static str, &'static str)> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for (base, limit) in PLACES {
        let path = Path::new(base).join(format!("run-{}-{name}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) if path.join(limit).exists() => return Ok((path, base, limit)),
            Ok(()) => {
                last = io::Error::other(format!("{base} has no memory controller"));
                let _ = fs::remove_dir(path);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Group {
    /// Moves `on` into a group that may use so many bytes from now on.
    ///
    /// # Errors
    /// Why it can't be done, in words.
    pub fn limit(on: &[Proc], bytes: u64) -> Result<Self, String> {
        let (path, base, limit) = make("memory").map_err(|why| format!("no memory cgroup can be made: {why}"))?;
        let group = Self { path, base };
        let fail = |why: io::Error| format!("{}: {why}", group.path.display());
        fs::write(group.path.join(limit), bytes.to_string()).map_err(fail)?;
        for proc in on {
            fs::write(group.path.join("cgroup.procs"), proc.pid.to_string()).map_err(fail)?;
        }
        Ok(group)
    }
}

impl Drop for Group {
    /// Whoever lives goes back to the group above.
    fn drop(&mut self) {
        let base = Path::new(self.base).join("cgroup.procs");
        for pid in fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default().lines() {
            // One that has just ended is in no group.
            let _ = fs::write(&base, pid);
        }
        // Busy if somebody ends just now: then it is removed with the next run's, or with the host.
        let _ = fs::remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::real::procfs;

    #[test]
    fn a_process_is_in_the_group_until_it_is_over() {
        if let Some(why) = forbids() {
            eprintln!("skipped: {why}");
            return;
        }
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
        let proc = procfs::proc_of(child.id()).expect("it lives");
        let group = Group::limit(&[proc], 64 << 20).expect("a group");
        let path = group.path.clone();
        let members = fs::read_to_string(path.join("cgroup.procs")).expect("readable");
        assert_eq!(members.trim(), child.id().to_string());
        drop(group);
        assert!(!path.exists());
        assert!(procfs::proc_of(child.id()).is_some(), "it lives on");
        child.kill().expect("ours");
        child.wait().expect("ours");
    }
}

//! A memory limit on live processes: a control group of their own for a while.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::history::Proc;

/// Where groups are made, and the file with the limit: of the first version of cgroups, and of the second.
const PLACES: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// The file with the pids of those who are in a group.
const MEMBERS: &str = "cgroup.procs";

/// Processes in a group of their own.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    /// Which of them were where before.
    former: Vec<(u32, PathBuf)>,
}

/// Why no such group can be made here, in words; `None` if one can.
pub fn forbids() -> Option<String> {
    match make(&format!("probe-{}", std::process::id())) {
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
        let path = Path::new(base).join(name);
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

/// Removes all groups of the run with this directory, which nobody is in any more.
///
/// # Errors
/// Those of rmdir(2).
pub fn remove_all(run: &Path) -> io::Result<()> {
    let prefix = name(run, "");
    let entries = PLACES.iter().filter_map(|(base, _)| fs::read_dir(base).ok()).flat_map(|entries| entries.flatten());
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
        match fs::remove_dir(entry.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A group of a run has the name of its directory, so that whoever cleans up after it finds it.
fn name(run: &Path, number: impl std::fmt::Display) -> String {
    format!("{}-{number}", run.file_name().unwrap_or_default().to_string_lossy())
}

/// Where a process is among the groups below `base`; `None` if it is in none that can be seen.
fn home(pid: u32, base: &str) -> Option<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let unified = base == PLACES[1].0;
    let path = text.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let here = if unified { controllers.is_empty() } else { controllers.split(',').any(|one| one == "memory") };
        here.then_some(path)
    });
    let home = Path::new(base).join(path?.trim_start_matches('/'));
    home.join(MEMBERS).exists().then_some(home)
}

impl Group {
    /// Moves `on` into a group of this run that may use so many bytes from now on.
    ///
    /// # Errors
    /// Why it can't be done, in words. Everybody is where they were then.
    pub fn limit(run: &Path, number: u32, on: &[Proc], bytes: u64) -> Result<Self, String> {
        let made = make(&name(run, number)).map_err(|why| format!("no memory cgroup can be made: {why}"));
        let (path, base, limit) = made?;
        let mut group = Self { path, former: Vec::new() };
        let fail = |why: io::Error| format!("a memory cgroup below {base}: {why}");
        fs::write(group.path.join(limit), bytes.to_string()).map_err(fail)?;
        for pid in on.iter().map(|proc| proc.pid) {
            let home = home(pid, base).unwrap_or_else(|| PathBuf::from(base));
            match fs::write(group.path.join(MEMBERS), pid.to_string()) {
                Ok(()) => group.former.push((pid, home)),
                // It has ended, and uses nothing.
                Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
                Err(error) => return Err(fail(error)),
            }
        }
        Ok(group)
    }
}

impl Drop for Group {
    /// Whoever lives goes back to where it was, and whoever was born here to where the first of them was.
    fn drop(&mut self) {
        for pid in fs::read_to_string(self.path.join(MEMBERS)).unwrap_or_default().lines() {
            let was = self.former.iter().find(|(one, _)| one.to_string() == pid).or(self.former.first());
            if let Some((_, home)) = was {
                // One that has just ended is in no group.
                let _ = fs::write(home.join(MEMBERS), pid);
            }
        }
        // Busy if somebody ends just now: then it goes with the run.
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
        let mut outer = sleeper();
        let mut inner = sleeper();
        let procs = [&outer, &inner].map(|child| procfs::proc_of(child.id()).expect("it lives"));
        let run = PathBuf::from(format!("/nowhere/cgroup-test-{}", std::process::id()));
        let members = |group: &Group| fs::read_to_string(group.path.join(MEMBERS)).expect("readable");
        let pids = |procs: &[Proc]| procs.iter().map(|proc| format!("{}\n", proc.pid)).collect::<String>();
        let group = Group::limit(&run, 1, &procs, 64 << 20).expect("a group");
        assert_eq!(members(&group), pids(&procs));
        // It goes back to where it was, which is not where the harness is.
        let within = Group::limit(&run, 2, &procs[1..], 32 << 20).expect("a group");
        assert_eq!((members(&group), members(&within)), (pids(&procs[..1]), pids(&procs[1..])));
        drop(within);
        assert_eq!(members(&group), pids(&procs));
        let path = group.path.clone();
        drop(group);
        assert!(!path.exists());
        for child in [&mut outer, &mut inner] {
            assert!(procfs::proc_of(child.id()).is_some(), "it lives on");
            child.kill().expect("ours");
            child.wait().expect("ours");
        }
    }

    #[test]
    fn what_a_run_leaves_is_found_by_its_name() {
        if let Some(why) = forbids() {
            eprintln!("skipped: {why}");
            return;
        }
        let run = PathBuf::from(format!("/nowhere/cgroup-left-{}", std::process::id()));
        let group = Group::limit(&run, 7, &[], 64 << 20).expect("a group");
        let path = group.path.clone();
        // As if the runner had been killed.
        std::mem::forget(group);
        remove_all(Path::new("/nowhere/another")).expect("nothing to do");
        assert!(path.exists());
        remove_all(&run).expect("empty");
        assert!(!path.exists());
    }

    fn sleeper() -> std::process::Child {
        std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts")
    }
}

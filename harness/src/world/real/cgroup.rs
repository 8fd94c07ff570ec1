//! A limit on live processes that the kernel knows for groups only: a control group of their own for a while.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use crate::history::Proc;

/// The file with the pids of those who are in a group.
const MEMBERS: &str = "cgroup.procs";

/// What can be limited, each by a controller of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Bytes.
    Memory,
    /// Processes and threads.
    Pids,
    /// Percent of one processor, in every tenth of a second.
    Cpu,
}

/// Where groups are made for one controller, and how the limit is written there.
#[derive(Clone, Copy, Debug)]
struct Place {
    base: &'static str,
    /// The file with the limit.
    limit: &'static str,
    /// What is there where nothing is limited.
    none: &'static str,
}

/// Where the groups of the second version are, whatever controls them.
const UNIFIED: &str = "/sys/fs/cgroup";

impl Controller {
    const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// That of a resource of the grammar; `None` if it is not one that groups limit.
    pub fn of(resource: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == resource)
    }

    /// Its name, for the kernel and in the grammar.
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }

    /// Of the first version of cgroups, and of the second.
    fn places(self) -> [Place; 2] {
        let (base, former, limit) = match self {
            Self::Memory => ("/sys/fs/cgroup/memory", ("memory.limit_in_bytes", "-1"), "memory.max"),
            Self::Pids => ("/sys/fs/cgroup/pids", ("pids.max", "max"), "pids.max"),
            Self::Cpu => ("/sys/fs/cgroup/cpu", ("cpu.cfs_quota_us", "-1"), "cpu.max"),
        };
        let (file, none) = former;
        [Place { base, limit: file, none }, Place { base: UNIFIED, limit, none: "max" }]
    }

    /// A limit as the kernel reads it. In either version a group has a period of 100 ms as long as nobody sets another.
    fn written(self, to: u64) -> String {
        match self {
            Self::Memory | Self::Pids => to.to_string(),
            Self::Cpu => to.saturating_mul(1_000).to_string(),
        }
    }

    /// Why no such group can be made here, in words; `None` if one can.
    pub fn forbids(self) -> Option<String> {
        // Several may ask at the same time.
        static ASKED: AtomicU64 = AtomicU64::new(0);
        match self.make(&format!("probe-{}-{}", std::process::id(), ASKED.fetch_add(1, Ordering::Relaxed))) {
            Ok((path, _)) => {
                // Made and empty: it can be removed.
                let _ = fs::remove_dir(path);
                None
            }
            Err(why) => Some(format!("here: no {} cgroup can be made ({why})", self.name())),
        }
    }

    fn make(self, name: &str) -> io::Result<(PathBuf, Place)> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in self.places() {
            let path = Path::new(place.base).join(name);
            match fs::create_dir(&path) {
                Ok(()) if path.join(place.limit).exists() => return Ok((path, place)),
                Ok(()) => {
                    last = io::Error::other(format!("{} has no {} controller", place.base, self.name()));
                    let _ = fs::remove_dir(path);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where a process is among the groups below `base`; `None` if it is in none that can be seen.
    fn home(self, pid: u32, base: &str) -> Option<PathBuf> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let path = text.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let named = || controllers.split(',').any(|one| one == self.name());
            let here = if base == UNIFIED { controllers.is_empty() } else { named() };
            here.then_some(path)
        });
        let home = Path::new(base).join(path?.trim_start_matches('/'));
        home.join(MEMBERS).exists().then_some(home)
    }
}

/// Processes in a group of their own.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    what: Controller,
    place: Place,
    /// Which of them were where before.
    former: Vec<(u32, PathBuf)>,
}

/// Removes all groups of the run with this directory, which nobody is in any more.
///
/// # Errors
/// Those of rmdir(2).
pub fn remove_all(run: &Path) -> io::Result<()> {
    let prefix = name(run, "");
    let bases = Controller::ALL.into_iter().flat_map(Controller::places).map(|place| place.base);
    let entries = bases.filter_map(|base| fs::read_dir(base).ok()).flat_map(|entries| entries.flatten());
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

impl Group {
    /// Moves `on` into a group of this run that may use so much in sum from now on, what they start included.
    ///
    /// # Errors
    /// Why it can't be done, in words. Everybody is where they were then.
    pub fn limit(run: &Path, number: u32, on: &[Proc], what: Controller, to: u64) -> Result<Self, String> {
        let kind = what.name();
        let made = what.make(&name(run, number)).map_err(|why| format!("no {kind} cgroup can be made: {why}"));
        let (path, place) = made?;
        let mut group = Self { path, what, place, former: Vec::new() };
        let fail = |why: io::Error| format!("a {kind} cgroup below {}: {why}", place.base);
        fs::write(group.path.join(place.limit), what.written(to)).map_err(fail)?;
        for pid in on.iter().map(|proc| proc.pid) {
            let home = what.home(pid, place.base).unwrap_or_else(|| PathBuf::from(place.base));
            match fs::write(group.path.join(MEMBERS), pid.to_string()) {
                Ok(()) => group.former.push((pid, home)),
                // It has ended, and uses nothing.
                Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
                Err(error) => return Err(fail(error)),
            }
        }
        Ok(group)
    }

    /// That nobody has come to the limit so far, in words, if the kernel says so. Memory is used up by who is to use it up.
    pub fn idle(&self) -> Option<String> {
        let (file, field, what) = match self.what {
            Controller::Memory => return None,
            Controller::Pids => ("pids.events", "max", "no process or thread was refused"),
            Controller::Cpu => ("cpu.stat", "nr_throttled", "nobody had to wait for more of the processor"),
        };
        let text = fs::read_to_string(self.path.join(file)).ok()?;
        spared(&text, field).then(|| what.to_owned())
    }
}

/// Whether a counter says that something never happened.
fn spared(counters: &str, field: &str) -> bool {
    counters.lines().any(|line| line.split_once(' ') == Some((field, "0")))
}

impl Drop for Group {
    /// Whoever lives goes back to where it was, and whoever was born here to where the first of them was.
    fn drop(&mut self) {
        // Whoever is born here just now, and stays, is not limited either.
        let _ = fs::write(self.path.join(self.place.limit), self.place.none);
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

    /// Those that can be used here.
    fn usable() -> Vec<Controller> {
        let usable = |one: &Controller| one.forbids().inspect(|why| eprintln!("skipped: {why}")).is_none();
        Controller::ALL.into_iter().filter(usable).collect()
    }

    /// More than what is done here needs.
    fn ample(what: Controller) -> u64 {
        match what {
            Controller::Memory => 64 << 20,
            Controller::Pids => 100,
            Controller::Cpu => 90,
        }
    }

    #[test]
    fn many_may_ask_at_once() {
        let Some(one) = usable().into_iter().next() else { return };
        let ask = || (0..50).find_map(|_| one.forbids());
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        assert_eq!(answers, vec![None; 8]);
    }

    #[test]
    fn a_process_is_in_the_group_until_it_is_over() {
        for what in usable() {
            let mut outer = sleeper();
            let mut inner = sleeper();
            let procs = [&outer, &inner].map(|child| procfs::proc_of(child.id()).expect("it lives"));
            let run = PathBuf::from(format!("/nowhere/cgroup-test-{}", std::process::id()));
            let members = |group: &Group| fs::read_to_string(group.path.join(MEMBERS)).expect("readable");
            let pids = |procs: &[Proc]| procs.iter().map(|proc| format!("{}\n", proc.pid)).collect::<String>();
            let group = Group::limit(&run, 1, &procs, what, ample(what)).expect("a group");
            assert_eq!(members(&group), pids(&procs));
            // It goes back to where it was, which is not where the harness is.
            let within = Group::limit(&run, 2, &procs[1..], what, ample(what)).expect("a group");
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
    }

    #[test]
    fn what_a_run_leaves_is_found_by_its_name() {
        for what in usable() {
            let run = PathBuf::from(format!("/nowhere/cgroup-left-{}", std::process::id()));
            let group = Group::limit(&run, 7, &[], what, ample(what)).expect("a group");
            let path = group.path.clone();
            // As if the runner had been killed.
            std::mem::forget(group);
            remove_all(Path::new("/nowhere/another")).expect("nothing to do");
            assert!(path.exists());
            remove_all(&run).expect("empty");
            assert!(!path.exists());
        }
    }

    #[test]
    fn the_limit_stands_in_the_group_as_the_kernel_writes_it() {
        for (what, to, own) in [
            (Controller::Memory, 8 << 20, ["8388608", "8388608"]),
            (Controller::Pids, 4, ["4", "4"]),
            (Controller::Cpu, 10, ["10000", "10000 100000"]),
        ] {
            if what.forbids().is_some() {
                continue;
            }
            let run = PathBuf::from(format!("/nowhere/cgroup-limit-{}", std::process::id()));
            let group = Group::limit(&run, 1, &[], what, to).expect("a group");
            let stands = fs::read_to_string(group.path.join(group.place.limit)).expect("readable");
            assert!(own.contains(&stands.trim()), "{what:?}: {stands}");
        }
    }

    #[test]
    fn a_limit_that_nobody_came_to_is_told() {
        for what in usable() {
            let run = PathBuf::from(format!("/nowhere/cgroup-idle-{}", std::process::id()));
            let group = Group::limit(&run, 1, &[], what, ample(what)).expect("a group");
            assert_eq!(group.idle().is_some(), what != Controller::Memory, "{what:?}");
        }
        assert!(spared("max 0\n", "max") && !spared("max 3\n", "max"));
        let stat = "nr_periods 10\nnr_throttled 2\nthrottled_time 1000\n";
        assert!(!spared(stat, "nr_throttled") && !spared("", "nr_throttled"));
    }

    #[test]
    fn a_resource_has_the_controller_of_its_name() {
        assert_eq!(Controller::of("pids"), Some(Controller::Pids));
        assert_eq!(Controller::of("cpu"), Some(Controller::Cpu));
        assert_eq!(Controller::of("NOFILE"), None);
    }

    fn sleeper() -> std::process::Child {
        std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts")
    }
}

//! Whatever ends the harness, at whatever moment: no process, socket or directory of a run is left.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than anything here takes, also on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// The form of a scenario that is run.
const PLAIN: &str = "scenarios/kill.ron::plain";

/// Which of the three processes of a run is hit.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Caller,
    Guard,
    Runner,
    /// All that a person sees of it: everything with the program's name.
    CallerAndRunner,
}

impl Victim {
    /// Whether the caller's status tells that the run did not go well. A caller that is hit itself has none to give.
    fn shows(self, status: ExitStatus) -> bool {
        match self {
            Self::Guard | Self::Runner => status.code().is_some_and(|code| code != 0),
            Self::Caller | Self::CallerAndRunner => true,
        }
    }
}

/// When.
#[derive(Clone, Copy, Debug)]
enum Moment {
    GuardStarted,
    DirectoryMade,
    FirstWorker,
    /// So many lines in the journal.
    Lines(usize),
    /// A control group limits somebody.
    Limited,
}

#[test]
fn killed_at_any_moment_a_run_leaves_nothing() {
    every(Signal::SIGKILL);
}

#[test]
fn terminated_at_any_moment_a_run_leaves_nothing() {
    every(Signal::SIGTERM);
}

#[test]
fn interrupted_at_any_moment_a_run_leaves_nothing() {
    if ignores(Signal::SIGINT) {
        eprintln!("skipped: SIGINT is ignored here");
        return;
    }
    every(Signal::SIGINT);
}

/// A run that nobody disturbs cleans up as well, and says so by its status.
#[test]
fn an_undisturbed_run_leaves_nothing() {
    let mut run = Run::start("undisturbed", PLAIN);
    let status = run.assert_nothing_is_left();
    // On a machine that has other things to do it may be inconclusive.
    assert!(matches!(status.code(), Some(0 | 2)), "{status}: {}", run.output());
    assert!(!run.addresses.is_empty(), "no address was seen");
}

/// Some limits are control groups, which no process takes with it.
#[test]
fn a_run_that_is_killed_leaves_no_control_group() {
    for (kind, form) in [
        ("memory", "scenarios/environment/memory.ron"),
        ("pids", "scenarios/spawn/descriptors.ron::no_more_processes"),
        ("cpu", "scenarios/hang/heartbeat.ron::starved"),
    ] {
        for victim in [Victim::Runner, Victim::Guard, Victim::CallerAndRunner] {
            let mut run = Run::start(&format!("group-{kind}-{victim:?}"), form);
            run.until(Moment::Limited);
            if run.groups().is_empty() {
                assert!(run.output().contains(&format!("no {kind} cgroup")), "{}", run.output());
                eprintln!("skipped: no {kind} cgroup can be made here");
                break;
            }
            assert!(run.hit(victim, Signal::SIGKILL));
            run.assert_nothing_is_left();
        }
    }
}

fn every(signal: Signal) {
    let victims = [Victim::Caller, Victim::Guard, Victim::Runner, Victim::CallerAndRunner];
    let moments = [
        Moment::GuardStarted,
        Moment::DirectoryMade,
        Moment::FirstWorker,
        Moment::Lines(7),
        Moment::Lines(23),
        Moment::Lines(61),
    ];
    let mut hit = 0;
    for victim in victims {
        let before = hit;
        for moment in moments {
            let mut run = Run::start(&format!("{signal}-{victim:?}-{moment:?}"), PLAIN);
            run.until(moment);
            let struck = run.hit(victim, signal);
            let status = run.assert_nothing_is_left();
            hit += usize::from(struck && victim.shows(status));
        }
        assert!(hit > before, "{victim:?}: no run was hit and says so");
    }
    // A busy machine may let some runs end before they are hit, or be hit before their runner is there; not most.
    let all = victims.len() * moments.len();
    assert!(hit * 2 > all, "only {hit} of {all} runs were hit and say so");
}

/// Whether this process ignores a signal, and so does whatever it starts: a shell has it so for what it puts into the
/// background.
fn ignores(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("a number") & 1 << (signal as i32 - 1) != 0
}

/// Waits for a condition.
fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "this never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One run of the harness, and how to recognise all that belongs to it.
struct Run {
    caller: Child,
    /// An environment variable that every process of the run inherits.
    mark: String,
    place: PathBuf,
    addresses: BTreeSet<SocketAddr>,
    _scratch: tempfile::TempDir,
}

impl Run {
    fn start(name: &str, form: &str) -> Self {
        let scratch = tempfile::tempdir().expect("a directory");
        let mark = format!("CLEANUP_TEST={}-{name}", std::process::id());
        let (key, value) = mark.split_once('=').expect("a variable");
        let output = fs::File::create(scratch.path().join("output")).expect("a file");
        let caller = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["run", form, "--histories"])
            .arg(scratch.path())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env(key, value)
            // Started by cargo it would have cargo build its companions first.
            .env_remove("CARGO")
            .stdin(Stdio::null())
            .stderr(output.try_clone().expect("the same file"))
            .stdout(output)
            .spawn()
            .expect("the harness starts");
        let place = scratch.path().join("output");
        Self { caller, mark, place, addresses: BTreeSet::new(), _scratch: scratch }
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.place).unwrap_or_default()
    }

    /// Pids of its processes, the caller's too; no zombies, which have no environment any more.
    fn processes(&self) -> Vec<i32> {
        let pids = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let marked = |pid: &i32| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|text| text.split(|byte| *byte == 0).any(|variable| variable == self.mark.as_bytes()))
        };
        pids.filter(|pid| *pid != std::process::id() as i32).filter(marked).collect()
    }

    /// The processes of the run that were started under this name.
    fn named(&self, name: &str) -> Option<i32> {
        let named = |pid: &i32| {
            fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|byte| *byte == 0).next() == Some(name.as_bytes()))
        };
        self.processes().into_iter().find(named)
    }

    /// Its directories: they carry the caller's pid.
    fn directories(&self) -> Vec<PathBuf> {
        let bases = [PathBuf::from("/dev/shm"), std::env::temp_dir()].into_iter();
        self.named_in(bases.chain(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)))
    }

    /// Its control groups: they carry the names of its directories.
    fn groups(&self) -> Vec<PathBuf> {
        let controllers = ["memory", "pids", "cpu", ""].into_iter();
        self.named_in(controllers.map(|one| Path::new("/sys/fs/cgroup").join(one)))
    }

    fn named_in(&self, places: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
        let prefix = format!("run-{}-", self.caller.id());
        let entries = places.filter_map(|place| fs::read_dir(place).ok()).flat_map(|entries| entries.flatten());
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
            .map(|entry| entry.path())
            .collect()
    }

    /// Waits for it, or for the end of the run, which may be quicker than a busy machine lets this test look.
    fn until(&mut self, moment: Moment) {
        until(&format!("{moment:?}"), || {
            self.addresses.extend(self.directories().iter().filter_map(|dir| address(dir)));
            let lines = || {
                let journals =
                    self.directories().into_iter().filter_map(|dir| fs::read_to_string(dir.join("journal")).ok());
                journals.map(|journal| journal.lines().count()).max().unwrap_or(0)
            };
            let come = match moment {
                Moment::GuardStarted => self.named("run-guard").is_some(),
                Moment::DirectoryMade => !self.directories().is_empty(),
                Moment::FirstWorker => lines() > 0,
                Moment::Lines(count) => lines() >= count,
                Moment::Limited => !self.groups().is_empty(),
            };
            (come || self.caller.try_wait().expect("the caller can be waited for").is_some()).then_some(())
        });
    }

    /// Whether all of them were there.
    fn hit(&mut self, victim: Victim, signal: Signal) -> bool {
        let runner = self.named("run-runner");
        let caller = i32::try_from(self.caller.id()).ok();
        let victims = match victim {
            Victim::Caller => vec![caller],
            Victim::Guard => vec![self.named("run-guard")],
            Victim::Runner => vec![runner],
            Victim::CallerAndRunner => vec![caller, runner],
        };
        // One that has ended by itself a moment ago is not hit.
        let hit = |pid: &Option<i32>| pid.is_some_and(|pid| kill(Pid::from_raw(pid), signal).is_ok());
        victims.iter().filter(|pid| hit(pid)).count() == victims.len()
    }

    /// The caller goes on with its other runs if it was not the one that was hit; nothing is left when it is gone. How it
    /// ended.
    fn assert_nothing_is_left(&mut self) -> ExitStatus {
        let status = until("the caller ends", || {
            self.addresses.extend(self.directories().iter().filter_map(|dir| address(dir)));
            self.caller.try_wait().expect("the caller can be waited for")
        });
        assert!(status.signal() != Some(Signal::SIGSEGV as i32), "{}", self.output());
        let name = self.mark.clone();
        until(&format!("{name}: the end of all processes"), || self.processes().is_empty().then_some(()));
        until(&format!("{name}: the end of its directory"), || self.directories().is_empty().then_some(()));
        assert_eq!(self.groups(), Vec::<PathBuf>::new(), "{name}: control groups");
        for address in &self.addresses {
            TcpListener::bind(address).unwrap_or_else(|error| panic!("{name}: {address} is still held: {error}"));
        }
        status
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // After a failed assertion. Each of them belongs to this test alone, as its mark says.
        for pid in self.processes() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.caller.wait();
        for dir in self.directories() {
            let _ = fs::remove_dir_all(dir);
        }
        for group in self.groups() {
            let _ = fs::remove_dir(group);
        }
    }
}

/// The address of a run, as the subject's configuration names it.
fn address(dir: &Path) -> Option<SocketAddr> {
    let text = fs::read_to_string(dir.join("supervisor.ron")).ok()?;
    text.split('"').find_map(|word| word.parse().ok())
}

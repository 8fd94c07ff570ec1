//! Small readers of /proc.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};

use crate::history::Proc;

/// A clock tick: fixed at 100 a second by the kernel's interface to user space.
pub const TICK: std::time::Duration = std::time::Duration::from_millis(10);

/// Bytes of an environment that are read at once.
const ENVIRONMENT: usize = 1 << 20;

/// The fields of `/proc/PID/stat` that matter here, see proc_pid_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// One letter: R, S, D, T, Z, X…
    pub state: char,
    /// The parent's pid.
    pub parent: u32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

/// The fields of the text of `/proc/PID/stat` from the third on. The command name may hold spaces and parentheses, so
/// they are counted from the last closing one.
fn fields(text: &str) -> Option<Vec<&str>> {
    Some(text.rsplit_once(')')?.1.split_ascii_whitespace().collect())
}

/// The field that has this number in proc_pid_stat(5).
fn field<T: std::str::FromStr>(fields: &[&str], number: usize) -> Option<T> {
    fields.get(number - 3)?.parse().ok()
}

/// Parses the text of `/proc/PID/stat`.
pub fn parse_stat(text: &str) -> Option<Stat> {
    let fields = fields(text)?;
    Some(Stat { state: field(&fields, 3)?, parent: field(&fields, 4)?, start: field(&fields, 22)? })
}

/// The whole text of a file of /proc, read once more.
pub fn reread(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

/// The text of `/proc/PID/stat`.
fn stat_text(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// Reads it; `None` where there is no such process.
pub fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&stat_text(pid)?)
}

/// The process that has this pid now.
pub fn proc_of(pid: u32) -> Option<Proc> {
    stat(pid).map(|stat| Proc { pid, start: stat.start })
}

/// The environment that a process was started with. Nothing if it has ended: then there is none, and of one that is longer
/// than could be read nobody knows the end.
fn environment(pid: u32) -> Option<Vec<u8>> {
    // Who ends between two reads has an environment that ends with the first of them; within one read(2) it is kept.
    let mut bytes = vec![0; ENVIRONMENT];
    let length = File::open(format!("/proc/{pid}/environ")).and_then(|mut file| file.read(&mut bytes)).ok()?;
    bytes.truncate(length);
    Some(bytes).filter(|bytes| !bytes.is_empty() && bytes.len() < ENVIRONMENT)
}

/// The value of this variable.
fn value<'a>(environment: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut all = environment.split(|byte| *byte == 0);
    all.find_map(|one| one.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// The number of its pool, which a worker finds in its environment, 0 if it has none there; nothing if it has ended.
pub fn pool(pid: u32) -> Option<u32> {
    let environment = environment(pid)?;
    let number = value(&environment, "HARNESS_POOL");
    Some(number.and_then(|number| std::str::from_utf8(number).ok()?.parse().ok()).unwrap_or(0))
}

/// Whether this process runs; a zombie does not.
pub fn lives(proc: Proc) -> bool {
    stat(proc.pid).is_some_and(|stat| stat.start == proc.start && !matches!(stat.state, 'Z' | 'X'))
}

/// This process, by the number that it has for whoever mounted /proc: in a pid namespace its own is another one.
pub fn own() -> Option<Proc> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let pid = text.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Proc { pid, start: parse_stat(&text)?.start })
}

/// Its process group.
pub fn group(pid: u32) -> Option<u32> {
    field(&fields(&stat_text(pid)?)?, 5)
}

/// The number that it has in the innermost of its pid namespaces.
pub fn inner(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_ascii_whitespace().last()?.parse().ok()
}

/// The value that this variable had as the process was started.
pub fn variable(pid: u32, name: &str) -> Option<Vec<u8>> {
    value(&environment(pid)?, name).map(<[u8]>::to_vec)
}

/// Its command name.
pub fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim_end().to_owned()).unwrap_or_default()
}

/// What a process uses: open descriptors, threads, and processor time in clock ticks. `None` if it can't be read.
pub fn usage(pid: u32) -> Option<(u32, u32, u64)> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let text = stat_text(pid)?;
    let fields = fields(&text)?;
    // utime, stime, num_threads
    let (user, system) = (field::<u64>(&fields, 14)?, field::<u64>(&fields, 15)?);
    Some((u32::try_from(descriptors).ok()?, field(&fields, 20)?, user + system))
}

/// The most memory that a process ever had resident, in bytes; 0 if that can't be read.
pub fn peak(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}

/// How often the threads that a process has now have gone to sleep; `None` if that can't be read.
pub fn slept(pid: u32) -> Option<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    // One that has ended since it was listed is not there any more.
    let told: Vec<_> = tasks.flatten().flat_map(|task| fs::read_to_string(task.path().join("status"))).collect();
    if told.is_empty() { None } else { told.iter().map(|status| parse_slept(status)).sum() }
}

fn parse_slept(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// Direct children, those of all threads.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// All descendants, parents before their children.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    let mut found = children(pid);
    let mut next = 0;
    while next < found.len() {
        if seen.insert(found[next]) {
            found.extend(children(found[next]));
        }
        next += 1;
    }
    found.retain(|pid| seen.remove(pid));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_counts_fields_from_the_last_parenthesis() {
        let text = "42 (a ) b) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 1000 1";
        assert_eq!(parse_stat(text), Some(Stat { state: 'S', parent: 7, start: 98765 }));
        assert_eq!(parse_stat("42 (cut"), None);
        assert_eq!(parse_stat("42 (short) S 7"), None);
    }

    #[test]
    fn of_the_two_kinds_of_switches_those_are_counted_that_were_wanted() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(parse_slept(status), Some(150));
        assert_eq!(parse_slept("nonvoluntary_ctxt_switches:\t7\n"), None);
        assert!(slept(std::process::id()).is_some());
        assert_eq!(slept(u32::MAX), None);
    }

    #[test]
    fn who_ends_while_its_environment_is_read_is_of_no_known_pool() {
        for _ in 0..200 {
            let mut sleeps = std::process::Command::new("sleep");
            sleeps.arg("60").env_clear().env("A", "x".repeat(9_000)).env("HARNESS_POOL", "1");
            let mut child = sleeps.spawn().expect("sleep starts");
            let pid = child.id();
            while pool(pid).is_none() {
                std::thread::yield_now();
            }
            std::thread::scope(|scope| {
                let read = scope.spawn(|| std::iter::from_fn(|| pool(pid)).find(|pool| *pool != 1));
                child.kill().expect("ours");
                assert_eq!(read.join().expect("it only reads"), None, "cut off, it had no number");
            });
            child.wait().expect("ours");
        }
    }

    #[test]
    fn a_process_finds_itself() {
        let me = std::process::id();
        let stat = stat(me).expect("this process has a stat file");
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert_eq!(proc_of(me), Some(Proc { pid: me, start: stat.start }));
        assert_eq!(inner(me), Some(me));
    }
}

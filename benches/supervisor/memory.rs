//! How much memory the supervisor has.

use std::time::Duration;

use crate::rounds::verdict;
use crate::subject::Subject;

/// Megabytes of a million bytes.
const BAR: f64 = 1.5;

/// Longer than nothing must have happened until it gives back what only waiting does not need.
const REST: Duration = Duration::from_secs(2);

/// After a few restarts, so that what it needs for one is in it, and at rest again.
pub fn run() -> bool {
    let mut supervisor = Subject::supervisor(4);
    for _ in 0..8 {
        supervisor.replace();
    }
    let busy = kib(&supervisor, "Pss:");
    std::thread::sleep(REST);
    let written = kib(&supervisor, "Private_Dirty:");
    let how = format!("at rest, of it {written} KiB private and written; {busy} KiB while it is busy; 4 workers");
    verdict("memory", kib(&supervisor, "Pss:") * 1024.0 / 1e6, BAR, "MB", &how)
}

fn kib(supervisor: &Subject, name: &str) -> f64 {
    let text = supervisor.proc("smaps_rollup");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

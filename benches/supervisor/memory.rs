//! How much memory the supervisor has.

use crate::rounds::verdict;
use crate::subject::Subject;

/// Megabytes of a million bytes.
const BAR: f64 = 1.5;

/// After a few restarts, so that what it needs for one is in it.
pub fn run() -> bool {
    let mut supervisor = Subject::supervisor(4);
    for _ in 0..8 {
        supervisor.replace();
    }
    let text = supervisor.proc("smaps_rollup");
    let kib = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let how = format!("of it {} KiB private and written, 4 workers", kib("Private_Dirty:"));
    verdict("memory", kib("Pss:") * 1024.0 / 1e6, BAR, "MB", &how)
}

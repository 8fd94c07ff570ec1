//! How often the supervisor wakes while nothing happens.

use std::time::Duration;

use crate::rounds::verdict;
use crate::subject::Subject;

const BAR: f64 = 0.0;
const SPAN: Duration = Duration::from_secs(6);

/// The third field of schedstat counts how often the process was given a processor.
pub fn run() -> bool {
    let supervisor = Subject::supervisor(4);
    // What the start left to do, and what is done at the beginning of a rest.
    std::thread::sleep(Duration::from_secs(2));
    let before = turns(&supervisor);
    std::thread::sleep(SPAN);
    let wakes = turns(&supervisor) - before;
    let how = format!("{wakes} in {SPAN:?}, 4 workers");
    verdict("idle", wakes as f64 / SPAN.as_secs_f64(), BAR, "wake-ups/s", &how)
}

fn turns(supervisor: &Subject) -> u64 {
    let text = supervisor.proc("schedstat");
    text.split_whitespace().nth(2).and_then(|field| field.parse().ok()).expect("three fields")
}

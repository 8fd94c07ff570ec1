//! Facts about the host, and what its clock and scheduler cost a measurement.

use std::process::Command;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::pipe;

use super::clock;

/// The least slack: process events, journals and sockets are read in turns of one loop.
const LEAST: Duration = Duration::from_millis(3);
/// The most: whatever is beyond is a stall and is measured as such.
const MOST: Duration = Duration::from_millis(25);
/// Timeouts that are measured.
const ROUNDS: u32 = 21;

/// How late this process is woken here, twice the median of some rounds, plus a floor. The median, because what is worse
/// is a wait for a processor: that is measured for itself while the run goes on.
pub fn slack() -> Duration {
    let Ok((idle, _open)) = pipe() else { return MOST };
    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| lateness(&idle)).collect();
    rounds.sort_unstable();
    (LEAST + rounds[rounds.len() / 2] * 2).min(MOST)
}

fn lateness(idle: &impl std::os::fd::AsFd) -> Duration {
    let asked = Duration::from_micros(500);
    let before = clock::now();
    // An error comes early and counts as no lateness.
    let _ = poll(&mut [PollFd::new(idle, PollFlags::IN)], Some(&clock::timespec(asked)));
    clock::now().since(before).saturating_sub(asked)
}

/// Facts by name.
pub fn facts() -> Vec<(String, String)> {
    let read = |path: &str| std::fs::read_to_string(path).map_or_else(|_| "?".into(), |text| text.trim().to_owned());
    let cpus = std::thread::available_parallelism().map_or_else(|_| "?".into(), |cpus| cpus.to_string());
    let fact = |name: &str, value: String| (name.to_owned(), value);
    vec![
        fact("kernel", read("/proc/sys/kernel/osrelease")),
        fact("cpus", cpus),
        fact("load", read("/proc/loadavg")),
        fact("privileged", rustix::process::geteuid().is_root().to_string()),
    ]
}

/// What a version command prints, first line.
pub fn version(command: &[String]) -> String {
    let Some((program, args)) = command.split_first() else { return String::new() };
    match Command::new(program).args(args).output() {
        Ok(output) => {
            let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
            String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
        }
        Err(error) => format!("{program}: {error}"),
    }
}

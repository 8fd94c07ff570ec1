//! Tables for people.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::control::{Info, Mood, Status, WorkerState, WorkerStatus};

/// Rows of cells, each column as wide as its widest cell; `right` says which columns are numbers.
pub fn render(header: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column)).map(|cell| cell.chars().count());
    let widths: Vec<usize> =
        header.iter().enumerate().map(|(column, name)| cells(column).chain([name.len()]).max().unwrap_or(0)).collect();
    let mut text = String::new();
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    for row in [&header].into_iter().chain(rows) {
        let mut line = String::new();
        for ((cell, &width), &right) in row.iter().zip(&widths).zip(right) {
            _ = if right { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The processor time of each worker at an earlier time, to show what it uses now and not since it was born.
#[derive(Debug, Default)]
pub struct Before {
    /// By process.
    cpu_ms: BTreeMap<u32, u64>,
}

impl Before {
    /// What is to be compared with.
    pub fn of(status: &Status) -> Self {
        let workers = status.pools.iter().flat_map(|pool| &pool.slots).flat_map(|slot| &slot.workers);
        Self { cpu_ms: workers.filter_map(|worker| Some((worker.pid, worker.cpu_ms?))).collect() }
    }

    /// The share of one processor, in percent, that a worker used in the last `span`, or in its whole life.
    fn share(&self, worker: &WorkerStatus, span: Duration) -> Option<u64> {
        let cpu = worker.cpu_ms?;
        let (used, of) = match self.cpu_ms.get(&worker.pid) {
            Some(before) => (cpu.saturating_sub(*before), span.as_millis() as u64),
            None => (cpu, worker.uptime_ms),
        };
        Some(used * 100 / of.max(1))
    }
}

/// The table of `status`, a line about the supervisor before it. `before` was seen `span` ago.
pub fn status(status: &Status, before: &Before, span: Duration) -> String {
    let header = ["POOL", "SLOT", "GEN", "PID", "STATE", "UPTIME", "RESTARTS", "RSS", "CPU"];
    let right = [false, true, true, true, false, true, true, true, true];
    let mut rows = Vec::new();
    for pool in &status.pools {
        for slot in &pool.slots {
            let place = [pool.name.clone(), slot.slot.to_string()];
            let row = |cells: [String; 7]| place.iter().cloned().chain(cells).collect::<Vec<_>>();
            let restarts = slot.restarts.to_string();
            for worker in &slot.workers {
                rows.push(row([
                    worker.generation.to_string(),
                    worker.pid.to_string(),
                    state(worker.state).to_owned(),
                    span_text(worker.uptime_ms),
                    restarts.clone(),
                    worker.rss.map_or_else(unknown, size),
                    before.share(worker, span).map_or_else(unknown, |share| format!("{share}%")),
                ]));
            }
            let state = match slot.backoff_ms {
                Some(delay) => format!("starts in {}", span_text(delay)),
                None if slot.workers.is_empty() => "empty".to_owned(),
                None => continue,
            };
            rows.push(row([unknown(), unknown(), state, unknown(), restarts, unknown(), unknown()]));
        }
    }
    let mut head = summary(&status.supervisor);
    for pool in &status.pools {
        if let Some(left) = pool.lame_duck_ms {
            head += &format!("\n{} goes on serving for {}", pool.name, span_text(left));
        }
    }
    format!("{head}\n{}", render(&header, &right, &rows))
}

/// One line about a supervisor.
fn summary(info: &Info) -> String {
    format!(
        "supervisor {} (pid {}), {} for {}, {} of {} workers ready",
        info.version,
        info.pid,
        mood(info.mood),
        span_text(info.uptime_ms),
        info.ready,
        info.wanted
    )
}

/// What a supervisor is up to.
pub fn mood(mood: Mood) -> &'static str {
    match mood {
        Mood::Running => "running",
        Mood::Reloading => "reloading",
        Mood::Stopping => "stopping",
    }
}

fn state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Booting => "booting",
        WorkerState::Ready => "ready",
        WorkerState::Leaving => "leaving",
        WorkerState::Draining => "draining",
        WorkerState::Killed => "killed",
    }
}

fn unknown() -> String {
    "-".to_owned()
}

/// The two largest units.
pub fn span_text(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 => format!("{milliseconds}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// With the largest unit in which it has a whole part.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..0x10_0000 => format!("{}K", tenths(1024)),
        0x10_0000..0x4000_0000 => format!("{}M", tenths(0x10_0000)),
        _ => format!("{}G", tenths(0x4000_0000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{PoolStatus, SlotStatus};

    fn worker(generation: u32, state: WorkerState, cpu_ms: u64) -> WorkerStatus {
        WorkerStatus {
            generation,
            pid: 100 + generation,
            state,
            uptime_ms: 61_000,
            rss: Some(3 << 20),
            cpu_ms: Some(cpu_ms),
        }
    }

    fn example(cpu_ms: u64) -> Status {
        let slot = |slot, backoff_ms, workers| SlotStatus { slot, restarts: 2, backoff_ms, workers };
        let supervisor = Info {
            pid: 99,
            version: "0.1.0".to_owned(),
            mood: Mood::Reloading,
            uptime_ms: 3_600_000,
            ready: 1,
            wanted: 3,
            commands: Vec::new(),
        };
        let mut blind = worker(9, WorkerState::Booting, 0);
        (blind.rss, blind.cpu_ms) = (None, None);
        let both = vec![worker(1, WorkerState::Draining, 30_500), worker(2, WorkerState::Ready, cpu_ms)];
        let slots = vec![slot(0, None, both), slot(1, Some(1500), Vec::new()), slot(2, None, Vec::new())];
        let web = PoolStatus { name: "web".to_owned(), wanted: 3, ready: 1, lame_duck_ms: None, slots };
        let other = PoolStatus {
            name: "notifier".to_owned(),
            wanted: 1,
            ready: 0,
            lame_duck_ms: None,
            slots: vec![slot(0, None, vec![blind])],
        };
        Status { supervisor, pools: vec![web, other] }
    }

    #[test]
    fn everybody_has_a_row() {
        let expected = "\
supervisor 0.1.0 (pid 99), reloading for 1h 0m, 1 of 3 workers ready
POOL      SLOT  GEN  PID  STATE         UPTIME  RESTARTS   RSS  CPU
web          0    1  101  draining       1m 1s         2  3.0M  50%
web          0    2  102  ready          1m 1s         2  3.0M   0%
web          1    -    -  starts in 1s       -         2     -    -
web          2    -    -  empty              -         2     -    -
notifier     0    9  109  booting        1m 1s         2     -    -
";
        assert_eq!(status(&example(0), &Before::default(), Duration::ZERO), expected);
    }

    #[test]
    fn a_pool_that_serves_on_for_a_while_is_told_before_the_table() {
        let mut example = example(0);
        example.pools[1].lame_duck_ms = Some(1500);
        let table = status(&example, &Before::default(), Duration::ZERO);
        assert_eq!(table.lines().nth(1), Some("notifier goes on serving for 1s"));
    }

    #[test]
    fn the_second_table_shows_what_is_used_now() {
        let before = Before::of(&example(1000));
        let table = status(&example(1250), &before, Duration::from_secs(1));
        let cells: Vec<_> = table.lines().skip(2).filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(cells, ["0%", "25%", "-", "-", "-"]);
    }

    #[test]
    fn spans_and_sizes_are_short() {
        let spans = [999, 59_999, 60_000, 3_599_000, 3_600_000, 90_000_000].map(span_text);
        assert_eq!(spans, ["999ms", "59s", "1m 0s", "59m 59s", "1h 0m", "1d 1h"]);
        assert_eq!([1023, 1024, 1536, 5 << 20, 3 << 30].map(size), ["1023B", "1.0K", "1.5K", "5.0M", "3.0G"]);
    }
}

//! A worker that says the same over and over.

use std::time::Duration;

use crate::time::Time;

use super::Action;

/// It speaks in steps of this, or less often.
const STEP: Duration = Duration::from_millis(5);

/// What it says, and how much of that it has said.
#[derive(Clone, Debug)]
pub struct Babble {
    line: String,
    per_second: u32,
    since: Time,
    until: Time,
    said: u64,
    next: Time,
}

impl Babble {
    /// It begins at `since`.
    pub fn new(line: String, per_second: u32, since: Time, span: Duration) -> Self {
        Self { line, per_second, since, until: since + span, said: 0, next: since }
    }

    /// When it has something to say again, or nothing any more.
    pub fn next(&self) -> Time {
        self.next
    }

    /// Says what is due by now; at its end it is over.
    pub fn go_on(babble: &mut Option<Self>, now: Time) -> Option<Action> {
        let this = babble.as_mut()?;
        let nanos = now.min(this.until).since(this.since).as_nanos();
        let due = u64::try_from(u128::from(this.per_second) * nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let times = u32::try_from(due.saturating_sub(this.said)).unwrap_or(u32::MAX);
        let line = this.line.clone();
        this.said = due;
        this.next = (now + STEP).min(this.until);
        if now >= this.until {
            *babble = None;
        }
        (times > 0).then_some(Action::Say { line, times })
    }
}

/// Says a line once.
pub fn say(line: String) -> Action {
    Action::Say { line, times: 1 }
}

/// Writes a message of this length, or a part of one, so often.
pub fn write(begin: String, fill: u64, end: &str, times: u32) -> Action {
    let mut bytes = begin.into_bytes();
    let filled = bytes.len().saturating_add(usize::try_from(fill).unwrap_or(usize::MAX));
    bytes.resize(filled, b'x');
    bytes.extend_from_slice(end.as_bytes());
    Action::Write(bytes.repeat(times as usize))
}

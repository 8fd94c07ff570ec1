//! The restart limit: at most N restarts in any window of length T.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Backoff, Instant};

/// At most `restarts` restarts in any sliding window of `within`; the need for one more gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many restarts fit into one window; 0 means that the first unplanned death gives up.
    pub restarts: u32,
    /// The length of the window.
    pub within: Duration,
}

impl Limit {
    /// How long one worker that dies as soon as it is started takes from its first restart to the need for one too
    /// many, with the jitter at its longest: the sum of the delays in between. Unless this is shorter than `within`,
    /// a crash loop of one worker never reaches the limit.
    pub fn crash_loop_span(&self, backoff: &Backoff) -> Duration {
        let mut span = Duration::ZERO;
        let mut last = None;
        for failures in 2..=self.restarts.saturating_add(1) {
            let delay = backoff.delay(failures, u64::MAX);
            if last == Some(delay) {
                let left = self.restarts.saturating_add(2) - failures;
                return span.saturating_add(delay.saturating_mul(left));
            }
            span = span.saturating_add(delay);
            last = Some(delay);
        }
        span
    }
}

/// The restarts that still count: their instants, oldest first.
#[derive(Clone, Debug, Default)]
pub struct RestartLog {
    starts: VecDeque<Instant>,
}

impl RestartLog {
    /// How many restarts the window that ends at `at` holds.
    pub fn count(&self, limit: Limit, at: Instant) -> usize {
        self.starts.iter().filter(|&&start| at.since(start) < limit.within).count()
    }

    /// Whether one more restart at `at` would keep every window within `limit`.
    pub fn allows(&self, limit: Limit, at: Instant) -> bool {
        self.count(limit, at) < limit.restarts as usize
    }

    /// Notes a restart at `at` and forgets those that no later window can hold.
    pub fn note(&mut self, limit: Limit, at: Instant) {
        self.starts.retain(|&start| at.since(start) < limit.within);
        self.starts.push_back(at);
    }

    /// Takes back a restart at `at` that came to nothing.
    pub fn take_back(&mut self, at: Instant) {
        if let Some(place) = self.starts.iter().rposition(|&start| start == at) {
            self.starts.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { restarts: 2, within: Duration::from_nanos(100) };

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn the_window_slides_and_is_open_at_its_far_end() {
        let mut log = RestartLog::default();
        log.note(LIMIT, at(10));
        log.note(LIMIT, at(50));
        assert!(!log.allows(LIMIT, at(109)));
        assert!(log.allows(LIMIT, at(110)));
        log.note(LIMIT, at(110));
        assert_eq!(log.count(LIMIT, at(149)), 2);
        assert_eq!(log.count(LIMIT, at(150)), 1);
    }

    #[test]
    fn what_is_taken_back_no_longer_counts() {
        let mut log = RestartLog::default();
        log.note(LIMIT, at(10));
        log.note(LIMIT, at(10));
        log.take_back(at(11));
        assert_eq!(log.count(LIMIT, at(10)), 2);
        log.take_back(at(10));
        assert_eq!(log.count(LIMIT, at(10)), 1);
    }

    #[test]
    fn a_limit_of_zero_allows_nothing() {
        assert!(!RestartLog::default().allows(Limit { restarts: 0, ..LIMIT }, at(1)));
    }

    #[test]
    fn the_span_of_a_crash_loop_is_the_sum_of_the_delays_between() {
        let ms = Duration::from_millis;
        let backoff = Backoff { initial: ms(20), factor: 2, cap: ms(200), jitter_percent: 0 };
        let span = |restarts| Limit { restarts, within: ms(1) }.crash_loop_span(&backoff);
        assert_eq!(span(0), ms(0));
        assert_eq!(span(1), ms(40));
        assert_eq!(span(4), ms(40 + 80 + 160 + 200));
        assert_eq!(span(10), ms(40 + 80 + 160 + 7 * 200));
        assert!(span(u32::MAX) > ms(1 << 39));
    }
}

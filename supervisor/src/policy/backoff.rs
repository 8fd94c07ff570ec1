//! How long a restart waits.

use std::time::Duration;

/// The first restart after a stable run is immediate; the next waits `initial`, each further one `factor` times
/// the one before, never more than `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay that is not zero.
    pub initial: Duration,
    /// What each delay is multiplied by for the next; at least 1.
    pub factor: u32,
    /// No delay is longer.
    pub cap: Duration,
    /// By how many percent, up or down, a delay is varied; 0 to 100.
    pub jitter_percent: u8,
}

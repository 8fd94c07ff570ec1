//! What a pool is to do, as data.

use std::time::Duration;

use super::{Backoff, Limit};

/// Everything that the state machine is told about a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many workers are to be ready; at least 1.
    pub workers: u32,
    /// When restarts are the symptom of something that restarts can't mend; `None` never gives up.
    pub limit: Option<Limit>,
    /// How long a restart waits.
    pub backoff: Backoff,
    /// A worker that was ready for this long had a stable run.
    pub stable: Duration,
    /// Which unannounced exits are restarted.
    pub restart: Restart,
    /// What makes a worker count as ready.
    pub ready: Readiness,
    /// A worker that is not ready after this long has failed to start.
    pub ready_timeout: Duration,
    /// How long a retired worker may take to finish what it holds.
    pub drain: Duration,
    /// How long everybody goes on serving after a stop was ordered, before anybody is told to leave: until then whoever sends
    /// clients here may have heard of it.
    pub lame_duck: Duration,
    /// How long a ready worker may be silent before it counts as one that hangs; `None`: nobody is watched.
    pub watchdog: Option<Duration>,
    /// How many workers beyond those wanted a rolling restart may run at once, beside those that drain; with 0 the old
    /// worker is gone before the new one is started.
    pub surge: u32,
    /// How many slots a rolling restart sees to at the same time; never more than `surge` unless that is 0.
    pub at_once: u32,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Policy {
    /// How many slots a rolling restart sees to at the same time; at least one.
    pub fn rolls(&self) -> usize {
        let together = if self.surge == 0 { self.at_once } else { self.at_once.min(self.surge) };
        together.max(1) as usize
    }
}

/// Which unannounced exits are followed by a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restart {
    /// All of them, exit status 0 included.
    Always,
    /// All but exits with one of these statuses.
    OnFailure {
        /// The exit statuses that end a slot for good.
        success: Vec<i32>,
    },
    /// None: the slot stays empty.
    Never,
}

/// What makes a worker count as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its own word: `{"act":"ready"}` on the channel, or `READY=1` by sd_notify.
    Told,
    /// The success of exec(2).
    AtSpawn,
}

impl Restart {
    /// Whether a worker that ended with exit status `code` (`None`: by a signal) without having announced it is to
    /// be restarted.
    pub fn follows(&self, code: Option<i32>) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure { success } => code.is_none_or(|code| !success.contains(&code)),
            Self::Never => false,
        }
    }
}

//! A place in the pool.

use crate::policy::Instant;

/// One place. Beyond the number of workers that are wanted it is closed, and only keeps count of its generations until
/// it is opened again. At most one worker serves in it and at most one is on its way to take over; those that left it drain
/// outside. With neither, the place is empty for good. Only while a new configuration is tried there may be two on their
/// way: the one on trial, which may never be ready, and one that makes up for an old worker that died meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    /// The last generation that was asked for; 0 at first.
    pub(super) generation: u32,
    /// The rolling restart that has seen to it last.
    pub(super) epoch: u64,
    /// How many runs in a row were not stable; the backoff grows with it.
    pub(super) failures: u32,
    /// The generation that is ready and has not retired.
    pub(super) serving: Option<u32>,
    /// Who comes next.
    pub(super) next: Next,
    /// The generation on trial, if somebody else comes next. Nobody serves then.
    pub(super) aside: Option<u32>,
}

/// The worker that is to serve in a slot but is not ready yet. Whatever frees a slot finds it here if it is already
/// on its way, so that nothing is replaced twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    /// None is needed.
    #[default]
    Nobody,
    /// It is to be started.
    Due {
        /// When.
        at: Instant,
        /// Whether it counts against the limit.
        charge: bool,
    },
    /// This generation was started.
    Started(u32),
    /// It is to be started when this generation, which drains, is gone.
    After(u32),
}

impl Slot {
    /// Whether nobody is in it and nobody will come.
    pub(super) fn is_empty_for_good(&self) -> bool {
        self.serving.is_none() && self.next == Next::Nobody
    }
}

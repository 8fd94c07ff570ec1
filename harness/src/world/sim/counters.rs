//! What the simulated kernel did to the supervisor that no history shows.

/// How often, in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// A read transferred less than was there.
    pub partial_reads: u32,
    /// A write took less than it was given.
    pub partial_writes: u32,
    /// A wait was interrupted by a signal (EINTR).
    pub interrupted_waits: u32,
    /// A wait ended and nothing was there.
    pub spurious_wakes: u32,
    /// One look at the signals found more deaths than one behind SIGCHLD.
    pub signals_coalesced: u32,
    /// More than one child was reaped between two waits.
    pub deaths_in_one_turn: u32,
    /// Children reaped since the last wait; no count of the run.
    pub(super) reaped: u32,
    /// There was no descriptor left (EMFILE).
    pub no_descriptors: u32,
    /// A start failed because there could be no more processes (EAGAIN).
    pub no_processes: u32,
    /// A start failed because there was no directory to run in.
    pub no_directory: u32,
    /// A start failed at exec(2).
    pub no_program: u32,
    /// A child had ended before the call that started it returned.
    pub dead_at_birth: u32,
    /// A worker ended before it had taken a connection that was on its way to it.
    pub handoffs_lost: u32,
    /// A channel ended with bytes in it that nobody had read (ECONNRESET).
    pub channels_reset: u32,
}

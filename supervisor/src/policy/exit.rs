//! The supervisor's exit codes.

/// How the supervisor ends. The numbers follow `sysexits.h` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// It was told to stop and everything it started is gone.
    Stopped = 0,
    /// The command line is wrong (EX_USAGE).
    Usage = 64,
    /// The configuration is wrong (EX_DATAERR).
    Config = 65,
    /// An address can't be bound (EX_UNAVAILABLE).
    AddressInUse = 69,
    /// A bug in the supervisor (EX_SOFTWARE).
    Bug = 70,
    /// The restart limit was reached (EX_TEMPFAIL).
    GaveUp = 75,
}

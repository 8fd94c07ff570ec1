//! The supervisor's exit codes.

/// How the supervisor ends. The numbers follow `sysexits.h` where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// It was told to stop and everything it started is gone.
    Stopped = 0,
    /// A command to a running supervisor was not carried out.
    Failed = 1,
    /// The command line is wrong (EX_USAGE).
    Usage = 64,
    /// The configuration is wrong (EX_DATAERR).
    Config = 65,
    /// An address can't be bound or another supervisor has the pid file, or nobody answers at an address (EX_UNAVAILABLE).
    AddressInUse = 69,
    /// A bug in the supervisor (EX_SOFTWARE).
    Bug = 70,
    /// The restart limit was reached (EX_TEMPFAIL).
    GaveUp = 75,
}

impl ExitCode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] =
        [Self::Stopped, Self::Failed, Self::Usage, Self::Config, Self::AddressInUse, Self::Bug, Self::GaveUp];

    /// The exit status.
    pub const fn status(self) -> u8 {
        self as u8
    }

    /// What it says, for help texts and documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Stopped => "stopped as told, or every worker has finished for good; nothing is left running",
            Self::Failed => "a command to a running supervisor was not carried out; the reason is told",
            Self::Usage => "the command line is wrong",
            Self::Config => "the configuration is wrong",
            Self::AddressInUse => "an address or the pid file is taken, or no supervisor answers there",
            Self::Bug => "a bug in the supervisor, or the kernel can't wait any more",
            Self::GaveUp => "gave up: the restart limit was reached; nothing is left running",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_documented_and_all_are_listed_in_order() {
        assert_eq!(ExitCode::ALL.map(ExitCode::status), [0, 1, 64, 65, 69, 70, 75]);
        for (place, code) in ExitCode::ALL.iter().enumerate() {
            assert!(!code.meaning().is_empty());
            assert!(ExitCode::ALL[..place].iter().all(|other| other.meaning() != code.meaning()), "{code:?}");
        }
    }
}

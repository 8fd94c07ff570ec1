//! Exit statuses in words, and against what was declared.

use crate::history::Status;
use crate::scenario::StatusIs;

/// Whether a status is as declared.
pub(super) fn matches_status(status: Status, declared: StatusIs) -> bool {
    match (status, declared) {
        (Status::Code(code), StatusIs::Zero) => code == 0,
        (Status::Code(code), StatusIs::NonZero) => code != 0,
        (Status::Code(code), StatusIs::Code(wanted)) => code == wanted,
        (Status::Signal(_), _) => false,
    }
}

/// In words.
pub(super) fn said_status(status: Status) -> String {
    match status {
        Status::Code(code) => format!("status {code}"),
        Status::Signal(signal) => format!("ended by signal {signal}"),
    }
}

/// In words.
pub(super) fn said_is(declared: StatusIs) -> String {
    match declared {
        StatusIs::Zero => "status 0".to_owned(),
        StatusIs::NonZero => "a status other than 0".to_owned(),
        StatusIs::Code(code) => format!("status {code}"),
    }
}

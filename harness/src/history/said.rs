//! What the supervisor says of itself.

use serde::{Deserialize, Serialize};

use super::Status;

/// How an order on the control socket ended, by what was said there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It was carried out.
    Done,
    /// It was not.
    Refused,
    /// The connection was closed, or could not be made, and nothing at all was said.
    TurnedAway,
    /// The connection was closed, and something had been said, but not what became of the order.
    HungUp,
}

/// A claim of the supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The pid it speaks of.
    pub pid: u32,
    /// The pool that it speaks of, by its name, if that is about a whole pool of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// What it says.
    pub kind: ClaimKind,
}

/// What a supervisor claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimKind {
    /// That a worker is ready.
    Ready,
    /// That a worker ended, and how.
    Exited(Status),
    /// That it gave up.
    GaveUp,
    /// That a reload is complete.
    Reloaded,
    /// That a reload changed nothing, because it could not be carried out.
    ReloadFailed,
}

impl ClaimKind {
    /// What a phase of a reload claims, if that is its end.
    pub fn of_reload(phase: &str) -> Option<Self> {
        match phase {
            "done" => Some(Self::Reloaded),
            "aborted" | "refused" | "failed" => Some(Self::ReloadFailed),
            _ => None,
        }
    }
}

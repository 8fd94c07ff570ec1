//! What clients do.

use serde::{Deserialize, Serialize};

use super::Span;

/// One named load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Load {
    /// Open loop: a fresh connection and one request every so often, whatever became of the others.
    Probe {
        /// The interval.
        every: Span,
        /// How long the server takes to answer each.
        #[serde(default, skip_serializing_if = "Span::is_zero")]
        hold: Span,
        /// Its name.
        #[serde(rename = "as")]
        name: String,
        /// Starts with a `StartLoad` step instead of the first step.
        #[serde(default, skip_serializing_if = "super::is_default")]
        on_demand: bool,
    },
    /// Connections with a request in flight.
    Hold {
        /// How many in all; with `per_worker` how many on each worker.
        connections: u32,
        /// Whether `connections` counts per worker (only with an aimable puppet).
        #[serde(default, skip_serializing_if = "super::is_default")]
        per_worker: bool,
        /// How long the server takes to answer.
        #[serde(rename = "for")]
        hold: Span,
        /// Its name.
        #[serde(rename = "as")]
        name: String,
        /// Starts with a `StartLoad` step.
        #[serde(default, skip_serializing_if = "super::is_default")]
        on_demand: bool,
    },
    /// Idle keep-alive connections that have had one answer.
    Park {
        /// How many in all; with `per_worker` how many on each worker.
        connections: u32,
        /// Whether `connections` counts per worker.
        #[serde(default, skip_serializing_if = "super::is_default")]
        per_worker: bool,
        /// Each asks again when it was idle for at most so long, and one that was closed in order is replaced; absent
        /// leaves them idle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reuse: Option<Span>,
        /// Its name.
        #[serde(rename = "as")]
        name: String,
        /// Starts with a `StartLoad` step.
        #[serde(default, skip_serializing_if = "super::is_default")]
        on_demand: bool,
    },
    /// Open loop at a rate.
    Flood {
        /// Connections a second.
        per_second: u32,
        /// Its name.
        #[serde(rename = "as")]
        name: String,
        /// Starts with a `StartLoad` step.
        #[serde(default, skip_serializing_if = "super::is_default")]
        on_demand: bool,
    },
    /// Clients that connect and send slowly or nothing, or read slowly. One of the three ways at most; none sends nothing.
    Slow {
        /// How many.
        connections: u32,
        /// Time between two bytes of a request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        byte_every: Option<Span>,
        /// Each asks for an answer of this many bytes and reads it piece by piece.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reads: Option<Bulk>,
        /// Each sends a request with a body of this many bytes, which is answered when it is there as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        writes: Option<Bulk>,
        /// Its name.
        #[serde(rename = "as")]
        name: String,
        /// Starts with a `StartLoad` step.
        #[serde(default, skip_serializing_if = "super::is_default")]
        on_demand: bool,
    },
    /// Probes of which some harm the worker that reads them.
    Poison {
        /// The interval.
        every: Span,
        /// One in so many is poisoned.
        one_in: u32,
        /// What that does to the worker.
        #[serde(default, skip_serializing_if = "super::is_default")]
        does: Harm,
        /// Its name.
        #[serde(rename = "as")]
        name: String,
        /// Starts with a `StartLoad` step.
        #[serde(default, skip_serializing_if = "super::is_default")]
        on_demand: bool,
    },
}

/// More than the buffers of a connection hold, in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// All of it.
    pub bytes: u64,
    /// How much of it at a time.
    #[serde(default = "Bulk::usual_piece", skip_serializing_if = "Bulk::is_usual_piece")]
    pub piece: u64,
    /// How often a piece; zero is as fast as the socket lets.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub every: Span,
}

impl Bulk {
    /// The piece of which nothing is said.
    const PIECE: u64 = 65_536;

    fn usual_piece() -> u64 {
        Self::PIECE
    }

    fn is_usual_piece(piece: &u64) -> bool {
        *piece == Self::PIECE
    }

    /// How long it takes if nobody but the client is slow: head and trailing part count as a piece.
    pub fn takes(&self) -> Span {
        let pieces = self.bytes / self.piece.max(1) + 1;
        Span(self.every.0.saturating_mul(u32::try_from(pieces).unwrap_or(u32::MAX)))
    }
}

/// What a poisoned request does to the worker that reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Harm {
    /// Its handler throws: the worker leaves in the form that its life says, and this request is not answered.
    #[default]
    Throw,
    /// It exits at once with this status, unannounced.
    Exit(i32),
    /// It does nothing any more.
    Hang,
    /// It answers, then retires in the form that its life says.
    Retire,
}

impl Load {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Probe { name, .. }
            | Self::Hold { name, .. }
            | Self::Park { name, .. }
            | Self::Flood { name, .. }
            | Self::Slow { name, .. }
            | Self::Poison { name, .. } => name,
        }
    }

    /// Whether it waits for a `StartLoad` step.
    pub fn on_demand(&self) -> bool {
        match self {
            Self::Probe { on_demand, .. }
            | Self::Hold { on_demand, .. }
            | Self::Park { on_demand, .. }
            | Self::Flood { on_demand, .. }
            | Self::Slow { on_demand, .. }
            | Self::Poison { on_demand, .. } => *on_demand,
        }
    }
}

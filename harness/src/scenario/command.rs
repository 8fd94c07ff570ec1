//! Orders.

use serde::{Deserialize, Serialize};

use super::Span;

/// What the operator orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Command {
    /// Start the supervisor (again).
    Start,
    /// Rolling restart.
    Reload,
    /// So many reloads, this far apart.
    Reloads {
        /// How many.
        times: u32,
        /// Time between two.
        spacing: Span,
    },
    /// Stop.
    Stop,
    /// Another size.
    Scale(u32),
    /// Start a second one for the same addresses.
    SecondStart,
    /// Open its log files again.
    Reopen,
    /// Replace whoever is in this place of the pool, counted from 0, by a word on the control socket.
    Restart(u32),
    /// Replace everybody in the pool, in a rolling restart without a new configuration, by a word on the control socket.
    RestartPool,
    /// Publish a value of a topic, by a word on the control socket.
    Publish {
        /// Of which.
        topic: String,
        /// The value, as JSON text.
        data: String,
    },
    /// The same of the pool of this name beside the first, by a word on the control socket: `Scale`, `Restart` or
    /// `RestartPool`.
    In(String, Box<Command>),
}

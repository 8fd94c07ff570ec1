//! What the puppet's core is made of: where it is in its life, what its connections wait for, what becomes due.

use crate::time::Time;

use super::ConnId;

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// [`super::Input::Born`] has not come yet.
    Unborn,
    /// Not ready before this instant; `None`: never.
    Booting(Option<Time>),
    /// Ready; may have announced a two-phase retirement.
    Serving,
    /// Stopped accepting at this instant; finishes what it holds.
    Draining(Time),
    /// Holds nothing any more since the second instant; stopped accepting at the first.
    Leaving(Time, Time),
    /// Exited, or does nothing any more.
    Done,
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conn {
    /// Accepted, no request yet.
    Fresh,
    /// Between two requests.
    Idle,
    /// A request has begun, and its body is not whole.
    Coming,
    /// It takes a long answer.
    Taking,
    /// Its request is answered at this instant.
    Held { until: Time, keep_alive: bool },
    /// Its handler threw: it is closed when the worker exits.
    Thrown,
}

/// Something that becomes due. Of two that are due at the same instant the first one in this list comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Crash,
    Boot,
    Retire,
    Answer(ConnId),
    CloseIdle(ConnId),
    Exit,
    Beat,
    Output,
    Babble,
}

//! Open loops: the k-th connection is due at a fixed instant, whatever became of the others.

use std::time::Duration;

use crate::puppet::Request;
use crate::scenario::{Harm, Load};
use crate::time::Time;

/// No open loop is faster; a rate without bound would never let the clock advance.
const FASTEST: Duration = Duration::from_micros(10);

/// A running open loop.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Time,
    every: Duration,
    made: u32,
    hold: Duration,
    /// One in so many is this one instead.
    poison: Option<(u32, Request)>,
}

impl Schedule {
    /// The schedule of a load that begins at `now`; `None` if it is not an open loop.
    pub fn of(load: &Load, now: Time) -> Option<Self> {
        let (every, hold, poison) = match load {
            Load::Probe { every, hold, .. } => (every.0, hold.0, None),
            Load::Flood { per_second, .. } => (Duration::from_secs(1) / (*per_second).max(1), Duration::ZERO, None),
            Load::Poison { every, one_in, does, .. } => {
                (every.0, Duration::ZERO, Some(((*one_in).max(1), request(*does))))
            }
            Load::Hold { .. } | Load::Park { .. } | Load::Slow { .. } => return None,
        };
        Some(Self { start: now, every: every.max(FASTEST), made: 0, hold, poison })
    }

    /// When the next connection is due.
    pub fn due(&self) -> Time {
        self.start + self.every.saturating_mul(self.made)
    }

    /// Takes the next connection: its request.
    pub fn take(&mut self) -> Request {
        self.made = self.made.saturating_add(1);
        match self.poison {
            Some((one_in, poison)) if self.made.is_multiple_of(one_in) => poison,
            _ if self.hold > Duration::ZERO => Request::Hold { span: self.hold, keep_alive: false },
            _ => Request::Who { keep_alive: false },
        }
    }
}

/// The request that does this.
fn request(harm: Harm) -> Request {
    match harm {
        Harm::Throw => Request::Throw,
        Harm::Exit(code) => Request::Exit(code),
        Harm::Hang => Request::Hang,
        Harm::Retire => Request::Retire,
    }
}

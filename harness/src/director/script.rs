//! The director.

use std::time::Duration;

use crate::history::{Event, Proc};
use crate::scenario::{Command, Fault, Scenario, Signal};
use crate::time::Time;

/// Something that the world is to do now. Processes are resolved; the world only executes and records.
#[derive(Clone, Debug, PartialEq)]
pub enum Injection {
    /// Append this to the history (`Step`, `Missed`, `NoTarget`, `Healed`, `Phase`, …).
    Note(crate::history::What),
    /// Send signals: to each of `to`, as one burst; the world records `Injected` for each.
    Signal {
        /// To whom.
        to: Vec<Proc>,
        /// Which.
        signal: Signal,
    },
    /// Say this on a puppet's side socket; the world records `Asked`.
    Ask {
        /// To whom.
        who: Proc,
        /// What.
        act: crate::scenario::Ask,
    },
    /// Freeze (`true`) or thaw processes.
    Freeze {
        /// Whom.
        who: Vec<Proc>,
        /// Whether it is the beginning.
        on: bool,
    },
    /// Begin (`true`) or heal another fault.
    Fault {
        /// Which.
        fault: Fault,
        /// Whom.
        on: Vec<Proc>,
        /// Whether it is the beginning.
        begin: bool,
    },
    /// The operator's command, by the subject's own way; the world records `Commanded` and counts generations.
    Operate(Command),
    /// Start or stop a load.
    Load {
        /// Its name.
        name: String,
        /// Whether it starts.
        start: bool,
    },
    /// Start the supervisor (the first thing that the director wants, unless steps precede it).
    Start,
    /// Everything is done: stop the subject in its own way if it still runs, watch it go.
    StopSubject,
    /// The run is over.
    End,
}

/// Fires the steps of one scenario.
#[derive(Debug)]
pub struct Director {
    scenario: Scenario,
}

impl Director {
    /// A director for a scenario. `settle` is how long the pool is watched after the last step (T_conv + H), `stop`
    /// how long the supervisor may take to end before the run is over.
    pub fn new(scenario: &Scenario, _seed: u64, _settle: Duration, _stop: Duration) -> Self {
        Self { scenario: scenario.clone() }
    }

    /// Shows an event that was appended to the history.
    pub fn see(&mut self, _event: &Event) {}

    /// Appends what is to be done at `now`.
    pub fn step(&mut self, _now: Time, _out: &mut Vec<Injection>) {
        let _ = &self.scenario;
    }

    /// When `step` is wanted although no event was seen.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }
}

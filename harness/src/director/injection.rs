//! What a director wants done.

use crate::history::{Proc, What};
use crate::scenario::{Ask, Command, Fault, Signal};

/// Something that the world is to do now. Processes are resolved; the world only executes and records.
#[derive(Clone, Debug, PartialEq)]
pub enum Injection {
    /// Append this to the history (`Step`, `Missed`, `NoTarget`, `FaultBegan`, `Healed`, `Phase`).
    Note(What),
    /// Send signals: to each of `to`, as one burst; the world records `Injected` for each.
    Signal {
        /// To whom.
        to: Vec<Proc>,
        /// Which.
        signal: Signal,
    },
    /// Send a signal to the process group of this process; the world records `Injected` for each member that it knows.
    SignalGroup {
        /// Whose group.
        of: Proc,
        /// Which.
        signal: Signal,
    },
    /// Say this on a puppet's side socket; the world records `Asked`.
    Ask {
        /// To whom.
        who: Proc,
        /// What.
        act: Ask,
    },
    /// Freeze (`true`) or thaw processes. The director notes the beginning and the end of the fault itself.
    Freeze {
        /// Whom.
        who: Vec<Proc>,
        /// Whether it is the beginning.
        on: bool,
    },
    /// Begin (`true`) or heal another fault. The director notes both itself.
    Fault {
        /// Of which step; no two faults of a step are on at the same time.
        step: Vec<u32>,
        /// Which.
        fault: Fault,
        /// Whom.
        on: Vec<Proc>,
        /// Whether it is the beginning.
        begin: bool,
    },
    /// The operator's command, by the subject's own way; the world records `Commanded` and counts generations. Several
    /// reloads come one by one, as `Reload`.
    Operate(Command),
    /// Exchange the subject's configuration file for this variant; the world records `Configured`.
    Config(String),
    /// Start or stop a load.
    Load {
        /// Its name.
        name: String,
        /// Whether it starts.
        start: bool,
    },
    /// Start the supervisor (the first thing that the director wants, unless steps precede it).
    Start,
    /// Everything is done: stop the subject in its own way, watch it go.
    StopSubject,
    /// The run is over.
    End,
}

//! Mutants with a wrong notion of time.

use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const CLOCKS: [Mutant; 3] = [
    Mutant {
        name: "wall-clock-window",
        sentence: "it counts restarts in a window of wall-clock time, which somebody sets forward",
        scenario: "time/restarts::forward",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "what was forgotten is allowed again")],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "wall-clock-backoff",
        sentence: "it waits for an instant of wall-clock time, which somebody sets back",
        scenario: "time/restarts::back",
        caught_by: "INV-CONVERGE",
        consequences: &[],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "wall-clock-watchdog",
        sentence: "it measures the silence of its workers in wall-clock time, which somebody sets forward",
        scenario: "time/heartbeat",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::WallClock,
    },
];

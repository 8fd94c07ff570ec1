//! Mutants with a wrong notion of time.

use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const CLOCKS: [Mutant; 10] = [
    Mutant {
        name: "wall-clock-window",
        sentence: "it counts restarts in a window of wall-clock time, which somebody sets forward",
        scenario: "time/restarts::forward",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "wall-clock-backoff",
        sentence: "it waits for an instant of wall-clock time, which somebody sets back",
        scenario: "time/restarts::back",
        caught_by: "INV-FLOOR",
        consequences: &[("INV-CONVERGE", "an hour later it would go on")],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "wall-clock-watchdog",
        sentence: "it measures the silence of its workers in wall-clock time, which somebody sets back",
        scenario: "time/heartbeat::back",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "wall-clock-heartbeat",
        sentence: "it measures the silence of its workers in wall-clock time, which somebody sets forward, and takes nothing for a leap",
        scenario: "time/heartbeat",
        caught_by: "INV-DETECT",
        consequences: &[("INV-FLOOR", "who is killed is missing")],
        mutation: Mutation::WallClockUnexcused,
    },
    Mutant {
        name: "wall-clock-stable",
        sentence: "it takes a worker for a stable one when the wall clock was set forward",
        scenario: "time/restarts::before_it_is_stable",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "wall-clock-drain",
        sentence: "it ends a drain at an instant of wall-clock time, which somebody sets back",
        scenario: "time/restarts::drain_back",
        caught_by: "INV-DRAIN",
        consequences: &[],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "suspension-counts-twice",
        sentence: "when it goes on after a suspension it adds that time to a clock that went on meanwhile",
        scenario: "time/suspended::backoff",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::CountsTwice,
    },
    Mutant {
        name: "wall-clock-alone",
        sentence: "it goes by the wall clock, and only beside a run in which nobody set that it shows",
        scenario: "time/restarts",
        caught_by: "META-CLOCK",
        consequences: &[
            ("INV-CONVERGE", "an hour later it would go on"),
            ("INV-FLOOR", "until then somebody is missing"),
        ],
        mutation: Mutation::WallClock,
    },
    Mutant {
        name: "suspension-counts-twice-beside-a-pause",
        sentence: "a suspension is longer to it than a pause of that length",
        scenario: "time/suspended::backoff",
        caught_by: "META-SLOW",
        consequences: &[("INV-INTENSITY", "so a delay is over too soon")],
        mutation: Mutation::CountsTwice,
    },
    Mutant {
        name: "suspension-kills-beside-a-pause",
        sentence: "workers that were suspended together with it hang to it, and after a pause they don't",
        scenario: "time/suspended",
        caught_by: "META-SLOW",
        consequences: &[("INV-DETECT", "nobody of them hung")],
        mutation: Mutation::WatchdogFooled,
    },
];

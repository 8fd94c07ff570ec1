//! Mutants that show under a load, or in lives that end by themselves.

use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const LOADS: [Mutant; 4] = [
    Mutant {
        name: "dies-with-its-worker",
        sentence: "a worker that is killed while connections come in takes the supervisor with it",
        scenario: "load/flood::kills_round_robin",
        caught_by: "INV-ISOLATE",
        consequences: &[],
        mutation: Mutation::DiesWithWorker,
    },
    Mutant {
        name: "cuts-reused-connections",
        sentence: "a worker is killed as soon as it retires, with the connections on which clients ask again and again",
        scenario: "drain/keepalive",
        caught_by: "INV-CONSERVE",
        consequences: &[("INV-DRAIN", "what it was answering is closed before its end")],
        mutation: Mutation::NoDrain,
    },
    Mutant {
        name: "slow-deaths-are-free",
        sentence: "workers that announce as soon as they are ready, and die long after, are replaced for ever",
        scenario: "time/lifetimes",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::RetirementIsFree,
    },
    Mutant {
        name: "poison-is-not-found",
        sentence: "nobody looks for workers that a request made hang",
        scenario: "load/poison::hangs",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::WatchdogOff,
    },
];

//! The twelve.

use crate::mutant::{Mutant, Mutation};

/// All mutants.
pub const ALL: [Mutant; 12] = [
    Mutant {
        name: "no-restart",
        sentence: "a worker that dies is not replaced",
        scenario: "kill",
        caught_by: "INV-CONVERGE",
        consequences: &["INV-FLOOR"],
        mutation: Mutation::NoRestart,
    },
    Mutant {
        name: "one-reap-per-sigchld",
        sentence: "it waits for one child per SIGCHLD, although several deaths may raise one",
        scenario: "kill::several_frozen",
        caught_by: "INV-REAP",
        consequences: &["INV-CONVERGE", "INV-FLOOR"],
        mutation: Mutation::OneReapPerSignal,
    },
    Mutant {
        name: "two-replacements-per-retirement",
        sentence: "announcement and exit of the same worker each start a replacement",
        scenario: "throw",
        caught_by: "INV-ONCE",
        consequences: &["INV-CONVERGE"],
        mutation: Mutation::SecondReplacement,
    },
    Mutant {
        name: "replacement-only-after-exit",
        sentence: "a worker that announced is replaced when it has gone, not before",
        scenario: "throw::one_phase",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::LateReplacement,
    },
    Mutant {
        name: "no-drain",
        sentence: "a worker that is told to leave is killed at once",
        scenario: "hold",
        caught_by: "INV-DRAIN",
        consequences: &["INV-CONSERVE"],
        mutation: Mutation::NoDrain,
    },
    Mutant {
        name: "no-deadline",
        sentence: "a worker that does not leave is never killed",
        scenario: "hold::ignores_term_at_reload",
        caught_by: "INV-DRAIN",
        consequences: &[],
        mutation: Mutation::NoDeadline,
    },
    Mutant {
        name: "never-gives-up",
        sentence: "the restart limit is never reached",
        scenario: "flap",
        caught_by: "INV-GIVEUP",
        consequences: &["INV-INTENSITY"],
        mutation: Mutation::NoLimit,
    },
    Mutant {
        name: "counts-initial-starts",
        sentence: "the first start of each worker counts as a restart",
        scenario: "flap::more_workers_than_restarts",
        caught_by: "INV-GIVEUP",
        consequences: &["INV-ISOLATE"],
        mutation: Mutation::InitialStartsCount,
    },
    Mutant {
        name: "retirement-is-free",
        sentence: "a worker that announces is replaced without counting, however soon it does",
        scenario: "throw::first_request",
        caught_by: "INV-GIVEUP",
        consequences: &["INV-INTENSITY"],
        mutation: Mutation::RetirementIsFree,
    },
    Mutant {
        name: "gives-up-with-status-0",
        sentence: "having given up it ends as if it had been told to stop",
        scenario: "flap",
        caught_by: "INV-TRUTH",
        consequences: &["INV-GIVEUP"],
        mutation: Mutation::StatusZero,
    },
    Mutant {
        name: "orphans-on-stop",
        sentence: "told to stop it ends at once and leaves its workers behind",
        scenario: "signals/stop::with_long_requests",
        caught_by: "INV-CONTAIN",
        consequences: &[],
        mutation: Mutation::LeavesAtStop,
    },
    Mutant {
        name: "term-lost-during-rolling-restart",
        sentence: "a stop that comes during a rolling restart is forgotten",
        scenario: "signals/stop",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::DeafWhileRolling,
    },
];

/// The mutant of that name.
pub fn find(name: &str) -> Option<&'static Mutant> {
    ALL.iter().find(|mutant| mutant.name == name)
}

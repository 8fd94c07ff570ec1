//! Mutants that restart what has died in the wrong way, or not often enough, or too often.

use std::time::Duration;

use supervisor::core::{Input, SpawnError, SpawnStep};
use supervisor::policy::{Backoff, Limit, Restart};

use crate::machines::{Behind, Counting, Hears, Miscounts, SecondReplacement};
use crate::mutant::{FOR_EVER, Mutant, Mutation};

/// Nobody ever waits before a restart.
pub(crate) const UNPAUSED: Mutation = Mutation::Policy(|policy| {
    policy.backoff = Backoff { initial: Duration::ZERO, cap: Duration::ZERO, ..policy.backoff }
});

/// All of them.
pub const RESTARTING: [Mutant; 18] = [
    Mutant {
        name: "miscounts",
        sentence: "of three deaths it overlooks one",
        scenario: "drift::scaled",
        caught_by: "INV-CONVERGE",
        consequences: &[
            ("INV-FLOOR", "workers are missing"),
            ("INV-SERIAL", "a stop waits for those who have long ended"),
        ],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Miscounts::one_in(3))),
    },
    Mutant {
        name: "no-backoff",
        sentence: "a restart never waits, however many have failed before it",
        scenario: "flap",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: UNPAUSED,
    },
    Mutant {
        name: "backoff-never-grows",
        sentence: "the delay before a restart is always the initial one",
        scenario: "flap",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.backoff.factor = 1),
    },
    Mutant {
        name: "backoff-without-cap",
        sentence: "the delay before a restart doubles without end",
        scenario: "flap",
        caught_by: "INV-INTENSITY",
        consequences: &[
            ("INV-FLOOR", "who waits for so long is missing"),
            ("INV-CONVERGE", "and does not come back in time"),
        ],
        mutation: Mutation::Policy(|policy| policy.backoff.cap = FOR_EVER),
    },
    Mutant {
        name: "backoff-never-resets",
        sentence: "a worker that ran for long pays for failures of long ago",
        scenario: "flap::stable_runs",
        caught_by: "INV-INTENSITY",
        consequences: &[
            ("INV-FLOOR", "who waits for so long is missing"),
            ("INV-CONVERGE", "and does not come back in time"),
        ],
        mutation: Mutation::Policy(|policy| policy.stable = FOR_EVER),
    },
    Mutant {
        name: "backoff-resets-at-ready",
        sentence: "a worker that was ready for an instant has had a stable run",
        scenario: "flap::after_ready",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.stable = Duration::ZERO),
    },
    Mutant {
        name: "gives-up-one-late",
        sentence: "it allows one restart more than the limit says",
        scenario: "flap",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::Policy(|policy| {
            policy.limit = policy.limit.map(|limit| Limit { restarts: limit.restarts + 1, ..limit })
        }),
    },
    Mutant {
        name: "gives-up-one-early",
        sentence: "it gives up one restart before the limit is reached",
        scenario: "flap",
        caught_by: "INV-GIVEUP",
        consequences: &[],
        mutation: Mutation::Policy(|policy| {
            policy.limit = policy.limit.map(|limit| Limit { restarts: limit.restarts - 1, ..limit })
        }),
    },
    Mutant {
        name: "window-never-slides",
        sentence: "restarts are counted for ever, not for the time of the window",
        scenario: "flap::below_the_limit",
        caught_by: "INV-GIVEUP",
        consequences: &[],
        mutation: Mutation::Policy(|policy| {
            policy.limit = policy.limit.map(|limit| Limit { within: FOR_EVER, ..limit })
        }),
    },
    Mutant {
        name: "window-too-short",
        sentence: "restarts are forgotten long before their window has passed",
        scenario: "flap",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::Policy(|policy| {
            policy.limit = policy.limit.map(|limit| Limit { within: limit.within / 100, ..limit })
        }),
    },
    Mutant {
        name: "limit-per-worker",
        sentence: "each place in the pool has a restart limit of its own",
        scenario: "flap::at_start",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: Mutation::Metered(Counting::PerSlot),
    },
    Mutant {
        name: "limit-resets-at-ready",
        sentence: "each worker that gets ready sets the count of restarts to nothing",
        scenario: "flap::after_ready",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::Metered(Counting::SinceReady),
    },
    Mutant {
        name: "clean-exit-is-free",
        sentence: "a worker that exits with status 0 is restarted without counting",
        scenario: "flap::clean_exit",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::Metered(Counting::Failures),
    },
    Mutant {
        name: "clean-exit-is-final",
        sentence: "a worker that exits with status 0 is not replaced",
        scenario: "flap::clean_exit",
        caught_by: "INV-FLOOR",
        consequences: &[("INV-CONVERGE", "a worker is missing for good")],
        mutation: Mutation::Policy(|policy| policy.restart = Restart::OnFailure { success: vec![0] }),
    },
    Mutant {
        name: "two-replacements-per-death",
        sentence: "whoever dies is replaced twice",
        scenario: "kill",
        caught_by: "INV-ONCE",
        consequences: &[
            ("INV-CONVERGE", "the surplus worker stays"),
            ("INV-INTENSITY", "the second one does not wait"),
        ],
        mutation: Mutation::Machine(|policies| Box::new(SecondReplacement::of_the_dead(policies))),
    },
    Mutant {
        name: "ignores-spawn-errors",
        sentence: "a worker that could not be started is not tried again",
        scenario: "spawn/program",
        caught_by: "INV-CONVERGE",
        consequences: &[("INV-FLOOR", "it is missing"), ("INV-SERIAL", "it is waited for at a stop, too")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(policies, Hears(|input| (!matches!(input, Input::SpawnFailed(..))).then_some(input)))
        }),
    },
    Mutant {
        name: "ignores-missing-directories",
        sentence: "a worker for which there was no directory to run in is not tried again",
        scenario: "spawn/directory",
        caught_by: "INV-CONVERGE",
        consequences: &[("INV-FLOOR", "it is missing"), ("INV-SERIAL", "it is waited for at a stop, too")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| match input {
                    Input::SpawnFailed(_, SpawnError { step: SpawnStep::Setup, .. }) => None,
                    other => Some(other),
                }),
            )
        }),
    },
    Mutant {
        name: "missing-program-is-free",
        sentence: "a start that fails because there is no program does not count as a restart",
        scenario: "spawn/program::gives_up",
        caught_by: "INV-GIVEUP",
        consequences: &[],
        mutation: Mutation::Metered(Counting::Programs),
    },
];

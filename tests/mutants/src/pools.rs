//! Mutants that don't keep their pools apart, or don't keep them together.

use supervisor::core::{Command, Input, Pools, WorkerId};

use crate::machines::{Apart, Behind, Counting, Hears};
use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const POOLS: [Mutant; 8] = [
    Mutant {
        name: "one-limit-for-all",
        sentence: "restarts in any pool count against the limit of the first one",
        scenario: "pools/flap::own_limits",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-GIVEUP@notifier", "no pool had needed so many")],
        mutation: Mutation::Metered(Counting::Deaths),
    },
    Mutant {
        name: "gives-up-alone",
        sentence: "a pool that gives up ends without the others",
        scenario: "pools/flap::gives_up",
        caught_by: "INV-GIVEUP@notifier",
        consequences: &[("INV-SERIAL", "the others are not told to stop by it")],
        mutation: Mutation::Machine(|policies| Box::new(Apart::new(policies))),
    },
    Mutant {
        name: "tries-alone",
        sentence: "a pool whose trial of a new configuration succeeds does not wait for those of the others",
        scenario: "pools/reload::one_fails",
        caught_by: "INV-GENERATION",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Box::new(Apart::new(policies))),
    },
    Mutant {
        name: "stops-the-first",
        sentence: "a stop is one of the first pool alone",
        scenario: "pools/stop",
        caught_by: "INV-SERIAL",
        consequences: &[
            ("INV-SERIAL@notifier", "the supervisor waits for the others for ever"),
            ("INV-SERIAL@jobs", "and so does who looks at those"),
        ],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| match input {
                    Input::Command(Command::Stop) => Some(Input::PoolCommand(0, Command::Stop)),
                    other => Some(other),
                }),
            )
        }),
    },
    Mutant {
        name: "drains-like-the-first",
        sentence: "every pool has the drain deadline of the first one",
        scenario: "pools/stop",
        caught_by: "INV-DRAIN@notifier",
        consequences: &[("INV-DRAIN@jobs", "its own is another one, too")],
        mutation: Mutation::Machine(|mut policies| {
            let drain = policies.first().map(|first| first.drain);
            policies.iter_mut().for_each(|policy| policy.drain = drain.unwrap_or(policy.drain));
            Box::new(Pools::new(policies))
        }),
    },
    Mutant {
        name: "mixes-up-pools",
        sentence: "a death in another pool is taken for one in the same place of the first",
        scenario: "pools/kill",
        caught_by: "INV-CONVERGE@notifier",
        consequences: &[
            ("INV-FLOOR@notifier", "nobody is started there"),
            ("INV-SERIAL@notifier", "and a stop waits for who has long ended"),
            ("INV-TRUTH", "it says of one that lives that it has ended"),
            ("INV-ONCE", "and replaces it"),
            ("INV-CONVERGE", "so that there is one too many"),
            ("INV-INTENSITY", "whose own death is not heard of"),
            ("INV-SERIAL", "and is waited for"),
        ],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| match input {
                    Input::Exited(id, status) => Some(Input::Exited(WorkerId { pool: 0, ..id }, status)),
                    other => Some(other),
                }),
            )
        }),
    },
    Mutant {
        name: "scales-the-first",
        sentence: "whichever pool is to have another size, the first one gets it",
        scenario: "pools/orders",
        caught_by: "INV-FLOOR@notifier",
        consequences: &[
            ("INV-CONVERGE@notifier", "those that were ordered are not there"),
            ("INV-CONVERGE", "and the first pool has workers that nobody asked for"),
            ("INV-ONCE", "for whom there was no place"),
        ],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| match input {
                    Input::PoolCommand(_, Command::Scale(scale)) => Some(Input::PoolCommand(0, Command::Scale(scale))),
                    other => Some(other),
                }),
            )
        }),
    },
    Mutant {
        name: "replaces-in-the-first",
        sentence: "a worker of another pool that is to be replaced is taken for the one in the same place of the first",
        scenario: "pools/orders::one",
        caught_by: "INV-SERIAL@notifier",
        consequences: &[("INV-CONVERGE", "the first pool is seen replacing somebody whom nobody meant")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| match input {
                    Input::PoolCommand(_, Command::Restart(slot)) => {
                        Some(Input::PoolCommand(0, Command::Restart(slot)))
                    }
                    other => Some(other),
                }),
            )
        }),
    },
];

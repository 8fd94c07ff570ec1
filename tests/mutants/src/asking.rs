//! Mutants that don't do what a pool is asked for.

use supervisor::core::{Command, Input, Word};
use supervisor::policy::Readiness;

use crate::channels::ChannelFault;
use crate::faulty::KernelFault;
use crate::machines::{Behind, Counting, Hears};
use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const ASKING: [Mutant; 13] = [
    Mutant {
        name: "hears-any-datagram",
        sentence: "any datagram that has READY in it means that the worker is ready",
        scenario: "start/ready",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::HearsAnyDatagram)),
    },
    Mutant {
        name: "needs-no-newline",
        sentence: "whatever a worker writes where a newline says that it is ready says so",
        scenario: "start/ready::by_descriptor",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::NeedsNoNewline)),
    },
    Mutant {
        name: "awaits-every-word",
        sentence: "a worker that is ready as soon as it runs is waited for all the same",
        scenario: "start/ready::at_spawn_never_told",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.ready = Readiness::Told),
    },
    Mutant {
        name: "gives-no-more-time",
        sentence: "a worker that says that it needs longer to get ready is killed at the deadline that it had",
        scenario: "start/ready::extended",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| (!matches!(input, Input::Word(_, Word::Extend(_)))).then_some(input)),
            )
        }),
    },
    Mutant {
        name: "deaf-to-signs-of-life",
        sentence: "that a worker says that it lives counts for nothing",
        scenario: "start/ready::watchdog",
        caught_by: "INV-DETECT",
        consequences: &[
            ("INV-CONVERGE", "everybody is killed again and again"),
            ("INV-FLOOR", "and missing meanwhile"),
        ],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(policies, Hears(|input| (!matches!(input, Input::Word(_, Word::Alive))).then_some(input)))
        }),
    },
    Mutant {
        name: "sees-to-all-at-once",
        sentence: "a reload that is to see to one place at a time sees to all of them",
        scenario: "reload/pace::in_place",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.at_once = policy.workers),
    },
    Mutant {
        name: "starts-before-the-end",
        sentence: "where no two workers of a place may run at once a new one is started beside the old one",
        scenario: "reload/pace::in_place",
        caught_by: "INV-ONCE",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.surge = policy.surge.max(1)),
    },
    Mutant {
        name: "deaf-to-restarts",
        sentence: "an order to replace one worker changes nothing",
        scenario: "control/restart",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| (!matches!(input, Input::PoolCommand(_, Command::Restart(_)))).then_some(input)),
            )
        }),
    },
    Mutant {
        name: "orders-cost-restarts",
        sentence: "a worker that is replaced by order counts against the restart limit",
        scenario: "control/restart",
        caught_by: "INV-GIVEUP",
        consequences: &[],
        mutation: Mutation::Metered(Counting::Replacements),
    },
    Mutant {
        name: "waits-for-the-deaf",
        sentence: "a worker that never takes what it is passed is waited for, however long it takes",
        scenario: "handoff::deaf",
        caught_by: "INV-DETECT",
        consequences: &[("INV-FLOOR", "and its client waits as long")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(policies, Hears(|input| (!matches!(input, Input::Hung(_))).then_some(input)))
        }),
    },
    Mutant {
        name: "restarts-the-first",
        sentence: "of a pool that is to be replaced only the first worker is",
        scenario: "control/restart::everybody",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            let first = |input| match input {
                Input::PoolCommand(pool, Command::Reload) => Some(Input::PoolCommand(pool, Command::Restart(0))),
                other => Some(other),
            };
            Behind::machine(policies, Hears(first))
        }),
    },
    Mutant {
        name: "publishes-in-passing",
        sentence: "what the operator publishes is told to those who are there, and not kept for who comes later",
        scenario: "control/publish::newcomer",
        caught_by: "Current",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::PublishesInPassing)),
    },
    Mutant {
        name: "gives-no-more-time-to-leave",
        sentence: "a worker that says as it leaves that it needs longer is killed at the deadline that it had",
        scenario: "drain/extended",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-CONSERVE", "with what it was to finish")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| (!matches!(input, Input::Word(_, Word::Extend(_)))).then_some(input)),
            )
        }),
    },
];

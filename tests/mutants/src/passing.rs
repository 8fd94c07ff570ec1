//! Mutants that are wrong about what passes between supervisor and workers.

use crate::channels::ChannelFault;
use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const PASSING: [Mutant; 10] = [
    Mutant {
        name: "passes-twice",
        sentence: "each connection is passed to two workers",
        scenario: "handoff::long_requests",
        caught_by: "INV-CONSERVE",
        consequences: &[("INV-DRAIN", "it may be a worker that is leaving")],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::PassesTwice)),
    },
    Mutant {
        name: "forgets-what-is-under-way",
        sentence: "a connection that was passed to a worker counts as taken when that worker ends without an answer",
        scenario: "handoff::to_one_that_does_not_run",
        caught_by: "INV-CONSERVE",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::Forgets)),
    },
    Mutant {
        name: "takes-refusals",
        sentence: "a connection that a worker refuses is offered to nobody else",
        scenario: "handoff::refused",
        caught_by: "INV-CONSERVE",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::TakesRefusals)),
    },
    Mutant {
        name: "passes-to-who-leaves",
        sentence: "a worker that was told to leave is offered connections that others are passed",
        scenario: "handoff::long_requests",
        caught_by: "INV-DRAIN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::OffersToLeaving)),
    },
    Mutant {
        name: "passes-over",
        sentence: "the first worker is never passed anything",
        scenario: "handoff::in_turn",
        caught_by: "Balanced",
        consequences: &[],
        mutation: Mutation::PassesOver,
    },
    Mutant {
        name: "tells-the-first-value",
        sentence: "a worker that subscribes to a topic is told the first value that it ever had",
        scenario: "topics/values::newcomer",
        caught_by: "Current",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::TellsTheFirst)),
    },
    Mutant {
        name: "tells-every-other-value",
        sentence: "a subscriber is told every other change of a topic",
        scenario: "topics/values",
        caught_by: "Current",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::TellsEveryOther)),
    },
    Mutant {
        name: "hears-ready-everywhere",
        sentence: "whatever a worker says with the word ready in it means that it is ready",
        scenario: "ipc/ready",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::HearsReady)),
    },
    Mutant {
        name: "hears-pieces",
        sentence: "what is read of a message is taken for one if an object ends there",
        scenario: "ipc/frames::half_then_on",
        caught_by: "Births",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::HearsPieces)),
    },
    Mutant {
        name: "glues-halves",
        sentence: "what a worker has begun to say and not ended is the beginning of what the next one says",
        scenario: "ipc/frames::half_then_exit",
        caught_by: "Births",
        consequences: &[
            ("INV-CONVERGE", "who was not understood when it said that it is ready is ended after a second"),
            ("INV-FLOOR", "and is missing until then"),
        ],
        mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::GluesHalves)),
    },
];

//! Mutants that are wrong about workers of another kind than the puppet: real processes of another subject show it.

use supervisor::config::ReadySign;

use crate::channels::ChannelFault;
use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// A mutant that shows through workers of its own kind.
#[derive(Clone, Copy, Debug)]
pub struct Through {
    /// Whose workers: the name of a subject that is started by the reference supervisor.
    pub subject: &'static str,
    /// What is wrong.
    pub mutant: Mutant,
}

/// Workers of a Node cluster that are passed connections in turn.
const CLUSTER: &str = "reference-cluster";

/// Workers of Node that are sent a server on their plain channel.
const PLAIN: &str = "reference-node";

/// All of them.
pub static THROUGH: [Through; 6] = [
    Through {
        subject: CLUSTER,
        mutant: Mutant {
            name: "node-forgets-what-is-under-way",
            sentence: "what a worker of a Node cluster has not acknowledged when it ends is offered to nobody else",
            scenario: "handoff::to_one_that_does_not_run",
            caught_by: "INV-CONSERVE",
            consequences: &[("INV-FLOOR", "it may be a probe that is forgotten, when nobody is missing any more")],
            mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::Forgets)),
        },
    },
    Through {
        subject: CLUSTER,
        mutant: Mutant {
            name: "node-passes-twice",
            sentence: "each connection is passed to two workers of a Node cluster",
            scenario: "handoff::long_requests",
            caught_by: "INV-CONSERVE",
            consequences: &[("INV-DRAIN", "it may be a worker that is leaving")],
            mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::PassesTwice)),
        },
    },
    Through {
        subject: CLUSTER,
        mutant: Mutant {
            name: "node-passes-to-who-leaves",
            sentence: "a worker of a Node cluster that was told to disconnect is offered connections that others are passed",
            scenario: "handoff::leaving_slowly",
            caught_by: "INV-DRAIN",
            consequences: &[],
            mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::OffersToLeaving)),
        },
    },
    Through {
        subject: CLUSTER,
        mutant: Mutant {
            name: "node-never-disconnects",
            sentence: "workers of a Node cluster that are to leave are never told to disconnect",
            scenario: "handoff::leaving_slowly",
            caught_by: "INV-ONCE",
            consequences: &[],
            mutation: Mutation::Kernel(KernelFault::Channel(ChannelFault::NeverDisconnects)),
        },
    },
    Through {
        subject: CLUSTER,
        mutant: Mutant {
            name: "node-ready-when-it-runs",
            sentence: "a worker of a Node cluster counts as ready when Node runs, before its program listens",
            scenario: "ipc/ready",
            caught_by: "INV-TRUTH",
            consequences: &[("INV-INTENSITY", "who counts as ready too early counts as stable too early")],
            mutation: Mutation::Pool(|pool| pool.sign = ReadySign::Online),
        },
    },
    Through {
        subject: PLAIN,
        mutant: Mutant {
            name: "node-ready-when-it-has-sockets",
            sentence: "a worker of Node counts as ready when its sockets have arrived, though it is to say so itself",
            scenario: "ipc/ready",
            caught_by: "INV-TRUTH",
            consequences: &[("INV-INTENSITY", "who counts as ready too early counts as stable too early")],
            mutation: Mutation::Pool(|pool| pool.sign = ReadySign::Sockets),
        },
    },
];

/// Whose workers a mutant is run with.
pub fn subject_of(mutant: &Mutant) -> &'static str {
    let own = THROUGH.iter().find(|through| through.mutant.name == mutant.name);
    own.map_or("reference", |through| through.subject)
}

//! Mutants that show under a load, or in lives that end by themselves.

use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};
use crate::shares::ShareFault;

/// All of them.
pub const LOADS: [Mutant; 8] = [
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
    Mutant {
        name: "keeps-closed-places",
        sentence: "the listening socket of a place that is closed stays open, and nobody accepts from it",
        scenario: "listener/reuseport::shrinks",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Shares(ShareFault::Kept)),
    },
    Mutant {
        name: "closes-with-its-worker",
        sentence: "each worker gets a new listening socket, and who waits at its predecessor's is lost",
        scenario: "listener/reuseport::killed",
        caught_by: "INV-CONSERVE",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Shares(ShareFault::Fresh)),
    },
    Mutant {
        name: "shares-with-strangers",
        sentence: "where its workers have a socket each, whoever listens there already gets a part of the clients",
        scenario: "start/address::shared_with_sockets_of_their_own",
        caught_by: "INV-OWN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Shares(ShareFault::WithAnybody)),
    },
    Mutant {
        name: "closes-while-empty",
        sentence: "the listening socket is closed when the last worker has ended, until one is started",
        scenario: "kill::all_wait",
        caught_by: "INV-CONSERVE",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::ShutsWhileEmpty),
    },
];

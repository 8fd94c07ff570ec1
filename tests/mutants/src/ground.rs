//! Mutants that a simulation can't show: what they do wrong is seen in files, sockets and processes of a real host.

use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const REAL: [Mutant; 9] = [
    Mutant {
        name: "takes-paths",
        sentence: "whatever is at the path of a socket is removed, whoever listens there",
        scenario: "ownership/leftovers::somebody_lives_there",
        caught_by: "INV-OWN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::TakesPaths),
    },
    Mutant {
        name: "shares-addresses",
        sentence: "a second supervisor binds the same address (SO_REUSEPORT) and runs beside the first",
        scenario: "ownership/second_start::address_alone",
        caught_by: "INV-OWN",
        consequences: &[
            ("INV-ONCE", "there are the workers of two pools"),
            ("INV-CONVERGE", "and they stay"),
            ("INV-SERIAL", "the second starts its workers after the stop of the first"),
            ("INV-CONTAIN", "nobody has told the second to stop"),
            ("INV-INTENSITY", "its workers look like restarts"),
            ("INV-CONSERVE", "its share of the connections is lost with it"),
        ],
        mutation: Mutation::Kernel(KernelFault::SharesAddresses),
    },
    Mutant {
        name: "signals-neighbours",
        sentence: "what it sends to a worker everybody in its own process group gets",
        scenario: "ownership/unix_socket",
        caught_by: "INV-OWN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::SignalsNeighbours),
    },
    Mutant {
        name: "leaks-to-workers",
        sentence: "a file that it has open is open in its workers, too",
        scenario: "environment/workers",
        caught_by: "INV-ENV",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::LeaksToWorkers),
    },
    Mutant {
        name: "clears-umask",
        sentence: "what workers create may be written by everybody",
        scenario: "environment/workers",
        caught_by: "INV-ENV",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::ClearsUmask),
    },
    Mutant {
        name: "leaves-directory",
        sentence: "workers run in the root directory, and not where it was started",
        scenario: "environment/workers",
        caught_by: "INV-ENV",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::LeavesDirectory),
    },
    Mutant {
        name: "halves-limits",
        sentence: "workers may open fewer descriptors than it was allowed",
        scenario: "environment/workers",
        caught_by: "INV-ENV",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::HalvesLimits),
    },
    Mutant {
        name: "keeps-variables",
        sentence: "variables of its own reach its workers",
        scenario: "environment/workers",
        caught_by: "INV-ENV",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::KeepsVariables),
    },
    Mutant {
        name: "spins",
        sentence: "it asks again and again whether there is something to do, and never sleeps",
        scenario: "environment/idle",
        caught_by: "INV-STATIONARY",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Spins),
    },
];

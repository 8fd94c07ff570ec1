//! Mutants that a simulation can't show: what they do wrong is seen in files, sockets and processes of a real host.

use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// All of them.
pub const REAL: [Mutant; 3] = [
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
];

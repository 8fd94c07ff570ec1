//! Mutants that do what the catalogue tells of, in the scenario that guards against it. Most plant a fault that another list
//! has, too: it is the incident that is another, and whether it is noticed there.

use supervisor::core::{Input, Pools, SpawnError, SpawnStep};

use crate::faulty::KernelFault;
use crate::leaving::STAYED;
use crate::machines::{Behind, ChannelEndsLast, Counting, End, Ends, Fragile, Hears};
use crate::mutant::{FOR_EVER, Mutant, Mutation};
use crate::restarting::UNPAUSED;

/// All of them.
pub const INCIDENTS: [Mutant; 14] = [
    Mutant {
        name: "expects-one-order",
        sentence: "the death of a worker whose channel had ended before is overlooked",
        scenario: "ipc/channel",
        caught_by: "INV-CONVERGE",
        consequences: &[
            ("INV-FLOOR", "its place stays empty"),
            ("INV-INTENSITY", "it is not replaced"),
            ("INV-SERIAL", "and at a stop it is waited for"),
        ],
        mutation: Mutation::Machine(|policies| Box::new(ChannelEndsLast::new(Pools::new(policies)))),
    },
    Mutant {
        name: "ends-without-descriptors",
        sentence: "having no descriptor for a new worker it ends, and so do the others",
        scenario: "spawn/descriptors",
        caught_by: "NeverGivesUp",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Box::new(Fragile(Pools::new(policies)))),
    },
    Mutant {
        name: "forgets-whom-it-could-not-start",
        sentence: "a worker for which there was no descriptor or no process at first is never tried again",
        scenario: "spawn/descriptors",
        caught_by: "INV-CONVERGE",
        consequences: &[("INV-FLOOR", "it is missing"), ("INV-SERIAL", "it is waited for at a stop, too")],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Hears(overlooks_shortage))),
    },
    Mutant {
        name: "stays-without-a-program",
        sentence: "having given up a program that was never there it stays, and looks alive",
        scenario: "spawn/program::at_start",
        caught_by: "INV-CONVERGE",
        consequences: &[("INV-FLOOR", "nobody is there"), ("INV-SERIAL", "and a stop changes nothing")],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Ends::new(End::StaysAfterGiveUp))),
    },
    Mutant {
        name: "stays-without-having-stood",
        sentence: "having given up workers of which none was ever ready it stays, and looks alive",
        scenario: "flap::at_start",
        caught_by: "INV-GIVEUP",
        consequences: STAYED,
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Ends::new(End::StaysAfterGiveUp))),
    },
    Mutant {
        name: "waits-for-its-address",
        sentence: "as long as its address is taken it tries again and says nothing",
        scenario: "start/address",
        caught_by: "Exits",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::WaitsForAddresses),
    },
    Mutant {
        name: "dies-holding-a-lock",
        sentence: "one of the workers that are killed holds a lock, and from then on all others wait for that",
        scenario: "signals/lock",
        caught_by: "INV-FLOOR",
        consequences: &[("INV-CONVERGE", "who is started waits as well, and is never ready")],
        mutation: Mutation::Kernel(KernelFault::LocksUp),
    },
    Mutant {
        name: "waits-for-its-trial",
        sentence: "the first worker of a reload may boot for as long as it likes, and the reload lasts as long",
        scenario: "reload/code::never_ready",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.ready_timeout = FOR_EVER),
    },
    Mutant {
        name: "passes-signals-on",
        sentence: "the signal of a terminal that tells it to stop reaches its workers, too, and they don't drain at that",
        scenario: "signals/group",
        caught_by: "NothingLost",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::PassesSignalsOn),
    },
    Mutant {
        name: "ends-with-a-group",
        sentence: "a signal that a worker sends to its group ends the supervisor, too",
        scenario: "signals/group::by_a_worker",
        caught_by: "INV-ISOLATE",
        consequences: &[("INV-CONTAIN", "and what its workers had started is left")],
        mutation: Mutation::DiesWithWorker,
    },
    Mutant {
        name: "forgets-descendants",
        sentence: "what a dead worker had started is left to itself",
        scenario: "tree/children::killed",
        caught_by: "INV-CONTAIN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::KillsAlone),
    },
    Mutant {
        name: "forgets-who-holds-its-listener",
        sentence: "what a dead worker had started keeps the listening socket that it inherited",
        scenario: "tree/children::holds_descriptors",
        caught_by: "INV-CONTAIN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::KillsAlone),
    },
    Mutant {
        name: "starts-daemons-for-ever",
        sentence: "a program that goes to the background ends well each time, and is started again without counting",
        scenario: "tree/daemons",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::Metered(Counting::Failures),
    },
    Mutant {
        name: "starts-for-each-client",
        sentence: "as long as a client waits the service is started again without a pause",
        scenario: "listener/activation",
        caught_by: "INV-INTENSITY",
        consequences: &[],
        mutation: UNPAUSED,
    },
];

/// Nothing was said of a start for which the host had no room.
fn overlooks_shortage(input: Input) -> Option<Input> {
    match input {
        Input::SpawnFailed(_, SpawnError { step: SpawnStep::Descriptors | SpawnStep::Fork, .. }) => None,
        _ => Some(input),
    }
}

//! All of them.

use std::sync::LazyLock;

use crate::asking::ASKING;
use crate::clocks::CLOCKS;
use crate::excess::EXCESS;
use crate::faulty::KernelFault;
use crate::ground::REAL;
use crate::incidents::INCIDENTS;
use crate::leaving::LEAVING;
use crate::loads::LOADS;
use crate::mutant::{Mutant, Mutation};
use crate::output::OUTPUT;
use crate::passing::PASSING;
use crate::pools::POOLS;
use crate::renewing::RENEWING;
use crate::restarting::RESTARTING;
use crate::talking::TALKING;
use crate::through::THROUGH;

/// All mutants.
pub static ALL: LazyLock<Vec<Mutant>> = LazyLock::new(|| {
    let lists: [&[Mutant]; 13] = [
        &LIST,
        &RESTARTING,
        &LEAVING,
        &RENEWING,
        &PASSING,
        &POOLS,
        &ASKING,
        &CLOCKS,
        &LOADS,
        &OUTPUT,
        &EXCESS,
        &INCIDENTS,
        &TALKING,
    ];
    lists.concat()
});

/// Those that belong to no kind with a list of its own.
const LIST: [Mutant; 25] = [
    Mutant {
        name: "ready-too-early",
        sentence: "it tells the service manager that it is ready before its workers are",
        scenario: "status/notify",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::ReadyTooEarly),
    },
    Mutant {
        name: "silent-at-stop",
        sentence: "it does not tell the service manager that it stops",
        scenario: "status/notify",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::SilentAtStop),
    },
    Mutant {
        name: "reloads-in-silence",
        sentence: "it does not tell the service manager that it reloads",
        scenario: "status/notify::reload",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::ReloadsInSilence),
    },
    Mutant {
        name: "blocked-by-its-pid-file",
        sentence: "a pid file that is there keeps it from starting, whomever it names",
        scenario: "ownership/pid_file",
        caught_by: "INV-OWN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::BlockedByPidFile),
    },
    Mutant {
        name: "writes-no-pid",
        sentence: "it starts over an old pid file, which goes on naming somebody else",
        scenario: "ownership/pid_file",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::WritesNoPid),
    },
    Mutant {
        name: "no-restart",
        sentence: "a worker that dies is not replaced",
        scenario: "kill",
        caught_by: "INV-CONVERGE",
        consequences: &[("INV-FLOOR", "a worker is missing long after the kill is no excuse any more")],
        mutation: Mutation::NoRestart,
    },
    Mutant {
        name: "one-reap-per-sigchld",
        sentence: "it waits for one child per SIGCHLD, although several deaths may raise one",
        scenario: "kill::several_frozen",
        caught_by: "INV-REAP",
        consequences: &[
            ("INV-CONVERGE", "who is not seen to die is not replaced"),
            ("INV-FLOOR", "so workers are missing"),
            ("INV-SERIAL", "a stop waits for workers that have long ended"),
        ],
        mutation: Mutation::OneReapPerSignal,
    },
    Mutant {
        name: "two-replacements-per-retirement",
        sentence: "announcement and exit of the same worker each start a replacement",
        scenario: "throw",
        caught_by: "INV-ONCE",
        consequences: &[("INV-CONVERGE", "the surplus worker stays")],
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
        scenario: "hold::one_phase",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-CONSERVE", "what the worker held is lost")],
        mutation: Mutation::NoDrain,
    },
    Mutant {
        name: "no-deadline",
        sentence: "a worker that does not leave is never killed",
        scenario: "hold::ignores_term_at_reload",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-SERIAL", "a stop waits for ever")],
        mutation: Mutation::NoDeadline,
    },
    Mutant {
        name: "never-gives-up",
        sentence: "the restart limit is never reached",
        scenario: "flap",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::NoLimit,
    },
    Mutant {
        name: "counts-initial-starts",
        sentence: "the first start of each worker counts as a restart",
        scenario: "flap::more_workers_than_restarts",
        caught_by: "INV-GIVEUP",
        consequences: &[],
        mutation: Mutation::InitialStartsCount,
    },
    Mutant {
        name: "retirement-is-free",
        sentence: "a worker that announces is replaced without counting, however soon it does",
        scenario: "throw::first_request",
        caught_by: "INV-GIVEUP",
        consequences: &[("INV-INTENSITY", "more restarts in the window than the limit allows")],
        mutation: Mutation::RetirementIsFree,
    },
    Mutant {
        name: "gives-up-with-status-0",
        sentence: "having given up it ends as if it had been told to stop",
        scenario: "flap",
        caught_by: "INV-TRUTH",
        consequences: &[("INV-GIVEUP", "the status is part of a give-up")],
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
    Mutant {
        name: "rolling-restart-drains-first",
        sentence: "a rolling restart sends the old worker away before it starts the new one",
        scenario: "flap::hups",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::DrainsBeforeReady,
    },
    Mutant {
        name: "rolling-restart-counts",
        sentence: "the replacements of a rolling restart count against the restart limit",
        scenario: "flap::hups",
        caught_by: "INV-GIVEUP",
        consequences: &[],
        mutation: Mutation::ReloadCounts,
    },
    Mutant {
        name: "failed-reload-goes-on",
        sentence: "a rolling restart whose new worker fails goes on with the next",
        scenario: "reload/code",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::ReloadNotAborted,
    },
    Mutant {
        name: "no-watchdog",
        sentence: "nobody looks for workers that hang",
        scenario: "hang/workers",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::WatchdogOff,
    },
    Mutant {
        name: "suspension-is-silence",
        sentence: "time for which the supervisor was suspended itself counts as silence of its workers",
        scenario: "hang/workers::all_suspended",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::WatchdogFooled,
    },
    Mutant {
        name: "scale-forgets-slots",
        sentence: "with fewer workers wanted nobody leaves",
        scenario: "scale/workers",
        caught_by: "INV-ONCE",
        consequences: &[("INV-CONVERGE", "who has no place any more stays")],
        mutation: Mutation::ScaleForgetsSlots,
    },
    Mutant {
        name: "leaks-descriptors",
        sentence: "what was opened for a worker stays open when the worker is gone",
        scenario: "reload/code::many",
        caught_by: "INV-STATIONARY",
        consequences: &[],
        mutation: Mutation::LeaksDescriptors,
    },
    Mutant {
        name: "stale-configuration",
        sentence: "workers are started from the first configuration, whatever was read since",
        scenario: "reload/configuration",
        caught_by: "INV-GENERATION",
        consequences: &[],
        mutation: Mutation::StaleConfiguration,
    },
];

/// The shipped supervisor behind the wrappers of the mutants.
pub const UNMUTATED: Mutant = Mutant {
    name: "unmutated",
    sentence: "nothing is wrong with it",
    scenario: "kill",
    caught_by: "nothing",
    consequences: &[],
    mutation: Mutation::Identity,
};

/// The mutant of that name, or the unmutated one.
pub fn find(name: &str) -> Option<&'static Mutant> {
    let through = THROUGH.iter().map(|through| &through.mutant);
    ALL.iter().chain(&REAL).chain(through).chain([&UNMUTATED]).find(|mutant| mutant.name == name)
}

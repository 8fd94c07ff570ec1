//! Mutants that renew, count or watch their workers in the wrong way.

use supervisor::core::{Action, Command, Event, Input, Pools, ReloadPhase};
use supervisor::policy::Readiness;

use crate::faulty::KernelFault;
use crate::machines::{
    Behind, ChannelIsLife, Does, ForgetsWhoLeaves, Hears, OldRestarts, OneReloadAtATime, RollsTwice, WrongTarget,
    kills_nobody,
};
use crate::mutant::{FOR_EVER, Mutant, Mutation};
use crate::shares::ShareFault;

/// All of them.
pub const RENEWING: [Mutant; 21] = [
    Mutant {
        name: "forgets-who-leaves",
        sentence: "at a reload it forgets who has been told to leave, and nobody ends those at their deadline",
        scenario: "reload/generations",
        caught_by: "INV-DRAIN",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, ForgetsWhoLeaves::default())),
    },
    Mutant {
        name: "reopens-at-reload",
        sentence: "a reload closes the listening socket and opens it again, and who waits there is lost",
        scenario: "reload/queue::old_ones_killed",
        caught_by: "INV-CONSERVE",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Shares(ShareFault::AtReload)),
    },
    Mutant {
        name: "ready-is-not-waited-for",
        sentence: "a worker that was started counts as ready, and the old one leaves",
        scenario: "reload/code::slow",
        caught_by: "INV-FLOOR",
        consequences: &[("INV-TRUTH", "it says ready of one that is not")],
        mutation: Mutation::Policy(|policy| policy.ready = Readiness::AtSpawn),
    },
    Mutant {
        name: "deaf-to-reloads",
        sentence: "a reload changes nothing",
        scenario: "reload/configuration",
        caught_by: "INV-SERIAL",
        consequences: &[("INV-GENERATION", "so everybody is of the old configuration")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| {
                    (!matches!(input, Input::Configure(..) | Input::Command(Command::Reload))).then_some(input)
                }),
            )
        }),
    },
    Mutant {
        name: "one-reload-at-a-time",
        sentence: "a reload that comes during another one is forgotten",
        scenario: "reload/configuration::during_a_reload",
        caught_by: "INV-SERIAL",
        consequences: &[("INV-GENERATION", "so everybody is of the configuration before")],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, OneReloadAtATime::default())),
    },
    Mutant {
        name: "rolls-twice",
        sentence: "for one order to reload every worker is replaced twice",
        scenario: "handoff::reload",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Box::new(RollsTwice::new(Pools::new(policies)))),
    },
    Mutant {
        name: "failed-reload-is-a-success",
        sentence: "a rolling restart that was given up is reported as done",
        scenario: "reload/configuration::crashes_at_boot",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Does(|action| {
                    Some(match action {
                        Action::Emit(Event::Reload { pool, phase: ReloadPhase::Aborted }) => {
                            Action::Emit(Event::Reload { pool, phase: ReloadPhase::Done })
                        }
                        other => other,
                    })
                }),
            )
        }),
    },
    Mutant {
        name: "old-restarts",
        sentence: "whoever dies after a reload is restarted from the old configuration",
        scenario: "reload/configuration",
        caught_by: "INV-GENERATION",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, OldRestarts::default())),
    },
    Mutant {
        name: "signals-the-wrong-worker",
        sentence: "the signal for one worker goes to another",
        scenario: "flap::hups",
        caught_by: "INV-ONCE",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, WrongTarget::default())),
    },
    Mutant {
        name: "deaf-to-scaling",
        sentence: "an order to have more workers, or fewer, changes nothing",
        scenario: "scale/workers",
        caught_by: "INV-CONVERGE",
        consequences: &[("INV-FLOOR", "workers are missing"), ("INV-ONCE", "and later there are too many")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| {
                    (!matches!(input, Input::Command(Command::Scale(_)) | Input::PoolCommand(_, Command::Scale(_))))
                        .then_some(input)
                }),
            )
        }),
    },
    Mutant {
        name: "watchdog-too-slow",
        sentence: "a worker that hangs is found ten times too late",
        scenario: "hang/workers",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.watchdog = policy.watchdog.map(|silence| silence * 10)),
    },
    Mutant {
        name: "watchdog-too-quick",
        sentence: "a worker that is silent for a tenth of the allowed time is killed",
        scenario: "hang/workers::frozen_for_a_moment",
        caught_by: "INV-DETECT",
        consequences: &[("INV-FLOOR", "who is killed is missing")],
        mutation: Mutation::Policy(|policy| policy.watchdog = policy.watchdog.map(|silence| silence / 10)),
    },
    Mutant {
        name: "boots-for-ever",
        sentence: "a worker that does not get ready is waited for, however long it takes",
        scenario: "hang/workers::at_boot",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.ready_timeout = FOR_EVER),
    },
    Mutant {
        name: "watchdog-kills-who-boots",
        sentence: "a worker that boots for longer than a ready one may be silent is killed",
        scenario: "hang/workers::slow_boot",
        caught_by: "INV-DETECT",
        consequences: &[],
        mutation: Mutation::Policy(|policy| policy.ready_timeout = policy.watchdog.unwrap_or(policy.ready_timeout)),
    },
    Mutant {
        name: "rolls-all-at-once",
        sentence: "a reload starts the replacements of everybody at the same time",
        scenario: "reload/code::slow",
        caught_by: "INV-ONCE",
        consequences: &[],
        mutation: Mutation::Policy(|policy| {
            policy.surge = policy.workers;
            policy.at_once = policy.workers;
        }),
    },
    Mutant {
        name: "hangs-are-only-noted",
        sentence: "a worker that hangs is noted, and left",
        scenario: "hang/workers",
        caught_by: "INV-DETECT",
        consequences: &[("INV-SERIAL", "a stop waits for who hangs")],
        mutation: Mutation::Machine(kills_nobody),
    },
    Mutant {
        name: "channel-is-life",
        sentence: "a worker whose channel is closed is taken for dead",
        scenario: "ipc/channel::closed_then_reload",
        caught_by: "INV-CONVERGE",
        consequences: &[
            ("INV-SERIAL", "who was written off is not renewed"),
            ("INV-TRUTH", "it says how they ended, and they have not"),
        ],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, ChannelIsLife::default())),
    },
    Mutant {
        name: "loses-sigchld",
        sentence: "of two deaths in a row the second is not looked at",
        scenario: "kill",
        caught_by: "INV-REAP",
        consequences: &[
            ("INV-CONVERGE", "who is not seen to die is not replaced"),
            ("INV-FLOOR", "so workers are missing"),
            ("INV-INTENSITY", "until somebody else dies"),
            ("INV-SERIAL", "a stop waits for workers that have long ended"),
        ],
        mutation: Mutation::Kernel(KernelFault::LosesSigchld),
    },
    Mutant {
        name: "interrupted-is-fatal",
        sentence: "a call that a signal interrupts takes the supervisor with it",
        scenario: "signals/noise::storm_of_deaths",
        caught_by: "INV-ISOLATE",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::InterruptIsFatal),
    },
    Mutant {
        name: "wrong-exit-status",
        sentence: "every death is taken for an exit with status 0",
        scenario: "kill",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::StatusLost),
    },
    Mutant {
        name: "reads-what-it-can",
        sentence: "of a configuration that is too long, or no text, it takes what it can read",
        scenario: "reload/configuration::too_long",
        caught_by: "INV-GENERATION",
        consequences: &[("INV-TRUTH", "and says that all is well with it")],
        mutation: Mutation::Kernel(KernelFault::ReadsWhatItCan),
    },
];

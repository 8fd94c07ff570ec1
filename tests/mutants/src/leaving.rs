//! Mutants that let workers leave, or leave themselves, in the wrong way.

use std::time::Duration;

use supervisor::core::{Action, Command, Input, Order, Pools, Signal, Word};
use supervisor::policy::ExitCode;

use crate::faulty::KernelFault;
use crate::machines::{
    Behind, DeafToStop, Does, End, Ends, Fragile, Hears, HearsOneStop, Hurries, While, kills_nobody,
};
use crate::mutant::{Mutant, Mutation};

/// What else shows that a supervisor that gave up is still there.
pub const STAYED: &[(&str, &str)] = &[
    ("INV-CONVERGE", "nobody is started any more"),
    ("INV-FLOOR", "nobody is there"),
    ("INV-SERIAL", "and a stop changes nothing"),
];

/// All of them.
pub const LEAVING: [Mutant; 20] = [
    Mutant {
        name: "no-death-signal",
        sentence: "its workers are not told of its death but by the end of their channel",
        scenario: "death/at_birth",
        caught_by: "INV-CONTAIN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::NoParentDeathSignal),
    },
    Mutant {
        name: "drain-too-short",
        sentence: "workers that leave get a fifth of the time that they were promised",
        scenario: "hold::rolling_restart",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-CONSERVE", "what the worker held is lost")],
        mutation: Mutation::Policy(|policy| policy.drain /= 5),
    },
    Mutant {
        name: "drain-too-long",
        sentence: "workers that leave get three times as long as was promised",
        scenario: "hold::ignores_term",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-SERIAL", "a stop takes too long")],
        mutation: Mutation::Policy(|policy| policy.drain *= 3),
    },
    Mutant {
        name: "kills-at-stop",
        sentence: "it sends SIGKILL where it should ask to leave",
        scenario: "hold::stop",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-CONSERVE", "what the worker held is lost")],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Does(|action| {
                    Some(match action {
                        Action::Signal(id, Signal::Term) => Action::Signal(id, Signal::Kill),
                        other => other,
                    })
                }),
            )
        }),
    },
    Mutant {
        name: "never-kills",
        sentence: "at the deadline nobody is killed",
        scenario: "hold::ignores_term_at_reload",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-SERIAL", "a stop waits for ever")],
        mutation: Mutation::Machine(kills_nobody),
    },
    Mutant {
        name: "never-says-drain",
        sentence: "a worker that waits for the order to leave never gets it",
        scenario: "throw",
        caught_by: "INV-CONVERGE",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Does(|action| (!matches!(action, Action::Tell(_, Order::Drain))).then_some(action)),
            )
        }),
    },
    Mutant {
        name: "stop-hurries",
        sentence: "a first stop is taken for a second one",
        scenario: "signals/stop::with_long_requests",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-CONSERVE", "what the worker held is lost")],
        mutation: Mutation::Machine(|policies| Box::new(Hurries(Pools::new(policies)))),
    },
    Mutant {
        name: "second-stop-is-lost",
        sentence: "who is told to stop again waits for the drain all the same",
        scenario: "signals/stop::twice",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, HearsOneStop::default())),
    },
    Mutant {
        name: "stop-lost-while-booting",
        sentence: "a stop that comes while a worker boots is forgotten",
        scenario: "signals/stop::at_start",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, DeafToStop::new(While::Booting))),
    },
    Mutant {
        name: "stop-lost-during-backoff",
        sentence: "a stop that comes while a restart is due is forgotten",
        scenario: "signals/stop::during_backoff",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, DeafToStop::new(While::Waiting))),
    },
    Mutant {
        name: "stop-tells-one",
        sentence: "at a stop only the first worker is told",
        scenario: "hold::stop_of_each",
        caught_by: "INV-DRAIN",
        consequences: &[("INV-CONSERVE", "what the others held is lost")],
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Ends::new(End::TellsOne))),
    },
    Mutant {
        name: "stop-with-a-failure",
        sentence: "a stop that was ordered ends with the status of a give-up",
        scenario: "signals/stop::with_long_requests",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Does(|action| {
                    Some(match action {
                        Action::Exit(ExitCode::Stopped) => Action::Exit(ExitCode::GaveUp),
                        other => other,
                    })
                }),
            )
        }),
    },
    Mutant {
        name: "stop-is-a-reload",
        sentence: "it takes a stop for a reload",
        scenario: "signals/stop::with_long_requests",
        caught_by: "INV-SERIAL",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| {
                    Some(match input {
                        Input::Command(Command::Stop) => Input::Command(Command::Reload),
                        other => other,
                    })
                }),
            )
        }),
    },
    Mutant {
        name: "gives-up-and-stays",
        sentence: "having given up it stays, with nobody to look after",
        scenario: "flap::after_ready",
        caught_by: "INV-GIVEUP",
        consequences: STAYED,
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Ends::new(End::StaysAfterGiveUp))),
    },
    Mutant {
        name: "stays-after-a-boot-loop",
        sentence: "having given up workers that die as they boot it stays, with nobody to look after",
        scenario: "flap",
        caught_by: "INV-GIVEUP",
        consequences: STAYED,
        mutation: Mutation::Machine(|policies| Behind::machine(policies, Ends::new(End::StaysAfterGiveUp))),
    },
    Mutant {
        name: "gives-up-and-leaves-workers",
        sentence: "having given up it ends at once and leaves its workers behind",
        scenario: "flap::with_long_requests_everywhere",
        caught_by: "INV-CONTAIN",
        consequences: &[],
        mutation: Mutation::LeavesAtGiveUp,
    },
    Mutant {
        name: "forgets-who-announced",
        sentence: "a worker that announced is not taken out of service",
        scenario: "throw::one_phase",
        caught_by: "INV-FLOOR",
        consequences: &[],
        mutation: Mutation::Machine(|policies| {
            Behind::machine(
                policies,
                Hears(|input| (!matches!(input, Input::Word(_, Word::Retire | Word::Suicide))).then_some(input)),
            )
        }),
    },
    Mutant {
        name: "kills-the-worker-alone",
        sentence: "who is killed leaves behind what it started",
        scenario: "tree/children::ignores_term",
        caught_by: "INV-CONTAIN",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::KillsAlone),
    },
    Mutant {
        name: "spawn-error-is-fatal",
        sentence: "a worker that can't be started takes the supervisor with it",
        scenario: "reload/configuration::program_missing",
        caught_by: "INV-ISOLATE",
        consequences: &[],
        mutation: Mutation::Machine(|policies| Box::new(Fragile(Pools::new(policies)))),
    },
    Mutant {
        name: "no-lame-duck",
        sentence: "told to stop, it drains at once, although it was to serve on for a while",
        scenario: "drain/lame_duck",
        caught_by: "INV-FLOOR",
        consequences: &[("INV-CONSERVE", "who comes later is refused")],
        mutation: Mutation::Policy(|policy| policy.lame_duck = Duration::ZERO),
    },
];

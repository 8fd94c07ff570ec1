//! What a mutant is, and how it is built from the shipped parts.

use std::time::Duration;

use supervisor::core::{Action, Input, Machine, Pools};
use supervisor::policy::{Instant, Policy, Restart};

use crate::faulty::KernelFault;
use crate::machines::{
    Counting, DeafWhileRolling, ForgetsSlots, LateReplacement, LeavesAtStop, Meter, RollsOn, SecondReplacement,
    StatusZero, Unexcused,
};

/// A broken supervisor.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What is wrong with it, in one sentence.
    pub sentence: &'static str,
    /// The scenario in which that shows, `file::variant` or `file`.
    pub scenario: &'static str,
    /// The invariant that has to notice.
    pub caught_by: &'static str,
    /// Invariants that fail there as a consequence, and why. No other may.
    pub consequences: &'static [(&'static str, &'static str)],
    /// What is changed.
    pub mutation: Mutation,
}

impl Mutant {
    /// Whether this invariant is documented to fail as a consequence.
    pub fn has_consequence(&self, id: &str) -> bool {
        self.consequences.iter().any(|(consequence, _)| *consequence == id)
    }
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Nothing: the wrappers alone.
    Identity,
    /// A dead worker is not replaced.
    NoRestart,
    /// One child is reaped for each SIGCHLD.
    OneReapPerSignal,
    /// A worker that announced is replaced again when it exits.
    SecondReplacement,
    /// A worker that announced is replaced when it has exited.
    LateReplacement,
    /// Workers that are told to leave get no time for it.
    NoDrain,
    /// Workers that are told to leave get all the time they want.
    NoDeadline,
    /// There is no restart limit.
    NoLimit,
    /// The first starts count against the limit.
    InitialStartsCount,
    /// Replacements of workers that announced don't.
    RetirementIsFree,
    /// It gives up with status 0.
    StatusZero,
    /// It ends at once when told to stop.
    LeavesAtStop,
    /// It does not hear a stop during a rolling restart.
    DeafWhileRolling,
    /// An old worker leaves before its replacement is started.
    DrainsBeforeReady,
    /// The replacements of a rolling restart count against the limit.
    ReloadCounts,
    /// An old worker leaves although its replacement failed to start.
    ReloadNotAborted,
    /// Nobody looks for workers that hang.
    WatchdogOff,
    /// Workers that were suspended together with it hang.
    WatchdogFooled,
    /// With fewer workers wanted nobody leaves.
    ScaleForgetsSlots,
}

/// Any state machine.
pub struct AnyMachine(Box<dyn Machine>);

impl Machine for AnyMachine {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        self.0.step(now, input, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// A drain that no run lives to see the end of.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Mutation {
    /// The state machine of the mutant for pools under `policies`.
    pub fn machine(self, policies: Vec<Policy>) -> AnyMachine {
        let limit = policies.first().and_then(|policy| policy.limit);
        let with = |change: &dyn Fn(&mut Policy)| {
            let mut changed = policies.clone();
            changed.iter_mut().for_each(change);
            Pools::new(changed)
        };
        let unlimited = || with(&|policy| policy.limit = None);
        AnyMachine(match self {
            Self::Identity | Self::OneReapPerSignal => Box::new(Pools::new(policies)),
            Self::NoRestart => Box::new(with(&|policy| policy.restart = Restart::Never)),
            Self::NoDrain => Box::new(with(&|policy| policy.drain = Duration::ZERO)),
            Self::NoDeadline => Box::new(with(&|policy| policy.drain = FOR_EVER)),
            Self::NoLimit => Box::new(unlimited()),
            Self::InitialStartsCount => Box::new(Meter::new(unlimited(), limit, Counting::EveryStart)),
            Self::RetirementIsFree => Box::new(Meter::new(unlimited(), limit, Counting::Deaths)),
            Self::SecondReplacement => Box::new(SecondReplacement::new(policies)),
            Self::LateReplacement => Box::new(LateReplacement::new(Pools::new(policies))),
            Self::StatusZero => Box::new(StatusZero(Pools::new(policies))),
            Self::LeavesAtStop => Box::new(LeavesAtStop(Pools::new(policies))),
            Self::DeafWhileRolling => Box::new(DeafWhileRolling::new(Pools::new(policies))),
            Self::DrainsBeforeReady => Box::new(with(&|policy| policy.surge = 0)),
            Self::ReloadCounts => Box::new(Meter::new(unlimited(), limit, Counting::Replacements)),
            Self::ReloadNotAborted => Box::new(RollsOn::new(Pools::new(policies))),
            Self::WatchdogOff => Box::new(with(&|policy| policy.watchdog = None)),
            Self::WatchdogFooled => Box::new(Unexcused(Pools::new(policies))),
            Self::ScaleForgetsSlots => Box::new(ForgetsSlots(Pools::new(policies))),
        })
    }

    /// What is wrong with its view of the kernel.
    pub fn kernel_fault(self) -> KernelFault {
        match self {
            Self::OneReapPerSignal => KernelFault::OneReapPerSignal,
            Self::LeavesAtStop => KernelFault::NoParentDeathSignal,
            _ => KernelFault::None,
        }
    }
}

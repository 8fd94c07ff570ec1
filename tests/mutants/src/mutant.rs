//! What a mutant is, and how it is built from the shipped parts.

use std::time::Duration;

use supervisor::config::{Config, Handoff, PoolConfig};
use supervisor::core::{Action, Input, Machine, Pools};
use supervisor::policy::{Instant, Policy, Restart};

use crate::faulty::KernelFault;
use crate::machines::{
    Behind, Counting, CountsTwice, DeafWhileRolling, DiesWithWorker, End, Ends, ForgetsFirst, ForgetsSlots,
    LateReplacement, LeavesAtStop, Meter, RollsOn, SecondReplacement, Stale, StatusZero, Unexcused,
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
    /// The invariant that has to notice, as reports have it (`INV-FLOOR@notifier` in a pool beside the first), or the
    /// expectation of the scenario by its name.
    pub caught_by: &'static str,
    /// Invariants that fail there as a consequence, and why. No other may.
    pub consequences: &'static [(&'static str, &'static str)],
    /// What is changed.
    pub mutation: Mutation,
}

impl Mutant {
    /// What has to notice it, in whichever pool.
    pub fn catcher(&self) -> &'static str {
        self.caught_by.split_once('@').map_or(self.caught_by, |(id, _)| id)
    }

    /// Whether this invariant is documented to fail as a consequence.
    pub fn has_consequence(&self, id: &str) -> bool {
        self.consequences.iter().any(|(consequence, _)| *consequence == id)
    }
}

/// One change.
#[derive(Clone, Copy, Debug)]
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
    /// It ends at once when it gives up.
    LeavesAtGiveUp,
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
    /// Time for which it was suspended has passed twice to it.
    CountsTwice,
    /// Workers are started from the first configuration for ever.
    StaleConfiguration,
    /// Descriptors are never closed.
    LeaksDescriptors,
    /// With fewer workers wanted nobody leaves.
    ScaleForgetsSlots,
    /// One worker never gets its turn.
    PassesOver,
    /// Its policies are changed, those of later configurations included.
    Policy(fn(&mut Policy)),
    /// Its state machine is another one.
    Machine(fn(Vec<Policy>) -> Box<dyn Machine>),
    /// It counts other things against the restart limit.
    Metered(Counting),
    /// It ends when a worker was killed.
    DiesWithWorker,
    /// Its view of the kernel is this one.
    Kernel(KernelFault),
    /// It unblocks signals before it has handlers for them.
    UnblocksFirst,
    /// Its workers accept from one socket, however they are to get at connections.
    Herds,
    /// It reads something else in its configuration.
    Pool(fn(&mut PoolConfig)),
    /// It goes by the wall clock.
    WallClock,
    /// The same, and it takes no leap for a suspension.
    WallClockUnexcused,
}

/// Any state machine.
pub struct AnyMachine {
    machine: Box<dyn Machine>,
    /// What is wrong with every policy that it is given.
    change: fn(&mut Policy),
}

impl Machine for AnyMachine {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let input = match input {
            Input::Configure(revision, mut policies) => {
                policies.iter_mut().for_each(self.change);
                Input::Configure(revision, policies)
            }
            other => other,
        };
        self.machine.step(now, input, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.machine.next_deadline()
    }
}

/// What no run lives to see the end of.
pub const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Mutation {
    /// The state machine of the mutant for pools under `policies`.
    pub fn machine(self, policies: Vec<Policy>) -> AnyMachine {
        let limit = policies.first().and_then(|policy| policy.limit);
        let change = self.change();
        let changed = || {
            let mut changed = policies.clone();
            changed.iter_mut().for_each(change);
            Pools::new(changed)
        };
        let machine: Box<dyn Machine> = match self {
            Self::NoRestart
            | Self::NoDrain
            | Self::NoDeadline
            | Self::NoLimit
            | Self::DrainsBeforeReady
            | Self::Policy(_)
            | Self::WatchdogOff => Box::new(changed()),
            Self::PassesOver => Box::new(ForgetsFirst(Pools::new(policies))),
            Self::Identity
            | Self::OneReapPerSignal
            | Self::LeaksDescriptors
            | Self::UnblocksFirst
            | Self::WallClock
            | Self::Herds
            | Self::Pool(_)
            | Self::Kernel(_) => Box::new(Pools::new(policies)),
            Self::Machine(machine) => machine(policies),
            Self::Metered(counting) => Box::new(Meter::new(changed(), limit, counting)),
            Self::InitialStartsCount => Box::new(Meter::new(changed(), limit, Counting::EveryStart)),
            Self::RetirementIsFree => Box::new(Meter::new(changed(), limit, Counting::Deaths)),
            Self::SecondReplacement => Box::new(SecondReplacement::new(policies)),
            Self::LateReplacement => Box::new(LateReplacement::new(Pools::new(policies))),
            Self::DiesWithWorker => Box::new(DiesWithWorker(Pools::new(policies))),
            Self::StatusZero => Box::new(StatusZero(Pools::new(policies))),
            Self::LeavesAtGiveUp => Behind::machine(policies, Ends::new(End::LeavesAtGiveUp)),
            Self::LeavesAtStop => Box::new(LeavesAtStop(Pools::new(policies))),
            Self::DeafWhileRolling => Box::new(DeafWhileRolling::new(Pools::new(policies))),
            Self::ReloadCounts => Box::new(Meter::new(changed(), limit, Counting::Replacements)),
            Self::ReloadNotAborted => Box::new(RollsOn::new(Pools::new(policies))),
            Self::WatchdogFooled | Self::WallClockUnexcused => Box::new(Unexcused(Pools::new(policies))),
            Self::CountsTwice => Box::new(CountsTwice::new(Pools::new(policies))),
            Self::StaleConfiguration => Box::new(Stale(Pools::new(policies))),
            Self::ScaleForgetsSlots => Box::new(ForgetsSlots(Pools::new(policies))),
        };
        AnyMachine { machine, change }
    }

    /// What is wrong with its policies, those of later configurations included.
    fn change(self) -> fn(&mut Policy) {
        match self {
            Self::NoRestart => |policy| policy.restart = Restart::Never,
            Self::NoDrain => |policy| policy.drain = Duration::ZERO,
            Self::NoDeadline => |policy| policy.drain = FOR_EVER,
            Self::Policy(change) => change,
            Self::NoLimit
            | Self::Metered(_)
            | Self::InitialStartsCount
            | Self::RetirementIsFree
            | Self::ReloadCounts => |policy| policy.limit = None,
            Self::DrainsBeforeReady => |policy| policy.surge = 0,
            Self::WatchdogOff => |policy| policy.watchdog = None,
            _ => |_| {},
        }
    }

    /// Changes what it reads in its configuration at the start.
    pub fn configure(self, config: &mut Config) {
        let pools = config.pools.iter_mut();
        match self {
            Self::Herds => pools.for_each(|pool| pool.handoff = Handoff::Inherit),
            Self::Pool(change) => pools.for_each(change),
            _ => {}
        }
    }

    /// What is wrong with its view of the kernel.
    pub fn kernel_fault(self) -> KernelFault {
        match self {
            Self::OneReapPerSignal => KernelFault::OneReapPerSignal,
            Self::LeaksDescriptors => KernelFault::ClosesNothing,
            Self::WallClock | Self::WallClockUnexcused => KernelFault::WallClock,
            Self::LeavesAtStop | Self::LeavesAtGiveUp => KernelFault::NoParentDeathSignal,
            Self::Kernel(fault) => fault,
            _ => KernelFault::None,
        }
    }
}

//! The pool as data: what the state machine knows between two inputs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::policy::{ExitCode, Instant, Policy, RestartLog};

use super::slot::{Next, Slot};
use super::step::Step;
use super::worker::Worker;
use super::{Action, Input, Revision, WorkerId};

/// A pool of workers under one policy.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    /// Its place in the configuration.
    pub(super) number: u16,
    /// The policy in force, with the number of workers that is wanted now.
    pub(super) policy: Policy,
    /// The configuration in force.
    pub(super) revision: Revision,
    /// What the workers belong to that are started now: the last rolling restart that took effect.
    pub(super) epoch: u64,
    pub(super) stage: Stage,
    /// One for each wanted worker, and the closed ones after them.
    pub(super) slots: Vec<Slot>,
    /// Every worker that was asked for and has not ended, those that are leaving included.
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// The restarts that count against the limit.
    pub(super) restarts: RestartLog,
    pub(super) reload: Option<Reload>,
    /// The latest configuration that came to nothing here, other than by a stop.
    pub(super) dropped: Revision,
}

/// Where the pool is in its life. The order of the variants is the only way through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The loop does not run yet.
    New,
    /// Workers are kept available.
    Running,
    /// The same, until this instant: a stop was ordered.
    LameDuck(Instant),
    /// Nothing is started any more; the workers that are left have been told to leave.
    Ending {
        /// What to end with.
        code: ExitCode,
        /// Whether the operator asked for it; what a give-up began still takes a first stop and a second one.
        stop: StopAsked,
    },
    /// Nobody is left and nobody will come.
    Over {
        /// How it ended.
        code: ExitCode,
    },
}

impl Stage {
    /// When workers are to be told to leave, if that is to come by itself.
    pub(super) fn serves_until(self) -> Option<Instant> {
        match self {
            Self::LameDuck(until) => Some(until),
            Self::New | Self::Running | Self::Ending { .. } | Self::Over { .. } => None,
        }
    }
}

/// How often the operator said stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StopAsked {
    /// Not at all: it runs, or gave up by itself.
    Never,
    /// Once, and it goes on serving for a while.
    LameDuck,
    /// Once: workers may drain.
    Once,
    /// Again: every worker got SIGKILL.
    Hurried,
}

/// A rolling restart that is under way.
#[derive(Clone, Debug)]
pub(super) struct Reload {
    /// What its workers belong to. A slot whose epoch is less is still to be seen to.
    pub(super) epoch: u64,
    /// The configuration that is on trial: its first worker is not ready yet, so nothing but that worker is of it.
    pub(super) trial: Option<Change>,
    /// What was asked for meanwhile.
    pub(super) next: Option<Wish>,
}

/// What the operator wants a rolling restart for.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// Fresh workers.
    Fresh,
    /// Workers of another configuration.
    Change(Change),
}

/// Another configuration.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: Revision,
    pub(super) policy: Policy,
}

impl Pool {
    /// A pool that has not started yet.
    pub(super) fn new(number: u16, policy: Policy) -> Self {
        let slots = (0..policy.workers).map(|_| Slot::default()).collect();
        Self {
            number,
            policy,
            revision: Revision::default(),
            epoch: 0,
            stage: Stage::New,
            slots,
            workers: BTreeMap::new(),
            restarts: RestartLog::default(),
            reload: None,
            dropped: Revision::default(),
        }
    }

    /// When the restarts that are waiting fall due.
    pub(super) fn dues(&self) -> impl Iterator<Item = (Instant, u32)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| match slot.next {
            Next::Due { at, .. } => Some((at, index)),
            Next::Nobody | Next::Started(_) | Next::After(_) => None,
        })
    }

    /// Takes one input that is for this pool.
    pub(super) fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        Step { pool: self, now, actions }.run(input);
    }

    /// What follows from all pools' trials of a configuration, if this one makes one.
    pub(super) fn conclude(&mut self, now: Instant, revision: Revision, agreed: bool, actions: &mut Vec<Action>) {
        if self.tries() == Some(revision) {
            Step { pool: self, now, actions }.conclude(agreed);
        }
    }

    /// The configuration that is on trial.
    pub(super) fn tries(&self) -> Option<Revision> {
        self.reload.as_ref()?.trial.as_ref().map(|change| change.revision)
    }

    /// Whether a configuration can take effect as far as this pool is concerned: its own trial has succeeded, or it makes none.
    pub(super) fn agrees(&mut self, now: Instant, revision: Revision) -> bool {
        let waits = |reload: &Reload| matches!(&reload.next, Some(Wish::Change(change)) if change.revision == revision);
        let succeeded = Step { pool: self, now, actions: &mut Vec::new() }.has_succeeded();
        if self.tries() == Some(revision) { succeeded } else { !self.reload.as_ref().is_some_and(waits) }
    }

    /// Another pool gave up.
    pub(super) fn give_up_too(&mut self, now: Instant, actions: &mut Vec<Action>) {
        Step { pool: self, now, actions }.give_up_too();
    }

    /// When a tick is wanted next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let dues = self.dues().map(|(at, _)| at);
        let deadlines = self.workers.values().filter_map(|worker| worker.phase.deadline());
        deadlines.chain(dues).chain(self.stage.serves_until()).min()
    }

    /// Whether it looks for workers that hang.
    pub(super) fn watches(&self) -> bool {
        let tried = self.reload.as_ref().and_then(|reload| reload.trial.as_ref());
        self.policy.watchdog.is_some() || tried.is_some_and(|change| change.policy.watchdog.is_some())
    }

    /// The loop came back so much too late: whoever is watched may have been suspended with it, and starts afresh.
    pub(super) fn excuse(&mut self, now: Instant, late: Duration) {
        Step { pool: self, now, actions: &mut Vec::new() }.excuse(late);
    }

    /// How often it was told to stop; `None` if it is over.
    pub(super) fn stop_asked(&self) -> Option<StopAsked> {
        match self.stage {
            Stage::New | Stage::Running => Some(StopAsked::Never),
            Stage::LameDuck(_) => Some(StopAsked::LameDuck),
            Stage::Ending { stop, .. } => Some(stop),
            Stage::Over { .. } => None,
        }
    }

    /// Whether it ends, or has ended, because of the restart limit.
    pub(super) fn gave_up(&self) -> bool {
        matches!(self.stage, Stage::Ending { code: ExitCode::GaveUp, .. } | Stage::Over { code: ExitCode::GaveUp })
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }
}

//! What a worker's script does to it, as far as a judge must know.

use std::time::Duration;

use crate::history::Worker;
use crate::scenario::{Handoff, Life, LifeRecord, Phase, Ready, Scenario, Signal};

/// What is scripted and therefore no supervisor's fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// So much longer to become ready.
    pub boot: Duration,
    /// Never ready.
    pub never_ready: bool,
    /// Exits by itself.
    pub exits: bool,
    /// Ends itself by SIGKILL, as nobody else may.
    pub kills_itself: bool,
    /// Stops doing anything at some time, and then sees no signal that can be caught.
    pub hangs: bool,
    /// Never says that it makes progress.
    pub silent: bool,
    /// Never takes what it is passed.
    pub deaf: bool,
    /// Does not leave when told.
    pub ignores_term: bool,
    /// So much longer to leave.
    pub slow_stop: Duration,
    /// Has children that outlive its group.
    pub detached_children: bool,
}

impl Traits {
    /// The traits of a life.
    pub fn of(life: &Life) -> Self {
        let plain = Self::default();
        match life {
            Life::Serve | Life::RetireAtFirstRequest(_) | Life::Leak(_) | Life::Flood(_) => plain,
            Life::Crash { at, .. } => Self { exits: true, never_ready: *at == Phase::Boot, ..plain },
            Life::Hang { at } => Self { hangs: true, never_ready: *at == Phase::Boot, ..plain },
            Life::IgnoreTerm => Self { ignores_term: true, ..plain },
            Life::SlowBoot(span) => Self { boot: span.0, ..plain },
            Life::SlowStop(span) => Self { slow_stop: span.0, ..plain },
            Life::Record(record) => Self::of_record(record),
        }
    }

    fn of_record(record: &LifeRecord) -> Self {
        let dies_in_boot = record.exit.is_some_and(|exit| exit.at == Phase::Boot);
        Self {
            boot: record.boot.0,
            never_ready: record.never_ready || dies_in_boot || record.hang == Some(Phase::Boot),
            exits: record.exit.is_some(),
            kills_itself: record.exit.is_some_and(|exit| exit.signal == Some(Signal::KILL)),
            hangs: record.hang.is_some(),
            silent: record.silent,
            deaf: record.deaf,
            ignores_term: record.ignore_term,
            slow_stop: record.slow_stop.0,
            detached_children: record.children.iter().any(|child| child.setsid || child.orphan),
        }
    }

    /// The traits of this worker in this scenario.
    pub fn of_worker(scenario: &Scenario, worker: &Worker) -> Self {
        let lives = &scenario.lives;
        let scripted = match worker.generation {
            1 => Some(&lives.first),
            generation => lives.generation.get(&generation),
        };
        let nth = (worker.ticket as usize).checked_sub(1);
        let traits = Self::of(nth.and_then(|nth| scripted?.get(nth)).unwrap_or(&lives.then));
        let deaf = traits.deaf && scenario.pool.handoff == Some(Handoff::RoundRobin);
        let traits = match scenario.pool.ready {
            // Who counts as ready from its birth on is no later for anything that it does as it boots.
            Some(Ready::AtSpawn) => Self { boot: Duration::ZERO, never_ready: false, ..traits },
            _ => traits,
        };
        // One that is asked to hang before it is ready is as good as one that is scripted to.
        Self {
            deaf,
            hangs: traits.hangs || deaf,
            never_ready: traits.never_ready || worker.hung.is_some() && worker.ready.is_none(),
            ..traits
        }
    }

    /// Whether its script alone keeps it from being ready in time.
    pub fn spoils_boot(&self) -> bool {
        self.never_ready || self.boot > Duration::ZERO
    }
}

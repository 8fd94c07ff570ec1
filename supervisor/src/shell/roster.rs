//! Who is where and doing what, as the events tell it: for the operator's eyes. No decision about a worker hangs on it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::control::{PoolStatus, SlotStatus, WorkerState, WorkerStatus};
use crate::core::{Event, ReloadPhase, WorkerId};
use crate::kernel::Child;
use crate::policy::Instant;

/// One worker.
#[derive(Clone, Copy, Debug)]
struct Member {
    child: Option<Child>,
    state: WorkerState,
    born: Instant,
}

/// One place.
#[derive(Debug, Default)]
struct Place {
    restarts: u64,
    /// When the next start is due.
    due: Option<Instant>,
    /// By generation.
    members: BTreeMap<u32, Member>,
}

/// One pool.
#[derive(Debug, Default)]
struct Ranks {
    wanted: u32,
    places: BTreeMap<u32, Place>,
    rolling: bool,
    last_roll: Option<ReloadPhase>,
    /// A stop was ordered, and it goes on serving until then.
    serves_until: Option<Instant>,
}

/// All pools.
#[derive(Debug, Default)]
pub struct Roster {
    pools: Vec<Ranks>,
    stopping: bool,
}

/// What /proc knows of a process: resident bytes and processor time.
pub type Usage = (u64, Duration);

impl Roster {
    fn pool(&mut self, pool: u16) -> &mut Ranks {
        let place = usize::from(pool);
        if self.pools.len() <= place {
            self.pools.resize_with(place + 1, Ranks::default);
        }
        &mut self.pools[place]
    }

    fn place(&mut self, id: WorkerId) -> &mut Place {
        self.pool(id.pool).places.entry(id.slot).or_default()
    }

    fn state(&mut self, id: WorkerId, state: WorkerState) {
        if let Some(member) = self.place(id).members.get_mut(&id.generation) {
            member.state = state;
        }
    }

    /// Something happened; `child` is the process of the worker that it concerns.
    pub fn note(&mut self, at: Instant, event: &Event, child: Option<Child>) {
        match event {
            Event::Setup { pool, workers } => self.pool(*pool).wanted = *workers,
            Event::Fork { worker } => {
                let place = self.place(*worker);
                place.due = None;
                place.members.insert(worker.generation, Member { child, state: WorkerState::Booting, born: at });
            }
            Event::Ready { worker } => self.state(*worker, WorkerState::Ready),
            Event::Announce { worker, two_phase: true } => self.state(*worker, WorkerState::Leaving),
            Event::Announce { worker, two_phase: false } | Event::Retire { worker } => {
                self.state(*worker, WorkerState::Draining);
            }
            Event::Scale { pool, workers } => self.pool(*pool).wanted = *workers,
            Event::Kill { worker } => self.state(*worker, WorkerState::Killed),
            Event::Exit { worker, .. } => drop(self.place(*worker).members.remove(&worker.generation)),
            Event::Restart { worker, delay } => {
                let place = self.place(*worker);
                place.restarts += 1;
                place.due = Some(at + *delay);
            }
            Event::Reload { pool, phase } => self.roll(*pool, *phase),
            Event::Stop { pool: None, .. } | Event::GiveUp { .. } => self.stopping = true,
            Event::LameDuck { pool, span } => self.pool(*pool).serves_until = Some(at + *span),
            Event::Draining { pool, .. } => {
                let pool = self.pool(*pool);
                pool.serves_until = None;
                pool.places.values_mut().for_each(|place| place.due = None);
            }
            Event::Stop { pool: Some(_), .. }
            | Event::Listening { .. }
            | Event::Online { .. }
            | Event::Disconnect { .. }
            | Event::Close { .. }
            | Event::Error { .. }
            | Event::Hang { .. }
            | Event::ReloadRefused { .. }
            | Event::DrainDeadline { .. } => {}
        }
    }

    fn roll(&mut self, pool: u16, phase: ReloadPhase) {
        let pool = self.pool(pool);
        match phase {
            ReloadPhase::Began => pool.rolling = true,
            ReloadPhase::Absorbed => {}
            ReloadPhase::Done | ReloadPhase::Aborted | ReloadPhase::Cancelled => {
                pool.rolling = false;
                pool.last_roll = Some(phase);
            }
        }
    }

    /// How many workers a pool wants.
    pub fn wanted(&self, pool: u16) -> u32 {
        self.pools.get(usize::from(pool)).map_or(0, |pool| pool.wanted)
    }

    /// How many workers of a pool serve.
    pub fn ready(&self, pool: u16) -> u32 {
        let Some(pool) = self.pools.get(usize::from(pool)) else { return 0 };
        let members = pool.places.values().flat_map(|place| place.members.values());
        members.filter(|member| serves(member.state)).count() as u32
    }

    /// The newest generation that serves in a slot.
    pub fn serving(&self, pool: u16, slot: u32) -> Option<u32> {
        let place = self.pools.get(usize::from(pool))?.places.get(&slot)?;
        place.members.iter().rev().find(|(_, member)| serves(member.state)).map(|(&generation, _)| generation)
    }

    /// Whether a worker of a later generation than this one may come to serve in a slot: one was started, or waits for its
    /// time, or for the old one to leave.
    pub fn expects(&self, pool: u16, slot: u32, generation: u32) -> bool {
        let Some(place) = self.pools.get(usize::from(pool)).and_then(|pool| pool.places.get(&slot)) else {
            return false;
        };
        let comes = |(&number, member): (&u32, &Member)| number > generation || !serves(member.state);
        place.due.is_some() || place.members.iter().any(comes)
    }

    /// Whether as many workers of a pool serve as are wanted, and nobody is to be replaced.
    pub fn is_settled(&self, pool: u16) -> bool {
        !self.stopping && !self.is_rolling(pool) && self.ready(pool) >= self.wanted(pool)
    }

    /// Whether a rolling restart of a pool is under way.
    pub fn is_rolling(&self, pool: u16) -> bool {
        self.pools.get(usize::from(pool)).is_some_and(|pool| pool.rolling)
    }

    /// Whether one of any pool is.
    pub fn is_any_rolling(&self) -> bool {
        self.pools.iter().any(|pool| pool.rolling)
    }

    /// How many workers of all pools serve, and how many are wanted.
    pub fn totals(&self) -> (u32, u32) {
        let ready = (0u16..).zip(&self.pools).map(|(number, _)| self.ready(number)).sum();
        (ready, self.pools.iter().map(|pool| pool.wanted).sum())
    }

    /// How the last rolling restart of a pool ended.
    pub fn last_roll(&self, pool: u16) -> Option<ReloadPhase> {
        self.pools.get(usize::from(pool))?.last_roll
    }

    /// Whether everything is to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Whether as many workers as are wanted serve in each pool.
    pub fn is_full(&self) -> bool {
        (0u16..).zip(&self.pools).all(|(number, pool)| self.ready(number) >= pool.wanted)
    }

    /// How a pool is; `usage` is asked about each process.
    pub fn status(
        &self,
        pool: u16,
        name: &str,
        now: Instant,
        usage: &mut dyn FnMut(Child) -> Option<Usage>,
    ) -> PoolStatus {
        let mut slots: BTreeMap<u32, SlotStatus> = BTreeMap::new();
        let empty = |slot| SlotStatus { slot, restarts: 0, backoff_ms: None, workers: Vec::new() };
        slots.extend((0..self.wanted(pool)).map(|slot| (slot, empty(slot))));
        let places = self.pools.get(usize::from(pool)).map(|pool| &pool.places).into_iter().flatten();
        for (&slot, place) in places {
            if place.members.is_empty() && slot >= self.wanted(pool) {
                continue;
            }
            let status = slots.entry(slot).or_insert_with(|| empty(slot));
            status.restarts = place.restarts;
            status.backoff_ms = place.due.map(|due| milliseconds(due.since(now)));
            let members = place.members.iter();
            status.workers = members.map(|(&generation, member)| member.status(generation, now, usage)).collect();
        }
        let serves_until = self.pools.get(usize::from(pool)).and_then(|pool| pool.serves_until);
        PoolStatus {
            name: name.to_owned(),
            wanted: self.wanted(pool),
            ready: self.ready(pool),
            lame_duck_ms: serves_until.map(|until| milliseconds(until.since(now))),
            slots: slots.into_values().collect(),
        }
    }
}

impl Member {
    fn status(&self, generation: u32, now: Instant, usage: &mut dyn FnMut(Child) -> Option<Usage>) -> WorkerStatus {
        let usage = self.child.and_then(usage);
        WorkerStatus {
            generation,
            pid: self.child.map_or(0, |child| child.0),
            state: self.state,
            uptime_ms: milliseconds(now.since(self.born)),
            rss: usage.map(|(rss, _)| rss),
            cpu_ms: usage.map(|(_, cpu)| milliseconds(cpu)),
        }
    }
}

fn serves(state: WorkerState) -> bool {
    matches!(state, WorkerState::Ready | WorkerState::Leaving)
}

/// As JSON has it.
pub fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;

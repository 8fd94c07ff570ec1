//! A set of connections that are there at the same time: held, parked or mute ones.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::Proc;
use crate::puppet::Request;
use crate::scenario::Load;
use crate::time::Time;

use super::conn::Purpose;

/// Held connections whose requests are all written count as held at the latest after this, even if no worker's journal
/// has named their owners (a subject's workers need not keep one).
pub const OWNER_GRACE: Duration = Duration::from_millis(250);

/// How often a set that wants connections on each worker opens more of them. Workers that share a listener accept as
/// they please, so it may never succeed.
const ROUNDS: u32 = 64;

/// How far a set is.
#[derive(Clone, Debug)]
pub struct Gather {
    /// What each connection is for.
    pub purpose: Purpose,
    /// What is asked on each once it is there.
    pub request: Request,
    /// How many connections, in all or on each worker.
    pub each: u32,
    /// How many workers must own `each`; `None` if it does not matter who owns them.
    pub workers: Option<u32>,
    /// Connections that got as far as they should, ever.
    pub reached: u32,
    /// When the last of them did.
    pub last: Time,
    /// Whether all of them were there once.
    pub held: bool,
    rounds: u32,
    owned: BTreeMap<Proc, u32>,
}

/// What a set that seeks workers wants when no answer is outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// So many more connections.
    More(u32),
    /// Every worker owns its share.
    Complete,
    /// It was tried long enough.
    Fruitless,
}

impl Gather {
    /// The set of a load that begins at `now`; `None` if it is an open loop.
    pub fn of(load: &Load, workers: u32, now: Time) -> Option<Self> {
        let who = Request::Who { keep_alive: true };
        let (purpose, request, each, per_worker) = match load {
            Load::Hold { connections, per_worker, hold, .. } => {
                (Purpose::Hold, Request::Hold { span: hold.0, keep_alive: false }, *connections, *per_worker)
            }
            Load::Park { connections, per_worker, reuse, .. } => {
                let purpose = reuse.map_or(Purpose::Park, |think| Purpose::Reuse(think.0));
                (purpose, who, *connections, *per_worker)
            }
            Load::Slow { connections, reads: Some(bulk), .. } => {
                (Purpose::Read(*bulk), Request::Long { bytes: bulk.bytes }, *connections, false)
            }
            Load::Slow { connections, writes: Some(bulk), .. } => {
                (Purpose::Write(*bulk), Request::Take { bytes: bulk.bytes }, *connections, false)
            }
            Load::Slow { connections, byte_every, .. } => {
                let purpose = byte_every.map_or(Purpose::Mute, |every| Purpose::Trickle(every.0));
                (purpose, Request::Who { keep_alive: false }, *connections, false)
            }
            Load::Probe { .. } | Load::Flood { .. } | Load::Poison { .. } => return None,
        };
        let workers = per_worker.then_some(workers);
        let owned = BTreeMap::new();
        Some(Self { purpose, request, each, workers, reached: 0, last: now, held: false, rounds: 0, owned })
    }

    /// How many connections make the set complete.
    pub fn wanted(&self) -> u32 {
        self.each.saturating_mul(self.workers.unwrap_or(1))
    }

    /// A seeking connection found this worker. `true` if it is to be kept.
    pub fn found(&mut self, owner: Proc) -> bool {
        let owned = self.owned.entry(owner).or_default();
        let keep = *owned < self.each;
        *owned += u32::from(keep);
        keep
    }

    /// A kept connection of this worker is gone.
    pub fn lost(&mut self, owner: Option<Proc>) {
        if let Some(owned) = owner.and_then(|owner| self.owned.get_mut(&owner)) {
            *owned = owned.saturating_sub(1);
        }
    }

    /// What to do when no seeking connection is outstanding.
    pub fn next(&mut self) -> Next {
        let workers = self.workers.unwrap_or(0);
        let full = self.owned.values().filter(|owned| **owned >= self.each).count();
        if u32::try_from(full).unwrap_or(u32::MAX) >= workers {
            return Next::Complete;
        }
        if self.rounds == ROUNDS {
            return Next::Fruitless;
        }
        self.rounds += 1;
        let owned = self.owned.values().fold(0, |sum: u32, owned| sum.saturating_add(*owned));
        Next::More(self.wanted().saturating_sub(owned).max(workers))
    }
}

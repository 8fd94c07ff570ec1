//! What a client waits for, and whether it has come.

use crate::control::Complaint;
use crate::core::ReloadPhase;

use super::roster::Roster;

/// What is to be true before the answer is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The rolling restarts of these pools are over.
    Rolled(Vec<u16>),
    /// So many workers of a pool serve, and no more are wanted.
    Scaled(u16, u32),
    /// A later generation than this one serves in this slot of a pool.
    Replaced {
        /// In which pool.
        pool: u16,
        /// Where.
        slot: u32,
        /// Later than this.
        generation: u32,
    },
    /// Everything is gone.
    Stopped,
}

/// What came of it.
pub type Outcome = Result<String, Complaint>;

impl Goal {
    /// What came of it, as soon as that is known.
    pub fn outcome(&self, roster: &Roster) -> Option<Outcome> {
        if *self == Self::Stopped {
            return None;
        }
        if roster.is_stopping() {
            return Some(Err(Complaint::failed("the supervisor is stopping")));
        }
        match self {
            Self::Rolled(pools) => rolled(pools, roster),
            &Self::Scaled(pool, wanted) => {
                if roster.wanted(pool) != wanted {
                    let text = format!("another command wants {} workers by now", roster.wanted(pool));
                    return Some(Err(Complaint::failed(text)));
                }
                (roster.ready(pool) == wanted).then(|| Ok(format!("{wanted} workers serve")))
            }
            &Self::Replaced { pool, slot, generation } => match roster.serving(pool, slot) {
                Some(serving) if serving > generation => Some(Ok(format!("generation {serving} serves"))),
                _ if roster.expects(pool, slot, generation) => None,
                _ => Some(Err(abandoned())),
            },
            Self::Stopped => None,
        }
    }
}

/// Over when none of the pools rolls any more; what one pool abandoned is what is told.
fn rolled(pools: &[u16], roster: &Roster) -> Option<Outcome> {
    if pools.iter().any(|&pool| roster.is_rolling(pool)) {
        return None;
    }
    let failed = pools.iter().any(|&pool| roster.last_roll(pool) != Some(ReloadPhase::Done));
    Some(if failed { Err(abandoned()) } else { Ok("every worker was replaced".to_owned()) })
}

fn abandoned() -> Complaint {
    Complaint::failed("abandoned: a new worker did not become ready; the old ones stay (see the events)")
}

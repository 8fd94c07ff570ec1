//! The rolling restart: slot by slot, each replacement ready before the old worker goes.

use super::pool::Reload;
use super::slot::Next;
use super::step::Step;
use super::{Event, ReloadPhase, WorkerId};

impl Step<'_> {
    /// The operator wants every worker replaced. One that waits covers all that come before it begins.
    pub(super) fn reload(&mut self) {
        match &mut self.pool.reload {
            None => self.begin_reload(),
            Some(reload) if !reload.again => reload.again = true,
            Some(_) => self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Absorbed }),
        }
    }

    fn begin_reload(&mut self) {
        let old = self.pool.slots.iter().map(|slot| slot.generation).collect();
        self.pool.reload = Some(Reload { old, cursor: 0, again: false });
        self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Began });
    }

    /// Drives the rolling restart on as far as the state allows. A slot is done when a new worker serves in it, or when
    /// it is empty for good. If a worker is on its way there, it is waited for: should it be an old one, it will be
    /// replaced once it is ready. Old workers drain while the next slot is seen to.
    pub(super) fn roll(&mut self) {
        while let Some(reload) = &self.pool.reload {
            let cursor = reload.cursor;
            let (Some(slot), Some(&old)) = (self.pool.slots.get(cursor), reload.old.get(cursor)) else {
                self.end_reload(ReloadPhase::Done);
                continue;
            };
            match (slot.next, slot.serving) {
                (Next::Due { .. } | Next::Started(_), _) => return,
                (Next::Nobody, Some(serving)) if serving <= old => {
                    return self.start(u32::try_from(cursor).unwrap_or(u32::MAX), false);
                }
                (Next::Nobody, _) => self.advance(),
            }
        }
    }

    fn advance(&mut self) {
        if let Some(reload) = &mut self.pool.reload {
            reload.cursor += 1;
        }
    }

    /// A worker failed to start. If the rolling restart waits for it, and it is a new one, there is no use in going on.
    pub(super) fn abort_reload_at(&mut self, id: WorkerId) {
        let Some(reload) = &self.pool.reload else { return };
        let is_new = reload.old.get(reload.cursor).is_some_and(|&old| id.generation > old);
        if id.slot as usize == reload.cursor && is_new {
            self.end_reload(ReloadPhase::Aborted);
        }
    }

    /// Ends the one that runs; the one that waits begins.
    fn end_reload(&mut self, phase: ReloadPhase) {
        let again = self.pool.reload.take().is_some_and(|reload| reload.again);
        self.emit(Event::Reload { pool: self.pool.number, phase });
        if again {
            self.begin_reload();
        }
    }

    /// A stop comes first, also before the one that waits.
    pub(super) fn cancel_reload(&mut self) {
        if self.pool.reload.take().is_some() {
            self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Cancelled });
        }
    }
}

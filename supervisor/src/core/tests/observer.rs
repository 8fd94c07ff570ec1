//! Looks at inputs and actions alone and knows what must hold over all pools.

use crate::core::{Action, ErrorEvent, Event, Input, WorkerId};
use crate::policy::{ExitCode, Instant, Policy};

use super::witness::{HURRIED, Witness};

/// The observer: a witness for each pool, and the end.
pub struct Observer {
    pools: Vec<Witness>,
    over: Option<ExitCode>,
}

impl Observer {
    /// Nothing seen yet.
    pub fn new(policies: &[Policy]) -> Self {
        Self { pools: policies.iter().cloned().map(Witness::new).collect(), over: None }
    }

    /// An input is about to be given.
    pub fn before(&mut self, now: Instant, input: &Input) {
        for (pool, witness) in (0u16..).zip(&mut self.pools) {
            witness.before(pool, now, input);
        }
    }

    /// One action.
    pub fn action(&mut self, now: Instant, action: &Action) {
        assert_eq!(self.over, None, "an action after the exit: {action:?}");
        match action {
            Action::Spawn(id, revision) => {
                assert!(!self.pools.iter().any(Witness::gave_up), "{id:?} started after a give-up");
                self.of(*id).spawn(now, *id, *revision);
            }
            Action::Signal(id, signal) => self.of(*id).signal(*id, *signal),
            Action::Tell(id, _) => self.of(*id).told_to_drain(*id),
            Action::Settle(pool, revision) => {
                if self.pools[usize::from(*pool)].settle(now, *revision) {
                    let before = self.pools.iter().position(|witness| witness.objects_to(*revision));
                    assert_eq!(before, None, "{revision:?} takes effect in {pool} before it was tried there");
                }
            }
            Action::Emit(event) => self.event(now, event),
            Action::Exit(code) => self.exit(*code),
        }
    }

    fn event(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Fork { worker }
            | Event::Online { worker }
            | Event::Ready { worker }
            | Event::Announce { worker, .. }
            | Event::Retire { worker }
            | Event::Disconnect { worker }
            | Event::Exit { worker, .. }
            | Event::Restart { worker, .. }
            | Event::DrainDeadline { worker }
            | Event::Hang { worker }
            | Event::Kill { worker } => self.of(*worker).event(now, event),
            Event::Draining { pool, .. } => {
                let gave_up = self.pools.iter().any(Witness::gave_up);
                let witness = &mut self.pools[usize::from(*pool)];
                assert!(gave_up || witness.may_drain(now), "a lame duck that does not serve");
                witness.event(now, event);
            }
            Event::GiveUp { pool, .. }
            | Event::LameDuck { pool, .. }
            | Event::Scale { pool, .. }
            | Event::Reload { pool, .. } => self.pools[usize::from(*pool)].event(now, event),
            Event::ReloadRefused { .. } => unreachable!("only the loop reads files"),
            Event::Stop { pool, hurry } => self.stop(*pool, *hurry),
            Event::Error { what: ErrorEvent::Unexpected(what), .. } => {
                let allowed = [
                    "an announcement said twice",
                    "a restart of a slot that does not exist",
                    "a command to a pool that does not run",
                ];
                assert!(allowed.contains(what), "{what}");
            }
            Event::Error { .. } => {}
            Event::Setup { .. } | Event::Listening { .. } | Event::Close { .. } => panic!("the shell's: {event:?}"),
        }
    }

    /// Of the pools that a stop is for, those hear it that heard it least often.
    fn stop(&mut self, pool: Option<u16>, hurry: bool) {
        let count = self.pools.len() as u16;
        let alive = (0..count).filter(|&number| pool.is_none_or(|pool| pool == number));
        let alive: Vec<_> = alive.filter(|&number| !self.pools[usize::from(number)].is_over()).collect();
        let least = alive.iter().map(|&n| self.pools[usize::from(n)].stops()).min().expect("a stop of nobody");
        assert_eq!(hurry, least == HURRIED - 1, "a stop that was heard {least} times");
        for number in alive {
            self.pools[usize::from(number)].stop_if(least);
        }
    }

    fn exit(&mut self, code: ExitCode) {
        assert!(self.pools.iter().all(Witness::is_over), "an exit with workers left");
        let gave_up = self.pools.iter().any(Witness::gave_up);
        assert_eq!(code, if gave_up { ExitCode::GaveUp } else { ExitCode::Stopped });
        self.over = Some(code);
    }

    /// All actions of one input were seen, and nothing is due any more: nobody may be past a deadline.
    pub fn after(&mut self, now: Instant) {
        let ended = self.pools.iter().any(Witness::gave_up);
        for witness in &self.pools {
            assert!(!ended || witness.has_ended(), "a pool that goes on after a give-up");
            witness.after(now);
        }
    }

    /// The loop was suspended until now.
    pub fn suspended(&mut self, now: Instant) {
        self.pools.iter_mut().for_each(|witness| witness.suspended(now));
    }

    /// From now on fewer ready workers than wanted are an error.
    pub fn demand_full_pool(&mut self) {
        self.pools.iter_mut().for_each(Witness::demand_full_pool);
    }

    /// The worker of any pool that has served longest and has not announced.
    pub fn oldest_that_serves(&self) -> Option<WorkerId> {
        self.pools.iter().filter_map(Witness::oldest_that_serves).min().map(|(_, id)| id)
    }

    /// Nothing has gone wrong for long: all as wanted, or the end.
    pub fn at_rest(&self) {
        self.pools.iter().for_each(Witness::at_rest);
        assert_eq!(self.over.is_some(), self.pools.iter().all(Witness::is_over));
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }

    fn of(&mut self, id: WorkerId) -> &mut Witness {
        &mut self.pools[usize::from(id.pool)]
    }
}

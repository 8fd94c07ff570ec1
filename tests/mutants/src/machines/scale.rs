//! Wants fewer workers and leaves the surplus alone.

use supervisor::core::{Action, Command, Event, Input, Machine, Order, Pools, Signal};
use supervisor::policy::Instant;

/// Tells nobody to leave when the number of workers goes down.
pub struct ForgetsSlots(pub Pools);

impl Machine for ForgetsSlots {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let scales = matches!(input, Input::Command(Command::Scale(_)) | Input::PoolCommand(_, Command::Scale(_)));
        let mut told = Vec::new();
        self.0.step(now, input, &mut told);
        let leaves = |action: &Action| {
            matches!(
                action,
                Action::Signal(_, Signal::Term) | Action::Tell(_, Order::Drain) | Action::Emit(Event::Retire { .. })
            )
        };
        actions.extend(told.into_iter().filter(|action| !scales || !leaves(action)));
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

//! Filters that forget.

use std::collections::BTreeSet;

use supervisor::core::{Action, Command, Input, Order, Signal, WorkerId};

use super::behind::Fault;

/// At a reload it forgets who has been told to leave: nobody ends those at their deadline.
#[derive(Default)]
pub struct ForgetsWhoLeaves {
    told: BTreeSet<WorkerId>,
    forgotten: BTreeSet<WorkerId>,
}

impl Fault for ForgetsWhoLeaves {
    fn input(&mut self, input: Input) -> Option<Input> {
        if matches!(input, Input::Command(Command::Reload) | Input::Configure(..)) {
            self.forgotten.append(&mut self.told);
        }
        Some(input)
    }

    fn action(&mut self, action: Action) -> Option<Action> {
        match action {
            Action::Tell(id, Order::Drain) | Action::Signal(id, Signal::Term) => _ = self.told.insert(id),
            Action::Signal(id, Signal::Kill) if self.forgotten.contains(&id) => return None,
            _ => {}
        }
        Some(action)
    }
}

/// Of so many deaths it overlooks the last.
pub struct Miscounts {
    /// How many.
    pub of: u32,
    seen: u32,
}

impl Miscounts {
    /// Of so many.
    pub fn one_in(of: u32) -> Self {
        Self { of, seen: 0 }
    }
}

impl Fault for Miscounts {
    fn input(&mut self, input: Input) -> Option<Input> {
        if matches!(input, Input::Exited(..)) {
            self.seen += 1;
            if self.seen.is_multiple_of(self.of) {
                return None;
            }
        }
        Some(input)
    }
}

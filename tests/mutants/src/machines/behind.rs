//! The shipped state machine behind one fault: what goes in passes it, and what comes out.

use supervisor::core::{Action, Input, Machine, Pools, Signal};
use supervisor::policy::{Instant, Policy};

/// What is wrong between the loop and the state machine.
pub trait Fault {
    /// What becomes of an input: it comes as it is, as another one, or not at all.
    fn input(&mut self, input: Input) -> Option<Input> {
        Some(input)
    }

    /// What becomes of an action.
    fn action(&mut self, action: Action) -> Option<Action> {
        Some(action)
    }
}

/// The state machine behind a fault.
pub struct Behind<F> {
    pools: Pools,
    fault: F,
    over: bool,
}

impl<F: Fault + 'static> Behind<F> {
    /// Pools under these policies behind a fault, as a machine.
    pub fn machine(policies: Vec<Policy>, fault: F) -> Box<dyn Machine> {
        Box::new(Self { pools: Pools::new(policies), fault, over: false })
    }
}

impl<F: Fault> Machine for Behind<F> {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if self.over {
            return;
        }
        let mut told = Vec::new();
        if let Some(input) = self.fault.input(input) {
            self.pools.step(now, input, &mut told);
        }
        for action in told {
            let Some(action) = self.fault.action(action) else { continue };
            self.over = matches!(action, Action::Exit(_));
            actions.push(action);
            if self.over {
                return;
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.next_deadline()
    }
}

/// A fault in what it hears, without a memory.
pub struct Hears(pub fn(Input) -> Option<Input>);

impl Fault for Hears {
    fn input(&mut self, input: Input) -> Option<Input> {
        (self.0)(input)
    }
}

/// A fault in what it does, without a memory.
pub struct Does(pub fn(Action) -> Option<Action>);

impl Fault for Does {
    fn action(&mut self, action: Action) -> Option<Action> {
        (self.0)(action)
    }
}

/// Pools that send nobody a SIGKILL.
pub fn kills_nobody(policies: Vec<Policy>) -> Box<dyn Machine> {
    Behind::machine(policies, Does(|action| (!matches!(action, Action::Signal(_, Signal::Kill))).then_some(action)))
}

//! Filters that need no more than a line.

use std::time::Duration;

use supervisor::core::{Action, Command, Event, ExitStatus, Input, Machine, Pools, ReloadPhase, Revision};
use supervisor::policy::defaults::SUSPENDED;
use supervisor::policy::{ExitCode, Instant};

/// Gives up with status 0.
pub struct StatusZero(pub Pools);

impl Machine for StatusZero {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        self.0.step(now, input, actions);
        for action in actions {
            if *action == Action::Exit(ExitCode::GaveUp) {
                *action = Action::Exit(ExitCode::Stopped);
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// Ends when a signal ended one of its workers.
pub struct DiesWithWorker(pub Pools);

impl Machine for DiesWithWorker {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let killed = matches!(input, Input::Exited(_, ExitStatus::Signal(_)));
        self.0.step(now, input, actions);
        if killed {
            actions.push(Action::Exit(ExitCode::Bug));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// Ends at once when it is told to stop.
pub struct LeavesAtStop(pub Pools);

impl Machine for LeavesAtStop {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if input == Input::Command(Command::Stop) {
            actions.push(Action::Emit(Event::Stop { pool: None, hurry: false }));
            actions.push(Action::Exit(ExitCode::Stopped));
        } else {
            self.0.step(now, input, actions);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// Does not hear a stop during a rolling restart.
pub struct DeafWhileRolling {
    pool: Pools,
    rolling: bool,
}

impl DeafWhileRolling {
    /// Around this pool.
    pub fn new(pool: Pools) -> Self {
        Self { pool, rolling: false }
    }
}

impl Machine for DeafWhileRolling {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if self.rolling && input == Input::Command(Command::Stop) {
            return;
        }
        self.pool.step(now, input, actions);
        for action in actions {
            match action {
                Action::Emit(Event::Reload { phase: ReloadPhase::Began, .. }) => self.rolling = true,
                Action::Emit(Event::Reload {
                    phase: ReloadPhase::Done | ReloadPhase::Aborted | ReloadPhase::Cancelled,
                    ..
                }) => self.rolling = false,
                _ => {}
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pool.next_deadline()
    }
}

/// Does not notice that it was suspended: whatever fell due meanwhile is done as if it were that time.
pub struct Unexcused(pub Pools);

impl Machine for Unexcused {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        // A tick leaves nothing due, so each round is later than the one before.
        while let Some(due) = self.0.next_deadline().filter(|&due| due < now) {
            self.0.step(due, Input::Tick, actions);
        }
        self.0.step(now, input, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// After a suspension it makes up for it although its clock went on meanwhile: to it that time has passed twice.
pub struct CountsTwice {
    pools: Pools,
    ahead: Duration,
}

impl CountsTwice {
    /// It was never suspended.
    pub fn new(pools: Pools) -> Self {
        Self { pools, ahead: Duration::ZERO }
    }
}

impl Machine for CountsTwice {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let late = self.next_deadline().map_or(Duration::ZERO, |due| now.since(due));
        if late > SUSPENDED {
            self.ahead += late;
        }
        self.pools.step(now + self.ahead, input, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.next_deadline().map(|due| due - self.ahead)
    }
}

/// Starts everybody from the first configuration.
pub struct Stale(pub Pools);

impl Machine for Stale {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        self.0.step(now, input, actions);
        // It must not be forgotten as long as anybody is started from it.
        actions.retain(|action| !matches!(action, Action::Settle(..)));
        for action in actions {
            if let Action::Spawn(_, revision) = action {
                *revision = Revision::default();
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// Nobody who shares out connections learns that the worker in the first place is ready.
pub struct ForgetsFirst(pub Pools);

impl Machine for ForgetsFirst {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        self.0.step(now, input, actions);
        actions.retain(|action| !matches!(action, Action::Emit(Event::Ready { worker }) if worker.slot == 0));
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// Takes a first stop for a second one.
pub struct Hurries(pub Pools);

impl Machine for Hurries {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if input == Input::Command(Command::Stop) {
            self.0.step(now, input.clone(), actions);
        }
        if !matches!(actions.last(), Some(Action::Exit(_))) {
            self.0.step(now, input, actions);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

/// Ends when a worker can't be started.
pub struct Fragile(pub Pools);

impl Machine for Fragile {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if matches!(input, Input::SpawnFailed(..)) {
            actions.push(Action::Exit(ExitCode::Bug));
        } else {
            self.0.step(now, input, actions);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.0.next_deadline()
    }
}

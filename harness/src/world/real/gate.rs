//! Who runs beside whom: most runs beside any other, a few beside nobody.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::scenario::Scenario;

/// For the runs of this process, whoever asks for them: the command line, a soak, or the tests.
static GATE: Gate = Gate::new();

/// Waits until this scenario may run beside those that are running; they are inside until their passes are dropped.
pub fn enter(scenario: &Scenario) -> Pass<'static> {
    GATE.enter(scenario.alone)
}

/// Lets runs in in the order in which they came, so that nobody waits for ever: who comes after one that wants to be alone
/// does not overtake it.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// How many came.
    came: u64,
    /// How many of them were let in.
    entered: u64,
    inside: u32,
    /// Whoever is inside is to be alone.
    alone: bool,
}

/// Somebody is inside until this is dropped.
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// Nobody is inside.
    pub const fn new() -> Self {
        let state = State { came: 0, entered: 0, inside: 0, alone: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits until it is this one's turn, and with `alone` until nobody else is inside.
    pub fn enter(&self, alone: bool) -> Pass<'_> {
        let mut state = self.state();
        let turn = state.came;
        state.came += 1;
        let waits = |state: &mut State| state.entered != turn || state.alone || (alone && state.inside > 0);
        let mut state = self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        state.entered += 1;
        state.inside += 1;
        state.alone = alone;
        self.changed.notify_all();
        Pass(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inside -= 1;
        state.alone = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Far longer than it takes, if it happens at all.
    const EVER: Duration = Duration::from_secs(10);

    impl Gate {
        /// Waits until so many have come, inside or not.
        fn has_seen(&self, count: u64) {
            while self.state().came < count {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn others_run_beside_each_other() {
        let gate = Gate::new();
        let (_one, _other) = (gate.enter(false), gate.enter(false));
        assert_eq!(gate.state().inside, 2);
    }

    #[test]
    fn who_is_to_be_alone_is_beside_nobody() {
        let gate = Gate::new();
        let (sender, entered) = mpsc::channel();
        thread::scope(|scope| {
            for number in 0..40 {
                let (gate, sender) = (&gate, sender.clone());
                scope.spawn(move || {
                    let alone = number % 4 == 0;
                    let _pass = gate.enter(alone);
                    // Whoever may come in meanwhile has time to.
                    (0..100).for_each(|_| thread::yield_now());
                    sender.send((alone, gate.state().inside)).expect("somebody listens");
                });
            }
        });
        drop(sender);
        let entered: Vec<_> = entered.iter().collect();
        assert_eq!(entered.len(), 40, "everybody was let in");
        assert!(entered.iter().all(|(alone, inside)| !alone || *inside == 1), "{entered:?}");
    }

    #[test]
    fn nobody_is_overtaken() {
        let gate = Gate::new();
        let (sender, entered) = mpsc::channel();
        thread::scope(|scope| {
            let inside = gate.enter(false);
            for (number, alone) in [(1, true), (2, false), (3, true), (4, false)] {
                let (gate, sender) = (&gate, sender.clone());
                scope.spawn(move || {
                    let pass = gate.enter(alone);
                    sender.send(number).expect("somebody listens");
                    drop(pass);
                });
                gate.has_seen(number + 1);
            }
            assert!(entered.try_recv().is_err(), "the first of them is to be alone, and the others come after it");
            drop(inside);
            let order: Vec<u64> = (0..4).map(|_| entered.recv_timeout(EVER).expect("one more is let in")).collect();
            // What is told right after entering is in order, as long as there is somebody alone in between.
            assert_eq!(order, [1, 2, 3, 4]);
        });
    }

    #[test]
    fn who_panicked_is_not_inside_any_more() {
        let gate = Gate::new();
        let panicked = thread::scope(|scope| {
            let inside = || {
                let _pass = gate.enter(true);
                std::panic::resume_unwind(Box::new("as a run might"));
            };
            scope.spawn(inside).join().is_err()
        });
        assert!(panicked);
        assert_eq!(gate.state().inside, 0);
        drop(gate.enter(true));
    }
}

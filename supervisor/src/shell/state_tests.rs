use super::super::testing::{FIRST, Fake, Log, WORKER, config, pool, run_machine};
use super::*;
use crate::core::Word;
use crate::kernel::SignalSet;

/// Starts one worker, notes what it says, and waits for this instant.
struct Waiting(Log, Option<Instant>);

impl Machine for Waiting {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start => actions.push(Action::Spawn(WORKER, FIRST)),
            Input::Word(_, Word::Alive) => self.0.borrow_mut().push("alive".to_owned()),
            Input::Tick => self.1 = None,
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.1
    }
}

/// How many of ten pieces are heard in one turn, ten milliseconds after the start, if so many are the deadline.
fn heard(deadline: Option<u64>) -> usize {
    let mut kernel = Fake::new(vec![Ok((SignalSet::default(), vec![Fd(10)]))]);
    kernel.spans = [std::time::Duration::from_millis(10)].into();
    kernel.reads = ["{\"act\":\"alive\"}\n"; 10].into();
    let machine =
        Waiting(kernel.log.clone(), deadline.map(|millis| Instant::from_nanos(kernel.now + millis * 1_000_000)));
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![pool("web")], &[]));
    log.iter().filter(|line| *line == "alive").count()
}

#[test]
fn what_came_in_pieces_is_heard_to_its_end_when_somebody_may_be_too_late() {
    let briefly = heard(None);
    assert!((1..10).contains(&briefly), "{briefly}: others have their turn, too");
    assert_eq!([heard(Some(11)), heard(Some(10)), heard(Some(9))], [briefly, 10, 10]);
}

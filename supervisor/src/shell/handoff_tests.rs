use super::super::testing::{FIRST, Fake, Log, WORKER, config, pool, run_machine};
use super::*;
use crate::core::Action;
use crate::kernel::{Errno, SignalSet};
use crate::policy::defaults::HANDOFF_TIMEOUT;

/// Starts one worker, and notes who hangs.
struct Serving(Log);

impl Machine for Serving {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start => actions.push(Action::Spawn(WORKER, FIRST)),
            Input::Word(worker, _) => actions.push(Action::Emit(Event::Ready { worker })),
            Input::Hung(_) => self.0.borrow_mut().push("hung".to_owned()),
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// Whether a worker counts as hung that has a connection, and these are the waits from then on.
fn hangs(waits: &[(Result<&[i32], Errno>, Duration)], answer: Option<&'static str>) -> bool {
    hangs_after(SignalSet::default(), waits, answer)
}

/// The same if the first of those waits ends by these signals.
fn hangs_after(signals: SignalSet, waits: &[(Result<&[i32], Errno>, Duration)], answer: Option<&'static str>) -> bool {
    let now = |fds: &[i32]| (SignalSet::default(), fds.iter().map(|&fd| Fd(fd)).collect());
    let mut kernel = Fake::new(vec![Ok(now(&[10])), Ok(now(&[30]))]);
    kernel.reads = ["{\"act\":\"ready\"}\n"].into_iter().chain(answer).collect();
    kernel.connections = [Fd(40)].into();
    kernel.spans = [Duration::ZERO; 2].into_iter().chain(waits.iter().map(|&(_, span)| span)).collect();
    kernel.waits.extend(waits.iter().map(|(result, _)| result.map(now)));
    if let Some(Ok((first, _))) = kernel.waits.get_mut(2) {
        *first = signals;
    }
    let machine = Serving(kernel.log.clone());
    let web = PoolConfig { handoff: Handoff::RoundRobin, listen: vec![0], ..pool("web") };
    let (_, log) = run_machine(&mut kernel, machine, &config(vec![web], &["127.0.0.1:1"]));
    log.contains(&"hung".to_owned())
}

const ANSWER: &str = "{\"act\":\"accepted\",\"seq\":2}\n";

/// Later than the limit, but not so much that nobody can have looked.
const LATE: Duration = HANDOFF_TIMEOUT.saturating_add(Duration::from_millis(500));

#[test]
fn an_answer_that_lies_there_is_heard_before_anybody_counts_as_hung() {
    assert!(!hangs(&[(Err(Errno::INTR), LATE), (Ok(&[10]), Duration::ZERO)], Some(ANSWER)), "after a suspension");
    assert!(!hangs(&[(Ok(&[]), LATE), (Ok(&[10]), Duration::ZERO)], Some(ANSWER)), "it came after that look");
}

#[test]
fn after_a_suspension_that_is_told_it_has_its_whole_time_again() {
    let resumed = SignalSet { resumed: true, ..SignalSet::default() };
    let rest = (Ok(&[][..]), HANDOFF_TIMEOUT - Duration::from_millis(1));
    assert!(!hangs_after(resumed, &[(Ok(&[]), LATE), rest, (Ok(&[10]), Duration::ZERO)], Some(ANSWER)));
    assert!(hangs_after(resumed, &[(Ok(&[]), LATE), rest], None), "and not more");
}

#[test]
fn one_that_does_not_come_is_a_hang_at_the_first_look_after_that() {
    assert!(hangs(&[(Err(Errno::INTR), LATE), (Ok(&[]), Duration::ZERO)], None));
    assert!(hangs(&[], None));
}

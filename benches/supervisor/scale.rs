//! How much later the supervisor reacts if it watches many descriptors.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::rounds::{best, median, micros, verdict};
use crate::subject::Subject;

/// Microseconds for each descriptor more.
const BAR: f64 = 0.5;
const MANY: u32 = 1000;
const FEW: u32 = 4;
const ROUNDS: usize = 5;
const KILLS: usize = 30;
/// A channel and a socket for notifications.
const WATCHED: f64 = 2.0;

/// From the death of a worker until that is told, which is after the next one was started, in a small pool and in a big one, by turns. Of each round the best: what
/// a neighbour takes of the processor is longer than what is measured.
pub fn run() -> bool {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let mut few = Subject::supervisor(FEW);
    let mut many = Subject::supervisor(MANY);
    let (mut small, mut big, mut slopes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut with_few, mut with_many) = (Vec::new(), Vec::new());
        for _ in 0..KILLS {
            with_few.push(micros(few.react()));
            with_many.push(micros(many.react()));
        }
        let (with_few, with_many) = (best(&with_few), best(&with_many));
        slopes.push((with_many - with_few) / (f64::from(MANY - FEW) * WATCHED));
        small.push(with_few);
        big.push(with_many);
    }
    let how = format!(
        "best of {KILLS} in each of {ROUNDS} rounds, kill to exit event with the start of the next: {FEW} workers {:.0} µs, {MANY} workers {:.0} µs",
        median(small),
        median(big)
    );
    verdict("scale", median(slopes), BAR, "µs/descriptor", &how)
}

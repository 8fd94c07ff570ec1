//! How much the supervisor adds to the death of one worker and the start of the next.

use crate::rounds::{median, micros, verdict};
use crate::subject::Subject;

const BAR: f64 = 1.5;
const ROUNDS: usize = 7;
const KILLS: usize = 60;

/// Both take turns, so that both see the same neighbours.
pub fn run() -> bool {
    let mut supervisor = Subject::supervisor(1);
    let mut tight = Subject::tight();
    let mut ratios = Vec::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut our, mut their) = (Vec::new(), Vec::new());
        for _ in 0..KILLS {
            our.push(micros(supervisor.replace()));
            their.push(micros(tight.replace()));
        }
        let (our, their) = (median(our), median(their));
        ratios.push(our / their);
        ours.push(our);
        theirs.push(their);
    }
    let how = format!("kill to next: {:.0} µs, tight loop {:.0} µs", median(ours), median(theirs));
    verdict("respawn", median(ratios), BAR, "×", &how)
}

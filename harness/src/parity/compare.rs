//! Whether two projections are the same, and whether one is among many.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Life, Projection};

/// How often another assignment of workers is tried before two projections count as different.
const ATTEMPTS: u32 = 20_000;

/// The first thing in which two projections differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// What happened to the workers, times aside.
    Lives(String),
    /// What the harness did, or how the supervisor ended.
    Anchors(String),
    /// What became of connections.
    Outcomes(String),
    /// A length of time that a deadline determines.
    Interval(String),
    /// The order.
    Order,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lives(what) => write!(f, "the lives of the workers: {what}"),
            Self::Anchors(what) => write!(f, "faults, commands or the end of the supervisor: {what}"),
            Self::Outcomes(what) => write!(f, "outcomes of connections: {what}"),
            Self::Interval(what) => write!(f, "an interval: {what}"),
            Self::Order => f.write_str("the order of things further apart than the slack"),
        }
    }
}

/// Looks for `real` among `simulated`; returns the place of the first that is the same.
///
/// # Errors
/// None is; how often each kind of difference was the first one, with an example.
pub fn included<'a>(
    real: &Projection,
    simulated: impl IntoIterator<Item = &'a Projection>,
    slack: Duration,
) -> Result<usize, Vec<(Mismatch, u32)>> {
    let mut reasons: BTreeMap<Mismatch, u32> = BTreeMap::new();
    for (place, other) in simulated.into_iter().enumerate() {
        match real.same(other, slack) {
            Ok(()) => return Ok(place),
            Err(reason) => *reasons.entry(reason).or_default() += 1,
        }
    }
    let mut reasons: Vec<(Mismatch, u32)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Err(reasons)
}

impl Projection {
    /// Whether the other projection is the same but for the names of workers and the order of things that are closer than
    /// `slack`.
    ///
    /// # Errors
    /// The first difference.
    pub fn same(&self, other: &Self, slack: Duration) -> Result<(), Mismatch> {
        let slack = i64::try_from(slack.as_nanos()).unwrap_or(i64::MAX);
        self.same_lives(other)?;
        let names = |p: &Self| p.anchors.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if names(self) != names(other) {
            return Err(Mismatch::Anchors(format!("{:?} is not {:?}", names(self), names(other))));
        }
        if self.outcomes != other.outcomes {
            return Err(Mismatch::Outcomes(format!("{:?} is not {:?}", self.outcomes, other.outcomes)));
        }
        close("backoff", &self.backoffs, &other.backoffs, slack)?;
        close("drain", &self.drains, &other.drains, slack)?;
        close("give-up", self.give_up.as_slice(), other.give_up.as_slice(), slack)?;
        Renaming { real: self, simulated: other, slack, chosen: Vec::new(), attempts: 0 }.find()
    }

    fn same_lives(&self, other: &Self) -> Result<(), Mismatch> {
        let mine = tally(&self.lives);
        let theirs = tally(&other.lives);
        let Some((life, count)) = mine.iter().find(|(life, count)| theirs.get(*life) != Some(*count)) else {
            return match theirs.iter().find(|(life, _)| !mine.contains_key(*life)) {
                None => Ok(()),
                Some((life, count)) => Err(Mismatch::Lives(format!("0 instead of {count} × {life:?}"))),
            };
        };
        let there = theirs.get(life).copied().unwrap_or(0);
        Err(Mismatch::Lives(format!("{count} instead of {there} × {life:?}")))
    }
}

/// How many workers had which life.
fn tally(lives: &[Life]) -> BTreeMap<(u32, &[super::Kind]), u32> {
    let mut tally = BTreeMap::new();
    for life in lives {
        *tally.entry((life.generation, life.kinds.as_slice())).or_default() += 1;
    }
    tally
}

fn close(name: &str, mine: &[i64], theirs: &[i64], slack: i64) -> Result<(), Mismatch> {
    let millis = |nanos: i64| nanos / 1_000_000;
    if mine.len() != theirs.len() {
        return Err(Mismatch::Interval(format!("{} {name}s instead of {}", mine.len(), theirs.len())));
    }
    match mine.iter().zip(theirs).position(|(mine, theirs)| (mine - theirs).abs() > slack) {
        None => Ok(()),
        Some(at) => {
            let what = format!("{name} {at}: {} ms instead of {} ms", millis(mine[at]), millis(theirs[at]));
            Err(Mismatch::Interval(what))
        }
    }
}

/// Two distances agree if they are about the same, or if both say clearly what came first.
fn agree(mine: i64, theirs: i64, slack: i64) -> bool {
    (mine - theirs).abs() <= slack || (mine > slack && theirs > slack) || (mine < -slack && theirs < -slack)
}

/// The search for a renaming of workers under which all pairs of events agree.
struct Renaming<'a> {
    real: &'a Projection,
    simulated: &'a Projection,
    slack: i64,
    /// The simulated worker for each real one so far.
    chosen: Vec<usize>,
    attempts: u32,
}

impl Renaming<'_> {
    fn find(mut self) -> Result<(), Mismatch> {
        if self.anchors_agree() && self.extend() { Ok(()) } else { Err(Mismatch::Order) }
    }

    fn anchors_agree(&self) -> bool {
        let pairs = || self.real.anchors.iter().zip(&self.simulated.anchors);
        pairs().all(|((_, a), (_, x))| pairs().all(|((_, b), (_, y))| agree(a - b, x - y, self.slack)))
    }

    /// Finds a simulated worker for the next real one, and for all that follow.
    fn extend(&mut self) -> bool {
        let Some(life) = self.real.lives.get(self.chosen.len()) else { return true };
        for candidate in 0..self.simulated.lives.len() {
            self.attempts += 1;
            if self.attempts > ATTEMPTS {
                return false;
            }
            if !self.chosen.contains(&candidate) && self.fits(life, &self.simulated.lives[candidate]) {
                self.chosen.push(candidate);
                if self.extend() {
                    return true;
                }
                self.chosen.pop();
            }
        }
        false
    }

    fn fits(&self, mine: &Life, theirs: &Life) -> bool {
        mine.generation == theirs.generation
            && mine.kinds == theirs.kinds
            && self
                .real
                .anchors
                .iter()
                .zip(&self.simulated.anchors)
                .all(|((_, a), (_, x))| self.beside(mine, theirs, *a, *x))
            && self.chosen.iter().enumerate().all(|(place, &chosen)| {
                let (before, chosen) = (&self.real.lives[place], &self.simulated.lives[chosen]);
                before.times.iter().zip(&chosen.times).all(|(a, x)| self.beside(mine, theirs, *a, *x))
            })
            && mine.times.iter().zip(&theirs.times).all(|(a, x)| self.beside(mine, theirs, *a, *x))
    }

    /// Whether all of a worker's instants are on the same side of two instants that were matched.
    fn beside(&self, mine: &Life, theirs: &Life, at: i64, there: i64) -> bool {
        mine.times.iter().zip(&theirs.times).all(|(a, x)| agree(a - at, x - there, self.slack))
    }
}

#[cfg(test)]
mod tests;

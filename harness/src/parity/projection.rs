//! What is left of a history when names and small differences of time are taken away.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Form, History, Outcome, Proc, Role, Status, What};

/// Something that happened to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It was born.
    Birth,
    /// It is able to serve.
    Ready,
    /// The harness asked it for something on its side socket.
    Asked,
    /// It announced, in two phases or not.
    Announce(bool),
    /// The harness sent it this signal.
    Hit(i32),
    /// It stopped accepting.
    Stop,
    /// It ended: with this exit status, or by this signal (negative).
    Death(Option<i32>),
}

/// One worker: what happened to it and when, in nanoseconds. The instants are parallel to the kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// The number of its pool.
    pub pool: u32,
    /// The harness's generation.
    pub generation: u32,
    /// What, sorted.
    pub kinds: Vec<Kind>,
    /// When.
    pub times: Vec<i64>,
}

/// What is compared of a history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Projection {
    /// The workers, sorted.
    pub lives: Vec<Life>,
    /// Faults, commands and the ends of the supervisor: sorted by name, then by time.
    pub anchors: Vec<(String, i64)>,
    /// Every load with the outcomes that its connections had outside excused windows.
    pub outcomes: BTreeSet<(String, String)>,
    /// From each death that nobody ordered or announced to the next birth, in the order of the deaths.
    pub backoffs: Vec<i64>,
    /// From the end of accepting to the end by the supervisor's SIGKILL, sorted.
    pub drains: Vec<i64>,
    /// From the last such death to the end of a supervisor that did not end well.
    pub give_up: Option<i64>,
}

impl Projection {
    /// The projection of a history.
    pub fn of(history: &History) -> Self {
        let mut gathering = Gathering::default();
        for event in &history.events {
            gathering.take(event.when.latest().as_nanos() as i64, &event.what);
        }
        gathering.finish(history)
    }
}

/// A worker's pool and its generation.
type Of = (u32, u32);

#[derive(Default)]
struct Gathering {
    by_proc: BTreeMap<Proc, (Of, Vec<(Kind, i64)>)>,
    anchors: Vec<(String, i64)>,
    /// Instants that excuse the connections that were open then.
    excuses: Vec<i64>,
    supervisor: Option<Proc>,
    ended: Option<(Status, i64)>,
}

impl Gathering {
    fn take(&mut self, at: i64, what: &What) {
        match what {
            What::SupervisorBorn(proc) => self.supervisor = Some(*proc),
            What::SupervisorExited { status, .. } => {
                self.anchors.push((format!("supervisor ended: {status:?}"), at));
                self.ended = Some((*status, at));
            }
            What::Born { proc, role: Role::Worker { generation, pool, .. }, .. } => {
                self.by_proc.insert(*proc, ((*pool, *generation), vec![(Kind::Birth, at)]));
            }
            What::Ready(proc) => self.note(proc, Kind::Ready, at),
            What::Announced { proc, form } => self.note(proc, Kind::Announce(*form == Form::TwoPhase), at),
            What::StoppedAccepting(proc) => self.note(proc, Kind::Stop, at),
            What::Asked { proc, .. } => self.note(proc, Kind::Asked, at),
            What::Injected { proc, signal } if self.supervisor == Some(*proc) => {
                self.anchors.push((format!("supervisor gets signal {signal}"), at));
            }
            What::Injected { proc, signal } => {
                self.excuses.push(at);
                self.note(proc, Kind::Hit(*signal), at);
            }
            What::Died { proc, death } => self.died(proc, death.status, at),
            What::Commanded(command) => self.anchors.push((format!("{command:?}"), at)),
            What::FaultBegan { fault, .. } => self.anchors.push((format!("begins: {fault}"), at)),
            What::Healed { step } => self.anchors.push((format!("healed: {step:?}"), at)),
            _ => {}
        }
    }

    fn note(&mut self, proc: &Proc, kind: Kind, at: i64) {
        if let Some((_, seen)) = self.by_proc.get_mut(proc) {
            seen.push((kind, at));
        }
    }

    fn died(&mut self, proc: &Proc, status: Option<Status>, at: i64) {
        let status = status.map(|status| match status {
            Status::Code(code) => code,
            Status::Signal(signal) => -signal,
        });
        self.note(proc, Kind::Death(status), at);
        if self.by_proc.get(proc).is_some_and(|(_, seen)| is_unplanned(seen)) {
            self.excuses.push(at);
        }
    }

    fn finish(mut self, history: &History) -> Projection {
        let outcomes = self.outcomes(history);
        let backoffs = self.backoffs();
        let mut drains: Vec<i64> = self.by_proc.values().filter_map(|(_, seen)| drain(seen)).collect();
        drains.sort_unstable();
        let give_up = self.give_up();
        let mut lives: Vec<Life> = self.by_proc.into_values().map(|(of, seen)| life(of, seen)).collect();
        lives.sort();
        self.anchors.sort();
        Projection { lives, anchors: self.anchors, outcomes, backoffs, drains, give_up }
    }

    /// A connection that failed while something was killed or crashed is excused, and so is one that was not over before
    /// the death at which a supervisor gave up: who comes then finds nobody, and how many do is a matter of how soon the
    /// clients are told to stop. The others count, each kind once.
    fn outcomes(&self, history: &History) -> BTreeSet<(String, String)> {
        let mut outcomes = BTreeSet::new();
        let gave_up = self.last_death();
        for event in &history.events {
            let What::Connection(connection) = &event.what else { continue };
            let open = connection.tried.as_nanos() as i64..=connection.ended.as_nanos() as i64;
            let excused =
                self.excuses.iter().any(|at| open.contains(at)) || gave_up.is_some_and(|(last, _)| *open.end() >= last);
            if connection.outcome == Outcome::Ok || !excused {
                outcomes.insert((connection.load.clone(), format!("{:?}", connection.outcome)));
            }
        }
        outcomes
    }

    /// `pool`: in that alone.
    fn unplanned_deaths(&self, pool: Option<u32>) -> Vec<i64> {
        let of = |seen: &Vec<(Kind, i64)>| is_unplanned(seen).then(|| time_of_death(seen)).flatten();
        let there = self.by_proc.values().filter(|((own, _), _)| pool.is_none_or(|pool| pool == *own));
        let mut deaths: Vec<i64> = there.filter_map(|(_, seen)| of(seen)).collect();
        deaths.sort_unstable();
        deaths
    }

    fn backoffs(&self) -> Vec<i64> {
        let pools: BTreeSet<u32> = self.by_proc.values().map(|((pool, _), _)| *pool).collect();
        pools.into_iter().flat_map(|pool| self.backoffs_in(pool)).collect()
    }

    fn backoffs_in(&self, pool: u32) -> Vec<i64> {
        let there = self.by_proc.values().filter(|((own, _), _)| *own == pool);
        let mut births: Vec<i64> = there.filter_map(|(_, seen)| seen.first().map(|(_, at)| *at)).collect();
        births.sort_unstable();
        let mut births = births.into_iter();
        let next = |death: i64| births.find(|birth| *birth > death).map(|birth| birth - death);
        self.unplanned_deaths(Some(pool)).into_iter().map_while(next).collect()
    }

    fn give_up(&self) -> Option<i64> {
        self.last_death().map(|(last, ended)| ended - last)
    }

    /// The last death before a supervisor that did not end well, and its end.
    fn last_death(&self) -> Option<(i64, i64)> {
        let (_, ended) = self.ended.filter(|(status, _)| *status != Status::Code(0))?;
        let last = self.unplanned_deaths(None).into_iter().rfind(|death| *death <= ended)?;
        Some((last, ended))
    }
}

fn time_of_death(seen: &[(Kind, i64)]) -> Option<i64> {
    seen.iter().find(|(kind, _)| matches!(kind, Kind::Death(_))).map(|(_, at)| *at)
}

/// Neither announced nor ordered.
fn is_unplanned(seen: &[(Kind, i64)]) -> bool {
    !seen.iter().any(|(kind, _)| matches!(kind, Kind::Announce(_) | Kind::Stop))
}

/// From the end of accepting to a SIGKILL that the harness did not send.
fn drain(seen: &[(Kind, i64)]) -> Option<i64> {
    let find = |wanted: Kind| seen.iter().find(|(kind, _)| *kind == wanted).map(|(_, at)| *at);
    let (stop, death) = (find(Kind::Stop)?, find(Kind::Death(Some(-9)))?);
    find(Kind::Hit(9)).is_none().then_some(death - stop)
}

fn life((pool, generation): Of, mut seen: Vec<(Kind, i64)>) -> Life {
    seen.sort();
    let (kinds, times) = seen.into_iter().unzip();
    Life { pool, generation, kinds, times }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariant::testing::Tale;

    fn outcomes(last: u64, end: Status) -> Vec<String> {
        let mut tale = Tale::full();
        tale.probe(1010, 1012, Some(1), Outcome::Ok);
        tale.dies(1100, 4, Status::Code(1)).probe(last, last + 1, None, Outcome::Refused);
        tale.exits(1150, end);
        Projection::of(&tale.history()).outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    #[test]
    fn who_comes_when_a_supervisor_gives_up_may_find_nobody() {
        assert_eq!(outcomes(1140, Status::Code(75)), ["Ok"]);
        assert_eq!(outcomes(1160, Status::Code(75)), ["Ok"]);
    }

    #[test]
    fn who_came_before_or_after_a_good_end_may_not() {
        assert_eq!(outcomes(1050, Status::Code(75)), ["Ok", "Refused"]);
        assert_eq!(outcomes(1140, Status::Code(0)), ["Ok", "Refused"]);
    }
}

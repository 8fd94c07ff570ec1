//! Waiting for a trigger.

use std::time::Duration;

use crate::history::{Event, Proc, Role, What};
use crate::scenario::{Step, Trigger};
use crate::time::Time;

use super::view::{Supervisor, View};

/// Of the time for which the host kept processes waiting so many times `within` are added to it at most: where nobody
/// ever runs a run has to end, too.
const PATIENCE: u32 = 4;

/// A wait for one step's trigger.
#[derive(Clone, Debug)]
pub struct Wait {
    /// When the step before fired: edges count, and `After` runs, from then on.
    from: Time,
    /// When this wait began: `within` runs from then on.
    since: Time,
    /// How long the host has kept processes waiting since then, in sum: nobody can hurry who does not run.
    stalled: Duration,
    /// What has been seen.
    edges: Vec<Seen>,
    /// What came after the edge on which the step before fired, and before that one could: seen too late, it is no edge.
    overtaken: Vec<Seen>,
    /// Who accepted a connection, in this order. Only one pool serves, and those may be thousands.
    accepted: Vec<Proc>,
}

#[derive(Clone, Debug, PartialEq)]
enum Edge {
    SupervisorBorn,
    Born,
    Ready,
    Announced,
    StoppedAccepting,
    Exited,
    Held(String),
}

/// An edge, the number of its pool, and whose it was.
type Seen = (Edge, u32, Option<Proc>);

/// What became of a wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waited {
    /// It goes on.
    Still,
    /// The trigger holds; whose edge it was.
    Fired(Option<Proc>),
    /// It did not come in time, or can't come any more. `excused`: it came before it was waited for, because the harness was late;
    /// or it could not come, as seldom as anybody got a processor.
    Missed { excused: bool },
}

impl Wait {
    /// A wait that begins now.
    pub fn new(now: Time) -> Self {
        let (edges, overtaken, accepted) = (Vec::new(), Vec::new(), Vec::new());
        Self { from: now, since: now, stalled: Duration::ZERO, edges, overtaken, accepted }
    }

    /// The wait for the step after `step`, which fires now.
    pub fn next(&self, step: &Step, view: &View, now: Time) -> Self {
        let overtaken = match &step.when {
            None => self.overtaken.clone(),
            Some(trigger) => {
                self.place(trigger, 0, view).map_or_else(Vec::new, |place| self.edges[place + 1..].to_vec())
            }
        };
        Self { overtaken, ..Self::new(now) }
    }

    /// The act of the step before took until now: patience begins now, but what happened meanwhile counts.
    pub fn act_ended(&mut self, now: Time) {
        self.since = now;
        self.stalled = Duration::ZERO;
    }

    /// Takes an event; what happened before the step before fired is no edge, even if it is told of later.
    /// `pool`: that of the worker whose event it is.
    pub fn see(&mut self, event: &Event, pool: Option<u32>) {
        if event.when.latest() < self.from {
            return;
        }
        let (edge, whose) = match &event.what {
            What::SupervisorBorn(proc) => (Edge::SupervisorBorn, Some(*proc)),
            What::Born { proc, role: Role::Worker { .. }, .. } => (Edge::Born, Some(*proc)),
            What::Ready(proc) => (Edge::Ready, Some(*proc)),
            What::Announced { proc, .. } => (Edge::Announced, Some(*proc)),
            What::StoppedAccepting(proc) => (Edge::StoppedAccepting, Some(*proc)),
            What::Died { proc, .. } if pool.is_some() => (Edge::Exited, Some(*proc)),
            What::Accepted { proc, .. } => return self.accepted.push(*proc),
            What::Held { load } => (Edge::Held(load.clone()), None),
            What::Stall { delay_ns, .. } => {
                self.stalled += Duration::from_nanos(*delay_ns);
                return;
            }
            _ => return,
        };
        self.edges.push((edge, pool.unwrap_or_default(), whose));
    }

    /// How it stands.
    pub fn judge(&self, step: &Step, view: &View, now: Time) -> Waited {
        let Some(trigger) = &step.when else { return Waited::Fired(None) };
        if let Some(whose) = self.holds(trigger, 0, view, now) {
            return Waited::Fired(whose);
        }
        let hopeless = self.last_after(trigger).is_none() && view.hopeless_from().is_some_and(|at| at <= now);
        if hopeless || self.patience_ends(step, trigger) <= now {
            let starved = !hopeless && self.stalled >= step.within.0 * PATIENCE;
            let seen_late = || Self { edges: [&*self.overtaken, &*self.edges].concat(), ..self.clone() };
            Waited::Missed { excused: starved || seen_late().holds(trigger, 0, view, now).is_some() }
        } else {
            Waited::Still
        }
    }

    /// When `judge` may say something else although no event was seen.
    pub fn next_deadline(&self, step: &Step, view: &View, now: Time) -> Option<Time> {
        let trigger = step.when.as_ref()?;
        let mut instants = Vec::new();
        self.afters(trigger, &mut instants);
        let hopeless = view.hopeless_from().filter(|_| instants.is_empty());
        instants.push(self.patience_ends(step, trigger));
        instants.extend(hopeless);
        instants.into_iter().filter(|at| *at > now).min()
    }

    /// `pool`: the one in which the edge is to be.
    fn holds(&self, trigger: &Trigger, pool: u32, view: &View, now: Time) -> Option<Option<Proc>> {
        let state = |holds: bool| holds.then_some(None);
        match trigger {
            Trigger::SupervisorBorn
            | Trigger::Born
            | Trigger::Ready
            | Trigger::Announced
            | Trigger::StoppedAccepting
            | Trigger::Exited
            | Trigger::Held(_) => self.place(trigger, pool, view).map(|place| self.edges[place].2),
            Trigger::Accepted { nth } => self.accepted.get((*nth as usize).checked_sub(1)?).map(|proc| Some(*proc)),
            Trigger::CommandEnds => state(view.command_ended()),
            Trigger::CommandSucceeds => state(view.command_succeeded() == Some(true)),
            Trigger::CommandFails => state(view.command_succeeded() == Some(false)),
            // Nothing of it can happen again without a start, so that it need not be an edge.
            Trigger::GaveUp => state(matches!(view.supervisor, Supervisor::Gone { gave_up: true, .. })),
            Trigger::SupervisorExited => state(matches!(view.supervisor, Supervisor::Gone { .. })),
            Trigger::State(wanted) => state(view.is(*wanted)),
            Trigger::After(span) => state(self.from + span.0 <= now),
            Trigger::In(name, edge) => self.holds(edge, view.number(name)?, view, now),
            Trigger::All(triggers) => {
                let each = triggers.iter().map(|trigger| self.holds(trigger, pool, view, now));
                each.collect::<Option<Vec<_>>>().map(|whose| whose.into_iter().flatten().next_back())
            }
            Trigger::Any(triggers) => triggers.iter().find_map(|trigger| self.holds(trigger, pool, view, now)),
        }
    }

    /// Which of the edges this trigger waits for, if it waits for one.
    fn place(&self, trigger: &Trigger, pool: u32, view: &View) -> Option<usize> {
        let wanted = match trigger {
            Trigger::SupervisorBorn => Edge::SupervisorBorn,
            Trigger::Born => Edge::Born,
            Trigger::Ready => Edge::Ready,
            Trigger::Announced => Edge::Announced,
            Trigger::StoppedAccepting => Edge::StoppedAccepting,
            Trigger::Exited => Edge::Exited,
            Trigger::Held(load) => Edge::Held(load.clone()),
            Trigger::In(name, edge) => return self.place(edge, view.number(name)?, view),
            _ => return None,
        };
        self.edges.iter().position(|(edge, there, _)| *edge == wanted && *there == pool)
    }

    /// An `After` that is longer than the patience is waited for all the same.
    fn patience_ends(&self, step: &Step, trigger: &Trigger) -> Time {
        let patience = self.since + step.within.0 + self.stalled.min(step.within.0 * PATIENCE);
        self.last_after(trigger).map_or(patience, |after| patience.max(after))
    }

    fn last_after(&self, trigger: &Trigger) -> Option<Time> {
        let mut instants = Vec::new();
        self.afters(trigger, &mut instants);
        instants.into_iter().max()
    }

    fn afters(&self, trigger: &Trigger, into: &mut Vec<Time>) {
        match trigger {
            Trigger::After(span) => into.push(self.from + span.0),
            Trigger::All(triggers) | Trigger::Any(triggers) => {
                triggers.iter().for_each(|trigger| self.afters(trigger, into));
            }
            _ => {}
        }
    }
}

//! Steps in their order.

use crate::history::{Event, Proc, What};
use crate::scenario::Step;
use crate::time::Time;

use super::Injection;
use super::act::{Origin, Stage, Task, said};
use super::trigger::{Wait, Waited};
use super::view::View;

/// Steps, one after the other, maybe several times.
#[derive(Clone, Debug)]
pub struct Sequence {
    steps: Vec<Step>,
    /// Where they are in the scenario.
    path: Vec<u32>,
    /// How many times more, this time included.
    laps: u32,
    index: usize,
    /// For the step at `index`.
    wait: Wait,
    /// Its trigger came, and it fires at this instant; whose edge it was.
    late: Option<(Time, Option<Proc>)>,
    /// What is left of the act of the step before.
    acting: Option<Box<Task>>,
    /// An act was left out because the harness was late, and nothing has come since: what that act leads to can't be asked for.
    adrift: bool,
}

impl Sequence {
    /// Steps that begin now.
    pub fn new(steps: Vec<Step>, path: Vec<u32>, laps: u32, now: Time) -> Self {
        let index = if laps == 0 { steps.len() } else { 0 };
        Self { steps, path, laps, index, wait: Wait::new(now), late: None, acting: None, adrift: false }
    }

    /// Shows an event to the step that waits. `pool`: that of the worker whose event it is.
    pub fn see(&mut self, event: &Event, pool: Option<u32>) {
        self.wait.see(event, pool);
        if let Some(task) = &mut self.acting {
            task.see(event, pool);
        }
    }

    /// Goes on as far as possible; whether it is over.
    pub fn go(&mut self, stage: &mut Stage<'_>) -> bool {
        loop {
            if let Some(task) = &mut self.acting {
                let composite = task.is_composite();
                if !task.go(stage) {
                    return false;
                }
                self.adrift = task.is_adrift();
                self.acting = None;
                self.wait.act_ended(stage.now);
                if composite {
                    self.wait = Wait::new(stage.now);
                }
            }
            let Some(step) = self.steps.get(self.index) else { return true };
            let waited = match self.late {
                Some((at, _)) if at > stage.now => return false,
                Some((_, whose)) => Waited::Fired(whose),
                None => self.wait.judge(step, stage.view, stage.now),
            };
            let mut next = Wait::new(stage.now);
            match waited {
                Waited::Still => return false,
                Waited::Fired(whose) if self.late.is_none() && !step.jitter.is_zero() => {
                    self.late = Some((stage.now + stage.random.within(step.jitter.0), whose));
                    continue;
                }
                Waited::Missed { excused } => {
                    let must = step.must && !excused && !self.adrift;
                    self.adrift |= excused && step.act.is_some();
                    stage.out.push(missed(self.path_of(self.index), must));
                }
                Waited::Fired(whose) => {
                    self.adrift = false;
                    next = self.wait.next(step, stage.view, stage.now);
                    stage.that = whose.or(stage.that);
                    self.acting = fire(step, self.path_of(self.index), stage).map(Box::new);
                }
            }
            self.late = None;
            self.wait = next;
            self.index += 1;
            if self.index == self.steps.len() && self.laps > 1 {
                self.laps -= 1;
                self.index = 0;
            }
        }
    }

    /// Whether its last steps were left out because the harness was late.
    pub fn is_adrift(&self) -> bool {
        self.adrift
    }

    /// Says of each step that has not come that it never did.
    pub fn abandon(&mut self, stage: &mut Stage<'_>) {
        if let Some(mut task) = self.acting.take() {
            task.abandon(stage);
        }
        for index in self.index..self.steps.len() {
            stage.out.push(missed(self.path_of(index), self.steps[index].must));
        }
        self.index = self.steps.len();
        self.laps = 0;
    }

    /// When it may go on although no event was seen.
    pub fn next_deadline(&self, view: &View, now: Time) -> Option<Time> {
        match &self.acting {
            Some(task) => task.next_deadline(view, now),
            None if self.late.is_some() => self.late.map(|(at, _)| at),
            None => self.steps.get(self.index).and_then(|step| self.wait.next_deadline(step, view, now)),
        }
    }

    fn path_of(&self, index: usize) -> Vec<u32> {
        let mut path = self.path.clone();
        path.push(u32::try_from(index).unwrap_or(u32::MAX));
        path
    }
}

fn missed(step: Vec<u32>, must: bool) -> Injection {
    Injection::Note(What::Missed { step, must })
}

fn fire(step: &Step, path: Vec<u32>, stage: &mut Stage<'_>) -> Option<Task> {
    let when = step.when.as_ref().map(|trigger| format!("when {}", said(trigger)));
    let act = step.act.as_ref().map(said);
    let line = when.into_iter().chain(act).collect::<Vec<_>>().join(": ");
    stage.out.push(Injection::Note(What::Step { step: path.clone(), said: line }));
    if let Some(name) = &step.name {
        stage.view.forget(name);
    }
    match (&step.act, &step.name, stage.that) {
        (Some(act), name, _) => stage.begin(act, &Origin { path, name: name.clone() }),
        // A step that only waits names whom it waited for.
        (None, Some(name), Some(that)) => {
            stage.view.name(name, &[that]);
            None
        }
        (None, _, _) => None,
    }
}

//! What the director knows: who is there and in which state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::{Claim, ClaimKind, Event, Proc, Role, Status, What};
use crate::scenario::{Command, Scenario, State, Target};
use crate::time::Time;

use super::random::Random;

/// When supervisor and workers are gone, what they last did may still be read for so long.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// The supervisor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Supervisor {
    /// Not started, or ordered and not born.
    Expected,
    /// It runs.
    Alive(Proc),
    /// It ended; `gave_up`: by itself and in order, though nobody had told it to.
    Gone { at: Time, gave_up: bool },
}

#[derive(Clone, Copy, Debug)]
struct Worker {
    /// The number of its pool.
    pool: u32,
    born: Time,
    ready: bool,
    retired: bool,
    /// It is being killed: no state waits for it any more, and no target means it, though a busy host may take its time to end it.
    doomed: bool,
}

/// What a pool is called, and how many workers it is to have.
#[derive(Clone, Debug)]
struct Pool {
    name: String,
    wanted: u32,
}

/// The state of a run as far as events told.
#[derive(Clone, Debug)]
pub struct View {
    pub supervisor: Supervisor,
    /// The stop signal, or another that ends it, was sent to the supervisor.
    pub told_to_end: bool,
    /// No step starts the supervisor (again).
    pub no_start_ahead: bool,
    /// By their numbers.
    pools: Vec<Pool>,
    command: Option<(Command, Time)>,
    /// What the subject says became of it: of a reload, when every pool has its word.
    success: Option<bool>,
    /// How many pools have reloaded, by the subject's word.
    reloaded: usize,
    workers: BTreeMap<Proc, Worker>,
    others: BTreeMap<Proc, u32>,
    /// Who has nothing to do with the subject.
    bystanders: BTreeSet<Proc>,
    /// Others that were started beside the supervisor and run.
    seconds: BTreeSet<Proc>,
    /// Who has died, so that a birth that is told of later does not bring it back.
    dead: BTreeSet<Proc>,
    names: BTreeMap<String, Vec<Proc>>,
    /// How many freezes hold somebody.
    freezes: BTreeMap<Proc, u32>,
    /// Somebody was started who has not begun yet.
    pub unborn: bool,
}

impl View {
    /// Nobody is there yet.
    pub fn new(scenario: &Scenario, no_start_ahead: bool) -> Self {
        let pools = scenario.pool_names().zip(scenario.pools());
        Self {
            supervisor: Supervisor::Expected,
            told_to_end: false,
            no_start_ahead,
            pools: pools.map(|(name, (pool, _))| Pool { name: name.to_owned(), wanted: pool.workers }).collect(),
            command: None,
            success: None,
            reloaded: 0,
            workers: BTreeMap::new(),
            others: BTreeMap::new(),
            bystanders: BTreeSet::new(),
            seconds: BTreeSet::new(),
            dead: BTreeSet::new(),
            names: BTreeMap::new(),
            freezes: BTreeMap::new(),
            unborn: false,
        }
    }

    /// Takes an event.
    pub fn see(&mut self, event: &Event) {
        let at = event.when.latest();
        match &event.what {
            What::SupervisorBorn(proc) => self.supervisor = Supervisor::Alive(*proc),
            What::SupervisorExited { proc, status } if self.supervisor == Supervisor::Alive(*proc) => {
                let gave_up = matches!(status, Status::Code(_)) && !self.told_to_end;
                self.supervisor = Supervisor::Gone { at, gave_up };
            }
            // A program that could not even be started has no birth.
            What::SupervisorExited { status, .. } if self.supervisor == Supervisor::Expected => {
                let gave_up = matches!(status, Status::Code(_)) && !self.told_to_end;
                self.supervisor = Supervisor::Gone { at, gave_up };
            }
            What::Born { proc, parent, role } if !self.dead.contains(proc) => match role {
                Role::Worker { pool, .. } => {
                    self.others.remove(proc);
                    let born = Worker { pool: *pool, born: at, ready: false, retired: false, doomed: false };
                    self.workers.entry(*proc).or_insert(born);
                }
                Role::Descendant if !self.workers.contains_key(proc) => drop(self.others.insert(*proc, *parent)),
                Role::Descendant => {}
            },
            What::Bystander(proc) => _ = self.bystanders.insert(*proc),
            // No one sent what can't be caught: it is gone.
            What::Caught { proc, by: None, .. } => _ = self.bystanders.remove(proc),
            What::SecondBorn(proc) => _ = self.seconds.insert(*proc),
            What::SecondExited { proc, status } => {
                self.seconds.remove(proc);
                if self.seconds.is_empty() && matches!(self.command, Some((Command::SecondStart, _))) {
                    self.success = Some(*status == Status::Code(0));
                }
            }
            What::Died { proc, .. } => {
                self.workers.remove(proc);
                self.others.remove(proc);
                self.dead.insert(*proc);
            }
            What::Ready(proc) => drop(self.workers.get_mut(proc).map(|worker| worker.ready = true)),
            What::StoppedAccepting(proc) => drop(self.workers.get_mut(proc).map(|worker| worker.retired = true)),
            What::Claimed(Claim { kind, .. }) if self.reloads() => match kind {
                ClaimKind::Reloaded => {
                    self.reloaded += 1;
                    if self.reloaded >= self.addressed() {
                        self.success = Some(true);
                    }
                }
                ClaimKind::ReloadFailed => self.success = Some(false),
                ClaimKind::Ready | ClaimKind::Exited(_) | ClaimKind::GaveUp => {}
            },
            _ => {}
        }
    }

    /// The pool of the worker that an event is about, or is told by; asked before the event is seen.
    pub fn pool_of(&self, event: &Event) -> Option<u32> {
        let known = |proc: &Proc| self.workers.get(proc).map(|worker| worker.pool);
        match &event.what {
            What::Born { role: Role::Worker { pool, .. }, .. } => Some(*pool),
            What::Died { proc, .. } => known(proc),
            What::Ready(proc) | What::Announced { proc, .. } | What::StoppedAccepting(proc) => {
                Some(known(proc).unwrap_or_default())
            }
            _ => None,
        }
    }

    /// The number of the pool of this name.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.pools.iter().zip(0..).find(|(pool, _)| pool.name == name).map(|(_, number)| number)
    }

    /// Whether this process is there.
    pub fn alive(&self, proc: Proc) -> bool {
        self.supervisor == Supervisor::Alive(proc)
            || self.workers.contains_key(&proc)
            || self.others.contains_key(&proc)
            || self.bystanders.contains(&proc)
    }

    /// Whether nothing of the subject is there.
    pub fn nobody(&self) -> bool {
        !matches!(self.supervisor, Supervisor::Alive(_)) && self.workers.is_empty() && self.others.is_empty()
    }

    /// Since when nothing that a trigger could wait for can happen any more.
    pub fn hopeless_from(&self) -> Option<Time> {
        match self.supervisor {
            Supervisor::Gone { at, .. } if self.no_start_ahead && self.workers.is_empty() => Some(at + LAST_WORDS),
            _ => None,
        }
    }

    /// Whether a state holds.
    pub fn is(&self, state: State) -> bool {
        let ready = |number: u32| u32::try_from(self.ready(number).count()).unwrap_or(u32::MAX);
        let mut pools = self.pools.iter().zip(0..);
        match state {
            State::PoolFull => pools.all(|(pool, number)| ready(number) >= pool.wanted),
            State::Settled => {
                let wanted: u64 = self.pools.iter().map(|pool| u64::from(pool.wanted)).sum();
                let exactly = pools.all(|(pool, number)| ready(number) == pool.wanted);
                exactly && wanted == self.workers.len() as u64 && !self.unborn
            }
        }
    }

    /// A command is given.
    pub fn command(&mut self, command: &Command, now: Time) {
        match command {
            Command::Start => self.supervisor = Supervisor::Expected,
            Command::Stop => self.told_to_end = true,
            Command::Scale(workers) => self.pools[0].wanted = *workers,
            Command::In(name, order) => {
                if let (Command::Scale(workers), Some(number)) = (&**order, self.number(name)) {
                    self.pools[number as usize].wanted = *workers;
                }
            }
            Command::Reload
            | Command::Reloads { .. }
            | Command::SecondStart
            | Command::Reopen
            | Command::Restart(_)
            | Command::RestartPool
            | Command::Publish { .. } => {}
        }
        if *command == Command::Start {
            self.told_to_end = false;
        }
        self.command = Some((command.clone(), now));
        self.success = None;
        self.reloaded = 0;
    }

    /// The last command, in which pool, if it is about one, and when.
    fn last(&self) -> Option<(&Command, Option<u32>, Time)> {
        let (command, since) = self.command.as_ref()?;
        Some(match command {
            Command::In(name, order) => (order, self.number(name), *since),
            Command::Scale(_) | Command::Restart(_) | Command::RestartPool => (command, Some(0), *since),
            _ => (command, None, *since),
        })
    }

    /// How many pools are to say that they have reloaded.
    fn addressed(&self) -> usize {
        if matches!(self.last(), Some((_, Some(_), _))) { 1 } else { self.pools.len() }
    }

    fn reloads(&self) -> bool {
        matches!(self.last(), Some((Command::Reload | Command::Reloads { .. } | Command::RestartPool, ..)))
    }

    /// What the subject says became of the command that was given last; nothing yet, or nothing ever.
    pub fn command_succeeded(&self) -> Option<bool> {
        self.success
    }

    /// Whether what was commanded last has come about, or can't any more.
    pub fn command_ended(&self) -> bool {
        let Some((command, pool, since)) = self.last() else { return false };
        if matches!(self.supervisor, Supervisor::Gone { .. }) {
            return true;
        }
        let mut addressed = self.workers.values().filter(|worker| pool.is_none_or(|pool| worker.pool == pool));
        match command {
            Command::Stop => false,
            Command::Start | Command::Scale(_) => self.is(State::Settled),
            Command::Reload | Command::Reloads { .. } | Command::RestartPool if self.success == Some(false) => {
                self.is(State::Settled)
            }
            Command::Reload | Command::Reloads { .. } | Command::RestartPool => {
                self.is(State::Settled) && addressed.all(|worker| worker.born > since)
            }
            Command::Restart(_) => self.is(State::Settled) && addressed.any(|worker| worker.born > since),
            Command::SecondStart => self.success.is_some(),
            Command::Reopen | Command::Publish { .. } | Command::In(..) => true,
        }
    }

    /// Gives what was hit a name; earlier bearers of the name keep it until `forget`.
    pub fn name(&mut self, name: &str, procs: &[Proc]) {
        self.names.entry(name.to_owned()).or_default().extend(procs);
    }

    /// Takes a name from everybody.
    pub fn forget(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// Whom a target means now; those that are not there are left out.
    pub fn resolve(
        &self,
        target: &Target,
        that: Option<Proc>,
        random: &mut Random,
        owners: &dyn Fn(&str) -> Option<Proc>,
    ) -> Vec<Proc> {
        let found: Vec<Proc> = match target {
            Target::Supervisor | Target::Group => match self.supervisor {
                Supervisor::Alive(proc) => vec![proc],
                Supervisor::Expected | Supervisor::Gone { .. } => Vec::new(),
            },
            Target::Oldest
            | Target::Newest
            | Target::Each
            | Target::All
            | Target::Random(_)
            | Target::Booting
            | Target::Draining => self.in_pool(0, target, random),
            Target::In(name, who) => {
                self.number(name).map(|number| self.in_pool(number, who, random)).unwrap_or_default()
            }
            Target::That => that.into_iter().collect(),
            Target::Named(name) => self.names.get(name).cloned().unwrap_or_default(),
            Target::OwnerOf(load) => owners(load).into_iter().collect(),
            Target::Child(of) => {
                let parents = self.resolve(of, that, random, owners);
                self.others_of(|parent| parents.iter().any(|proc| proc.pid == parent))
            }
            Target::Adopted => self.others_of(|parent| !self.workers.keys().any(|proc| proc.pid == parent)),
            Target::Bystander => self.bystanders.iter().copied().collect(),
        };
        found.into_iter().filter(|proc| self.alive(*proc)).collect()
    }

    /// Whom a target means among the workers of one pool.
    fn in_pool(&self, number: u32, target: &Target, random: &mut Random) -> Vec<Proc> {
        match target {
            Target::Oldest => self.ready(number).min().map(|(_, proc)| proc).into_iter().collect(),
            Target::Newest => self.ready(number).max().map(|(_, proc)| proc).into_iter().collect(),
            Target::Each | Target::All => self.by_age(number, |_| true),
            Target::Random(count) => {
                let ready = self.by_age(number, |worker| worker.ready && !worker.retired);
                random.draw(ready, usize::try_from(*count).unwrap_or(usize::MAX))
            }
            Target::Booting => first(self.by_age(number, |worker| !worker.ready && !worker.retired)),
            Target::Draining => first(self.by_age(number, |worker| worker.retired)),
            _ => Vec::new(),
        }
    }

    /// These are being killed.
    pub fn doom(&mut self, who: &[Proc]) {
        for proc in who {
            if let Some(worker) = self.workers.get_mut(proc) {
                worker.doomed = true;
            }
        }
    }

    /// One freeze more holds these.
    pub fn freeze(&mut self, who: &[Proc]) {
        for proc in who {
            *self.freezes.entry(*proc).or_default() += 1;
        }
    }

    /// One freeze less holds these: whom of them none holds any more.
    pub fn thaw(&mut self, mut who: Vec<Proc>) -> Vec<Proc> {
        who.retain(|proc| {
            let held = self.freezes.entry(*proc).or_default();
            *held = held.saturating_sub(1);
            *held == 0
        });
        who
    }

    fn ready(&self, pool: u32) -> impl Iterator<Item = (Time, Proc)> {
        self.workers
            .iter()
            .filter(move |(_, worker)| worker.pool == pool && worker.ready && !worker.retired && !worker.doomed)
            .map(|(proc, worker)| (worker.born, *proc))
    }

    fn by_age(&self, pool: u32, which: impl Fn(&Worker) -> bool) -> Vec<Proc> {
        let chosen = self.workers.iter().filter(|(_, worker)| worker.pool == pool && !worker.doomed && which(worker));
        let mut chosen: Vec<(Time, Proc)> = chosen.map(|(proc, worker)| (worker.born, *proc)).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|(_, proc)| proc).collect()
    }

    fn others_of(&self, whose: impl Fn(u32) -> bool) -> Vec<Proc> {
        self.others.iter().filter(|(_, parent)| whose(**parent)).map(|(proc, _)| *proc).collect()
    }
}

fn first(mut procs: Vec<Proc>) -> Vec<Proc> {
    procs.truncate(1);
    procs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Event;
    use crate::scenario::parse;

    #[test]
    fn a_bystander_that_has_ended_is_nobodys_target() {
        let scenario = parse("(title: \"t\", pool: (workers: 1), steps: [(do: Kill(Bystander))])", "x.ron");
        let mut view = View::new(&scenario.expect("valid"), true);
        let (proc, at) = (Proc { pid: 7, start: 7 }, Time::from_nanos(1));
        let mut there = |what: What| {
            view.see(&Event::at(at, what));
            view.resolve(&Target::Bystander, None, &mut Random::new(1), &|_| None)
        };
        assert_eq!(there(What::Bystander(proc)), [proc]);
        assert_eq!(there(What::Caught { proc, signal: 15, by: Some(1) }), [proc], "somebody sent it that");
        assert_eq!(there(What::Caught { proc, signal: 9, by: None }), []);
    }
}

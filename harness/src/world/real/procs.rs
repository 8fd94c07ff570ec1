//! The processes of the subject: who was born, who died, who was reaped.

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::process::{WaitOptions, wait};
use rustix::time::{ClockId, clock_gettime};

use crate::history::{Death, Event, Proc, Role, Status, What, When};
use crate::time::Time;

use super::connector::Happening;
use super::tracked::{End, Kind, Tracked};
use super::{clock, procfs};

/// How long the kernel may take to tell how a process ended, after its pidfd has told that it ended.
const STATUS_COMES: Duration = Duration::from_millis(50);
/// A zombie is looked at this often while it is young,
const LOOK: Duration = Duration::from_millis(2);
/// and this often later.
const LOOK_LATER: Duration = Duration::from_millis(10);
/// Until this age a zombie is young.
const YOUNG: Duration = Duration::from_millis(100);
/// In nanoseconds.
const TICK_NS: u64 = procfs::TICK.as_nanos() as u64;

/// The process table, as far as it concerns the run.
#[derive(Debug)]
pub struct Procs {
    table: BTreeMap<u32, Tracked>,
    supervisor: Option<Proc>,
    /// Exact events come; without them a death has no status.
    exact: bool,
    /// CLOCK_BOOTTIME minus CLOCK_MONOTONIC in nanoseconds.
    suspended: u64,
    /// The harness's generation, for workers that died before they could say theirs.
    pub generation: u32,
    /// Whether there are several pools, so that it matters of which one a worker is.
    several: bool,
    looked: Time,
}

impl Procs {
    /// No process yet. `exact`: the process connector works. `several`: of more than one pool.
    pub fn new(exact: bool, several: bool) -> Self {
        let boot = clock_gettime(ClockId::Boottime);
        let boot = u64::try_from(boot.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(boot.tv_nsec).unwrap_or(0);
        let now = clock::now();
        Self {
            table: BTreeMap::new(),
            supervisor: None,
            exact,
            suspended: boot.saturating_sub(now.as_nanos()),
            generation: 1,
            several,
            looked: now,
        }
    }

    /// The runner started the supervisor.
    pub fn supervisor_started(&mut self, pid: u32, at: Time) -> Proc {
        let proc = self.started(pid, at, Kind::Supervisor);
        self.supervisor = Some(proc);
        proc
    }

    /// The runner started another process of this kind.
    pub fn started(&mut self, pid: u32, at: Time, kind: Kind) -> Proc {
        let mut tracked = self.tracked(pid, std::process::id(), When::At(at), kind);
        tracked.exec = true;
        let proc = tracked.proc;
        self.table.insert(pid, tracked);
        proc
    }

    /// Those of a kind that have not ended.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = Proc> {
        self.table.values().filter(move |one| one.kind == kind && one.died.is_none()).map(|one| one.proc)
    }

    /// The supervisor that was started last, alive or not.
    pub fn supervisor(&self) -> Option<Proc> {
        self.supervisor
    }

    /// Whether the supervisor runs.
    pub fn supervisor_alive(&self) -> bool {
        self.supervisor.and_then(|proc| self.get(proc)).is_some_and(|tracked| tracked.died.is_none())
    }

    /// A process that is still in the table.
    pub fn get(&self, proc: Proc) -> Option<&Tracked> {
        self.table.get(&proc.pid).filter(|tracked| tracked.proc == proc)
    }

    /// Whether this pid is watched.
    pub fn knows(&self, pid: u32) -> bool {
        self.table.contains_key(&pid)
    }

    /// All processes that have not ended.
    pub fn alive(&mut self) -> impl Iterator<Item = &mut Tracked> {
        self.table.values_mut().filter(|tracked| tracked.died.is_none())
    }

    /// The pidfds to be polled. One stays ready for ever once it is, so only those of the living.
    pub fn pidfds(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>)> {
        use std::os::fd::AsFd;
        let living = self.table.iter().filter(|(_, tracked)| tracked.end == End::Alive);
        living.filter_map(|(pid, tracked)| Some((*pid, tracked.pidfd.as_ref()?.as_fd())))
    }

    fn tracked(&self, pid: u32, parent: u32, born: When, kind: Kind) -> Tracked {
        let guess = (born.latest().as_nanos() + self.suspended) / TICK_NS;
        Tracked::new(pid, parent, born, kind, guess)
    }

    /// A process event of the kernel.
    pub fn happened(&mut self, at: Time, happening: Happening, out: &mut Vec<Event>) {
        match happening {
            Happening::Fork { pid, parent } => self.forked(pid, parent, When::At(at), out),
            Happening::Exec { pid } => {
                if let Some(tracked) = self.table.get_mut(&pid) {
                    tracked.exec = true;
                    // Whoever dies before it takes a ticket tells nobody which pool it is of.
                    tracked.pool = procfs::pool(pid);
                }
            }
            Happening::Exit { pid, status } => match self.table.get_mut(&pid) {
                // That was its first thread. Nobody can wait for it before the last one has gone, of which its pidfd tells.
                Some(tracked) if tracked.has_threads_left() => tracked.first = Some((at, status)),
                _ => self.died(pid, at, Some(status), out),
            },
            Happening::ThreadExit { pid } => {
                if let Some(tracked) = self.table.get_mut(&pid) {
                    tracked.thread = tracked.thread.max(at);
                }
            }
        }
    }

    /// A process that nobody told of was found below `parent`.
    pub fn found(&mut self, proc: Proc, parent: u32, seen: Time, out: &mut Vec<Event>) {
        let pid = proc.pid;
        if !self.knows(pid) {
            self.forked(pid, parent, self.tick(proc.start, seen), out);
            if let Some(tracked) = self.table.get_mut(&pid) {
                tracked.exec = true;
                tracked.pool = procfs::pool(pid);
            }
        }
    }

    fn forked(&mut self, pid: u32, parent: u32, born: When, out: &mut Vec<Event>) {
        let kind = match self.table.get(&parent).map(|parent| parent.kind) {
            Some(Kind::Supervisor | Kind::Second) => Kind::Unknown,
            Some(Kind::Unknown | Kind::Worker | Kind::Descendant) => Kind::Descendant,
            Some(Kind::Bystander) | None => return,
        };
        if let Some(former) = self.table.remove(&pid) {
            // The pid is in use again, so its former owner was reaped, and before that it ended.
            self.bury(former, born.latest(), out);
        }
        let tracked = self.tracked(pid, parent, born, kind);
        if kind == Kind::Descendant {
            out.push(birth(&tracked, Role::Descendant));
        }
        self.table.insert(pid, tracked);
    }

    /// When a process with this start time was born, if it was there at `seen`.
    fn tick(&self, start: u64, seen: Time) -> When {
        let begin = Time::from_nanos((start * TICK_NS).saturating_sub(self.suspended));
        When::Within(begin.min(seen), (begin + procfs::TICK).min(seen))
    }

    /// A worker took its ticket.
    pub fn took_ticket(&mut self, proc: Proc, at: Time, role: Role, out: &mut Vec<Event>) {
        if self.table.get(&proc.pid).is_none_or(|known| !same(known, proc)) {
            let parent = procfs::stat(proc.pid).filter(|stat| stat.start == proc.start).map(|stat| stat.parent);
            let parent = parent.or(self.supervisor.map(|supervisor| supervisor.pid)).unwrap_or(0);
            if let Some(former) = self.table.remove(&proc.pid) {
                self.bury(former, at, out);
            }
            let born = self.tick(proc.start, at);
            let tracked = self.tracked(proc.pid, parent, born, Kind::Unknown);
            self.table.insert(proc.pid, tracked);
        }
        if let Some(tracked) = self.table.get_mut(&proc.pid).filter(|tracked| tracked.kind != Kind::Worker) {
            tracked.proc = proc;
            tracked.kind = Kind::Worker;
            tracked.alive_at = tracked.alive_at.max(at);
            out.push(birth(tracked, role));
        }
    }

    /// A line of its journal: it lived at that instant.
    pub fn lived(&mut self, proc: Proc, at: Time) {
        if let Some(tracked) = self.table.get_mut(&proc.pid).filter(|tracked| tracked.proc == proc) {
            tracked.alive_at = tracked.alive_at.max(at);
        }
    }

    /// A pidfd became ready: not before `after`, and by `at`.
    pub fn silent(&mut self, pid: u32, after: Time, at: Time) {
        if let Some(tracked) = self.table.get_mut(&pid).filter(|tracked| tracked.end == End::Alive) {
            tracked.end = End::Silent(after.max(tracked.alive_at).min(at), at);
        }
    }

    fn died(&mut self, pid: u32, told: Time, status: Option<Status>, out: &mut Vec<Event>) {
        let (generation, several, exact) = (self.generation, self.several, self.exact);
        let Some(tracked) = self.table.get_mut(&pid).filter(|tracked| tracked.died.is_none()) else { return };
        let when = match (tracked.end, tracked.first) {
            // What each thread's end is told with is exact; since when the pidfd was ready is inferred.
            (End::Silent(_, seen), Some((first, _))) => When::Within(tracked.thread.max(first).min(seen), seen),
            // The pidfd speaks a little before the process event; both speak after the fact.
            (End::Silent(_, seen), None) if exact && status.is_some() => When::At(seen.min(told)),
            (End::Silent(after, seen), None) => When::Within(after, seen.min(told)),
            (End::Alive | End::Zombie(_), _) => When::At(told),
        };
        tracked.died = Some(when.latest());
        tracked.end = End::Zombie(when.earliest());
        match (tracked.kind, status) {
            (Kind::Supervisor | Kind::Second | Kind::Bystander, None) => {}
            (Kind::Second, Some(status)) => {
                out.push(Event { when, what: What::SecondExited { proc: tracked.proc, status } });
            }
            (Kind::Bystander, Some(Status::Signal(signal))) => {
                out.push(Event { when, what: What::Caught { proc: tracked.proc, signal, by: None } });
            }
            (Kind::Bystander, Some(Status::Code(_))) => {}
            (Kind::Supervisor, Some(status)) => {
                out.push(Event { when, what: What::SupervisorExited { proc: tracked.proc, status } });
            }
            (kind, status) => {
                if kind == Kind::Unknown {
                    // It never took a ticket. If it ran a program it was to be a worker.
                    let worker = tracked.exec.then(|| nameless(tracked, generation, several, out));
                    out.push(birth(tracked, worker.unwrap_or(Role::Descendant)));
                }
                out.push(Event { when, what: What::Died { proc: tracked.proc, death: Death { status } } });
            }
        }
    }

    /// What is known of it is that it is gone.
    fn bury(&mut self, mut former: Tracked, now: Time, out: &mut Vec<Event>) {
        if former.kind.is_own() {
            return;
        }
        let seen = match former.end {
            End::Zombie(seen) => seen,
            End::Alive | End::Silent(..) => {
                if former.kind == Kind::Unknown {
                    let role = nameless(&former, self.generation, self.several, out);
                    out.push(birth(&former, role));
                }
                let death = Death { status: None };
                let when = When::Within(former.alive_at.min(now), now);
                out.push(Event { when, what: What::Died { proc: former.proc, death } });
                former.alive_at
            }
        };
        former.died = Some(seen);
        out.push(Event { when: When::Within(seen.min(now), now), what: What::Reaped(former.proc) });
    }

    /// Reaps the runner's own children: the supervisor, and what it left behind. Then looks at everybody whose end is
    /// not complete.
    pub fn look(&mut self, now: Time, out: &mut Vec<Event>) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = u32::try_from(pid.as_raw_nonzero().get()).unwrap_or(0);
            let status = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Some(Status::Code(code)),
                (None, signal) => signal.map(Status::Signal),
            };
            self.died(pid, clock::now(), status, out);
        }
        if self.next_look().is_none_or(|at| at > now) {
            return;
        }
        self.looked = now;
        for pid in self.table.keys().copied().collect::<Vec<_>>() {
            self.look_at(pid, now, out);
        }
    }

    fn look_at(&mut self, pid: u32, now: Time, out: &mut Vec<Event>) {
        let exact = self.exact;
        let Some(tracked) = self.table.get_mut(&pid) else { return };
        match tracked.end {
            End::Alive if tracked.pidfd.is_some() => {}
            // It was not there when it should have been opened. The process event of its end is on its way, or there are none.
            End::Alive => {
                if !tracked.in_table() && (!exact || now.since(tracked.born.latest()) > STATUS_COMES) {
                    self.table.remove(&pid).into_iter().for_each(|former| self.bury(former, clock::now(), out));
                }
            }
            // Its status comes by wait(2), which is certain.
            End::Silent(..) if tracked.kind.is_own() => {}
            End::Silent(_, seen) => {
                let status = tracked.first.map(|(_, status)| status);
                if status.is_some() || !exact || now.since(seen) > STATUS_COMES {
                    self.died(pid, seen, status, out);
                }
            }
            End::Zombie(seen) => {
                if tracked.in_table() {
                    tracked.end = End::Zombie(now);
                } else {
                    if !tracked.kind.is_own() {
                        // It was there at `seen` and is not there any more: `now` is older than this look.
                        let when = When::Within(seen, clock::now());
                        out.push(Event { when, what: What::Reaped(tracked.proc) });
                    }
                    self.table.remove(&pid);
                }
            }
        }
    }

    /// Whether somebody has not ended, or has ended and was not seen to be reaped.
    pub fn unfinished(&self) -> bool {
        self.table.values().any(|tracked| tracked.kind != Kind::Bystander)
    }

    /// Whether a child of the supervisor runs its program and has not begun to keep the journal, though it is there for less
    /// than `boot`: who is there for longer is no worker.
    pub fn unborn(&self, now: Time, boot: Duration) -> bool {
        let young = |tracked: &Tracked| tracked.exec && now.since(tracked.born.latest()) < boot;
        self.table.values().any(|one| one.kind == Kind::Unknown && one.end == End::Alive && young(one))
    }

    /// When [`Procs::look`] is wanted, even if nothing happens.
    pub fn next_look(&self) -> Option<Time> {
        let every = self.table.values().filter_map(|tracked| match (tracked.end, tracked.died) {
            (End::Alive, _) => tracked.pidfd.is_none().then_some(LOOK_LATER),
            (End::Zombie(_), Some(died)) if self.looked.since(died) > YOUNG => Some(LOOK_LATER),
            (End::Silent(..) | End::Zombie(_), _) => Some(LOOK),
        });
        every.min().map(|every| self.looked + every)
    }
}

fn same(known: &Tracked, proc: Proc) -> bool {
    // A start time that was worked out may be off by a tick.
    known.proc.start == proc.start || (known.guessed && known.proc.start.abs_diff(proc.start) <= 2)
}

/// A worker that told nothing of itself. Of several pools nobody knows which one it was of, if it ended too early.
fn nameless(tracked: &Tracked, generation: u32, several: bool, out: &mut Vec<Event>) -> Role {
    if several && tracked.pool.is_none() {
        let why = format!("worker {} ended before anybody saw of which pool it was", tracked.proc.pid);
        out.push(Event { when: tracked.born, what: What::Incomplete { why } });
    }
    Role::Worker { ticket: 0, generation, pool: tracked.pool.unwrap_or(0) }
}

fn birth(tracked: &Tracked, role: Role) -> Event {
    Event { when: tracked.born, what: What::Born { proc: tracked.proc, parent: tracked.parent, role } }
}

#[cfg(test)]
mod tests;

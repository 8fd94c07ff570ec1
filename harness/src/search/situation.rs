//! Situations that a suite must have seen: a suite that never killed a worker while it boots says nothing about that.

use crate::history::{ClaimKind, Form, History, Outcome, Status, Timeline, Worker};
use crate::invariant::{Departure, Facts, Leave};
use crate::scenario::{Command, Scenario};
use crate::time::Time;
use crate::world::sim::Counters;

const SIGKILL: i32 = 9;

/// One run, as situations look at it.
#[derive(Debug)]
pub struct Seen<'a> {
    scenario: &'a Scenario,
    line: Timeline<'a>,
    facts: Facts,
    /// What the simulated kernel did; of a real one nobody knows.
    kernel: Counters,
}

impl<'a> Seen<'a> {
    /// Of a run.
    pub fn new(scenario: &'a Scenario, history: &'a History, kernel: Counters) -> Self {
        let line = Timeline::read(history);
        let facts = Facts::read(scenario, &line);
        Self { scenario, line, facts, kernel }
    }

    /// The names of all that happened in it.
    pub fn situations(&self) -> Vec<&'static str> {
        let happened = SITUATIONS.iter().filter(|situation| (situation.happened)(self));
        happened.map(|situation| situation.name).collect()
    }

    /// Whether the harness killed a worker for which this holds at that instant.
    fn killed(&self, is: impl Fn(&Worker, Time) -> bool) -> bool {
        self.line.workers.iter().any(|worker| worker.killed.is_some_and(|at| is(worker, at)))
    }

    /// Whether an instant lies between an order to reload and its end.
    fn reloading(&self, at: Time) -> bool {
        self.facts.rolling(at)
            && !self.reloads_ended().any(|end| self.last_reload(at).is_some_and(|order| order < end && end < at))
    }

    fn last_reload(&self, at: Time) -> Option<Time> {
        let orders = self.line.commands.iter().filter(|(order, command)| is_reload(command) && *order <= at);
        orders.map(|(order, _)| *order).max()
    }

    fn reloads_ended(&self) -> impl Iterator<Item = Time> {
        let over = |kind| matches!(kind, ClaimKind::Reloaded | ClaimKind::ReloadFailed);
        self.line.claims.iter().filter(move |(_, claim)| over(claim.kind)).map(|(at, _)| *at)
    }

    /// Whether somebody is missing at an instant, and the policy keeps the supervisor from starting anybody yet.
    fn backing_off(&self, at: Time) -> bool {
        let replaced =
            |known: Time| self.any_worker(|other| known < other.born.earliest() && other.born.earliest() <= at);
        let waits = |one: &Departure| {
            let delayed = one.delayed(self.scenario).is_some_and(|(from, until)| from <= at && at < until);
            delayed && !replaced(one.known)
        };
        let ends = self.facts.ended_itself.is_some_and(|began| began <= at);
        !ends && !self.frozen(at) && self.facts.departures.iter().any(waits)
    }

    fn frozen(&self, at: Time) -> bool {
        self.facts.frozen.iter().any(|(from, until)| *from <= at && at < *until)
    }

    fn stopping(&self, at: Time) -> bool {
        self.facts.stop.is_some_and(|stop| stop <= at) && self.facts.exit.is_none_or(|(exit, _)| at < exit)
    }

    fn commanded(&self, is: impl Fn(&Command, Time) -> bool) -> bool {
        self.line.commands.iter().any(|(at, command)| is(command, *at))
    }

    fn claimed(&self, kind: ClaimKind) -> bool {
        self.line.claims.iter().any(|(_, claim)| claim.kind == kind)
    }

    fn fault(&self, begins: &str) -> bool {
        self.line.faults.iter().any(|fault| fault.fault.starts_with(begins))
    }

    fn outcome(&self, outcome: Outcome) -> bool {
        self.line.connections.iter().any(|conn| conn.record.outcome == outcome)
    }

    fn departed(&self, how: Leave) -> bool {
        self.facts.departures.iter().any(|one| one.how == how)
    }

    /// Whether somebody looks for workers of its pool that hang.
    fn watched(&self, worker: &Worker) -> bool {
        self.scenario.pools().nth(worker.pool as usize).is_some_and(|(pool, _)| pool.watchdog.is_some())
    }

    fn any_worker(&self, is: impl Fn(&Worker) -> bool) -> bool {
        self.line.workers.iter().any(is)
    }

    /// An instant at which nobody was alive although somebody had been, and the supervisor was.
    fn nobody(&self) -> bool {
        let dead = |at: Time| {
            self.line.workers.iter().all(|worker| worker.born.earliest() > at || worker.dead_for_sure() <= at)
        };
        let deaths = self.line.workers.iter().filter_map(|worker| worker.died).map(|died| died.latest());
        let mut deaths = deaths.filter(|at| *at < self.facts.peace);
        deaths.any(dead)
    }
}

fn is_reload(command: &Command) -> bool {
    matches!(command, Command::Reload | Command::Reloads { .. })
}

/// Ended by a SIGKILL that the harness did not send.
fn killed_by_supervisor(worker: &Worker) -> bool {
    worker.status == Some(Status::Signal(SIGKILL)) && worker.killed.is_none()
}

/// Something that must have happened in a suite, at least once.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Its name.
    pub name: &'static str,
    /// What it is, in plain words.
    pub sentence: &'static str,
    /// Whether it happened in a run.
    pub happened: fn(&Seen<'_>) -> bool,
    /// Whether only a simulated kernel can tell: nobody sees into a real one.
    pub only_simulated: bool,
}

const fn of(name: &'static str, sentence: &'static str, happened: fn(&Seen<'_>) -> bool) -> Situation {
    Situation { name, sentence, happened, only_simulated: false }
}

const fn in_kernel(name: &'static str, sentence: &'static str, happened: fn(&Seen<'_>) -> bool) -> Situation {
    Situation { name, sentence, happened, only_simulated: true }
}

/// All of them.
pub const SITUATIONS: &[Situation] = &[
    of("killed-booting", "a worker is killed before it is ready", |seen| {
        seen.killed(|worker, at| worker.ready.is_none_or(|ready| at < ready))
    }),
    of("killed-ready", "a worker is killed that serves", |seen| seen.killed(Worker::is_ready)),
    of("killed-draining", "a worker is killed that is on its way out", |seen| {
        seen.killed(|worker, at| worker.retires().is_some_and(|left| left < at))
    }),
    of("killed-in-backoff", "a worker is killed while another one's replacement is delayed", |seen| {
        seen.killed(|_, at| seen.backing_off(at))
    }),
    of("killed-in-reload", "a worker is killed during a reload", |seen| seen.killed(|_, at| seen.reloading(at))),
    of("killed-in-stop", "a worker is killed after the order to stop", |seen| seen.killed(|_, at| seen.stopping(at))),
    of("killed-in-give-up", "a worker is killed while the supervisor gives up", |seen| {
        let gives_up = |at| seen.facts.ended_itself.is_some_and(|began| began <= at);
        seen.killed(|_, at| gives_up(at) && seen.facts.exit.is_some_and(|(exit, _)| at < exit))
    }),
    of("killed-without-supervisor", "the supervisor is killed and leaves workers behind", |seen| {
        let dead = seen.facts.exit.filter(|(_, status)| *status == Status::Signal(SIGKILL));
        dead.is_some_and(|(at, _)| seen.any_worker(|worker| worker.dead_for_sure() > at))
    }),
    of("everybody-dead", "no worker is alive and the supervisor is", |seen| seen.nobody()),
    in_kernel("dead-at-birth", "a child has ended before the call that started it returns", |seen| {
        seen.kernel.dead_at_birth > 0
    }),
    of("never-ready", "a worker ends that never became ready, without anybody's signal", |seen| {
        seen.any_worker(|worker| worker.ready.is_none() && matches!(worker.status, Some(Status::Code(_))))
    }),
    of("boot-timed-out", "a worker that does not become ready is ended by the supervisor", |seen| {
        seen.any_worker(|worker| worker.ready.is_none() && killed_by_supervisor(worker))
    }),
    of("limit-reached", "the supervisor gives up", |seen| seen.claimed(ClaimKind::GaveUp)),
    in_kernel("spawn-failed-fork", "there can be no more processes", |seen| seen.kernel.no_processes > 0),
    in_kernel("spawn-failed-exec", "the program of the workers can't be executed", |seen| seen.kernel.no_program > 0),
    in_kernel("no-descriptors", "there is no descriptor left (EMFILE)", |seen| seen.kernel.no_descriptors > 0),
    in_kernel("partial-read", "a read transfers less than is there", |seen| seen.kernel.partial_reads > 0),
    in_kernel("partial-write", "a write takes less than it is given", |seen| seen.kernel.partial_writes > 0),
    in_kernel("wait-interrupted", "a wait is interrupted by a signal (EINTR)", |seen| {
        seen.kernel.interrupted_waits > 0
    }),
    in_kernel("woken-for-nothing", "a wait ends and nothing is there", |seen| seen.kernel.spurious_wakes > 0),
    in_kernel("signals-coalesced", "several deaths are behind one SIGCHLD", |seen| seen.kernel.signals_coalesced > 0),
    in_kernel("deaths-in-one-turn", "several children are reaped in one turn of the loop", |seen| {
        seen.kernel.deaths_in_one_turn > 0
    }),
    in_kernel("channel-reset", "a channel ends with words in it that nobody read (ECONNRESET)", |seen| {
        seen.kernel.channels_reset > 0
    }),
    in_kernel("handoff-lost", "a worker dies while a connection is on its way to it", |seen| {
        seen.kernel.handoffs_lost > 0
    }),
    of("supervisor-frozen-over-a-death", "a worker dies while the supervisor can't run", |seen| {
        seen.any_worker(|worker| worker.died.is_some_and(|died| seen.frozen(died.latest())))
    }),
    of("supervisor-frozen-in-reload", "the supervisor can't run for a part of a reload", |seen| {
        seen.facts.frozen.iter().any(|(from, _)| seen.reloading(*from))
    }),
    of("retires-in-one-phase", "a worker says that it leaves and accepts no more", |seen| {
        seen.departed(Leave::OnePhase)
    }),
    of("retires-in-two-phases", "a worker says that it leaves and waits for the order", |seen| {
        seen.departed(Leave::TwoPhase)
    }),
    of("retires-silently", "a worker accepts no more and does not say so", |seen| seen.departed(Leave::Silent)),
    of("dies-after-its-word", "a worker dies that has announced and was not told to leave yet", |seen| {
        seen.departed(Leave::Untimely)
    }),
    of("announces-in-reload", "a worker announces while a reload replaces the others", |seen| {
        seen.any_worker(|worker| worker.announced.is_some_and(|(at, _)| seen.reloading(at)))
    }),
    of("everybody-announces", "all workers of a pool announce before the first has gone", |seen| {
        let said = |form| {
            seen.line.workers.iter().filter_map(move |worker| worker.announced.filter(|(_, said)| *said == form))
        };
        let all = |form| {
            let last = said(form).map(|(at, _)| at).nth(seen.scenario.pool.workers.saturating_sub(1) as usize);
            last.is_some_and(|last| {
                seen.line.workers.iter().all(|worker| worker.died.is_none_or(|died| died.latest() > last))
            })
        };
        seen.scenario.pool.workers > 1 && (all(Form::OnePhase) || all(Form::TwoPhase))
    }),
    of("reload-done", "a reload is carried out", |seen| seen.claimed(ClaimKind::Reloaded)),
    of("reload-aborted", "a reload is given up or refused", |seen| seen.claimed(ClaimKind::ReloadFailed)),
    of("reload-in-reload", "a reload is ordered during another", |seen| {
        let burst = |command: &Command| matches!(command, Command::Reloads { times, .. } if *times > 1);
        seen.commanded(|command, at| {
            burst(command) || is_reload(command) && seen.last_reload(before(at)).is_some() && seen.reloading(before(at))
        })
    }),
    of("stop-in-reload", "a stop is ordered during a reload", |seen| {
        seen.facts.stop.is_some_and(|at| seen.last_reload(at).is_some() && seen.reloading(at))
    }),
    of("stop-in-backoff", "a stop is ordered while a replacement is delayed", |seen| {
        seen.facts.stop.is_some_and(|stop| seen.backing_off(stop))
    }),
    of("stopped-twice", "a second order to stop comes before the first is carried out", |seen| {
        seen.facts.hurry.is_some_and(|at| seen.stopping(at))
    }),
    of("escalated", "a worker that was told to leave does not, and is killed", |seen| {
        seen.any_worker(|worker| worker.ordered().is_some() && killed_by_supervisor(worker))
    }),
    of("cut-at-the-deadline", "a connection is cut because its worker had no more time", |seen| {
        seen.any_worker(|worker| {
            let owns = |conn: &crate::history::Conn<'_>| {
                conn.owner.is_some_and(|at| seen.line.workers[at].proc == worker.proc)
            };
            killed_by_supervisor(worker)
                && seen.line.connections.iter().any(|conn| owns(conn) && conn.record.answered.is_none())
        })
    }),
    of(
        "cut-in-the-answer",
        "a worker ends while a client has read a part of its answer, and the rest is lost",
        |seen| seen.outcome(Outcome::Cut),
    ),
    of("hang-detected", "a worker that hangs is killed by the supervisor", |seen| {
        seen.any_worker(|worker| {
            let hangs = worker.hung.is_some() && worker.ordered().is_none();
            seen.watched(worker) && hangs && killed_by_supervisor(worker)
        })
    }),
    of("hangs-unwatched", "a worker hangs and nobody looks for that", |seen| {
        seen.any_worker(|worker| worker.hung.is_some() && !seen.watched(worker))
    }),
    of("scaled-up", "more workers are wanted", |seen| seen.facts.additions().next().is_some()),
    of("scaled-down", "fewer workers are wanted", |seen| {
        let mut before = seen.facts.initial;
        seen.facts.scales.iter().any(|(_, workers)| std::mem::replace(&mut before, *workers) > *workers)
    }),
    of("scaled-in-reload", "another number of workers is wanted during a reload", |seen| {
        seen.commanded(|command, at| matches!(command, Command::Scale(_)) && seen.reloading(at))
    }),
    of("configuration-broken", "a configuration is put in place with which no pool can serve", |seen| {
        seen.line.configured.iter().any(|(_, _, serves)| !serves)
    }),
    of("address-held", "somebody else holds the address", |seen| seen.fault("AddressHeld")),
    of("address-shared", "somebody else holds the address and would share it", |seen| seen.fault("AddressShared")),
    of("waited-in-the-queue", "a client is connected while nobody can accept, and is answered", |seen| {
        let conns = seen.line.connections.iter().filter(|conn| conn.record.outcome == Outcome::Ok);
        let ready = |at: Time| seen.line.workers.iter().any(|worker| worker.is_ready(at));
        conns
            .filter_map(|conn| conn.record.opened)
            .any(|opened| !ready(opened) && seen.facts.steps.is_some_and(|steps| steps < opened))
    }),
    of("connection-reset", "a client's connection is reset", |seen| seen.outcome(Outcome::Reset)),
    of("refused", "a client is refused", |seen| seen.outcome(Outcome::Refused)),
    of("child-left-behind", "a worker ends whose own child lives on", |seen| {
        seen.line.descendants.iter().any(|one| {
            let parent = seen.line.workers.iter().find(|worker| worker.proc.pid == one.parent);
            let over = parent.map_or(Time::NEVER, Worker::dead_for_sure);
            over < one.died.map_or(Time::NEVER, |died| died.latest()) && over < seen.line.until
        })
    }),
    of("noise", "the supervisor gets signals that mean nothing", |seen| {
        const NOISE: [i32; 3] = [13, 17, 28];
        let supervisor = seen.facts.supervisor;
        seen.line.injected.iter().any(|one| Some(one.proc) == supervisor && NOISE.contains(&one.signal))
    }),
];

fn before(at: Time) -> Time {
    Time::from_nanos(at.as_nanos().saturating_sub(1))
}

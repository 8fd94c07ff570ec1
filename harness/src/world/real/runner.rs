//! The runner: one loop in one process that observes, writes the history, and does what the director wants.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::process::Signal as Kernel;

use crate::director::{Director, Injection};
use crate::history::{Event, Header, Leftover, PhaseMark, Proc, What};
use crate::load::Input;
use crate::scenario::{Expect, Fault, constructs};
use crate::subject::Puppet;
use crate::time::Time;
use crate::world::scaling::Scaling;

use super::RunError;
use super::beside::BYSTANDERS;
use super::clients::Sockets;
use super::environment::ENVIRONMENTS;
use super::faults::Faults;
use super::job::{Job, Line};
use super::journal::Tail;
use super::log::Log;
use super::manager::Manager;
use super::observe::Observer;
use super::orders::Orders;
use super::outlets::Outlets;
use super::owned::Owned;
use super::side::{Asks, Said, unasked};
use super::stalls::Stalls;
use super::subject::{self, Subject};
use super::traced::Life;
use super::tracked::Kind;
use super::wallclock::WallClock;
use super::words::Words;
use super::{bounds, claims, clock, host, leftovers, procfs, rundir, signals};

/// How often what is left is looked for while it may still go.
const LOOK: std::time::Duration = std::time::Duration::from_millis(5);

/// How far the end of the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    /// The director is done; what is left of the subject may go until this instant.
    Lingering(Time),
    Done,
}

/// One run.
pub struct Runner {
    pub(super) job: Job,
    address: std::net::SocketAddrV4,
    pub(super) log: Log,
    director: Director,
    /// Names the guard; ready when it is gone.
    pub(super) guard: OwnedFd,
    /// The guard is gone: this process has to clean up itself.
    pub(super) forsaken: bool,
    pub(super) observer: Observer,
    pub(super) sockets: Sockets,
    pub(super) stalls: Stalls,
    /// When poll(2) last looked, or not long before.
    pub(super) polled: Time,
    pub(super) faults: Faults,
    pub(super) subject: Subject,
    /// What only one supervisor may have.
    pub(super) owned: Owned,
    /// Whom the supervisor tells how it is, if the scenario wants one.
    pub(super) manager: Option<Manager>,
    /// What bystanders write down.
    pub(super) caught: Tail,
    /// What processes tell of their environment.
    pub(super) environments: Tail,
    claims: Option<Tail>,
    pub(super) scaling: Scaling,
    /// Where orders were given, and not answered yet.
    pub(super) orders: Orders,
    frozen: Vec<Proc>,
    pub(super) fresh: Vec<Event>,
    asks: Asks,
    ending: Ending,
    pub(super) supervisor_gone: Option<Time>,
    /// When what the supervisor uses was looked at last, while the steps are under way.
    pub(super) sampled: Option<Time>,
    /// What it writes.
    pub(super) words: Words,
    /// Who sees what the supervisor does, if somebody has to.
    pub(super) life: Option<Life>,
    /// The pid, in the supervisor's namespace, of the worker that was signalled last.
    pub(super) doomed: Option<u32>,
    /// Who has that pid now.
    pub(super) stand_in: Option<Proc>,
}

impl Runner {
    /// Sets everything up; nothing of the subject runs yet.
    ///
    /// # Errors
    /// Why the run can't be set up, in words.
    pub fn new(job: Job, guard: OwnedFd) -> Result<Self, String> {
        let words = |error: io::Error| error.to_string();
        let log = Log::new().map_err(words)?;
        let address = rundir::address().map_err(|error| format!("no loopback address is free: {error}"))?;
        let steps = constructs(&job.plan.scenario).contains("ClockStep");
        let clock = steps.then(|| WallClock::new(&job.dir)).transpose()?;
        let manager = job.plan.scenario.launch.notify.then(|| Manager::new(&job.dir)).transpose()?;
        let env = clock.iter().flat_map(WallClock::env).chain(manager.iter().map(Manager::variable)).collect();
        let subject = Subject::prepare(&job.plan, &job.dir, address, env)?;
        let (scenario, profile) = (&job.plan.scenario, &job.plan.subject.profile);
        let outlet = scenario.pool.output.and_then(|way| job.plan.subject.outputs.get(&way));
        let outlets = outlet.map(|outlet| Outlets::new(outlet, subject.log())).transpose()?;
        // Workers that can't be scripted may write what they like to where it writes, too.
        let alone = |path: &PathBuf| job.plan.subject.puppet != Puppet::Opaque || subject.events() == Some(path);
        let written = Words::new(subject.writes().filter(alone));
        let config = subject.config().map(Path::to_owned);
        Ok(Self {
            address,
            log,
            guard,
            forsaken: false,
            director: Director::for_plan(scenario, profile, job.plan.seed),
            observer: Observer::new(&job.dir, !scenario.beside.is_empty()).map_err(words)?,
            sockets: Sockets::new(&scenario.load, scenario.pool.workers, address),
            stalls: Stalls::new(clock::now()),
            polled: clock::now(),
            faults: Faults::new(address, &job.dir, config, &scenario.pool.owns, clock, outlets)
                .asking(&job.plan.subject.operator),
            owned: Owned::new(address, &scenario.pool.owns, &job.dir),
            environments: Tail::new(job.dir.join(ENVIRONMENTS)),
            manager,
            caught: Tail::new(job.dir.join(BYSTANDERS)),
            claims: subject.events().map(|path| Tail::new(path.to_owned())),
            scaling: Scaling::new(subject.scale(), scenario.pool.workers),
            orders: Orders::default(),
            subject,
            frozen: Vec::new(),
            fresh: Vec::new(),
            asks: Asks::default(),
            ending: Ending::No,
            supervisor_gone: None,
            sampled: None,
            words: written,
            life: None,
            doomed: None,
            stand_in: None,
            job,
        })
    }

    /// The whole run.
    ///
    /// # Errors
    /// The subject can't be started at all, or the harness failed.
    pub fn run(&mut self) -> Result<(), RunError> {
        let header = self.header().map_err(RunError::Bug)?;
        self.log.say(&Line::Header(Box::new(header)));
        if !self.stalls.works() {
            let why = "the kernel tells no run-queue delays (CONFIG_SCHED_INFO): stalls are not measured".to_owned();
            self.note(What::Incomplete { why });
        }
        while self.ending != Ending::Done {
            self.turn().map_err(RunError::Setup)?;
            if self.ending != Ending::Done {
                self.wait().map_err(|error| RunError::Bug(format!("poll: {error}")))?;
            }
            if self.forsaken {
                return Err(RunError::Bug("the guard is gone".to_owned()));
            }
        }
        self.log.say(&Line::End);
        Ok(())
    }

    fn header(&mut self) -> Result<Header, String> {
        let plan = &self.job.plan;
        let dialect = crate::ron_file::dialect();
        let mut facts = host::facts();
        facts.push(("observed by".into(), self.observer.source().into()));
        facts.push(("address".into(), self.address.to_string()));
        Ok(Header {
            schema: 1,
            scenario_name: plan.name.clone(),
            scenario: dialect.to_string(&plan.scenario).map_err(|error| error.to_string())?,
            subject: plan.subject.name.clone(),
            subject_version: subject::subject_version(plan),
            profile: dialect.to_string(&plan.subject.profile).map_err(|error| error.to_string())?,
            world: "real".into(),
            seed: plan.seed,
            slack_ns: u64::try_from(host::slack().as_nanos()).unwrap_or(u64::MAX),
            host: facts,
        })
    }

    /// Observe, write down, decide, act; again until nothing more follows at this instant.
    fn turn(&mut self) -> Result<(), String> {
        self.observe();
        self.sample_now_and_then();
        self.ask();
        let boot = self.job.plan.subject.profile.boot.map_or_else(std::time::Duration::default, |boot| boot.0);
        self.director.expect_birth(self.observer.procs.unborn(clock::now(), boot));
        loop {
            self.publish();
            let mut injections = Vec::new();
            let sockets = &self.sockets;
            let now = clock::now();
            self.director.step(now, &|load| sockets.core().owner_of(load), &mut injections);
            if injections.is_empty() {
                break;
            }
            for injection in injections {
                self.inject(now, injection)?;
            }
        }
        if let Some(signal) = self.scaling.next(clock::now()) {
            self.tell_supervisor(signals::kernel(signal));
        }
        self.linger();
        self.publish();
        self.log.flush();
        Ok(())
    }

    fn observe(&mut self) {
        let now = clock::now();
        self.observer.observe(now, &mut self.fresh);
        let said = self.claims.as_mut().map(Tail::lines).unwrap_or_default();
        // It was said before it was read, but maybe after this round began; a claim must not look earlier than it was.
        let read = clock::now();
        for text in said {
            self.fresh.extend(claims::claim(&text).map(|claim| Event::at(read, What::Claimed(claim))));
        }
        if let Some(manager) = &self.manager {
            manager.hear(&mut self.fresh);
        }
        self.hear_bystanders();
        self.hear_environments();
        self.faults.hear(&mut self.fresh);
        self.orders.hear(self.job.plan.subject.operator.as_ref(), &mut self.fresh);
        let accepted = self.fresh.iter().filter_map(|event| match event.what {
            What::Accepted { proc, peer } => Some(Input::AcceptedBy(peer, event.when.latest(), proc)),
            _ => None,
        });
        for input in accepted.collect::<Vec<_>>() {
            self.sockets.input(input, &mut self.fresh);
        }
        self.sockets.input(Input::Tick, &mut self.fresh);
        self.stalls.look(&mut self.observer.procs, &mut self.fresh);
        self.fresh.extend(self.life.as_mut().and_then(Life::look));
    }

    /// Events become history.
    pub(super) fn publish(&mut self) {
        let mut looks = false;
        for event in std::mem::take(&mut self.fresh) {
            match event.what {
                What::SupervisorExited { .. } => self.supervisor_gone = Some(event.when.latest()),
                What::SecondExited { .. } => looks = true,
                _ => {}
            }
            self.scaling.see(&event);
            self.director.see(&event);
            self.log.say(&Line::Event(event));
        }
        if looks {
            self.look_at_owned(clock::now());
        }
    }

    pub(super) fn note(&mut self, what: What) {
        self.fresh.push(Event::at(clock::now(), what));
        self.publish();
    }

    /// `now` is the instant of the decision. What is noted has that time: a note that is written after its act, by a
    /// process that may have been preempted in between, must not seem later than what the act caused.
    fn inject(&mut self, now: Time, injection: Injection) -> Result<(), String> {
        match injection {
            Injection::Note(what) => {
                if let What::Phase(mark @ (PhaseMark::Steps | PhaseMark::Settle | PhaseMark::Stop)) = what {
                    self.sampled = (mark == PhaseMark::Steps).then_some(now);
                    self.sample(now);
                    self.count_sleeps(now);
                    self.look_at_owned(now);
                }
                if let What::FaultBegan { .. } | What::Healed { .. } = what {
                    self.sample(now);
                }
                let asks = matches!(what, What::Phase(PhaseMark::Steps | PhaseMark::Settle));
                self.fresh.push(Event::at(now, what));
                self.publish();
                if asks {
                    self.ask_status();
                }
            }
            Injection::Signal { to, signal } => self.signal(&to, signals::kernel(signal)),
            Injection::SignalGroup { of, signal } => self.signal_group(of, signals::kernel(signal)),
            Injection::Ask { who, act } => {
                self.asks.add(who, act);
                self.ask();
            }
            Injection::Freeze { who, on } => self.freeze(who, on),
            Injection::Fault { fault: Fault::PidReused, begin: true, .. } => self.reuse_pid(),
            Injection::Fault { fault: Fault::PidReused, begin: false, .. } => self.free_pid(),
            Injection::Fault { step, fault, on, begin: true } => {
                let supervisor = self.observer.procs.supervisor().filter(|_| self.observer.procs.supervisor_alive());
                if let Err(why) = self.faults.begin(step, &fault, &on, supervisor) {
                    self.note(What::Incomplete { why });
                }
                self.look_at_foreign();
            }
            Injection::Fault { step, begin: false, .. } => {
                self.look_at_foreign();
                if let Err(why) = self.faults.heal(&step) {
                    self.note(What::Incomplete { why });
                }
            }
            Injection::Operate(command) => self.operate(command, now)?,
            Injection::Config(variant) => self.exchange(variant, now),
            Injection::Load { name, start } => {
                if !start {
                    self.sockets.catch_up(&mut self.fresh);
                }
                let input = if start { Input::Start(name) } else { Input::Stop(name) };
                self.sockets.input(input, &mut self.fresh);
                self.publish();
            }
            Injection::Start => self.start()?,
            Injection::StopSubject => self.tell_supervisor(signals::kernel(self.subject.stop_signal())),
            Injection::End => self.end(),
        }
        Ok(())
    }

    /// How often each worker has gone to sleep by now, if somebody wants to know.
    fn count_sleeps(&mut self, now: Time) {
        let asks = self.job.plan.scenario.expect.iter().any(|expect| matches!(expect, Expect::Wakes { .. }));
        let workers = asks.then(|| self.observer.procs.of_kind(Kind::Worker));
        let count = |proc: Proc| Some(Event::at(now, What::Slept { proc, times: procfs::slept(proc.pid)? }));
        self.fresh.extend(workers.into_iter().flatten().filter_map(count));
    }

    /// A burst: nothing happens between two of them.
    pub(super) fn signal(&mut self, to: &[Proc], signal: Kernel) {
        if self.job.plan.scenario.launch.init {
            self.doomed = to.last().and_then(|proc| procfs::inner(proc.pid)).or(self.doomed);
        }
        let mut sent = Vec::with_capacity(to.len());
        for proc in to {
            sent.push(Event::at(clock::now(), What::Injected { proc: *proc, signal: signal.as_raw() }));
            signals::send(self.observer.procs.get(*proc), *proc, signal);
        }
        self.fresh.extend(sent);
        self.publish();
    }

    pub(super) fn tell_supervisor(&self, signal: Kernel) {
        if let Some(supervisor) = self.observer.procs.supervisor() {
            signals::send(self.observer.procs.get(supervisor), supervisor, signal);
        }
    }

    /// Asks of puppets what they can hear by now.
    fn ask(&mut self) {
        let procs = &self.observer.procs;
        let live = |who: Proc| procs.get(who).is_some_and(|tracked| tracked.died.is_none());
        // It must not seem later than what it brings about.
        let at = clock::now();
        for said in self.asks.say(&self.job.dir.join("side"), live) {
            self.fresh.push(match said {
                Said::Yes(proc, act) => Event::at(at, What::Asked { proc, act: format!("{act:?}") }),
                Said::No(who, why) => Event::at(at, unasked(who, &why.to_string())),
            });
        }
        self.publish();
    }

    fn freeze(&mut self, who: Vec<Proc>, on: bool) {
        for proc in &who {
            signals::send(self.observer.procs.get(*proc), *proc, if on { Kernel::STOP } else { Kernel::CONT });
        }
        if on {
            self.frozen.extend(who);
        } else {
            self.frozen.retain(|proc| !who.contains(proc));
        }
    }

    fn exchange(&mut self, variant: String, now: Time) {
        match self.subject.exchange(&variant) {
            Ok((revision, serves)) => {
                self.faults.config_exchanged();
                self.fresh.push(Event::at(now, What::Configured { variant, revision, serves }));
                self.publish();
            }
            Err(why) => self.note(What::Incomplete { why }),
        }
    }

    /// The director is done. What has no excuse to be still there is looked for until it has none.
    fn end(&mut self) {
        self.sockets.finish(&mut self.fresh);
        self.orders.give_up(&mut self.fresh);
        let unsaid = self.asks.unsaid().map(|who| unasked(who, "it never listened"));
        self.fresh.extend(unsaid.map(|what| Event::at(clock::now(), what)));
        self.end_seconds();
        let gone = self.supervisor_gone.unwrap_or_else(clock::now);
        self.ending = Ending::Lingering(gone + bounds::orphans(&self.job.plan));
    }

    fn linger(&mut self) {
        let Ending::Lingering(until) = self.ending else { return };
        let bystanders: Vec<u32> = self.observer.procs.of_kind(Kind::Bystander).map(|one| one.pid).collect();
        let left = leftovers::find(self.address, &self.job.dir, &bystanders);
        let gone = left.is_empty() && !self.observer.procs.unfinished() && !self.faults.await_answers();
        if gone || clock::now() >= until {
            for leftover in left {
                self.note_left(leftover);
            }
            self.tell_output();
            self.tell_traced();
            self.ending = Ending::Done;
        }
    }

    /// Nobody writes any more: what came out is told.
    fn tell_output(&mut self) {
        let Some(outlets) = self.faults.outlets.take() else { return };
        match outlets.finish() {
            Ok(told) => {
                let now = clock::now();
                self.fresh.extend(told.into_iter().map(|output| Event::at(now, What::Output(output))));
            }
            Err(why) => self.note(What::Incomplete { why }),
        }
    }

    fn note_left(&mut self, leftover: Leftover) {
        self.fresh.push(Event::at(clock::now(), What::Left(leftover)));
    }

    /// When the loop must go on, although no descriptor is ready.
    pub(super) fn next_deadline(&self, now: Time) -> Option<Time> {
        let lingering = matches!(self.ending, Ending::Lingering(_)).then(|| now + LOOK);
        let deadlines = [
            self.director.next_deadline(),
            self.observer.next_deadline(),
            self.sockets.next_deadline(),
            self.scaling.next_deadline(),
            self.stalls.next_look(),
            lingering,
        ];
        deadlines.into_iter().flatten().min()
    }
}

impl Drop for Runner {
    /// Also on a panic: nobody stays frozen, and what was seen is told.
    fn drop(&mut self) {
        self.log.finish();
        let frozen = std::mem::take(&mut self.frozen);
        self.freeze(frozen, false);
    }
}

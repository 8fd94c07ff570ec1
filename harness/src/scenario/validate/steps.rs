//! Steps: whether they can fire, and what they name is there.

use crate::ron_file::Checker;
use crate::scenario::{Act, Ask, Fault, Load, Reader, Ready, Scenario, Step, Target, Trigger};

use super::expect;
use super::fault::{thing, things};
use super::load::{Where, known};

/// How often one step signals or orders at most: all of that is laid out when it begins.
pub(super) const MOST_TIMES: u64 = 100_000;

/// More steps than this, repetitions counted, are no scenario but a typing error.
const MOST_STEPS: u64 = 100_000;
/// What a worker writes at once has to fit into its memory.
const MOST_WRITTEN: u64 = 64 * 1024 * 1024;
const RESOURCES: [&str; 6] = ["NOFILE", "NPROC", "AS", "pids", "memory", "cpu"];
pub(super) const FILES: [&str; 9] =
    ["program", "config", "log", "log directory", "directory", "workers directory", "control", "socket", "pidfile"];
const ERRNOS: [&str; 24] = [
    "E2BIG",
    "EACCES",
    "EADDRINUSE",
    "EAGAIN",
    "EBADF",
    "ECHILD",
    "ECONNABORTED",
    "EINTR",
    "EINVAL",
    "EIO",
    "ELOOP",
    "EMFILE",
    "ENFILE",
    "ENOBUFS",
    "ENOENT",
    "ENOEXEC",
    "ENOMEM",
    "ENOSPC",
    "ENOSYS",
    "EPERM",
    "EPIPE",
    "EPROTO",
    "EROFS",
    "ETXTBSY",
];

pub(super) fn check(checker: &mut Checker, scenario: &Scenario) {
    if weight(&scenario.steps) > MOST_STEPS {
        checker.wrong("too many steps, repetitions counted").expected(format!("at most {MOST_STEPS}"));
    }
    let mut steps = Steps { checker, scenario, names: Vec::new(), commanded: false, hit: Vec::new() };
    steps.all(&scenario.steps, false);
}

fn weight(steps: &[Step]) -> u64 {
    let one = |step: &Step| match &step.act {
        Some(Act::Repeat { times, steps }) => u64::from(*times).saturating_mul(weight(steps)),
        Some(Act::During { steps, .. }) => weight(steps),
        _ => 0,
    };
    steps.iter().fold(0, |sum, step| sum.saturating_add(1).saturating_add(one(step)))
}

pub(super) struct Steps<'a> {
    pub(super) checker: &'a mut Checker,
    pub(super) scenario: &'a Scenario,
    /// The names given by steps so far.
    names: Vec<String>,
    /// Whether a command was ordered before.
    commanded: bool,
    /// What faults around this step hit, or beside it at the same time.
    pub(super) hit: Vec<String>,
}

impl Steps<'_> {
    fn all(&mut self, steps: &[Step], that: bool) {
        for (index, step) in steps.iter().enumerate() {
            self.checker.enter_index(index);
            self.step(step, that);
            self.checker.leave();
        }
    }

    /// `that`: whether an enclosing step's trigger names a process.
    fn step(&mut self, step: &Step, that: bool) {
        let mut that = that;
        match &step.when {
            Some(trigger) => {
                self.checker.enter("when");
                self.trigger(trigger);
                self.checker.leave();
                self.checker.takes_time("within", step.within.0);
                that |= names_process(trigger);
            }
            None if step.must => {
                self.checker
                    .wrong_in("must", "`must` without `when`")
                    .expected("a step that waits for nothing always fires");
            }
            None => {}
        }
        if step.when.is_none() && step.act.is_none() && step.expect.is_empty() {
            self.checker.wrong("a step that neither waits nor does anything").expected("`when`, `do` or both");
        }
        if let Some(act) = &step.act {
            self.checker.enter("do");
            self.act(act, that);
            self.checker.leave();
        }
        if let Some(name) = &step.name {
            self.name(name, step.act.is_some());
        }
        self.checker.enter("expect");
        expect::check(self.checker, &step.expect, self.scenario);
        self.checker.leave();
    }

    fn name(&mut self, name: &str, acts: bool) {
        if !acts {
            self.checker
                .wrong_in("as", format!("nothing is hit that could be called `{name}`"))
                .expected("a step with `do`");
        }
        if self.names.iter().any(|known| known == name) {
            self.checker.wrong_in("as", format!("two steps call what they hit `{name}`"));
        }
        self.names.push(name.to_owned());
    }

    fn trigger(&mut self, trigger: &Trigger) {
        match trigger {
            Trigger::Held(name) => {
                let load = known(self.checker, Where::Index(0), name, &self.scenario.load);
                if load.is_some_and(|load| !matches!(load, Load::Hold { .. } | Load::Park { .. } | Load::Slow { .. })) {
                    let what = format!("the connections of load `{name}` are never held");
                    self.checker.wrong_at(0, what).expected("a `Hold`, `Park` or `Slow` load");
                }
            }
            Trigger::Accepted { nth } => self.accepted(*nth),
            Trigger::GaveUp if self.scenario.pools().all(|(pool, _)| pool.limit.is_none()) => {
                self.checker.wrong("it can't give up").expected("the pool has no `limit`");
            }
            Trigger::CommandEnds | Trigger::CommandSucceeds | Trigger::CommandFails if !self.commanded => {
                self.checker.wrong("no command can end here").expected("no step before this one says `Operate`");
            }
            Trigger::In(pool, edge) => self.edge_in(pool, edge),
            Trigger::All(triggers) | Trigger::Any(triggers) => {
                self.checker.enter_index(0);
                if triggers.is_empty() {
                    self.checker.wrong("there is nothing to wait for").expected("at least one trigger");
                }
                for (index, trigger) in triggers.iter().enumerate() {
                    self.checker.enter_index(index);
                    if triggers[..index].contains(trigger) {
                        let expected = "one edge would be taken for both: write a step for each";
                        self.checker.wrong("the same is waited for twice").expected(expected);
                    }
                    self.trigger(trigger);
                    self.checker.leave();
                }
                self.checker.leave();
            }
            Trigger::SupervisorBorn
            | Trigger::Born
            | Trigger::Ready
            | Trigger::Announced
            | Trigger::StoppedAccepting
            | Trigger::Exited
            | Trigger::CommandEnds
            | Trigger::CommandSucceeds
            | Trigger::CommandFails
            | Trigger::GaveUp
            | Trigger::SupervisorExited
            | Trigger::State(_)
            | Trigger::After(_) => {}
        }
    }

    /// Who serves has to be spoken to.
    fn accepted(&mut self, nth: u32) {
        if nth == 0 {
            self.checker.wrong_in("nth", "no connection is the one before the first").expected("expected at least 1");
        }
        if self.scenario.load.is_empty() {
            self.checker.wrong("nobody connects, so no worker accepts anything").expected("the scenario has no `load`");
        }
    }

    fn act(&mut self, act: &Act, that: bool) {
        match act {
            Act::Kill(target) => self.target_at(target, that),
            Act::Signal { to, times, .. } => {
                self.target_in("to", to, that);
                self.checker.one_to("times", (*times).into(), MOST_TIMES);
            }
            Act::Ask { who, to, .. } => {
                self.target_in("who", who, that);
                if !scripted(who) {
                    self.checker.wrong_in("who", "only workers can be asked to do something");
                }
                self.ask(to);
            }
            Act::Operate(command) => {
                self.commanded = true;
                self.checker.enter_index(0);
                self.command(command);
                self.checker.leave();
            }
            Act::Config(name) if name.is_empty() => {
                self.checker.wrong_at(0, "a configuration without a name");
            }
            Act::Config(_) | Act::Pause(_) => {}
            Act::StartLoad(name) => {
                let load = known(self.checker, Where::Index(0), name, &self.scenario.load);
                if load.is_some_and(|load| !load.on_demand()) {
                    let what = format!("load `{name}` runs from the beginning");
                    self.checker.wrong_at(0, what).expected("`on_demand: true` in the load");
                }
            }
            Act::StopLoad(name) => drop(known(self.checker, Where::Index(0), name, &self.scenario.load)),
            Act::During { fault, span, steps } => {
                self.checker.takes_time("for", span.0);
                self.checker.enter("fault");
                self.fault(fault, that);
                self.checker.leave();
                let around = self.hit.len();
                self.hit.extend(thing(fault));
                self.body("do", steps, that);
                self.hit.truncate(around);
            }
            Act::Repeat { times, steps } => {
                self.checker.not_zero("times", (*times).into());
                if steps.is_empty() {
                    self.checker.wrong_in("steps", "there is nothing to repeat");
                }
                self.body("steps", steps, that);
            }
            Act::OneOf(acts) => {
                self.checker.enter_index(0);
                self.acts(acts, that, false);
                self.checker.leave();
            }
            Act::Together { acts, .. } => {
                self.checker.enter("acts");
                self.acts(acts, that, true);
                self.checker.leave();
            }
        }
    }

    fn body(&mut self, field: &str, steps: &[Step], that: bool) {
        self.checker.enter(field);
        self.all(steps, that);
        self.checker.leave();
    }

    /// `at_once`: all of them, and not one.
    fn acts(&mut self, acts: &[Act], that: bool, at_once: bool) {
        if acts.is_empty() {
            self.checker.wrong("there is nothing to do").expected("at least one act");
        }
        let around = self.hit.len();
        for (index, act) in acts.iter().enumerate() {
            self.checker.enter_index(index);
            self.act(act, that);
            self.checker.leave();
            if at_once {
                self.hit.extend(things(act));
            }
        }
        self.hit.truncate(around);
    }

    fn ask(&mut self, ask: &Ask) {
        self.checker.enter("to");
        match ask {
            Ask::Exit(code) if !(0..=255).contains(code) => {
                self.checker.wrong_at(0, format!("{code} is no exit status")).expected("expected 0 to 255");
            }
            Ask::Flood(0) => drop(self.checker.wrong_at(0, "0 bytes are nothing")),
            Ask::Write { begin, fill, end, times } => {
                self.checker.not_zero("times", (*times).into());
                let bytes = fill.saturating_mul((*times).into());
                if begin.is_empty() && *fill == 0 && end.is_empty() {
                    self.checker.wrong("nothing is written").expected("`begin`, `fill` or `end`");
                } else if bytes > MOST_WRITTEN {
                    let what = format!("{bytes} bytes at once are too many");
                    self.checker.wrong_in("fill", what).expected(format!("at most {MOST_WRITTEN}"));
                }
            }
            Ask::NotifyFd(_) if self.scenario.pool.ready != Some(Ready::NotifyFd) => {
                self.checker.wrong("its workers have no such descriptor").expected("`ready: NotifyFd` in the pool");
            }
            Ask::Extend(span) => self.checker.takes_time("to", span.0),
            Ask::Publish { topic, data } => super::topics::published(self.checker, topic, data),
            Ask::Babble { per_second, span, .. } => {
                self.checker.not_zero("per_second", (*per_second).into());
                self.checker.takes_time("for", span.0);
            }
            Ask::Throw
            | Ask::Retire(_)
            | Ask::Exit(_)
            | Ask::CloseChannel
            | Ask::Spawn(_)
            | Ask::Flood(_)
            | Ask::Garble(_)
            | Ask::Notify(_)
            | Ask::NotifyFd(_)
            | Ask::Hang
            | Ask::SignalGroup(_) => {}
        }
        self.checker.leave();
    }

    fn fault(&mut self, fault: &Fault, that: bool) {
        self.output(fault);
        self.owned(fault);
        self.hit_twice(fault);
        match fault {
            Fault::NotRead(Reader::LogReader) | Fault::Gone(Reader::LogReader) => {}
            Fault::Freeze(target) => self.target_at(target, that),
            Fault::Limit { on, resource, to } => {
                self.target_in("on", on, that);
                self.one_of("resource", resource, &RESOURCES, "a resource that can be limited");
                self.amount(resource, *to);
            }
            Fault::File { which, is } => {
                self.one_of("which", which, &FILES, "a file of the subject");
                self.spoilt(which, *is);
            }
            Fault::Syscall { of, call, nth, times, errno, delay } => {
                self.target_in("of", of, that);
                if call.is_empty() {
                    self.checker.wrong_in("call", "a system call without a name");
                }
                self.checker.not_zero("nth", (*nth).into());
                self.checker.not_zero("times", times.unwrap_or(1).into());
                match errno {
                    Some(errno) => self.one_of("errno", errno, &ERRNOS, "an errno"),
                    None if delay.is_zero() => {
                        self.checker.wrong("nothing happens to these calls").expected("`errno`, `delay` or both");
                    }
                    None => {}
                }
            }
            Fault::Operators { connections, .. } => self.checker.not_zero("connections", (*connections).into()),
            Fault::Stranger(attempt) => self.attempt(attempt, that),
            Fault::AddressHeld | Fault::AddressShared => {}
            Fault::PidReused if self.scenario.launch.init => {}
            Fault::PidReused => {
                let what = "only in a namespace of its own can the pid of a process be chosen";
                self.checker.wrong(what).expected("`launch: (init: true)`");
            }
            Fault::ClockStep { by, .. } => self.checker.takes_time("by", by.0),
        }
    }

    fn one_of(&mut self, field: &str, written: &str, valid: &[&str], kind: &str) {
        if !valid.contains(&written) {
            self.checker.wrong_in(field, format!("`{written}` is not {kind}")).names(written, valid.iter().copied());
        }
    }

    fn target_in(&mut self, field: &str, target: &Target, that: bool) {
        self.checker.enter(field);
        self.target(target, that);
        self.checker.leave();
    }

    pub(super) fn target_at(&mut self, target: &Target, that: bool) {
        self.checker.enter_index(0);
        self.target(target, that);
        self.checker.leave();
    }

    fn target(&mut self, target: &Target, that: bool) {
        match target {
            Target::Random(0) => drop(self.checker.wrong_at(0, "nobody is hit").expected("expected at least 1")),
            Target::That if !that => {
                let expected = "a step that waits for something that a process does, like `Born` or `Exited`";
                self.checker.wrong("there is no process that `That` could mean").expected(expected);
            }
            Target::Named(name) if !self.names.contains(name) => {
                let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                self.checker.wrong_at(0, format!("no step before this one hits `{name}`")).names(name, names);
            }
            Target::OwnerOf(load) => drop(known(self.checker, Where::Index(0), load, &self.scenario.load)),
            Target::Child(of) => {
                if !scripted(of) {
                    self.checker.wrong_at(0, "only workers have children that can be hit");
                }
                self.target_at(of, that);
            }
            Target::In(pool, who) => self.who_in(pool, who),
            Target::Supervisor
            | Target::Oldest
            | Target::Newest
            | Target::Each
            | Target::All
            | Target::Random(_)
            | Target::Booting
            | Target::Draining
            | Target::That
            | Target::Named(_)
            | Target::Adopted
            | Target::Bystander
            | Target::Group => {}
        }
    }
}

/// Whether a trigger is something that one process does.
fn names_process(trigger: &Trigger) -> bool {
    match trigger {
        Trigger::SupervisorBorn
        | Trigger::Born
        | Trigger::Ready
        | Trigger::Announced
        | Trigger::StoppedAccepting
        | Trigger::Accepted { .. }
        | Trigger::Exited
        | Trigger::SupervisorExited => true,
        Trigger::In(_, edge) => names_process(edge),
        Trigger::All(triggers) | Trigger::Any(triggers) => triggers.iter().any(names_process),
        Trigger::Held(_)
        | Trigger::CommandEnds
        | Trigger::CommandSucceeds
        | Trigger::CommandFails
        | Trigger::GaveUp
        | Trigger::State(_)
        | Trigger::After(_) => false,
    }
}

/// Whether a target is a worker.
fn scripted(target: &Target) -> bool {
    match target {
        Target::Oldest
        | Target::Newest
        | Target::Each
        | Target::All
        | Target::Random(_)
        | Target::Booting
        | Target::Draining
        | Target::That
        | Target::Named(_)
        | Target::In(..)
        | Target::OwnerOf(_) => true,
        Target::Supervisor | Target::Child(_) | Target::Adopted | Target::Bystander | Target::Group => false,
    }
}

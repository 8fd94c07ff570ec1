//! What runs beside the supervisor: a second one, and a bystander that nobody has any business with.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal as Kernel, kill_process_group};
use serde::{Deserialize, Serialize};

use crate::history::{Event, Proc, What};
use crate::time::Time;

use super::environment::EnvironmentLine;
use super::outlets::Outlets;
use super::runner::Runner;
use super::subject::Started;
use super::tracked::Kind;
use super::{clock, namespace, procfs, puppet};

/// The file in the run's directory in which bystanders write down what they get.
pub const BYSTANDERS: &str = "bystanders";

/// A line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BystanderLine {
    /// CLOCK_MONOTONIC, just before the line was written.
    pub t: Time,
    /// Who.
    pub proc: Proc,
    /// The signal that it got, and the pid of who sent it; absent in its first line.
    pub got: Option<(i32, u32)>,
}

impl Runner {
    /// Starts a second supervisor as the first one was started.
    pub(super) fn start_second(&mut self, now: Time) -> Result<(), String> {
        self.look_at_owned(now);
        let ends = self.faults.outlets.as_ref().and_then(Outlets::ends);
        let Started { pid, at, .. } = self.subject.start(ends)?;
        let proc = self.observer.procs.started(pid, at, Kind::Second);
        self.fresh.push(Event::at(at, What::SecondBorn(proc)));
        self.publish();
        Ok(())
    }

    /// A second one that still runs at the end has no way of its own to learn of it.
    pub(super) fn end_seconds(&mut self) {
        let seconds: Vec<Proc> = self.observer.procs.of_kind(Kind::Second).collect();
        self.signal(&seconds, Kernel::KILL);
    }

    fn bystander(&self, group: i32) -> Command {
        let mut command = Command::new(&self.job.plan.bins.puppet);
        command.arg0("bystander").arg(puppet::BYSTANDER).arg(self.job.dir.join(BYSTANDERS));
        command.process_group(group).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts a bystander, in a process group of its own, that has the pid of the worker that was signalled last.
    pub(super) fn reuse_pid(&mut self) {
        let at = clock::now();
        let (Some(supervisor), Some(pid)) = (self.observer.procs.supervisor(), self.doomed) else {
            return self.note(What::Incomplete { why: "there is no pid that could be used again".to_owned() });
        };
        let puppet = self.job.plan.bins.puppet.clone();
        match namespace::spawn_as(supervisor.pid, pid, &puppet, &mut self.bystander(0)) {
            Ok(Some(child)) => {
                self.stand_in = Some(self.observer.procs.started(child.id(), at, Kind::Bystander));
            }
            Ok(None) => self.note(What::Incomplete { why: format!("the pid {pid} is not free") }),
            Err(error) => {
                self.note(What::Incomplete { why: format!("no process can have the pid {pid}: {error}") });
            }
        }
    }

    /// It goes before its namespace does. If somebody else has ended it, that was not the harness.
    pub(super) fn free_pid(&mut self) {
        let there = |proc: &Proc| self.observer.procs.get(*proc).is_some_and(|tracked| tracked.died.is_none());
        if let Some(proc) = self.stand_in.take().filter(there) {
            self.signal(&[proc], Kernel::KILL);
        }
    }

    /// Starts a bystander in the supervisor's process group, as the other commands of a pipeline are.
    pub(super) fn stand_by(&mut self, supervisor: Proc) {
        let at = clock::now();
        let group = i32::try_from(supervisor.pid).unwrap_or(0);
        match self.bystander(group).spawn() {
            Ok(child) => _ = self.observer.procs.started(child.id(), at, Kind::Bystander),
            Err(error) => self.note(What::Incomplete { why: format!("no bystander can be started: {error}") }),
        }
    }

    /// Reads what bystanders wrote. What the harness sent itself, and the kernel (or somebody outside of their world of
    /// pids), is nobody's fault.
    pub(super) fn hear_bystanders(&mut self) {
        for text in self.caught.lines() {
            let Ok(BystanderLine { t, proc, got }) = serde_json::from_str(&text) else {
                let why = format!("a line of a bystander is not readable: {text}");
                self.fresh.push(Event::at(clock::now(), What::Incomplete { why }));
                continue;
            };
            match got {
                None => {
                    self.faults.bystander.get_or_insert(proc);
                    self.fresh.push(Event::at(t, What::Bystander(proc)));
                }
                Some((_, by)) if by == 0 || by == std::process::id() => {}
                Some((signal, by)) => self.fresh.push(Event::at(t, What::Caught { proc, signal, by: Some(by) })),
            }
        }
    }

    /// Reads what processes were started with.
    pub(super) fn hear_environments(&mut self) {
        for text in self.environments.lines() {
            match serde_json::from_str(&text) {
                Ok(EnvironmentLine { t, proc, is }) => {
                    self.fresh.push(Event::at(t, What::Environment { proc, is: Box::new(is) }));
                }
                Err(error) => {
                    let why = format!("an environment is not readable ({error}): {text}");
                    self.fresh.push(Event::at(clock::now(), What::Incomplete { why }));
                }
            }
        }
    }

    /// Notes what only one may have, as it was at `now` or a little later.
    pub(super) fn look_at_owned(&mut self, now: Time) {
        let procs = &self.observer.procs;
        let seen = self.owned.look(procs.supervisor().and_then(|supervisor| procs.get(supervisor)));
        self.fresh.extend(seen.into_iter().map(|what| Event::at(now, what)));
        self.publish();
    }

    /// Notes what was planted and must stay as it is.
    pub(super) fn look_at_foreign(&mut self) {
        let now = clock::now();
        self.fresh.extend(self.faults.foreign().map(|what| Event::at(now, what)));
        self.publish();
    }

    /// A signal to everybody in the group of this process: one call, so that nobody is hit much earlier than others.
    pub(super) fn signal_group(&mut self, of: Proc, signal: Kernel) {
        let group = procfs::group(of.pid).unwrap_or(of.pid);
        let members =
            self.observer.procs.alive().map(|one| one.proc).filter(|one| procfs::group(one.pid) == Some(group));
        let now = clock::now();
        let sent = members.map(|proc| Event::at(now, What::Injected { proc, signal: signal.as_raw() }));
        self.fresh.extend(sent.collect::<Vec<_>>());
        if let Some(group) = i32::try_from(group).ok().and_then(Pid::from_raw) {
            // Nobody is left in it: the history shows that.
            let _ = kill_process_group(group, signal);
        }
        self.publish();
    }
}

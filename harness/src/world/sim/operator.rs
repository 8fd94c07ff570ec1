//! What the director wants done to the subject.

use std::path::Path;
use std::time::Duration;

use supervisor::kernel::{Address, Errno};

use crate::director::Injection;
use crate::history::{Leftover, PhaseMark, Proc, What};
use crate::load::Input;
use crate::scenario::{Command, Fault, FileFault, Owns, Reader, Target};
use crate::subject::{self, Contents, Exchange, HowToReload, HowToReopen, HowToStop, Questions};
use crate::world::conversation::{Awaits, Conversation};

use super::engine::World;
use super::model::WAKE;
use super::queue::Ev;
use super::run::{ADDRESS, RUN};
use super::sockets::{Channel, Listener, OPERATOR};

/// EACCES.
const FORBIDDEN: Errno = Errno(13);

/// How often what is left is looked for while it may still go.
const LOOK: Duration = Duration::from_millis(5);

impl World {
    /// Does one thing and records it.
    pub fn inject(&mut self, injection: Injection) {
        match injection {
            Injection::Note(what) => {
                if let What::Phase(PhaseMark::Steps | PhaseMark::Settle | PhaseMark::Stop) = what {
                    self.sample();
                    self.look_at_pid_file();
                }
                let asks = matches!(what, What::Phase(PhaseMark::Steps | PhaseMark::Settle));
                self.note(what);
                if asks {
                    self.ask_status();
                }
            }
            Injection::Signal { to, signal } => {
                for proc in to {
                    self.send_signal(proc, signal.number());
                }
            }
            // Workers are in groups of their own, and nobody else is there.
            Injection::SignalGroup { of, signal } => self.send_signal(of, signal.number()),
            Injection::Ask { who, act } => self.ask(who, act),
            Injection::Freeze { who, on } => {
                for proc in who {
                    self.freeze(proc, on);
                }
            }
            Injection::Fault { fault, begin, .. } => self.fault(&fault, begin),
            Injection::Operate(command) => self.operate(command),
            Injection::Config(variant) => self.exchange(variant),
            Injection::Load { name, start } => self.client(if start { Input::Start(name) } else { Input::Stop(name) }),
            Injection::Start => self.start_supervisor(),
            Injection::StopSubject => self.stop_subject(),
            Injection::End => self.end(),
        }
    }

    /// What the supervisor uses now. Its calls take time, but nobody counts that as a processor's.
    fn sample(&mut self) {
        if self.supervisor.running() {
            let (proc, descriptors) = (self.supervisor.proc, self.supervisor.descriptors.count());
            self.note(What::Used { proc, descriptors, threads: 0, cpu_ns: 0, peak: 0 });
            self.note(What::Lines { proc, lines: self.lines });
        }
    }

    fn send_signal(&mut self, proc: Proc, signal: i32) {
        self.kernel_events += 1;
        self.note(What::Injected { proc, signal });
        if proc == self.supervisor.proc {
            self.signal_supervisor(signal);
        } else if let Some(ix) = self.processes.by_proc(proc) {
            self.signal_process(ix, signal);
        }
    }

    fn ask(&mut self, who: Proc, act: crate::scenario::Ask) {
        self.kernel_events += 1;
        self.note(What::Asked { proc: who, act: format!("{act:?}") });
        if let Some(ix) = self.processes.by_proc(who) {
            self.processes.get_mut(ix).asks.push_back(act);
            self.soon(WAKE, Ev::Asked(ix));
        }
    }

    fn fault(&mut self, fault: &Fault, begin: bool) {
        match fault {
            Fault::AddressHeld => self.hold_address(false, begin),
            Fault::AddressShared => self.hold_address(true, begin),
            Fault::ClockStep { by, back } => {
                let by = i64::try_from(by.0.as_nanos()).unwrap_or(i64::MAX);
                let forward = begin != *back;
                self.wall_offset = self.wall_offset.saturating_add(if forward { by } else { -by });
            }
            Fault::File { which, is } if which == "program" => self.program_error = errno(*is).filter(|_| begin),
            Fault::NotRead(Reader::LogReader) => self.stop_reading(begin),
            Fault::Gone(Reader::LogReader) => self.reader_goes(),
            Fault::File { which, is } if which == "log" => self.spoil_log(Some(*is).filter(|_| begin)),
            Fault::File { which, is: FileFault::Missing } if which == "log directory" => self.take_log_folder(begin),
            Fault::File { which, .. } if which == "workers directory" => self.directory_gone = begin,
            Fault::File { which, is } if which == "config" => self.spoil_config(*is, begin),
            Fault::File { which, is } if which == "pidfile" => self.pid_file.plant(*is, begin),
            Fault::Limit { on: Target::Supervisor, resource, to } if resource == "NOFILE" => {
                self.supervisor.descriptors.limit = limit(*to, begin);
            }
            Fault::Limit { on: Target::Supervisor, resource, to } if resource == "NPROC" => {
                self.process_limit = limit(*to, begin);
            }
            other => {
                if begin {
                    self.note(What::Incomplete { why: format!("not built in simulation: {other:?}") });
                }
            }
        }
    }

    /// Somebody else listens at the subject's address and accepts nothing; what waits there is reset when it goes.
    fn hold_address(&mut self, shares: bool, begin: bool) {
        if let Some(former) = self.stranger.take() {
            self.release_listener(former);
        }
        let taken = |other: &Listener| other.target && other.open() && !(other.reuse_port && shares);
        let Some(address) = ADDRESS.parse().ok().map(Address::Tcp).filter(|_| begin) else { return };
        if self.listeners.iter().any(taken) {
            return self.note(What::Incomplete { why: format!("{address} is taken: it can't be held") });
        }
        self.stranger = Some(self.listeners.len() as u32);
        self.listeners.push(Listener {
            address,
            target: true,
            reuse_port: shares,
            backlog: 1,
            queue: Default::default(),
            operators: Default::default(),
            supervised: false,
            holders: 1,
            acceptors: Vec::new(),
        });
    }

    /// Moves the configuration aside, and what is wrong with it into its place, or takes that away again.
    fn spoil_config(&mut self, is: FileFault, begin: bool) {
        self.file_error = (begin && is == FileFault::Forbidden).then_some(FORBIDDEN);
        if begin {
            self.file_aside = self.file.take();
            let instead = self.file_aside.iter().filter(|_| is == FileFault::Empty);
            self.file = instead.map(|(path, _)| (path.clone(), Contents::Bytes(Vec::new()))).next();
        } else if let Some(aside) = self.file_aside.take() {
            self.file = Some(aside);
        }
    }

    fn operate(&mut self, command: Command) {
        self.note(What::Commanded(command.clone()));
        match command {
            Command::Start => self.start_supervisor(),
            Command::Stop => self.stop_subject(),
            Command::Reload => self.reload(),
            Command::Scale(workers) => self.scaling.order(workers),
            Command::Restart(_) | Command::RestartPool | Command::Publish { .. } | Command::In(..) => {
                self.order(&command);
            }
            Command::Reopen => {
                if let Some(HowToReopen::Signal(signal)) = self.how_to_reopen {
                    self.signal_supervisor(signal.number());
                }
            }
            Command::Reloads { .. } | Command::SecondStart => {
                self.note(What::Incomplete { why: format!("not built in simulation: {command:?}") });
            }
        }
    }

    /// Says on the control socket what is ordered.
    fn order(&mut self, command: &Command) {
        if let Some(line) = self.questions.as_ref().and_then(|questions| questions.order(command)) {
            self.dial(line, Awaits::Outcome);
        }
    }

    /// Asks how everybody is, where there is a socket to ask on.
    fn ask_status(&mut self) {
        let asks = |questions: &&Questions| questions.pid.is_some();
        let line = self.questions.as_ref().filter(asks).map(|questions| questions.status.clone());
        if let Some(line) = line.filter(|_| self.owns_control) {
            self.dial(line, Awaits::Status);
        }
    }

    /// Connects to the control socket and says this line.
    fn dial(&mut self, line: String, awaits: Awaits) {
        let talk = Conversation::new(self.now, awaits);
        let path = subject::owned(Path::new(RUN), Owns::Control);
        let control = |one: &&mut Listener| one.supervised && matches!(&one.address, Address::Unix(at) if *at == path);
        let Some(listener) = self.listeners.iter_mut().find(control) else {
            self.note(talk.over(self.now));
            return;
        };
        let number = self.channels.len() as u32;
        listener.operators.push_back(number);
        self.channels.push(Channel {
            to_supervisor: (line + "\n").into_bytes(),
            holders: 1,
            supervised: true,
            worker: OPERATOR,
            ..Channel::default()
        });
        self.talks.insert(number, talk);
        self.supervisor.stirred = true;
    }

    /// The supervisor says something to an operator, who reads at once.
    pub fn tell_operator(&mut self, channel: u32, bytes: &[u8]) {
        let (Some(talk), Some(questions)) = (self.talks.get_mut(&channel), &self.questions) else { return };
        if let Some(what) = talk.hear(bytes, self.now, questions) {
            self.talks.remove(&channel);
            self.note(what);
            // Who has heard what there is to hear hangs up.
            self.channels[channel as usize].holders = 0;
            self.supervisor.stirred = true;
        }
    }

    /// The supervisor has closed its end, or the socket on which it had not been accepted yet.
    pub fn turn_away(&mut self, channel: u32) {
        if let Some(talk) = self.talks.remove(&channel) {
            self.note(talk.over(self.now));
        }
    }

    fn reload(&mut self) {
        self.generation += 1;
        if let Some(HowToReload::Signal(signal)) = self.how_to_reload {
            self.signal_supervisor(signal.number());
        }
    }

    /// Says what is still to be said about the number of workers.
    pub fn tell_scale(&mut self) {
        if let Some(signal) = self.scaling.next(self.now) {
            self.kernel_events += 1;
            self.signal_supervisor(signal.number());
        }
    }

    fn exchange(&mut self, variant: String) {
        let revision = self.revision + 1;
        let config = self.rendered.as_ref().and_then(|all| all.config.as_ref().zip(all.exchange(&variant, revision)));
        let Some(((path, _), Exchange { contents, serves })) = config else {
            self.note(What::Incomplete { why: format!("the subject has no configuration `{variant}`") });
            return;
        };
        self.file = Some((path.clone(), contents));
        // None that was moved aside comes back.
        self.file_aside = None;
        self.file_error = None;
        self.revision = revision;
        self.note(What::Configured { variant, revision, serves });
    }

    fn stop_subject(&mut self) {
        let HowToStop::Signal(signal) = self.how_to_stop;
        self.signal_supervisor(signal.number());
    }

    /// The director is done. What has no excuse to be still there is looked for until it has none.
    fn end(&mut self) {
        self.finish_clients();
        for (_, talk) in std::mem::take(&mut self.talks) {
            talk.given_up(self.now).into_iter().for_each(|what| self.note(what));
        }
        self.look_for_leftovers();
    }

    /// Ends the run if nothing is left, or if what is left has had its time.
    pub fn look_for_leftovers(&mut self) {
        let gone = *self.supervisor_gone_at.get_or_insert(self.now);
        let nothing =
            !self.supervisor.alive() && self.processes.listed.is_empty() && !self.listeners.iter().any(Listener::open);
        if nothing || self.now >= gone + self.orphans {
            self.note_what_is_left();
            self.tell_output();
            self.over = true;
        } else {
            self.queue.push(self.now + LOOK, Ev::Look);
        }
    }

    fn note_what_is_left(&mut self) {
        if self.supervisor.alive() {
            let proc = self.supervisor.proc;
            self.note(What::Left(Leftover::Process { proc, comm: "supervisor".into() }));
        }
        for at in 0..self.processes.listed.len() {
            let process = self.processes.get(self.processes.listed[at]);
            let comm = if process.worker { "puppet" } else { "child" };
            let proc = process.proc;
            self.note(What::Left(Leftover::Process { proc, comm: comm.into() }));
        }
        for at in 0..self.listeners.len() {
            if self.listeners[at].open() {
                let address = self.listeners[at].address.clone();
                self.note(What::Left(Leftover::Address(address.to_string())));
            }
        }
        if self.pid_file_text().is_some() {
            self.note(What::Left(Leftover::File(Owns::Pidfile.name().into())));
        }
    }
}

/// A limit that begins, or its end.
fn limit(to: u64, begin: bool) -> usize {
    usize::try_from(to).ok().filter(|_| begin).unwrap_or(usize::MAX)
}

/// What exec(2) says to such a file.
fn errno(is: FileFault) -> Option<Errno> {
    match is {
        FileFault::Missing => Some(Errno::NOENT),
        FileFault::Forbidden => Some(FORBIDDEN),
        FileFault::Empty => Some(Errno(8)),
        FileFault::Full | FileFault::Stale | FileFault::Foreign | FileFault::Garbage | FileFault::Directory => None,
    }
}

//! What the operator says on the control socket, and hears there.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::history::{Event, What};
use crate::scenario::{Command, Owns};
use crate::subject::{self, Questions};
use crate::time::Time;
use crate::world::conversation::{Awaits, Conversation};

use super::runner::Runner;
use super::{clock, crowd, signals};

/// What a control socket says that nobody listens on any more, or that has no room.
const DEAF: [ErrorKind; 5] = [
    ErrorKind::NotFound,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::BrokenPipe,
    ErrorKind::WouldBlock,
];

/// The operator's connections that still wait for something.
#[derive(Debug, Default)]
pub struct Orders(Vec<(UnixStream, Conversation)>);

impl Orders {
    /// Says a line on the socket at `path`, and waits for what is said to it from then on.
    fn say(&mut self, path: &Path, line: &str, talk: Conversation) -> io::Result<()> {
        let mut stream = crowd::dial(path)?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        self.0.push((stream, talk));
        Ok(())
    }

    /// What has been said since.
    pub fn hear(&mut self, questions: Option<&Questions>, out: &mut Vec<Event>) {
        let Some(questions) = questions else { return };
        self.0.retain_mut(|(stream, talk)| {
            let what = listen(stream, talk, questions);
            let goes_on = what.is_none();
            out.extend(what.map(|what| Event::at(clock::now(), what)));
            goes_on
        });
    }

    /// Nothing more is waited for.
    pub fn give_up(&mut self, out: &mut Vec<Event>) {
        let now = clock::now();
        out.extend(self.0.drain(..).filter_map(|(_, talk)| talk.given_up(now)).map(|what| Event::at(now, what)));
    }

    /// What has to be listened to.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|(stream, _)| stream.as_fd())
    }
}

/// Reads what there is.
fn listen(stream: &mut UnixStream, talk: &mut Conversation, questions: &Questions) -> Option<What> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Some(talk.over(clock::now())),
            Ok(count) => {
                let what = talk.hear(&buffer[..count], clock::now(), questions);
                if what.is_some() {
                    return what;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Some(talk.over(clock::now())),
        }
    }
}

impl Runner {
    /// Gives an order, in the way in which the subject takes it.
    pub(super) fn operate(&mut self, command: Command, now: Time) -> Result<(), String> {
        match command {
            Command::Reload => match self.subject.begin_reload() {
                Ok(signal) => {
                    self.observer.procs.generation = self.subject.generation();
                    self.note(What::Commanded(command));
                    self.tell_supervisor(signals::kernel(signal));
                }
                Err(why) => self.note(What::Incomplete { why }),
            },
            Command::Stop => {
                self.note(What::Commanded(command));
                self.tell_supervisor(signals::kernel(self.subject.stop_signal()));
            }
            Command::Start => {
                self.note(What::Commanded(command));
                self.start()?;
            }
            Command::Scale(workers) => {
                self.note(What::Commanded(command));
                self.scaling.order(workers);
            }
            Command::Restart(_) | Command::RestartPool | Command::Publish { .. } | Command::In(..) => {
                self.order(command, now);
            }
            Command::Reopen => {
                self.note(What::Commanded(command));
                if let Some(signal) = self.subject.reopen_signal() {
                    self.tell_supervisor(signals::kernel(signal));
                }
            }
            Command::SecondStart => {
                self.note(What::Commanded(command));
                self.start_second(now)?;
            }
            Command::Reloads { .. } => {
                self.note(What::Incomplete { why: format!("{command:?} is not built for real processes") });
            }
        }
        Ok(())
    }

    /// Says an order on the control socket.
    fn order(&mut self, command: Command, now: Time) {
        let line = self.job.plan.subject.operator.as_ref().and_then(|operator| operator.order(&command));
        self.fresh.push(Event::at(now, What::Commanded(command)));
        self.publish();
        if let Some(line) = line {
            self.say(&line, Conversation::new(now, Awaits::Outcome));
        }
    }

    /// Asks how everybody is, where there is a socket to ask on.
    pub(super) fn ask_status(&mut self) {
        let plan = &self.job.plan;
        let Some(questions) = &plan.subject.operator else { return };
        if plan.scenario.pool.owns.contains(&Owns::Control) && questions.pid.is_some() {
            let line = questions.status.clone();
            self.say(&line, Conversation::new(clock::now(), Awaits::Status));
        }
    }

    fn say(&mut self, line: &str, talk: Conversation) {
        match self.orders.say(&subject::owned(&self.job.dir, Owns::Control), line, talk.clone()) {
            Ok(()) => {}
            // Nobody is there to hear it: what comes of that is for the judges to say.
            Err(error) if DEAF.contains(&error.kind()) => self.note(talk.over(clock::now())),
            Err(error) => self.note(What::Incomplete { why: format!("the control socket took no order: {error}") }),
        }
    }
}

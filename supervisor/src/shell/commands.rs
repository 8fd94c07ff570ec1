//! The operator's requests, carried out.

use std::fmt::Display;

use crate::config::nearest;
use crate::control::{Asked, Complaint, Info, Mood, Reply, Request, Status, Who, Whom};
use crate::core::{Command, Input, Machine, Scale, WorkerId};
use crate::kernel::{Fd, Kernel};
use crate::policy::defaults::WORKERS_LIMIT;

use super::goals::Goal;
use super::logs::LogLine;
use super::roster::milliseconds;
use super::state::Shell;

/// How many requests are carried out in one turn, so that clients that ask without end keep nobody else waiting.
const REQUESTS_PER_TURN: usize = 8;

/// What comes of a request at once: an answer, or something to wait for.
enum Effect {
    Answer(Reply),
    Wait(Goal),
    /// Answered already, or followed from now on.
    Told,
}

fn unknown(text: impl Into<String>) -> Complaint {
    Complaint::new("unknown_name", text)
}

/// What is answered to a command that was begun: its outcome, or at once that it was.
fn begun(wait: bool, goal: Goal) -> Effect {
    if wait { Effect::Wait(goal) } else { Effect::Answer(Reply::Done { note: Some("begun".to_owned()) }) }
}

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// The end of a turn: requests are carried out, and everybody is told what they wait for or follow.
    pub(super) fn attend(&mut self) {
        let behind = self.carry_out();
        for told in self.voices.take_told() {
            self.operator.event(told);
        }
        self.operator.settle(&self.voices.roster);
        self.pass_on_logs();
        self.operator.flush(self.kernel);
        self.operator.leave_behind(behind);
        self.outputs.flush(self.kernel, self.voices.errors());
        self.voices.report_if_full(self.kernel);
        self.voices.tell_manager(self.kernel);
    }

    /// Carries out requests, as many as one turn has time for; whether some may be left.
    fn carry_out(&mut self) -> bool {
        for _ in 0..REQUESTS_PER_TURN {
            let Some((fd, Asked { id, request })) = self.operator.next_request() else {
                return false;
            };
            match self.obey(fd, id, request) {
                Ok(Effect::Answer(reply)) => self.operator.reply(fd, id, &reply),
                Ok(Effect::Wait(goal)) => self.operator.reply_later(fd, id, goal),
                Ok(Effect::Told) => {}
                Err(complaint) => self.operator.reply(fd, id, &Reply::Error(complaint)),
            }
        }
        true
    }

    fn obey(&mut self, fd: Fd, id: Option<u64>, request: Request) -> Result<Effect, Complaint> {
        match request {
            Request::Info => Ok(Effect::Answer(Reply::Info(self.info()))),
            Request::Status => Ok(Effect::Answer(Reply::Status(self.status()))),
            Request::Events { follow } => {
                // What happened before this request belongs to the past that it is told.
                for told in self.voices.take_told() {
                    self.operator.event(told);
                }
                self.operator.tell_events(fd, id, follow);
                Ok(Effect::Told)
            }
            Request::Logs { who, lines, follow } => self.tell_logs(fd, id, who, lines, follow),
            Request::Stop { wait } => {
                self.feed(Input::Command(Command::Stop));
                Ok(begun(wait, Goal::Stopped))
            }
            Request::Publish { topic, data } => {
                self.topics.publish(&topic, data).map_err(|refusal| Complaint::failed(refusal.to_string()))?;
                Ok(Effect::Answer(Reply::Done { note: None }))
            }
            Request::Reload { .. } | Request::Scale { .. } | Request::Restart { .. }
                if self.voices.roster.is_stopping() =>
            {
                Err(Complaint::failed("the supervisor is stopping"))
            }
            Request::Reload { wait } => {
                self.reload().map_err(Complaint::failed)?;
                Ok(begun(wait, Goal::Rolled((0..self.operator.pools() as u16).collect())))
            }
            Request::Scale { pool, scale, wait } => self.scale(&pool, scale, wait),
            Request::Restart { who, wait } => self.restart(&who, wait),
        }
    }

    fn scale(&mut self, name: &str, scale: Scale, wait: bool) -> Result<Effect, Complaint> {
        let pool = self.pool_named(name)?;
        if let Scale::To(workers) = scale
            && !(1..=WORKERS_LIMIT).contains(&workers)
        {
            return Err(Complaint::bad(format!("a pool has 1 to {WORKERS_LIMIT} workers, not {workers}")));
        }
        self.feed(Input::PoolCommand(pool, Command::Scale(scale)));
        Ok(begun(wait, Goal::Scaled(pool, self.voices.roster.wanted(pool))))
    }

    fn restart(&mut self, who: &str, wait: bool) -> Result<Effect, Complaint> {
        let Who { pool: name, whom } = self.who(who)?;
        let pool = self.pool_named(&name)?;
        let roster = &self.voices.roster;
        let slot = match whom {
            Whom::All => {
                self.feed(Input::PoolCommand(pool, Command::Reload));
                return Ok(begun(wait, Goal::Rolled(vec![pool])));
            }
            Whom::Slot(slot) | Whom::One(slot, _) => slot,
        };
        let wanted = roster.wanted(pool);
        if slot >= wanted {
            return Err(unknown(format!(
                "there is no slot {slot} in pool {name}: it has 0 to {}",
                wanted.saturating_sub(1)
            )));
        }
        let serving = roster.serving(pool, slot);
        if let Whom::One(_, generation) = whom
            && serving != Some(generation)
        {
            let other = serving.map_or("nobody does".to_owned(), |serving| format!("generation {serving} does"));
            return Err(unknown(format!("{who} does not serve; {other}")));
        }
        self.feed(Input::PoolCommand(pool, Command::Restart(slot)));
        Ok(begun(wait, Goal::Replaced { pool, slot, generation: serving.unwrap_or(0) }))
    }

    fn tell_logs(
        &mut self,
        fd: Fd,
        id: Option<u64>,
        who: Option<String>,
        lines: Option<usize>,
        follow: bool,
    ) -> Result<Effect, Complaint> {
        let who = who.map(|who| self.who(&who)).transpose()?;
        let asked: Vec<u16> = match &who {
            Some(who) => vec![self.pool_named(&who.pool)?],
            None => (0..self.operator.pools() as u16).collect(),
        };
        let unkept: Vec<String> = asked
            .iter()
            .filter_map(|&pool| Some(format!("pool {}: {}", self.operator.name(pool), self.outputs.unkept(pool)?)))
            .collect();
        if unkept.len() == asked.len() {
            return Err(Complaint::new("not_kept", unkept.join("; ")));
        }
        self.pass_on_logs();
        let operator = &self.operator;
        let wanted = |worker| who.as_ref().is_none_or(|who| operator.is(worker, who));
        let past = self.outputs.logs.last(lines.unwrap_or(usize::MAX), wanted);
        let past: Vec<Reply> = past.into_iter().map(|line| operator.log_reply(line)).collect();
        self.operator.tell_logs(fd, id, &past, follow.then_some(who));
        self.outputs.logs.follow(self.operator.follows_logs());
        Ok(Effect::Told)
    }

    fn pass_on_logs(&mut self) {
        let fresh: Vec<LogLine> = self.outputs.logs.take_fresh();
        if !fresh.is_empty() {
            self.operator.logs(&fresh);
        }
        self.outputs.logs.follow(self.operator.follows_logs());
    }

    fn who(&self, text: &str) -> Result<Who, Complaint> {
        Who::read(text, self.operator.names()).map_err(unknown)
    }

    fn pool_named(&self, name: &str) -> Result<u16, Complaint> {
        let place = self.operator.names().position(|known| known == name);
        let known = place.and_then(|place| u16::try_from(place).ok());
        known.ok_or_else(|| unknown(format!("there is no pool `{name}`; {}", nearest(name, self.operator.names()))))
    }

    fn info(&self) -> Info {
        let roster = &self.voices.roster;
        let pools = 0..self.operator.pools() as u16;
        let mood = if roster.is_stopping() {
            Mood::Stopping
        } else if pools.clone().any(|pool| roster.is_rolling(pool)) {
            Mood::Reloading
        } else {
            Mood::Running
        };
        Info {
            pid: self.operator.own().pid,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mood,
            uptime_ms: milliseconds(self.kernel.now().since(self.operator.begun())),
            ready: pools.clone().map(|pool| roster.ready(pool)).sum(),
            wanted: pools.map(|pool| roster.wanted(pool)).sum(),
            commands: self.operator.commands().map(str::to_owned).collect(),
        }
    }

    fn status(&mut self) -> Status {
        let supervisor = self.info();
        let (now, units) = (self.kernel.now(), self.operator.units());
        let roster = &self.voices.roster;
        let kernel = &mut *self.kernel;
        let mut usage = |child| units.usage(kernel, child);
        let pools = (0u16..).zip(self.operator.names());
        let pools = pools.map(|(pool, name)| roster.status(pool, name, now, &mut usage)).collect();
        Status { supervisor, pools }
    }
}

/// As it is written in requests, replies and before lines: `web/0.3`.
pub fn worker_name(pool: &str, id: WorkerId) -> impl Display {
    Who { pool: pool.to_owned(), whom: Whom::One(id.slot, id.generation) }
}

#[cfg(test)]
#[path = "commands_tests.rs"]
mod tests;

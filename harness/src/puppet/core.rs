//! The pure core of the puppet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scenario::{Ask, Life, LifeRecord, Phase, Retirement, Signal, Stream};
use crate::time::Time;

use super::babble::{Babble, say, write};
use super::parts::{Conn, Due, Stage};
use super::script::record;
use super::{Action, ConnId, Entry, Input, Request, Told, topics};

/// An idle kept-alive connection is closed so long after the worker has stopped accepting: a request that was already
/// on its way is read and answered instead of being thrown away.
pub const IDLE_LINGER: Duration = Duration::from_millis(5);

/// A connection that was accepted but has not sent its first request keeps a draining worker for so long at most.
pub const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);

/// A flooding worker writes in steps of this.
const OUTPUT_STEP: Duration = Duration::from_millis(10);

/// One worker's script, running.
#[derive(Clone, Debug)]
pub struct Puppet {
    life: LifeRecord,
    own_deadline: Option<Duration>,
    orphan_grace: Duration,
    stage: Stage,
    conns: BTreeMap<ConnId, Conn>,
    answered: u32,
    asked_once: bool,
    announced: bool,
    told: bool,
    /// What it will exit with when it leaves by its script.
    code: i32,
    crash_at: Option<Time>,
    orphaned: Option<Time>,
    /// How often it says that it makes progress while it serves, and when it last did.
    beat: Option<Duration>,
    beaten: Time,
    /// Nobody waits for its word.
    ready_at_birth: bool,
    /// Since when it is ready.
    ready: Option<Time>,
    /// When it last wrote, while it floods.
    wrote: Option<Time>,
    /// What it says over and over.
    babble: Option<Babble>,
}

impl Puppet {
    /// A worker that will live `life`. `own_deadline`: how long after it has stopped accepting it exits by itself
    /// whatever it holds (the articles' five seconds); `None` leaves that to the supervisor. `orphan_grace`: how long it
    /// drains at most after its supervisor is gone.
    pub fn new(life: Life, own_deadline: Option<Duration>, orphan_grace: Duration) -> Self {
        Self {
            life: record(life),
            own_deadline,
            orphan_grace,
            stage: Stage::Unborn,
            conns: BTreeMap::new(),
            answered: 0,
            asked_once: false,
            announced: false,
            told: false,
            code: 0,
            crash_at: None,
            orphaned: None,
            ready_at_birth: false,
            ready: None,
            beat: None,
            beaten: Time::default(),
            wrote: None,
            babble: None,
        }
    }

    /// The same, saying so often that it makes progress while it is ready, unless its life is to be silent.
    pub fn beating(self, every: Option<Duration>) -> Self {
        let beat = every.filter(|every| !self.life.silent && !every.is_zero());
        Self { beat, ..self }
    }

    /// The same, counting as ready from its birth on, if so.
    pub fn ready_at_birth(self, ready_at_birth: bool) -> Self {
        Self { ready_at_birth, ..self }
    }

    /// Takes one input and appends what is to be done. What is due by `now` is done before the input is looked at; but an
    /// idle connection is closed by [`Input::Tick`] alone, when all that has come on connections was shown before it.
    pub fn step(&mut self, now: Time, input: Input, actions: &mut Vec<Action>) {
        if let Input::Connected(conn) = input
            && !matches!(self.stage, Stage::Unborn | Stage::Done)
        {
            // It was accepted before anything else could become due: nobody may leave without having served it.
            self.conns.insert(conn, Conn::Fresh);
        }
        let tick = input == Input::Tick;
        self.run_due(now, tick, actions);
        if self.stage == Stage::Done || (self.stage == Stage::Unborn && input != Input::Born) {
            return;
        }
        match input {
            Input::Born => self.born(now, actions),
            Input::Tick | Input::Connected(_) => {}
            Input::Told(Told::Drain) | Input::Term => self.told(now, actions),
            Input::Told(Told::Update { topic, data }) => actions.push(Action::Journal(Entry::Heard(topic, data))),
            Input::Orphaned => self.orphaned(now, actions),
            Input::Passed(conn, seq) => self.passed(conn, seq, actions),
            Input::Begun(conn) => self.begun(conn),
            Input::Request(conn, request) => self.request(now, conn, request, actions),
            Input::Written(conn) => self.written(now, conn, actions),
            Input::Hangup(conn) => drop(self.conns.remove(&conn)),
            Input::Asked(ask) => self.asked(now, ask, actions),
        }
        self.run_due(now, tick, actions);
    }

    /// Whether it never reads its channel.
    pub fn is_deaf(&self) -> bool {
        self.life.deaf
    }

    /// When [`Input::Tick`] is wanted next. Inputs that have come on connections by then go first.
    pub fn next_deadline(&self) -> Option<Time> {
        self.next_due(true).map(|(at, _)| at)
    }

    fn run_due(&mut self, now: Time, tick: bool, actions: &mut Vec<Action>) {
        self.notice_drained(now, actions);
        while let Some((_, due)) = self.next_due(tick).filter(|(at, _)| *at <= now) {
            self.carry_out(now, due, actions);
            self.notice_drained(now, actions);
        }
    }

    /// What is due next; idle connections count if `idle`.
    fn next_due(&self, idle: bool) -> Option<(Time, Due)> {
        let babble = self.babble.as_ref().map(|babble| (babble.next(), Due::Babble));
        let crash = self.crash_at.map(|at| (at, Due::Crash)).into_iter().chain(babble);
        let conns = self.conns.iter().filter_map(|(&id, conn)| self.conn_due(id, conn));
        let conns = conns.filter(|(_, due)| idle || !matches!(due, Due::CloseIdle(_)));
        match self.stage {
            Stage::Unborn | Stage::Done => None,
            Stage::Booting(ready) => ready.map(|at| (at, Due::Boot)).into_iter().chain(crash).min(),
            Stage::Serving => {
                conns.chain(crash).chain(self.lifetime_due()).chain(self.beat_due()).chain(self.output_due()).min()
            }
            Stage::Draining(_) | Stage::Leaving(..) => {
                let exit = self.exit_at().map(|at| (at, Due::Exit));
                conns.chain(crash).chain(self.output_due()).chain(exit).min()
            }
        }
    }

    fn conn_due(&self, id: ConnId, conn: &Conn) -> Option<(Time, Due)> {
        let draining = match self.stage {
            Stage::Draining(since) | Stage::Leaving(since, _) => Some(since),
            Stage::Unborn | Stage::Booting(_) | Stage::Serving | Stage::Done => None,
        };
        match conn {
            Conn::Held { until, .. } => Some((*until, Due::Answer(id))),
            Conn::Idle => draining.map(|since| (since + IDLE_LINGER, Due::CloseIdle(id))),
            Conn::Fresh => draining.map(|since| (since + FIRST_REQUEST_GRACE, Due::CloseIdle(id))),
            Conn::Thrown | Conn::Coming | Conn::Taking => None,
        }
    }

    fn lifetime_due(&self) -> Option<(Time, Due)> {
        let until = self.ready? + self.life.lifetime?.0;
        (!self.announced).then_some((until, Due::Retire))
    }

    fn beat_due(&self) -> Option<(Time, Due)> {
        self.beat.map(|every| (self.beaten + every, Due::Beat))
    }

    fn output_due(&self) -> Option<(Time, Due)> {
        self.wrote.map(|at| (at + OUTPUT_STEP, Due::Output))
    }

    /// When a worker that has stopped accepting exits: what it holds counts only until a deadline of its own.
    fn exit_at(&self) -> Option<Time> {
        let (retired, drained) = match self.stage {
            Stage::Draining(retired) => (retired, None),
            Stage::Leaving(retired, drained) => (retired, Some(drained + self.life.slow_stop.0)),
            Stage::Unborn | Stage::Booting(_) | Stage::Serving | Stage::Done => return None,
        };
        let own = self.own_deadline.map(|span| retired + span);
        let orphan = self.orphaned.map(|since| since + self.orphan_grace);
        // A crash that is scripted for the drain happens in the drain, even in an idle worker.
        let done = drained.filter(|_| !self.crashes_at(Phase::Drain));
        [own, orphan, done].into_iter().flatten().min()
    }

    fn carry_out(&mut self, now: Time, due: Due, actions: &mut Vec<Action>) {
        match due {
            Due::Crash => {
                let (code, signal) = self.life.exit.map_or((1, None), |exit| (exit.code, exit.signal));
                match signal {
                    Some(signal) => self.crash(signal, actions),
                    None => self.exit(code, actions),
                }
            }
            Due::Boot => self.ready(now, actions),
            Due::Retire => self.leave(now, self.life.retire, 0, actions),
            Due::Answer(conn) => {
                let keep_alive = matches!(self.conns.get(&conn), Some(Conn::Held { keep_alive: true, .. }));
                self.answer(now, conn, keep_alive, 200, actions);
            }
            Due::CloseIdle(conn) => {
                self.conns.remove(&conn);
                actions.push(Action::Close(conn));
            }
            Due::Exit => self.exit(self.code, actions),
            Due::Beat => {
                self.beaten = now;
                actions.push(Action::SayAlive);
            }
            Due::Output => self.output(now, actions),
            Due::Babble => actions.extend(Babble::go_on(&mut self.babble, now)),
        }
    }

    fn born(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.stage != Stage::Unborn {
            return;
        }
        actions.push(Action::Journal(Entry::Born));
        if self.ready_at_birth {
            actions.push(Action::Journal(Entry::Ready));
        }
        let stays = self.life.never_ready || self.crashes_at(Phase::Boot);
        self.stage = Stage::Booting((!stays).then(|| now + self.life.boot.0));
        self.enter(Phase::Boot, now, actions);
    }

    fn ready(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.stage = Stage::Serving;
        self.ready = Some(now);
        self.beaten = now;
        // The journal first: nobody may know earlier than the history.
        actions.push(Action::Accept);
        for topic in &self.life.subscribe {
            actions.push(Action::Journal(Entry::Subscribed(topic.clone())));
            actions.push(say(topics::subscribe(topic)));
        }
        if !self.ready_at_birth {
            actions.extend([Action::Journal(Entry::Ready), Action::SayReady]);
        }
        actions.extend(self.life.children.iter().map(|child| Action::Spawn(*child)));
        self.wrote = self.life.output.or(self.life.stderr).map(|_| now);
        self.enter(Phase::Ready, now, actions);
    }

    /// A phase begins: what the life scripts for it is set up.
    fn enter(&mut self, phase: Phase, now: Time, actions: &mut Vec<Action>) {
        if self.life.hang == Some(phase) {
            self.hang(self.life.busy, actions);
        } else if let Some(exit) = self.life.exit.filter(|exit| exit.at == phase) {
            self.crash_at = Some(now + exit.after.0);
        }
    }

    fn crashes_at(&self, phase: Phase) -> bool {
        self.life.exit.is_some_and(|exit| exit.at == phase)
    }

    /// TERM or a drain order; the second one changes nothing.
    fn told(&mut self, now: Time, actions: &mut Vec<Action>) {
        if !self.told {
            self.told = true;
            actions.push(Action::Journal(Entry::Told));
            if !self.life.ignore_term {
                self.drain(now, actions);
            }
        }
    }

    fn orphaned(&mut self, now: Time, actions: &mut Vec<Action>) {
        if !self.life.ignore_term && self.orphaned.is_none() {
            self.orphaned = Some(now);
            self.drain(now, actions);
        }
    }

    /// It wants to leave, in this form.
    fn leave(&mut self, now: Time, form: Retirement, code: i32, actions: &mut Vec<Action>) {
        self.code = self.code.max(code);
        if self.announced || matches!(self.stage, Stage::Draining(_) | Stage::Leaving(..)) {
            return;
        }
        let announce = [Action::Journal(Entry::Announced(form)), Action::Announce(form)];
        match form {
            Retirement::TwoPhase => actions.extend(announce),
            Retirement::OnePhase => {
                self.stop_accepting(actions);
                actions.extend(announce);
                self.drain_from(now, actions);
            }
            Retirement::Silent => self.drain(now, actions),
        }
        self.announced = true;
    }

    fn drain(&mut self, now: Time, actions: &mut Vec<Action>) {
        if matches!(self.stage, Stage::Booting(_) | Stage::Serving) {
            self.stop_accepting(actions);
            self.drain_from(now, actions);
        }
    }

    fn stop_accepting(&mut self, actions: &mut Vec<Action>) {
        actions.extend([Action::Journal(Entry::StoppedAccepting), Action::StopAccepting]);
    }

    fn drain_from(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.stage = Stage::Draining(now);
        self.enter(Phase::Drain, now, actions);
    }

    fn notice_drained(&mut self, now: Time, actions: &mut Vec<Action>) {
        if let Stage::Draining(since) = self.stage
            && self.conns.values().all(|conn| *conn == Conn::Thrown)
        {
            actions.push(Action::Journal(Entry::Drained));
            self.stage = Stage::Leaving(since, now);
        }
    }

    fn exit(&mut self, code: i32, actions: &mut Vec<Action>) {
        self.last_words(actions);
        actions.extend([Action::Journal(Entry::Exiting(code)), Action::Exit(code)]);
    }

    /// As a shell has it, the status tells of the signal.
    fn crash(&mut self, signal: Signal, actions: &mut Vec<Action>) {
        self.last_words(actions);
        actions.extend([Action::Journal(Entry::Exiting(128 + signal.number())), Action::Crash(signal)]);
    }

    fn last_words(&mut self, actions: &mut Vec<Action>) {
        self.stage = Stage::Done;
        if self.life.last_words > 0 {
            let words = |stream| Action::Output { stream, bytes: self.life.last_words };
            actions.extend([Stream::Stdout, Stream::Stderr].map(words));
        }
    }

    /// Only a worker that serves takes what it is passed: before and after, another one is better off with it.
    fn passed(&mut self, conn: ConnId, seq: u64, actions: &mut Vec<Action>) {
        if self.stage == Stage::Serving {
            self.conns.insert(conn, Conn::Fresh);
            actions.extend([Action::Journal(Entry::Accepted(conn.0)), Action::Take(conn, seq)]);
        } else {
            actions.extend([Action::Journal(Entry::Refused(conn.0)), Action::Refuse(conn, seq)]);
        }
    }

    fn request(&mut self, now: Time, conn: ConnId, request: Request, actions: &mut Vec<Action>) {
        // Only what the shell accepted, and one request at a time.
        if !matches!(self.conns.get(&conn), Some(Conn::Fresh | Conn::Idle | Conn::Coming)) {
            return;
        }
        if !self.asked_once {
            self.asked_once = true;
            self.enter(Phase::Request, now, actions);
            if self.stage == Stage::Done {
                return;
            }
            if self.crashes_at(Phase::Request) && self.crash_at <= Some(now) {
                return self.carry_out(now, Due::Crash, actions);
            }
        }
        if self.life.leak > 0 {
            actions.push(Action::Leak(self.life.leak));
        }
        match request {
            Request::Who { keep_alive } => self.answer(now, conn, keep_alive, 200, actions),
            Request::Take { .. } => self.answer(now, conn, false, 200, actions),
            Request::Long { bytes } => {
                self.conns.insert(conn, Conn::Taking);
                actions.push(Action::AnswerLong { conn, bytes });
            }
            Request::Hold { span, keep_alive } => {
                self.conns.insert(conn, Conn::Held { until: now + span, keep_alive });
            }
            Request::Throw => {
                self.conns.insert(conn, Conn::Thrown);
                self.leave(now, self.life.retire, 1, actions);
            }
            Request::Exit(code) => self.exit(code, actions),
            Request::Hang => self.hang(self.life.busy, actions),
            Request::Retire => {
                self.answer(now, conn, false, 200, actions);
                self.leave(now, self.life.retire, 0, actions);
            }
            Request::Unknown => self.answer(now, conn, false, 404, actions),
        }
    }

    fn answer(&mut self, now: Time, conn: ConnId, keep_alive: bool, status: u16, actions: &mut Vec<Action>) {
        let keep_alive = keep_alive && matches!(self.stage, Stage::Booting(_) | Stage::Serving);
        actions.push(Action::Answer { conn, keep_alive, status });
        if keep_alive {
            self.conns.insert(conn, Conn::Idle);
        } else {
            self.conns.remove(&conn);
        }
        self.has_answered(now, actions);
    }

    /// A client whose request is on its way is waited for as if it were there.
    fn begun(&mut self, conn: ConnId) {
        if let Some(conn @ (Conn::Fresh | Conn::Idle)) = self.conns.get_mut(&conn) {
            *conn = Conn::Coming;
        }
    }

    fn written(&mut self, now: Time, conn: ConnId, actions: &mut Vec<Action>) {
        if self.conns.get(&conn) == Some(&Conn::Taking) {
            self.conns.remove(&conn);
            self.has_answered(now, actions);
        }
    }

    fn has_answered(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.answered = self.answered.saturating_add(1);
        if self.life.retire_after.is_some_and(|after| self.answered >= after) {
            self.leave(now, self.life.retire, 0, actions);
        }
    }

    fn asked(&mut self, now: Time, ask: Ask, actions: &mut Vec<Action>) {
        match ask {
            Ask::Throw => self.leave(now, self.life.retire, 1, actions),
            Ask::Retire(form) => self.leave(now, form, 0, actions),
            Ask::Exit(code) => self.exit(code, actions),
            Ask::CloseChannel => actions.push(Action::CloseChannel),
            Ask::Spawn(child) => actions.push(Action::Spawn(child)),
            Ask::Flood(bytes) => actions.push(Action::Output { stream: Stream::Stdout, bytes }),
            Ask::Notify(text) => actions.push(Action::Notify(text)),
            Ask::NotifyFd(text) => actions.push(Action::NotifyFd(text)),
            Ask::Extend(span) => actions.extend([Action::Journal(Entry::Extends(span)), Action::Extend(span)]),
            Ask::Garble(line) => actions.push(say(line)),
            Ask::Write { begin, fill, end, times } => actions.push(write(begin, fill, &end, times)),
            Ask::Publish { topic, data } => {
                let line = topics::publish(&topic, &data);
                actions.extend([Action::Journal(Entry::Published(topic, data)), say(line)]);
            }
            Ask::Babble { line, per_second, span } => {
                self.babble = Some(Babble::new(line, per_second, now, span.0));
            }
            Ask::Hang => self.hang(false, actions),
            Ask::SignalGroup(signal) => actions.push(Action::SignalGroup(signal)),
        }
    }

    fn hang(&mut self, busy: bool, actions: &mut Vec<Action>) {
        self.stage = Stage::Done;
        actions.extend([Action::Journal(Entry::Hangs), Action::Hang { busy }]);
    }

    /// Writes what the rates ask for since it last wrote.
    fn output(&mut self, now: Time, actions: &mut Vec<Action>) {
        let Some(since) = self.wrote.replace(now) else { return };
        let nanos = now.since(since).as_nanos();
        for (stream, output) in [(Stream::Stdout, self.life.output), (Stream::Stderr, self.life.stderr)] {
            if let Some(output) = output {
                let bytes = u128::from(output.bytes_per_second).saturating_mul(nanos) / 1_000_000_000;
                actions.push(Action::Output { stream, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) });
            }
        }
    }
}

#[cfg(test)]
mod tests;

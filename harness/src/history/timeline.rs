//! What the invariants read: the history by worker, by connection, by fault.

use crate::scenario::Command;
use crate::time::Time;

use super::{Claim, Connection, Environment, Form, Leftover, Output, PhaseMark, Proc, Reply, Status, When};

/// One worker's life as seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Which process.
    pub proc: Proc,
    /// n-th of its generation.
    pub ticket: u32,
    /// The harness's generation.
    pub generation: u32,
    /// The number of its pool.
    pub pool: u32,
    /// The pid of its parent at birth.
    pub parent: u32,
    /// First seen.
    pub born: When,
    /// The configuration that it was started from, if it knows.
    pub revision: Option<u32>,
    /// Able to serve.
    pub ready: Option<Time>,
    /// Said, before it left, that it may need until then to get ready; the latest.
    pub extended: Option<Time>,
    /// Said, as it left, that it may need until then; the latest.
    pub lingers: Option<Time>,
    /// Did nothing any more.
    pub hung: Option<Time>,
    /// The first time that the harness froze it.
    pub frozen: Option<Time>,
    /// Said that it will leave.
    pub announced: Option<(Time, Form)>,
    /// Saw the stop signal or drain order.
    pub told: Option<Time>,
    /// Stopped accepting.
    pub retired: Option<Time>,
    /// Held nothing any more.
    pub drained: Option<Time>,
    /// Ended.
    pub died: Option<When>,
    /// How, if known.
    pub status: Option<Status>,
    /// The status of a scripted, unannounced or announced exit of its own.
    pub exiting: Option<(Time, i32)>,
    /// Gone from the process table.
    pub reaped: Option<When>,
    /// The first signal that the harness sent it and that no worker takes for an order to leave (KILL, SEGV, ABRT…), or
    /// that ended it.
    pub killed: Option<Time>,
    /// The first signal of any kind that ends a process by default, sent by the harness.
    pub signalled: Option<Time>,
    /// The first time that the harness asked it to do something that makes it unfit (exit, hang, close its channel…), or
    /// when it hung by its script or by a request.
    pub spoiled: Option<Time>,
    /// The first time that the harness asked it to close its channel: nobody hears what it says then.
    pub silenced: Option<Time>,
    /// The first time after that at which it was asked to leave: it does one after the other, so nobody hears of it.
    pub mute: Option<Time>,
}

impl Worker {
    /// When it retired: it stopped accepting, or saw its supervisor's order to, or said that it does. The earliest.
    pub fn retires(&self) -> Option<Time> {
        let word = self.announced.and_then(|(at, form)| (form == Form::OnePhase).then_some(at));
        [self.retired, self.ordered(), word].into_iter().flatten().min()
    }

    /// When it saw its supervisor's order to leave. A signal of the harness looks the same to it and is none.
    pub fn ordered(&self) -> Option<Time> {
        self.told.filter(|told| self.signalled.is_none_or(|signal| signal > *told))
    }

    /// The latest instant at which it may have died; [`Time::NEVER`] while it lives.
    pub fn dead_for_sure(&self) -> Time {
        self.died.map_or(Time::NEVER, When::latest)
    }

    /// The earliest instant at which it may have died; [`Time::NEVER`] while it lives.
    pub fn maybe_dead(&self) -> Time {
        self.died.map_or(Time::NEVER, When::earliest)
    }

    /// Whether it was certainly ready at `at`, for a bound from above.
    pub fn is_ready(&self, at: Time) -> bool {
        self.ready.is_some_and(|ready| ready <= at)
            && at < self.maybe_dead()
            && self.retires().is_none_or(|retired| at < retired)
    }
}

/// A connection and who had it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conn<'a> {
    /// The record.
    pub record: &'a Connection,
    /// Index into [`Timeline::workers`] of the worker that answered, or whose journal says that it accepted it.
    pub owner: Option<usize>,
    /// When that worker accepted it, where its journal says so and nobody answered.
    pub accepted: Option<Time>,
}

/// A worker was given a connection, or passed it: told only of those that more than one was, or that were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// When.
    pub at: Time,
    /// Index into [`Timeline::connections`].
    pub conn: usize,
    /// Index into [`Timeline::workers`].
    pub worker: usize,
    /// Whether it took it.
    pub taken: bool,
}

/// Something about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicEvent<'a> {
    /// When.
    pub at: Time,
    /// Index into [`Timeline::workers`].
    pub worker: usize,
    /// The topic.
    pub topic: &'a str,
    /// What.
    pub what: TopicWord<'a>,
}

/// What happened about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicWord<'a> {
    /// The worker wants to know.
    Subscribed,
    /// The worker says that this is the value.
    Published(&'a str),
    /// The worker was told that this is the value.
    Heard(&'a str),
}

/// One incarnation of the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supervisor {
    /// Which process.
    pub proc: Proc,
    /// Since when.
    pub born: Time,
    /// Its end.
    pub exited: Option<(Time, Status)>,
}

/// A process of the subject that is neither supervisor nor worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descendant {
    /// Which process.
    pub proc: Proc,
    /// The pid of its parent at birth.
    pub parent: u32,
    /// First seen.
    pub born: When,
    /// Ended.
    pub died: Option<When>,
    /// Gone from the process table.
    pub reaped: Option<When>,
}

/// A fault with an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultSpan<'a> {
    /// As the scenario names it: `Freeze(Supervisor)`.
    pub fault: &'a str,
    /// Whom it hit.
    pub on: &'a [Proc],
    /// Its beginning.
    pub from: Time,
    /// Its end; [`Time::NEVER`] if it was never healed.
    pub until: Time,
}

impl FaultSpan<'_> {
    /// Whether it keeps this process from running.
    pub fn freezes(&self, proc: Proc) -> bool {
        self.fault.starts_with("Freeze") && self.on.contains(&proc)
    }
}

/// A signal that the harness sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injected {
    /// When.
    pub at: Time,
    /// To whom.
    pub proc: Proc,
    /// Which, by number.
    pub signal: i32,
}

/// Another supervisor that was started beside the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// Which process.
    pub proc: Proc,
    /// Since when.
    pub born: Time,
    /// Its end.
    pub exited: Option<(Time, Status)>,
}

/// A signal that a bystander got and that the harness did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught {
    /// When.
    pub at: Time,
    /// Which bystander.
    pub proc: Proc,
    /// Which, by number.
    pub signal: i32,
    /// The pid of who sent it, if that is known.
    pub by: Option<u32>,
}

/// Something that only one may have, as it was at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned<'a> {
    /// When.
    pub at: Time,
    /// What.
    pub what: &'a str,
    /// Which socket or file; `None`: there was none.
    pub is: Option<&'a str>,
}

/// Something a puppet was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// When.
    pub at: Time,
    /// Whom.
    pub proc: Proc,
    /// What, as the scenario names it.
    pub act: &'a str,
}

/// What a process used at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// When.
    pub at: Time,
    /// Which.
    pub proc: Proc,
    /// Open descriptors.
    pub descriptors: u32,
    /// Threads; 0 where nobody counts them.
    pub threads: u32,
    /// Processor time so far, in nanoseconds.
    pub cpu_ns: u64,
    /// The most memory that it ever had resident, in bytes; 0 where nobody counts it.
    pub peak: u64,
}

/// A delay that a process suffered because it got no processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Who; `None` is the harness.
    pub proc: Option<Proc>,
    /// Not looked at since.
    pub since: Time,
    /// Seen then.
    pub until: Time,
    /// How long it waited, in nanoseconds.
    pub delay_ns: u64,
}

/// The instants at which the phases of the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// The steps.
    pub steps: Option<Time>,
    /// The baseline was given up on.
    pub no_baseline: Option<Time>,
    /// No more faults.
    pub settle: Option<Time>,
    /// The harness stops the subject.
    pub stop: Option<Time>,
    /// The supervisor is gone.
    pub over: Option<Time>,
    /// The end of the observation.
    pub end: Option<Time>,
}

impl Phases {
    /// Notes the first instant of each phase.
    pub(super) fn note(&mut self, mark: PhaseMark, at: Time) {
        let phase = match mark {
            PhaseMark::Steps => &mut self.steps,
            PhaseMark::NoBaseline => &mut self.no_baseline,
            PhaseMark::Settle => &mut self.settle,
            PhaseMark::Stop => &mut self.stop,
            PhaseMark::Over => &mut self.over,
            PhaseMark::End => &mut self.end,
        };
        phase.get_or_insert(at);
    }
}

/// An operator asked how everybody is.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// When the operator asked.
    pub asked: Time,
    /// When there was an answer, or the operator gave up.
    pub at: Time,
    /// Whether there was one.
    pub answered: bool,
    /// The pids that it named, if it was read to its end.
    pub pids: Option<&'a [u32]>,
}

/// The history, indexed. Built once a run and shared by all invariants.
#[derive(Clone, Debug, Default)]
pub struct Timeline<'a> {
    /// Workers in the order of their births.
    pub workers: Vec<Worker>,
    /// Connections in the order of their ends.
    pub connections: Vec<Conn<'a>>,
    /// Connections that were given more than once or refused, in the order of the connections, then of time.
    pub given: Vec<Given>,
    /// What workers said and heard about topics, in order.
    pub topics: Vec<TopicEvent<'a>>,
    /// Incarnations of the supervisor in the order of their births.
    pub supervisors: Vec<Supervisor>,
    /// The other processes of the subject.
    pub descendants: Vec<Descendant>,
    /// Faults with an end, by beginning.
    pub faults: Vec<FaultSpan<'a>>,
    /// Signals sent, in order.
    pub injected: Vec<Injected>,
    /// Puppets asked, in order.
    pub asked: Vec<Asked<'a>>,
    /// The operator's commands.
    pub commands: Vec<(Time, &'a Command)>,
    /// What the supervisor used, in order.
    pub used: Vec<Used>,
    /// How many lines the supervisor had written by then, in order.
    pub lines: Vec<(Time, Proc, u64)>,
    /// How often a worker had gone to sleep by then, in order of the time.
    pub slept: Vec<(Time, Proc, u64)>,
    /// Operators who asked.
    pub answers: Vec<Answer<'a>>,
    /// What was said to orders: when those were given, when it was said, and what.
    pub replies: Vec<(Time, Time, Reply)>,
    /// Configurations put in place: when, their numbers, and whether a pool can serve with them. The one of the start is
    /// not among them.
    pub configured: Vec<(Time, u32, bool)>,
    /// Steps fired: when, path, what was said.
    pub steps: Vec<(Time, &'a [u32], &'a str)>,
    /// Steps missed: when, path, whether that is a failure.
    pub missed: Vec<(Time, &'a [u32], bool)>,
    /// Phases of the run.
    pub phases: Phases,
    /// Delays of judged processes and of the harness.
    pub stalls: Vec<Stall>,
    /// What was left, and when that was seen.
    pub left: Vec<(Time, &'a Leftover)>,
    /// What workers wrote, and what came out.
    pub output: Vec<(Time, &'a Output)>,
    /// What observers could not see.
    pub incomplete: Vec<&'a str>,
    /// The supervisor's own words.
    pub claims: Vec<(Time, &'a Claim)>,
    /// What a service manager was told, and by which pid.
    pub notified: Vec<(Time, u32, &'a str)>,
    /// Other supervisors that were started beside the first.
    pub seconds: Vec<Second>,
    /// Processes that have nothing to do with the subject.
    pub bystanders: Vec<Proc>,
    /// What they got.
    pub caught: Vec<Caught>,
    /// Looks at what only one may have, in order.
    pub owned: Vec<Owned<'a>>,
    /// What processes were started with, as they told it.
    pub environments: Vec<(Time, Proc, &'a Environment)>,
    /// The last instant of which the history speaks.
    pub until: Time,
}

impl Timeline<'_> {
    /// The supervisor's process at the first step (or the first one).
    pub fn supervisor(&self) -> Option<&Supervisor> {
        self.supervisors.first()
    }

    /// How many lines this supervisor had written, and those before it, at each look.
    pub fn lines_of(&self, supervisor: Proc) -> impl Iterator<Item = (Time, u64)> {
        self.lines.iter().filter(move |(_, proc, _)| *proc == supervisor).map(|(at, _, lines)| (*at, *lines))
    }
}

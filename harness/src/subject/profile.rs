//! What a subject promises. An absent line is `Undeclared`: counted and warned about, never a pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::{Handoff, OutputWay, Span, StatusIs};

/// The declared profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// How long after the last fault the pool is as wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converge: Option<Span>,
    /// Extra workers that may be alive beside those wanted and those that drain (surge).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surge: Option<u32>,
    /// Ready workers that may be missing without a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<u32>,
    /// From a birth to ready, for a puppet that boots at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Span>,
    /// From connect to the answer of a probe that is asked for no delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Span>,
    /// Restart delays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<DelayBound>,
    /// The restart limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitRule>,
    /// How long from the need for one restart too many to the end of the supervisor, beside the drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up: Option<Span>,
    /// Its exit status then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up_status: Option<StatusIs>,
    /// Its exit status after an orderly stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_status: Option<StatusIs>,
    /// Whether it ends a worker that has not drained by the scenario's deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
    /// Whether it goes on serving for as long as the scenario says when it is told to stop; absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lame_duck: Option<bool>,
    /// Whether it kills a worker that is not ready when the scenario's time for that is over, or that has said nothing for as
    /// long as the scenario says, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<bool>,
    /// How long somebody who is replaced goes on before it is told to leave: it counts as leaving from the beginning of that.
    /// Universal: absent is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Span>,
    /// How long after the drain deadline a worker may still be there (K).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill_slack: Option<Span>,
    /// Which forms of announcement it understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announcements: Option<Vec<crate::scenario::Retirement>>,
    /// Whether a reload replaces without going below the wanted number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling_reload: Option<bool>,
    /// From a death to the end of the zombie. Universal: absent is 250 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reap: Option<Span>,
    /// From the end of the supervisor to the end of everything it started. Universal: absent is 1 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphans: Option<Span>,
    /// What becomes of the workers when the supervisor is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_supervisor_death: Option<OnSupervisorDeath>,
    /// The share of a processor, in percent, that it takes at most while nothing happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_cpu: Option<u32>,
    /// How long an operator who asks on its control socket waits for the answer at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Span>,
    /// Whether it keeps the listening sockets open from start to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_listener: Option<bool>,
    /// How its workers can get at connections, the first if it is not asked for one; absent: they accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoffs: Option<Vec<Handoff>>,
    /// What more of a scenario's pool it can be asked for; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Vec<Takes>>,
    /// What becomes of what its workers write, by the way that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<BTreeMap<OutputWay, OutputPromise>>,
    /// What it can have beside its address; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owns: Option<Vec<crate::scenario::Owns>>,
    /// Whether it tells a service manager how it is (sd_notify(3)); absent: it doesn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
    /// What its workers are started with, beside what it was started with itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentRule>,
    /// How long after its birth a signal that it was not started with blocked or ignored may still end it by its default
    /// action, because its handlers are not there yet. Universal: absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handlers: Option<Span>,
    /// The exit status of one that is started where another one runs. Universal: absent is any but 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_start: Option<StatusIs>,
}

impl Profile {
    /// How its workers get at connections if it is not asked for a way.
    pub fn own_handoff(&self) -> Handoff {
        self.handoffs.as_ref().and_then(|ways| ways.first()).copied().unwrap_or(Handoff::Inherit)
    }
}

/// Something that a scenario may ask for about its pool, and that few supervisors can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Takes {
    /// `ready`: what makes a worker count as ready.
    Ready,
    /// `reload`: how many workers a rolling restart sees to at once. Where it is asked for, that is what `surge` and
    /// `max_unavailable` are during one.
    Reload,
    /// `handoff_timeout`: how long a worker may take to say that it has what it was passed.
    HandoffTimeout,
    /// `identity`: what its workers are, where that differs from the supervisor.
    Identity,
}

/// What is promised about the execution environment of workers. Users, groups, capabilities, umask, limits, directory and
/// variables are those of the supervisor, no signal is blocked or ignored, and no descriptor is open but standard input,
/// output and error, but for what this says and for the `identity` that a scenario asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentRule {
    /// They have the listening sockets, from descriptor 3 on, where they accept themselves.
    #[serde(default, skip_serializing_if = "crate::scenario::is_default")]
    pub listeners: bool,
    /// How many descriptors they have beside those, right after them: a channel, for instance.
    #[serde(default, skip_serializing_if = "crate::scenario::is_default")]
    pub descriptors: u32,
    /// Each leads a process group of its own.
    #[serde(default, skip_serializing_if = "crate::scenario::is_default")]
    pub leads_group: bool,
    /// Variables that are added, changed, or kept from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
}

/// What is promised about the delay between a death and the next birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DelayBound {
    /// The backoff that the scenario asks for, to be judged exactly.
    AsAsked,
    /// No delay is longer.
    AtMost(Span),
}

/// What is promised about the number of restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitRule {
    /// The limit that the scenario asks for, pool-wide and sliding.
    AsAsked,
    /// There is none.
    Unlimited,
}

/// What is promised about what workers write, besides that it comes out once, in order and by whole lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum OutputPromise {
    /// A worker waits until somebody reads, so that nothing is lost.
    Waits,
    /// A worker doesn't wait for whoever ought to take it. What is not taken is lost by whole lines, which are counted,
    /// and where it comes out it is said how many.
    Loses {
        /// The longest that one write of a worker takes.
        block: Span,
        /// So long after somebody reads again (or the file can be written) nothing is lost any more.
        recovers: Span,
    },
}

/// What becomes of workers without a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum OnSupervisorDeath {
    /// They drain and leave.
    WorkersLeave {
        /// Beyond the drain deadline.
        within: Span,
    },
    /// They serve on.
    WorkersStay,
}

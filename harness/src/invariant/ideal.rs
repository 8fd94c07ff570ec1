//! The profile of a subject that does everything that a scenario can ask for: capability is judged against it.

use crate::scenario::{Retirement, Span, StatusIs};
use crate::subject::{DelayBound, LimitRule, OnSupervisorDeath, Profile};

/// The declared profile, with every line that is absent or says less than scenarios ask for replaced.
pub(super) fn profile(declared: &Profile) -> Profile {
    let span = |line: Option<Span>, ideal: u64| line.or(Some(Span::millis(ideal)));
    Profile {
        converge: span(declared.converge, 5_000),
        surge: declared.surge.or(Some(1)),
        max_unavailable: Some(0),
        boot: span(declared.boot, 2_000),
        reply: span(declared.reply, 1_000),
        delay: Some(DelayBound::AsAsked),
        limit: Some(LimitRule::AsAsked),
        give_up: span(declared.give_up, 1_000),
        give_up_status: declared.give_up_status.or(Some(StatusIs::NonZero)),
        stop_status: declared.stop_status.or(Some(StatusIs::Zero)),
        drain: Some(true),
        lame_duck: Some(true),
        watchdog: Some(true),
        rest: declared.rest,
        kill_slack: span(declared.kill_slack, 500),
        announcements: Some(vec![Retirement::OnePhase, Retirement::TwoPhase]),
        rolling_reload: Some(true),
        reap: span(declared.reap, 250),
        orphans: span(declared.orphans, 1_000),
        on_supervisor_death: match declared.on_supervisor_death {
            leave @ Some(OnSupervisorDeath::WorkersLeave { .. }) => leave,
            _ => Some(OnSupervisorDeath::WorkersLeave { within: Span::millis(1_000) }),
        },
        idle_cpu: declared.idle_cpu.or(Some(5)),
        control: span(declared.control, 1_000),
        holds_listener: Some(true),
        // Not something to promise, but how it is.
        handoffs: declared.handoffs.clone(),
        takes: None,
        outputs: declared.outputs.clone(),
        owns: None,
        notify: None,
        environment: declared.environment.clone(),
        handlers: declared.handlers,
        second_start: declared.second_start,
    }
}

//! How long the parts of a run may take.

use std::time::Duration;

use crate::scenario::{Act, Scenario, Step};
use crate::subject::Profile;
use crate::world::Plan;

/// How long what is left of a subject is looked for after its end, where the profile says nothing.
const ORPHANS: Duration = Duration::from_secs(1);
/// What the harness's own work may take in a whole run on a busy machine.
const MARGIN: Duration = Duration::from_secs(60);

/// From the supervisor's end to the end of everything that it started.
pub fn orphans(plan: &Plan) -> Duration {
    plan.subject.profile.orphans.map_or(ORPHANS, |span| span.0)
}

/// The longest time that a run of this plan can take. Whatever takes longer is stuck.
pub fn whole_run(plan: &Plan) -> Duration {
    let Scenario { pool, steps: list, .. } = &plan.scenario;
    let Profile { converge, give_up, .. } = &plan.subject.profile;
    let ready = pool.ready_timeout.map_or(Duration::from_secs(30), |span| span.0);
    let settle =
        converge.map_or(Duration::from_secs(10), |span| span.0) + give_up.map_or(Duration::ZERO, |span| span.0);
    steps(list) + ready + settle + pool.drain.0 * 2 + pool.lame_duck.0 + orphans(plan) + MARGIN
}

fn steps(list: &[Step]) -> Duration {
    list.iter().map(|step| step.within.0 + step.jitter.0 + step.act.as_ref().map_or(Duration::ZERO, act)).sum()
}

fn act(act: &Act) -> Duration {
    match act {
        Act::Signal { times, spacing, .. } => spacing.0 * *times,
        Act::Ask { spread, .. } => spread.0,
        Act::Operate(crate::scenario::Command::Reloads { times, spacing }) => spacing.0 * *times,
        Act::During { span, steps: list, .. } => span.0 + steps(list),
        Act::Repeat { times, steps: list } => steps(list) * *times,
        Act::OneOf(acts) => acts.iter().map(self::act).max().unwrap_or_default(),
        Act::Together { spread, acts } => spread.0 + acts.iter().map(self::act).sum::<Duration>(),
        Act::Pause(span) => span.0,
        Act::Kill(_) | Act::Operate(_) | Act::Config(_) | Act::StartLoad(_) | Act::StopLoad(_) => Duration::ZERO,
    }
}

//! Bounds that hold where a profile says nothing, and what a restart policy allows: all of them in one file.

use std::time::Duration;

use crate::scenario::{Backoff, Scenario};
use crate::subject::{DelayBound, Profile};

/// From the instant at which a supervisor can know that it must act to the visible act, if no delay is due.
pub const REACT: Duration = Duration::from_millis(250);
/// From a death to the end of the zombie.
pub const REAP: Duration = Duration::from_millis(250);
/// From the end of the supervisor to the end of everything that it started.
pub const ORPHANS: Duration = Duration::from_secs(1);
/// From a drain deadline to the end of the process.
pub const KILL_SLACK: Duration = Duration::from_millis(500);
/// The last step and the phase that follows it are noted within this.
pub const SAME_STEP: Duration = Duration::from_millis(20);
/// By how much two starts may move against each other on their way from the decision to the first sight of them.
pub const START_JITTER: Duration = Duration::from_millis(10);
/// From the start of a worker to the first sight of it, where nothing but its own first line shows it.
pub const BIRTH_SEEN: Duration = Duration::from_millis(50);
/// How long a pool that has converged must stay as it is (H).
pub const HOLD: Duration = Duration::from_millis(200);
/// By how many percent a delay may differ from what was asked for before anybody minds.
const JITTER_PERCENT: u32 = 5;
/// What is assumed of a subject's own backoff where the scenario asks for none.
const OWN_CAP: Duration = Duration::from_secs(5);
/// A run that is certainly stable, where the scenario does not say what stable is.
const STABLE_AT_MOST: Duration = Duration::from_secs(10);
/// A run that is certainly not.
const STABLE_AT_LEAST: Duration = Duration::from_secs(1);

/// REAP as declared, or its default.
pub fn reap(profile: &Profile) -> Duration {
    profile.reap.map_or(REAP, |span| span.0)
}

/// ORPHANS as declared, or its default.
pub fn orphans(profile: &Profile) -> Duration {
    profile.orphans.map_or(ORPHANS, |span| span.0)
}

/// KILL_SLACK as declared, or its default.
pub fn kill_slack(profile: &Profile) -> Duration {
    profile.kill_slack.map_or(KILL_SLACK, |span| span.0)
}

/// The delay that follows so many runs in a row that were not stable, without jitter.
pub fn nominal(backoff: &Backoff, failures: u32) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let grown = (1..failures).try_fold(backoff.initial.0.min(backoff.cap.0), |delay, _| {
        let next = delay.saturating_mul(backoff.factor.max(1)).min(backoff.cap.0);
        if next == delay { Err(delay) } else { Ok(next) }
    });
    grown.unwrap_or_else(|settled| settled)
}

/// The least delay after so many runs in a row that were not stable.
pub fn least(backoff: &Backoff, failures: u32) -> Duration {
    nominal(backoff, failures) * (100 - JITTER_PERCENT) / 100
}

/// The longest delay that the policy allows after so many runs in a row that were not stable.
pub fn longest(scenario: &Scenario, profile: &Profile, failures: u32) -> Duration {
    match (profile.delay, &scenario.pool.backoff) {
        (Some(DelayBound::AtMost(span)), _) => span.0,
        (_, Some(backoff)) => nominal(backoff, failures) * (100 + JITTER_PERCENT) / 100,
        (_, None) if failures == 0 => Duration::ZERO,
        (_, None) => OWN_CAP,
    }
}

/// Whether a run of this length certainly ends the row of failures.
pub fn surely_stable(scenario: &Scenario, run: Duration) -> bool {
    run >= scenario.pool.stable.map_or(STABLE_AT_MOST, |span| span.0) + START_JITTER
}

/// Whether a run of this length may end the row of failures.
pub fn maybe_stable(scenario: &Scenario, run: Duration) -> bool {
    run + START_JITTER >= scenario.pool.stable.map_or(STABLE_AT_LEAST, |span| span.0)
}

/// How long a run must be watched after the last fault so that convergence can be judged.
pub fn settle(scenario: &Scenario, profile: &Profile) -> Duration {
    let converge = profile.converge.map_or(Duration::from_secs(1), |span| span.0);
    let cap = scenario.pool.backoff.map_or(Duration::ZERO, |backoff| backoff.cap.0);
    converge + cap + HOLD
}

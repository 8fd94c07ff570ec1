//! The pool, and whether its limit can be reached at all.

use std::time::Duration;

use crate::ron_file::Checker;
use crate::scenario::{Backoff, Handoff, Limit, Owns, Pool, Span};

/// More workers than this are no scenario but a typing error.
const MOST_WORKERS: u32 = 1000;

pub(super) fn check(checker: &mut Checker, pool: &Pool) {
    checker.not_zero("workers", pool.workers.into());
    if pool.workers > MOST_WORKERS {
        checker.wrong_in("workers", format!("{} workers", pool.workers)).expected(format!("at most {MOST_WORKERS}"));
    }
    if let Some(timeout) = pool.ready_timeout {
        checker.takes_time("ready_timeout", timeout.0);
    }
    if let Some(watchdog) = pool.watchdog {
        checker.takes_time("watchdog", watchdog.0);
    }
    if let Some(timeout) = pool.handoff_timeout {
        checker.takes_time("handoff_timeout", timeout.0);
        if pool.handoff != Some(Handoff::RoundRobin) {
            checker.wrong_in("handoff_timeout", "nobody is passed a connection").expected("`handoff: RoundRobin`");
        }
    }
    if let Some(identity) = &pool.identity {
        checker.enter("identity");
        if let Some(user @ (0 | u32::MAX)) = identity.user {
            checker.wrong_in("user", format!("{user} is nobody else")).expected("1 to 4294967294");
        }
        super::form::started_with(checker, identity.umask.as_deref(), identity.nofile);
        checker.leave();
    }
    if let Some(reload) = &pool.reload {
        checker.enter("reload");
        checker.not_zero("at_once", reload.at_once.into());
        checker.leave();
    }
    if pool.handoff == Some(Handoff::Reuseport) && pool.owns.contains(&Owns::Socket) {
        checker.wrong_in("handoff", "a Unix socket can't be shared by SO_REUSEPORT").expected("no Socket in `owns`");
    }
    if let Some(limit) = &pool.limit {
        checker.enter("limit");
        checker.takes_time("within", limit.within.0);
        checker.leave();
    }
    if let Some(backoff) = &pool.backoff {
        checker.enter("backoff");
        checker.not_zero("factor", backoff.factor.into());
        if backoff.cap < backoff.initial {
            let what = format!("the longest delay, {}, is shorter than the first, {}", backoff.cap, backoff.initial);
            checker.wrong_in("cap", what);
        }
        checker.leave();
    }
    if let (Some(limit), Some(backoff)) = (pool.limit, pool.backoff) {
        reachable(checker, limit, backoff);
    }
}

/// A single worker that always dies at once must reach the limit: its restarts are no further apart than the backoff.
fn reachable(checker: &mut Checker, limit: Limit, backoff: Backoff) {
    if limit.restarts == 0 || limit.within.is_zero() {
        return;
    }
    let (sum, shown) = delays(limit.restarts, backoff);
    if sum >= limit.within.0 {
        checker.wrong_in("limit", "one worker that always crashes can never reach this limit").expected(format!(
            "the need for one more than {} comes after {shown} = {}, not in less than {}",
            limit.restarts,
            Span(sum),
            limit.within
        ));
    }
}

/// The time from the first restart of a crash loop, which is immediate, until one more than so many is due; and the
/// sum as written.
fn delays(restarts: u32, backoff: Backoff) -> (Duration, String) {
    let mut delay = backoff.initial.0.min(backoff.cap.0);
    let mut sum = Duration::ZERO;
    let mut shown = Vec::new();
    for done in 0..restarts {
        if done < 4 {
            shown.push(Span(delay).to_string());
        }
        if delay >= backoff.cap.0 || backoff.factor <= 1 {
            sum = sum.saturating_add(delay.saturating_mul(restarts - done));
            if restarts - done > 1 {
                shown.push(format!("… up to {} each", Span(delay)));
            }
            break;
        }
        sum = sum.saturating_add(delay);
        delay = delay.saturating_mul(backoff.factor).min(backoff.cap.0);
    }
    (sum, shown.join(" + "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(restarts: u32, initial: u64, factor: u32, cap: u64) -> u128 {
        let backoff = Backoff { initial: Span::millis(initial), factor, cap: Span::millis(cap) };
        delays(restarts, backoff).0.as_millis()
    }

    #[test]
    fn the_sum_of_the_delays() {
        assert_eq!(sum(1, 10, 2, 80), 10);
        assert_eq!(sum(5, 10, 2, 80), 10 + 20 + 40 + 80 + 80);
        assert_eq!(sum(3, 10, 1, 80), 30);
        assert_eq!(sum(2, 100, 2, 50), 100);
        assert!(sum(u32::MAX, 1000, 3, 1000) > 4_000_000_000_000);
    }
}

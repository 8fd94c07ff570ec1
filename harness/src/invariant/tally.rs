//! How an invariant comes to its one verdict: the first violation counts, then doubt, then the worst figure measured.

use std::time::Duration;

use crate::time::Time;
use crate::verdict::Verdict;

/// Collects what an invariant finds.
#[derive(Debug, Default)]
pub(super) struct Tally {
    failed: Option<(Time, Verdict)>,
    doubt: Option<String>,
    /// The figure that came nearest to its bound (or exceeded it by most).
    worst: Option<(Duration, Duration)>,
    judged: u32,
}

impl Tally {
    /// Something was judged and held.
    pub(super) fn held(&mut self) {
        self.judged += 1;
    }

    /// Something took `span` of `bound`.
    pub(super) fn measured(&mut self, span: Duration, bound: Duration) {
        self.judged += 1;
        // span/bound > worst.span/worst.bound, without division.
        let worse = self.worst.is_none_or(|(s, b)| {
            span.as_nanos().saturating_mul(b.as_nanos()) > s.as_nanos().saturating_mul(bound.as_nanos())
        });
        if worse {
            self.worst = Some((span, bound));
        }
    }

    /// A violation. The earliest is reported.
    pub(super) fn fail(&mut self, at: Time, because: String, expected: String, actual: String) {
        self.judged += 1;
        if self.failed.as_ref().is_none_or(|(first, _)| at < *first) {
            self.failed = Some((at, Verdict::Fail { at, because, expected, actual }));
        }
    }

    /// Something can't be said.
    pub(super) fn doubt(&mut self, why: String) {
        self.judged += 1;
        self.doubt.get_or_insert(why);
    }

    /// Whether there was nothing to judge.
    pub(super) fn is_empty(&self) -> bool {
        self.judged == 0
    }

    /// Whether there is a violation already.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// The worst figure beside its bound.
    pub(super) fn worst(&self) -> Option<(Duration, Duration)> {
        self.worst
    }

    /// The verdict; `nothing` says why there was nothing to judge.
    pub(super) fn verdict(self, nothing: &str) -> Verdict {
        let measured = match self.worst {
            Some((span, bound)) => format!("{} of {}", say(span), say(bound)),
            None => format!("{} judged", self.judged),
        };
        self.verdict_saying(nothing, measured)
    }

    /// The same with another figure.
    pub(super) fn verdict_saying(self, nothing: &str, measured: String) -> Verdict {
        match (self.failed, self.doubt) {
            (Some((_, fail)), _) => fail,
            (None, Some(why)) => Verdict::Inconclusive { why },
            (None, None) if self.judged == 0 => Verdict::NotApplicable { why: nothing.to_owned() },
            (None, None) => Verdict::Pass { measured },
        }
    }
}

/// A span as a person reads it: three digits are enough.
pub(super) fn say(span: Duration) -> String {
    let micros = span.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..10_000_000 => format!("{:.2} s", micros as f64 / 1e6),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

//! What clients measured: outcomes and latencies. Figures for the reader; no verdict depends on them.

use std::collections::BTreeMap;
use std::fmt::Write;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::history::{Connection, History, What};
use crate::scenario::Scenario;

/// The longest latency that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// One load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Its name.
    pub load: String,
    /// How many of its connections had each outcome; each has exactly one.
    pub outcomes: BTreeMap<String, u64>,
    /// From the instant at which a connection was due, whether or not the harness was in time, to its answer; `None` if
    /// nothing was answered.
    pub latency: Option<Latency>,
}

/// Latencies in microseconds: so many percent were answered by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// 50 %.
    pub p50_us: u64,
    /// 90 %.
    pub p90_us: u64,
    /// 99 %.
    pub p99_us: u64,
    /// 99.9 %.
    pub p999_us: u64,
    /// All.
    pub max_us: u64,
}

/// The figures of every load of a run; none of one whose clients never came to ask for anything.
pub fn figures(scenario: &Scenario, history: &History) -> Vec<Figures> {
    let all = scenario.load.iter().map(|load| of(load.name(), history));
    all.filter(|figures| !figures.outcomes.is_empty()).collect()
}

fn of(load: &str, history: &History) -> Figures {
    let mut outcomes = BTreeMap::new();
    let mut histogram = Histogram::<u64>::new_with_max(LONGEST, DIGITS).ok();
    for event in &history.events {
        let What::Connection(conn) = &event.what else { continue };
        if conn.load != load {
            continue;
        }
        *outcomes.entry(format!("{:?}", conn.outcome)).or_default() += 1;
        if let (Some(micros), Some(histogram)) = (waited(conn), &mut histogram) {
            histogram.saturating_record(micros);
        }
    }
    let latency = histogram.filter(|all| !all.is_empty()).map(|all| Latency {
        p50_us: all.value_at_quantile(0.5),
        p90_us: all.value_at_quantile(0.9),
        p99_us: all.value_at_quantile(0.99),
        p999_us: all.value_at_quantile(0.999),
        max_us: all.max(),
    });
    Figures { load: load.to_owned(), outcomes, latency }
}

/// How long a client waited for its answer that came when it was to come.
fn waited(conn: &Connection) -> Option<u64> {
    let waited = conn.answered?.since(conn.due.unwrap_or(conn.tried));
    u64::try_from(waited.as_micros()).ok()
}

impl Figures {
    /// In one line.
    pub fn said(&self) -> String {
        let total: u64 = self.outcomes.values().sum();
        let mut said = format!("{total} connections");
        for (at, (outcome, count)) in self.outcomes.iter().enumerate() {
            _ = write!(said, "{} {count} {outcome}", if at == 0 { ":" } else { "," });
        }
        if let Some(Latency { p50_us, p90_us, p99_us, p999_us, max_us }) = self.latency {
            let millis = |micros: u64| micros as f64 / 1000.0;
            _ = write!(
                said,
                "; answered within {:.2} ms (50 %), {:.2} (90 %), {:.2} (99 %), {:.2} (99.9 %), {:.2} (all)",
                millis(p50_us),
                millis(p90_us),
                millis(p99_us),
                millis(p999_us),
                millis(max_us)
            );
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Outcome};
    use crate::scenario::parse;
    use crate::time::Time;

    /// A connection that was due at `due`, tried at `tried` and answered at `answered`, in milliseconds.
    fn conn(load: &str, due: u64, tried: u64, answered: Option<u64>) -> Event {
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        let outcome = if answered.is_some() { Outcome::Ok } else { Outcome::Reset };
        let record = Connection {
            id: 0,
            load: load.to_owned(),
            due: Some(at(due)),
            tried: at(tried),
            opened: Some(at(tried)),
            sent: Some(at(tried)),
            answered: answered.map(at),
            ended: at(answered.unwrap_or(tried)),
            hold_ns: 0,
            slow_ns: 0,
            peer: 0,
            owner: None,
            outcome,
        };
        Event::at(record.ended, What::Connection(Box::new(record)))
    }

    #[test]
    fn a_late_harness_is_not_left_out_of_the_latency() {
        let text =
            r#"(title: "t", pool: (workers: 1), load: [Flood(per_second: 10, as: "f"), Probe(every: "1s", as: "p")])"#;
        let scenario = parse(text, "x.ron").unwrap();
        // 99 in time; one that was tried 500 ms late and then answered at once.
        let mut events: Vec<Event> = (0..99).map(|k| conn("f", k * 10, k * 10, Some(k * 10 + 1))).collect();
        events.extend([conn("f", 1000, 1500, Some(1501)), conn("f", 1010, 1010, None), conn("p", 0, 0, Some(9))]);
        let [figures, other] = figures(&scenario, &History::told("sim", events)).try_into().expect("two loads");
        assert_eq!(other.latency.map(|latency| latency.p50_us / 100), Some(90), "{other:?}");
        assert_eq!(figures.outcomes, BTreeMap::from([("Ok".to_owned(), 100), ("Reset".to_owned(), 1)]));
        let latency = figures.latency.expect("answers");
        assert_eq!(latency.p50_us, 1000);
        assert!((501_000..502_000).contains(&latency.max_us), "{latency:?}");
        assert!(figures.said().starts_with("101 connections: 100 Ok, 1 Reset; answered within 1.00 ms (50 %)"));
    }
}

//! What clients measured: outcomes and latencies. Figures for the reader; no verdict depends on them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::history::{Connection, History, Outcome, What};
use crate::scenario::Scenario;

/// The longest latency that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;
/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// Significant digits of a bucket's bound: none is wider than a sixteenth of it.
const BUCKET_DIGITS: u8 = 1;

/// One load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Its name.
    pub load: String,
    /// How many of its connections had each outcome; each has exactly one.
    pub outcomes: BTreeMap<String, u64>,
    /// The same of its requests, if its connections have many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, u64>,
    /// From the instant at which a connection (of many requests: each of these) was due, whether or not the harness was in time,
    /// to its answer; `None` if nothing was answered.
    pub latency: Option<Latency>,
    /// The same waits, all of them, by how long they were: in ascending order, those in which none falls left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<Bucket>,
}

/// So many waits were no longer than this, and longer than the bucket before. The bounds are the same in every report, so that
/// buckets of several can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The longest that belongs to it, in nanoseconds.
    pub up_to_ns: u64,
    /// How many.
    pub count: u64,
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
    let (mut outcomes, mut requests) = (BTreeMap::new(), BTreeMap::new());
    let (mut of_connections, mut of_requests) = (Vec::new(), Vec::new());
    for event in &history.events {
        match &event.what {
            What::Connection(conn) if conn.load == load => {
                *outcomes.entry(format!("{:?}", conn.outcome)).or_default() += 1;
                of_connections.extend(waited(conn));
            }
            What::Request(request) if request.load == load => {
                *requests.entry(format!("{:?}", request.outcome)).or_default() += 1;
                let answered = request.outcome == Outcome::Ok;
                of_requests.extend(answered.then(|| request.ended.since(request.due)));
            }
            _ => {}
        }
    }
    // What a connection of many requests took says nothing.
    let waited = if requests.is_empty() { of_connections } else { of_requests };
    let mut histogram = Histogram::<u64>::new_with_max(LONGEST, DIGITS).ok();
    if let Some(histogram) = &mut histogram {
        let micros = waited.iter().filter_map(|span| u64::try_from(span.as_micros()).ok());
        micros.for_each(|micros| histogram.saturating_record(micros));
    }
    let latency = histogram.filter(|all| !all.is_empty()).map(|all| Latency {
        p50_us: all.value_at_quantile(0.5),
        p90_us: all.value_at_quantile(0.9),
        p99_us: all.value_at_quantile(0.99),
        p999_us: all.value_at_quantile(0.999),
        max_us: all.max(),
    });
    Figures { load: load.to_owned(), outcomes, requests, latency, buckets: buckets(&waited) }
}

/// Log-linear buckets. What was longer than the longest is in the last one.
fn buckets(waited: &[Duration]) -> Vec<Bucket> {
    let Ok(mut all) = Histogram::<u64>::new_with_max(LONGEST * 1000, BUCKET_DIGITS) else { return Vec::new() };
    for span in waited {
        all.saturating_record(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }
    let bucket = |value: u64, count| Bucket { up_to_ns: all.highest_equivalent(value), count };
    all.iter_recorded().map(|step| bucket(step.value_iterated_to(), step.count_since_last_iteration())).collect()
}

/// How long a client waited for its answer that came when it was to come.
fn waited(conn: &Connection) -> Option<Duration> {
    Some(conn.answered?.since(conn.due.unwrap_or(conn.tried)))
}

impl Figures {
    /// In one line.
    pub fn said(&self) -> String {
        let mut said = tallied("connections", &self.outcomes);
        if !self.requests.is_empty() {
            _ = write!(said, "; {}", tallied("requests", &self.requests));
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

/// `3 requests: 2 Ok, 1 Cut`.
fn tallied(what: &str, outcomes: &BTreeMap<String, u64>) -> String {
    let total: u64 = outcomes.values().sum();
    let mut said = format!("{total} {what}");
    for (at, (outcome, count)) in outcomes.iter().enumerate() {
        _ = write!(said, "{} {count} {outcome}", if at == 0 { ":" } else { "," });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Request};
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

    #[test]
    fn of_connections_that_are_used_again_each_request_counts() {
        let text = r#"(title: "t", pool: (workers: 1), load: [Park(connections: 1, reuse: "9ms", as: "r")])"#;
        let at = |millis: u64| Time::from_nanos(millis * 1_000_000);
        let request = |nth: u32, due: u64, ended: u64, outcome: Outcome| {
            let (load, due, sent, ended, owner) = ("r".to_owned(), at(due), Some(at(due)), at(ended), None);
            let request = Request { id: nth, conn: 0, load, nth, due, sent, ended, owner, outcome };
            Event::at(ended, What::Request(Box::new(request)))
        };
        let mut events: Vec<Event> = (1..=3)
            .map(|nth| request(nth, u64::from(nth) * 100, 102 + u64::from(nth - 1) * 100, Outcome::Ok))
            .collect();
        events.push(request(4, 400, 900, Outcome::Empty));
        events.push(conn("r", 0, 0, Some(302)));
        let [figures] =
            figures(&parse(text, "x.ron").unwrap(), &History::told("sim", events)).try_into().expect("a load");
        assert_eq!(figures.latency.map(|latency| latency.max_us / 10), Some(200), "2 ms, and not 302: {figures:?}");
        assert!(figures.said().starts_with("1 connections: 1 Ok; 4 requests: 1 Empty, 3 Ok; answered within 2.00 ms"));
    }

    #[test]
    fn buckets_hold_every_wait_once_and_are_narrow() {
        let spans: Vec<Duration> = (0..2_000).map(|k: u64| Duration::from_nanos(k * k * 10_007)).collect();
        let buckets = buckets(&spans);
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 2_000);
        assert!(buckets.iter().all(|bucket| bucket.count > 0));
        assert!(buckets.windows(2).all(|pair| pair[0].up_to_ns < pair[1].up_to_ns));
        assert!(buckets.len() < 400, "{}", buckets.len());
        let mut from = 0;
        for bucket in &buckets {
            let until = u128::from(bucket.up_to_ns);
            let inside: Vec<u128> =
                spans.iter().map(Duration::as_nanos).filter(|ns| from <= *ns && *ns <= until).collect();
            assert_eq!(inside.len() as u64, bucket.count, "{bucket:?}");
            assert!(inside.iter().all(|ns| until - ns <= until / 16), "{bucket:?}");
            from = until + 1;
        }
    }

    #[test]
    fn what_is_longer_than_the_longest_is_in_the_last_bucket() {
        let of = |seconds: &[u64]| buckets(&seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>());
        assert!(of(&[]).is_empty());
        let [last] = of(&[60, 3600, 7200]).try_into().expect("one bucket");
        assert_eq!(last.count, 3);
    }

    #[test]
    fn buckets_are_in_the_json_form() {
        let text = r#"(title: "t", pool: (workers: 1), load: [Probe(every: "1s", as: "p")])"#;
        let events =
            vec![conn("p", 0, 0, Some(1)), conn("p", 0, 0, Some(1)), conn("p", 0, 0, Some(9)), conn("p", 0, 0, None)];
        let [figures] =
            figures(&parse(text, "x.ron").unwrap(), &History::told("sim", events)).try_into().expect("a load");
        let told = serde_json::to_value(&figures).expect("JSON");
        let expected = serde_json::json!([
            {"up_to_ns": 1_015_807, "count": 2},
            {"up_to_ns": 9_437_183, "count": 1},
        ]);
        assert_eq!(told["buckets"], expected);
        assert_eq!(serde_json::from_value::<Figures>(told).expect("the same"), figures);
    }
}

//! The expectation about topics: who wants to know a value knows the newest one.

use std::time::Duration;

use crate::history::{TopicEvent, TopicWord, Worker};
use crate::scenario::Command;
use crate::time::Time;
use crate::verdict::Verdict;

use super::case::{Case, Timely, extend};
use super::expect::Span;
use super::facts::merge;
use super::tally::{Tally, say};

/// A publisher that ended so soon after it published may not have said it.
const SAID: Duration = Duration::from_millis(5);

/// A value, and for how long it is the newest.
#[derive(Clone, Copy, Debug)]
struct Value<'a> {
    data: &'a str,
    from: Time,
    until: Time,
    /// Whether it certainly was said.
    sure: bool,
}

/// So long after a change, or after it became ready, every subscriber has heard the newest value; and then it hears no
/// older one. One that dies or leaves before has no need to know.
pub(super) fn current(case: &Case<'_>, topic: &str, within: Duration, span: Span) -> Verdict {
    let end = span.until.min(case.facts.peace);
    let events: Vec<&TopicEvent<'_>> = case.timeline.topics.iter().filter(|event| event.topic == topic).collect();
    let values = values(case, topic, &events, end);
    let mut tally = Tally::default();
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let own = || events.iter().filter(|event| event.worker == index);
        let Some(subscribed) = own().find(|event| event.what == TopicWord::Subscribed) else { continue };
        let Some(ready) = worker.ready.map(|ready| ready.max(subscribed.at)) else { continue };
        let heard: Vec<(Time, &str)> = own().filter_map(|event| Some((event.at, heard(event)?))).collect();
        let reader = Reader { case, index, worker, ready, within, end };
        for (nth, value) in values.iter().enumerate().filter(|(_, value)| value.from >= span.from) {
            reader.knows(*value, &heard, &mut tally);
            // What was the newest value within the bound before it is no news, but may be on its way.
            reader.hears_no_older(&values[..=nth], &heard, &mut tally);
        }
    }
    tally.verdict("nobody who subscribed was there when a value was published")
}

fn heard<'a>(event: &TopicEvent<'a>) -> Option<&'a str> {
    if let TopicWord::Heard(data) = event.what { Some(data) } else { None }
}

fn values<'a>(case: &'a Case<'_>, topic: &str, events: &[&TopicEvent<'a>], end: Time) -> Vec<Value<'a>> {
    let published = |event: &&TopicEvent<'a>| {
        let TopicWord::Published(data) = event.what else { return None };
        let sure = case.worker(event.worker).maybe_dead() > event.at + SAID;
        Some(Value { data, from: event.at, until: end, sure })
    };
    let ordered = case.timeline.commands.iter().filter_map(|(at, command)| match command {
        Command::Publish { topic: of, data } if of == topic => Some(Value { data, from: *at, until: end, sure: true }),
        _ => None,
    });
    let mut values: Vec<Value<'a>> = events.iter().filter_map(published).chain(ordered).collect();
    values.sort_by_key(|value| value.from);
    for nth in 1..values.len() {
        values[nth - 1].until = values[nth].from;
        // Of two that are published at once either may be the last.
        if values[nth].from.since(values[nth - 1].from) <= SAID {
            values[nth].sure = false;
        }
    }
    values
}

/// One subscriber.
struct Reader<'a> {
    case: &'a Case<'a>,
    index: usize,
    worker: &'a Worker,
    ready: Time,
    within: Duration,
    end: Time,
}

impl Reader<'_> {
    /// When it must know what was so at `from`: the time for which it did not run does not count.
    fn due(&self, from: Time) -> Time {
        let own = self.case.timeline.faults.iter().filter(|fault| fault.on.contains(&self.worker.proc));
        let frozen = merge(own.map(|fault| (fault.from, fault.until)).collect());
        extend(from, self.case.due(from, self.within), &frozen)
    }

    fn knows(&self, value: Value<'_>, heard: &[(Time, &str)], tally: &mut Tally) {
        let from = value.from.max(self.ready);
        let due = self.due(from);
        let gone = self.worker.maybe_dead().min(self.worker.retires().unwrap_or(Time::NEVER));
        let spoiled = self.worker.spoiled.is_some_and(|at| at <= due);
        if !value.sure || spoiled || due >= value.until.min(gone).min(self.end) {
            return;
        }
        let knew = heard.iter().find(|(at, data)| *at >= value.from && *data == value.data).map(|(at, _)| *at);
        // A newborn is told before it is ready.
        let at = knew.unwrap_or(Time::NEVER).max(from);
        match self.case.timely(from, due, at, &[self.worker.proc]) {
            Timely::Yes => tally.measured(at.since(from), self.within),
            Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
            Timely::No => {
                let last = heard.iter().rfind(|(at, _)| *at <= due).map(|(_, data)| *data);
                tally.fail(
                    due,
                    format!("{} ought to know {} since {from}", self.case.name(self.index), value.data),
                    format!("told within {}", say(self.within)),
                    last.map_or_else(|| "it was told nothing".to_owned(), |data| format!("it was told {data} last")),
                );
            }
        }
    }

    /// `values`: all up to the one that is judged, the last.
    fn hears_no_older(&self, values: &[Value<'_>], heard: &[(Time, &str)], tally: &mut Tally) {
        let [older @ .., value] = values else { return };
        if !value.sure {
            return;
        }
        let settled = self.due(value.from);
        for (at, data) in heard.iter().filter(|(at, _)| *at > settled && *at < value.until) {
            let old = *data != value.data && older.iter().any(|older| older.data == *data);
            if old && self.case.timely(value.from, settled, *at, &[self.worker.proc]) == Timely::No {
                tally.fail(
                    *at,
                    format!("{} was told {data}, and {} had taken its place", self.case.name(self.index), value.data),
                    value.data.to_owned(),
                    format!("{data}, {} too late", say(at.since(value.from))),
                );
            }
        }
    }
}

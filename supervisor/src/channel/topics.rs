//! State shared between workers: topics of which the last value wins, and the words about them.
//!
//! A worker publishes a value under a topic and everybody who subscribed to it is told, of whichever pool. Only the newest
//! value of a topic is kept, once; what waits for a slow subscriber is which topics it has to be told of. So nobody waits
//! for anybody, and the memory is bounded by topics and values alone.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use serde::Serialize;
use serde_json::value::RawValue;

/// What the hub refuses to grow beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// Topics that have a value or a subscriber.
    pub topics: usize,
    /// Bytes of a topic's name; it has at least one.
    pub name: usize,
    /// Bytes of a value's JSON text.
    pub value: usize,
}

impl Default for TopicLimits {
    /// At most 64 MiB altogether.
    fn default() -> Self {
        Self { topics: 256, name: 255, value: 256 * 1024 }
    }
}

/// What a worker says about topics.
#[derive(Clone, Debug)]
pub enum TopicWord {
    /// This is the value now; JSON's `null` takes the value away.
    Publish {
        /// Of what.
        topic: String,
        /// The value, passed on as it was written.
        data: Box<RawValue>,
    },
    /// It wants to be told of these, their values now first.
    Subscribe(Vec<String>),
    /// Not of these any more.
    Unsubscribe(Vec<String>),
}

/// Why a word about topics had no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many topics as there may be, and this is a new one.
    TooManyTopics {
        /// Which.
        topic: String,
        /// How many there may be.
        limit: usize,
    },
    /// The name is empty or too long.
    Name {
        /// How long it is, in bytes.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The value is too long.
    Value {
        /// Of what.
        topic: String,
        /// How long it is, in bytes of JSON text.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A member of the message is missing or of the wrong kind.
    Malformed {
        /// Which message.
        act: String,
        /// What it should have had.
        expected: &'static str,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyTopics { topic, limit } => {
                write!(f, "topic {topic:?} would be one too many: there are {limit}, and no more may be")
            }
            Self::Name { length, limit } => {
                write!(f, "the name of a topic has 1 to {limit} bytes, this one has {length}")
            }
            Self::Value { topic, length, limit } => {
                write!(f, "the value of topic {topic:?} has {length} bytes; at most {limit} are kept")
            }
            Self::Malformed { act, expected } => write!(f, "{act:?}: expected {expected}"),
        }
    }
}

/// A topic, for those who want to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The JSON text of its value, if it has one.
    pub value: Option<&'a str>,
    /// How many are told of it.
    pub subscribers: usize,
}

/// Topics, their values, and who is to be told of what. `S` names a subscriber: one that dies and returns is another one.
#[derive(Clone, Debug)]
pub struct Hub<S> {
    limits: TopicLimits,
    topics: BTreeMap<Rc<str>, Topic<S>>,
    /// What each has to be told of yet, in this order and each topic once. Nobody is in here with nothing.
    waiting: BTreeMap<S, VecDeque<Rc<str>>>,
}

/// Neither a value nor a subscriber: then it is forgotten.
#[derive(Clone, Debug)]
struct Topic<S> {
    value: Option<Box<RawValue>>,
    /// Each with whether the topic waits for it.
    subscribers: BTreeMap<S, bool>,
}

impl<S: Copy + Ord> Hub<S> {
    /// No topic yet.
    pub fn new(limits: TopicLimits) -> Self {
        Self { limits, topics: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    /// Does what `from` wants.
    ///
    /// # Errors
    /// Something was refused. Of several topics those that could be were subscribed to; the first that couldn't is told.
    pub fn take(&mut self, from: S, word: TopicWord) -> Result<(), Refusal> {
        match word {
            TopicWord::Publish { topic, data } => self.publish(&topic, data),
            TopicWord::Subscribe(topics) => {
                let refused = topics.iter().filter_map(|topic| self.subscribe(from, topic).err());
                refused.reduce(|first, _| first).map_or(Ok(()), Err)
            }
            TopicWord::Unsubscribe(topics) => {
                topics.iter().for_each(|topic| self.unsubscribe(from, topic));
                Ok(())
            }
        }
    }

    /// Sets the value of a topic, or takes it away (`null`).
    ///
    /// # Errors
    /// Name or value are beyond the limits, or the topic would be one too many.
    pub fn publish(&mut self, topic: &str, data: Box<RawValue>) -> Result<(), Refusal> {
        self.check_name(topic)?;
        let (length, limit) = (data.get().len(), self.limits.value);
        if length > limit {
            return Err(Refusal::Value { topic: topic.to_owned(), length, limit });
        }
        let name = self.topic(topic)?;
        let Some(topic) = self.topics.get_mut(&name) else { return Ok(()) };
        topic.value = (data.get() != "null").then_some(data);
        for (&subscriber, waits) in &mut topic.subscribers {
            if !std::mem::replace(waits, true) {
                self.waiting.entry(subscriber).or_default().push_back(Rc::clone(&name));
            }
        }
        self.forget_if_unused(&name);
        Ok(())
    }

    /// Tells `subscriber` of a topic from now on, of its present value first; said again, of its present value again.
    ///
    /// # Errors
    /// The name is beyond the limits, or the topic would be one too many.
    pub fn subscribe(&mut self, subscriber: S, topic: &str) -> Result<(), Refusal> {
        let name = self.topic(topic)?;
        let Some(topic) = self.topics.get_mut(&name) else { return Ok(()) };
        let waits = topic.subscribers.entry(subscriber).or_insert(false);
        if topic.value.is_some() && !std::mem::replace(waits, true) {
            self.waiting.entry(subscriber).or_default().push_back(name);
        }
        Ok(())
    }

    /// Tells `subscriber` nothing more of a topic, whether it was told or not.
    pub fn unsubscribe(&mut self, subscriber: S, topic: &str) {
        let Some(waits) = self.topics.get_mut(topic).and_then(|topic| topic.subscribers.remove(&subscriber)) else {
            return;
        };
        if waits && let Some(queue) = self.waiting.get_mut(&subscriber) {
            queue.retain(|waiting| **waiting != *topic);
            if queue.is_empty() {
                self.waiting.remove(&subscriber);
            }
        }
        self.forget_if_unused(topic);
    }

    /// A subscriber is gone. What it published stays.
    pub fn leave(&mut self, subscriber: S) {
        self.waiting.remove(&subscriber);
        self.topics.retain(|_, topic| {
            topic.subscribers.remove(&subscriber);
            topic.value.is_some() || !topic.subscribers.is_empty()
        });
    }

    /// Everybody who has something to be told, after `last` if that is given.
    pub fn waiting_after(&self, last: Option<S>) -> Option<S> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = last.map_or(Unbounded, Excluded);
        self.waiting.range((after, Unbounded)).next().map(|(&subscriber, _)| subscriber)
    }

    /// Whether there is something to tell this one.
    pub fn is_waiting(&self, subscriber: S) -> bool {
        self.waiting.contains_key(&subscriber)
    }

    /// The line, with its LF, that tells `subscriber` of the topic that waits longest, as it is now. `None`: it knows
    /// everything. To be called only when the line can be sent: what is taken here isn't given again.
    pub fn next(&mut self, subscriber: S) -> Option<Vec<u8>> {
        let queue = self.waiting.get_mut(&subscriber)?;
        let name = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&subscriber);
        }
        let name = name?;
        let topic = self.topics.get_mut(&name)?;
        topic.subscribers.insert(subscriber, false);
        Some(update(&name, topic.value.as_deref()))
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = TopicView<'_>> {
        self.topics.iter().map(|(name, topic)| TopicView {
            name,
            value: topic.value.as_deref().map(RawValue::get),
            subscribers: topic.subscribers.len(),
        })
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let (length, limit) = (name.len(), self.limits.name);
        if (1..=limit).contains(&length) { Ok(()) } else { Err(Refusal::Name { length, limit }) }
    }

    /// The name of a topic that is there or may be made.
    fn topic(&mut self, name: &str) -> Result<Rc<str>, Refusal> {
        self.check_name(name)?;
        if let Some((name, _)) = self.topics.get_key_value(name) {
            return Ok(Rc::clone(name));
        }
        let limit = self.limits.topics;
        if self.topics.len() >= limit {
            return Err(Refusal::TooManyTopics { topic: name.to_owned(), limit });
        }
        let name: Rc<str> = name.into();
        self.topics.insert(Rc::clone(&name), Topic { value: None, subscribers: BTreeMap::new() });
        Ok(name)
    }

    fn forget_if_unused(&mut self, name: &str) {
        if self.topics.get(name).is_some_and(|topic| topic.value.is_none() && topic.subscribers.is_empty()) {
            self.topics.remove(name);
        }
    }
}

#[derive(Serialize)]
struct Update<'a> {
    act: &'static str,
    topic: &'a str,
    data: Option<&'a RawValue>,
}

fn update(topic: &str, data: Option<&RawValue>) -> Vec<u8> {
    line(&Update { act: "update", topic, data })
}

/// The line, with its LF, that tells a worker why its word about topics had no effect.
pub fn refused(refusal: &Refusal) -> Vec<u8> {
    line(&serde_json::json!({ "act": "error", "reason": refusal.to_string() }))
}

fn line(message: &impl Serialize) -> Vec<u8> {
    // Strings and JSON texts: nothing of that can fail to be written.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;

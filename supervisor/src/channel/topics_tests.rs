use proptest::prelude::*;
use std::collections::BTreeSet;

use super::*;

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

fn hub() -> Hub<u32> {
    Hub::new(TopicLimits { topics: 3, name: 8, value: 20 })
}

/// Everything that one subscriber is told, as text.
fn told(hub: &mut Hub<u32>, subscriber: u32) -> Vec<String> {
    std::iter::from_fn(|| hub.next(subscriber)).map(|line| String::from_utf8(line).expect("UTF-8")).collect()
}

fn line(topic: &str, data: &str) -> String {
    format!("{{\"act\":\"update\",\"topic\":\"{topic}\",\"data\":{data}}}\n")
}

#[test]
fn a_new_subscriber_hears_the_value_first_and_then_every_change() {
    let mut hub = hub();
    hub.publish("a", raw("1")).unwrap();
    hub.subscribe(7, "a").unwrap();
    assert_eq!(told(&mut hub, 7), [line("a", "1")]);
    assert_eq!(told(&mut hub, 7), [""; 0]);
    hub.publish("a", raw(r#"{"x": 1.0e0}"#)).unwrap();
    assert_eq!(told(&mut hub, 7), [line("a", r#"{"x": 1.0e0}"#)], "as it was written");
}

#[test]
fn a_publisher_hears_nothing_unless_it_subscribed() {
    let mut hub = hub();
    hub.take(1, TopicWord::Subscribe(vec!["a".into()])).unwrap();
    for publisher in [1, 2] {
        hub.take(publisher, TopicWord::Publish { topic: "a".into(), data: raw("5") }).unwrap();
        assert_eq!(told(&mut hub, 2), [""; 0]);
        assert_eq!(told(&mut hub, 1), [line("a", "5")]);
    }
}

#[test]
fn a_slow_subscriber_hears_the_newest_value_of_each_topic_once() {
    let mut hub = hub();
    hub.take(1, TopicWord::Subscribe(vec!["a".into(), "b".into()])).unwrap();
    for round in 0..100 {
        hub.publish("b", raw(&format!("{round}"))).unwrap();
        hub.publish("a", raw(&format!("-{round}"))).unwrap();
    }
    assert_eq!(told(&mut hub, 1), [line("b", "99"), line("a", "-99")], "whoever waits longest first");
}

#[test]
fn one_that_returns_as_another_hears_what_is_true_now() {
    let mut hub = hub();
    hub.subscribe(1, "a").unwrap();
    hub.publish("a", raw("1")).unwrap();
    hub.leave(1);
    assert!(!hub.is_waiting(1));
    hub.publish("a", raw("2")).unwrap();
    hub.subscribe(2, "a").unwrap();
    assert_eq!(told(&mut hub, 2), [line("a", "2")]);
    assert_eq!(told(&mut hub, 1), [""; 0]);
}

#[test]
fn unsubscribing_takes_away_what_waits() {
    let mut hub = hub();
    hub.take(1, TopicWord::Subscribe(vec!["a".into(), "b".into()])).unwrap();
    hub.publish("a", raw("1")).unwrap();
    hub.publish("b", raw("2")).unwrap();
    hub.take(1, TopicWord::Unsubscribe(vec!["a".into(), "never".into()])).unwrap();
    assert_eq!(told(&mut hub, 1), [line("b", "2")]);
    hub.publish("a", raw("3")).unwrap();
    assert_eq!(hub.waiting_after(None), None);
}

#[test]
fn null_takes_a_value_away_and_an_unused_topic_makes_room() {
    let mut hub = hub();
    hub.subscribe(1, "a").unwrap();
    hub.publish("a", raw("1")).unwrap();
    hub.publish("a", raw("null")).unwrap();
    assert_eq!(told(&mut hub, 1), [line("a", "null")]);
    hub.subscribe(2, "a").unwrap();
    assert_eq!(told(&mut hub, 2), [""; 0], "as if there had never been one");
    hub.leave(1);
    hub.unsubscribe(2, "a");
    hub.publish("b", raw("null")).unwrap();
    assert_eq!(hub.topics().count(), 0);
}

#[test]
fn limits_refuse_and_change_nothing() {
    let mut hub = hub();
    for topic in ["a", "b"] {
        hub.publish(topic, raw("1")).unwrap();
    }
    hub.subscribe(1, "c").unwrap();
    let refused = |topic: &str| Err(Refusal::TooManyTopics { topic: topic.into(), limit: 3 });
    assert_eq!(hub.publish("d", raw("1")), refused("d"));
    assert_eq!(hub.take(1, TopicWord::Subscribe(vec!["e".into(), "a".into(), "f".into()])), refused("e"));
    assert_eq!(told(&mut hub, 1), [line("a", "1")], "what could be was subscribed to");
    let long = raw(&format!("\"{}\"", "x".repeat(19)));
    assert_eq!(hub.publish("a", long), Err(Refusal::Value { topic: "a".into(), length: 21, limit: 20 }));
    assert_eq!(hub.publish("", raw("1")), Err(Refusal::Name { length: 0, limit: 8 }));
    assert_eq!(hub.subscribe(1, "123456789"), Err(Refusal::Name { length: 9, limit: 8 }));
    let view: Vec<_> = hub.topics().map(|view| (view.name, view.value, view.subscribers)).collect();
    assert_eq!(view, [("a", Some("1"), 1), ("b", Some("1"), 0), ("c", None, 1)]);
}

#[test]
fn whoever_waits_is_found_in_order() {
    let mut hub = hub();
    for subscriber in [4, 2, 9] {
        hub.subscribe(subscriber, "a").unwrap();
    }
    hub.publish("a", raw("1")).unwrap();
    assert_eq!(told(&mut hub, 4).len(), 1);
    assert_eq!(
        (hub.waiting_after(None), hub.waiting_after(Some(2)), hub.waiting_after(Some(9))),
        (Some(2), Some(9), None)
    );
}

#[test]
fn a_refusal_is_one_line_that_says_why() {
    let refusal = Refusal::TooManyTopics { topic: "a\n".into(), limit: 3 };
    let line = String::from_utf8(super::refused(&refusal)).expect("UTF-8");
    let reason = r#"topic \"a\\n\" would be one too many: there are 3, and no more may be"#;
    assert_eq!(line, format!("{{\"act\":\"error\",\"reason\":\"{reason}\"}}\n"));
}

/// What may happen, with small numbers for topics and places. Somebody who dies returns as another subscriber.
#[derive(Clone, Debug)]
enum Happening {
    Publish(u8, bool),
    Subscribe(u8, u8),
    Unsubscribe(u8, u8),
    /// It reads so many lines.
    Read(u8, u8),
    Die(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let (topic, place) = (0u8..4, 0u8..3);
    prop_oneof![
        4 => (topic.clone(), prop::bool::weighted(0.1)).prop_map(|(topic, away)| Happening::Publish(topic, away)),
        3 => (place.clone(), topic.clone()).prop_map(|(place, topic)| Happening::Subscribe(place, topic)),
        1 => (place.clone(), topic).prop_map(|(place, topic)| Happening::Unsubscribe(place, topic)),
        2 => (place.clone(), 0u8..4).prop_map(|(place, lines)| Happening::Read(place, lines)),
        1 => place.prop_map(Happening::Die),
    ]
}

/// The world as it should be: values count up, so what is older is smaller.
#[derive(Default)]
struct Model {
    clock: u64,
    current: BTreeMap<String, u64>,
    incarnation: [u32; 3],
    subscribed: BTreeSet<(u32, String)>,
    /// What each saw last of each topic; `None` is a null.
    seen: BTreeMap<(u32, String), Option<u64>>,
}

impl Model {
    fn subscriber(&self, place: u8) -> u32 {
        u32::from(place) + 3 * self.incarnation[usize::from(place)]
    }

    /// One line was read. Returns what is wrong with that.
    fn read(&mut self, subscriber: u32, line: &[u8]) -> Result<(), String> {
        let message: serde_json::Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let key = (subscriber, message["topic"].as_str().unwrap_or_default().to_owned());
        if !self.subscribed.contains(&key) {
            return Err(format!("{key:?} did not subscribe: {message}"));
        }
        let value = message["data"].as_u64();
        if value != self.current.get(&key.1).copied() {
            return Err(format!("not the newest value: {message}"));
        }
        let before = self.seen.insert(key, value).flatten();
        if value.is_some() && before > value {
            return Err(format!("after {before:?} came {message}"));
        }
        Ok(())
    }

    fn forget(&mut self, gone: impl Fn(&(u32, String)) -> bool) {
        self.subscribed.retain(|key| !gone(key));
        self.seen.retain(|key, _| !gone(key));
    }
}

proptest! {
    #[test]
    fn at_rest_everybody_knows_what_is_true(happenings in prop::collection::vec(happening(), 0..120)) {
        let (mut hub, mut model) = (Hub::new(TopicLimits::default()), Model::default());
        let name = |topic: u8| format!("t{topic}");
        for happening in happenings {
            match happening {
                Happening::Publish(topic, away) => {
                    model.clock += 1;
                    let value = (!away).then_some(model.clock);
                    match value {
                        Some(value) => model.current.insert(name(topic), value),
                        None => model.current.remove(&name(topic)),
                    };
                    let json = value.map_or("null".to_owned(), |value| value.to_string());
                    prop_assert_eq!(hub.publish(&name(topic), raw(&json)), Ok(()));
                }
                Happening::Subscribe(place, topic) => {
                    prop_assert_eq!(hub.subscribe(model.subscriber(place), &name(topic)), Ok(()));
                    model.subscribed.insert((model.subscriber(place), name(topic)));
                }
                Happening::Unsubscribe(place, topic) => {
                    let key = (model.subscriber(place), name(topic));
                    hub.unsubscribe(key.0, &key.1);
                    model.forget(|other| *other == key);
                }
                Happening::Read(place, lines) => {
                    let subscriber = model.subscriber(place);
                    for line in (0..lines).map_while(|_| hub.next(subscriber)) {
                        prop_assert_eq!(model.read(subscriber, &line), Ok(()));
                    }
                }
                Happening::Die(place) => {
                    let subscriber = model.subscriber(place);
                    hub.leave(subscriber);
                    model.forget(|key| key.0 == subscriber);
                    model.incarnation[usize::from(place)] += 1;
                }
            }
            prop_assert!(hub.waiting.values().all(|queue| (1..=4).contains(&queue.len())), "at most once for each topic");
            prop_assert!(hub.topics.values().all(|topic| topic.value.is_some() || !topic.subscribers.is_empty()));
        }
        while let Some(subscriber) = hub.waiting_after(None) {
            let line = hub.next(subscriber).expect("it waits for something");
            prop_assert_eq!(model.read(subscriber, &line), Ok(()));
        }
        for key in &model.subscribed {
            let seen = model.seen.get(key).copied().flatten();
            prop_assert_eq!(seen, model.current.get(&key.1).copied(), "{:?}", key);
        }
    }
}

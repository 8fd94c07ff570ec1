//! Topics: names that somebody subscribes to, values that are JSON.

use serde::de::IgnoredAny;

use crate::ron_file::Checker;
use crate::scenario::{Act, Ask, Command, Life, Scenario};

/// What is published can be passed on.
pub(super) fn published(checker: &mut Checker, topic: &str, data: &str) {
    if topic.is_empty() {
        checker.wrong_in("topic", "a topic has a name");
    }
    if let Err(why) = serde_json::from_str::<IgnoredAny>(data) {
        checker
            .wrong_in("data", format!("{data:?} is no JSON: {why}"))
            .expected("a JSON value, such as \"1\" or \"[2]\"");
    }
}

/// What is expected of a topic can be seen: it is published, and somebody wants to know.
pub(super) fn expected(checker: &mut Checker, topic: &str, scenario: &Scenario) {
    let mut all = scenario.lives.all();
    if !all.any(|life| matches!(life, Life::Record(record) if record.subscribe.iter().any(|one| one == topic))) {
        checker
            .wrong_in("topic", format!("no life subscribes to `{topic}`"))
            .expected(format!("a life with `subscribe: [{topic:?}]`"));
    }
    let publishes = |act: &Act| match act {
        Act::Ask { to: Ask::Publish { topic: published, .. }, .. }
        | Act::Operate(Command::Publish { topic: published, .. }) => published == topic,
        _ => false,
    };
    if !scenario.steps.iter().any(|step| step.any(&publishes)) {
        let expected = format!("a step with `Publish(topic: {topic:?}, …)`");
        checker.wrong_in("topic", format!("no step publishes `{topic}`")).expected(expected);
    }
}

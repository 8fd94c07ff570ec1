//! One connection of an operator to the control socket, until it has what it waits for.

use crate::history::{Reply, What};
use crate::subject::Questions;
use crate::time::Time;

/// What the operator waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// How everybody is.
    Status,
    /// How an order ended.
    Outcome,
}

/// What was said so far.
#[derive(Clone, Debug)]
pub struct Conversation {
    since: Time,
    awaits: Awaits,
    heard: Vec<u8>,
    /// Whether anything was ever said.
    met: bool,
}

impl Conversation {
    /// The operator has said what there is to say, at this instant.
    pub fn new(since: Time, awaits: Awaits) -> Self {
        Self { since, awaits, heard: Vec::new(), met: false }
    }

    /// More is said; what came of it, as soon as that is known. Then nothing more is waited for.
    pub fn hear(&mut self, bytes: &[u8], now: Time, questions: &Questions) -> Option<What> {
        self.met |= !bytes.is_empty();
        self.heard.extend_from_slice(bytes);
        while let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let what = match self.awaits {
                Awaits::Status => questions.answers(&line).then(|| self.answered(now, Some(questions.pids(&line)))),
                Awaits::Outcome => {
                    let reply = |done| if done { Reply::Done } else { Reply::Refused };
                    questions.outcome(&line).map(|done| self.replied(reply(done)))
                }
            };
            if what.is_some() {
                return what;
            }
        }
        None
    }

    /// Nothing more is said.
    pub fn over(&self, now: Time) -> What {
        match self.awaits {
            Awaits::Status => self.answered(now, None),
            Awaits::Outcome => self.replied(if self.met { Reply::HungUp } else { Reply::TurnedAway }),
        }
    }

    /// What is waited for in vain when everything is over: an order may be under way for as long as it likes.
    pub fn given_up(&self, now: Time) -> Option<What> {
        (self.awaits == Awaits::Status).then(|| self.over(now))
    }

    fn answered(&self, now: Time, pids: Option<Vec<u32>>) -> What {
        let after_ns = u64::try_from(now.since(self.since).as_nanos()).unwrap_or(u64::MAX);
        What::Answered { answered: pids.is_some(), after_ns, pids }
    }

    fn replied(&self, reply: Reply) -> What {
        What::Replied { ordered: self.since, reply }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::load;

    const NOW: Time = Time::from_nanos(900);

    fn heard(awaits: Awaits, parts: &[&str]) -> Option<What> {
        let questions = load("reference").expect("it is sound").0.operator.expect("it has a control socket");
        let mut talk = Conversation::new(Time::from_nanos(400), awaits);
        parts.iter().find_map(|part| talk.hear(part.as_bytes(), NOW, &questions))
    }

    /// The connection ends after this.
    fn hung_up(parts: &[&str]) -> What {
        let questions = load("reference").expect("it is sound").0.operator.expect("it has a control socket");
        let mut talk = Conversation::new(Time::from_nanos(400), Awaits::Outcome);
        parts.iter().for_each(|part| assert_eq!(talk.hear(part.as_bytes(), NOW, &questions), None));
        talk.over(NOW)
    }

    #[test]
    fn an_answer_is_whole_when_its_line_is() {
        let parts = ["{\"supervisor\":1,\"pid\":1}\n{\"reply\":\"status\",\"a\":[{\"pid\":1", "2}]}"];
        assert_eq!(heard(Awaits::Status, &parts), None);
        let whole = [parts[0], parts[1], "\n"];
        assert_eq!(
            heard(Awaits::Status, &whole),
            Some(What::Answered { answered: true, after_ns: 500, pids: Some(vec![12]) })
        );
    }

    #[test]
    fn an_order_ends_with_a_word_about_it_or_without_one() {
        let ordered = Time::from_nanos(400);
        let parts = ["{\"supervisor\":1,\"pid\":1}\n", "{\"reply\":\"done\"}\n"];
        assert_eq!(heard(Awaits::Outcome, &parts[..1]), None);
        assert_eq!(heard(Awaits::Outcome, &parts), Some(What::Replied { ordered, reply: Reply::Done }));
        let talk = Conversation::new(ordered, Awaits::Outcome);
        assert_eq!(talk.over(NOW), What::Replied { ordered, reply: Reply::TurnedAway });
        assert_eq!(talk.given_up(NOW), None);
        assert_eq!(hung_up(&parts[..1]), What::Replied { ordered, reply: Reply::HungUp });
    }

    #[test]
    fn who_asked_and_was_not_answered_waited_in_vain() {
        let talk = Conversation::new(Time::from_nanos(400), Awaits::Status);
        let vain = What::Answered { answered: false, after_ns: 500, pids: None };
        assert_eq!(talk.over(NOW), vain);
        assert_eq!(talk.given_up(NOW), Some(vain));
    }
}

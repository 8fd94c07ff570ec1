//! Topics: what workers say about them goes to the hub, and what it has for them goes out as fast as each of them reads.

use crate::channel::{Refusal, TopicWord, refused};
use crate::core::{ErrorEvent, Input, Machine, Word, WorkerId};
use crate::kernel::Kernel;

use super::state::Shell;

/// How many updates one worker gets in one turn before the others are seen to.
const UPDATES_PER_TURN: usize = 16;

/// Of a worker whose messages are refused over and over, so many are told one by one, then the 16th, 32nd, 64th…
const REFUSALS_SHOWN: u64 = 8;

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// A worker is subscribed to the topics of its pool before it says anything.
    pub(super) fn subscribe_newborn(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(id) else { return };
        let topics = worker.settings.config.subscribe.clone();
        if let Err(refusal) = self.topics.take(id, TopicWord::Subscribe(topics)) {
            self.refuse(id, &refusal);
        }
    }

    /// A worker said something about topics, which is a sign of life as well.
    pub(super) fn take_topic_word(&mut self, id: WorkerId, word: TopicWord) {
        self.feed(Input::Word(id, Word::Alive));
        if let Err(refusal) = self.topics.take(id, word) {
            self.refuse(id, &refusal);
        }
    }

    /// Tells a worker, and the world, why its message has no effect. A worker that doesn't read is not told.
    pub(super) fn refuse(&mut self, id: WorkerId, refusal: &Refusal) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        worker.refused += 1;
        let count = worker.refused;
        if let Some(link) = &mut worker.link {
            _ = link.say(self.kernel, &refused(refusal));
        }
        if count <= REFUSALS_SHOWN || count.is_power_of_two() {
            self.worker_error(id, ErrorEvent::Refused(format!("{refusal} (refused message {count})")));
        }
    }

    /// Sends updates to everybody who waits for some and has read what was sent before.
    pub(super) fn share(&mut self) {
        let mut last = None;
        while let Some(id) = self.topics.waiting_after(last) {
            self.update(id);
            last = Some(id);
        }
    }

    fn update(&mut self, id: WorkerId) {
        let link = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut());
        let Some(link) = link.filter(|link| !link.is_deaf()) else { return self.topics.leave(id) };
        for _ in 0..UPDATES_PER_TURN {
            if !link.has_room() {
                return;
            }
            let Some(line) = self.topics.next(id) else { return };
            link.queue_update(line);
            link.flush(self.kernel);
        }
        // One that is queued and not sent makes sure of a next turn.
        if link.has_room()
            && let Some(line) = self.topics.next(id)
        {
            link.queue_update(line);
        }
    }
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;

//! What waits to be written to one channel, descriptors included, in the order and with the pauses that Node's protocol
//! wants.
//!
//! After a line with a descriptor whose place counts nothing else is written until the answer is there, so that the order
//! holds if it has to be sent again: its receiver may have had no descriptor left (NACK). One whose place does not count is
//! sent once, and others follow at once: Node answers for each in their order. It takes one descriptor from each read, which
//! the kernel ends after the bytes that carried one, so each has to begin the line that it belongs to: a line that the
//! kernel may cut is not followed by another before it was answered. Answers of our own to descriptors that the worker sent
//! overtake all that: it does nothing before it has them.

use std::collections::VecDeque;

/// How often a descriptor that did not arrive is sent again.
const RETRIES: u32 = 3;

/// A Unix socket takes so many bytes as a whole or not at all.
const WHOLE: usize = 32 * 1024;

/// There is no room for the line: the worker has not read for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The queue. `H` names a descriptor; whoever names one keeps it open until it hears that it has arrived or won't.
#[derive(Clone, Debug)]
pub struct Outbox<H> {
    /// What is being written, and how much of it is.
    current: Option<(Frame<H>, usize)>,
    /// Overtakes everything but the rest of `current`.
    urgent: VecDeque<Vec<u8>>,
    /// To be written in this order.
    next: VecDeque<Frame<H>>,
    /// The descriptors whose answers are waited for, in this order; one that has to come first is the only one.
    awaited: VecDeque<Awaited<H>>,
    /// Waits for those answers, and for those of the descriptors in it.
    held: VecDeque<Frame<H>>,
    bytes: usize,
    limit: usize,
}

#[derive(Clone, Debug)]
struct Frame<H> {
    line: Vec<u8>,
    handle: Option<H>,
    confirm: Confirm,
    /// How much of it counts against the limit.
    counted: usize,
}

/// What is to be known of a descriptor before other lines follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Nothing: the worker does not answer for it as Node does.
    Never,
    /// Nothing, but the worker will answer for it.
    Later,
    /// That it has arrived; until then it is sent again.
    First,
}

#[derive(Clone, Debug)]
struct Awaited<H> {
    /// To be sent again.
    line: Option<Vec<u8>>,
    handle: H,
    /// Whether it was written, so that there can be an answer.
    written: bool,
    retries: u32,
}

impl<H: Copy> Outbox<H> {
    /// An empty one that keeps at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            current: None,
            urgent: VecDeque::new(),
            next: VecDeque::new(),
            awaited: VecDeque::new(),
            held: VecDeque::new(),
            bytes: 0,
            limit,
        }
    }

    /// Queues a line, LF included.
    ///
    /// # Errors
    /// [`Full`]: it is not queued.
    pub fn say(&mut self, line: &[u8]) -> Result<(), Full> {
        self.queue(Frame { line: line.to_vec(), handle: None, confirm: Confirm::Never, counted: line.len() })
    }

    /// Queues a line of any length, which takes no room from others. To be called only while nothing waits.
    pub fn exceed(&mut self, line: Vec<u8>) {
        self.held.push_back(Frame { line, handle: None, confirm: Confirm::Never, counted: 0 });
        self.release();
    }

    /// Queues a line that overtakes what was queued before.
    ///
    /// # Errors
    /// [`Full`]: it is not queued.
    pub fn urge(&mut self, line: &[u8]) -> Result<(), Full> {
        self.reserve(line.len())?;
        self.urgent.push_back(line.to_vec());
        Ok(())
    }

    /// Queues a line with a descriptor on its first byte.
    ///
    /// # Errors
    /// [`Full`]: it is not queued.
    pub fn pass(&mut self, line: Vec<u8>, handle: H, confirm: Confirm) -> Result<(), Full> {
        let counted = line.len();
        let confirm = if confirm == Confirm::Later && counted > WHOLE { Confirm::First } else { confirm };
        self.queue(Frame { line, handle: Some(handle), confirm, counted })
    }

    fn queue(&mut self, frame: Frame<H>) -> Result<(), Full> {
        self.reserve(frame.counted)?;
        self.held.push_back(frame);
        self.release();
        Ok(())
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), Full> {
        if self.bytes + bytes > self.limit {
            return Err(Full);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Lets go what need not wait.
    fn release(&mut self) {
        while self.awaited.iter().all(|awaited| awaited.line.is_none())
            && let Some(frame) =
                self.held.pop_front_if(|frame| frame.confirm != Confirm::First || self.awaited.is_empty())
        {
            if let (Confirm::Later | Confirm::First, Some(handle)) = (frame.confirm, frame.handle) {
                let line = (frame.confirm == Confirm::First).then(|| frame.line.clone());
                self.awaited.push_back(Awaited { line, handle, written: false, retries: 0 });
            }
            self.next.push_back(frame);
        }
    }

    /// What is to be written now: the rest of a line, and the descriptor that goes with its first byte.
    pub fn front(&mut self) -> Option<(&[u8], Option<H>)> {
        if self.current.is_none() {
            let plain = |line: Vec<u8>| Frame { counted: line.len(), line, handle: None, confirm: Confirm::Never };
            let urgent = self.urgent.pop_front().map(plain);
            self.current = urgent.or_else(|| self.next.pop_front()).map(|frame| (frame, 0));
        }
        self.current.as_ref().map(|(frame, written)| (&frame.line[*written..], frame.handle))
    }

    /// So many bytes of [`Outbox::front`] were written; with the first one its descriptor has left, however few they are.
    pub fn wrote(&mut self, bytes: usize) {
        let Some((frame, written)) = &mut self.current else { return };
        let bytes = bytes.min(frame.line.len() - *written);
        if bytes == 0 {
            return;
        }
        *written += bytes;
        let counted = bytes.min(frame.counted);
        frame.counted -= counted;
        self.bytes -= counted;
        if frame.handle.take().is_some()
            && frame.confirm != Confirm::Never
            && let Some(awaited) = self.awaited.iter_mut().find(|awaited| !awaited.written)
        {
            awaited.written = true;
        }
        if *written == frame.line.len() {
            self.current = None;
        }
    }

    /// Whether there is something to be written.
    pub fn is_pending(&self) -> bool {
        self.current.is_some() || !self.urgent.is_empty() || !self.next.is_empty()
    }

    /// Whether nothing is to be written, now or after an answer.
    pub fn is_empty(&self) -> bool {
        !self.is_pending() && self.held.is_empty()
    }

    /// The descriptors that wait to be written or to be answered for; one may come twice.
    pub fn handles(&self) -> impl Iterator<Item = H> {
        let current = self.current.iter().map(|(frame, _)| frame);
        let frames = current.chain(&self.next).chain(&self.held).filter_map(|frame| frame.handle);
        frames.chain(self.awaited.iter().map(|awaited| awaited.handle))
    }

    /// The worker says that the oldest descriptor has arrived: which. `None` if none was to be answered.
    pub fn arrived(&mut self) -> Option<H> {
        let awaited = self.awaited.pop_front_if(|awaited| awaited.written)?;
        self.release();
        Some(awaited.handle)
    }

    /// The worker says that no descriptor came with the oldest line. If its place counts it is sent again a few times; the
    /// descriptor that is given up.
    pub fn missed(&mut self) -> Option<H> {
        let awaited = self.awaited.front_mut().filter(|awaited| awaited.written)?;
        let Some(line) = awaited.line.clone().filter(|_| awaited.retries < RETRIES) else { return self.arrived() };
        awaited.retries += 1;
        awaited.written = false;
        // It had its room before, so it has it again, whatever came meanwhile.
        self.next.push_back(Frame { line, handle: Some(awaited.handle), confirm: Confirm::First, counted: 0 });
        None
    }

    /// The worker is gone or does not listen any more: forgets everything and gives the descriptors that nobody answered
    /// for, in the order in which they were queued.
    pub fn abandon(&mut self) -> Vec<H> {
        let current = self.current.take().map(|(frame, _)| frame);
        let unanswered = |frame: Frame<H>| frame.handle.filter(|_| frame.confirm == Confirm::Never);
        let mut left: Vec<H> = current.into_iter().chain(self.next.drain(..)).filter_map(unanswered).collect();
        left.extend(self.awaited.drain(..).map(|awaited| awaited.handle));
        left.extend(self.held.drain(..).filter_map(|frame| frame.handle));
        self.urgent.clear();
        self.bytes = 0;
        left
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;

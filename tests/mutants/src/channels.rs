//! What is wrong on the way between a supervisor and its workers.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::kernel::{Child, Errno, Fd, Listen, Received, Spawned, Streams};

use crate::talking::{Talk, TalkFault};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelFault {
    /// Each connection is passed to two workers.
    PassesTwice,
    /// A worker that was told to leave is offered what others are passed as well.
    OffersToLeaving,
    /// What a worker has not answered for when its channel ends counts as taken.
    Forgets,
    /// What a worker refuses counts as taken.
    TakesRefusals,
    /// What an operator does not read is kept for it, however much that is.
    HoardsAnswers,
    /// So many operators are kept, and others wait until one of them goes.
    KeepsOperators,
    /// Whatever a worker says with this word in it means that it is ready.
    HearsReady,
    /// So does any datagram of sd_notify with that word in it.
    HearsAnyDatagram,
    /// Whatever comes on the descriptor for its newline means that a worker is ready.
    NeedsNoNewline,
    /// What is read of a message is one if an object ends there.
    HearsPieces,
    /// What a worker has begun to say and not ended is the beginning of what the next one says.
    GluesHalves,
    /// It keeps what a worker has begun to say until that is a line, however long.
    HoardsLines,
    /// What a worker does not read is kept for it, however much that is.
    QueuesAll,
    /// A connection that can't be accepted counts as none, so that it is asked for again at once.
    AcceptsAgain,
    /// Who subscribes to a topic is told its first value.
    TellsTheFirst,
    /// Of the changes of a topic a worker is told every other one.
    TellsEveryOther,
    /// What the operator publishes is told to the workers that there are, and not kept.
    PublishesInPassing,
    /// Workers of a Node cluster are not told to disconnect.
    NeverDisconnects,
    /// What operators are told.
    Talks(TalkFault),
}

/// So many operators are enough.
const OPERATORS: usize = 32;

/// The channels of a supervisor, on which something may be wrong.
#[derive(Debug, Default)]
pub struct Channels {
    fault: Option<ChannelFault>,
    open: BTreeSet<Fd>,
    /// Connections that it accepted and did not close.
    operators: BTreeSet<Fd>,
    children: BTreeMap<Child, Fd>,
    /// Where newlines are awaited.
    newlines: BTreeSet<Fd>,
    /// Whose workers were told to leave.
    leaving: BTreeSet<Fd>,
    /// Those of workers of a Node cluster that were passed something.
    node: BTreeSet<Fd>,
    /// Numbers of connections that were passed and not answered for, by channel.
    unanswered: BTreeMap<Fd, BTreeSet<u64>>,
    /// The first line that was ever sent about each topic.
    first: BTreeMap<String, Vec<u8>>,
    /// How many updates each channel was sent.
    updates: BTreeMap<Fd, u32>,
    /// What was read of each channel behind its last LF.
    rest: BTreeMap<Fd, Vec<u8>>,
    /// The same of the channel that was closed last.
    left: Vec<u8>,
    /// What was sent and its reader has not taken.
    queued: BTreeMap<Fd, Vec<u8>>,
    /// What operators were told.
    talk: Talk,
}

impl Channels {
    /// Nothing is open yet.
    pub fn new(fault: Option<ChannelFault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// A child was started.
    pub fn started(&mut self, spawned: &Spawned) {
        self.newlines.extend(spawned.notify);
        if let Some(fd) = spawned.channel {
            self.open.insert(fd);
            self.children.insert(spawned.child, fd);
        }
    }

    /// A child is sent a signal, which is the order to leave.
    pub fn signalled(&mut self, child: Child) {
        self.leaving.extend(self.children.get(&child));
    }

    /// A descriptor is closed.
    pub fn closed(&mut self, fd: Fd) {
        self.open.remove(&fd);
        self.operators.remove(&fd);
        self.newlines.remove(&fd);
        self.leaving.remove(&fd);
        self.node.remove(&fd);
        self.children.retain(|_, channel| *channel != fd);
        self.unanswered.remove(&fd);
        self.updates.remove(&fd);
        self.queued.remove(&fd);
        if let Some(rest) = self.rest.remove(&fd) {
            self.left = rest;
        }
    }

    /// Accepts a connection, of an operator as a rule.
    pub fn accept(&mut self, kernel: &mut impl Listen, listener: Fd) -> Result<Fd, Errno> {
        if self.fault == Some(ChannelFault::KeepsOperators) && self.operators.len() >= OPERATORS {
            return Err(Errno::AGAIN);
        }
        let accepted = kernel.accept(listener);
        if self.fault == Some(ChannelFault::AcceptsAgain) && accepted == Err(Errno::MFILE) {
            return Err(Errno::AGAIN);
        }
        let fd = accepted?;
        self.operators.insert(fd);
        Ok(fd)
    }

    /// Reads from `fd`, whatever that is.
    pub fn receive(&mut self, kernel: &mut impl Streams, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        let received = kernel.receive(fd, buffer);
        if self.fault == Some(ChannelFault::NeedsNoNewline) && self.newlines.contains(&fd) {
            return received.inspect(|received| buffer[..received.bytes].fill(b'\n'));
        }
        let whole = |received| Received { bytes: received, handle: None };
        if self.fault == Some(ChannelFault::PublishesInPassing) && self.operators.contains(&fd) {
            return received.and_then(|received| self.pass_on(kernel, fd, buffer, received));
        }
        match self.fault.filter(|_| self.open.contains(&fd)) {
            Some(ChannelFault::HearsReady) => return received.map(|received| hears_ready(buffer, received)),
            Some(ChannelFault::TakesRefusals) => {
                return received.and_then(|received| self.take_refusals(fd, buffer, received.bytes).map(whole));
            }
            Some(ChannelFault::HearsPieces) => return received.map(|received| whole(end_line(buffer, received.bytes))),
            Some(ChannelFault::GluesHalves) => {
                return received.map(|received| whole(self.glue(fd, buffer, received.bytes)));
            }
            Some(ChannelFault::HoardsLines) => return received.and_then(|received| self.hoard(fd, buffer, received)),
            _ => {}
        }
        if self.fault != Some(ChannelFault::Forgets) || !self.open.contains(&fd) {
            return received;
        }
        let over = match &received {
            Ok(received) => received.bytes == 0,
            Err(errno) => *errno == Errno::CONNRESET,
        };
        if !over {
            let bytes = received.as_ref().map_or(0, |received| received.bytes);
            self.heard(fd, &buffer[..bytes]);
            return received;
        }
        // As if it had answered with its last breath.
        let Some(seq) = self.unanswered.get_mut(&fd).and_then(BTreeSet::pop_first) else { return received };
        let line = taken(seq, self.node.contains(&fd));
        buffer[..line.len()].copy_from_slice(line.as_bytes());
        Ok(Received { bytes: line.len(), handle: None })
    }

    /// Reads a datagram.
    pub fn receive_datagram(&self, kernel: &mut impl Streams, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        const READY: &[u8] = b"READY=1";
        let bytes = kernel.receive_datagram(fd, buffer)?;
        let named = buffer[..bytes].windows(5).any(|word| word == b"READY");
        if !named || self.fault != Some(ChannelFault::HearsAnyDatagram) {
            return Ok(bytes);
        }
        buffer[..READY.len()].copy_from_slice(READY);
        Ok(READY.len())
    }

    /// Puts what is left of another worker before the first words of this one; how many bytes that makes.
    fn glue(&mut self, fd: Fd, buffer: &mut [u8], bytes: usize) -> usize {
        let first = !self.rest.contains_key(&fd);
        let rest = self.rest.entry(fd).or_default();
        rest.extend_from_slice(&buffer[..bytes]);
        rest.drain(..rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        if !first || bytes + self.left.len() > buffer.len() {
            return bytes;
        }
        let left = std::mem::take(&mut self.left);
        buffer.copy_within(..bytes, left.len());
        buffer[..left.len()].copy_from_slice(&left);
        bytes + left.len()
    }

    /// Tells every worker what an operator publishes. The supervisor hears only what else operators say.
    fn pass_on(
        &mut self,
        kernel: &mut impl Streams,
        fd: Fd,
        buffer: &[u8],
        received: Received,
    ) -> Result<Received, Errno> {
        let lines = self.whole_lines(fd, &buffer[..received.bytes]);
        let Some(update) = published(&lines) else { return Ok(received) };
        self.open.iter().for_each(|worker| send_all(kernel, *worker, update.as_bytes()));
        Err(Errno::AGAIN)
    }

    /// The lines that have come to their end with this.
    fn whole_lines(&mut self, fd: Fd, bytes: &[u8]) -> Vec<u8> {
        let rest = self.rest.entry(fd).or_default();
        rest.extend_from_slice(bytes);
        let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        rest.drain(..end).collect()
    }

    /// Makes a refusal of a connection the opposite, once the line is whole; how many bytes there are to be heard.
    fn take_refusals(&mut self, fd: Fd, buffer: &mut [u8], bytes: usize) -> Result<usize, Errno> {
        let lines = self.whole_lines(fd, &buffer[..bytes]);
        let said = String::from_utf8_lossy(&lines).replace("\"refused\"", "\"accepted\"");
        if said.is_empty() && bytes > 0 {
            return Err(Errno::AGAIN);
        }
        buffer.get_mut(..said.len()).ok_or(Errno::NOBUFS)?.copy_from_slice(said.as_bytes());
        Ok(said.len())
    }

    /// Keeps what is no line yet. Of one that it had to keep only the end is heard: what is wrong here is the memory.
    fn hoard(&mut self, fd: Fd, buffer: &[u8], received: Received) -> Result<Received, Errno> {
        let bytes = &buffer[..received.bytes];
        if bytes.is_empty() || bytes.contains(&b'\n') {
            self.rest.remove(&fd);
            return Ok(received);
        }
        self.rest.entry(fd).or_default().extend_from_slice(bytes);
        Err(Errno::AGAIN)
    }

    fn heard(&mut self, fd: Fd, bytes: &[u8]) {
        let rest = self.rest.entry(fd).or_default();
        rest.extend_from_slice(bytes);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if let (Some(seq), Some(unanswered)) = (number(&line), self.unanswered.get_mut(&fd)) {
                unanswered.remove(&seq);
            }
        }
    }

    /// Sends to `fd`, whatever that is.
    pub fn send(&mut self, kernel: &mut impl Streams, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let keeps = match self.fault {
            Some(ChannelFault::QueuesAll) => self.open.contains(&fd),
            Some(ChannelFault::HoardsAnswers) => self.operators.contains(&fd),
            _ => false,
        };
        if keeps {
            return self.queue(kernel, fd, bytes);
        }
        if let Some(ChannelFault::Talks(fault)) = self.fault.filter(|_| self.operators.contains(&fd)) {
            return self.talk.send(kernel, fd, bytes, fault);
        }
        if is_disconnect(bytes) && self.open.contains(&fd) {
            self.leaving.insert(fd);
            if self.fault == Some(ChannelFault::NeverDisconnects) {
                return Ok(bytes.len());
            }
        }
        let told = self.fault.zip(topic(bytes).filter(|_| self.open.contains(&fd)));
        let Some((fault, topic)) = told else { return kernel.send(fd, bytes) };
        let first = self.first.entry(topic).or_insert_with(|| bytes.to_owned());
        let count = self.updates.entry(fd).or_default();
        *count += 1;
        match fault {
            ChannelFault::TellsTheFirst if *count == 1 => {
                send_all(kernel, fd, first);
                Ok(bytes.len())
            }
            ChannelFault::TellsEveryOther if count.is_multiple_of(2) => Ok(bytes.len()),
            _ => kernel.send(fd, bytes),
        }
    }

    /// Sends what its reader takes, and keeps the rest until the next time.
    fn queue(&mut self, kernel: &mut impl Streams, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let queued = self.queued.entry(fd).or_default();
        queued.extend_from_slice(bytes);
        while !queued.is_empty() {
            match kernel.send(fd, queued) {
                Ok(sent) => drop(queued.drain(..sent)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(bytes.len())
    }

    /// Sends a line with a descriptor.
    pub fn send_handle(&mut self, kernel: &mut impl Streams, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        let sent = kernel.send_handle(fd, bytes, handle)?;
        if let Some(seq) = number(bytes) {
            if bytes.starts_with(NODE_HANDLE) {
                self.node.insert(fd);
            }
            self.unanswered.entry(fd).or_default().insert(seq);
            let too = match self.fault {
                Some(ChannelFault::PassesTwice) => self.open.iter().copied().find(|&other| other != fd),
                Some(ChannelFault::OffersToLeaving) => self.leaving.first().copied(),
                _ => None,
            };
            if let Some(other) = too {
                let already = kernel.send_handle(other, bytes, handle).unwrap_or(bytes.len());
                send_all(kernel, other, &bytes[already..]);
            }
        }
        Ok(sent)
    }
}

/// Ends a line where an object ends with what was read, if there is room; how many bytes that makes.
fn end_line(buffer: &mut [u8], bytes: usize) -> usize {
    let open = buffer[..bytes].last() == Some(&b'}') && bytes < buffer.len();
    if open {
        buffer[bytes] = b'\n';
    }
    bytes + usize::from(open)
}

/// Sends all of it, or what the peer takes before it goes.
pub(crate) fn send_all(kernel: &mut impl Streams, fd: Fd, bytes: &[u8]) {
    let mut left = bytes;
    while !left.is_empty() {
        match kernel.send(fd, left) {
            Ok(sent) => left = &left[sent..],
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// How a line begins beside which Node is passed something.
const NODE_HANDLE: &[u8] = b"{\"cmd\":\"NODE_HANDLE\"";

/// The number of a line about a connection, of our own convention or of Node's cluster module.
fn number(line: &[u8]) -> Option<u64> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    let message = line.get("msg").unwrap_or(&line);
    if message.get("accepted").is_some() {
        return message.get("ack")?.as_u64();
    }
    let about = ["connection", "accepted", "refused", "newconn"].contains(&message.get("act")?.as_str()?);
    message.get("seq")?.as_u64().filter(|_| about)
}

/// What a worker says that takes a connection, on lines of its own.
fn taken(seq: u64, node: bool) -> String {
    if node {
        const ARRIVED: &str = "{\"cmd\":\"NODE_HANDLE_ACK\"}";
        return format!("\n{ARRIVED}\n{{\"cmd\":\"NODE_CLUSTER\",\"ack\":{seq},\"accepted\":true}}\n");
    }
    format!("\n{{\"act\":\"accepted\",\"seq\":{seq}}}\n")
}

/// Whether a line tells a worker of a Node cluster to disconnect.
fn is_disconnect(line: &[u8]) -> bool {
    const DISCONNECT: &[u8] = b"{\"cmd\":\"NODE_CLUSTER\",\"act\":\"disconnect\"";
    line.starts_with(DISCONNECT)
}

/// The topic of a line that tells a value.
fn topic(line: &[u8]) -> Option<String> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    (line.get("act")? == "update").then_some(line.get("topic")?.as_str()?.to_owned())
}

/// What a worker is told of what this line publishes.
fn published(line: &[u8]) -> Option<String> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    let (topic, data) = (line.get("do")?.as_str()? == "publish").then_some(line.get("topic")?).zip(line.get("data"))?;
    Some(format!("{{\"act\":\"update\",\"topic\":{topic},\"data\":{data}}}\n"))
}

/// What was read, or that the worker is ready if that word is in it.
fn hears_ready(buffer: &mut [u8], received: Received) -> Received {
    const READY: &[u8] = b"{\"act\":\"ready\"}\n";
    let read = &buffer[..received.bytes];
    if read.len() < READY.len() || !read.windows(5).any(|word| word == b"ready") {
        return received;
    }
    buffer[..READY.len()].copy_from_slice(READY);
    Received { bytes: READY.len(), ..received }
}

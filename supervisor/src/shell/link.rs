//! Our end of one worker's channel.

use crate::channel::{
    ACK, Answer, ClusterMessage, Confirm, Internal, LINE_LIMIT, Line, LineBuffer, Message, NACK, Outbox, Refusal,
    TopicWord, answer, decode, internal,
};
use crate::core::{ErrorEvent, Word};
use crate::kernel::{Errno, Fd, Streams};

use super::shortage::Shortage;

/// How many buffers full are read in one turn, so that a worker that never stops writing doesn't keep the others waiting.
const READS_PER_TURN: usize = 16;

/// How many bytes wait for a worker that doesn't read before its orders are lost.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// Of a worker that keeps on writing garbage, so many lines are shown one by one, then the 16th, 32nd, 64th…
const GARBAGE_SHOWN: u64 = 8;

/// Something that came out of a channel, in order.
#[derive(Debug)]
pub enum Said {
    /// A word.
    Word(Word),
    /// Something about topics.
    Topics(TopicWord),
    /// A message that can't be followed.
    Refused(Refusal),
    /// Something that a worker of Node's cluster has to say to its primary.
    Cluster(ClusterMessage),
    /// An answer to a connection.
    Answer(Answer),
    /// A descriptor has arrived.
    Arrived(Parcel),
    /// A descriptor did not arrive, and won't.
    Lost(Parcel),
    /// Something that is wrong with the channel.
    Wrong(ErrorEvent),
    /// The end: nothing comes after this.
    End,
}

/// A descriptor on its way to a worker. Whoever passes it keeps it open until it has arrived or is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// It.
    pub fd: Fd,
    /// What it is to the worker.
    pub content: Content,
}

/// What a descriptor is to the worker that gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A listening socket, passed at the worker's birth.
    Listener,
    /// The socket that a worker of Node's cluster asked for, with the number of its question.
    Asked(u64),
    /// A connection, with its number.
    Connection(u64),
}

/// How one turn reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Until a read is short: what is said meanwhile wakes the next turn.
    Briefly,
    /// Until there is nothing more, within the bounds of a turn.
    ToTheEnd,
    /// The same, and for want of memory it is tried again at once: the worker is dead, and no turn comes later.
    ForTheLastTime,
}

/// The channel.
#[derive(Debug)]
pub struct Link {
    fd: Fd,
    input: LineBuffer,
    /// How many bytes were read.
    read: u64,
    /// Descriptors that came along and belong to a line that is not complete yet.
    handles: Vec<Handle>,
    output: Outbox<Parcel>,
    /// Too many descriptors are under way on this machine; the socket's being writable does not say when that ends.
    crowded: bool,
    /// Nobody reads what we send, but there may still be something to read.
    deaf: bool,
    garbage: u64,
    shortage: Shortage,
    /// Nothing more is to be sent; it is to be closed.
    closing: bool,
}

/// A descriptor that came with the bytes from `begin` to `end` of the stream, so with a line that begins there.
#[derive(Clone, Copy, Debug)]
struct Handle {
    fd: Fd,
    begin: u64,
    end: u64,
}

impl Link {
    /// Takes over our end of the socket pair.
    pub fn new(fd: Fd) -> Self {
        Self {
            fd,
            input: LineBuffer::default(),
            read: 0,
            handles: Vec::new(),
            output: Outbox::new(OUTPUT_LIMIT),
            crowded: false,
            deaf: false,
            garbage: 0,
            shortage: Shortage::default(),
            closing: false,
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// Whether something waits until the channel can be written.
    pub fn has_output(&self) -> bool {
        self.output.is_pending() && !self.crowded
    }

    /// Whether something waits until fewer descriptors are under way: to be tried again after a while.
    pub fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// Reads one turn and appends what was said.
    pub fn receive<K: Streams>(&mut self, kernel: &mut K, buffer: &mut [u8], how: Reading, said: &mut Vec<Said>) {
        for _ in 0..READS_PER_TURN {
            match kernel.receive(self.fd, buffer) {
                Ok(received) if received.bytes == 0 => return self.end(said),
                Ok(received) => {
                    self.shortage.end();
                    let begin = self.read;
                    self.read += received.bytes as u64;
                    self.handles.extend(received.handle.map(|fd| Handle { fd, begin, end: self.read }));
                    self.input.push(&buffer[..received.bytes]);
                    if !self.lines(kernel, said) {
                        return said.push(Said::End);
                    }
                    self.drop_strays(kernel);
                    // The kernel ends a read after the bytes that carried a descriptor.
                    if received.bytes < buffer.len() && received.handle.is_none() && how == Reading::Briefly {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // Whatever it wanted to say is still there.
                Err(Errno::NOMEM | Errno::NOBUFS) if self.shortage.is_bearable() => {
                    if how != Reading::ForTheLastTime {
                        return;
                    }
                }
                Err(Errno::CONNRESET | Errno::PIPE) => return self.end(said),
                Err(errno) => {
                    said.push(Said::Wrong(ErrorEvent::System { call: "recv", errno: errno.0 }));
                    return self.end(said);
                }
            }
        }
    }

    /// Takes the whole lines out of the buffer; false if the channel can't be read any further.
    fn lines<K: Streams>(&mut self, kernel: &mut K, said: &mut Vec<Said>) -> bool {
        loop {
            let begin = self.input.position();
            match self.input.next() {
                Line::Incomplete => return true,
                Line::TooLong => {
                    let text = format!("a line of more than {LINE_LIMIT} bytes; the channel is closed");
                    said.push(Said::Wrong(ErrorEvent::Garbage(text)));
                    return false;
                }
                Line::Whole(line) => match internal(line) {
                    Some(message) => self.take_internal(kernel, message, begin, said),
                    None => said.extend(message(line, &mut self.garbage)),
                },
            }
        }
    }

    /// A message of Node itself, in the line that began at `begin`.
    fn take_internal<K: Streams>(&mut self, kernel: &mut K, internal: Internal, begin: u64, said: &mut Vec<Said>) {
        match internal {
            Internal::Handle { message: text } => {
                let answered = self.answer_handle(kernel, begin);
                // What is lost is sent again, the message with it.
                if answered == Ok(ACK) {
                    said.extend(message(text.as_bytes(), &mut self.garbage));
                }
                if let Err(errno) = answered {
                    said.push(Said::Wrong(ErrorEvent::System { call: "send", errno: errno.0 }));
                }
            }
            Internal::Ack => said.extend(self.output.arrived().map(Said::Arrived)),
            Internal::Nack => said.extend(self.output.missed().map(Said::Lost)),
            Internal::Cluster(message) => said.push(Said::Cluster(message)),
            Internal::Unknown => {}
        }
        self.flush(kernel);
    }

    /// Answers a line that should have had a descriptor, exactly once, and closes that: we have no use for it.
    fn answer_handle<K: Streams>(&mut self, kernel: &mut K, begin: u64) -> Result<&'static [u8], Errno> {
        let place = self.handles.iter().position(|handle| (handle.begin..handle.end).contains(&begin));
        let handle = place.map(|place| self.handles.remove(place));
        handle.into_iter().for_each(|handle| kernel.close(handle.fd));
        let answer = if handle.is_some() { ACK } else { NACK };
        if !self.deaf {
            self.output.urge(answer).map_err(|_| Errno::NOBUFS)?;
        }
        Ok(answer)
    }

    /// Closes the descriptors that came with lines that have no use for one. Only one may still belong to somebody: the
    /// one that came with the beginning of the line that is incomplete.
    fn drop_strays<K: Streams>(&mut self, kernel: &mut K) {
        let begin = self.input.position();
        self.handles.retain(|handle| {
            let belongs = handle.begin <= begin && begin < handle.end;
            if !belongs {
                kernel.close(handle.fd);
            }
            belongs
        });
    }

    fn end(&mut self, said: &mut Vec<Said>) {
        if self.input.pending() > 0 {
            let text = format!("an unfinished line of {} bytes", self.input.pending());
            said.push(Said::Wrong(ErrorEvent::Garbage(text)));
        }
        said.push(Said::End);
    }

    /// Queues a short line, with its LF, and sends what fits.
    ///
    /// # Errors
    /// ENOBUFS: the worker has not read the lines before it for so long that this one is lost.
    pub fn say<K: Streams>(&mut self, kernel: &mut K, line: &[u8]) -> Result<(), Errno> {
        if self.deaf || self.closing {
            return Ok(());
        }
        self.output.say(line).map_err(|_| Errno::NOBUFS)?;
        self.flush(kernel);
        Ok(())
    }

    /// Queues a short line, with its LF and a descriptor, and sends what fits.
    ///
    /// # Errors
    /// ENOBUFS, as above; EPIPE: nobody will ever read it.
    pub fn pass<K: Streams>(
        &mut self,
        kernel: &mut K,
        line: Vec<u8>,
        parcel: Parcel,
        confirm: Confirm,
    ) -> Result<(), Errno> {
        if self.deaf || self.closing {
            return Err(Errno::PIPE);
        }
        self.output.pass(line, parcel, confirm).map_err(|_| Errno::NOBUFS)?;
        self.flush(kernel);
        Ok(())
    }

    /// Takes nothing more to be sent; what waits already is still sent.
    pub fn close_when_sent(&mut self) {
        self.closing = true;
    }

    /// Whether it was to be closed and nothing waits any more.
    pub fn is_to_be_closed(&self) -> bool {
        self.closing && self.output.is_empty()
    }

    /// Whether nobody reads what is sent, and nobody ever will.
    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Whether a descriptor is still on its way, or may have to be sent again.
    pub fn carries(&self, fd: Fd) -> bool {
        self.output.handles().any(|parcel| parcel.fd == fd)
    }

    /// Whether a socket that the worker asked for has not arrived yet.
    pub fn owes_socket(&self) -> bool {
        self.output.handles().any(|parcel| matches!(parcel.content, Content::Asked(_)))
    }

    /// Whether the worker has taken everything, so that there is room for an update.
    pub fn has_room(&self) -> bool {
        self.output.is_empty() && !self.deaf && !self.closing
    }

    /// Queues an update, a line of any length with its LF, without sending anything yet. To be called if there is room.
    pub fn queue_update(&mut self, line: Vec<u8>) {
        self.output.exceed(line);
    }

    /// Sends what fits.
    pub fn flush<K: Streams>(&mut self, kernel: &mut K) {
        self.crowded = false;
        while let Some((bytes, parcel)) = self.output.front() {
            let sent = match parcel {
                Some(parcel) => kernel.send_handle(self.fd, bytes, parcel.fd),
                None => kernel.send(self.fd, bytes),
            };
            match sent {
                Ok(0) | Err(Errno::AGAIN) => return,
                Ok(sent) => {
                    self.shortage.end();
                    self.output.wrote(sent);
                }
                Err(Errno::INTR) => {}
                Err(Errno::NOMEM | Errno::NOBUFS) if self.shortage.is_bearable() => return,
                Err(Errno::TOOMANYREFS) => {
                    self.crowded = true;
                    return;
                }
                Err(_) => {
                    self.deaf = true;
                    // Whoever passed them learns of it by the end of the channel, which follows.
                    self.output.abandon();
                }
            }
        }
    }

    /// Closes the channel and everything that came through it and belongs to nobody.
    pub fn close<K: Streams>(self, kernel: &mut K) {
        self.handles.iter().for_each(|handle| kernel.close(handle.fd));
        kernel.close(self.fd);
    }
}

/// What a line says that is none of Node itself. Garbage is counted, and shown ever less often.
fn message(line: &[u8], garbage: &mut u64) -> Option<Said> {
    match decode(line) {
        Ok(Message::Word(word)) => Some(Said::Word(word)),
        Ok(Message::Topics(word)) => Some(Said::Topics(word)),
        Ok(Message::Refused(refusal)) => Some(Said::Refused(refusal)),
        Ok(Message::Other) => answer(line).map(Said::Answer),
        Err(bad) => {
            *garbage += 1;
            let shown = *garbage <= GARBAGE_SHOWN || garbage.is_power_of_two();
            let text = format!("\"{}\" (bad line {garbage})", bad.excerpt);
            shown.then_some(Said::Wrong(ErrorEvent::Garbage(text)))
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;

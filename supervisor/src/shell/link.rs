//! Our end of one worker's channel.

use crate::channel::{LINE_LIMIT, Line, LineBuffer, Message, Refusal, TopicWord, decode};
use crate::core::{ErrorEvent, Word};
use crate::kernel::{Errno, Fd, Streams};

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
    /// Something that is wrong with the channel.
    Wrong(ErrorEvent),
    /// The end: nothing comes after this.
    End,
}

/// The channel.
#[derive(Debug)]
pub struct Link {
    fd: Fd,
    input: LineBuffer,
    output: Vec<u8>,
    /// So much of the output may be an update, which takes no room from orders.
    update: usize,
    /// Nobody reads what we send, but there may still be something to read.
    deaf: bool,
    garbage: u64,
    /// Nothing more is to be sent; it is to be closed.
    closing: bool,
}

impl Link {
    /// Takes over our end of the socket pair.
    pub fn new(fd: Fd) -> Self {
        Self {
            fd,
            input: LineBuffer::default(),
            output: Vec::new(),
            update: 0,
            deaf: false,
            garbage: 0,
            closing: false,
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// Whether something waits to be sent.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads one turn and appends what was said. The turn of a worker that is dead (`last`) goes on after a short read:
    /// nothing can come later.
    pub fn receive<K: Streams>(&mut self, kernel: &mut K, buffer: &mut [u8], last: bool, said: &mut Vec<Said>) {
        for _ in 0..READS_PER_TURN {
            match kernel.receive(self.fd, buffer) {
                Ok(received) if received.bytes == 0 => return self.end(said),
                Ok(received) => {
                    self.input.push(&buffer[..received.bytes]);
                    if !self.lines(said) {
                        return said.push(Said::End);
                    }
                    if received.bytes < buffer.len() && !last {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(Errno::CONNRESET | Errno::PIPE) => return self.end(said),
                Err(errno) => {
                    said.push(Said::Wrong(ErrorEvent::System { call: "recv", errno: errno.0 }));
                    return self.end(said);
                }
            }
        }
    }

    /// Takes the whole lines out of the buffer; false if the channel can't be read any further.
    fn lines(&mut self, said: &mut Vec<Said>) -> bool {
        loop {
            match self.input.next() {
                Line::Incomplete => return true,
                Line::TooLong => {
                    let text = format!("a line of more than {LINE_LIMIT} bytes; the channel is closed");
                    said.push(Said::Wrong(ErrorEvent::Garbage(text)));
                    return false;
                }
                Line::Whole(line) => match decode(line) {
                    Ok(Message::Word(word)) => said.push(Said::Word(word)),
                    Ok(Message::Topics(word)) => said.push(Said::Topics(word)),
                    Ok(Message::Refused(refusal)) => said.push(Said::Refused(refusal)),
                    Ok(Message::Other) => {}
                    Err(bad) => {
                        self.garbage += 1;
                        if self.garbage <= GARBAGE_SHOWN || self.garbage.is_power_of_two() {
                            let text = format!("\"{}\" (bad line {})", bad.excerpt, self.garbage);
                            said.push(Said::Wrong(ErrorEvent::Garbage(text)));
                        }
                    }
                },
            }
        }
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
        if self.output.len() + line.len() > OUTPUT_LIMIT + self.update {
            return Err(Errno::NOBUFS);
        }
        self.output.extend_from_slice(line);
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

    /// Whether the worker has taken everything, so that there is room for an update.
    pub fn has_room(&self) -> bool {
        self.output.is_empty() && !self.deaf && !self.closing
    }

    /// Queues an update, a line of any length with its LF, without sending anything yet. To be called if there is room.
    pub fn queue_update(&mut self, line: Vec<u8>) {
        self.update = line.len();
        self.output = line;
    }

    /// Sends what fits.
    pub fn flush<K: Streams>(&mut self, kernel: &mut K) {
        while !self.output.is_empty() {
            match kernel.send(self.fd, &self.output) {
                Ok(0) | Err(Errno::AGAIN) => return,
                Ok(sent) => drop(self.output.drain(..sent.min(self.output.len()))),
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.deaf = true;
                    self.output.clear();
                }
            }
        }
        self.update = 0;
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;

//! One connection of the operator's: requests come in, replies queue up, and neither without bounds.

use crate::channel::{Line, LineBuffer};
use crate::control::{Asked, Complaint, REQUEST_LIMIT, Reply, Who, decode_request};
use crate::kernel::{Errno, Fd, Streams};

use super::goals::Goal;

/// While so many bytes wait for a client, no further request of it is read, and lines that it follows are lost.
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// One connection.
#[derive(Debug)]
pub struct Client {
    fd: Fd,
    input: LineBuffer,
    output: Vec<u8>,
    /// Nothing fitted; it is watched until something does.
    stuck: bool,
    /// It gets what is queued, then it is closed.
    closing: bool,
    /// Nothing can be sent any more.
    gone: bool,
    /// When it was heard of last, counted in such occasions.
    pub touched: u64,
    /// Whether it follows events, and with which id.
    pub events: Option<Option<u64>>,
    /// Whose lines it follows (everybody's if `None`), and with which id.
    pub logs: Option<(Option<u64>, Option<Who>)>,
    /// What it waits for.
    pub goals: Vec<(Option<u64>, Goal)>,
    lost: u64,
    /// No request was looked for, because it had no room for the answer.
    held_up: bool,
}

impl Client {
    /// A new connection.
    pub fn new(fd: Fd, touched: u64) -> Self {
        Self {
            fd,
            input: LineBuffer::default(),
            output: Vec::new(),
            stuck: false,
            closing: false,
            gone: false,
            touched,
            events: None,
            logs: None,
            goals: Vec::new(),
            lost: 0,
            held_up: false,
        }
    }

    /// Whether it waits for nothing and could be turned away if there are too many.
    pub fn is_idle(&self) -> bool {
        self.events.is_none() && self.logs.is_none() && self.goals.is_empty()
    }

    /// Whether it is to be closed now.
    pub fn is_over(&self) -> bool {
        self.gone || (self.closing && self.output.is_empty())
    }

    /// Whether to watch it for reading, and for writing.
    pub fn watch(&self) -> (bool, bool) {
        (!self.closing && self.has_room(), self.stuck)
    }

    fn has_room(&self) -> bool {
        self.output.len() < OUTPUT_LIMIT
    }

    /// Whether anything that was read is not done with.
    pub fn has_input(&self) -> bool {
        self.input.pending() > 0
    }

    /// Whether a request may be among what was read that could be carried out now, and was not because too much waited to
    /// be read by this client: now it has taken that, and nothing else wakes us.
    pub fn has_caught_up(&self) -> bool {
        self.held_up && self.has_room()
    }

    /// Takes one buffer full off the connection. One that has ended has nobody left to answer.
    pub fn receive<K: Streams>(&mut self, kernel: &mut K, buffer: &mut [u8]) {
        if self.closing {
            return;
        }
        match kernel.receive(self.fd, buffer) {
            Ok(received) => {
                if let Some(handle) = received.handle {
                    kernel.close(handle);
                }
                match received.bytes {
                    0 => self.gone = true,
                    bytes => self.input.push(&buffer[..bytes]),
                }
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.gone = true,
        }
    }

    /// The next whole request, unless too much waits to be read by this client.
    pub fn next_request(&mut self) -> Option<Asked> {
        self.held_up = !self.has_room() && self.has_input();
        while !self.closing && !self.gone && self.has_room() {
            let (decoded, whole) = match self.input.next() {
                Line::Whole(line) if line.len() <= REQUEST_LIMIT => (Some(decode_request(line)), true),
                Line::Whole(_) | Line::TooLong => (None, true),
                Line::Incomplete => (None, false),
            };
            match decoded {
                Some(Ok(asked)) => return Some(asked),
                Some(Err((id, complaint))) => self.reply(id, &Reply::Error(complaint)),
                None if !whole && self.input.pending() <= REQUEST_LIMIT => return None,
                None => {
                    let text = format!("a request of more than {REQUEST_LIMIT} bytes; the connection is closed");
                    self.turn_away(Complaint::bad(text));
                }
            }
        }
        None
    }

    /// Queues a reply to a request.
    pub fn reply(&mut self, id: Option<u64>, reply: &Reply) {
        self.queue(&reply.encode(id));
    }

    /// Queues a line as it is.
    pub fn queue(&mut self, line: &str) {
        if !self.gone {
            self.output.extend_from_slice(line.as_bytes());
        }
    }

    /// Queues a line that the client follows, or loses it.
    pub fn offer(&mut self, id: Option<u64>, line: impl FnOnce() -> String) {
        if !self.has_room() {
            self.lost += 1;
            return;
        }
        if self.lost > 0 {
            let lines = std::mem::take(&mut self.lost);
            self.reply(id, &Reply::Lost { lines });
        }
        self.queue(&line());
    }

    /// Says why, then closes.
    pub fn turn_away(&mut self, complaint: Complaint) {
        self.reply(None, &Reply::Error(complaint));
        self.closing = true;
    }

    /// Whether something waits to be sent.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty() && !self.gone
    }

    /// It can be written.
    pub fn writable(&mut self) {
        self.stuck = false;
    }

    /// Sends what fits.
    pub fn flush<K: Streams>(&mut self, kernel: &mut K) {
        let mut sent = 0;
        while sent < self.output.len() && !self.stuck && !self.gone {
            match kernel.send(self.fd, &self.output[sent..]) {
                Ok(0) | Err(Errno::AGAIN) => self.stuck = true,
                Ok(taken) => sent += taken,
                Err(Errno::INTR) => {}
                Err(_) => self.gone = true,
            }
        }
        self.output.drain(..sent.min(self.output.len()));
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

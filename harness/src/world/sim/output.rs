//! What workers write, on its way out: through their pipes to the supervisor or into its own standard output, whose
//! reader is the harness; and the supervisor's log file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use supervisor::kernel::{Errno, Fd};

use crate::history::{Output, Sink, What};
use crate::puppet::{Action, Chunk};
use crate::scenario::{FileFault, OutputWay, Stream};
use crate::time::Time;
use crate::world::sink::Sinks;

use super::engine::World;
use super::queue::Ev;
use super::sockets::Object;

/// How much waits in the supervisor's standard output for its reader: the pipe is as small as the kernel allows, so that
/// it is full soon.
const CAPACITY: usize = 4096;

/// A worker that has waited for so long to write says so.
const WAITED: Duration = Duration::from_millis(50);

/// Where output comes out of a simulated subject.
#[derive(Debug)]
pub(super) struct Outlets {
    /// Whether there are standard streams: only where the scenario asks what becomes of output.
    asked: bool,
    /// The log file, if that is where it goes.
    log: Option<PathBuf>,
    /// Whether the reader of the standard streams reads.
    read: bool,
    /// Whether it has closed its ends.
    gone: bool,
    /// How often the log file was moved away.
    moved: u32,
    /// What is wrong with the log file for whoever opens it.
    log_is: Option<FileFault>,
    /// Whether its folder is there.
    folder: bool,
    unread: [Vec<u8>; 2],
    sinks: Sinks,
}

/// A worker writes, and may have to wait.
#[derive(Debug)]
pub(super) struct Writing {
    stream: Stream,
    left: u64,
    /// What did not fit.
    chunk: Option<Chunk>,
    /// The first and last line written.
    lines: Option<(u64, u64)>,
    since: Time,
    /// When the present write began.
    tried: Time,
    longest: Duration,
}

/// What became of one write.
enum Put {
    Taken,
    Full,
    /// Nobody will ever read it.
    Broken,
}

fn sink(stream: Stream) -> Sink {
    match stream {
        Stream::Stdout => Sink::Stdout,
        Stream::Stderr => Sink::Stderr,
    }
}

impl Outlets {
    /// Everything is as it ought to be. `lost`: see [`Sinks::new`].
    pub fn new(way: Option<OutputWay>, log: Option<PathBuf>, lost: Option<&str>) -> Self {
        let unread = Default::default();
        Self {
            asked: way.is_some(),
            log,
            read: true,
            gone: false,
            moved: 0,
            log_is: None,
            folder: true,
            unread,
            sinks: Sinks::new(lost),
        }
    }

    /// Whether a write to one of the standard streams is taken as a whole, or fails at once.
    pub fn writable(&self, stream: Stream) -> bool {
        self.unread[stream.index()].is_empty()
    }

    /// How many of so many bytes fit: a short write as a whole or not at all (PIPE_BUF).
    fn room(&self, stream: Stream, bytes: usize) -> usize {
        let room = CAPACITY - self.unread[stream.index()].len();
        if self.read || bytes <= room {
            bytes
        } else if self.writable(stream) {
            CAPACITY
        } else {
            0
        }
    }

    fn put(&mut self, stream: Stream, bytes: &[u8]) {
        if self.read { self.sinks.take(sink(stream), bytes) } else { self.unread[stream.index()].extend(bytes) }
    }
}

impl World {
    /// A standard stream that the supervisor was started with.
    pub fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        let stream = match number {
            1 => Stream::Stdout,
            2 => Stream::Stderr,
            _ => return Err(Errno::BADF),
        };
        if !self.outlets.asked {
            return Err(Errno::BADF);
        }
        self.needs_descriptors(1)?;
        Ok(Fd(self.supervisor.descriptors.open(Object::Sink(stream))))
    }

    /// open(2) of the log file; `None`: it is another file.
    pub fn open_log(&mut self, path: &Path) -> Option<Result<Object, Errno>> {
        self.outlets.log.as_deref().filter(|log| *log == path)?;
        if !self.outlets.folder {
            return Some(Err(Errno::NOENT));
        }
        Some(match self.outlets.log_is {
            // EISDIR
            Some(FileFault::Directory) => Err(Errno(21)),
            Some(FileFault::Full) => Ok(Object::FullLog),
            _ => Ok(Object::Log(self.outlets.moved)),
        })
    }

    /// write(2) by the supervisor to one of the standard streams.
    pub fn write_out(&mut self, stream: Stream, bytes: &[u8]) -> Result<usize, Errno> {
        if self.outlets.gone {
            return Err(Errno::PIPE);
        }
        let taken = self.outlets.room(stream, bytes.len());
        if taken == 0 && !bytes.is_empty() {
            return Err(Errno::AGAIN);
        }
        let taken = self.part(taken);
        self.outlets.put(stream, &bytes[..taken]);
        Ok(taken)
    }

    /// write(2) to the log file.
    pub fn write_log(&mut self, number: u32, bytes: &[u8]) -> usize {
        let taken = self.part(bytes.len());
        let sink = if number == self.outlets.moved { Sink::File } else { Sink::Moved };
        self.outlets.sinks.take(sink, &bytes[..taken]);
        taken
    }

    /// The reader of the standard streams stops, or goes on.
    pub fn stop_reading(&mut self, stop: bool) {
        self.outlets.read = !stop;
        if stop || self.outlets.gone {
            return;
        }
        for stream in [Stream::Stdout, Stream::Stderr] {
            let unread = std::mem::take(&mut self.outlets.unread[stream.index()]);
            self.outlets.put(stream, &unread);
        }
        self.stir_writers();
    }

    /// The reader of the standard streams reads what there is, if it reads at all, and closes its ends.
    pub fn reader_goes(&mut self) {
        self.outlets.gone = true;
        self.outlets.unread = Default::default();
        [Sink::Stdout, Sink::Stderr].into_iter().for_each(|sink| self.outlets.sinks.cut(sink));
        self.stir_writers();
    }

    /// Whoever waited to write to a standard stream may go on, or fail.
    fn stir_writers(&mut self) {
        self.supervisor.stirred = true;
        for ix in self.processes.listed.clone() {
            self.unblock(ix);
        }
    }

    /// The log file is moved away, and something is wrong with its place for whoever opens it; or no more.
    pub fn spoil_log(&mut self, is: Option<FileFault>) {
        if is.is_some() {
            self.outlets.moved += 1;
            self.outlets.sinks.move_away();
        }
        self.outlets.log_is = is;
    }

    /// The log file's folder goes away, or comes back.
    pub fn take_log_folder(&mut self, away: bool) {
        self.outlets.folder = !away;
    }

    /// The run is over: what came out is told.
    pub fn tell_output(&mut self) {
        for output in std::mem::take(&mut self.outlets.sinks).tell() {
            self.note(What::Output(output));
        }
    }

    /// A worker begins to write.
    pub fn write_lines(&mut self, ix: u32, stream: Stream, bytes: u64) {
        let (now, longest) = (self.now, Duration::ZERO);
        let writing = Writing { stream, left: bytes, chunk: None, lines: None, since: now, tried: now, longest };
        self.processes.get_mut(ix).writing = Some(writing);
        self.go_on_writing(ix);
    }

    /// It writes until it is done or has to wait.
    fn go_on_writing(&mut self, ix: u32) {
        let process = self.processes.get_mut(ix);
        let (Some(mut writing), Some(mut lines)) = (process.writing.take(), process.lines) else { return };
        process.blocked = false;
        while writing.left > 0 {
            let chunk = writing.chunk.take().unwrap_or_else(|| {
                writing.tried = self.now;
                lines.next(writing.stream, writing.left)
            });
            match self.put(ix, writing.stream, &chunk.bytes) {
                Put::Taken => {
                    writing.longest = writing.longest.max(self.now.since(writing.tried));
                    writing.left = writing.left.saturating_sub(chunk.bytes.len() as u64);
                    writing.lines = Some((writing.lines.map_or(chunk.first, |(first, _)| first), chunk.last));
                }
                Put::Full => {
                    if writing.tried == self.now {
                        self.queue.push(self.now + WAITED, Ev::Waits(ix));
                    }
                    writing.chunk = Some(chunk);
                    let process = self.processes.get_mut(ix);
                    process.blocked = true;
                    (process.writing, process.lines) = (Some(writing), Some(lines));
                    return;
                }
                Put::Broken => break,
            }
        }
        self.processes.get_mut(ix).lines = Some(lines);
        self.note_written(ix, &writing);
    }

    fn note_written(&mut self, ix: u32, writing: &Writing) {
        let Some((first, last)) = writing.lines.filter(|_| self.outlets.asked) else { return };
        let proc = self.processes.get(ix).proc;
        let longest_ns = u64::try_from(writing.longest.as_nanos()).unwrap_or(u64::MAX);
        let wrote = Output::Wrote { proc, stream: writing.stream, first, last, since: writing.since, longest_ns };
        self.note(What::Output(wrote));
    }

    fn put(&mut self, ix: u32, stream: Stream, bytes: &[u8]) -> Put {
        let process = self.processes.get(ix);
        let pipe = if stream == Stream::Stdout { process.stdout } else { process.stderr };
        match pipe {
            Some(number) => self.put_into_pipe(number, bytes),
            // A puppet ignores SIGPIPE.
            None if process.inherits_output && self.outlets.gone => Put::Broken,
            None if process.inherits_output && self.outlets.asked => {
                if self.outlets.room(stream, bytes.len()) < bytes.len() {
                    return Put::Full;
                }
                self.outlets.put(stream, bytes);
                Put::Taken
            }
            None => Put::Taken,
        }
    }

    /// A write that is not too long is taken as a whole or not at all.
    fn put_into_pipe(&mut self, number: u32, bytes: &[u8]) -> Put {
        let pipe = &mut self.pipes[number as usize];
        if !pipe.read {
            return Put::Broken;
        }
        if pipe.room() < bytes.len() {
            return Put::Full;
        }
        pipe.bytes.extend(bytes);
        self.supervisor.stirred = true;
        Put::Taken
    }

    /// Whoever waited to write may go on now.
    pub fn unblock(&mut self, ix: u32) {
        let process = self.processes.get(ix);
        if process.frozen || !process.alive() {
            return;
        }
        if process.writing.is_some() {
            self.go_on_writing(ix);
        }
        self.go_on(ix);
    }

    /// A worker that still waits to write says so.
    pub fn says_that_it_waits(&mut self, ix: u32) {
        let process = self.processes.get(ix);
        let still = |writing: &&Writing| process.blocked && writing.tried + WAITED <= self.now;
        if !process.alive() || process.frozen || !self.outlets.asked {
            return;
        }
        if let Some(writing) = process.writing.as_ref().filter(still) {
            let (proc, stream, since) = (process.proc, writing.stream, writing.tried);
            self.note(What::Output(Output::Waits { proc, stream, since }));
        }
    }

    /// Carries out what a puppet wants, up to where it has to wait.
    pub fn act_all(&mut self, ix: u32, actions: impl Iterator<Item = Action>) {
        for action in actions {
            if self.processes.get(ix).blocked {
                self.processes.get_mut(ix).todo.push_back(action);
            } else {
                self.act(ix, action);
            }
        }
    }
}

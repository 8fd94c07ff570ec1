//! Where the output of a real subject comes out, and whoever reads it there: a thread, because the runner may have
//! something else to do while a worker waits for room.

use std::fs;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, read};
use rustix::pipe::fcntl_setpipe_size;

use crate::history::{Output, Sink};
use crate::subject::Outlet;
use crate::world::sink::Sinks;

/// The pipes are as small as the kernel allows, so that one which nobody reads is full soon.
const SMALLEST: usize = 4096;

/// What the runner tells the reader.
const STOP: u8 = b's';
const GO_ON: u8 = b'g';
const LEAVE: u8 = b'l';
const END: u8 = b'e';

/// Where what workers write comes out.
#[derive(Debug)]
pub enum Outlets {
    /// Of the subject's own standard output and error.
    Own(Reader),
    /// Of a file.
    File(LogFile),
}

impl Outlets {
    /// As the subject file says. `log`: the file, if that is where it goes.
    ///
    /// # Errors
    /// Those of pipe(2), mkdir(2) and clone(2), in words.
    pub fn new(outlet: &Outlet, log: Option<&Path>) -> Result<Self, String> {
        let sinks = Sinks::new(outlet.lost.as_deref());
        Ok(match log {
            Some(path) => Self::File(LogFile::new(path, sinks)?),
            None => Self::Own(Reader::start(sinks).map_err(|error| format!("nobody can read the output: {error}"))?),
        })
    }

    /// What the subject gets as standard output and error; `None`: its output goes elsewhere.
    pub fn ends(&self) -> Option<[&PipeWriter; 2]> {
        match self {
            Self::Own(reader) => Some([&reader.ends[0], &reader.ends[1]]),
            Self::File(_) => None,
        }
    }

    /// The log file, if there is one.
    pub fn log(&mut self) -> Option<&mut LogFile> {
        match self {
            Self::Own(_) => None,
            Self::File(log) => Some(log),
        }
    }

    /// Nothing is read from now on, or everything again.
    ///
    /// # Errors
    /// There is no reader.
    pub fn stop_reading(&mut self, stop: bool) -> Result<(), String> {
        match self {
            Self::Own(reader) => reader.tell(if stop { STOP } else { GO_ON }).map_err(|error| error.to_string()),
            Self::File(_) => Err("nobody reads the output".to_owned()),
        }
    }

    /// The reader closes its ends, for good, having read what there is if it reads at all.
    ///
    /// # Errors
    /// There is no reader.
    pub fn close_reader(&mut self) -> Result<(), String> {
        match self {
            Self::Own(reader) => reader.leave().map_err(|error| error.to_string()),
            Self::File(_) => Err("nobody reads the output".to_owned()),
        }
    }

    /// Everything that came out. Nobody writes any more.
    ///
    /// # Errors
    /// What could not be read.
    pub fn finish(self) -> Result<Vec<Output>, String> {
        match self {
            Self::Own(reader) => reader.finish(),
            Self::File(log) => log.finish(),
        }
    }
}

/// Whoever reads the subject's standard output and error.
#[derive(Debug)]
pub struct Reader {
    ends: [PipeWriter; 2],
    orders: PipeWriter,
    /// Something comes here when it has closed its ends.
    left: Receiver<()>,
    thread: JoinHandle<io::Result<Sinks>>,
}

impl Reader {
    fn start(sinks: Sinks) -> io::Result<Self> {
        let (stdout, out_end) = small_pipe()?;
        let (stderr, err_end) = small_pipe()?;
        let (heard, orders) = io::pipe()?;
        let (leaves, left) = channel();
        let pipes = vec![(stdout, Sink::Stdout), (stderr, Sink::Stderr)];
        let body = move || read_all(&heard, pipes, &leaves, sinks);
        let thread = std::thread::Builder::new().name("output".to_owned()).spawn(body)?;
        Ok(Self { ends: [out_end, err_end], orders, left, thread })
    }

    fn tell(&mut self, order: u8) -> io::Result<()> {
        self.orders.write_all(&[order])
    }

    /// When this returns whoever writes is refused.
    fn leave(&mut self) -> io::Result<()> {
        self.tell(LEAVE)?;
        self.left.recv().map_err(io::Error::other)
    }

    fn finish(mut self) -> Result<Vec<Output>, String> {
        let told = self.tell(END);
        let read = self.thread.join().map_err(|_| "the reader of the output panicked".to_owned())?;
        let sinks = told.and(read).map_err(|error| format!("the output can't be read: {error}"))?;
        Ok(sinks.tell())
    }
}

fn small_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl_setpipe_size(&writer, SMALLEST)?;
    fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    Ok((reader, writer))
}

/// Reads until it is told to end, and then what there still is.
fn read_all(
    orders: &PipeReader,
    mut pipes: Vec<(PipeReader, Sink)>,
    leaves: &Sender<()>,
    mut sinks: Sinks,
) -> io::Result<Sinks> {
    let mut reads = true;
    loop {
        let mut fds = vec![PollFd::from_borrowed_fd(orders.as_fd(), PollFlags::IN)];
        if reads {
            fds.extend(pipes.iter().map(|(pipe, _)| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut order = [0];
        if !fds[0].revents().is_empty() {
            match read(orders, &mut order) {
                Ok(1) if order[0] == STOP => reads = false,
                Ok(1) if order[0] == GO_ON => reads = true,
                Ok(1) if order[0] == LEAVE => {
                    for (pipe, sink) in std::mem::take(&mut pipes) {
                        if reads {
                            read_some(&pipe, sink, &mut sinks)?;
                        }
                        sinks.cut(sink);
                    }
                    // Nobody is interested any more if the runner has gone.
                    _ = leaves.send(());
                }
                // The runner has gone, too.
                _ => break,
            }
        }
        if reads {
            pipes.iter().try_for_each(|(pipe, sink)| read_some(pipe, *sink, &mut sinks))?;
        }
    }
    pipes.iter().try_for_each(|(pipe, sink)| read_some(pipe, *sink, &mut sinks))?;
    Ok(sinks)
}

/// All there is. A writer that is faster than this is somebody who runs, so that it must not be waited for.
fn read_some(pipe: &PipeReader, sink: Sink, sinks: &mut Sinks) -> io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    for _ in 0..16 {
        match read(pipe, &mut buffer) {
            Ok(0) | Err(Errno::AGAIN) => break,
            Ok(count) => sinks.take(sink, &buffer[..count]),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// A log file, in a folder of its own.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    /// Those that were moved away, first the first.
    moved: Vec<PathBuf>,
    sinks: Sinks,
}

impl LogFile {
    fn new(path: &Path, sinks: Sinks) -> Result<Self, String> {
        let folder = path.parent().ok_or_else(|| format!("{} is in no folder", path.display()))?;
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { path: path.to_owned(), moved: Vec::new(), sinks })
    }

    /// Where it ought to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the file away, as who rotates logs does; its place is free then.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn move_away(&mut self) -> io::Result<()> {
        let to = self.path.with_extension(format!("{}", self.moved.len() + 1));
        fs::rename(&self.path, &to)?;
        self.moved.push(to);
        Ok(())
    }

    /// The folder was moved there, and another one has its place: what is in the old one is read as what was moved away is.
    pub fn folder_replaced(&mut self, aside: &Path) {
        let there = |path: &Path| Some(aside.join(path.file_name()?)).filter(|path| path.exists());
        for path in &mut self.moved {
            if let Some(now) = there(path) {
                *path = now;
            }
        }
        self.moved.extend(there(&self.path));
    }

    fn finish(mut self) -> Result<Vec<Output>, String> {
        let moved = self.moved.iter().map(|path| (path, Sink::Moved));
        for (path, sink) in moved.chain([(&self.path, Sink::File)]) {
            match fs::read(path) {
                Ok(bytes) => {
                    self.sinks.take(sink, &bytes);
                    self.sinks.end(sink);
                }
                // Nobody has opened it since it was moved away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", path.display())),
            }
        }
        Ok(self.sinks.tell())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Proc;
    use crate::puppet::Lines;
    use crate::scenario::Stream;

    fn ranges(told: &[Output]) -> Vec<(Sink, Vec<(u64, u64)>)> {
        let came = told.iter().filter_map(|output| match output {
            Output::CameOut { sink, lines, .. } => Some((*sink, lines.clone())),
            _ => None,
        });
        came.collect()
    }

    #[test]
    fn a_reader_that_stops_fills_the_pipe_and_reads_it_later() {
        let mut outlets = Outlets::new(&Outlet::default(), None).expect("pipes");
        let mut end = outlets.ends().expect("pipes")[0].try_clone().expect("a copy");
        fcntl_setfl(&end, OFlags::NONBLOCK).expect("not blocking");
        let mut lines = Lines::new(Proc { pid: 1, start: 2 });
        outlets.stop_reading(true).expect("a reader");
        let mut last = 0;
        let full = loop {
            let chunk = lines.next(Stream::Stdout, 1000);
            match end.write(&chunk.bytes) {
                // What is read before the order has come is not in the pipe.
                Ok(count) => assert_eq!(count, chunk.bytes.len()),
                Err(error) => break error,
            }
            last = chunk.last;
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        outlets.stop_reading(false).expect("a reader");
        let told = outlets.finish().expect("read");
        assert_eq!(ranges(&told), [(Sink::Stdout, vec![(1, last)])]);
    }

    #[test]
    fn a_reader_that_leaves_has_read_what_there_was_and_nobody_can_write_any_more() {
        let mut outlets = Outlets::new(&Outlet::default(), None).expect("pipes");
        let mut end = outlets.ends().expect("pipes")[0].try_clone().expect("a copy");
        let mut lines = Lines::new(Proc { pid: 1, start: 2 });
        let (whole, cut) = (lines.next(Stream::Stdout, 1000), lines.next(Stream::Stdout, 1));
        end.write_all(&whole.bytes).expect("a reader");
        end.write_all(&cut.bytes[..cut.bytes.len() / 2]).expect("a reader");
        // A second time there is nobody who could go.
        for _ in 0..2 {
            outlets.close_reader().expect("a reader");
            // A process that another test starts has copies of all descriptors until it is that program.
            let mut ends = [PollFd::new(&end, PollFlags::empty())];
            let within = crate::world::real::clock::timespec(std::time::Duration::from_secs(5));
            assert_eq!(poll(&mut ends, Some(&within)), Ok(1), "nobody has it open");
            assert_eq!(end.write(b"x").expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
        }
        // Nor is there anybody who could read again.
        outlets.stop_reading(true).expect("a thread");
        outlets.stop_reading(false).expect("a thread");
        let told = outlets.finish().expect("read");
        assert_eq!(ranges(&told), [(Sink::Stdout, vec![(1, whole.last)])]);
        assert_eq!(told.len(), 1, "half a line is not one that was damaged: {told:?}");
    }

    #[test]
    fn what_was_moved_away_is_read_as_well() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log/workers.log");
        let mut outlets = Outlets::new(&Outlet::default(), Some(&path)).expect("a folder");
        let mut lines = Lines::new(Proc { pid: 1, start: 2 });
        let first = lines.next(Stream::Stderr, 1000);
        fs::write(&path, &first.bytes).expect("written");
        outlets.log().expect("a file").move_away().expect("moved");
        let second = lines.next(Stream::Stderr, 1000);
        fs::write(&path, &second.bytes).expect("written");
        assert!(outlets.stop_reading(true).is_err() && outlets.close_reader().is_err(), "nobody reads a file");
        let told = outlets.finish().expect("read");
        let expected = [(Sink::Moved, vec![(1, first.last)]), (Sink::File, vec![(second.first, second.last)])];
        assert_eq!(ranges(&told), expected);
    }
}

//! Operators that connect to the control socket and read nothing, and one beside them who asks.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::history::{Event, What};
use crate::scenario::Saying;
use crate::subject::Questions;

use super::clock;

/// How often the one who asks does so.
const EVERY: Duration = Duration::from_millis(50);
/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a listener whose queue is full is left alone.
const FULL: Duration = Duration::from_millis(1);
/// Descriptors of this process beside the crowd's.
const OWN: u64 = 256;

/// They are there until they are told to leave. They have a thread of their own: nothing that they do may keep the harness
/// from looking.
#[derive(Debug)]
pub struct Crowd {
    gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Event>>>,
}

impl Crowd {
    /// So many come to the socket at `path`.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn come(path: &Path, count: u32, say: &Saying, questions: &Questions) -> io::Result<Self> {
        make_room(u64::from(count));
        let gone = Arc::new(AtomicBool::new(false));
        let line = match say {
            Saying::Nothing => String::new(),
            Saying::Follow => format!("{}\n", questions.follow),
            Saying::Line(line) => format!("{line}\n"),
        };
        let crowd = Members {
            path: path.to_owned(),
            count: count as usize,
            line: line.into_bytes(),
            again: matches!(say, Saying::Line(_)),
            questions: questions.clone(),
            there: Vec::new(),
        };
        let seen = Arc::clone(&gone);
        let thread = thread::Builder::new().name("operators".into()).spawn(move || crowd.stay(&seen))?;
        Ok(Self { gone, thread: Some(thread) })
    }

    /// They leave; what the one who asked was told.
    pub fn leave(mut self) -> Vec<Event> {
        self.gone.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

/// This process may have so many descriptors more, if the host lets it.
fn make_room(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count + OWN) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

struct Members {
    path: PathBuf,
    count: usize,
    line: Vec<u8>,
    /// They say it over and over.
    again: bool,
    questions: Questions,
    there: Vec<UnixStream>,
}

impl Members {
    fn stay(mut self, gone: &AtomicBool) -> Vec<Event> {
        let mut answers = Vec::new();
        let mut asked: Option<Instant> = None;
        while !gone.load(Ordering::Relaxed) {
            let came = self.one_comes();
            if self.again {
                self.there.iter_mut().for_each(|one| talk(one, &self.line));
            }
            // First they all come, then one asks.
            if !came && asked.is_none_or(|asked| asked.elapsed() >= EVERY) {
                asked = Some(Instant::now());
                answers.push(self.ask(gone));
            } else if !came {
                thread::sleep(FULL);
            }
        }
        answers
    }

    fn one_comes(&mut self) -> bool {
        if self.there.len() >= self.count {
            return false;
        }
        let Ok(mut stream) = dial(&self.path) else { return false };
        talk(&mut stream, &self.line);
        self.there.push(stream);
        true
    }

    fn ask(&self, gone: &AtomicBool) -> Event {
        let begun = Instant::now();
        let answered = self.answer(begun, gone).is_ok();
        let after_ns = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Event::at(clock::now(), What::Answered { answered, after_ns })
    }

    /// Reads until the answer has what it is known by.
    fn answer(&self, begun: Instant, gone: &AtomicBool) -> io::Result<()> {
        let mut stream = loop {
            match dial(&self.path) {
                Err(Errno::AGAIN) if begun.elapsed() < PATIENCE && !gone.load(Ordering::Relaxed) => thread::sleep(FULL),
                stream => break stream?,
            }
        };
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{}\n", self.questions.status).as_bytes())?;
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&heard).contains(&self.questions.answer) {
            match stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => heard.extend(&buffer[..count]),
            }
        }
        Ok(())
    }
}

/// A connection that never blocks. EAGAIN: the listener's queue is full.
fn dial(path: &Path) -> Result<UnixStream, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// Says it as far as there is room; whoever was shown the door says nothing.
fn talk(stream: &mut UnixStream, line: &[u8]) {
    while !line.is_empty() && matches!(stream.write(line), Ok(count) if count == line.len()) {
        if line.len() < 64 {
            break;
        }
    }
}

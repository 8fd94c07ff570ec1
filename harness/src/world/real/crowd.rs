//! Operators that connect to the control socket and read nothing, and one beside them who asks.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::history::{Event, What};
use crate::scenario::Saying;
use crate::subject::Questions;

use super::clock;
use super::stalls::kept;

/// How often the one who asks does so.
const EVERY: Duration = Duration::from_millis(50);
/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it waits without looking at the clock.
const TURN: Duration = Duration::from_millis(5);
/// How long a listener whose queue is full is left alone.
const FULL: Duration = Duration::from_millis(1);
/// Descriptors of this process beside the crowd's.
const OWN: u64 = 256;

/// They are there until they are told to leave. They have a thread of their own: nothing that they do may keep the harness
/// from looking.
#[derive(Debug)]
pub struct Crowd(Arc<Mutex<Members>>);

/// What the one who asks is told. It waits for its last answer when the others have left.
#[derive(Debug)]
pub struct Answers(Receiver<Event>);

impl Answers {
    /// What has come since; whether more may come.
    pub fn hear(&self, out: &mut Vec<Event>) -> bool {
        loop {
            match self.0.try_recv() {
                Ok(answer) => out.push(answer),
                Err(why) => return why == TryRecvError::Empty,
            }
        }
    }
}

impl Crowd {
    /// So many come to the socket at `path`.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn come(path: &Path, count: u32, say: &Saying, questions: &Questions) -> io::Result<(Self, Answers)> {
        make_room(u64::from(count));
        let line = match say {
            Saying::Nothing => String::new(),
            Saying::Follow => format!("{}\n", questions.follow),
            Saying::Line(line) => format!("{line}\n"),
        };
        let members = Members {
            path: path.to_owned(),
            count: count as usize,
            line: line.into_bytes(),
            again: matches!(say, Saying::Line(_)),
            there: Vec::new(),
            gone: false,
        };
        let shared = Arc::new(Mutex::new(members));
        let (tell, answers) = channel();
        let asker = Asker { path: path.to_owned(), questions: questions.clone(), crowd: Arc::clone(&shared) };
        thread::Builder::new().name("operators".into()).spawn(move || asker.stay(&tell))?;
        Ok((Self(shared), Answers(answers)))
    }
}

impl Drop for Crowd {
    /// They leave.
    fn drop(&mut self) {
        let mut members = lock(&self.0);
        members.gone = true;
        members.there.clear();
    }
}

/// Nothing that is done under this lock waits for anybody.
fn lock(members: &Mutex<Members>) -> MutexGuard<'_, Members> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This process may have so many descriptors more, if the host lets it.
fn make_room(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count + OWN) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

#[derive(Debug)]
struct Members {
    path: PathBuf,
    count: usize,
    line: Vec<u8>,
    /// They say it over and over.
    again: bool,
    there: Vec<Member>,
    gone: bool,
}

impl Members {
    /// One more comes, and each says what it has to say. Whether one came; `None`: they have left.
    fn go_on(&mut self) -> Option<bool> {
        if self.gone {
            return None;
        }
        let came = (self.there.len() < self.count).then(|| dial(&self.path)).and_then(Result::ok);
        let some = came.is_some();
        self.there.extend(came.map(|stream| Member { stream, said: 0 }));
        self.there.iter_mut().for_each(|one| one.talk(&self.line, self.again));
        Some(some)
    }
}

/// One of them.
#[derive(Debug)]
struct Member {
    stream: UnixStream,
    /// So many bytes of the line.
    said: usize,
}

impl Member {
    /// Says once as much as there is room for; whoever was shown the door says nothing.
    fn talk(&mut self, line: &[u8], again: bool) {
        if self.said == line.len() && again {
            self.said = 0;
        }
        if self.said < line.len() {
            self.said += self.stream.write(&line[self.said..]).unwrap_or(0);
        }
    }
}

/// The one who asks.
struct Asker {
    path: PathBuf,
    questions: Questions,
    crowd: Arc<Mutex<Members>>,
}

impl Asker {
    fn stay(self, tell: &Sender<Event>) {
        let mut asked: Option<Instant> = None;
        loop {
            let Some(came) = lock(&self.crowd).go_on() else { return };
            // First they all come, then one asks.
            if !came && asked.is_none_or(|asked| asked.elapsed() >= EVERY) {
                asked = Some(Instant::now());
                // The run may be over: then nobody wants to know.
                self.ask().into_iter().for_each(|told| _ = tell.send(told));
            } else if !came {
                thread::sleep(FULL);
            }
        }
    }

    /// The answer, after how long its asker was kept from hearing it, if it was.
    fn ask(&self) -> Vec<Event> {
        let (begun, since) = (Instant::now(), clock::now());
        let mut turns = Turns { began: begun, kept: Duration::ZERO };
        let answered = self.answer(begun + PATIENCE, &mut turns).is_ok();
        turns.end(Instant::now());
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let (delay_ns, after_ns) = (nanos(turns.kept), nanos(begun.elapsed()));
        let stall = (delay_ns > 0).then_some(What::Stall { proc: None, since, delay_ns });
        let answer = What::Answered { answered, after_ns, pids: None };
        stall.into_iter().chain([answer]).map(|what| Event::at(clock::now(), what)).collect()
    }

    /// Reads until the answer has what it is known by.
    fn answer(&self, deadline: Instant, turns: &mut Turns) -> io::Result<()> {
        let late = || if Instant::now() < deadline { Ok(()) } else { Err(io::ErrorKind::TimedOut) };
        let mut stream = loop {
            match dial(&self.path) {
                Err(Errno::AGAIN) => thread::sleep(FULL),
                stream => break stream?,
            }
            turns.end(Instant::now());
            late()?;
        };
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(TURN))?;
        stream.set_read_timeout(Some(TURN))?;
        let question = format!("{}\n", self.questions.status);
        let (mut said, mut heard, mut buffer) = (0, Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&heard).contains(&self.questions.answer) {
            let done = match question.as_bytes().get(said..).filter(|rest| !rest.is_empty()) {
                Some(rest) => stream.write(rest).map(|count| said += count),
                None => stream.read(&mut buffer).and_then(|count| {
                    heard.extend(&buffer[..count]);
                    if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
                }),
            };
            turns.end(Instant::now());
            match done {
                Err(why) if !matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    return Err(why);
                }
                _ => late()?,
            }
        }
        Ok(())
    }
}

/// Turns of a thread that waits for no longer than `TURN` in each: what a turn takes beyond that, the host took.
struct Turns {
    began: Instant,
    /// In sum.
    kept: Duration,
}

impl Turns {
    fn end(&mut self, now: Instant) {
        let late = now.saturating_duration_since(self.began).saturating_sub(TURN);
        self.kept += kept(late, Duration::ZERO).unwrap_or_default();
        self.began = now;
    }
}

/// A connection that never blocks. EAGAIN: the listener's queue is full.
pub(super) fn dial(path: &Path) -> Result<UnixStream, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn questions() -> Questions {
        Questions {
            status: "status".into(),
            answer: "workers".into(),
            follow: "events".into(),
            restart: None,
            stop: None,
            scale: None,
            restart_pool: None,
            publish: None,
            done: None,
            refused: None,
            pid: None,
        }
    }

    /// What the first answer of a crowd is, and how long they took to leave then.
    fn first_answer(say: &Saying, server: fn(UnixStream)) -> (bool, Duration, Duration) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sock");
        let listener = UnixListener::bind(&path).expect("a listener");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || server(stream));
            }
        });
        let (crowd, answers) = Crowd::come(&path, 3, say, &questions()).expect("they come");
        let (patience, mut told) = (Instant::now() + Duration::from_secs(60), Vec::new());
        while !told.iter().any(|event: &Event| matches!(event.what, What::Answered { .. })) && Instant::now() < patience
        {
            assert!(answers.hear(&mut told));
            thread::sleep(FULL);
        }
        let leaving = Instant::now();
        drop(crowd);
        let left = leaving.elapsed();
        let answer = told.iter().find_map(|event| match event.what {
            What::Answered { answered, after_ns, .. } => Some((answered, after_ns)),
            _ => None,
        });
        let (answered, after_ns) = answer.expect("an answer");
        (answered, Duration::from_nanos(after_ns), left)
    }

    #[test]
    fn what_a_turn_takes_beyond_its_time_the_host_took() {
        let began = Instant::now();
        let mut turns = Turns { began, kept: Duration::ZERO };
        let mut kept = |millis: u64| {
            turns.end(began + Duration::from_millis(millis));
            turns.kept.as_millis()
        };
        assert_eq!(kept(5), 0, "it waited");
        assert_eq!(kept(310), 300);
        assert_eq!(kept(315), 300, "it is counted once");
    }

    #[test]
    fn whoever_swallows_everything_keeps_nobody() {
        let swallow = |mut stream: UnixStream| drop(io::copy(&mut stream, &mut io::sink()));
        let line = Saying::Line("x".repeat(100_000));
        let (answered, after, left) = first_answer(&line, swallow);
        assert!(!answered && after >= PATIENCE, "{after:?}");
        assert!(left < PATIENCE, "{left:?}");
    }

    #[test]
    fn an_answer_that_comes_in_drops_has_one_deadline() {
        let drip = |mut stream: UnixStream| {
            while stream.write_all(b".").is_ok() {
                thread::sleep(EVERY);
            }
        };
        let (answered, after, _) = first_answer(&Saying::Nothing, drip);
        assert!(!answered && after >= PATIENCE, "{after:?}");
    }

    #[test]
    fn an_answer_is_known_by_its_word() {
        let (answered, after, _) = first_answer(&Saying::Follow, |mut stream| drop(stream.write_all(b"workers: 2\n")));
        assert!(answered && after < PATIENCE, "{after:?}");
    }
}

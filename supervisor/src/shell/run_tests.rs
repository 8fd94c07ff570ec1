//! The loop with a kernel that fails where it is told to, and a machine that notes what it hears.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use super::*;
use crate::config::PoolConfig;
use crate::core::{Action, ExitStatus, Order, Revision, Signal, SpawnError, SpawnStep, Word, WorkerId};
use crate::kernel::{
    Address, Child, Clock, Files, Listen, Own, Peer, Processes, Received, SpawnSpec, Spawned, Streams, Wait,
};

const WORKER: WorkerId = WorkerId { pool: 0, slot: 0, generation: 1 };

/// One thing that the machine was told, or that the kernel was asked to do.
type Log = Rc<RefCell<Vec<String>>>;

struct Fake {
    log: Log,
    now: u64,
    /// What each wait brings: signals and readable descriptors, or an error. Afterwards it fails with EBADF.
    waits: VecDeque<Result<(SignalSet, Vec<Fd>), Errno>>,
    signals: SignalSet,
    notify: Result<(), Errno>,
    listen: Result<(), Errno>,
    reads: VecDeque<&'static str>,
    dead: Vec<Child>,
    ended: VecDeque<Errno>,
    kills: VecDeque<Errno>,
    send: Result<(), Errno>,
    reap: VecDeque<Errno>,
}

impl Fake {
    fn new(waits: Vec<Result<(SignalSet, Vec<Fd>), Errno>>) -> Self {
        Self {
            log: Log::default(),
            now: 1_000_000_000,
            waits: waits.into(),
            signals: SignalSet::default(),
            notify: Ok(()),
            listen: Ok(()),
            reads: VecDeque::new(),
            dead: Vec::new(),
            ended: VecDeque::new(),
            kills: VecDeque::new(),
            send: Ok(()),
            reap: VecDeque::new(),
        }
    }

    fn note(&self, text: impl Into<String>) {
        self.log.borrow_mut().push(text.into());
    }
}

impl Clock for Fake {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }
}

impl Wait for Fake {
    fn wait(&mut self, _: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        ready.clear();
        if let (Some(until), None) = (until, self.waits.front()) {
            self.now = until.as_nanos();
            return Ok(());
        }
        let (signals, fds) = self.waits.pop_front().unwrap_or(Err(Errno::BADF))?;
        self.signals = signals;
        ready.extend(fds.into_iter().map(|fd| Readiness { fd, readable: true, writable: false }));
        Ok(())
    }

    fn take_signals(&mut self) -> SignalSet {
        std::mem::take(&mut self.signals)
    }
}

impl Streams for Fake {
    fn receive(&mut self, _: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        let text = self.reads.pop_front().ok_or(Errno::AGAIN)?;
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Received { bytes: text.len(), handle: None })
    }
    fn send(&mut self, _: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.note(format!("send {}", bytes.len()));
        self.send.map(|()| bytes.len())
    }
    fn send_handle(&mut self, _: Fd, _: &[u8], _: Fd) -> Result<usize, Errno> {
        Err(Errno::NOSYS)
    }
    fn peer(&mut self, _: Fd) -> Result<Peer, Errno> {
        Err(Errno::NOSYS)
    }
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.notify.map(|()| (Fd(20), "@x".to_owned()))
    }
    fn receive_datagram(&mut self, _: Fd, _: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::AGAIN)
    }
    fn close(&mut self, fd: Fd) {
        self.note(format!("close {}", fd.0));
    }
}

impl Listen for Fake {
    fn listen(&mut self, _: &Address, _: &ListenOptions) -> Result<Fd, Errno> {
        self.listen.map(|()| Fd(30))
    }
    fn bound_address(&self, _: Fd) -> Option<Address> {
        None
    }
    fn accept(&mut self, _: Fd) -> Result<Fd, Errno> {
        Err(Errno::AGAIN)
    }
}

impl Processes for Fake {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        self.note(format!("spawn {:?}", spec.argv[0]));
        Ok(Spawned { child: Child(7), channel: Some(Fd(10)), stdout: None, stderr: None, notify: None })
    }
    fn signal(&mut self, child: Child, signal: Signal, scope: Scope) -> Result<(), Errno> {
        self.note(format!("{signal:?} {scope:?} {}", child.0));
        self.kills.pop_front().map_or(Ok(()), Err)
    }
    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        self.ended.pop_front().map_or(Ok(()), Err)?;
        Ok(self.dead.last().map(|&child| (child, ExitStatus::Code(0))))
    }
    fn reap(&mut self, child: Child) -> Result<(), Errno> {
        self.note(format!("reap {}", child.0));
        self.reap.pop_front().map_or(Ok(()), Err)?;
        self.dead.pop();
        Ok(())
    }
}

impl Files for Fake {
    fn read(&mut self, _: &Path, _: usize) -> Result<Vec<u8>, Errno> {
        Err(Errno::NOENT)
    }
    fn open_append(&mut self, _: &Path) -> Result<Fd, Errno> {
        Err(Errno::NOSPC)
    }
    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        Ok(Fd(number))
    }
    fn write(&mut self, _: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        Ok(bytes.len())
    }
}

impl Own for Fake {
    fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![("LISTEN_PID".into(), "1".into())]
    }
}

/// Starts one worker; ends at its death or at a stop.
struct Noting(Log);

impl Machine for Noting {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match &input {
            Input::Start => actions.push(Action::Spawn(WORKER, Revision(0))),
            Input::Word(id, Word::Retire) => actions.push(Action::Tell(*id, Order::Drain)),
            Input::Command(Command::Reload) => actions.push(Action::Signal(WORKER, Signal::Term)),
            Input::Command(Command::Stop) => actions.push(Action::Signal(WORKER, Signal::Kill)),
            Input::Exited(..) => actions.push(Action::Exit(ExitCode::Stopped)),
            _ => {}
        }
        self.0.borrow_mut().push(format!("{input:?}"));
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// Runs to the end; gives the code and the log without ids, which are all the same.
fn run_fake(mut kernel: Fake, listen: &[&str]) -> (ExitCode, Vec<String>) {
    let addresses = listen.iter().map(|text| crate::config::parse_address(text).expect("valid"));
    let config = Config {
        pools: vec![PoolConfig::new("main", vec!["web".to_owned()], 1)],
        listen: addresses.map(|address| ("web".to_owned(), address)).collect(),
        backlog: 1,
        events: None,
        quiet: true,
        control: None,
    };
    let machine = Noting(Rc::clone(&kernel.log));
    let code = run(&mut kernel, machine, &config);
    let id = format!("{WORKER:?}");
    let log = kernel.log.borrow().iter().map(|line| line.replace(&id, "w")).collect();
    (code, log)
}

const CHILD: SignalSet =
    SignalSet { child: true, term: false, interrupt: false, reload: false, reopen: false, more: false, less: false };

#[test]
fn last_words_come_before_the_kill_the_reaping_and_the_exit() {
    let mut kernel = Fake::new(vec![Ok((CHILD, vec![Fd(10)]))]);
    kernel.dead = vec![Child(7)];
    kernel.reads = ["{\"act\":\"ready\"}\n", "{\"act\":\"suicide\"}\n"].into();
    let (code, log) = run_fake(kernel, &[]);
    assert_eq!(code, ExitCode::Stopped);
    assert_eq!(
        log,
        [
            "Start",
            "spawn \"web\"",
            "Spawned(w)",
            &format!("Word(w, {:?})", Word::Ready),
            &format!("Word(w, {:?})", Word::Suicide),
            "Kill Group 7",
            "close 10",
            "Disconnected(w)",
            "close 20",
            "reap 7",
            "Exited(w, Code(0))",
        ]
    );
}

#[test]
fn strangers_are_reaped_and_nobody_is_told() {
    let mut kernel = Fake::new(vec![Ok((CHILD, vec![]))]);
    kernel.dead = vec![Child(99)];
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[3..], ["reap 99", "Kill Group 7"], "then the wait fails");
}

#[test]
fn a_stop_comes_before_everything_that_came_with_it() {
    let all =
        SignalSet { child: true, term: true, interrupt: true, reload: true, reopen: true, more: false, less: false };
    let mut kernel = Fake::new(vec![Ok((all, vec![Fd(10)]))]);
    kernel.reads = ["{\"act\":\"ready\"}\n"].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[3..7], ["Command(Stop)", "Kill Group 7", "Word(w, Ready)", "Command(Reload)"]);
}

#[test]
fn a_stop_before_the_start_starts_nothing() {
    let mut kernel = Fake::new(Vec::new());
    kernel.signals.term = true;
    let (code, log) = run_fake(kernel, &["127.0.0.1:0"]);
    assert_eq!((code, log), (ExitCode::Stopped, vec!["close 30".to_owned()]));
}

#[test]
fn a_wait_that_fails_kills_the_workers_and_is_a_bug() {
    let (code, log) = run_fake(Fake::new(vec![Err(Errno::INTR), Ok((SignalSet::default(), vec![Fd(99)]))]), &[]);
    assert_eq!(code, ExitCode::Bug);
    assert_eq!(log[3..], ["Kill Group 7"]);
}

#[test]
fn a_reap_that_keeps_failing_is_not_tried_for_ever() {
    let mut kernel = Fake::new(vec![Ok((CHILD, vec![]))]);
    kernel.dead = vec![Child(99)];
    kernel.reap = vec![Errno::SRCH; 10].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log.iter().filter(|line| *line == "reap 99").count(), 3);
}

#[test]
fn whoever_could_not_be_named_or_reaped_at_once_is_still_reaped() {
    let mut kernel = Fake::new(vec![Ok((CHILD, vec![]))]);
    kernel.dead = vec![Child(98), Child(99)];
    kernel.ended = [Errno::INTR].into();
    kernel.reap = [Errno::INTR].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[3..6], ["reap 99", "reap 99", "reap 98"]);
}

#[test]
fn a_wait_that_fails_once_costs_nothing() {
    let mut kernel = Fake::new(vec![Err(Errno::NOMEM), Ok((SignalSet::default(), vec![])), Ok((CHILD, vec![]))]);
    kernel.dead = vec![Child(7)];
    let (code, log) = run_fake(kernel, &[]);
    assert_eq!(code, ExitCode::Stopped);
    assert_eq!(log.last().map(String::as_str), Some("Exited(w, Code(0))"));
}

#[test]
fn no_notify_socket_is_a_failed_spawn() {
    let mut kernel = Fake::new(Vec::new());
    kernel.notify = Err(Errno::MFILE);
    let (_, log) = run_fake(kernel, &[]);
    let error = SpawnError { step: SpawnStep::Descriptors, errno: 24 };
    assert_eq!(log, ["Start".to_owned(), format!("SpawnFailed(w, {error:?})")]);
}

#[test]
fn an_address_that_can_not_be_bound_starts_nothing() {
    let mut kernel = Fake::new(Vec::new());
    kernel.listen = Err(Errno::ADDRINUSE);
    let (code, log) = run_fake(kernel, &["127.0.0.1:1"]);
    assert_eq!((code, log.len()), (ExitCode::AddressInUse, 0));
}

#[test]
fn a_worker_that_has_left_its_group_is_killed_by_itself() {
    let mut kernel = Fake::new(vec![Ok((SignalSet { child: false, term: true, ..CHILD }, vec![]))]);
    kernel.kills = [Errno::SRCH].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[4..6], ["Kill Group 7", "Kill Process 7"]);
}

#[test]
fn a_worker_that_does_not_read_is_told_by_a_signal() {
    let mut kernel = Fake::new(vec![Ok((SignalSet::default(), vec![Fd(10)]))]);
    kernel.reads = ["{\"act\":\"retire\"}\n"].into();
    kernel.send = Err(Errno::PIPE);
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[4..6], ["send 16", "Term Process 7"]);
}

#[test]
fn a_worker_that_gets_no_signal_is_told_on_its_channel() {
    let mut kernel = Fake::new(vec![Ok((SignalSet { child: false, reload: true, ..CHILD }, vec![]))]);
    kernel.kills = [Errno(1)].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[4..6], ["Term Process 7", "send 16"]);
}

//! The loop with a kernel that fails where it is told to, and a machine that notes what it hears.

use std::rc::Rc;

use super::super::testing::{FIRST, Fake, Log, Script, WORKER, config, pool, run_machine};
use super::*;
use crate::config::{Handoff, Leave, PoolConfig};
use crate::core::{Action, Order, SpawnError, SpawnStep, Word, WorkerId};
use crate::kernel::{Child, Clock, PidFileError};

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
    let machine = Noting(Rc::clone(&kernel.log));
    run_machine(&mut kernel, machine, &config(vec![pool("web")], listen))
}

const CHILD: SignalSet =
    SignalSet { child: true, stop: false, reload: false, reopen: false, more: false, less: false, resumed: false };

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
            "signal 9 Group 7",
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
    assert_eq!(log[3..], ["reap 99", "signal 9 Group 7"], "then the wait fails");
}

#[test]
fn a_stop_comes_before_everything_that_came_with_it() {
    let all = SignalSet { stop: true, reload: true, reopen: true, ..CHILD };
    let mut kernel = Fake::new(vec![Ok((all, vec![Fd(10)]))]);
    kernel.reads = ["{\"act\":\"ready\"}\n"].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[3..7], ["Command(Stop)", "signal 9 Group 7", "Word(w, Ready)", "Command(Reload)"]);
}

#[test]
fn a_stop_before_the_start_starts_nothing() {
    let mut kernel = Fake::new(Vec::new());
    kernel.signals.stop = true;
    let (code, log) = run_fake(kernel, &["127.0.0.1:0"]);
    assert_eq!((code, log), (ExitCode::Stopped, vec!["close 30".to_owned()]));
}

#[test]
fn a_wait_that_fails_kills_the_workers_and_is_a_bug() {
    let (code, log) = run_fake(Fake::new(vec![Err(Errno::INTR), Ok((SignalSet::default(), vec![Fd(99)]))]), &[]);
    assert_eq!(code, ExitCode::Bug);
    assert_eq!(log[3..], ["signal 9 Group 7"]);
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
fn one_that_fails_for_a_while_is_tried_again_at_a_moderate_pace_and_told_now_and_then() {
    let mut kernel = Fake::new(vec![Err(Errno::NOMEM), Err(Errno::AGAIN)]);
    kernel.waits.extend(vec![Err(Errno::NOMEM); 1998]);
    kernel.waits.push_back(Ok((CHILD, vec![])));
    kernel.dead = vec![Child(7)];
    let machine = Noting(Rc::clone(&kernel.log));
    let loud = Config { quiet: false, ..config(vec![pool("web")], &[]) };
    let begun = kernel.now;
    let (code, log) = run_machine(&mut kernel, machine, &loud);
    assert_eq!(code, ExitCode::Stopped);
    assert!(log.contains(&"Exited(w, Code(0))".to_owned()), "{log:?}");
    assert_eq!(kernel.now - begun, (2000 * PAUSE).as_nanos() as u64);
    assert_eq!(kernel.written.matches("poll").count(), 2, "in 20 s: {}", kernel.written);
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
fn the_signals_that_scale_mean_the_first_pool() {
    let more = SignalSet { more: true, ..SignalSet::default() };
    let less = SignalSet { less: true, ..SignalSet::default() };
    let (_, log) = run_fake(Fake::new(vec![Ok((more, vec![])), Ok((less, vec![]))]), &[]);
    assert_eq!(log[3..5], ["PoolCommand(0, Scale(By(1)))", "PoolCommand(0, Scale(By(-1)))"]);
}

#[test]
fn each_pool_gets_the_listeners_that_it_names() {
    let mut kernel = Fake::new(Vec::new());
    let of = |name, listen: &[usize]| PoolConfig { listen: listen.to_vec(), ..pool(name) };
    let pools =
        vec![of("web", &[2, 0]), of("notifier", &[]), PoolConfig { handoff: Handoff::RoundRobin, ..of("rr", &[1]) }];
    let spawn = |pool| Action::Spawn(WorkerId { pool, ..WORKER }, FIRST);
    let script = Script([vec![spawn(0), spawn(1), spawn(2)]].into());
    run_machine(&mut kernel, script, &config(pools, &["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]));
    let given: Vec<_> = kernel
        .spawned
        .iter()
        .map(|spec| {
            let variable = |name: &str| {
                let found = spec.env.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.to_string_lossy().into_owned())
            };
            let fds: Vec<i32> = spec.fds.iter().map(|fd| fd.0).collect();
            (fds, variable("LISTEN_FDNAMES"), variable("NODE_CHANNEL_FD"), spec.listen_pid)
        })
        .collect();
    let names = "on 127.0.0.1:3:on 127.0.0.1:1".to_owned();
    assert_eq!(given[0], (vec![32, 30], Some(names), Some("5".to_owned()), true));
    assert_eq!(given[1], (vec![], None, Some("3".to_owned()), false));
    assert_eq!(given[2], given[1], "connections are handed to these");
}

/// What happens after a worker of a pool with this `leave` was told to leave.
fn leaving(leave: Leave, mut kernel: Fake, actions: Vec<Action>) -> Vec<String> {
    let script = Script([vec![Action::Spawn(WORKER, FIRST)], actions].into());
    let (_, log) = run_machine(&mut kernel, script, &config(vec![PoolConfig { leave, ..pool("web") }], &[]));
    log[1..].to_vec()
}

const LEAVE: Action = Action::Signal(WORKER, Signal::Term);

#[test]
fn a_worker_is_asked_to_leave_in_the_way_of_its_pool() {
    let asked = |leave| leaving(leave, Fake::new(vec![]), vec![LEAVE])[0].clone();
    assert_eq!(asked(Leave::Signal(2)), "signal 2 Process 7");
    assert_eq!(asked(Leave::Message("\"shutdown\"".to_owned())), r#"send 10 \"shutdown\"\n"#);
    assert_eq!(asked(Leave::Disconnect), "close 10");
}

#[test]
fn one_that_can_not_be_asked_in_its_way_gets_sigterm() {
    for leave in [Leave::Message("1".to_owned()), Leave::Disconnect] {
        let mut kernel = Fake::new(vec![]);
        kernel.channel = None;
        assert_eq!(leaving(leave, kernel, vec![LEAVE])[0], "signal 15 Process 7");
    }
}

#[test]
fn a_channel_is_closed_when_what_waits_in_it_is_sent() {
    let mut kernel = Fake::new(vec![Ok((SignalSet::default(), vec![])), Ok((SignalSet::default(), vec![Fd(10)]))]);
    kernel.sends = [Ok(3), Err(Errno::AGAIN)].into();
    let log = leaving(Leave::Disconnect, kernel, vec![Action::Tell(WORKER, Order::Drain), LEAVE]);
    assert_eq!(log[..2], [r#"send 10 {\"act\":\"drain\"}\n"#, r#"send 10 ct\":\"drain\"}\n"#]);
    assert_eq!(log[2..4], [r#"send 10 ct\":\"drain\"}\n"#, "close 10"], "once it can be written");
}

#[test]
fn what_no_pool_needs_any_more_is_closed() {
    let mut kernel = Fake::new(Vec::new());
    let script =
        Script([vec![Action::Settle(0, FIRST), Action::Settle(0, Revision(1)), Action::Spawn(WORKER, FIRST)]].into());
    let one = PoolConfig { listen: vec![0], ..pool("web") };
    let (_, log) = run_machine(&mut kernel, script, &config(vec![one], &["127.0.0.1:1"]));
    assert_eq!(log, ["close 30"], "and nothing can be started from it");
}

/// The order to drain, as it is noted.
const DRAIN: &str = r#"send 10 {\"act\":\"drain\"}\n"#;

#[test]
fn a_worker_that_has_left_its_group_is_killed_by_itself() {
    let mut kernel = Fake::new(vec![Ok((SignalSet { child: false, stop: true, ..CHILD }, vec![]))]);
    kernel.kills = [Errno::SRCH].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[4..6], ["signal 9 Group 7", "signal 9 Process 7"]);
}

#[test]
fn a_worker_that_does_not_read_is_told_by_a_signal() {
    let mut kernel = Fake::new(vec![Ok((SignalSet::default(), vec![Fd(10)]))]);
    kernel.reads = ["{\"act\":\"retire\"}\n"].into();
    kernel.sends = [Err(Errno::PIPE)].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[4..6], [DRAIN, "signal 15 Process 7"]);
}

#[test]
fn a_worker_that_gets_no_signal_is_told_on_its_channel() {
    let mut kernel = Fake::new(vec![Ok((SignalSet { child: false, reload: true, ..CHILD }, vec![]))]);
    kernel.kills = [Errno(1)].into();
    let (_, log) = run_fake(kernel, &[]);
    assert_eq!(log[4..6], ["signal 15 Process 7", DRAIN]);
}

#[test]
fn the_pid_file_is_the_first_to_be_had_and_the_last_to_go() {
    let with_file = Config { pid_file: Some("web.pid".into()), ..config(vec![pool("web")], &[]) };
    let run_with = |pid_file| {
        let mut kernel = Fake::new(vec![Ok((CHILD, vec![]))]);
        kernel.dead = vec![Child(7)];
        kernel.pid_file = pid_file;
        kernel.listen = Err(Errno::ADDRINUSE);
        let machine = Noting(Rc::clone(&kernel.log));
        run_machine(&mut kernel, machine, &with_file)
    };
    let (code, log) = run_with(Ok(()));
    assert_eq!(code, ExitCode::Stopped);
    assert_eq!(log.last().map(String::as_str), Some("close 500"));
    for (error, expected) in [
        (PidFileError::Held(Some(7)), ExitCode::AddressInUse),
        (PidFileError::Held(None), ExitCode::AddressInUse),
        (PidFileError::Strange("it is a symbolic link"), ExitCode::Config),
        (PidFileError::System(Errno::NOSPC), ExitCode::Config),
    ] {
        assert_eq!(run_with(Err(error)), (expected, vec![]));
    }
}

#[test]
fn files_are_opened_again_at_the_signal_and_one_that_can_not_be_is_told() {
    let reopen = SignalSet { reopen: true, child: false, ..CHILD };
    let mut kernel = Fake::new(vec![Ok((reopen, vec![])), Ok((reopen, vec![]))]);
    kernel.appends = [Ok(Fd(60)), Ok(Fd(61))].into();
    let events = Some(crate::config::EventSink::File("events".into()));
    let loud = Config { quiet: false, events, ..config(vec![pool("web")], &[]) };
    let machine = Noting(Rc::clone(&kernel.log));
    let (_, log) = run_machine(&mut kernel, machine, &loud);
    assert_eq!(log[3..5], ["close 60", "signal 9 Group 7"], "the second time the old one stays");
    assert!(kernel.written_to[&Fd(61)].contains(r#""call":"open""#));
}

/// Ends at once, with these children of others; gives how long that took and how often it was asked whether there are any.
fn adopted(waits: Vec<Result<(SignalSet, Vec<Fd>), Errno>>, children: usize) -> (Duration, usize) {
    let mut kernel = Fake { children: vec![true; children].into(), ..Fake::new(waits) };
    let start = kernel.now();
    run_machine(&mut kernel, Script([vec![Action::Exit(ExitCode::Stopped)]].into()), &config(vec![pool("web")], &[]));
    (kernel.now().since(start), children - kernel.children.len())
}

#[test]
fn a_stranger_that_lives_on_is_waited_for_no_longer_than_the_dying_need() {
    assert_eq!(adopted(vec![], 0), (Duration::ZERO, 0), "nobody is there");
    assert_eq!(adopted(vec![], 9), (defaults::REAP, 2));
    let deaths = vec![Ok((CHILD, vec![])), Err(Errno::INTR)];
    assert_eq!(adopted(deaths, 3), (defaults::REAP, 3), "three that end, the last of them late");
    assert_eq!(adopted(vec![Err(Errno::BADF)], 9), (Duration::ZERO, 1), "a wait that fails is not tried again");
}

#[test]
fn the_last_lines_get_a_little_time_to_leave() {
    let last_words = |waits| {
        let mut kernel = Fake { writes: [Err(Errno::AGAIN)].into(), ..Fake::new(waits) };
        let actions = vec![Action::Emit(Event::Stop { pool: None, hurry: false }), Action::Exit(ExitCode::Stopped)];
        let loud = Config { quiet: false, ..config(vec![pool("web")], &[]) };
        let start = kernel.now();
        run_machine(&mut kernel, Script([actions].into()), &loud);
        (kernel.now().since(start), kernel.written.lines().count())
    };
    let reads = vec![Err(Errno::INTR), Ok((SignalSet::default(), vec![Fd(2)]))];
    assert_eq!(last_words(reads).0, Duration::ZERO, "it reads again");
    assert!(last_words(vec![Ok((SignalSet::default(), vec![Fd(2)]))]).1 > 0);
    assert_eq!(last_words(vec![]), (FAREWELL, 0), "it never does");
}

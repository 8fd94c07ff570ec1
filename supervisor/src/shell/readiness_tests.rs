//! What a worker says beside its channel, with a machine that notes what it hears.

use super::super::testing::{FIRST, Fake, Log, WORKER, config, pool, run_machine};
use super::*;
use crate::config::Config;
use crate::core::Action;
use crate::kernel::{Fd, SignalSet};
use crate::policy::Instant;

/// The notify socket, and the pipe for the newline.
const NOTIFY: Fd = Fd(20);
const NEWLINE: Fd = Fd(21);

/// Starts one worker and notes what it says.
struct Noting(Log);

impl Machine for Noting {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start => actions.push(Action::Spawn(WORKER, FIRST)),
            Input::Word(_, word) => self.0.borrow_mut().push(format!("{word:?}")),
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A kernel in which these are ready, one a turn.
fn kernel(ready: &[Fd]) -> Fake {
    let mut kernel = Fake::new(ready.iter().map(|&fd| Ok((SignalSet::default(), vec![fd]))).collect());
    kernel.newline = Some(NEWLINE);
    kernel
}

/// What happens once the worker has been started.
fn happens(kernel: &mut Fake) -> Vec<String> {
    let machine = Noting(kernel.log.clone());
    let loud = Config { quiet: false, control: Some("control".into()), ..config(vec![pool("web")], &[]) };
    let (_, log) = run_machine(kernel, machine, &loud);
    let end = log.iter().position(|line| line == "signal 9 Group 7").expect("the loop ends");
    log[1..end].to_vec()
}

#[test]
fn datagrams_are_words() {
    let mut one = kernel(&[NOTIFY]);
    one.datagrams = [Ok("READY=1"), Err(Errno::INTR), Ok("WATCHDOG=1")].into();
    assert_eq!(happens(&mut one), ["Ready", "Alive"]);
    let mut many = kernel(&[NOTIFY]);
    many.datagrams = vec![Ok("WATCHDOG=1"); 3 * DATAGRAMS_PER_TURN].into();
    assert_eq!(happens(&mut many).len(), DATAGRAMS_PER_TURN, "others have their turn, too");
}

#[test]
fn a_notify_socket_that_fails_is_told_and_closed() {
    let mut kernel = kernel(&[NOTIFY, NOTIFY]);
    kernel.datagrams = [Err(Errno::BADF), Ok("READY=1")].into();
    assert_eq!(happens(&mut kernel), ["close 20"]);
    assert!(kernel.written.contains("recvmsg"), "{}", kernel.written);
}

#[test]
fn the_newline_says_ready_once_and_whatever_else_comes_does_not() {
    let after = |reads: &[&'static str]| {
        let mut kernel = kernel(&[NEWLINE]);
        kernel.reads = reads.iter().copied().collect();
        happens(&mut kernel)
    };
    assert_eq!(after(&["so ", "far"]), [""; 0]);
    assert_eq!(after(&["so ", "far\n", "\n"]), ["close 21", "Ready"]);
    assert_eq!(after(&[""]), ["close 21"], "it will never say so");
}

#[test]
fn a_pipe_that_fails_is_told_and_closed() {
    let mut kernel = kernel(&[NEWLINE, NEWLINE]);
    kernel.failures = [Errno::INTR, Errno::BADF].into();
    kernel.reads = ["\n"].into();
    assert_eq!(happens(&mut kernel), ["close 21"]);
    assert!(kernel.written.contains("read"), "{}", kernel.written);
}

#[test]
fn a_descriptor_that_was_closed_may_be_anybody_elses_next() {
    let mut kernel = kernel(&[NEWLINE, Fd(30), NEWLINE]);
    kernel.peer = Ok(kernel.own);
    kernel.connections = [NEWLINE].into();
    kernel.reads = ["\n", "{\"do\":\"publish\",\"topic\":\"a\",\"data\":1}\n"].into();
    let log = happens(&mut kernel);
    assert!(log.last().is_some_and(|line| line.starts_with("send 21") && line.contains("done")), "{log:?}");
}

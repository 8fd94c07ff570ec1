//! The real kernel in a test, and children that are one-line shell scripts.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use supervisor::core::{ExitStatus, Signal};
use supervisor::kernel::{Child, Clock, Errno, Fd, Processes, Scope, SpawnSpec, Spawned, Streams, Wait, Watch};
use supervisor::unix::Unix;

static TURN: Mutex<()> = Mutex::new(());

pub fn kernel() -> (MutexGuard<'static, ()>, Unix) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (turn, Unix::start().expect("it starts"))
}

pub fn spec(argv: &[&str]) -> SpawnSpec {
    SpawnSpec {
        argv: argv.iter().map(OsString::from).collect(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        fds: Vec::new(),
        channel: true,
        listen_pid: false,
        on_parent_death: Some(Signal::Term),
        ..SpawnSpec::default()
    }
}

pub fn shell(script: &str) -> SpawnSpec {
    spec(&["sh", "-c", script])
}

/// Waits for the end of the one child, and reaps it.
pub fn end_of(kernel: &mut Unix, child: Child) -> ExitStatus {
    let until = kernel.now() + Duration::from_secs(30);
    loop {
        if let Some((ended, status)) = kernel.ended().expect("no error") {
            assert_eq!(ended, child);
            assert_eq!(kernel.ended(), Ok(Some((child, status))), "named again until it is reaped");
            kernel.reap(child).expect("it is there");
            assert_eq!(kernel.ended(), Ok(None));
            assert_eq!(kernel.signal(child, Signal::Term.into(), Scope::Process), Err(Errno::SRCH), "its pid is free");
            return status;
        }
        assert!(kernel.now() < until, "it never ended");
        _ = kernel.wait(&[], Some(until), &mut Vec::new());
        kernel.take_signals();
    }
}

/// Everything that the child writes to its channel.
pub fn said(kernel: &mut Unix, channel: Fd) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match kernel.receive(channel, &mut buffer) {
            Ok(received) if received.bytes == 0 => break,
            Ok(received) => all.extend_from_slice(&buffer[..received.bytes]),
            Err(Errno::AGAIN) => {
                let until = kernel.now() + Duration::from_secs(30);
                let watch = Watch { fd: channel, read: true, write: false };
                _ = kernel.wait(&[watch], Some(until), &mut Vec::new());
            }
            Err(errno) => panic!("{errno:?}"),
        }
    }
    kernel.close(channel);
    String::from_utf8(all).expect("UTF-8")
}

/// What a script on descriptor 3 says about itself, and how it ends.
pub fn answer(kernel: &mut Unix, spec: &SpawnSpec) -> (Child, String, ExitStatus) {
    let Spawned { child, channel, .. } = kernel.spawn(spec).expect("it starts");
    let text = said(kernel, channel.expect("a channel"));
    (child, text, end_of(kernel, child))
}

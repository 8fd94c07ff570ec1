use super::super::testing::{FIRST, Fake, Script, WORKER, config, pool, run_machine};
use super::*;
use crate::config::Config;
use crate::core::Action;

/// What people are told when every signal to a worker fails with this.
fn told_of(errno: Errno) -> String {
    let mut kernel = Fake::new(vec![]);
    kernel.kills = [errno; 2].into();
    let script = Script([vec![Action::Spawn(WORKER, FIRST), Action::Signal(WORKER, Signal::Kill)]].into());
    run_machine(&mut kernel, script, &Config { quiet: false, ..config(vec![pool("web")], &[]) });
    kernel.written
}

#[test]
fn a_signal_that_fails_is_told_unless_there_is_nobody_left_to_get_it() {
    let told = told_of(Errno(1));
    assert!(told.contains("worker 0 (generation 1, pid 7): kill failed: Operation not permitted"), "{told}");
    let told = told_of(Errno::SRCH);
    assert!(!told.contains("kill"), "{told}");
}

//! Workers of several pools.

use super::*;
use crate::history::{Claim, ClaimKind};
use crate::scenario::{Beside, Lives};

#[test]
fn steps_mean_workers_of_the_first_pool_unless_they_say_otherwise() {
    let there = |trigger: Trigger| Trigger::In("other".into(), Box::new(trigger));
    let steps = vec![
        step(Some(there(Trigger::Exited)), Some(Act::Kill(Target::Each))),
        step(Some(there(Trigger::Ready)), Some(Act::Kill(Target::In("other".into(), Box::new(Target::Each))))),
        step(Some(Trigger::State(State::PoolFull)), Some(Act::Kill(Target::That))),
    ];
    let mut two = scenario(1, steps);
    let (lives, expect) = (Lives::default(), Vec::new());
    two.beside = vec![Beside { name: "other".into(), pool: Pool { workers: 2, ..two.pool.clone() }, lives, expect }];
    let mut set = Set::new(&two);
    set.see(What::SupervisorBorn(proc(MASTER)));
    let other = |set: &mut Set, pid| {
        let role = Role::Worker { ticket: pid, generation: 1, pool: 1 };
        set.see(What::Born { proc: proc(pid), parent: MASTER, role });
        set.see(What::Ready(proc(pid)));
    };
    set.worker(2);
    other(&mut set, 3);
    assert_eq!(set.phase(PhaseMark::Steps), None, "the other pool is not full yet");
    other(&mut set, 4);
    assert!(set.phase(PhaseMark::Steps).is_some());
    set.dies(2);
    assert_eq!(set.fired(), [], "that was in the first pool");
    set.worker(5);
    set.dies(3);
    let killed = |to: &[u32]| Injection::Signal { to: to.iter().map(|pid| proc(*pid)).collect(), signal: Signal::KILL };
    assert!(set.when(&killed(&[5])).is_some(), "{:?}", set.done);
    set.worker(6);
    assert_eq!(set.fired().len(), 1, "that was in the first pool");
    other(&mut set, 7);
    assert!(set.when(&killed(&[4])).is_some() && set.when(&killed(&[7])).is_some(), "{:?}", set.done);
    other(&mut set, 8);
    assert_eq!(set.fired().len(), 2, "one that was killed is missing yet");
    other(&mut set, 9);
    assert_eq!(set.fired().len(), 3, "both pools are full");
}

#[test]
fn an_order_to_one_pool_has_ended_when_that_one_has_obeyed() {
    let order = |command| Some(Act::Operate(Command::In("other".into(), Box::new(command))));
    let steps = vec![
        step(None, order(Command::Scale(2))),
        step(Some(Trigger::CommandEnds), order(Command::Restart(0))),
        step(Some(Trigger::CommandEnds), None),
    ];
    let mut two = scenario(1, steps);
    let (lives, expect) = (Lives::default(), Vec::new());
    two.beside = vec![Beside { name: "other".into(), pool: two.pool.clone(), lives, expect }];
    let mut set = Set::new(&two);
    set.see(What::SupervisorBorn(proc(MASTER)));
    set.worker(2);
    let other = |set: &mut Set, pid| {
        let role = Role::Worker { ticket: pid, generation: 1, pool: 1 };
        set.see(What::Born { proc: proc(pid), parent: MASTER, role });
        set.see(What::Ready(proc(pid)));
    };
    other(&mut set, 3);
    assert_eq!(set.fired().len(), 1, "it has one worker, and is to have two");
    other(&mut set, 4);
    assert_eq!(set.fired().len(), 2);
    set.until(1);
    set.dies(2);
    set.worker(5);
    assert_eq!(set.fired().len(), 2, "that was in the first pool");
    set.dies(3);
    other(&mut set, 6);
    assert_eq!(set.fired().len(), 3);
}

#[test]
fn a_reload_has_succeeded_when_every_pool_says_so() {
    let done = |pool: &str| What::Claimed(Claim { pid: 0, pool: Some(pool.into()), kind: ClaimKind::Reloaded });
    let steps = vec![step(None, Some(Act::Operate(Command::Reload))), step(Some(Trigger::CommandSucceeds), None)];
    let mut two = scenario(1, steps);
    two.beside =
        vec![Beside { name: "other".into(), pool: two.pool.clone(), lives: Lives::default(), expect: Vec::new() }];
    let mut set = Set::new(&two);
    set.see(What::SupervisorBorn(proc(MASTER)));
    set.worker(2);
    let role = Role::Worker { ticket: 1, generation: 1, pool: 1 };
    set.see(What::Born { proc: proc(3), parent: MASTER, role });
    set.see(What::Ready(proc(3)));
    set.see(done("main"));
    assert_eq!(set.fired().len(), 1, "the other pool has not said so");
    set.see(done("other"));
    assert_eq!(set.fired().len(), 2);
}

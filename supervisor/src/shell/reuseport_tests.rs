use super::super::testing::{FIRST, Fake, Script, WORKER, config, pool, run_machine};
use crate::config::{Handoff, PoolConfig};
use crate::core::{Action, Revision, WorkerId};
use crate::kernel::{Fd, Sharing};

/// The sockets that these places of a pool are born with, in the order of their births; what happened; and the kernel.
fn born(handoff: Handoff, slots: &[u32], more: &[Action]) -> (Vec<Vec<Fd>>, Vec<String>, Fake) {
    let mut kernel = Fake::new(vec![]);
    kernel.bound = Some(crate::config::parse_address("127.0.0.1:1").expect("valid"));
    let births = slots.iter().map(|&slot| Action::Spawn(WorkerId { slot, ..WORKER }, FIRST));
    let script = Script([births.chain(more.iter().cloned()).collect()].into());
    let web = PoolConfig { handoff, listen: vec![0], ..pool("web") };
    let (_, log) = run_machine(&mut kernel, script, &config(vec![web], &["127.0.0.1:1"]));
    (kernel.spawned.iter().map(|spec| spec.fds.clone()).collect(), log, kernel)
}

#[test]
fn each_place_has_a_socket_of_its_own_and_keeps_it() {
    let (fds, _, kernel) = born(Handoff::Reuseport, &[0, 1, 2, 1, 0], &[]);
    assert_eq!(fds, [30, 31, 32, 31, 30].map(|fd| vec![Fd(fd)]));
    let sharing: Vec<Sharing> = kernel.listened.iter().map(|options| options.sharing).collect();
    assert_eq!(sharing, [Sharing::First, Sharing::Next, Sharing::Next], "the first is bound where nobody else is");
    assert_eq!(born(Handoff::Inherit, &[0, 1], &[]).0, [30, 30].map(|fd| vec![Fd(fd)]), "others share it");
}

#[test]
fn the_sockets_of_places_go_with_the_one_beside_which_they_were_bound() {
    let closed = |more: &[Action]| {
        let (_, log, _) = born(Handoff::Reuseport, &[0, 1], more);
        let end = log.iter().position(|line| line.starts_with("signal 9")).expect("the loop ends");
        log[..end].iter().filter(|line| line.starts_with("close")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(closed(&[Action::Settle(0, FIRST)]), [""; 0]);
    assert_eq!(closed(&[Action::Settle(0, Revision(1))]), ["close 31", "close 30"], "no revision names it any more");
}

//! Waiting for connections that workers accept.

use super::*;

fn accepts(set: &mut Set, pid: u32) {
    set.see(What::Accepted { proc: proc(pid), peer: 1 });
}

#[test]
fn the_connections_that_a_step_waits_for_count_from_the_step_before() {
    let third = || Some(Trigger::Accepted { nth: 3 });
    let mut set =
        Set::steady(2, vec![step(third(), kill(Target::That)), step(third(), None), step(third(), kill(Target::That))]);
    set.now = 1;
    accepts(&mut set, 2);
    accepts(&mut set, 2);
    assert_eq!(set.fired(), []);
    set.now = 2;
    accepts(&mut set, 3);
    assert_eq!(set.signals(), [(2, vec![3], Signal::KILL)], "who accepted the third is hit");
    set.now = 5;
    accepts(&mut set, 2);
    accepts(&mut set, 2);
    assert_eq!(set.fired().len(), 1, "the first three are over");
    accepts(&mut set, 2);
    assert_eq!(set.fired().len(), 2);
    set.until(1010);
    assert_eq!(set.missed(), [(1005, vec![2])]);
}

#[test]
fn a_connection_that_is_told_of_late_is_no_edge_of_what_comes_after_it() {
    let first = || step(Some(Trigger::Accepted { nth: 1 }), None);
    let mut set = Set::steady(1, vec![step(Some(Trigger::After(Span::millis(10))), None), first()]);
    set.until(10);
    set.go();
    set.director.see(&Event::at(at(9), What::Accepted { proc: proc(2), peer: 1 }));
    set.go();
    assert_eq!(set.fired().len(), 1, "it was accepted before");
    accepts(&mut set, 2);
    assert_eq!(set.fired().len(), 2);
}

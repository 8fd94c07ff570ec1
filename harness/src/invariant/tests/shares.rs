//! What is judged otherwise where each worker has a listening socket of its own.

use crate::history::{Outcome, What};
use crate::scenario::Handoff;
use crate::verdict::Verdict;

use super::super::testing::{Tale, worker};

fn fails(tale: &Tale, id: &str) {
    assert!(matches!(tale.verdict(id), Verdict::Fail { .. }), "{:?}", tale.verdict(id));
}

/// A pool of four that shrinks to three.
fn shrinks(handoff: Handoff) -> Tale {
    let mut tale = Tale::full();
    tale.scenario.pool.handoff = Some(handoff);
    tale.scaled(1_100, 3).told(1_110, 4);
    tale
}

#[test]
fn who_waits_at_the_socket_of_a_place_that_is_closed_ends_with_it() {
    let lost = |handoff: Handoff, tried: u64, ended: u64| {
        let mut tale = shrinks(handoff);
        tale.probe(tried, ended, None, Outcome::Reset).leaves(1_115, 4).calm(1_900, &[1, 2, 3]);
        tale
    };
    lost(Handoff::Reuseport, 1_108, 1_114).passes("INV-CONSERVE");
    fails(&lost(Handoff::Inherit, 1_108, 1_114), "INV-CONSERVE");
    fails(&lost(Handoff::Reuseport, 1_150, 1_151), "INV-CONSERVE");
    fails(&lost(Handoff::Reuseport, 1_108, 1_300), "INV-CONSERVE");
}

#[test]
fn who_waits_to_the_end_has_waited_too_long() {
    let waits = |tried: u64, outcome: Outcome| {
        let mut tale = shrinks(Handoff::Reuseport);
        tale.leaves(1_115, 4).probe(tried, 1_910, None, outcome).calm(1_900, &[1, 2, 3]);
        tale
    };
    fails(&waits(1_200, Outcome::Dropped), "INV-FLOOR");
    fails(&waits(1_200, Outcome::Reset), "INV-FLOOR");
    waits(1_800, Outcome::Dropped).passes("INV-FLOOR");
}

#[test]
fn who_waits_while_a_worker_does_not_run_may_wait_at_its_socket() {
    let waits = |handoff: Handoff| {
        let mut tale = Tale::full();
        tale.scenario.pool.handoff = Some(handoff);
        let fault = "Freeze(Oldest)".to_owned();
        tale.add(1_050, What::FaultBegan { step: vec![0], fault, on: vec![worker(1)] });
        tale.probe(1_200, 1_910, None, Outcome::Dropped).add(1_895, What::Healed { step: vec![0] });
        tale.calm(1_900, &[1, 2, 3, 4]);
        tale
    };
    waits(Handoff::Reuseport).passes("INV-FLOOR");
    fails(&waits(Handoff::Inherit), "INV-FLOOR");
}

#[test]
fn with_another_number_of_places_there_are_other_sockets() {
    let looks = |handoff: Handoff| {
        let mut tale = Tale::full();
        tale.scenario.pool.handoff = Some(handoff);
        let look = |is: &str| What::Owned { what: "127.0.0.1:80".to_owned(), is: Some(is.to_owned()) };
        tale.add(1_000, look("socket 1, 2")).scaled(1_100, 3).told(1_110, 4).leaves(1_115, 4);
        tale.add(1_200, look("socket 1"))
            .add(1_400, look("socket 1"))
            .add(1_500, look("socket 1"))
            .calm(1_900, &[1, 2, 3]);
        tale
    };
    looks(Handoff::Reuseport).passes("INV-OWN");
    fails(&looks(Handoff::Inherit), "INV-OWN");
}

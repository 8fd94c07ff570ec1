use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// A turn with these workers and so many connections waiting.
fn robin(workers: &[u8], connections: u32) -> Robin<u8, u32> {
    let mut robin = Robin::default();
    workers.iter().for_each(|&worker| robin.join(worker));
    (0..connections).for_each(|connection| robin.offer(connection));
    robin
}

#[test]
fn in_turn_and_one_at_a_time() {
    let mut robin = robin(&[1, 2], 5);
    assert_eq!(robin.assign(at(0), 10), Some((1, 0)));
    assert_eq!(robin.assign(at(0), 11), Some((2, 1)));
    assert_eq!(robin.assign(at(0), 12), None, "everybody owes an answer");
    assert_eq!(robin.answered(at(1), 2, 11, true), Settled::Taken(1));
    assert_eq!(robin.assign(at(1), 12), Some((2, 2)));
    assert_eq!(robin.answered(at(1), 1, 10, true), Settled::Taken(0));
    assert_eq!(robin.assign(at(1), 13), Some((1, 3)));
}

#[test]
fn answers_that_nobody_asked_for_are_nothing() {
    let mut robin = robin(&[1, 2], 1);
    assert_eq!(robin.answered(at(0), 1, 7, true), Settled::Unknown);
    assert_eq!(robin.assign(at(0), 7), Some((1, 0)));
    assert_eq!(robin.answered(at(0), 2, 7, true), Settled::Unknown, "another's");
    assert_eq!(robin.answered(at(0), 1, 7, true), Settled::Taken(0));
    assert_eq!(robin.answered(at(0), 1, 7, true), Settled::Unknown, "twice");
    robin.offer(1);
    robin.offer(2);
    robin.offer(3);
    let given: Vec<_> = (20..24).map_while(|seq| robin.assign(at(0), seq)).collect();
    assert_eq!(given, [(2, 1), (1, 2)], "nor do they put a worker into the turn twice");
}

#[test]
fn who_refuses_rests_and_the_connection_is_the_next_of_another() {
    let mut robin = robin(&[1, 2], 2);
    assert_eq!(robin.assign(at(0), 1), Some((1, 0)));
    assert_eq!(robin.answered(at(0), 1, 1, false), Settled::Back);
    assert_eq!(robin.assign(at(0), 2), Some((2, 0)));
    assert_eq!(robin.answered(at(5), 2, 2, false), Settled::Back);
    assert_eq!(robin.assign(at(5), 3), None);
    assert_eq!(robin.next_deadline(None), Some(at(20)));
    robin.tick(at(19));
    assert_eq!(robin.assign(at(19), 3), None);
    robin.tick(at(20));
    assert_eq!(robin.assign(at(20), 3), Some((1, 0)));
    assert_eq!(robin.next_deadline(None), Some(at(25)));
}

#[test]
fn what_a_dead_worker_did_not_answer_comes_first() {
    let mut robin = robin(&[1, 2], 4);
    assert_eq!(robin.assign(at(0), 1), Some((1, 0)));
    assert_eq!(robin.assign(at(0), 2), Some((2, 1)));
    robin.gone(1);
    assert_eq!(robin.answered(at(0), 1, 1, true), Settled::Unknown);
    assert_eq!(robin.answered(at(0), 2, 2, true), Settled::Taken(1));
    assert_eq!(robin.assign(at(0), 3), Some((2, 0)));
}

#[test]
fn who_leaves_gets_no_more_and_keeps_what_it_has() {
    let mut robin = robin(&[1, 2], 3);
    assert_eq!(robin.assign(at(0), 1), Some((1, 0)));
    robin.leave(1);
    assert_eq!(robin.assign(at(0), 2), Some((2, 1)));
    assert_eq!(robin.answered(at(0), 1, 1, true), Settled::Taken(0));
    assert_eq!(robin.assign(at(0), 3), None, "it is not in the turn any more");
    robin.gone(1);
    robin.leave(2);
    assert!(!robin.wants_more() && robin.is_empty());
}

#[test]
fn who_will_leave_gets_some_only_if_there_is_nobody_else() {
    let mut robin = robin(&[1], 3);
    robin.yields(1);
    assert_eq!(robin.assign(at(0), 1), Some((1, 0)));
    assert_eq!(robin.answered(at(0), 1, 1, true), Settled::Taken(0));
    robin.join(2);
    assert_eq!(robin.assign(at(0), 2), Some((2, 1)));
    assert_eq!(robin.assign(at(0), 3), None, "the other one is only busy");
}

#[test]
fn no_more_are_accepted_than_may_wait() {
    let mut robin = robin(&[1], 0);
    for connection in 0..QUEUE {
        assert!(robin.wants_more(), "{connection}");
        robin.offer(u32::try_from(connection).expect("small"));
    }
    assert!(!robin.wants_more());
    robin.assign(at(0), 1);
    assert!(robin.wants_more());
    assert_eq!(robin.take_all().len(), QUEUE);
}

#[test]
fn an_answer_that_is_overdue_is_told_once() {
    let limit = Duration::from_millis(100);
    let mut robin = robin(&[1, 2], 2);
    robin.assign(at(0), 1);
    robin.assign(at(10), 2);
    assert_eq!(robin.next_deadline(Some(limit)), Some(at(100)));
    assert_eq!(robin.next_deadline(None), None);
    assert_eq!(robin.overdue(at(99), limit), Vec::<u8>::new());
    assert_eq!(robin.overdue(at(100), limit), [1]);
    assert_eq!(robin.overdue(at(105), limit), Vec::<u8>::new());
    assert_eq!(robin.next_deadline(Some(limit)), Some(at(110)));
    assert_eq!(robin.answered(at(105), 1, 1, true), Settled::Taken(0), "late is better than never");
}

#[test]
fn nobody_is_overdue_for_a_time_in_which_nobody_looked() {
    let limit = Duration::from_millis(100);
    let mut robin = robin(&[1], 1);
    robin.assign(at(0), 1);
    assert_eq!(robin.overdue(at(60_000), limit), Vec::<u8>::new());
    assert_eq!(robin.next_deadline(Some(limit)), Some(at(60_100)));
    assert_eq!(robin.overdue(at(60_100), limit), [1]);
}

#[derive(Clone, Debug)]
enum Do {
    Offer,
    Assign,
    Answer(usize, bool),
    Join(u8),
    Leave(u8),
    Yield(u8),
    Gone(u8),
    Wait(u64),
}

fn doing() -> impl Strategy<Value = Do> {
    let worker = 0u8..4;
    prop_oneof![
        4 => Just(Do::Offer),
        4 => Just(Do::Assign),
        4 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(which, yes)| Do::Answer(which, yes)),
        2 => worker.clone().prop_map(Do::Join),
        1 => worker.clone().prop_map(Do::Leave),
        1 => worker.clone().prop_map(Do::Yield),
        1 => worker.prop_map(Do::Gone),
        1 => (0u64..30).prop_map(Do::Wait),
    ]
}

proptest! {
    /// Against a simple model: a connection is in one place at any time, only a member that owes nothing gets one, and
    /// nothing is lost.
    #[test]
    fn no_connection_is_lost_doubled_or_given_to_one_that_leaves(steps in prop::collection::vec(doing(), 0..200)) {
        let mut robin = Robin::default();
        let (mut now, mut seq, mut born) = (0u64, 0u64, 0u32);
        let mut members = BTreeSet::new();
        let mut flights: BTreeMap<u64, (u8, u32)> = BTreeMap::new();
        let mut waiting = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for step in steps {
            match step {
                Do::Offer => {
                    robin.offer(born);
                    waiting.insert(born);
                    born += 1;
                }
                Do::Assign => {
                    seq += 1;
                    if let Some((worker, connection)) = robin.assign(at(now), seq) {
                        prop_assert!(members.contains(&worker), "not in the turn");
                        prop_assert!(flights.values().all(|&(owing, _)| owing != worker), "owes an answer");
                        prop_assert!(waiting.remove(&connection), "handed out twice");
                        flights.insert(seq, (worker, connection));
                    }
                }
                Do::Answer(which, accepted) => {
                    let Some((&seq, &(worker, connection))) = flights.iter().nth(which % flights.len().max(1)) else { continue };
                    flights.remove(&seq);
                    let expected = if accepted { Settled::Taken(connection) } else { Settled::Back };
                    prop_assert_eq!(robin.answered(at(now), worker, seq, accepted), expected);
                    let place = if accepted { &mut taken } else { &mut waiting };
                    prop_assert!(place.insert(connection));
                }
                Do::Join(worker) => {
                    robin.join(worker);
                    members.insert(worker);
                }
                Do::Leave(worker) => {
                    robin.leave(worker);
                    members.remove(&worker);
                }
                Do::Yield(worker) => robin.yields(worker),
                Do::Gone(worker) => {
                    robin.gone(worker);
                    members.remove(&worker);
                    waiting.extend(flights.values().filter(|(of, _)| *of == worker).map(|&(_, connection)| connection));
                    flights.retain(|_, (of, _)| *of != worker);
                }
                Do::Wait(millis) => {
                    now += millis;
                    robin.tick(at(now));
                }
            }
        }
        // Once there is somebody who takes everything, everything that waits is taken.
        (0..4).for_each(|worker| robin.gone(worker));
        waiting.extend(flights.into_values().map(|(_, connection)| connection));
        robin.join(9);
        while let Some((worker, connection)) = robin.assign(at(now), seq + 1) {
            seq += 1;
            prop_assert!(waiting.remove(&connection) && taken.insert(connection));
            prop_assert_eq!(robin.answered(at(now), worker, seq, true), Settled::Taken(connection));
        }
        prop_assert!(waiting.is_empty(), "{waiting:?}");
        prop_assert_eq!(taken.len(), born as usize);
    }

    /// While everybody answers at once, nobody is ahead of another by more than one.
    #[test]
    fn it_is_fair_to_within_one_connection(workers in 1u8..6, connections in 0u32..60) {
        let members: Vec<u8> = (0..workers).collect();
        let mut robin = robin(&members, connections);
        let mut counts = vec![0u32; members.len()];
        for seq in 0..u64::from(connections) {
            let (worker, connection) = robin.assign(at(0), seq).expect("somebody is free");
            robin.answered(at(0), worker, seq, true);
            prop_assert_eq!(u64::from(connection), seq);
            counts[usize::from(worker)] += 1;
            prop_assert!(counts.iter().max().expect("one") - counts.iter().min().expect("one") <= 1);
        }
    }

    /// Nor when all are busy at first and answer in any order: between two turns of one, everybody else who was free has
    /// had one.
    #[test]
    fn nobody_who_is_free_is_passed_over(answers in prop::collection::vec(0usize..4, 1..60)) {
        let mut robin = robin(&[0, 1, 2, 3], 0);
        let mut waits = BTreeMap::from([(0u8, 0u32), (1, 0), (2, 0), (3, 0)]);
        let mut busy: Vec<(u64, u8)> = Vec::new();
        for (seq, answer) in answers.into_iter().enumerate() {
            let seq = seq as u64;
            robin.offer(0);
            if let Some((worker, _)) = robin.assign(at(0), seq) {
                waits.insert(worker, 0);
                busy.push((seq, worker));
                waits.iter_mut().filter(|(w, _)| busy.iter().all(|(_, b)| b != *w)).for_each(|(_, wait)| *wait += 1);
                prop_assert!(waits.values().all(|&wait| wait <= 3), "{waits:?}");
            }
            if answer < busy.len() {
                let (seq, worker) = busy.remove(answer);
                robin.answered(at(0), worker, seq, true);
                waits.insert(worker, 0);
            }
        }
    }
}

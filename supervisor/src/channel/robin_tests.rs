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

/// One that every worker of `workers` has answered promptly so often that it may owe as many as there can be.
fn trusting(workers: &[u8]) -> Robin<u8, u32> {
    let mut robin = robin(workers, 0);
    for seq in 0..u64::from(UNDER_WAY) * workers.len() as u64 {
        robin.offer(0);
        let (worker, _) = robin.assign(at(0), seq).expect("somebody is free");
        assert_eq!(robin.answered(at(0), worker, seq, true), Settled::Taken(0));
    }
    robin
}

/// Who gets the next connections, from number `seq` on.
fn given(robin: &mut Robin<u8, u32>, now: u64, seq: u64, count: u64) -> Vec<u8> {
    (seq..seq + count).map_while(|seq| robin.assign(at(now), seq)).map(|(worker, _)| worker).collect()
}

#[test]
fn in_turn_and_one_at_a_time_at_first() {
    let mut robin = robin(&[1, 2], 5);
    assert_eq!(robin.assign(at(0), 10), Some((1, 0)));
    assert_eq!(robin.assign(at(0), 11), Some((2, 1)));
    assert_eq!(robin.assign(at(0), 12), None, "everybody owes an answer");
    assert_eq!(robin.answered(at(11), 2, 11, true), Settled::Taken(1));
    assert_eq!(robin.assign(at(11), 12), Some((2, 2)));
    assert_eq!(robin.answered(at(11), 1, 10, true), Settled::Taken(0));
    assert_eq!(robin.assign(at(11), 13), Some((1, 3)));
    assert_eq!(robin.assign(at(11), 14), None, "those answers took their time");
}

#[test]
fn with_each_prompt_answer_a_worker_may_owe_one_more() {
    let mut robin = robin(&[1], 99);
    assert_eq!(given(&mut robin, 0, 1, 9), [1]);
    robin.answered(at(9), 1, 1, true);
    assert_eq!(given(&mut robin, 10, 2, 9), [1; 2]);
    robin.answered(at(11), 1, 2, true);
    assert_eq!(given(&mut robin, 11, 4, 9), [1; 2], "three by now");
    // Those of 11 ms took longer than is prompt at 22 ms.
    robin.answered(at(22), 1, 4, true);
    robin.answered(at(22), 1, 5, true);
    assert_eq!(given(&mut robin, 22, 6, 9), [0; 0], "one by now, and it owes that");
}

#[test]
fn nobody_owes_more_than_can_be_under_way() {
    let mut robin = trusting(&[1, 2]);
    (0..99).for_each(|connection| robin.offer(connection));
    let workers = given(&mut robin, 0, 1000, 99);
    assert_eq!(workers.len(), 2 * UNDER_WAY as usize);
    assert!(workers.chunks(2).all(|pair| pair == [1, 2]), "and nobody two more than another: {workers:?}");
}

#[test]
fn who_owes_less_comes_first() {
    let mut robin = trusting(&[1, 2]);
    (0..6).for_each(|connection| robin.offer(connection));
    assert_eq!(given(&mut robin, 0, 1000, 4), [1, 2, 1, 2]);
    robin.answered(at(1), 2, 1001, true);
    robin.answered(at(1), 2, 1003, true);
    assert_eq!(given(&mut robin, 1, 1004, 2), [2, 2]);
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
    robin.offer(4);
    let given: Vec<_> = (20..25).map_while(|seq| robin.assign(at(0), seq)).collect();
    assert_eq!(given, [(2, 1), (1, 2), (1, 3)], "nor do they let a worker owe more");
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
fn all_that_a_dead_worker_did_not_answer_comes_first_and_in_order() {
    let mut robin = trusting(&[1]);
    (0..5).for_each(|connection| robin.offer(connection));
    assert_eq!(given(&mut robin, 0, 1000, 3), [1; 3]);
    robin.answered(at(0), 1, 1000, true);
    robin.gone(1);
    robin.join(2);
    let mut order = Vec::new();
    for seq in 2000.. {
        let Some((worker, connection)) = robin.assign(at(0), seq) else { break };
        order.push(connection);
        robin.answered(at(0), worker, seq, true);
    }
    assert_eq!(order, [1, 2, 3, 4]);
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
    assert!(!robin.wants_more());
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
    assert_eq!(robin.answered(at(0), 2, 2, false), Settled::Back);
    assert_eq!(robin.assign(at(0), 3), None, "or rests");
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

#[test]
fn of_a_worker_that_owes_several_answers_it_is_told_once() {
    let limit = Duration::from_millis(100);
    let mut robin = trusting(&[1, 2]);
    (0..4).for_each(|connection| robin.offer(connection));
    assert_eq!(given(&mut robin, 0, 1000, 2), [1, 2]);
    assert_eq!(given(&mut robin, 50, 1002, 2), [1, 2]);
    robin.answered(at(60), 2, 1001, true);
    assert_eq!(robin.next_deadline(Some(limit)), Some(at(100)));
    assert_eq!(robin.overdue(at(100), limit), [1]);
    assert_eq!(robin.next_deadline(Some(limit)), Some(at(150)), "of the other");
    assert_eq!(robin.overdue(at(150), limit), [2]);
    assert_eq!(robin.next_deadline(Some(limit)), None);
}

#[test]
fn what_was_handed_out_shortly_before_nobody_looked_gets_the_time_again_as_well() {
    let limit = Duration::from_millis(100);
    let mut robin = trusting(&[1, 2]);
    (0..2).for_each(|connection| robin.offer(connection));
    assert_eq!(given(&mut robin, 0, 1000, 1), [1]);
    assert_eq!(given(&mut robin, 1900, 1001, 1), [2]);
    assert_eq!(robin.overdue(at(2000), limit), Vec::<u8>::new());
    assert_eq!(robin.next_deadline(Some(limit)), Some(at(2100)));
    assert_eq!(robin.overdue(at(2100), limit), [1, 2]);
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
    /// Against a simple model: a connection is in one place at any time, nobody owes more than can be under way, none but
    /// a member gets one, and nothing is lost.
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
                        let owes = flights.values().filter(|&&(owing, _)| owing == worker).count();
                        prop_assert!(owes < UNDER_WAY as usize, "owes {owes} answers");
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

    /// Nor when all are busy and answer in any order: between two turns of one, everybody else who owes no more than that
    /// one has had one. Answers that take their time keep it to one each.
    #[test]
    fn nobody_who_is_free_is_passed_over(
        answers in prop::collection::vec(0usize..9, 1..90),
        pace in prop::sample::select(vec![1u64, 15]),
    ) {
        let mut robin = robin(&[0, 1, 2, 3], 0);
        let mut busy: Vec<(u64, u8)> = Vec::new();
        for (seq, answer) in answers.into_iter().enumerate() {
            let seq = seq as u64;
            robin.offer(0);
            let owes = |busy: &[(u64, u8)], worker| busy.iter().filter(|(_, of)| *of == worker).count();
            if let Some((worker, _)) = robin.assign(at(seq * pace), seq) {
                let least = (0..4).map(|other| owes(&busy, other)).min().unwrap_or(0);
                prop_assert!(least > 0 || owes(&busy, worker) == 0, "somebody owes nothing: {busy:?}, {worker}");
                prop_assert!(pace == 1 || owes(&busy, worker) == 0, "slow, and got one more: {busy:?}, {worker}");
                busy.push((seq, worker));
            } else {
                prop_assert!((0..4).all(|worker| owes(&busy, worker) > 0), "somebody owes nothing: {busy:?}");
            }
            if answer < busy.len() {
                let (answered, worker) = busy.remove(answer);
                robin.answered(at((seq + 1) * pace), worker, answered, true);
            }
        }
    }
}

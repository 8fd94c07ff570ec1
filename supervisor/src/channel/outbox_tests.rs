use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::Confirm::{First, Later, Never};
use super::*;

const LIMIT: usize = 1000;

fn outbox() -> Outbox<u8> {
    Outbox::new(LIMIT)
}

/// Writes all that can be written: lines, with the descriptor before them.
fn written(outbox: &mut Outbox<u8>) -> String {
    let mut text = String::new();
    while let Some((bytes, handle)) = outbox.front() {
        text.extend(handle.map(|handle| format!("<{handle}>")));
        text.push_str(std::str::from_utf8(bytes).expect("text"));
        let length = bytes.len();
        outbox.wrote(length);
    }
    text
}

#[test]
fn what_follows_a_descriptor_waits_until_that_has_arrived() {
    let mut outbox = outbox();
    outbox.say(b"a\n").expect("room");
    outbox.pass(b"b\n".to_vec(), 1, First).expect("room");
    outbox.say(b"c\n").expect("room");
    outbox.pass(b"d\n".to_vec(), 2, First).expect("room");
    outbox.say(b"e\n").expect("room");
    assert_eq!(written(&mut outbox), "a\n<1>b\n");
    assert!(!outbox.is_pending());
    assert_eq!(outbox.arrived(), Some(1));
    assert_eq!(written(&mut outbox), "c\n<2>d\n");
    assert_eq!(outbox.arrived(), Some(2));
    assert_eq!(written(&mut outbox), "e\n");
}

#[test]
fn descriptors_that_are_not_answered_for_wait_for_nothing() {
    let mut outbox = outbox();
    outbox.pass(b"a\n".to_vec(), 1, Never).expect("room");
    outbox.pass(b"b\n".to_vec(), 2, Never).expect("room");
    assert_eq!(written(&mut outbox), "<1>a\n<2>b\n");
    assert_eq!(outbox.arrived(), None);
}

#[test]
fn descriptors_whose_place_does_not_count_follow_each_other_and_are_answered_in_order() {
    let mut outbox = outbox();
    outbox.pass(b"a\n".to_vec(), 1, Later).expect("room");
    outbox.pass(b"b\n".to_vec(), 2, Later).expect("room");
    outbox.say(b"c\n").expect("room");
    outbox.pass(b"d\n".to_vec(), 3, Later).expect("room");
    assert_eq!(written(&mut outbox), "<1>a\n<2>b\nc\n<3>d\n");
    assert_eq!(outbox.arrived(), Some(1));
    assert_eq!(outbox.missed(), Some(2), "it is not sent again");
    assert_eq!(outbox.arrived(), Some(3));
    assert_eq!((outbox.arrived(), outbox.missed()), (None, None));
    assert_eq!(written(&mut outbox), "");
}

#[test]
fn only_what_was_written_is_answered_for() {
    let mut outbox = outbox();
    outbox.pass(b"a\n".to_vec(), 1, Later).expect("room");
    outbox.pass(b"b\n".to_vec(), 2, Later).expect("room");
    assert!(outbox.front().is_some());
    outbox.wrote(2);
    assert_eq!(outbox.arrived(), Some(1));
    assert_eq!((outbox.arrived(), outbox.missed()), (None, None));
    assert_eq!(written(&mut outbox), "<2>b\n");
    assert_eq!(outbox.arrived(), Some(2));
}

#[test]
fn a_descriptor_whose_place_counts_waits_for_those_before_it_and_is_waited_for() {
    let mut outbox = outbox();
    outbox.pass(b"a\n".to_vec(), 1, Later).expect("room");
    outbox.pass(b"b\n".to_vec(), 2, First).expect("room");
    outbox.pass(b"c\n".to_vec(), 3, Later).expect("room");
    assert_eq!(written(&mut outbox), "<1>a\n");
    assert_eq!(outbox.arrived(), Some(1));
    assert_eq!(written(&mut outbox), "<2>b\n");
    assert_eq!(outbox.missed(), None);
    assert_eq!(written(&mut outbox), "<2>b\n");
    assert_eq!(outbox.arrived(), Some(2));
    assert_eq!(written(&mut outbox), "<3>c\n");
}

/// The rest of such a line would reach the worker together with the next one's descriptor.
#[test]
fn a_line_that_the_kernel_may_cut_is_followed_by_no_descriptor_before_it_was_answered() {
    let mut outbox = Outbox::new(3 * WHOLE);
    let long = [vec![b'x'; WHOLE], b"\n".to_vec()].concat();
    outbox.pass(long.clone(), 1, Later).expect("room");
    outbox.pass(b"b\n".to_vec(), 2, Later).expect("room");
    assert_eq!(written(&mut outbox).len(), "<1>".len() + long.len());
    assert_eq!(outbox.arrived(), Some(1));
    assert_eq!(written(&mut outbox), "<2>b\n");
}

#[test]
fn what_did_not_arrive_is_sent_again_three_times_and_keeps_its_place() {
    let mut outbox = outbox();
    outbox.pass(b"a\n".to_vec(), 1, First).expect("room");
    outbox.say(b"b\n").expect("room");
    for _ in 0..RETRIES {
        assert_eq!(written(&mut outbox), "<1>a\n");
        assert_eq!(outbox.missed(), None);
    }
    assert_eq!(written(&mut outbox), "<1>a\n");
    assert_eq!(outbox.missed(), Some(1), "given up");
    assert_eq!(written(&mut outbox), "b\n");
}

#[test]
fn answers_that_nobody_asked_for_are_nothing() {
    let mut outbox = outbox();
    assert_eq!((outbox.arrived(), outbox.missed()), (None, None));
    outbox.pass(b"a\n".to_vec(), 1, First).expect("room");
    assert_eq!((outbox.arrived(), outbox.missed()), (None, None), "it was not even written");
    assert_eq!(written(&mut outbox), "<1>a\n");
    assert_eq!(outbox.missed(), None);
    assert_eq!((outbox.arrived(), outbox.missed()), (None, None), "nor sent again");
    assert_eq!(written(&mut outbox), "<1>a\n");
    assert_eq!(outbox.arrived(), Some(1));
    assert_eq!(outbox.arrived(), None);
}

#[test]
fn a_short_write_has_delivered_the_descriptor() {
    let mut outbox = outbox();
    outbox.pass(b"abc\n".to_vec(), 1, First).expect("room");
    assert_eq!(outbox.front(), Some((&b"abc\n"[..], Some(1))));
    outbox.wrote(0);
    assert_eq!(outbox.front(), Some((&b"abc\n"[..], Some(1))));
    outbox.wrote(1);
    assert_eq!(outbox.front(), Some((&b"bc\n"[..], None)));
    assert_eq!(outbox.arrived(), Some(1), "Node has read the first byte");
    assert_eq!(written(&mut outbox), "bc\n");
}

#[test]
fn our_own_answers_overtake_everything_but_half_a_line() {
    let mut outbox = outbox();
    outbox.say(b"abc\n").expect("room");
    outbox.pass(b"d\n".to_vec(), 1, First).expect("room");
    outbox.say(b"e\n").expect("room");
    assert!(outbox.front().is_some());
    outbox.wrote(1);
    outbox.urge(b"1\n").expect("room");
    outbox.urge(b"2\n").expect("room");
    assert_eq!(written(&mut outbox), "bc\n1\n2\n<1>d\n");
    outbox.urge(b"3\n").expect("room");
    assert_eq!(written(&mut outbox), "3\n");
}

#[test]
fn it_is_bounded_and_what_was_written_makes_room() {
    let mut outbox = outbox();
    let line = vec![b'x'; LIMIT / 2];
    outbox.say(&line).expect("room");
    outbox.pass(line.clone(), 1, First).expect("room");
    assert_eq!(outbox.say(b"x"), Err(Full));
    assert_eq!(outbox.urge(b"x"), Err(Full));
    assert!(outbox.front().is_some());
    outbox.wrote(10);
    outbox.say(&[b'x'; 10]).expect("room again");
    assert_eq!(outbox.say(b"x"), Err(Full));
}

#[test]
fn a_line_that_may_exceed_the_limit_takes_no_room_from_others() {
    let mut outbox = outbox();
    assert!(outbox.is_empty());
    outbox.exceed(vec![b'x'; 3 * LIMIT]);
    assert!(!outbox.is_empty());
    outbox.say(&[b'y'; LIMIT]).expect("room");
    assert_eq!(outbox.say(b"y"), Err(Full));
    assert_eq!(written(&mut outbox).len(), 4 * LIMIT);
    assert!(outbox.is_empty());
    outbox.say(&[b'y'; LIMIT]).expect("room again, and no more than that");
    assert_eq!(outbox.say(b"y"), Err(Full));
}

#[test]
fn at_the_end_every_descriptor_that_nobody_answered_for_is_given_back_in_order() {
    let mut outbox = outbox();
    outbox.pass(b"a\n".to_vec(), 1, First).expect("room");
    assert_eq!(written(&mut outbox), "<1>a\n");
    assert_eq!(outbox.arrived(), Some(1));
    outbox.pass(b"b\n".to_vec(), 2, First).expect("room");
    outbox.pass(b"c\n".to_vec(), 3, First).expect("room");
    outbox.pass(b"d\n".to_vec(), 4, Never).expect("room");
    assert_eq!(written(&mut outbox), "<2>b\n");
    assert_eq!(outbox.abandon(), [2, 3, 4]);
    outbox.pass(b"e\n".to_vec(), 5, Later).expect("room");
    outbox.pass(b"f\n".to_vec(), 6, Later).expect("room");
    outbox.pass(b"g\n".to_vec(), 7, First).expect("room");
    assert!(outbox.front().is_some());
    outbox.wrote(2);
    assert_eq!(outbox.abandon(), [5, 6, 7]);
    assert!(!outbox.is_pending());
    assert_eq!(outbox.abandon(), Vec::<u8>::new());
}

#[derive(Clone, Debug)]
enum Do {
    Say,
    Urge,
    Pass(Confirm),
    Write(usize),
    Ack,
    Nack,
}

fn doing() -> impl Strategy<Value = Do> {
    prop_oneof![
        Just(Do::Say),
        Just(Do::Urge),
        prop::sample::select(vec![Never, Later, First]).prop_map(Do::Pass),
        (1usize..6).prop_map(Do::Write),
        Just(Do::Ack),
        Just(Do::Nack),
    ]
}

proptest! {
    /// Whatever happens: while one whose place counts is unanswered nothing else is, each is settled exactly once and in
    /// order, and the lines arrive whole and in order, those sent again apart.
    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(steps in proptest::collection::vec(doing(), 0..80)) {
        let mut outbox = Outbox::new(100_000);
        let (mut wire, mut passed, mut settled) = (Vec::new(), Vec::new(), Vec::new());
        let (mut next, mut urgent, mut unanswered) = (0u16, 0u16, VecDeque::new());
        let mut first = BTreeSet::new();
        for step in steps {
            match step {
                Do::Say => outbox.say(format!("n{next}\n").as_bytes()).expect("room"),
                Do::Urge => {
                    outbox.urge(format!("u{urgent}\n").as_bytes()).expect("room");
                    urgent += 1;
                    continue;
                }
                Do::Pass(confirm) => {
                    outbox.pass(format!("n{next}\n").into_bytes(), next, confirm).expect("room");
                    if confirm != Never {
                        passed.push(next);
                    }
                    if confirm == First {
                        first.insert(next);
                    }
                }
                Do::Write(bytes) => {
                    let Some((line, handle)) = outbox.front() else { continue };
                    let bytes = bytes.min(line.len());
                    wire.extend_from_slice(&line[..bytes]);
                    if let Some(handle) = handle.filter(|handle| passed.contains(handle)) {
                        unanswered.push_back(handle);
                        let alone = unanswered.iter().all(|handle| !first.contains(handle)) || unanswered.len() == 1;
                        prop_assert!(alone, "{unanswered:?} at once");
                    }
                    outbox.wrote(bytes);
                    continue;
                }
                Do::Ack => {
                    let arrived = outbox.arrived();
                    prop_assert_eq!(arrived, unanswered.pop_front());
                    settled.extend(arrived);
                    continue;
                }
                Do::Nack => {
                    let expected = unanswered.pop_front();
                    if let Some(given_up) = outbox.missed() {
                        prop_assert_eq!(Some(given_up), expected);
                        settled.push(given_up);
                    } else {
                        prop_assert!(expected.is_none_or(|handle| first.contains(&handle)), "{expected:?} is sent again");
                    }
                    continue;
                }
            }
            next += 1;
        }
        settled.extend(outbox.abandon().into_iter().filter(|handle| passed.contains(handle)));
        prop_assert_eq!(settled, passed);
        let text = String::from_utf8(wire).expect("text");
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        for mark in ['n', 'u'] {
            let mut lines: Vec<u16> = whole.lines().filter_map(|line| line.strip_prefix(mark)?.parse().ok()).collect();
            lines.dedup();
            prop_assert!(lines.iter().copied().eq(0..lines.len() as u16), "{lines:?}");
        }
    }
}

//! Clients that read and write piece by piece.

use super::*;

/// What was read or written, and by when, of connection 0.
fn pieces(field: &Field, reads: bool) -> Vec<u64> {
    let piece = |action: &Action| match action {
        Action::Read(0, bytes) if reads => Some(*bytes),
        Action::Write(0, bytes) if !reads => Some(*bytes),
        _ => None,
    };
    field.done.iter().filter_map(piece).collect()
}

#[test]
fn a_slow_reader_keeps_its_pace_and_one_cut_off_in_its_answer_is_cut() {
    let mut field = Field::of(slow(3, Some(bulk(400)), None));
    for id in 0..3 {
        field.put(Input::Opened(id, 1000 + id));
        field.put(Input::Sent(id));
    }
    assert!(field.done.contains(&Action::Send(0, Request::Long { bytes: 3_000_000 })));
    field.until(399);
    assert!(pieces(&field, true).is_empty() && !field.held());
    // The harness was away: what is due by now is read, and the schedule does not shift.
    field.now = 900;
    field.put(Input::Tick);
    assert_eq!((pieces(&field, true).len(), field.clients.next_deadline()), (2, Some(at(1200))));
    (0..3).for_each(|id| field.put(Input::Partial(id)));
    field.until(1150);
    assert!(field.held(), "each has a part of its answer");
    field.until(1300);
    assert_eq!(pieces(&field, true), [1_000_000; 3]);
    field.put(Input::Closed(1));
    field.put(Input::Failed(2, Failure::Reset));
    field.put(Input::LastAnswer(0, worker(9)));
    assert_eq!(field.outcomes(), [(1, Outcome::Cut), (2, Outcome::Reset), (0, Outcome::Ok)]);
    let first = field.records()[2];
    assert_eq!((first.slow_ns, first.answered), (1_600_000_000, Some(at(1300))), "a piece for what is around it");
    field.until(60_000);
    assert_eq!(field.connects().len(), 3);
}

#[test]
fn a_reader_that_gets_nothing_more_is_given_up_on_after_its_own_time_and_the_server_s() {
    let mut field = Field::of(slow(1, Some(bulk(400)), None));
    field.put(Input::Opened(0, 1000));
    field.put(Input::Sent(0));
    field.put(Input::Partial(0));
    field.until(11_599);
    assert_eq!(field.outcomes(), []);
    field.until(11_600);
    assert_eq!(field.outcomes(), [(0, Outcome::Cut)]);
}

#[test]
fn a_body_is_written_in_its_pieces_or_at_once_and_is_owed_an_answer_from_its_head_on() {
    let mut field = Field::of(slow(2, None, Some(bulk(400))));
    for id in 0..2 {
        field.put(Input::Opened(id, 1000 + id));
        field.put(Input::Sent(id));
    }
    assert!(field.done.contains(&Action::Send(0, Request::Take { bytes: 3_000_000 })));
    assert_eq!(pieces(&field, false), [1_000_000], "the first at once");
    field.until(800);
    assert!(field.held());
    field.put(Input::Closed(1));
    field.until(5_000);
    assert_eq!(pieces(&field, false), [1_000_000; 3]);
    field.put(Input::LastAnswer(0, worker(9)));
    assert_eq!(field.outcomes(), [(1, Outcome::Empty), (0, Outcome::Ok)]);
    let mut field = Field::of(slow(1, None, Some(bulk(0))));
    field.put(Input::Opened(0, 1000));
    field.put(Input::Sent(0));
    field.until(1_000);
    assert_eq!((pieces(&field, false), field.clients.next_deadline()), (vec![3_000_000], Some(at(10_000))));
}

//! Long answers and long bodies.

use super::*;

fn serving() -> Stage {
    let mut stage = Stage::born(Life::Serve);
    stage.until(1);
    stage
}

#[test]
fn a_worker_that_leaves_waits_until_its_long_answer_is_taken() {
    let mut stage = serving();
    stage.connect(PORT, Request::Long { bytes: 2_000_000 });
    assert_eq!(stage.count(&Action::AnswerLong { conn: PORT, bytes: 2_000_000 }), 1);
    stage.put(Input::Term);
    stage.until(60_000);
    assert_eq!(stage.exit(), None);
    stage.put(Input::Written(PORT));
    assert_eq!(stage.exit(), Some((60_000, 0)));
}

#[test]
fn a_worker_that_leaves_waits_for_a_body_that_has_begun() {
    let mut stage = serving();
    stage.put(Input::Connected(PORT));
    stage.put(Input::Begun(PORT));
    stage.put(Input::Term);
    // Longer than anybody is waited for who has not begun.
    stage.until(FIRST_REQUEST_GRACE.as_millis() as u64 + 1_000);
    assert_eq!(stage.count(&Action::Close(PORT)), 0);
    stage.put(Input::Request(PORT, Request::Take { bytes: 2_000_000 }));
    assert_eq!(stage.count(&answer(PORT, false)), 1);
    assert!(stage.exit().is_some());
}

#[test]
fn a_client_that_goes_away_is_waited_for_no_longer() {
    for request in [None, Some(Request::Long { bytes: 2_000_000 })] {
        let mut stage = serving();
        stage.put(Input::Connected(PORT));
        stage.put(request.map_or(Input::Begun(PORT), |request| Input::Request(PORT, request)));
        stage.put(Input::Term);
        stage.until(1_000);
        assert_eq!(stage.exit(), None);
        stage.put(Input::Hangup(PORT));
        assert_eq!(stage.exit(), Some((1_000, 0)));
        stage.put(Input::Written(PORT));
        assert_eq!(stage.exit(), Some((1_000, 0)), "and what comes later is ignored");
    }
}

#[test]
fn a_long_answer_counts_as_one_when_it_is_taken() {
    let mut stage = Stage::born(Life::RetireAtFirstRequest(Retirement::OnePhase));
    stage.until(1);
    stage.connect(PORT, Request::Long { bytes: 2_000_000 });
    assert_eq!(stage.count(&Action::Announce(Retirement::OnePhase)), 0);
    stage.put(Input::Written(PORT));
    assert_eq!(stage.count(&Action::Announce(Retirement::OnePhase)), 1);
}

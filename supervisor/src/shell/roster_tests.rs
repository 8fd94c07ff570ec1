use super::*;
use crate::core::ExitStatus;
use crate::shell::goals::Goal;

fn worker(slot: u32, generation: u32) -> WorkerId {
    WorkerId { pool: 0, slot, generation }
}

/// A pool of two, with these events a second apart.
fn roster(events: &[Event]) -> Roster {
    let mut roster = Roster::default();
    roster.note(Instant::default(), &Event::Setup { pool: 0, workers: 2 }, None);
    for (second, event) in (1u64..).zip(events) {
        roster.note(Instant::from_nanos(second * 1_000_000_000), event, Some(Child(100)));
    }
    roster
}

fn full() -> Vec<Event> {
    let born = |worker| [Event::Fork { worker }, Event::Ready { worker }];
    [born(worker(0, 1)), born(worker(1, 1))].concat()
}

fn after(more: &[Event]) -> Roster {
    roster(&[&full(), more].concat())
}

#[test]
fn each_place_is_shown_with_who_is_there() {
    let roster = after(&[
        Event::Fork { worker: worker(0, 2) },
        Event::Exit { worker: worker(1, 1), status: ExitStatus::Code(1) },
        Event::Restart { worker: worker(1, 2), delay: Duration::from_secs(9) },
        Event::Ready { worker: worker(0, 2) },
        Event::Retire { worker: worker(0, 1) },
    ]);
    let status = roster.status(0, "web", Instant::from_nanos(10_000_000_000), &mut |child| {
        (child == Child(100)).then_some((4096, Duration::from_millis(20)))
    });
    assert_eq!((status.name.as_str(), status.wanted, status.ready), ("web", 2, 1));
    let shown: Vec<_> = status.slots[0].workers.iter().map(|w| (w.generation, w.state, w.uptime_ms)).collect();
    assert_eq!(shown, [(1, WorkerState::Draining, 9000), (2, WorkerState::Ready, 5000)]);
    assert_eq!((status.slots[0].workers[0].rss, status.slots[0].workers[0].cpu_ms), (Some(4096), Some(20)));
    assert_eq!((status.slots[1].restarts, status.slots[1].backoff_ms), (1, Some(6000)));
    assert!(status.slots[1].workers.is_empty());
}

#[test]
fn places_that_are_not_wanted_any_more_are_shown_until_they_are_empty() {
    let mut roster = after(&[Event::Scale { pool: 0, workers: 1 }, Event::Retire { worker: worker(1, 1) }]);
    let slots = |roster: &Roster| roster.status(0, "web", Instant::default(), &mut |_| None).slots.len();
    assert_eq!(slots(&roster), 2);
    roster.note(Instant::default(), &Event::Exit { worker: worker(1, 1), status: ExitStatus::Code(0) }, None);
    assert_eq!(slots(&roster), 1);
}

fn outcome(goal: &Goal, roster: &Roster) -> Option<bool> {
    goal.outcome(roster).map(|outcome| outcome.is_ok())
}

#[test]
fn a_scaling_is_done_when_so_many_serve() {
    let goal = Goal::Scaled(0, 1);
    let mut events = vec![Event::Scale { pool: 0, workers: 1 }];
    assert_eq!(outcome(&goal, &after(&events)), None);
    events.push(Event::Retire { worker: worker(1, 1) });
    assert_eq!(outcome(&goal, &after(&events)), Some(true));
    events.push(Event::Scale { pool: 0, workers: 3 });
    assert_eq!(outcome(&goal, &after(&events)), Some(false), "another command came");
}

#[test]
fn a_replacement_is_done_when_it_serves_and_abandoned_when_nobody_comes_any_more() {
    let goal = Goal::Replaced { pool: 0, slot: 1, generation: 1 };
    let mut events = vec![Event::Fork { worker: worker(1, 2) }];
    assert_eq!(outcome(&goal, &after(&events)), None);
    events.push(Event::Ready { worker: worker(1, 2) });
    assert_eq!(outcome(&goal, &after(&events)), Some(true));
    events[1] = Event::Exit { worker: worker(1, 2), status: ExitStatus::Code(1) };
    assert_eq!(outcome(&goal, &after(&events)), Some(false));
    events.push(Event::Restart { worker: worker(1, 3), delay: Duration::from_secs(1) });
    assert_eq!(outcome(&goal, &after(&events)), None, "it is tried again");
    let leaving = [Event::Retire { worker: worker(1, 1) }];
    assert_eq!(outcome(&goal, &after(&leaving)), None, "the old one leaves first");
}

#[test]
fn a_roll_is_decided_when_no_pool_rolls() {
    let goal = Goal::Rolled(vec![0, 1]);
    let phase = |pool, phase| Event::Reload { pool, phase };
    let mut events = vec![phase(0, ReloadPhase::Began), phase(1, ReloadPhase::Began), phase(0, ReloadPhase::Done)];
    assert_eq!(outcome(&goal, &after(&events)), None);
    events.push(phase(1, ReloadPhase::Done));
    assert_eq!(outcome(&goal, &after(&events)), Some(true));
    events[3] = phase(1, ReloadPhase::Aborted);
    assert_eq!(outcome(&goal, &after(&events)), Some(false));
}

#[test]
fn nothing_is_reached_when_everything_ends_but_the_end() {
    let ending = after(&[Event::Stop { pool: None, hurry: false }]);
    assert!(ending.is_stopping());
    assert_eq!(outcome(&Goal::Scaled(0, 2), &ending), Some(false));
    assert_eq!(outcome(&Goal::Stopped, &ending), None);
}

#[test]
fn a_pool_that_stops_shows_for_how_long_it_goes_on_serving() {
    let mut roster = after(&[Event::LameDuck { pool: 0, span: Duration::from_secs(5) }]);
    let left =
        |roster: &Roster| roster.status(0, "web", Instant::from_nanos(6_000_000_000), &mut |_| None).lame_duck_ms;
    assert_eq!(left(&roster), Some(4000));
    roster.note(Instant::default(), &Event::Draining { pool: 0, workers: 2 }, None);
    assert_eq!(left(&roster), None);
}

#[test]
fn a_later_one_that_serves_already_may_be_expected_to_go_on() {
    let roster = after(&[Event::Fork { worker: worker(0, 2) }, Event::Ready { worker: worker(0, 2) }]);
    let expects = |slot, generation| roster.expects(0, slot, generation);
    assert_eq!([expects(0, 1), expects(0, 2), expects(1, 1), expects(2, 0)], [true, false, false, false]);
}

#[test]
fn a_pool_is_settled_while_all_serve_and_nobody_is_to_be_replaced() {
    let began = Event::Reload { pool: 0, phase: ReloadPhase::Began };
    let done = Event::Reload { pool: 0, phase: ReloadPhase::Done };
    let left = Event::Exit { worker: worker(1, 1), status: ExitStatus::Code(0) };
    let stop = Event::Stop { pool: None, hurry: false };
    assert!(after(&[]).is_settled(0) && after(&[began.clone(), done]).is_settled(0));
    for event in [began, left, stop] {
        assert!(!after(std::slice::from_ref(&event)).is_settled(0), "{event:?}");
    }
}

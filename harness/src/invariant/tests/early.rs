//! Signals that come before there are handlers for them: ISOLATE and TRUTH.

use crate::history::{PhaseMark, Status, What};
use crate::scenario::{Signal, Span, Start};

use super::super::testing::{SUPERVISOR, Tale};

/// It is born, signalled so long after, and ended by that signal.
fn ended_by(signal: i32, after: u64) -> Tale {
    let mut tale = Tale::unborn();
    tale.scenario.start = Start::AtOnce;
    tale.profile.handlers = Some(Span::millis(100));
    tale.add(0, What::Phase(PhaseMark::Steps)).add(0, What::SupervisorBorn(SUPERVISOR));
    tale.add(after, What::Injected { proc: SUPERVISOR, signal });
    tale.add(after + 1, What::SupervisorExited { proc: SUPERVISOR, status: Status::Signal(signal) });
    tale.add(after + 1, What::Phase(PhaseMark::Over)).add(after + 300, What::Phase(PhaseMark::End));
    tale
}

#[test]
fn a_signal_may_come_before_its_handlers_and_then_it_ends_by_its_default_action() {
    for signal in [1, 15] {
        ended_by(signal, 2).holds();
    }
    ended_by(1, 101).fails(&["INV-ISOLATE"]);
    ended_by(15, 101).fails(&["INV-TRUTH"]);
}

#[test]
fn whoever_promises_nothing_has_its_handlers_at_once() {
    for (signal, id) in [(1, "INV-ISOLATE"), (15, "INV-TRUTH")] {
        let mut tale = ended_by(signal, 2);
        tale.profile.handlers = None;
        tale.fails(&[id]);
    }
}

#[test]
fn what_it_was_started_with_blocked_or_ignored_can_wait_for_its_handlers() {
    let mut blocked = ended_by(1, 2);
    blocked.scenario.launch.blocks = vec![Signal::HUP];
    blocked.fails(&["INV-ISOLATE"]);
    let mut ignored = ended_by(1, 2);
    ignored.scenario.launch.ignores = vec![Signal::HUP];
    ignored.fails(&["INV-ISOLATE"]);
    let mut other = ended_by(1, 2);
    other.scenario.launch.blocks = vec![Signal::TERM];
    other.holds();
}

//! Orders of which nobody can know whether they were carried out.

use crate::history::{Event, History, PhaseMark, Proc, Reply, Role, What};
use crate::scenario::{Command, Scenario};
use crate::time::Time;

use super::bounds;
use super::case::Slack;

/// Of more such orders than this it is only asked whether all were carried out, or none.
const MOST: usize = 4;

/// When they were given: whoever was turned away unheard, or before the end, and whoever was refused while somebody of that
/// pool came or went, or a fault was active.
pub(super) fn doubtful(scenario: &Scenario, history: &History, slack: Slack) -> Vec<Time> {
    let ends = |event: &&Event| {
        use What::{Commanded, Phase, SupervisorExited};
        matches!(event.what, Commanded(Command::Stop) | Phase(PhaseMark::Stop) | SupervisorExited { .. })
    };
    let end = history.events.iter().find(ends).map_or(Time::NEVER, |event| event.when.earliest());
    let is_doubtful = |(ordered, at, reply): &(Time, Time, Reply)| match reply {
        Reply::Done => false,
        Reply::TurnedAway => true,
        // Who is heard and forgotten hears of it at the end.
        Reply::HungUp => *at < end,
        Reply::Refused => !is_at_rest(scenario, history, *ordered, *at + slack.0),
    };
    replies(history).filter(is_doubtful).map(|(ordered, ..)| ordered).collect()
}

/// When orders were given that were not called done.
pub(super) fn not_done(history: &History) -> Vec<Time> {
    replies(history).filter(|(.., reply)| *reply != Reply::Done).map(|(ordered, ..)| ordered).collect()
}

/// When an order was given, when something was said to it, and what.
fn replies(history: &History) -> impl Iterator<Item = (Time, Time, Reply)> {
    history.events.iter().filter_map(|event| match event.what {
        What::Replied { ordered, reply } => Some((ordered, event.when.latest(), reply)),
        _ => None,
    })
}

/// Whether nobody of the pool came or went for a while before an order, nor until something was said to it, and no fault was
/// active: then there is no reason to refuse it.
fn is_at_rest(scenario: &Scenario, history: &History, ordered: Time, at: Time) -> bool {
    let from = ordered - bounds::REACT * 2;
    let order = history.events.iter().find(|event| event.when.latest() == ordered && is_said(&event.what));
    let pool = match order.map(|event| &event.what) {
        Some(What::Commanded(Command::In(name, _))) => {
            scenario.beside.iter().position(|one| one.name == *name).map_or(0, |n| n as u32 + 1)
        }
        _ => 0,
    };
    let mut theirs: Vec<Proc> = Vec::new();
    let mut active = 0_u32;
    for event in &history.events {
        let inside = from <= event.when.latest() && event.when.earliest() <= at;
        match &event.what {
            What::Born { proc, role: Role::Worker { pool: of, .. }, .. } if *of == pool => {
                theirs.push(*proc);
                if inside {
                    return false;
                }
            }
            What::Died { proc, .. } if inside && theirs.contains(proc) => return false,
            What::FaultBegan { .. } if event.when.earliest() <= at => active += 1,
            What::Healed { .. } if event.when.latest() < from => active = active.saturating_sub(1),
            _ => {}
        }
    }
    active == 0
}

/// Whether it is an order on the control socket: others are heard by whoever is there.
fn is_said(what: &What) -> bool {
    use Command::{In, Publish, Restart, RestartPool};
    matches!(what, What::Commanded(In(..) | Publish { .. } | Restart(_) | RestartPool))
}

/// The history without some of the orders that were given then, or all of them: each way in which it can have been.
pub(super) fn without<'a>(history: &'a History, doubtful: &'a [Time]) -> impl Iterator<Item = History> + 'a {
    let few = doubtful.len() <= MOST;
    let ways: u32 = if few { (1 << doubtful.len()) - 1 } else { 1 };
    (1..=ways).map(move |way| {
        let ignored =
            |at: Time| doubtful.iter().enumerate().any(|(n, ordered)| *ordered == at && (!few || way & (1 << n) != 0));
        let kept = |event: &&Event| !(is_said(&event.what) && ignored(event.when.latest()));
        History { header: history.header.clone(), events: history.events.iter().filter(kept).cloned().collect() }
    })
}

//! META-SLOW: a run in which everybody is suspended for a while, and the same without.

use std::time::Duration;

use crate::history::{Timeline, Worker};
use crate::invariant::Finding;
use crate::scenario::{Act, Fault, Pool, Scenario, Span, Step, Target, Trigger};
use crate::time::Time;
use crate::verdict::Verdict;

use super::acts::each_act;
use super::side::{Pair, Side};

/// The relation's id.
pub const ID: &str = "META-SLOW";

/// When everybody is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// So long after the first step.
    pub after: Span,
    /// How long.
    pub span: Span,
    /// Who goes on first: the supervisor, or its workers.
    pub supervisor_first: bool,
}

/// The same scenario, and beside its steps, which wait so much longer, the supervisor and all workers are stopped for a while.
pub fn suspended(scenario: &Scenario, suspension: Suspension) -> Scenario {
    let Suspension { after, span, supervisor_first } = suspension;
    let (first, last) =
        if supervisor_first { (Target::Supervisor, Target::All) } else { (Target::All, Target::Supervisor) };
    let freeze = |who, steps| Act::During { fault: Fault::Freeze(who), span, steps };
    let inner = Step { act: Some(freeze(first, Vec::new())), ..Step::default() };
    let outer = Step { when: Some(Trigger::After(after)), act: Some(freeze(last, vec![inner])), ..Step::default() };
    let once = |steps| Act::Repeat { times: 1, steps };
    let acts = vec![once(patient(&scenario.steps, span.0)), once(vec![outer])];
    let both = Step { act: Some(Act::Together { spread: Span::ZERO, acts }), ..Step::default() };
    Scenario { steps: vec![both], ..scenario.clone() }
}

/// The same steps, each of which waits so much longer.
fn patient(steps: &[Step], longer: Duration) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let wait = |steps: &mut [Step]| steps.iter_mut().for_each(|step| step.within.0 += longer);
    wait(&mut steps);
    each_act(&mut steps, &mut |act| {
        if let Act::During { steps, .. } | Act::Repeat { steps, .. } = act {
            wait(steps);
        }
    });
    steps
}

/// The same scenario with a pause in the place of each suspension of everybody; `None` if there is none.
pub fn without_suspensions(scenario: &Scenario) -> Option<Scenario> {
    let mut twin = scenario.clone();
    each_act(&mut twin.steps, &mut |act| {
        if let Some(span) = suspends(act) {
            *act = Act::Pause(span);
        }
    });
    (twin != *scenario).then_some(twin)
}

/// How long, if this act is a suspension of everybody and nothing else: the supervisor is frozen and within that all workers,
/// or the other way round.
fn suspends(act: &Act) -> Option<Span> {
    let (outer, span, steps) = frozen(act)?;
    let [Step { when: None, act: Some(inner), expect, .. }] = steps else { return None };
    let (inner, _, body) = frozen(inner)?;
    let both = matches!((outer, inner), (Target::All, Target::Supervisor) | (Target::Supervisor, Target::All));
    (both && body.is_empty() && expect.is_empty()).then_some(span)
}

fn frozen(act: &Act) -> Option<(&Target, Span, &[Step])> {
    match act {
        Act::During { fault: Fault::Freeze(who), span, steps } => Some((who, *span, steps)),
        _ => None,
    }
}

/// Judges the relation: `slowed` is the run with the suspensions, `without` the one without, both of a pool like this.
pub fn meta_slow(pool: &Pool, slowed: Side<'_>, without: Side<'_>) -> Finding {
    let pair = Pair { with: slowed, without, done: "everybody was suspended for a while" };
    let timeline = Timeline::read(slowed.history);
    let spans = suspensions(&timeline);
    let longer = spans.iter().map(|(from, until)| until.since(*from)).sum();
    let verdict = if spans.is_empty() {
        Verdict::Inconclusive { why: "nobody was there to be suspended".to_owned() }
    } else {
        pair.verdicts().unwrap_or_else(|| pair.gaps(longer))
    };
    let verdict = match (verdict, passed(pool, &timeline, &spans)) {
        (Verdict::Fail { because, .. }, Some(which)) => {
            Verdict::Inconclusive { why: format!("{which} passed while nobody ran; {because}") }
        }
        (verdict, _) => verdict,
    };
    Finding { id: ID.to_owned(), verdict, lacks: None }
}

/// When the supervisor was frozen, and with it whoever worked.
fn suspensions(timeline: &Timeline<'_>) -> Vec<(Time, Time)> {
    let supervisors: Vec<_> = timeline.supervisors.iter().map(|one| one.proc).collect();
    let freezes = timeline.faults.iter().filter(|fault| fault.fault.starts_with("Freeze"));
    let spans = freezes.filter(|fault| fault.on.iter().any(|proc| supervisors.contains(proc)));
    spans.filter(|fault| fault.until != Time::NEVER).map(|fault| (fault.from, fault.until)).collect()
}

/// A deadline of a worker that passed meanwhile. A process that is stopped has no means to know for how long it was, so that
/// the time that it had given somebody to leave or to get ready is over.
fn passed(pool: &Pool, timeline: &Timeline<'_>, spans: &[(Time, Time)]) -> Option<&'static str> {
    let within = |at: Time| spans.iter().any(|(from, until)| *from <= at && at <= *until);
    let after = |from: Option<Time>, span: Duration| from.is_some_and(|from| within(from + span));
    let leaves = |worker: &Worker| after(worker.retires(), pool.drain.0);
    let boots = |worker: &Worker| {
        let late = |span: Span| after(Some(worker.born.latest()), span.0);
        pool.ready_timeout.is_some_and(late)
    };
    let workers = || timeline.workers.iter();
    if workers().any(leaves) {
        Some("the deadline of a worker that left")
    } else if workers().any(boots) {
        Some("the time that a worker had to get ready")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Death, Event, Header, History, Proc, Role, Status, What};
    use crate::scenario::parse;

    const SUPERVISOR: Proc = Proc { pid: 1, start: 1 };

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn worker(pid: u32) -> Proc {
        Proc { pid, start: u64::from(pid) }
    }

    /// A pool whose workers have 400 ms to leave.
    fn pool() -> Pool {
        parse(r#"(title: "t", pool: (workers: 1, drain: "400ms"))"#, "x.ron").unwrap().pool
    }

    fn history(events: Vec<Event>) -> History {
        let text = String::new;
        let header = Header {
            schema: 1,
            scenario_name: text(),
            scenario: text(),
            subject: text(),
            subject_version: text(),
            profile: text(),
            world: "real".to_owned(),
            seed: 1,
            slack_ns: 5_000_000,
            host: Vec::new(),
        };
        History { header, events }
    }

    fn born(millis: u64, pid: u32) -> Event {
        let role = Role::Worker { ticket: pid, generation: 1, pool: 0 };
        Event::at(at(millis), What::Born { proc: worker(pid), parent: 1, role })
    }

    fn died(millis: u64, pid: u32, status: Status) -> Event {
        Event::at(at(millis), What::Died { proc: worker(pid), death: Death { status: Some(status) } })
    }

    /// Everybody is suspended from 1100 ms for so long.
    fn pause(millis: u64) -> Vec<Event> {
        let fault = "Freeze(Supervisor)".to_owned();
        let began = What::FaultBegan { step: vec![0], fault, on: vec![SUPERVISOR] };
        vec![Event::at(at(1100), began), Event::at(at(1100 + millis), What::Healed { step: vec![0] })]
    }

    /// A worker that dies at 1 s, and its replacement `delay` later; meanwhile a suspension.
    fn restart(delay: u64, suspended: u64) -> History {
        let mut events = vec![
            Event::at(at(50), What::SupervisorBorn(SUPERVISOR)),
            born(100, 10),
            died(1000, 10, Status::Code(1)),
            born(1000 + delay, 11),
        ];
        if suspended > 0 {
            events.extend(pause(suspended));
            events.sort_by_key(|event| event.when.latest());
        }
        history(events)
    }

    /// A worker that is told to leave at 1 s and killed at `end`; meanwhile a suspension.
    fn drain(end: u64, suspended: u64) -> History {
        let mut events = vec![
            Event::at(at(50), What::SupervisorBorn(SUPERVISOR)),
            born(100, 10),
            Event::at(at(1000), What::ToldToStop(worker(10))),
            Event::at(at(1000), What::StoppedAccepting(worker(10))),
            died(end, 10, Status::Signal(9)),
        ];
        if suspended > 0 {
            events.extend(pause(suspended));
            events.sort_by_key(|event| event.when.latest());
        }
        history(events)
    }

    fn judged(slowed: &History, without: &History) -> Verdict {
        let side = |history| Side { history, findings: &[] };
        meta_slow(&pool(), side(slowed), side(without)).verdict
    }

    #[test]
    fn a_delay_is_longer_by_as_much_as_everybody_was_suspended_at_most() {
        let without = restart(300, 0);
        for (delay, holds) in [(239, false), (241, true), (300, true), (559, true), (561, false)] {
            let verdict = judged(&restart(delay, 200), &without);
            assert_eq!(matches!(verdict, Verdict::Pass { .. }), holds, "{delay}: {verdict:?}");
            assert_eq!(matches!(verdict, Verdict::Fail { .. }), !holds, "{delay}: {verdict:?}");
        }
    }

    #[test]
    fn who_is_cut_before_its_time_is_seen() {
        let without = drain(1400, 0);
        assert!(matches!(judged(&drain(1402, 200), &without), Verdict::Pass { .. }));
        assert!(matches!(judged(&drain(1310, 200), &without), Verdict::Fail { .. }));
        assert!(matches!(judged(&drain(1700, 200), &without), Verdict::Fail { .. }));
    }

    #[test]
    fn a_deadline_that_passed_meanwhile_excuses_who_keeps_it_and_nobody_else() {
        // Without the suspension it would have been done after 350 ms.
        let mut without = drain(1350, 0);
        if let Some(Event { what: What::Died { death, .. }, .. }) = without.events.last_mut() {
            death.status = Some(Status::Code(0));
        }
        assert!(matches!(judged(&drain(1502, 400), &without), Verdict::Inconclusive { .. }));
        assert!(matches!(judged(&drain(1302, 200), &without), Verdict::Fail { .. }));
    }

    #[test]
    fn somebody_must_have_been_suspended() {
        assert!(matches!(judged(&restart(300, 0), &restart(300, 0)), Verdict::Inconclusive { .. }));
    }

    #[test]
    fn a_death_that_there_is_not_without_is_seen() {
        let mut silence = restart(300, 200);
        silence.events.push(died(2000, 11, Status::Signal(9)));
        silence.events.push(born(2300, 12));
        assert!(matches!(judged(&silence, &restart(300, 0)), Verdict::Fail { .. }));
    }

    #[test]
    fn a_verdict_that_changes_is_a_dependence() {
        let (slowed, without) = (restart(300, 200), restart(300, 0));
        let pass = Verdict::Pass { measured: String::new() };
        let text = String::new;
        let fail = Verdict::Fail { at: at(1), because: text(), expected: text(), actual: text() };
        let judge = |mine: &Verdict, theirs: &Verdict| {
            let finding = |verdict: &Verdict| Finding { id: "INV-X".into(), verdict: verdict.clone(), lacks: None };
            let (mine, theirs) = ([finding(mine)], [finding(theirs)]);
            let side = |history, findings| Side { history, findings };
            meta_slow(&pool(), side(&slowed, &mine), side(&without, &theirs)).verdict
        };
        assert!(matches!(judge(&pass, &pass), Verdict::Pass { .. }));
        assert!(matches!(judge(&fail, &pass), Verdict::Fail { .. }));
        assert!(matches!(judge(&pass, &fail), Verdict::Fail { .. }));
    }

    #[test]
    fn who_is_suspended_and_its_twin_differ_in_nothing_else() {
        let text = r#"(title: "t", pool: (workers: 1), steps: [(do: Kill(Oldest)), (when: Exited)])"#;
        let scenario = parse(text, "x.ron").unwrap();
        assert_eq!(without_suspensions(&scenario), None);
        let (after, span) = (Span::millis(20), Span::millis(300));
        for supervisor_first in [true, false] {
            let slowed = suspended(&scenario, Suspension { after, span, supervisor_first });
            assert!(crate::scenario::validate(&slowed).is_ok());
            let twin = without_suspensions(&slowed).expect("a twin");
            let said = format!("{twin:?}");
            assert!(said.contains("Pause") && said.contains("Kill") && !said.contains("Freeze"), "{said}");
            assert_eq!(without_suspensions(&twin), None);
        }
        // A supervisor that is frozen alone is another matter.
        let alone = r#"(title: "t", pool: (workers: 1), steps: [(do: During(fault: Freeze(Supervisor), for: "1s"))])"#;
        assert_eq!(without_suspensions(&parse(alone, "x.ron").unwrap()), None);
    }
}

//! What is waited for and does not come, and what comes late on a host that gives nobody a processor.

use super::*;

/// A successor has to come.
fn ready() -> Vec<Step> {
    let patient = Step { must: true, ..step(Some(Trigger::Ready), None) };
    vec![step(None, kill(Target::Oldest)), patient, step(None, kill(Target::Newest))]
}

/// It has not come at 900 ms, and somebody has waited 700 ms for a processor.
fn stalled() -> Set {
    let mut set = Set::steady(1, ready());
    set.dies(2);
    set.until(900);
    stall(&mut set, 700);
    set
}

fn stall(set: &mut Set, millis: u64) {
    set.see(What::Stall { proc: None, since: at(set.now), delay_ns: millis * 1_000_000 });
}

/// Whether missing it is a failure, as the history has it.
fn must(set: &Set) -> Option<bool> {
    set.done.iter().find_map(|(_, injection)| match injection {
        Injection::Note(What::Missed { must, .. }) => Some(*must),
        _ => None,
    })
}

#[test]
fn a_trigger_that_does_not_come_is_missed_and_the_run_goes_on() {
    let mut set =
        Set::steady(1, vec![step(Some(Trigger::Announced), kill(Target::Oldest)), step(None, kill(Target::Newest))]);
    set.until(5000);
    assert_eq!(set.missed(), [(1000, vec![0])]);
    assert_eq!(set.signals().len(), 1, "the act of a missed step is not carried out");
}

#[test]
fn who_waited_for_a_processor_gets_that_time_back() {
    let mut set = stalled();
    set.until(1_650);
    assert_eq!(set.missed(), []);
    set.worker(3);
    assert_eq!(set.fired().len(), 3, "it came 650 ms late, and had waited for 700");
}

#[test]
fn who_comes_later_than_that_has_missed_it() {
    let mut set = stalled();
    set.until(60_000);
    assert_eq!((set.missed(), must(&set)), (vec![(1_700, vec![1])], Some(true)));
}

#[test]
fn on_a_host_that_never_runs_anybody_a_step_is_not_waited_for_forever_and_missing_it_is_no_failure() {
    let mut set = Set::steady(1, ready());
    set.dies(2);
    for tenth in 1..100 {
        set.until(tenth * 100);
        stall(&mut set, 100);
    }
    assert_eq!((set.missed(), must(&set)), (vec![(5_000, vec![1])], Some(false)));
}

#[test]
fn what_was_waited_for_before_the_step_is_no_excuse() {
    let mut set =
        Set::steady(1, vec![step(Some(Trigger::After(Span::millis(500))), None)].into_iter().chain(ready()).collect());
    set.until(100);
    stall(&mut set, 9_000);
    set.until(500);
    set.dies(2);
    set.until(60_000);
    assert_eq!((set.missed(), must(&set)), (vec![(1_500, vec![2])], Some(true)));
}

#[test]
fn a_pool_has_not_settled_while_one_that_was_killed_has_yet_to_die() {
    let state = |state| step(Some(Trigger::State(state)), None);
    let mut set = Set::steady(1, vec![step(None, kill(Target::Oldest)), state(State::Settled), state(State::PoolFull)]);
    set.until(50);
    assert_eq!(set.fired().len(), 1, "neither settled nor full");
    set.worker(3);
    assert_eq!(set.fired().len(), 1, "the old one is still there");
    set.dies(2);
    assert_eq!(set.fired(), [(0, vec![0]), (50, vec![1]), (50, vec![2])]);
}

#[test]
fn who_is_being_killed_is_not_hit_again_in_place_of_the_next() {
    for target in [Target::Oldest, Target::Newest, Target::Random(1), Target::Each] {
        let mut set = Set::steady(2, vec![step(None, kill(target.clone())), step(None, kill(target.clone()))]);
        set.until(10);
        let mut hit: Vec<u32> = set.signals().into_iter().flat_map(|(_, to, _)| to).collect();
        hit.sort_unstable();
        assert_eq!(hit, [2, 3], "{target:?}");
    }
}

/// All of this is learned at once: the harness was late.
fn at_once(set: &mut Set, what: [What; 2]) {
    what.into_iter().for_each(|what| set.director.see(&Event::at(at(set.now), what)));
    set.go();
}

#[test]
fn what_came_after_the_step_before_could_have_fired_is_missed_by_the_harness_alone() {
    let must = |first: Trigger, order: fn([What; 2]) -> [What; 2]| {
        let patient = |when| Step { must: true, ..step(Some(when), None) };
        let mut set =
            Set::steady(1, vec![patient(Trigger::Exited), patient(first), step(None, None), patient(Trigger::Ready)]);
        set.dies(2);
        let role = Role::Worker { ticket: 3, generation: 1, pool: 0 };
        at_once(&mut set, order([What::Born { proc: proc(3), parent: MASTER, role }, What::Ready(proc(3))]));
        set.until(60_000);
        assert_eq!(set.missed().iter().map(|(_, step)| step.clone()).collect::<Vec<_>>(), [vec![3]]);
        must(&set)
    };
    let as_it_came: fn([What; 2]) -> [What; 2] = |what| what;
    assert_eq!(must(Trigger::Born, as_it_came), Some(false));
    // It had come before what was waited for first.
    assert_eq!(must(Trigger::Born, |[born, ready]| [ready, born]), Some(true));
    // A state says nothing of what came after it.
    assert_eq!(must(Trigger::State(State::PoolFull), as_it_came), Some(true));
}

#[test]
fn what_an_act_leads_to_is_not_asked_for_if_the_harness_left_the_act_out() {
    let musts = |late: bool| {
        let patient = |when| Step { must: true, ..step(Some(when), None) };
        let lap = Act::Repeat {
            times: 2,
            steps: vec![patient(Trigger::Exited), step(Some(Trigger::Born), kill(Target::That))],
        };
        let mut set =
            Set::steady(1, vec![step(None, kill(Target::Oldest)), step(None, Some(lap)), patient(Trigger::Ready)]);
        let role = Role::Worker { ticket: 3, generation: 1, pool: 0 };
        let died = What::Died { proc: proc(2), death: Death { status: None } };
        if late {
            at_once(&mut set, [died, What::Born { proc: proc(3), parent: MASTER, role }]);
        } else {
            set.see(died);
        }
        set.until(60_000);
        let musts = set.done.iter().filter_map(|(_, injection)| match injection {
            Injection::Note(What::Missed { must, .. }) => Some(*must),
            _ => None,
        });
        musts.collect::<Vec<_>>()
    };
    assert_eq!(musts(true), [false, false, false, false]);
    assert_eq!(musts(false), [false, true, false, true]);
}

mod accepted;
mod missed;
mod pools;

use super::*;
use crate::history::{Death, Role, Status};
use crate::scenario::{Ask, Fault, Pool, Retirement, Signal, Span, Target, Trigger};

fn at(millis: u64) -> Time {
    Time::from_nanos(1_000_000_000) + Duration::from_millis(millis)
}

fn proc(pid: u32) -> Proc {
    Proc { pid, start: u64::from(pid) }
}

const MASTER: u32 = 1;

fn step(when: Option<Trigger>, act: Option<Act>) -> Step {
    Step { when, within: Span::millis(1000), act, ..Step::default() }
}

fn scenario(workers: u32, steps: Vec<Step>) -> Scenario {
    Scenario {
        beside: Vec::new(),
        title: "t".into(),
        guards_against: Vec::new(),
        start: Start::Steady,
        launch: Default::default(),
        alone: false,
        pool: Pool {
            workers,
            limit: None,
            backoff: None,
            stable: None,
            drain: Span::millis(500),
            lame_duck: Span::ZERO,
            ready_timeout: None,
            watchdog: None,
            handoff: None,
            output: None,
            owns: Vec::new(),
            ready: None,
            reload: None,
            handoff_timeout: None,
            identity: None,
        },
        lives: Lives::default(),
        load: Vec::new(),
        steps,
        expect: Vec::new(),
        variants: Vec::new(),
        sweep: None,
    }
}

/// A director, its clock, and everything it wanted, with the millisecond.
struct Set {
    director: Director,
    now: u64,
    done: Vec<(u64, Injection)>,
    owner: Option<Proc>,
}

impl Set {
    fn new(scenario: &Scenario) -> Self {
        let director = Director::for_plan(scenario, &Profile::default(), 1);
        let mut set = Self { director, now: 0, done: Vec::new(), owner: None };
        set.go();
        set
    }

    /// With its pool standing and the steps begun.
    fn steady(workers: u32, steps: Vec<Step>) -> Self {
        let mut set = Self::new(&scenario(workers, steps));
        set.see(What::SupervisorBorn(proc(MASTER)));
        (2..2 + workers).for_each(|pid| set.worker(pid));
        set
    }

    fn go(&mut self) {
        let mut out = Vec::new();
        let owner = self.owner;
        self.director.step(at(self.now), &|_| owner, &mut out);
        for injection in out {
            // As a world does it: what is noted is shown again.
            if let Injection::Note(what) = &injection {
                self.director.see(&Event::at(at(self.now), what.clone()));
            }
            self.done.push((self.now, injection));
        }
    }

    fn see(&mut self, what: What) {
        self.director.see(&Event::at(at(self.now), what));
        self.go();
    }

    fn worker(&mut self, pid: u32) {
        let role = Role::Worker { ticket: pid, generation: 1, pool: 0 };
        self.see(What::Born { proc: proc(pid), parent: MASTER, role });
        self.see(What::Ready(proc(pid)));
    }

    fn dies(&mut self, pid: u32) {
        self.see(What::Died { proc: proc(pid), death: Death { status: None } });
    }

    fn ends(&mut self, status: Status) {
        self.see(What::SupervisorExited { proc: proc(MASTER), status });
    }

    fn until(&mut self, millis: u64) {
        while let Some(due) = self.director.next_deadline().filter(|due| *due <= at(millis)) {
            self.now = due.since(at(0)).as_nanos().div_ceil(1_000_000) as u64;
            self.go();
        }
        self.now = millis;
    }

    fn when(&self, wanted: &Injection) -> Option<u64> {
        self.done.iter().find(|(_, injection)| injection == wanted).map(|(at, _)| *at)
    }

    fn phase(&self, mark: PhaseMark) -> Option<u64> {
        self.when(&Injection::Note(What::Phase(mark)))
    }

    fn fired(&self) -> Vec<(u64, Vec<u32>)> {
        let step = |(at, injection): &(u64, Injection)| match injection {
            Injection::Note(What::Step { step, .. }) => Some((*at, step.clone())),
            _ => None,
        };
        self.done.iter().filter_map(step).collect()
    }

    fn missed(&self) -> Vec<(u64, Vec<u32>)> {
        let step = |(at, injection): &(u64, Injection)| match injection {
            Injection::Note(What::Missed { step, .. }) => Some((*at, step.clone())),
            _ => None,
        };
        self.done.iter().filter_map(step).collect()
    }

    fn signals(&self) -> Vec<(u64, Vec<u32>, Signal)> {
        let signal = |(at, injection): &(u64, Injection)| match injection {
            Injection::Signal { to, signal } => Some((*at, to.iter().map(|proc| proc.pid).collect(), *signal)),
            _ => None,
        };
        self.done.iter().filter_map(signal).collect()
    }

    fn no_target(&self) -> bool {
        self.done.iter().any(|(_, injection)| matches!(injection, Injection::Note(What::NoTarget { .. })))
    }
}

fn kill(target: Target) -> Option<Act> {
    Some(Act::Kill(target))
}

#[test]
fn a_steady_run_goes_through_its_phases() {
    let mut set = Set::steady(2, vec![step(None, kill(Target::Oldest)), step(Some(Trigger::Exited), None)]);
    assert_eq!(set.done[0], (0, Injection::Start));
    assert_eq!(set.phase(PhaseMark::Steps), Some(0));
    assert_eq!(set.signals(), [(0, vec![2], Signal::KILL)]);
    set.until(20);
    set.dies(2);
    assert_eq!(set.phase(PhaseMark::Settle), Some(20));
    set.until(50);
    set.worker(9);
    set.until(2000);
    assert_eq!(set.phase(PhaseMark::Stop), Some(350), "as soon as it has been settled for 300 ms");
    assert_eq!(set.when(&Injection::StopSubject), Some(350));
    set.ends(Status::Code(0));
    assert_eq!(set.phase(PhaseMark::Over), Some(2000));
    assert_eq!(set.when(&Injection::End), None, "workers are still there");
    set.dies(3);
    set.dies(9);
    assert_eq!(set.when(&Injection::End), Some(2000));
    assert_eq!(set.director.next_deadline(), None);
}

#[test]
fn without_a_baseline_nothing_is_done() {
    let mut set = Set::new(&scenario(2, vec![step(None, kill(Target::Oldest))]));
    set.see(What::SupervisorBorn(proc(MASTER)));
    set.worker(2);
    set.until(60_000);
    assert_eq!(set.phase(PhaseMark::NoBaseline), Some(10_000));
    assert_eq!(set.when(&Injection::StopSubject), Some(10_000));
    assert!(set.fired().is_empty() && set.when(&Injection::End).is_some());
}

#[test]
fn a_pool_that_never_settles_is_stopped_all_the_same() {
    let mut set = Set::steady(1, vec![step(None, None)]);
    set.dies(2);
    set.until(60_000);
    // 5 s to converge, 500 ms drain, 250 ms kill slack, 300 ms hold.
    assert_eq!(set.phase(PhaseMark::Stop), Some(6050));
}

#[test]
fn edges_count_from_the_step_before_and_states_may_hold_already() {
    let steps = vec![step(Some(Trigger::Ready), None), step(Some(Trigger::State(State::PoolFull)), None)];
    let mut set = Set::steady(2, steps);
    assert!(set.fired().is_empty(), "the pool's own readiness was before");
    set.until(10);
    // Told of late: it happened before the steps began.
    set.director.see(&Event::at(at(0) - Duration::from_millis(1), What::Ready(proc(3))));
    set.go();
    assert!(set.fired().is_empty());
    set.see(What::Ready(proc(3)));
    assert_eq!(set.fired(), [(10, vec![0]), (10, vec![1])]);
}

#[test]
fn an_after_longer_than_the_patience_is_no_miss() {
    let mut set = Set::steady(1, vec![step(Some(Trigger::After(Span::millis(3000))), None)]);
    set.until(5000);
    assert_eq!((set.fired(), set.missed()), (vec![(3000, vec![0])], vec![]));
}

#[test]
fn all_and_any_combine_edges() {
    let all = Trigger::All(vec![Trigger::Held("a".into()), Trigger::Announced, Trigger::After(Span::millis(5))]);
    let any = Trigger::Any(vec![Trigger::Exited, Trigger::Born]);
    let mut set = Set::steady(2, vec![step(Some(all), None), step(Some(any), kill(Target::That))]);
    let form = crate::history::Form::OnePhase;
    set.see(What::Announced { proc: proc(2), form });
    set.until(3);
    set.see(What::Held { load: "a".into() });
    set.until(100);
    assert_eq!(set.fired(), [(5, vec![0])]);
    let role = Role::Worker { ticket: 5, generation: 1, pool: 0 };
    set.see(What::Born { proc: proc(7), parent: MASTER, role });
    assert_eq!(set.signals(), [(100, vec![7], Signal::KILL)], "the one that was born");
}

#[test]
fn targets_are_who_is_there() {
    let targets = [
        (Target::Oldest, vec![2]),
        (Target::Newest, vec![4]),
        (Target::All, vec![2, 3, 4, 5, 6]),
        (Target::Booting, vec![5]),
        (Target::Draining, vec![6]),
        (Target::Supervisor, vec![MASTER]),
        (Target::OwnerOf("x".into()), vec![3]),
        (Target::Child(Box::new(Target::Oldest)), vec![50]),
    ];
    for (target, wanted) in targets {
        let mut set = Set::steady(3, vec![step(Some(Trigger::Held("go".into())), kill(target.clone()))]);
        set.owner = Some(proc(3));
        set.now = 1;
        let role = Role::Worker { ticket: 4, generation: 1, pool: 0 };
        set.see(What::Born { proc: proc(5), parent: MASTER, role });
        set.worker(6);
        set.see(What::StoppedAccepting(proc(6)));
        set.see(What::Born { proc: proc(50), parent: 2, role: Role::Descendant });
        set.see(What::Held { load: "go".into() });
        assert_eq!(set.signals(), [(1, wanted, Signal::KILL)], "{target:?}");
    }
}

#[test]
fn nobody_there_is_noted() {
    for target in [Target::Booting, Target::Named("nobody".into()), Target::OwnerOf("x".into()), Target::That] {
        let mut set = Set::steady(1, vec![step(None, kill(target))]);
        assert!(set.no_target() && set.signals().is_empty());
        set.until(10);
    }
}

#[test]
fn who_was_hit_can_be_named_and_a_dead_one_is_no_target() {
    let mut first =
        step(None, Some(Act::Signal { to: Target::Newest, signal: Signal::USR1, times: 3, spacing: Span::millis(10) }));
    first.name = Some("victim".into());
    let mut set = Set::steady(2, vec![first, step(Some(Trigger::Born), kill(Target::Named("victim".into())))]);
    set.until(15);
    let role = Role::Worker { ticket: 5, generation: 1, pool: 0 };
    set.see(What::Born { proc: proc(9), parent: MASTER, role });
    assert_eq!(set.signals().len(), 2, "an act is finished before the next step");
    set.until(20);
    let usr1 = |at| (at, vec![3], Signal::USR1);
    assert_eq!(set.signals(), [usr1(0), usr1(10), usr1(20), (20, vec![3], Signal::KILL)]);

    let mut gone = Set::steady(
        2,
        vec![
            Step { name: Some("it".into()), ..step(Some(Trigger::Exited), None) },
            step(None, kill(Target::Named("it".into()))),
        ],
    );
    gone.dies(2);
    assert!(gone.no_target() && gone.signals().is_empty());
}

#[test]
fn each_is_one_act_for_each_and_random_is_seeded() {
    let mut each = Set::steady(3, vec![step(None, kill(Target::Each))]);
    each.until(1);
    assert_eq!(each.signals().iter().map(|(_, to, _)| to.len()).collect::<Vec<_>>(), [1, 1, 1]);
    let pick = |seed| {
        let mut set = Set::steady(4, Vec::new());
        set.director =
            Director::for_plan(&scenario(4, vec![step(None, kill(Target::Random(2)))]), &Profile::default(), seed);
        set.see(What::SupervisorBorn(proc(MASTER)));
        (2..6).for_each(|pid| set.worker(pid));
        set.signals()
    };
    assert_eq!(pick(5), pick(5));
    assert!((0..20).map(pick).any(|picked| picked != pick(0)));
}

#[test]
fn asks_are_spread_and_only_the_living_are_asked() {
    let ask = Act::Ask { who: Target::All, to: Ask::Retire(Retirement::TwoPhase), spread: Span::millis(100) };
    let mut set = Set::steady(4, vec![step(None, Some(ask))]);
    set.dies(2);
    set.until(1000);
    let asked: Vec<u64> =
        set.done.iter().filter(|(_, i)| matches!(i, Injection::Ask { .. })).map(|(at, _)| *at).collect();
    assert!(asked.len() >= 3 && asked.iter().all(|at| *at <= 100) && asked.first() != asked.last(), "{asked:?}");
    assert!(asked.len() == 4 || set.no_target());
}

#[test]
fn a_fault_heals_at_its_time_whatever_its_body_waits_for() {
    let body = vec![step(None, kill(Target::Oldest)), step(Some(Trigger::Announced), None), step(None, None)];
    let freeze = Act::During { fault: Fault::Freeze(Target::Supervisor), span: Span::millis(200), steps: body };
    let mut set = Set::steady(2, vec![step(None, Some(freeze)), step(Some(Trigger::Exited), None)]);
    let who = vec![proc(MASTER)];
    assert_eq!(set.when(&Injection::Freeze { who: who.clone(), on: true }), Some(0));
    set.until(100);
    set.dies(2);
    set.until(2000);
    assert_eq!(
        set.missed(),
        [(200, vec![0, 1]), (200, vec![0, 2]), (1200, vec![1])],
        "what happened inside is no edge"
    );
    assert_eq!(set.when(&Injection::Freeze { who, on: false }), Some(200));
    assert_eq!(set.when(&Injection::Note(What::Healed { step: vec![0] })), Some(200));
}

#[test]
fn a_fault_lasts_its_time_even_if_its_body_is_done() {
    let freeze = Act::During { fault: Fault::Freeze(Target::Supervisor), span: Span::millis(200), steps: vec![] };
    let mut set = Set::steady(1, vec![step(None, Some(freeze)), step(None, None)]);
    set.until(1000);
    assert_eq!(set.fired(), [(0, vec![0]), (200, vec![1])]);
}

#[test]
fn who_is_frozen_twice_goes_on_when_both_freezes_are_over() {
    let freeze = |who, span, steps| Act::During { fault: Fault::Freeze(who), span: Span::millis(span), steps };
    let inner = freeze(Target::Oldest, 100, vec![]);
    let mut set = Set::steady(2, vec![step(None, Some(freeze(Target::Each, 300, vec![step(None, Some(inner))])))]);
    set.until(1000);
    let froze = |(at, injection): &(u64, Injection)| match injection {
        Injection::Freeze { who, on } => Some((*at, who.len(), *on)),
        _ => None,
    };
    let froze: Vec<_> = set.done.iter().filter_map(froze).collect();
    assert_eq!(froze, [(0, 2, true), (0, 1, true), (100, 0, false), (300, 2, false)]);
    assert_eq!(set.when(&Injection::Note(What::Healed { step: vec![0, 0] })), Some(100));
}

#[test]
fn repeats_and_reloads_keep_their_pace() {
    let quiet = Act::Signal { to: Target::Newest, signal: Signal::USR1, times: 1, spacing: Span::ZERO };
    let body = vec![step(Some(Trigger::After(Span::millis(100))), Some(quiet))];
    let repeat = Act::Repeat { times: 3, steps: body };
    let reloads = Act::Operate(Command::Reloads { times: 4, spacing: Span::millis(5) });
    let mut set = Set::steady(1, vec![step(None, Some(repeat)), step(None, Some(reloads))]);
    set.until(400);
    assert_eq!(set.signals().iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [100, 200, 300]);
    let reload = Injection::Operate(Command::Reload);
    let at: Vec<u64> = set.done.iter().filter(|(_, i)| *i == reload).map(|(at, _)| *at).collect();
    assert_eq!(at, [300, 305, 310, 315]);
}

#[test]
fn a_reload_ends_when_everybody_was_born_after_it() {
    let reload = Act::Operate(Command::Reload);
    let mut set = Set::steady(2, vec![step(None, Some(reload)), step(Some(Trigger::CommandEnds), None)]);
    set.until(10);
    set.worker(8);
    set.dies(2);
    assert_eq!(set.fired().len(), 1);
    set.until(20);
    set.worker(9);
    set.dies(3);
    assert_eq!(set.fired().last(), Some(&(20, vec![1])));
}

#[test]
fn giving_up_is_an_end_that_nobody_ordered() {
    let steps = || vec![step(Some(Trigger::GaveUp), None), step(Some(Trigger::SupervisorExited), None)];
    let mut set = Set::steady(1, steps());
    set.ends(Status::Code(75));
    assert_eq!(set.fired().len(), 2);
    assert_eq!(set.phase(PhaseMark::Settle), None, "there is nothing to settle");
    assert!(set.phase(PhaseMark::Over).is_some() && set.when(&Injection::StopSubject).is_none());

    let mut killed = Set::steady(1, [vec![step(None, kill(Target::Supervisor))], steps()].concat());
    killed.ends(Status::Signal(9));
    killed.until(3000);
    assert_eq!(killed.missed(), [(1000, vec![1])]);
    assert_eq!(killed.fired().len(), 2, "killed is not given up");
}

#[test]
fn when_everybody_is_gone_nothing_is_waited_for() {
    let mut set = Set::steady(1, vec![step(Some(Trigger::Ready), None), step(Some(Trigger::Exited), None)]);
    set.ends(Status::Code(75));
    set.dies(2);
    set.until(5000);
    assert_eq!(set.missed(), [(250, vec![0]), (250, vec![1])]);
    assert_eq!(set.when(&Injection::End), Some(250));
}

#[test]
fn an_ordered_stop_is_not_hurried() {
    let stop = Act::Operate(Command::Stop);
    let mut set = Set::steady(1, vec![step(None, Some(stop)), step(Some(Trigger::SupervisorExited), None)]);
    set.until(700);
    set.ends(Status::Code(0));
    set.dies(2);
    assert_eq!(set.when(&Injection::End), Some(700));
    assert_eq!(set.when(&Injection::StopSubject), None);
}

#[test]
fn an_at_once_run_starts_with_its_steps() {
    let at_once = |steps| Scenario { start: Start::AtOnce, ..scenario(1, steps) };
    let set = Set::new(&at_once(vec![step(Some(Trigger::SupervisorBorn), None)]));
    assert_eq!((set.phase(PhaseMark::Steps), set.when(&Injection::Start)), (Some(0), Some(0)));
    let start = step(Some(Trigger::After(Span::millis(50))), Some(Act::Operate(Command::Start)));
    let mut set = Set::new(&at_once(vec![start]));
    set.until(100);
    assert_eq!(set.when(&Injection::Start), None);
    assert_eq!(set.when(&Injection::Operate(Command::Start)), Some(50));
}

#[test]
fn loads_start_with_the_steps_unless_on_demand() {
    let load = |name: &str, on_demand| Load::Park {
        connections: 1,
        per_worker: false,
        reuse: None,
        name: name.into(),
        on_demand,
    };
    let steps = vec![step(Some(Trigger::Born), Some(Act::StartLoad("later".into())))];
    let mut set = Set::new(&Scenario { load: vec![load("now", false), load("later", true)], ..scenario(1, steps) });
    set.see(What::SupervisorBorn(proc(MASTER)));
    set.worker(2);
    let starts = |name: &str| Injection::Load { name: name.into(), start: true };
    assert_eq!((set.when(&starts("now")), set.when(&starts("later"))), (Some(0), None));
    set.now = 5;
    set.worker(3);
    assert_eq!(set.when(&starts("later")), Some(5));
}

#[test]
fn together_spreads_and_one_of_chooses() {
    let acts = vec![Act::Kill(Target::Oldest), Act::Kill(Target::Newest), Act::Operate(Command::Reload)];
    let together = Act::Together { spread: Span::millis(50), acts: acts.clone() };
    let mut set = Set::steady(3, vec![step(None, Some(together)), step(None, Some(Act::OneOf(acts)))]);
    set.until(50);
    let done = |set: &Set| {
        set.done.iter().filter(|(_, i)| matches!(i, Injection::Signal { .. } | Injection::Operate(_))).count()
    };
    assert_eq!(done(&set), 4);
    assert!(set.fired()[1].0 <= 50);
}

#[test]
fn a_step_with_jitter_fires_within_it_and_the_next_one_looks_from_then_on() {
    let late = Step { jitter: Span::millis(50), ..step(None, Some(Act::Kill(Target::Oldest))) };
    let mut set = Set::steady(2, vec![late, step(Some(Trigger::Exited), None)]);
    set.dies(3);
    assert!(set.fired().is_empty() && set.signals().is_empty());
    set.until(51);
    assert!(set.fired().len() == 1 && set.fired()[0].0 <= 50 && set.signals()[0].0 == set.fired()[0].0);
    set.dies(2);
    assert_eq!(set.fired().len(), 2);
}

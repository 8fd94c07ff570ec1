//! Random scenarios, wilder than a person would write them, yet valid: drawn from a seed and nothing else.

use std::collections::BTreeMap;

use crate::director::Random;
use crate::scenario::{
    Act, Ask, Backoff, Beside, Child, Command, Exit, Fault, Launch, Life, LifeRecord, Limit, Lives, Load, Owns, Phase,
    Pool, Retirement, Scenario, Signal, Span, Start, State, Step, Target, Trigger, validate,
};

/// The scenario of this seed.
pub fn wild(seed: u64) -> Scenario {
    let mut wild = Wild(Random::new(seed));
    loop {
        let scenario = wild.scenario();
        if validate(&scenario).is_ok() {
            return scenario;
        }
    }
}

const PHASES: [Phase; 4] = [Phase::Boot, Phase::Ready, Phase::Request, Phase::Drain];
const RETIREMENTS: [Retirement; 3] = [Retirement::OnePhase, Retirement::TwoPhase, Retirement::Silent];
const SIGNALS: [Signal; 9] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::KILL,
    Signal::SEGV,
    Signal::ABRT,
    Signal::QUIT,
    Signal::WINCH,
    Signal::PIPE,
];
/// Those that a supervisor has to bear, once its handlers are there. A reload is ordered by its command.
const OPERATOR_SIGNALS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::WINCH, Signal::PIPE];
const LOADS: [&str; 3] = ["probe", "held", "idle"];
/// Pools beside the first.
const POOLS: [&str; 2] = ["jobs", "mail"];

/// What can be written to a channel that is no message.
const GARBAGE: [&str; 3] = ["?", "{\"act\":", "{\"act\":\"sing\"}"];

struct Wild(Random);

/// What steps may name.
#[derive(Clone, Debug)]
struct Names {
    loads: Vec<&'static str>,
    /// The pools beside the first.
    pools: Vec<&'static str>,
}

impl Names {
    fn new(load: &[Load], beside: &[Beside]) -> Self {
        let pools = POOLS.into_iter().zip(beside).map(|(name, _)| name);
        let loads = LOADS.into_iter().filter(|name| load.iter().any(|load| load.name() == *name));
        Self { loads: loads.collect(), pools: pools.collect() }
    }
}

impl Wild {
    fn below(&mut self, bound: usize) -> usize {
        self.0.index(bound)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn number(&mut self, from: u32, to: u32) -> u32 {
        from + self.below((to - from + 1) as usize) as u32
    }

    /// One of a few lengths that a person would write.
    fn span(&mut self, millis: &[u64]) -> Span {
        Span::millis(self.pick(millis))
    }

    fn scenario(&mut self) -> Scenario {
        let mut pool = self.pool();
        let lives = self.lives(pool.workers);
        let beside = self.beside();
        if !beside.is_empty() {
            // Where orders to one pool are given.
            pool.owns = vec![Owns::Control];
            pool.ready_timeout = Some(self.soon());
        }
        let load = self.loads();
        let names = Names::new(&load, &beside);
        let mut steps = self.steps(&names, 2);
        let start = if self.one_in(4) { Start::AtOnce } else { Start::Steady };
        if start == Start::AtOnce {
            // Before its first worker nobody knows whether a supervisor has its handlers: a signal may end it.
            steps.insert(0, Step { when: Some(Trigger::Born), ..Step::default() });
        }
        Scenario {
            title: "a random life".to_owned(),
            guards_against: Vec::new(),
            start,
            launch: Launch::default(),
            alone: false,
            pool,
            lives,
            beside,
            load,
            steps,
            expect: Vec::new(),
            variants: Vec::new(),
            sweep: None,
        }
    }

    /// Mostly none.
    fn beside(&mut self) -> Vec<Beside> {
        let count = if self.one_in(4) { self.number(1, POOLS.len() as u32) as usize } else { 0 };
        let one = |name: &str, wild: &mut Self| {
            let (workers, ready_timeout) = (wild.number(1, 3), Some(wild.soon()));
            let pool = Pool { workers, ready_timeout, ..wild.pool() };
            let lives = wild.lives(pool.workers);
            Beside { name: name.to_owned(), pool, lives, expect: Vec::new() }
        };
        POOLS.iter().take(count).map(|name| one(name, self)).collect()
    }

    /// A reload is for all pools or for none, and waits so long in each for who never gets ready in another.
    fn soon(&mut self) -> Span {
        self.span(&[100, 300])
    }

    fn pool(&mut self) -> Pool {
        let limit = Limit { restarts: self.number(1, 20), within: self.span(&[500, 1000, 2000, 5000, 10_000, 60_000]) };
        let initial = self.span(&[1, 10, 20, 50, 100]);
        let cap = initial.max(self.span(&[10, 50, 200, 500]));
        let backoff = Backoff { initial, factor: self.number(1, 3), cap };
        Pool {
            workers: self.number(1, 6),
            limit: (!self.one_in(4)).then_some(limit),
            backoff: Some(backoff),
            stable: (!self.one_in(4)).then_some(self.span(&[20, 50, 200, 1000])),
            drain: self.span(&[50, 200, 500, 1000, 3000]),
            lame_duck: Span::ZERO,
            ready_timeout: self.one_in(3).then_some(self.span(&[100, 300, 1000])),
            watchdog: None,
            handoff: None,
            output: None,
            owns: Vec::new(),
            ready: None,
            reload: None,
            handoff_timeout: None,
            identity: None,
        }
    }

    fn lives(&mut self, workers: u32) -> Lives {
        let first = if self.one_in(2) { self.number(1, workers + 3) } else { 0 };
        let mut generation = BTreeMap::new();
        if self.one_in(4) {
            let count = self.number(1, 3);
            generation.insert(2, (0..count).map(|_| self.life()).collect());
        }
        let first = (0..first).map(|_| self.life()).collect();
        Lives { first, generation, then: if self.one_in(2) { self.life() } else { Life::Serve } }
    }

    fn life(&mut self) -> Life {
        match self.below(10) {
            0 | 1 => Life::Serve,
            2 => Life::Crash {
                at: self.pick(&PHASES),
                code: self.pick(&[0, 1, 3]),
                after: self.span(&[0, 0, 10, 60, 300]),
            },
            3 => Life::Hang { at: self.pick(&PHASES) },
            4 => Life::IgnoreTerm,
            5 => Life::SlowBoot(self.span(&[10, 50, 150, 400])),
            6 => Life::SlowStop(self.span(&[10, 100, 400, 2000])),
            7 => Life::RetireAtFirstRequest(self.pick(&RETIREMENTS)),
            _ => Life::Record(self.record()),
        }
    }

    fn record(&mut self) -> LifeRecord {
        let exit = self.exit();
        LifeRecord {
            boot: self.span(&[0, 0, 20, 100]),
            never_ready: self.one_in(8),
            exit: self.one_in(3).then_some(exit),
            hang: self.one_in(6).then_some(self.pick(&PHASES)),
            retire: self.pick(&RETIREMENTS),
            retire_after: self.one_in(4).then_some(self.number(1, 4)),
            ignore_term: self.one_in(6),
            slow_stop: self.span(&[0, 0, 50, 500]),
            children: if self.one_in(8) { vec![self.child()] } else { Vec::new() },
            ..LifeRecord::default()
        }
    }

    fn exit(&mut self) -> Exit {
        let exit = Exit::with(self.pick(&PHASES), self.span(&[0, 20, 100]), self.pick(&[0, 1]));
        if self.one_in(3) { Exit { code: 0, signal: Some(self.pick(&Signal::FATAL)), ..exit } } else { exit }
    }

    fn child(&mut self) -> Child {
        Child {
            setsid: self.one_in(2),
            holds_descriptors: self.one_in(2),
            orphan: self.one_in(2),
            lives_for: Some(self.span(&[10, 100, 500])),
        }
    }

    fn loads(&mut self) -> Vec<Load> {
        let mut loads = Vec::new();
        let name = |at: usize| LOADS[at].to_owned();
        if !self.one_in(3) {
            let (every, hold) = (self.span(&[5, 10, 20, 50]), self.span(&[0, 0, 0, 20]));
            loads.push(Load::Probe { every, hold, name: name(0), on_demand: self.one_in(6) });
        }
        if self.one_in(2) {
            let hold = self.span(&[50, 300, 1000, 10_000]);
            let (connections, on_demand) = (self.number(1, 8), self.one_in(6));
            loads.push(Load::Hold { connections, per_worker: false, hold, name: name(1), on_demand });
        }
        if self.one_in(3) {
            let (connections, on_demand) = (self.number(1, 6), self.one_in(6));
            loads.push(Load::Park { connections, per_worker: false, reuse: None, name: name(2), on_demand });
        }
        loads
    }

    fn steps(&mut self, names: &Names, depth: u32) -> Vec<Step> {
        let count = self.number(1, if depth == 2 { 6 } else { 3 });
        (0..count).map(|_| self.step(names, depth)).collect()
    }

    fn step(&mut self, names: &Names, depth: u32) -> Step {
        let when = (!self.one_in(3)).then(|| self.trigger(names));
        let within = if when.is_some() { self.span(&[200, 1000, 2000]) } else { Step::default().within };
        let act = (when.is_none() || !self.one_in(5)).then(|| self.act(names, depth));
        Step { when, within, act, ..Step::default() }
    }

    fn trigger(&mut self, names: &Names) -> Trigger {
        match self.below(14) {
            0..=4 => self.edge(),
            5 => Trigger::CommandEnds,
            6 => Trigger::State(State::PoolFull),
            7 => Trigger::State(State::Settled),
            8 if !names.loads.is_empty() => Trigger::Held(self.pick(&names.loads).to_owned()),
            9 => Trigger::Any(vec![Trigger::Exited, Trigger::After(self.span(&[20, 100]))]),
            10 if !names.loads.is_empty() => Trigger::Accepted { nth: self.pick(&[1, 1, 2, 5, 20]) },
            11 | 12 if !names.pools.is_empty() => {
                let pool = self.pick(&names.pools).to_owned();
                Trigger::In(pool, Box::new(self.edge()))
            }
            _ => Trigger::After(self.span(&[1, 10, 50, 200, 700])),
        }
    }

    /// What a worker does.
    fn edge(&mut self) -> Trigger {
        match self.below(5) {
            0 => Trigger::Born,
            1 => Trigger::Ready,
            2 => Trigger::Announced,
            3 => Trigger::StoppedAccepting,
            _ => Trigger::Exited,
        }
    }

    fn target(&mut self, names: &Names) -> Target {
        if !names.pools.is_empty() && self.one_in(3) {
            let pool = self.pick(&names.pools).to_owned();
            return Target::In(pool, Box::new(self.worker()));
        }
        match self.below(9) {
            7 if !names.loads.is_empty() => Target::OwnerOf(self.pick(&names.loads).to_owned()),
            _ => self.worker(),
        }
    }

    /// Some workers of a pool.
    fn worker(&mut self) -> Target {
        match self.below(8) {
            0 | 1 => Target::Oldest,
            2 => Target::Newest,
            3 => Target::All,
            4 => Target::Random(self.number(1, 3)),
            5 => Target::Booting,
            6 => Target::Draining,
            _ => Target::Each,
        }
    }

    fn act(&mut self, names: &Names, depth: u32) -> Act {
        match self.below(if depth == 0 { 12 } else { 18 }) {
            0..=2 => Act::Kill(self.target(names)),
            3 => {
                let supervisor = self.one_in(6);
                Act::Signal {
                    to: if supervisor { Target::Supervisor } else { self.target(names) },
                    signal: if supervisor { self.pick(&OPERATOR_SIGNALS) } else { self.pick(&SIGNALS) },
                    times: self.pick(&[1, 1, 1, 3]),
                    spacing: self.span(&[0, 1, 20]),
                }
            }
            4..=7 => Act::Ask { who: self.target(names), to: self.ask(), spread: self.span(&[0, 0, 20, 100]) },
            8 | 9 => Act::Operate(self.command(names)),
            10 if !names.loads.is_empty() => {
                let name = self.pick(&names.loads).to_owned();
                if self.one_in(2) { Act::StartLoad(name) } else { Act::StopLoad(name) }
            }
            10 | 11 => Act::Pause(self.span(&[20, 100, 400])),
            12..=14 => Act::During {
                fault: Fault::Freeze(if self.one_in(3) { self.target(names) } else { Target::Supervisor }),
                span: self.span(&[5, 50, 200, 800]),
                steps: self.steps(names, depth - 1),
            },
            15 => Act::Repeat { times: self.number(2, 4), steps: self.steps(names, depth - 1) },
            16 => Act::OneOf(vec![self.act(names, 0), self.act(names, 0)]),
            _ => Act::Together { spread: self.span(&[0, 5, 50]), acts: vec![self.act(names, 0), self.act(names, 0)] },
        }
    }

    fn ask(&mut self) -> Ask {
        match self.below(9) {
            0 | 1 => Ask::Throw,
            2 | 3 => Ask::Retire(self.pick(&RETIREMENTS)),
            4 => Ask::Exit(self.pick(&[0, 1])),
            5 => Ask::CloseChannel,
            6 => Ask::Spawn(self.child()),
            7 => Ask::Garble(self.pick(&GARBAGE).to_owned()),
            _ => Ask::Hang,
        }
    }

    fn command(&mut self, names: &Names) -> Command {
        if !names.pools.is_empty() && self.one_in(2) {
            let pool = self.pick(&names.pools);
            // No `Scale`: a reload takes the number of workers from the configuration again.
            let order = if self.one_in(2) { Command::Restart(0) } else { Command::RestartPool };
            return Command::In(pool.to_owned(), Box::new(order));
        }
        match self.below(6) {
            0 => Command::Stop,
            1 => Command::Reloads { times: self.number(2, 4), spacing: self.span(&[0, 1, 30]) },
            _ => Command::Reload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{constructs, to_ron};
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_is_a_scenario_and_another_seed_is_another() {
        let texts: BTreeSet<String> = (0..50).map(|seed| to_ron(&wild(seed))).collect();
        assert_eq!(texts.len(), 50);
        assert_eq!(wild(7), wild(7));
    }

    #[test]
    fn everything_that_can_be_drawn_is_drawn() {
        let used: BTreeSet<&str> = (0..400).flat_map(|seed| constructs(&wild(seed))).collect();
        for name in [
            "Kill",
            "Signal",
            "Ask Throw",
            "Ask Retire",
            "Ask Exit",
            "Ask CloseChannel",
            "Ask Spawn",
            "Ask Garble",
            "Ask Hang",
            "Reload",
            "Reloads",
            "Stop",
            "Freeze",
            "Repeat",
            "OneOf",
            "Together",
            "Pause",
            "StartLoad",
            "StopLoad",
            "Crash",
            "Hang",
            "IgnoreTerm",
            "SlowBoot",
            "SlowStop",
            "RetireAtFirstRequest",
            "Record",
            "children",
            "Booting",
            "Draining",
            "OwnerOf",
            "Held",
            "CommandEnds",
            "Accepted",
            "beside",
            "Operate In",
            "a Probe load",
            "a Hold load",
            "a Park load",
        ] {
            assert!(used.contains(name), "{name} is never drawn: {used:?}");
        }
    }

    #[test]
    fn pools_are_named_and_workers_end_by_signals() {
        let all: Vec<Scenario> = (0..400).map(wild).collect();
        let by_signal =
            |life: &Life| matches!(life, Life::Record(record) if record.exit.is_some_and(|exit| exit.signal.is_some()));
        assert!(all.iter().any(|one| one.pools().any(|(_, lives)| lives.all().any(by_signal))));
        let step = |is: &dyn Fn(&Step) -> bool| all.iter().any(|one| one.steps.iter().any(is));
        assert!(step(&|step| matches!(step.when, Some(Trigger::In(..)))));
        assert!(step(&|step| step.any(&|act| matches!(act, Act::Kill(Target::In(..))))));
        assert!(all.iter().any(|one| one.beside.len() == POOLS.len()));
    }
}

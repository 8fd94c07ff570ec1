//! Properties of the state machine, over random policies, workers, hosts and operators.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::model::Model;
use crate::core::{Action, Command, ExitStatus, Input, Machine, Pools, SpawnError, SpawnStep, Word, WorkerId};
use crate::policy::{Backoff, Instant, Limit, Policy, Readiness, Restart, defaults};

fn ms(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn backoff() -> impl Strategy<Value = Backoff> {
    (ms(0..300), 1u32..4, ms(0..2000), 0u8..=100).prop_map(|(initial, factor, cap, jitter_percent)| Backoff {
        initial,
        factor,
        cap,
        jitter_percent,
    })
}

fn limit() -> impl Strategy<Value = Option<Limit>> {
    proptest::option::weighted(0.8, (0u32..8, ms(1..8000)).prop_map(|(restarts, within)| Limit { restarts, within }))
}

fn policy() -> impl Strategy<Value = Policy> {
    let times = (ms(0..2000), ms(0..800), ms(0..1500));
    let readiness = prop_oneof![4 => Just(Readiness::Told), 1 => Just(Readiness::AtSpawn)];
    (1u32..5, limit(), backoff(), times, readiness, any::<u64>()).prop_map(
        |(workers, limit, backoff, (stable, ready_timeout, drain), ready, seed)| Policy {
            limit,
            backoff,
            stable,
            ready_timeout,
            drain,
            ready,
            seed,
            ..defaults::policy(workers)
        },
    )
}

fn operator() -> impl Strategy<Value = Vec<(Duration, Command)>> {
    let command = prop_oneof![9 => Just(Command::Reload), 1 => Just(Command::Stop)];
    vec((ms(0..900), command), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever workers, host and operator do: at every action the model checks limit, replacements, deadlines,
    /// signals and silence after the end; once they behave the pool is full again (unless it gave up), and a stop ends
    /// it in time.
    #[test]
    fn holds_in_any_weather(policy in policy(), choices in vec(any::<u8>(), 0..150), operator in operator()) {
        let mut model = Model::new(policy, choices);
        model.operate(&operator);
        model.calm();
        model.end();
    }

    /// Rolling restarts, any number of them at any moment, and two-phase retirements of stable workers never leave
    /// fewer workers ready than wanted.
    #[test]
    fn never_below_n_ready_without_deaths(policy in policy(), operator in operator(), retire in vec(ms(0..900), 0..6)) {
        let policy = Policy { stable: Duration::ZERO, ready_timeout: Duration::from_secs(1), ..policy };
        let mut model = Model::new(policy, Vec::new());
        model.calm();
        model.demand_full_pool();
        model.retire_now_and_then(&retire);
        let reloads: Vec<_> = operator.into_iter().filter(|(_, command)| *command == Command::Reload).collect();
        model.operate(&reloads);
        model.calm();
        model.end();
    }

    /// `step` takes anything at any time: no panic, no deadline left behind by a tick, no action after the exit, no
    /// worker asked for twice.
    #[test]
    fn step_is_total(policy in any_policy(), inputs in vec((0u64..2000, any_input()), 0..120)) {
        let mut pool = Pools::new(vec![policy]);
        let mut now = Instant::from_nanos(0);
        let (mut asked, mut over) = (Vec::new(), false);
        for (millis, input) in inputs {
            now = now + Duration::from_millis(millis / 10);
            let ticked = input == Input::Tick;
            let mut actions = Vec::new();
            pool.step(now, input, &mut actions);
            prop_assert!(!over || actions.is_empty());
            for (place, action) in actions.iter().enumerate() {
                match action {
                    Action::Spawn(id, _) => {
                        prop_assert!(!asked.contains(id));
                        asked.push(*id);
                    }
                    Action::Exit(_) => {
                        prop_assert_eq!(place, actions.len() - 1);
                        over = true;
                    }
                    Action::Tell(..) | Action::Signal(..) | Action::Emit(_) | Action::Settle(..) => {}
                }
            }
            prop_assert!(!ticked || pool.next_deadline().is_none_or(|at| at > now));
        }
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let restart =
        prop_oneof![Just(Restart::Always), Just(Restart::Never), Just(Restart::OnFailure { success: vec![0] }),];
    (policy(), restart, 0u32..4).prop_map(|(policy, restart, workers)| Policy { restart, workers, ..policy })
}

fn any_input() -> impl Strategy<Value = Input> {
    let id = || (0u32..4, 0u32..6).prop_map(|(slot, generation)| WorkerId { pool: 0, slot, generation });
    let word = prop_oneof![Just(Word::Ready), Just(Word::Retire), Just(Word::Suicide)];
    let status = prop_oneof![(0i32..3).prop_map(ExitStatus::Code), Just(ExitStatus::Signal(9))];
    let step = prop_oneof![
        Just(SpawnStep::Descriptors),
        Just(SpawnStep::Fork),
        Just(SpawnStep::Setup),
        Just(SpawnStep::Exec),
    ];
    let error = (step, prop_oneof![Just(2), Just(11)]).prop_map(|(step, errno)| SpawnError { step, errno });
    prop_oneof![
        2 => Just(Input::Start),
        6 => id().prop_map(Input::Spawned),
        2 => (id(), error).prop_map(|(id, error)| Input::SpawnFailed(id, error)),
        6 => (id(), word).prop_map(|(id, word)| Input::Word(id, word)),
        2 => id().prop_map(Input::Disconnected),
        4 => (id(), status).prop_map(|(id, status)| Input::Exited(id, status)),
        2 => Just(Input::Command(Command::Reload)),
        1 => Just(Input::Command(Command::Stop)),
        6 => Just(Input::Tick),
    ]
}

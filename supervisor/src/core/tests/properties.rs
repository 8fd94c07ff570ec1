//! Properties of the state machine, over random policies, workers, hosts and operators.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::model::{Deed, Model};
use crate::core::{
    Action, Command, ExitStatus, Input, Machine, Pools, Revision, Scale, SpawnError, SpawnStep, Word, WorkerId,
};
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
    let lame_duck = prop_oneof![2 => Just(Duration::ZERO), 1 => ms(1..1500)];
    let watchdog = proptest::option::weighted(0.3, ms(200..2000));
    let times = (ms(0..2000), ms(0..800), ms(0..1500), lame_duck, watchdog);
    let readiness = prop_oneof![4 => Just(Readiness::Told), 1 => Just(Readiness::AtSpawn)];
    let roll = (prop_oneof![3 => Just(1u32), 1 => Just(0), 1 => 2u32..4], 0u32..4);
    (1u32..5, limit(), backoff(), times, readiness, roll, any::<u64>()).prop_map(
        |(
            workers,
            limit,
            backoff,
            (stable, ready_timeout, drain, lame_duck, watchdog),
            ready,
            (surge, at_once),
            seed,
        )| Policy {
            limit,
            backoff,
            stable,
            ready_timeout,
            drain,
            lame_duck,
            watchdog,
            ready,
            surge,
            at_once,
            seed,
            ..defaults::policy(workers)
        },
    )
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    prop_oneof![1 => vec(policy(), 1), 1 => vec(policy(), 2..4)]
}

fn scale() -> impl Strategy<Value = Command> {
    prop_oneof![(0u32..6).prop_map(Scale::To), (-3i32..4).prop_map(Scale::By)].prop_map(Command::Scale)
}

fn operator() -> impl Strategy<Value = Vec<(Duration, Deed)>> {
    let command = || {
        prop_oneof![
            6 => Just(Command::Reload),
            1 => Just(Command::Stop),
            3 => scale(),
            2 => (0u32..5).prop_map(Command::Restart),
        ]
    };
    let deed = prop_oneof![
        3 => command().prop_map(Deed::All),
        2 => (0u16..3, command()).prop_map(|(pool, command)| Deed::One(pool, command)),
        3 => vec(policy(), 1..4).prop_map(Deed::Configure),
        1 => ms(0..3000).prop_map(Deed::Suspend),
    ];
    vec((ms(0..900), deed), 0..12)
}

/// What the operator does to renew workers, without changing how many there are or letting one go before the next is there.
fn renewal(deed: Deed, pools: &[Policy]) -> Option<Deed> {
    match deed {
        Deed::All(Command::Reload | Command::Restart(_)) | Deed::One(_, Command::Reload | Command::Restart(_)) => {
            Some(deed)
        }
        Deed::Configure(policies) => {
            let gentle = pools.iter().zip(policies.into_iter().cycle());
            let gentle = gentle.map(|(pool, policy)| steady(Policy { workers: pool.workers, ..policy }));
            Some(Deed::Configure(gentle.collect()))
        }
        Deed::All(Command::Stop | Command::Scale(_))
        | Deed::One(_, Command::Stop | Command::Scale(_))
        | Deed::Suspend(_) => None,
    }
}

fn steady(policy: Policy) -> Policy {
    Policy { stable: Duration::ZERO, ready_timeout: Duration::from_secs(1), surge: policy.surge.max(1), ..policy }
}

/// The gate draws the same cases each time; a campaign, which asks for a number of cases by PROPTEST_CASES, others.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig { failure_persistence: None, ..default },
        None => ProptestConfig { cases: 1500, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..default },
    }
}

/// A case that a campaign found: a restart that costs nothing is taken back when a worker on trial serves in its slot, and the
/// next one with its number costs something.
#[test]
fn a_number_that_is_given_twice_costs_what_the_second_restart_costs() {
    let ms = Duration::from_millis;
    let limit = Some(Limit { restarts: 2, within: ms(87) });
    let backoff = |initial, cap| Backoff { initial: ms(initial), factor: 2, cap: ms(cap), jitter_percent: 69 };
    let plain = Policy { stable: ms(0), ready_timeout: ms(0), drain: ms(0), seed: 0, ..defaults::policy(1) };
    let first = Policy { workers: 3, limit, backoff: backoff(188, 188), ready_timeout: ms(56), ..plain.clone() };
    let at_spawn = Policy { ready: Readiness::AtSpawn, stable: ms(57), ..plain.clone() };
    let second = Policy { workers: 2, backoff: backoff(63, 125), seed: 5_828_409_446_515_817_999, ..at_spawn };
    let choices =
        [0, 60, 40, 0, 0, 0, 72, 40, 0, 0, 168, 110, 40, 0, 0, 94, 0, 72, 0, 37, 25, 60, 0, 0, 0, 24, 0, 102, 0, 0];
    let mut model = Model::new(vec![first], choices.to_vec());
    model.operate(&[(ms(105), Deed::Configure(vec![second])), (ms(56), Deed::Configure(vec![plain]))]);
    model.calm();
    model.end();
}

proptest! {
    #![proptest_config(config())]

    /// Whatever workers, host and operator do: at every action the model checks limit, replacements, deadlines,
    /// signals, configurations and silence after the end; once they behave the pools are full again (unless one gave up), and
    /// a stop ends it in time.
    #[test]
    fn holds_in_any_weather(policies in policies(), choices in vec(any::<u8>(), 0..150), operator in operator()) {
        let mut model = Model::new(policies, choices);
        model.operate(&operator);
        model.calm();
        model.end();
    }

    /// Rolling restarts, with new configurations or not, single replacements, any number of them at any moment, and
    /// two-phase retirements of stable workers never leave fewer workers ready than wanted.
    #[test]
    fn never_below_n_ready_without_deaths(policies in policies(), operator in operator(), retire in vec(ms(0..900), 0..6)) {
        let policies: Vec<_> = policies.into_iter().map(steady).collect();
        let renewals = operator.into_iter().filter_map(|(span, deed)| Some((span, renewal(deed, &policies)?)));
        let renewals: Vec<_> = renewals.collect();
        let mut model = Model::new(policies, Vec::new());
        model.calm();
        model.demand_full_pool();
        model.retire_now_and_then(&retire);
        model.operate(&renewals);
        model.calm();
        model.end();
    }

    /// `step` takes anything at any time: no panic, no deadline left behind by a tick, no action after the exit, no
    /// worker asked for twice.
    #[test]
    fn step_is_total(policies in vec(any_policy(), 1..3), inputs in vec((0u64..2000, any_input()), 0..120)) {
        let mut pools = Pools::new(policies);
        let mut now = Instant::from_nanos(0);
        let (mut asked, mut over) = (Vec::new(), false);
        for (millis, input) in inputs {
            now = now + Duration::from_millis(millis / 10);
            let ticked = input == Input::Tick;
            let mut actions = Vec::new();
            pools.step(now, input, &mut actions);
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
            prop_assert!(!ticked || pools.next_deadline().is_none_or(|at| at > now));
        }
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let restart =
        prop_oneof![Just(Restart::Always), Just(Restart::Never), Just(Restart::OnFailure { success: vec![0] }),];
    (policy(), restart, 0u32..4).prop_map(|(policy, restart, workers)| Policy { restart, workers, ..policy })
}

fn any_input() -> impl Strategy<Value = Input> {
    let pool = || prop_oneof![4 => Just(0u16), 1 => 1u16..3];
    let id =
        move || (pool(), 0u32..4, 0u32..6).prop_map(|(pool, slot, generation)| WorkerId { pool, slot, generation });
    let span = || prop_oneof![4 => ms(0..500), 1 => Just(Duration::MAX)];
    let word = prop_oneof![
        3 => Just(Word::Ready),
        1 => Just(Word::Retire),
        1 => Just(Word::Suicide),
        1 => Just(Word::Alive),
        1 => Just(Word::Failing),
        1 => span().prop_map(Word::Interval),
        1 => span().prop_map(Word::Extend),
    ];
    let command = || {
        prop_oneof![
            3 => Just(Command::Reload),
            1 => Just(Command::Stop),
            2 => scale(),
            2 => (0u32..5).prop_map(Command::Restart),
        ]
    };
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
        1 => id().prop_map(Input::Hung),
        2 => command().prop_map(Input::Command),
        2 => (pool(), command()).prop_map(|(pool, command)| Input::PoolCommand(pool, command)),
        2 => (0u32..9, vec(any_policy(), 0..3)).prop_map(|(n, policies)| Input::Configure(Revision(n), policies)),
        6 => Just(Input::Tick),
        1 => Just(Input::Resumed),
    ]
}

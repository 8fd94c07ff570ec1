//! Properties that hold for any scenario whatever.

use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::problem::Source;

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        (0u64..100_000).prop_map(Span::millis),
        (0u64..10_000_000_000_000).prop_map(|nanos| Span(Duration::from_nanos(nanos))),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", Just("probe".to_owned()), ".{0,6}"]
}

fn phase() -> impl Strategy<Value = Phase> {
    select(vec![Phase::Boot, Phase::Ready, Phase::Request, Phase::Drain])
}

fn retirement() -> impl Strategy<Value = Retirement> {
    select(vec![Retirement::OnePhase, Retirement::TwoPhase, Retirement::Silent])
}

fn child() -> impl Strategy<Value = Child> {
    (any::<bool>(), any::<bool>(), any::<bool>(), of(span())).prop_map(
        |(setsid, holds_descriptors, orphan, lives_for)| Child { setsid, holds_descriptors, orphan, lives_for },
    )
}

fn record() -> impl Strategy<Value = LifeRecord> {
    let signal = of(select(vec![Signal::SEGV, Signal::ABRT, Signal::KILL]));
    let exit = (phase(), span(), any::<i32>(), signal);
    let exit = exit.prop_map(|(at, after, code, signal)| Exit { at, after, code, signal });
    let output = any::<u64>().prop_map(|bytes_per_second| Output { bytes_per_second });
    let first = (span(), any::<bool>(), of(exit), of(phase()), retirement(), of(any::<u32>()));
    let second = (any::<bool>(), span(), any::<u64>(), of(output.clone()), of(output), vec(child(), 0..3), of(span()));
    let second = (second, vec(name(), 0..3));
    (first, second).prop_map(|((boot, never_ready, exit, hang, retire, retire_after), rest)| {
        let ((ignore_term, slow_stop, leak, output, stderr, children, lifetime), subscribe) = rest;
        LifeRecord {
            boot,
            busy: ignore_term != never_ready,
            silent: ignore_term && never_ready,
            deaf: !ignore_term && never_ready,
            subscribe,
            never_ready,
            exit,
            hang,
            retire,
            retire_after,
            ignore_term,
            slow_stop,
            last_words: leak / 2,
            leak,
            output,
            stderr,
            children,
            lifetime,
        }
    })
}

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![
        Just(Life::Serve),
        (phase(), any::<i32>(), span()).prop_map(|(at, code, after)| Life::Crash { at, code, after }),
        phase().prop_map(|at| Life::Hang { at }),
        Just(Life::IgnoreTerm),
        span().prop_map(Life::SlowBoot),
        span().prop_map(Life::SlowStop),
        retirement().prop_map(Life::RetireAtFirstRequest),
        any::<u64>().prop_map(Life::Leak),
        any::<u64>().prop_map(Life::Flood),
        record().prop_map(Life::Record),
    ]
}

fn lives() -> impl Strategy<Value = Lives> {
    (vec(life(), 0..4), btree_map(any::<u32>(), vec(life(), 0..3), 0..3), life())
        .prop_map(|(first, generation, then)| Lives { first, generation, then })
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![Just(Harm::Throw), any::<i32>().prop_map(Harm::Exit), Just(Harm::Hang), Just(Harm::Retire)]
}

fn bulk() -> impl Strategy<Value = Bulk> {
    let piece = prop_oneof![Just(65_536), any::<u64>()];
    (any::<u64>(), piece, span()).prop_map(|(bytes, piece, every)| Bulk { bytes, piece, every })
}

fn load() -> impl Strategy<Value = Load> {
    prop_oneof![
        (span(), span(), name(), any::<bool>()).prop_map(|(every, hold, name, on_demand)| Load::Probe {
            every,
            hold,
            name,
            on_demand
        }),
        (any::<u32>(), any::<bool>(), span(), name(), any::<bool>()).prop_map(
            |(connections, per_worker, hold, name, on_demand)| Load::Hold {
                connections,
                per_worker,
                hold,
                name,
                on_demand
            }
        ),
        (any::<u32>(), any::<bool>(), of(span()), name(), any::<bool>()).prop_map(
            |(connections, per_worker, reuse, name, on_demand)| Load::Park {
                connections,
                per_worker,
                reuse,
                name,
                on_demand
            }
        ),
        (any::<u32>(), name(), any::<bool>()).prop_map(|(per_second, name, on_demand)| Load::Flood {
            per_second,
            name,
            on_demand
        }),
        (any::<u32>(), of(span()), of(bulk()), of(bulk()), name(), any::<bool>()).prop_map(
            |(connections, byte_every, reads, writes, name, on_demand)| Load::Slow {
                connections,
                byte_every,
                reads,
                writes,
                name,
                on_demand
            }
        ),
        (span(), any::<u32>(), harm(), name(), any::<bool>())
            .prop_map(|(every, one_in, does, name, on_demand)| Load::Poison { every, one_in, does, name, on_demand }),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    let leaf = prop_oneof![
        select(vec![
            Target::Supervisor,
            Target::Oldest,
            Target::Newest,
            Target::Each,
            Target::All,
            Target::Booting,
            Target::Draining,
            Target::That,
            Target::Adopted,
            Target::Bystander,
            Target::Group,
        ]),
        any::<u32>().prop_map(Target::Random),
        name().prop_map(Target::Named),
        name().prop_map(Target::OwnerOf),
    ];
    leaf.prop_recursive(2, 3, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| Target::Child(Box::new(of))),
            (name(), inner).prop_map(|(pool, who)| Target::In(pool, Box::new(who))),
        ]
    })
}

fn status() -> impl Strategy<Value = StatusIs> {
    prop_oneof![Just(StatusIs::Zero), Just(StatusIs::NonZero), any::<i32>().prop_map(StatusIs::Code)]
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![
        (any::<u32>(), status()).prop_map(|(after_restarts, status)| Expect::GivesUp { after_restarts, status }),
        Just(Expect::NeverGivesUp),
        status().prop_map(|status| Expect::Exits { status }),
        span().prop_map(|within| Expect::NothingLeft { within }),
        name().prop_map(|load| Expect::NothingLost { load }),
        name().prop_map(|load| Expect::CutAtDeadline { load }),
        (name(), any::<u32>()).prop_map(|(load, within)| Expect::Balanced { load, within }),
        (name(), span()).prop_map(|(topic, within)| Expect::Current { topic, within }),
        span().prop_map(|within| Expect::Answered { within }),
        any::<u32>().prop_map(|percent| Expect::Spends { percent }),
        (any::<u64>(), any::<u32>()).prop_map(|(memory, descriptors)| Expect::Grows { memory, descriptors }),
        any::<u32>().prop_map(|at_most| Expect::Wakes { at_most }),
        any::<u32>().prop_map(|workers| Expect::ReadyAtLeast { workers }),
        span().prop_map(|within| Expect::FullAgain { within }),
        (any::<u32>(), any::<u32>()).prop_map(|(min, max)| Expect::Births { min, max }),
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let leaf = prop_oneof![
        select(vec![
            Trigger::SupervisorBorn,
            Trigger::Born,
            Trigger::Ready,
            Trigger::Announced,
            Trigger::StoppedAccepting,
            Trigger::Exited,
            Trigger::CommandEnds,
            Trigger::CommandSucceeds,
            Trigger::CommandFails,
            Trigger::GaveUp,
            Trigger::SupervisorExited,
            Trigger::State(State::PoolFull),
            Trigger::State(State::Settled),
        ]),
        any::<u32>().prop_map(|nth| Trigger::Accepted { nth }),
        name().prop_map(Trigger::Held),
        span().prop_map(Trigger::After),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Trigger::All),
            vec(inner.clone(), 0..3).prop_map(Trigger::Any),
            (name(), inner).prop_map(|(pool, edge)| Trigger::In(pool, Box::new(edge))),
        ]
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        Just(Ask::Throw),
        retirement().prop_map(Ask::Retire),
        any::<i32>().prop_map(Ask::Exit),
        Just(Ask::CloseChannel),
        child().prop_map(Ask::Spawn),
        any::<u64>().prop_map(Ask::Flood),
        ".{0,20}".prop_map(Ask::Garble),
        (".{0,8}", any::<u64>(), ".{0,8}", any::<u32>()).prop_map(|(begin, fill, end, times)| Ask::Write {
            begin,
            fill,
            end,
            times
        }),
        (name(), ".{0,8}").prop_map(|(topic, data)| Ask::Publish { topic, data }),
        (".{0,8}", any::<u32>(), span()).prop_map(|(line, per_second, span)| Ask::Babble { line, per_second, span }),
        ".{0,8}".prop_map(Ask::Notify),
        ".{0,8}".prop_map(Ask::NotifyFd),
        span().prop_map(Ask::Extend),
        Just(Ask::Hang),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        select(vec![Command::Start, Command::Reload, Command::Stop, Command::RestartPool]),
        (any::<u32>(), span()).prop_map(|(times, spacing)| Command::Reloads { times, spacing }),
        Just(Command::SecondStart),
        any::<u32>().prop_map(Command::Scale),
        (".{0,4}", ".{0,4}").prop_map(|(topic, data)| Command::Publish { topic, data }),
        (name(), any::<u32>()).prop_map(|(pool, workers)| Command::In(pool, Box::new(Command::Scale(workers)))),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let file = select(vec![FileFault::Missing, FileFault::Forbidden, FileFault::Empty, FileFault::Full]);
    prop_oneof![
        target().prop_map(Fault::Freeze),
        (target(), name(), any::<u64>()).prop_map(|(on, resource, to)| Fault::Limit { on, resource, to }),
        (name(), file).prop_map(|(which, is)| Fault::File { which, is }),
        Just(Fault::NotRead(Reader::LogReader)),
        Just(Fault::Gone(Reader::LogReader)),
        select(vec![Fault::AddressHeld, Fault::AddressShared]),
        command().prop_map(|order| Fault::Stranger(Attempt::Order(order))),
        (target(), ".{0,8}").prop_map(|(who, text)| Fault::Stranger(Attempt::Notify(who, text))),
        Just(Fault::PidReused),
        (any::<u32>(), ".{0,8}")
            .prop_map(|(connections, line)| Fault::Operators { connections, say: Saying::Line(line) }),
        (target(), name(), any::<u32>(), name(), span()).prop_map(|(of, call, nth, errno, delay)| Fault::Syscall {
            times: (nth % 2 == 0).then_some(nth),
            of,
            call,
            nth,
            errno: (nth % 3 == 0).then_some(errno),
            delay,
        }),
        (span(), any::<bool>()).prop_map(|(by, back)| Fault::ClockStep { by, back }),
    ]
}

fn act() -> BoxedStrategy<Act> {
    let signal = select(vec![Signal::KILL, Signal::TERM, Signal::HUP, Signal::WINCH]);
    let leaf = prop_oneof![
        target().prop_map(Act::Kill),
        (target(), signal, any::<u32>(), span()).prop_map(|(to, signal, times, spacing)| Act::Signal {
            to,
            signal,
            times,
            spacing
        }),
        (target(), ask(), span()).prop_map(|(who, to, spread)| Act::Ask { who, to, spread }),
        command().prop_map(Act::Operate),
        name().prop_map(Act::Config),
        name().prop_map(Act::StartLoad),
        name().prop_map(Act::StopLoad),
        span().prop_map(Act::Pause),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (fault(), span(), vec(step(inner.clone().boxed()), 0..3)).prop_map(|(fault, span, steps)| Act::During {
                fault,
                span,
                steps
            }),
            (any::<u32>(), vec(step(inner.clone().boxed()), 0..3))
                .prop_map(|(times, steps)| Act::Repeat { times, steps }),
            vec(inner.clone(), 0..3).prop_map(Act::OneOf),
            (span(), vec(inner, 0..3)).prop_map(|(spread, acts)| Act::Together { spread, acts }),
        ]
    })
    .boxed()
}

fn step(act: BoxedStrategy<Act>) -> impl Strategy<Value = Step> {
    (of(trigger()), (span(), span()), any::<bool>(), of(act), of(name()), vec(expect(), 0..2)).prop_map(
        |(when, (within, jitter), must, act, name, expect)| Step { when, within, jitter, must, act, name, expect },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(act()), 0..4)
}

fn pool() -> impl Strategy<Value = Pool> {
    let limit = (any::<u32>(), span()).prop_map(|(restarts, within)| Limit { restarts, within });
    let backoff = (span(), any::<u32>(), span()).prop_map(|(initial, factor, cap)| Backoff { initial, factor, cap });
    (any::<u32>(), of(limit), of(backoff), of(span()), span(), of(span())).prop_map(
        |(workers, limit, backoff, stable, drain, ready_timeout)| Pool {
            workers,
            limit,
            backoff,
            stable,
            drain,
            lame_duck: stable.unwrap_or(Span::ZERO),
            ready_timeout,
            watchdog: ready_timeout.filter(|_| workers % 2 == 0),
            owns: Owns::ALL[..workers as usize % 4].to_vec(),
            reload: ready_timeout.map(|_| Rolling { surge: workers % 3, at_once: workers % 5 }),
            handoff_timeout: stable,
            identity: stable.map(|_| Identity {
                user: Some(workers),
                umask: None,
                nofile: Some(workers.into()),
                directory: workers % 2 == 0,
            }),
            ready: [None, Some(Ready::AtSpawn), Some(Ready::Told), Some(Ready::Notify), Some(Ready::NotifyFd)]
                [workers as usize % 5],
            handoff: [None, Some(Handoff::Inherit), Some(Handoff::RoundRobin), Some(Handoff::Reuseport)]
                [workers as usize % 4],
            output: [None, Some(OutputWay::Inherit), Some(OutputWay::Prefixed), Some(OutputWay::Files)]
                [workers as usize % 4],
        },
    )
}

fn beside() -> impl Strategy<Value = Vec<Beside>> {
    let one = (name(), pool(), lives(), vec(expect(), 0..2));
    vec(one.prop_map(|(name, pool, lives, expect)| Beside { name, pool, lives, expect }), 0..3)
}

fn launch() -> Launch {
    Launch {
        init: true,
        notify: true,
        umask: Some("027".to_owned()),
        nofile: Some(64),
        ignores: vec![Signal::HUP],
        blocks: vec![Signal::TERM],
        leaks: 2,
        environment: vec![("A".to_owned(), "b".to_owned())],
    }
}

fn start() -> impl Strategy<Value = Start> {
    select(vec![Start::Steady, Start::AtOnce])
}

fn variant() -> impl Strategy<Value = Variant> {
    let first = (name(), of(name()), of(vec(name(), 0..2)), of(start()), of(pool()));
    let second = ((of(lives()), of(beside())), of(vec(load(), 0..3)), of(steps()), of(vec(expect(), 0..3)));
    (first, second).prop_map(|((name, title, guards_against, start, pool), ((lives, beside), load, steps, expect))| {
        Variant {
            name,
            title,
            guards_against,
            launch: start.map(|_| launch()),
            alone: start.map(|start| start == Start::AtOnce),
            start,
            pool,
            lives,
            beside,
            load,
            steps,
            expect,
        }
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let sweep = (any::<usize>(), span(), span(), any::<u32>()).prop_map(|(step, from, to, points)| Sweep {
        step,
        from,
        to,
        points,
    });
    let first = (name(), vec(name(), 0..3), start(), pool(), (lives(), beside()));
    let second = (vec(load(), 0..3), steps(), vec(expect(), 0..3), vec(variant(), 0..3), of(sweep));
    (first, second).prop_map(
        |((title, guards_against, start, pool, (lives, beside)), (load, steps, expect, variants, sweep))| Scenario {
            title,
            guards_against,
            start,
            launch: launch(),
            alone: start == Start::AtOnce,
            pool,
            lives,
            beside,
            load,
            steps,
            expect,
            variants,
            sweep,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(scenario in scenario()) {
        let text = to_ron(&scenario);
        let read: Scenario = crate::ron_file::read(&Source::new("x.ron", &text)).unwrap_or_else(|why| panic!("{why}\n{text}"));
        prop_assert_eq!(read, scenario);
    }

    #[test]
    fn any_scenario_can_be_validated_and_every_problem_has_a_place(scenario in scenario()) {
        if let Err(problems) = validate(&scenario) {
            for problem in problems.iter() {
                prop_assert!(problem.line().is_some() && problem.column().is_some(), "{problem:?}");
            }
            prop_assert!(!problems.render(true).is_empty());
        }
        constructs(&scenario);
    }

    #[test]
    fn a_damaged_file_is_refused_in_words(at in any::<prop::sample::Index>(), length in 0usize..40, put in ".{0,3}") {
        let text = include_str!("../../../scenarios/hold.ron");
        let mut letters: Vec<char> = text.chars().collect();
        let at = at.index(letters.len());
        let end = (at + length).min(letters.len());
        letters.splice(at..end, put.chars());
        if let Err(problems) = parse(&letters.into_iter().collect::<String>(), "x.ron") {
            prop_assert!(problems.to_string().contains("x.ron"));
        }
    }
}

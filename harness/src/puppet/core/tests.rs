use super::*;
use crate::scenario::{Child, Exit, LifeRecord, Output, Span};

mod bulk;

const PORT: ConnId = ConnId(7);

fn at(millis: u64) -> Time {
    Time::from_nanos(1_000_000_000) + Duration::from_millis(millis)
}

/// A puppet and everything it has done, each act with the millisecond at which it did it.
struct Stage {
    puppet: Puppet,
    now: u64,
    done: Vec<(u64, Action)>,
}

impl Stage {
    fn with(life: Life, own_deadline: Option<u64>) -> Self {
        let puppet = Puppet::new(life, own_deadline.map(Duration::from_millis), Duration::from_millis(200));
        let mut stage = Self { puppet, now: 0, done: Vec::new() };
        stage.put(Input::Born);
        stage
    }

    fn born(life: Life) -> Self {
        Self::with(life, None)
    }

    fn put(&mut self, input: Input) {
        let mut actions = Vec::new();
        self.puppet.step(at(self.now), input, &mut actions);
        self.done.extend(actions.into_iter().map(|action| (self.now, action)));
    }

    /// Runs the clock to `millis`, ticking exactly when asked to.
    fn until(&mut self, millis: u64) {
        while let Some(due) = self.puppet.next_deadline().filter(|due| *due <= at(millis)) {
            self.now = due.since(at(0)).as_nanos().div_ceil(1_000_000) as u64;
            self.put(Input::Tick);
        }
        self.now = millis;
    }

    fn connect(&mut self, conn: ConnId, request: Request) {
        self.put(Input::Connected(conn));
        self.put(Input::Request(conn, request));
    }

    fn when(&self, wanted: &Action) -> Option<u64> {
        self.done.iter().find(|(_, action)| action == wanted).map(|(at, _)| *at)
    }

    fn position(&self, wanted: &Action) -> usize {
        self.done
            .iter()
            .position(|(_, action)| action == wanted)
            .unwrap_or_else(|| panic!("no {wanted:?} in {:?}", self.done))
    }

    fn count(&self, wanted: &Action) -> usize {
        self.done.iter().filter(|(_, action)| action == wanted).count()
    }

    fn exit(&self) -> Option<(u64, i32)> {
        self.done.iter().find_map(|(at, action)| match action {
            Action::Exit(code) => Some((*at, *code)),
            _ => None,
        })
    }
}

fn journal(entry: Entry) -> Action {
    Action::Journal(entry)
}

fn answer(conn: ConnId, keep_alive: bool) -> Action {
    Action::Answer { conn, keep_alive, status: 200 }
}

fn hold(millis: u64) -> Request {
    Request::Hold { span: Duration::from_millis(millis), keep_alive: false }
}

#[test]
fn serve_boots_answers_and_drains_on_term() {
    let mut stage = Stage::born(Life::Serve);
    let opening = [journal(Entry::Born), Action::Accept, journal(Entry::Ready), Action::SayReady];
    assert_eq!(stage.done.iter().map(|(_, action)| action.clone()).collect::<Vec<_>>(), opening);
    stage.connect(ConnId(1), Request::Who { keep_alive: true });
    stage.connect(ConnId(2), hold(100));
    assert_eq!(stage.when(&answer(ConnId(1), true)), Some(0));
    stage.until(10);
    stage.put(Input::Term);
    stage.put(Input::Term);
    stage.until(1000);
    assert_eq!(stage.count(&journal(Entry::Told)), 1);
    assert_eq!(stage.when(&journal(Entry::StoppedAccepting)), Some(10));
    assert_eq!(stage.when(&Action::Close(ConnId(1))), Some(15), "an idle one is closed in order");
    assert_eq!(stage.when(&answer(ConnId(2), false)), Some(100), "what is in flight is answered");
    assert_eq!(stage.when(&journal(Entry::Drained)), Some(100));
    assert_eq!(stage.exit(), Some((100, 0)));
    assert!(stage.position(&journal(Entry::Exiting(0))) + 1 == stage.position(&Action::Exit(0)));
}

#[test]
fn a_request_already_written_on_an_idle_connection_is_answered_and_not_kept() {
    let mut stage = Stage::born(Life::Serve);
    stage.connect(PORT, Request::Who { keep_alive: true });
    stage.put(Input::Term);
    stage.until(2);
    stage.put(Input::Request(PORT, Request::Who { keep_alive: true }));
    assert_eq!(stage.when(&answer(PORT, false)), Some(2));
    assert_eq!(stage.exit(), Some((2, 0)));
}

#[test]
fn what_has_come_on_idle_connections_goes_before_their_end_however_late_the_worker_is() {
    let mut stage = Stage::born(Life::Serve);
    let who = Request::Who { keep_alive: true };
    stage.connect(ConnId(1), who);
    stage.connect(ConnId(2), who);
    stage.put(Input::Term);
    // It got no processor until long after their time, and finds both requests.
    stage.now = 50;
    stage.put(Input::Request(ConnId(1), who));
    stage.put(Input::Request(ConnId(2), who));
    assert_eq!(stage.when(&answer(ConnId(1), false)), Some(50));
    assert_eq!(stage.when(&answer(ConnId(2), false)), Some(50));
}

#[test]
fn a_lifetime_ends_in_an_announcement() {
    let lifetime = Some(Span::millis(30));
    let mut stage =
        Stage::born(Life::Record(LifeRecord { lifetime, retire: Retirement::OnePhase, ..LifeRecord::default() }));
    stage.until(1000);
    assert_eq!(stage.when(&journal(Entry::Announced(Retirement::OnePhase))), Some(30));
    assert_eq!(stage.exit(), Some((30, 0)));
    let mut told = Stage::born(Life::Record(LifeRecord { lifetime, ..LifeRecord::default() }));
    told.put(Input::Term);
    told.until(1000);
    assert_eq!(told.count(&journal(Entry::Announced(Retirement::OnePhase))), 0, "it was told before");
}

#[test]
fn an_accepted_connection_gets_time_for_its_first_request_but_not_forever() {
    let mut stage = Stage::born(Life::Serve);
    stage.put(Input::Connected(PORT));
    stage.put(Input::Term);
    stage.until(2000);
    assert_eq!(stage.when(&Action::Close(PORT)), Some(500));
    assert_eq!(stage.exit(), Some((500, 0)));
}

#[test]
fn a_throw_leaves_its_request_unanswered_and_the_others_finish() {
    let mut stage = Stage::born(Life::Serve);
    stage.connect(ConnId(1), hold(50));
    stage.connect(ConnId(2), Request::Throw);
    stage.until(1000);
    let retired = stage.position(&journal(Entry::StoppedAccepting));
    assert!(retired < stage.position(&journal(Entry::Announced(Retirement::OnePhase))));
    assert!(
        stage.position(&journal(Entry::Announced(Retirement::OnePhase)))
            < stage.position(&Action::Announce(Retirement::OnePhase))
    );
    assert_eq!(stage.count(&answer(ConnId(2), false)) + stage.count(&Action::Close(ConnId(2))), 0);
    assert_eq!(stage.when(&answer(ConnId(1), false)), Some(50));
    assert_eq!(stage.exit(), Some((50, 1)), "1 after a throw");
}

#[test]
fn two_phase_keeps_accepting_until_told() {
    let life = Life::Record(LifeRecord { retire: Retirement::TwoPhase, ..LifeRecord::default() });
    let mut stage = Stage::born(life);
    stage.put(Input::Asked(Ask::Throw));
    stage.put(Input::Asked(Ask::Throw));
    assert_eq!(stage.count(&Action::Announce(Retirement::TwoPhase)), 1);
    stage.until(40);
    stage.connect(PORT, Request::Who { keep_alive: false });
    assert_eq!(stage.when(&answer(PORT, false)), Some(40));
    assert_eq!(stage.count(&Action::StopAccepting), 0);
    stage.put(Input::Told(Told::Drain));
    assert_eq!(stage.when(&journal(Entry::Told)), Some(40));
    assert_eq!(stage.exit(), Some((40, 1)));
}

#[test]
fn silent_says_nothing() {
    let mut stage = Stage::born(Life::RetireAtFirstRequest(Retirement::Silent));
    stage.connect(PORT, Request::Who { keep_alive: true });
    assert_eq!(stage.when(&answer(PORT, true)), Some(0), "answered before it leaves");
    stage.until(1000);
    assert_eq!(stage.exit(), Some((5, 0)));
    assert!(!stage.done.iter().any(|(_, action)| matches!(action, Action::Announce(_))));
}

#[test]
fn retires_after_so_many_requests() {
    let life = Life::Record(LifeRecord { retire_after: Some(2), ..LifeRecord::default() });
    let mut stage = Stage::born(life);
    stage.connect(ConnId(1), Request::Who { keep_alive: false });
    assert_eq!(stage.exit(), None);
    stage.connect(ConnId(2), Request::Who { keep_alive: false });
    assert_eq!(stage.count(&Action::Announce(Retirement::OnePhase)), 1);
    assert_eq!(stage.exit(), Some((0, 0)));
}

#[test]
fn crashes_in_each_phase() {
    let crash = |at, after| Life::Crash { at, code: 3, after: Span::millis(after) };
    let mut boot = Stage::born(crash(Phase::Boot, 20));
    boot.until(100);
    assert_eq!(boot.exit(), Some((20, 3)));
    assert_eq!(boot.count(&Action::SayReady), 0, "a worker that dies at boot is never ready");

    let mut ready = Stage::born(crash(Phase::Ready, 5));
    ready.until(100);
    assert_eq!((ready.count(&Action::SayReady), ready.exit()), (1, Some((5, 3))));

    let mut request = Stage::born(crash(Phase::Request, 0));
    request.until(9);
    request.connect(PORT, Request::Who { keep_alive: false });
    assert_eq!((request.exit(), request.count(&answer(PORT, false))), (Some((9, 3)), 0));

    let mut drain = Stage::born(crash(Phase::Drain, 30));
    drain.put(Input::Term);
    drain.until(100);
    assert_eq!(drain.exit(), Some((30, 3)), "the crash comes although nothing is held");
}

#[test]
fn hangs_in_each_phase_and_never_moves_again() {
    for phase in [Phase::Boot, Phase::Ready, Phase::Request, Phase::Drain] {
        let mut stage = Stage::born(Life::Hang { at: phase });
        stage.connect(PORT, Request::Who { keep_alive: false });
        stage.put(Input::Term);
        let before = stage.done.len();
        stage.until(10_000);
        stage.put(Input::Term);
        stage.put(Input::Asked(Ask::Exit(0)));
        assert_eq!(stage.count(&Action::Journal(Entry::Hangs)), 1, "{phase:?}");
        assert_eq!(stage.count(&Action::Hang { busy: false }), 1, "{phase:?}");
        assert_eq!((stage.done.len(), stage.exit()), (before, None), "{phase:?}");
    }
}

#[test]
fn ignores_term_drain_orders_and_its_supervisors_death() {
    let mut stage = Stage::born(Life::IgnoreTerm);
    stage.put(Input::Term);
    stage.put(Input::Told(Told::Drain));
    stage.put(Input::Orphaned);
    stage.until(60_000);
    stage.connect(PORT, Request::Who { keep_alive: false });
    assert_eq!(stage.count(&journal(Entry::Told)), 1);
    assert_eq!((stage.count(&answer(PORT, false)), stage.exit()), (1, None));
}

#[test]
fn slow_boot_and_slow_stop_take_their_time() {
    let mut boot = Stage::born(Life::SlowBoot(Span::millis(300)));
    boot.until(1000);
    assert_eq!(boot.when(&Action::SayReady), Some(300));
    let mut stop = Stage::born(Life::SlowStop(Span::millis(70)));
    stop.put(Input::Term);
    stop.until(1000);
    assert_eq!((stop.when(&journal(Entry::Drained)), stop.exit()), (Some(0), Some((70, 0))));
}

#[test]
fn term_while_booting_leaves_at_once() {
    let mut stage = Stage::born(Life::SlowBoot(Span::millis(300)));
    stage.until(10);
    stage.put(Input::Term);
    assert_eq!(stage.exit(), Some((10, 0)));
}

#[test]
fn never_ready_boots_for_ever() {
    let mut stage = Stage::born(Life::Record(LifeRecord { never_ready: true, ..LifeRecord::default() }));
    stage.until(60_000);
    assert_eq!((stage.count(&Action::SayReady), stage.count(&Action::Accept)), (0, 0));
}

#[test]
fn its_own_deadline_cuts_what_it_holds() {
    let mut stage = Stage::with(Life::Serve, Some(5000));
    stage.connect(PORT, hold(60_000));
    stage.until(100);
    stage.put(Input::Term);
    stage.until(60_000);
    assert_eq!((stage.exit(), stage.count(&journal(Entry::Drained))), (Some((5100, 0)), 0));
}

#[test]
fn an_orphan_drains_within_its_grace() {
    let mut stage = Stage::born(Life::Serve);
    stage.connect(ConnId(1), hold(100));
    stage.connect(ConnId(2), hold(5000));
    stage.put(Input::Orphaned);
    stage.until(10_000);
    assert_eq!((stage.when(&answer(ConnId(1), false)), stage.exit()), (Some(100), Some((200, 0))));
}

#[test]
fn floods_at_its_rate_and_leaks_per_request() {
    let record = LifeRecord { output: Some(Output { bytes_per_second: 1000 }), leak: 4096, ..LifeRecord::default() };
    let mut stage = Stage::born(Life::Record(record));
    stage.until(100);
    assert_eq!(stage.count(&Action::Output { stream: Stream::Stdout, bytes: 10 }), 10);
    stage.connect(PORT, Request::Who { keep_alive: false });
    assert_eq!(stage.count(&Action::Leak(4096)), 1);
}

#[test]
fn spawns_its_children_when_ready_and_does_what_it_is_asked() {
    let child = Child { setsid: true, holds_descriptors: false, orphan: false, lives_for: None };
    let mut stage = Stage::born(Life::Record(LifeRecord { children: vec![child], ..LifeRecord::default() }));
    assert_eq!(stage.count(&Action::Spawn(child)), 1);
    let write = Ask::Write { begin: "{".into(), fill: 3, end: "}".into(), times: 2 };
    for ask in [Ask::CloseChannel, Ask::Spawn(child), Ask::Flood(9), Ask::Garble("x".into()), write] {
        stage.put(Input::Asked(ask));
    }
    let wanted = [
        Action::CloseChannel,
        Action::Spawn(child),
        Action::Output { stream: Stream::Stdout, bytes: 9 },
        Action::Say { line: "x".into(), times: 1 },
        Action::Write(b"{xxx}{xxx}".to_vec()),
    ];
    assert!(stage.done.iter().map(|(_, action)| action).rev().take(wanted.len()).rev().eq(&wanted));
    stage.put(Input::Asked(Ask::Exit(9)));
    assert_eq!(stage.exit(), Some((0, 9)));
}

#[test]
fn a_life_can_end_by_a_signal_in_any_phase() {
    let ends = |at, after, signal| {
        let exit = Exit { signal: Some(signal), ..Exit::with(at, Span::millis(after), 0) };
        Stage::born(Life::Record(LifeRecord { exit: Some(exit), ..LifeRecord::default() }))
    };
    let mut boot = ends(Phase::Boot, 20, Signal::SEGV);
    boot.until(100);
    assert_eq!(boot.when(&Action::Crash(Signal::SEGV)), Some(20));
    assert_eq!(boot.count(&journal(Entry::Ready)), 0);
    let mut request = ends(Phase::Request, 0, Signal::ABRT);
    request.connect(PORT, Request::Who { keep_alive: false });
    assert_eq!(request.when(&Action::Crash(Signal::ABRT)), Some(0));
    assert_eq!(request.count(&answer(PORT, false)), 0, "it answers nobody any more");
    assert!(request.position(&journal(Entry::Exiting(128 + 6))) + 1 == request.position(&Action::Crash(Signal::ABRT)));
    let mut drain = ends(Phase::Drain, 0, Signal::KILL);
    drain.put(Input::Term);
    assert_eq!(drain.when(&Action::Crash(Signal::KILL)), Some(0));
    assert_eq!([boot, request, drain].map(|stage| stage.exit()), [None; 3], "a signal is no exit");
}

#[test]
fn a_request_can_end_or_retire_it_and_an_unknown_one_is_404() {
    let mut stage = Stage::born(Life::Serve);
    stage.connect(ConnId(1), Request::Unknown);
    assert_eq!(stage.count(&Action::Answer { conn: ConnId(1), keep_alive: false, status: 404 }), 1);
    stage.connect(ConnId(2), Request::Retire);
    assert!(stage.position(&answer(ConnId(2), false)) < stage.position(&Action::Announce(Retirement::OnePhase)));
    assert_eq!(stage.exit(), Some((0, 0)));
    let mut stage = Stage::born(Life::Serve);
    stage.connect(PORT, Request::Exit(4));
    assert_eq!(stage.exit(), Some((0, 4)));
}

/// Any input in any order at any time: nothing panics, nothing is done after the exit, deadlines never stand still.
#[test]
fn is_total() {
    use proptest::prelude::*;
    let input = prop_oneof![
        Just(Input::Born),
        Just(Input::Tick),
        Just(Input::Told(Told::Drain)),
        Just(Input::Orphaned),
        Just(Input::Term),
        (0..3_u32).prop_map(|conn| Input::Connected(ConnId(conn))),
        (0..3_u32).prop_map(|conn| Input::Hangup(ConnId(conn))),
        (0..3_u32, any::<bool>())
            .prop_map(|(conn, keep_alive)| Input::Request(ConnId(conn), Request::Who { keep_alive })),
        (0..3_u32, 0..50_u64).prop_map(|(conn, millis)| Input::Request(ConnId(conn), hold(millis))),
        (0..3_u32).prop_map(|conn| Input::Request(ConnId(conn), Request::Throw)),
        (0..3_u32).prop_map(|conn| Input::Request(ConnId(conn), Request::Long { bytes: 9 })),
        (0..3_u32).prop_map(|conn| Input::Begun(ConnId(conn))),
        (0..3_u32).prop_map(|conn| Input::Written(ConnId(conn))),
        Just(Input::Asked(Ask::Throw)),
        Just(Input::Asked(Ask::Retire(Retirement::TwoPhase))),
        Just(Input::Asked(Ask::Hang)),
    ];
    let phase = || prop_oneof![Just(Phase::Boot), Just(Phase::Ready), Just(Phase::Request), Just(Phase::Drain)];
    let form = prop_oneof![Just(Retirement::OnePhase), Just(Retirement::TwoPhase), Just(Retirement::Silent)];
    let exit = (phase(), 0..40_u64).prop_map(|(at, after)| Exit::with(at, Span::millis(after), 2));
    let life =
        (0..50_u64, any::<bool>(), prop::option::of(exit), prop::option::of(phase()), form, any::<bool>(), 0..9_u64)
            .prop_map(|(boot, never_ready, exit, hang, retire, ignore_term, slow)| {
                Life::Record(LifeRecord {
                    boot: Span::millis(boot),
                    never_ready,
                    exit,
                    hang,
                    retire,
                    ignore_term,
                    slow_stop: Span::millis(slow),
                    output: Some(Output { bytes_per_second: 100 }),
                    ..LifeRecord::default()
                })
            });
    let script = prop::collection::vec((0..30_u64, input), 0..60);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(life in life, script in script, own in prop::option::of(1..100_u64))| {
        let mut stage = Stage::with(life, own);
        for (pause, input) in script {
            stage.until(stage.now + pause);
            stage.put(input);
            prop_assert!(stage.puppet.next_deadline().is_none_or(|due| due > at(stage.now)));
        }
        let last = stage.done.iter().position(|(_, action)| matches!(action, Action::Exit(_) | Action::Hang { .. }));
        prop_assert!(last.is_none_or(|last| last + 1 == stage.done.len()));
        prop_assert!(stage.count(&Action::StopAccepting) <= 1);
        prop_assert!(stage.count(&Action::SayReady) <= 1);
    });
}

#[test]
fn who_is_watched_says_that_it_makes_progress_while_it_serves() {
    let beats = |life: Life| {
        let plain = Puppet::new(life, None, Duration::from_millis(200));
        let mut stage = Stage { puppet: plain.beating(Some(Duration::from_millis(100))), now: 0, done: Vec::new() };
        stage.put(Input::Born);
        stage.until(450);
        stage.put(Input::Term);
        stage.until(900);
        stage.done.iter().filter(|(_, action)| *action == Action::SayAlive).map(|(at, _)| *at).collect::<Vec<_>>()
    };
    assert_eq!(beats(Life::Serve), [100, 200, 300, 400]);
    assert_eq!(beats(Life::SlowBoot(Span::millis(150))), [250, 350, 450]);
    assert!(beats(Life::Record(LifeRecord { silent: true, ..LifeRecord::default() })).is_empty());
    assert!(beats(Life::Hang { at: Phase::Ready }).is_empty());
}

#[test]
fn what_it_is_passed_it_takes_while_it_serves_and_refuses_before_and_after() {
    let mut stage = Stage::born(Life::SlowBoot(Span(Duration::from_millis(50))));
    stage.put(Input::Passed(ConnId(1), 1));
    stage.until(60);
    stage.put(Input::Passed(ConnId(2), 2));
    stage.put(Input::Request(ConnId(2), hold(100)));
    stage.put(Input::Term);
    stage.put(Input::Passed(ConnId(3), 3));
    let said: Vec<&Action> = stage
        .done
        .iter()
        .map(|(_, action)| action)
        .filter(|a| matches!(a, Action::Take(..) | Action::Refuse(..)))
        .collect();
    assert_eq!(said, [&Action::Refuse(ConnId(1), 1), &Action::Take(ConnId(2), 2), &Action::Refuse(ConnId(3), 3)]);
    // Nobody may know earlier than the history.
    assert_eq!(stage.position(&Action::Take(ConnId(2), 2)), stage.position(&journal(Entry::Accepted(2))) + 1);
    assert_eq!(stage.exit(), None, "it finishes what it took");
    stage.until(500);
    assert_eq!(stage.exit(), Some((160, 0)));
}

#[test]
fn a_worker_says_what_it_wants_to_know_before_it_is_ready_and_writes_down_what_it_hears() {
    let mut stage = Stage::born(Life::Record(LifeRecord { subscribe: vec!["t".into()], ..LifeRecord::default() }));
    stage.until(5);
    let subscribes = Action::Say { line: "{\"act\":\"subscribe\",\"topic\":\"t\"}".into(), times: 1 };
    assert!(stage.position(&journal(Entry::Subscribed("t".into()))) < stage.position(&subscribes));
    assert!(stage.position(&subscribes) < stage.position(&Action::SayReady));
    stage.put(Input::Told(Told::Update { topic: "t".into(), data: "[1]".into() }));
    assert_eq!(stage.when(&journal(Entry::Heard("t".into(), "[1]".into()))), Some(5));
    stage.put(Input::Asked(Ask::Publish { topic: "t".into(), data: "2".into() }));
    let publishes = "{\"act\":\"publish\",\"topic\":\"t\",\"data\":2}";
    assert_eq!(stage.when(&Action::Say { line: publishes.into(), times: 1 }), Some(5));
}

#[test]
fn one_that_babbles_keeps_its_rate_to_the_end_and_serves_meanwhile() {
    let mut stage = Stage::born(Life::Serve);
    stage.until(10);
    stage.put(Input::Asked(Ask::Babble { line: "x".into(), per_second: 1_000, span: Span::millis(100) }));
    stage.until(60);
    stage.connect(PORT, Request::Who { keep_alive: false });
    assert_eq!(stage.when(&answer(PORT, false)), Some(60));
    stage.until(400);
    let said = |action: &Action| if let Action::Say { times, .. } = action { *times } else { 0 };
    assert_eq!(stage.done.iter().map(|(_, action)| said(action)).sum::<u32>(), 100);
}

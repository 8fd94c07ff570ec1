//! Histories for tests, told in milliseconds: workers by number, pid 100 + number; the supervisor is pid 1.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{
    Claim, ClaimKind, Connection, Death, Event, Form, History, Leftover, Outcome, PhaseMark, Proc, Role, Status, What,
    When,
};
use crate::scenario::{Backoff, Command, Limit, Load, OutputWay, Pool, Retirement, Scenario, Span, StatusIs};
use crate::subject::{DelayBound, LimitRule, OnSupervisorDeath, OutputPromise, Profile};
use crate::time::Time;
use crate::verdict::Verdict;

use super::{Finding, Slack, judge};

pub(super) const SUPERVISOR: Proc = Proc { pid: 1, start: 1 };

/// A run of a pool of four that is full when the steps begin, at 1000 ms.
pub(crate) struct Tale {
    pub scenario: Scenario,
    pub profile: Profile,
    pub slack: Slack,
    events: Vec<Event>,
    connections: u32,
}

pub(super) fn worker(n: u32) -> Proc {
    Proc { pid: 100 + n, start: u64::from(n) }
}

pub(super) fn ms(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

impl Tale {
    /// Four workers, born at 10 ms, ready at 20 ms; the steps begin at 1000 ms.
    pub fn full() -> Self {
        let mut tale = Self::unborn();
        tale.add(0, What::SupervisorBorn(SUPERVISOR));
        for n in 1..=4 {
            tale.born(10, n).ready(20, n);
        }
        tale.add(1_000, What::Phase(PhaseMark::Steps));
        tale
    }

    /// Nothing has happened.
    pub fn unborn() -> Self {
        let scenario = Scenario {
            beside: Vec::new(),
            title: "a tale".to_owned(),
            guards_against: Vec::new(),
            start: Default::default(),
            launch: Default::default(),
            alone: false,
            pool: Pool {
                workers: 4,
                limit: Some(Limit { restarts: 5, within: Span::millis(10_000) }),
                backoff: Some(Backoff { initial: Span::millis(100), factor: 2, cap: Span::millis(400) }),
                stable: Some(Span::millis(500)),
                drain: Span::millis(1_000),
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
            lives: Default::default(),
            load: vec![Load::Probe {
                every: Span::millis(10),
                hold: Span::millis(0),
                name: "probe".to_owned(),
                on_demand: false,
            }],
            steps: Vec::new(),
            expect: Vec::new(),
            variants: Vec::new(),
            sweep: None,
        };
        Self { scenario, profile: promises(), slack: Slack::default(), events: Vec::new(), connections: 0 }
    }

    pub fn add(&mut self, at: u64, what: What) -> &mut Self {
        self.events.push(Event::at(ms(at), what));
        self
    }

    pub fn within(&mut self, after: u64, until: u64, what: What) -> &mut Self {
        self.events.push(Event { when: When::Within(ms(after), ms(until)), what });
        self
    }

    pub fn born(&mut self, at: u64, n: u32) -> &mut Self {
        self.add(
            at,
            What::Born { proc: worker(n), parent: 1, role: Role::Worker { ticket: n, generation: 1, pool: 0 } },
        )
    }

    pub fn ready(&mut self, at: u64, n: u32) -> &mut Self {
        self.add(at, What::Ready(worker(n)))
    }

    /// A replacement, ready 10 ms after its birth.
    pub fn comes(&mut self, at: u64, n: u32) -> &mut Self {
        self.born(at, n).ready(at + 10, n)
    }

    /// Dies with this status and is reaped 1 ms later.
    pub fn dies(&mut self, at: u64, n: u32, status: Status) -> &mut Self {
        self.add(at, What::Died { proc: worker(n), death: Death { status: Some(status) } });
        self.add(at + 1, What::Reaped(worker(n)))
    }

    /// The harness kills it.
    pub fn killed(&mut self, at: u64, n: u32) -> &mut Self {
        self.add(at, What::Injected { proc: worker(n), signal: 9 });
        self.dies(at, n, Status::Signal(9))
    }

    pub fn announces(&mut self, at: u64, n: u32, form: Form) -> &mut Self {
        self.add(at, What::Announced { proc: worker(n), form });
        if form == Form::OnePhase {
            self.add(at, What::StoppedAccepting(worker(n)));
        }
        self
    }

    pub fn told(&mut self, at: u64, n: u32) -> &mut Self {
        self.add(at, What::ToldToStop(worker(n)));
        self.add(at, What::StoppedAccepting(worker(n)))
    }

    /// It has drained and exits with status 0.
    pub fn leaves(&mut self, at: u64, n: u32) -> &mut Self {
        self.add(at, What::Exiting { proc: worker(n), code: 0 });
        self.dies(at, n, Status::Code(0))
    }

    pub fn reload(&mut self, at: u64) -> &mut Self {
        self.add(at, What::Commanded(Command::Reload))
    }

    /// Another configuration is put in place.
    pub fn configured(&mut self, at: u64, revision: u32, serves: bool) -> &mut Self {
        self.add(at, What::Configured { variant: "another".to_owned(), revision, serves })
    }

    /// A worker says which configuration it was started from.
    pub fn runs(&mut self, at: u64, n: u32, revision: u32) -> &mut Self {
        self.add(at, What::Runs { proc: worker(n), revision })
    }

    /// Another number of workers is ordered.
    pub fn scaled(&mut self, at: u64, workers: u32) -> &mut Self {
        self.add(at, What::Commanded(Command::Scale(workers)))
    }

    pub fn frozen(&mut self, from: u64, until: u64) -> &mut Self {
        self.add(
            from,
            What::FaultBegan { step: vec![9], fault: "Freeze(Supervisor)".to_owned(), on: vec![SUPERVISOR] },
        );
        self.add(until, What::Healed { step: vec![9] })
    }

    /// The supervisor waited for a processor.
    pub fn stall(&mut self, from: u64, until: u64, delay: u64) -> &mut Self {
        self.add(until, What::Stall { proc: Some(SUPERVISOR), since: ms(from), delay_ns: delay * 1_000_000 })
    }

    pub fn left(&mut self, at: u64, what: Leftover) -> &mut Self {
        self.add(at, What::Left(what))
    }

    pub fn claims(&mut self, at: u64, n: u32, kind: ClaimKind) -> &mut Self {
        self.add(at, What::Claimed(Claim { pid: worker(n).pid, pool: None, kind }))
    }

    /// A request of a load, answered by a worker or lost.
    pub fn request(
        &mut self,
        load: &str,
        tried: u64,
        ended: u64,
        hold: u64,
        by: Option<u32>,
        outcome: Outcome,
    ) -> &mut Self {
        self.connections += 1;
        let answered = outcome == Outcome::Ok;
        let opened = !matches!(outcome, Outcome::Refused | Outcome::NotAccepted);
        let record = Connection {
            id: self.connections,
            load: load.to_owned(),
            due: None,
            tried: ms(tried),
            opened: opened.then_some(ms(tried)),
            sent: opened.then_some(ms(tried)),
            answered: answered.then_some(ms(ended)),
            ended: ms(ended),
            hold_ns: hold * 1_000_000,
            slow_ns: 0,
            peer: 5_000 + self.connections,
            owner: by.filter(|_| answered).map(worker),
            outcome,
        };
        if let Some(by) = by {
            self.add(tried, What::Accepted { proc: worker(by), peer: record.peer });
        }
        self.add(ended, What::Connection(Box::new(record)))
    }

    /// The client of the connection told of last takes so long itself.
    pub fn slow(&mut self, takes: u64) -> &mut Self {
        if let Some(Event { what: What::Connection(record), .. }) = self.events.last_mut() {
            record.slow_ns = takes * 1_000_000;
        }
        self
    }

    /// The connect of the connection told of last returned then, or never.
    pub fn let_in(&mut self, at: Option<u64>) -> &mut Self {
        if let Some(Event { what: What::Connection(record), .. }) = self.events.last_mut() {
            record.opened = at.map(ms);
            record.sent = record.opened;
        }
        self
    }

    /// The connection told of last wrote its last request then.
    pub fn asked_last(&mut self, at: u64) -> &mut Self {
        if let Some(Event { what: What::Connection(record), .. }) = self.events.last_mut() {
            record.sent = Some(ms(at));
        }
        self
    }

    pub fn probe(&mut self, tried: u64, ended: u64, by: Option<u32>, outcome: Outcome) -> &mut Self {
        self.request("probe", tried, ended, 0, by, outcome)
    }

    /// The steps are over; after `watched` ms the harness stops the subject.
    pub fn settle(&mut self, at: u64, watched: u64) -> &mut Self {
        self.add(at, What::Phase(PhaseMark::Settle));
        self.stop(at + watched)
    }

    pub fn stop(&mut self, at: u64) -> &mut Self {
        self.add(at, What::Phase(PhaseMark::Stop)).add(at, What::Commanded(Command::Stop))
    }

    /// The workers that are left go in order, then the supervisor with this status.
    pub fn ends(&mut self, at: u64, workers: &[u32], status: Status) -> &mut Self {
        for n in workers {
            self.told(at, *n).leaves(at + 2, *n);
        }
        self.exits(at + 5, status)
    }

    pub fn exits(&mut self, at: u64, status: Status) -> &mut Self {
        self.add(at, What::SupervisorExited { proc: SUPERVISOR, status });
        self.add(at + 2_000, What::Phase(PhaseMark::Over)).add(at + 2_000, What::Phase(PhaseMark::End))
    }

    /// The rest of an uneventful run: settled at `at`, watched for 2 s, stopped, these workers leave, status 0.
    pub fn calm(&mut self, at: u64, workers: &[u32]) -> &mut Self {
        self.settle(at, 2_000).ends(at + 2_003, workers, Status::Code(0))
    }

    pub fn history(&self) -> History {
        History::told("sim", self.events.clone())
    }

    pub fn judge(&self) -> Vec<Finding> {
        judge(&self.scenario, &self.profile, &self.history(), self.slack)
    }

    /// The verdict of one.
    pub fn verdict(&self, id: &str) -> Verdict {
        let findings = self.judge();
        let found = findings.iter().find(|finding| finding.id == id || finding.id.starts_with(&format!("{id} ")));
        found
            .unwrap_or_else(|| panic!("{id} is not among {:?}", findings.iter().map(|one| &one.id).collect::<Vec<_>>()))
            .verdict
            .clone()
    }

    /// Asserts that exactly these fail and nothing is inconclusive.
    #[track_caller]
    pub fn fails(&self, ids: &[&str]) {
        let wrong = |finding: &&Finding| matches!(finding.verdict, Verdict::Fail { .. } | Verdict::Inconclusive { .. });
        let findings = self.judge();
        let failed: Vec<_> = findings.iter().filter(wrong).collect();
        let names: Vec<_> = failed.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(names, ids, "{failed:#?}");
    }

    /// Asserts that nothing fails and nothing is inconclusive.
    #[track_caller]
    pub fn holds(&self) {
        self.fails(&[]);
    }

    /// Asserts that this one passes, and is not just not applicable.
    #[track_caller]
    pub fn passes(&self, id: &str) {
        let verdict = self.verdict(id);
        assert!(matches!(verdict, Verdict::Pass { .. }), "{id}: {verdict:#?}");
    }

    /// Asserts that this one is inconclusive.
    #[track_caller]
    pub fn doubts(&self, id: &str) {
        let verdict = self.verdict(id);
        assert!(matches!(verdict, Verdict::Inconclusive { .. }), "{id}: {verdict:#?}");
    }
}

/// What the reference promises.
pub(super) fn promises() -> Profile {
    let span = |millis| Some(Span::millis(millis));
    Profile {
        converge: span(1_000),
        surge: Some(1),
        max_unavailable: Some(0),
        boot: span(500),
        reply: span(250),
        delay: Some(DelayBound::AsAsked),
        limit: Some(LimitRule::AsAsked),
        give_up: span(1_000),
        give_up_status: Some(StatusIs::Code(75)),
        stop_status: Some(StatusIs::Zero),
        drain: Some(true),
        lame_duck: Some(true),
        watchdog: Some(true),
        rest: None,
        kill_slack: span(250),
        announcements: Some(vec![Retirement::OnePhase, Retirement::TwoPhase]),
        rolling_reload: Some(true),
        reap: span(250),
        orphans: span(1_000),
        on_supervisor_death: Some(OnSupervisorDeath::WorkersLeave { within: Span::millis(1_000) }),
        idle_cpu: Some(2),
        control: span(250),
        holds_listener: Some(true),
        handoffs: None,
        takes: None,
        outputs: Some(BTreeMap::from([
            (OutputWay::Inherit, OutputPromise::Waits),
            (OutputWay::Prefixed, OutputPromise::Loses { block: Span::millis(250), recovers: Span::millis(500) }),
        ])),
        owns: None,
        notify: Some(true),
        environment: None,
        handlers: None,
        second_start: Some(StatusIs::Code(69)),
    }
}

/// So many milliseconds of measuring error.
pub(super) fn slack(millis: u64) -> Slack {
    Slack(Duration::from_millis(millis))
}

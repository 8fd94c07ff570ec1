//! INV-TRUTH of what a service manager is told by sd_notify(3).

use std::time::Duration;

use crate::history::Supervisor;
use crate::scenario::{Command, Start};
use crate::time::Time;

use super::bounds;
use super::case::{Case, Timely};
use super::facts::hangups;
use super::tally::{Tally, say};

/// From what happens to the word about it, and from that to the look into the socket.
const TOLD: Duration = Duration::from_millis(500);

/// One datagram.
struct Told<'a> {
    at: Time,
    by: u32,
    text: &'a str,
}

impl Told<'_> {
    fn value(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }

    fn says(&self, name: &str) -> bool {
        self.value(name) == Some("1")
    }
}

/// Judges it.
pub(super) fn judge(case: &Case<'_>, tally: &mut Tally) {
    if !case.scenario.launch.notify {
        return;
    }
    let told: Vec<Told<'_>> = case.timeline.notified.iter().map(|&(at, by, text)| Told { at, by, text }).collect();
    for one in &told {
        judge_sender(case, one, tally);
    }
    // What nobody took nobody was told.
    let silences = |fault: &str| [" of notify: ", " of notify or "].iter().any(|call| fault.contains(call));
    if case.timeline.faults.iter().any(|fault| silences(fault.fault)) {
        return;
    }
    for supervisor in &case.timeline.supervisors {
        let until = supervisor.exited.map_or(Time::NEVER, |(at, _)| at + TOLD);
        let own: Vec<&Told<'_>> = told
            .iter()
            .filter(|one| one.by == supervisor.proc.pid && supervisor.born <= one.at && one.at <= until)
            .collect();
        judge_readiness(case, supervisor, &own, tally);
        judge_reloads(case, &own, tally);
        judge_stop(case, supervisor, &own, tally);
        judge_beats(case, supervisor, &own, tally);
    }
}

fn judge_sender(case: &Case<'_>, one: &Told<'_>, tally: &mut Tally) {
    tally.held();
    let mut supervisors = case.timeline.supervisors.iter();
    if !supervisors.any(|known| known.proc.pid == one.by) {
        tally.fail(
            one.at,
            "somebody told the service manager how the supervisor is".to_owned(),
            "the supervisor alone".to_owned(),
            format!("pid {}: {:?}", one.by, one.text),
        );
    }
    let Some(main) = one.value("MAINPID") else { return };
    let own = if case.scenario.launch.init { 1 } else { one.by };
    if main != own.to_string() {
        tally.fail(one.at, "it told the service manager another pid".to_owned(), own.to_string(), main.to_owned());
    }
}

/// It is ready when its pool is full, and says so soon.
fn judge_readiness(case: &Case<'_>, supervisor: &Supervisor, own: &[&Told<'_>], tally: &mut Tally) {
    let first = own.iter().find(|one| one.says("READY"));
    if let Some(one) = first {
        let there = |at: Time| supervisor.born <= at && at <= one.at + case.slack.0;
        let alive = |died: Time| died + bounds::REACT >= one.at;
        let workers = case.timeline.workers.iter();
        let ready = workers.filter(|worker| worker.ready.is_some_and(there) && alive(worker.dead_for_sure())).count();
        let wanted = case.facts.wanted(one.at) as usize;
        tally.held();
        if ready < wanted {
            tally.fail(
                one.at,
                "it told the service manager that it was ready".to_owned(),
                format!("{wanted} workers ready before"),
                format!("{ready}"),
            );
        }
    }
    // Only the first one has a baseline.
    let full = case.facts.steps.filter(|at| case.scenario.start == Start::Steady && supervisor.born <= *at);
    let lived = |at: Time| at + TOLD <= case.facts.peace;
    if let Some(full) = full.filter(|at| case.facts.supervisor == Some(supervisor.proc) && lived(*at)) {
        let said = first.map_or(case.timeline.until.max(full + TOLD * 4), |one| one.at);
        soon(case, supervisor, full, said, "READY=1", tally);
    }
}

/// What is due at `from` is said in time.
fn soon(case: &Case<'_>, supervisor: &Supervisor, from: Time, said: Time, what: &str, tally: &mut Tally) {
    match case.timely(from, case.due(from, TOLD), said, &[supervisor.proc]) {
        Timely::Yes => tally.held(),
        Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
        Timely::No => tally.fail(
            from,
            format!("the service manager was not told {what}"),
            format!("within {}", say(TOLD)),
            format!("not for {}", say(said.since(from))),
        ),
    }
}

/// A reload is told with the instant of its beginning, after an order, and so is its end.
fn judge_reloads(case: &Case<'_>, own: &[&Told<'_>], tally: &mut Tally) {
    let line = case.timeline;
    let commands = line
        .commands
        .iter()
        .filter(|(_, what)| matches!(what, Command::Reload | Command::RestartPool))
        .map(|(at, _)| *at);
    let orders: Vec<Time> = commands.chain(hangups(line)).collect();
    let reloadings = || own.iter().enumerate().filter(|(_, one)| one.says("RELOADING"));
    for (place, one) in reloadings() {
        tally.held();
        let since = one.value("MONOTONIC_USEC").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let since = Time::from_nanos(since.saturating_mul(1000));
        // Whole microseconds: cut off below.
        let ordered = orders.iter().any(|order| *order <= since + Duration::from_micros(1) && *order <= one.at);
        if !ordered || since > one.at + case.slack.0 {
            tally.fail(
                one.at,
                "it told the service manager that it reloads".to_owned(),
                "the instant of its beginning, after an order".to_owned(),
                format!("{:?}", one.text),
            );
        }
        let over = own[place..].iter().any(|later| later.says("READY") || later.says("STOPPING"));
        if !over && case.facts.felled.is_none() {
            tally.fail(
                one.at,
                "it told the service manager that it reloads".to_owned(),
                "READY=1 at the end of that".to_owned(),
                "nothing more".to_owned(),
            );
        }
    }
    let ready = own.iter().find(|one| one.says("READY")).map(|one| one.at);
    let obeyed = orders.iter().find(|order| ready.is_some_and(|ready| ready <= **order));
    let reload = obeyed.filter(|order| case.due(**order, TOLD) <= case.facts.peace);
    if let Some(order) = reload {
        tally.held();
        if !reloadings().any(|(_, one)| one.at >= *order) {
            tally.fail(
                *order,
                "a reload was ordered".to_owned(),
                "RELOADING=1 for the service manager".to_owned(),
                "nothing of it".to_owned(),
            );
        }
    }
}

/// Where a manager wants signs of life it has one in every interval, from the first word to the end.
fn judge_beats(case: &Case<'_>, supervisor: &Supervisor, own: &[&Told<'_>], tally: &mut Tally) {
    let mut variables = case.scenario.launch.environment.iter();
    let interval = variables.find(|(name, _)| name == "WATCHDOG_USEC").and_then(|(_, value)| value.parse().ok());
    let (Some(interval), Some(ready)) = (interval.map(Duration::from_micros), own.iter().find(|one| one.says("READY")))
    else {
        return;
    };
    let end = case.facts.peace.max(ready.at);
    let beats =
        own.iter().filter(|one| one.says("WATCHDOG")).map(|one| one.at).filter(|at| *at > ready.at && *at < end);
    let mut last = ready.at;
    for beat in beats.chain([end]) {
        match case.timely(last, case.due(last, interval), beat, &[supervisor.proc]) {
            Timely::Yes => tally.held(),
            Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
            Timely::No => tally.fail(
                last,
                "the service manager had no sign of life".to_owned(),
                format!("WATCHDOG=1 within {}", say(interval)),
                format!("none for {}", say(beat.since(last))),
            ),
        }
        last = beat;
    }
}

/// An end that it decides on is told, and no other.
fn judge_stop(case: &Case<'_>, supervisor: &Supervisor, own: &[&Told<'_>], tally: &mut Tally) {
    let stopping = own.iter().find(|one| one.says("STOPPING"));
    let began = [case.facts.stop, case.facts.ended_itself].into_iter().flatten().min();
    if let Some(one) = stopping {
        tally.held();
        if began.is_none_or(|began| one.at + case.slack.0 < began) {
            tally.fail(
                one.at,
                "it told the service manager that it stops".to_owned(),
                "an order, or a reason of its own, before".to_owned(),
                "none".to_owned(),
            );
        }
    }
    let by_itself = matches!(supervisor.exited, Some((_, crate::history::Status::Code(_))));
    if by_itself && stopping.is_none() && own.iter().any(|one| one.says("READY")) && case.facts.felled.is_none() {
        let at = supervisor.exited.map_or(case.timeline.until, |(at, _)| at);
        tally.fail(
            at,
            "it ended without a word to the service manager".to_owned(),
            "STOPPING=1 before".to_owned(),
            "none".to_owned(),
        );
    }
}

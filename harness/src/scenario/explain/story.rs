//! The whole story.

use std::fmt::Write;

use crate::scenario::{
    Act, Backoff, Beside, Expect, Handoff, Identity, Launch, Limit, OutputWay, Owns, Pool, Ready, Rolling, Scenario,
    Signal, Start, Step, Sweep, Trigger, Variant, entry,
};

use super::life;
use super::words;

/// Tells a scenario: what is asked for, what the workers and the clients do, what happens, what must hold, and the
/// failures of the field that it guards against.
pub fn explain(scenario: &Scenario, name: &str) -> String {
    let mut story = Story::default();
    story.line(0, &format!("{name}: {}", scenario.title));
    story.guards(&scenario.guards_against);
    story.heading("The pool");
    story.pool(&scenario.pool);
    story.start(scenario.start);
    story.launch(&scenario.launch);
    story.alone(scenario.alone);
    story.heading("The workers");
    life::lives(&scenario.lives).iter().for_each(|line| story.sentence(1, line));
    story.beside(&scenario.beside);
    story.load(scenario);
    story.heading("What happens");
    story.steps(&scenario.steps, "", 1);
    story.expect(&scenario.expect);
    if let Some(sweep) = &scenario.sweep {
        story.sweep(sweep);
    }
    for (variant, (_, form)) in scenario.variants.iter().zip(scenario.forms().iter().skip(1)) {
        story.variant(variant, form, name);
    }
    story.text
}

#[derive(Default)]
struct Story {
    text: String,
}

impl Story {
    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{}{line}", "  ".repeat(depth));
    }

    fn heading(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n{title}");
    }

    fn sentence(&mut self, depth: usize, words: &str) {
        let mut letters = words.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        self.line(depth, &format!("{first}{}.", letters.as_str()));
    }

    fn guards(&mut self, ids: &[String]) {
        if ids.is_empty() {
            return;
        }
        self.heading("Guards against");
        for id in ids {
            match entry(id) {
                Some(entry) => {
                    self.line(1, &format!("{id} ({}, {})", entry.priority, entry.class));
                    self.line(2, &entry.failure);
                }
                None => self.line(1, id),
            }
        }
    }

    fn pool(&mut self, pool: &Pool) {
        let Pool {
            workers,
            limit,
            backoff,
            stable,
            drain,
            lame_duck,
            ready_timeout,
            watchdog,
            handoff,
            output,
            owns,
            ready,
            reload,
            handoff_timeout,
            identity,
        } = pool;
        self.sentence(1, &format!("the supervisor is asked for {}", words::count(*workers, "worker")));
        match limit {
            None => self.sentence(1, "there is no restart limit"),
            Some(Limit { restarts, within }) => {
                let allowed = words::count(*restarts, "restart");
                self.sentence(1, &format!("at most {allowed} in any {within}; the need for one more makes it give up"));
            }
        }
        if let Some(Backoff { initial, factor, cap }) = backoff {
            self.sentence(
                1,
                &format!(
                    "a worker that dies again is restarted after {initial}, then each time {factor} times as late, \
                     after {cap} at most"
                ),
            );
        }
        if let Some(stable) = stable {
            self.sentence(1, &format!("a worker that was ready for {stable} had a stable run"));
        }
        self.sentence(1, &format!("who leaves has {drain} to finish what it holds"));
        if !lame_duck.is_zero() {
            self.sentence(1, &format!("told to stop, it serves on for {lame_duck} before anybody is told to leave"));
        }
        match ready {
            Some(Ready::AtSpawn) => self.sentence(1, "a worker counts as ready as soon as it runs"),
            Some(Ready::Told) => self.sentence(1, "a worker says that it is ready by a message on its channel"),
            Some(Ready::Notify) => self.sentence(1, "a worker says that it is ready, and that it lives, by sd_notify"),
            Some(Ready::NotifyFd) => self.sentence(1, "a worker says that it is ready by a newline on a descriptor"),
            None => {}
        }
        if let Some(timeout) = ready_timeout {
            self.sentence(1, &format!("a worker that is not ready after {timeout} has failed to start"));
        }
        match handoff {
            Some(Handoff::Inherit) => self.sentence(1, "the workers accept connections themselves"),
            Some(Handoff::RoundRobin) => {
                self.sentence(1, "the supervisor accepts connections and passes them on in turn")
            }
            Some(Handoff::Reuseport) => self.sentence(1, "each worker has a listening socket of its own"),
            None => {}
        }
        if let Some(timeout) = handoff_timeout {
            self.sentence(1, &format!("a worker that has not taken what it was passed after {timeout} hangs"));
        }
        if let Some(Identity { user, umask, nofile, directory }) = identity {
            if let Some(user) = user {
                self.sentence(1, &format!("its workers are of user {user}"));
            }
            if let Some(umask) = umask {
                self.sentence(1, &format!("its workers have the umask {umask}"));
            }
            if let Some(nofile) = nofile {
                self.sentence(1, &format!("each of its workers may have {nofile} descriptors open"));
            }
            if *directory {
                self.sentence(1, "its workers run in a directory of their own");
            }
        }
        if let Some(Rolling { surge, at_once }) = reload {
            let (more, places) = (words::count(*surge, "worker"), words::count(*at_once, "place"));
            self.sentence(1, &format!("a reload sees to {places} at once, with {more} more than wanted at most"));
        }
        match output {
            Some(OutputWay::Inherit) => self.sentence(1, "the workers write to the supervisor's own output"),
            Some(OutputWay::Prefixed) => {
                self.sentence(1, "what the workers write comes out of the supervisor, line by line, with their names")
            }
            Some(OutputWay::Files) => self.sentence(1, "what the workers write goes to a log file"),
            None => {}
        }
        for one in owns {
            self.sentence(
                1,
                match one {
                    Owns::Control => "it has a Unix socket for its operator",
                    Owns::Socket => "the workers serve on a Unix socket, too",
                    Owns::Pidfile => "it keeps its pid in a file",
                },
            );
        }
        if let Some(watchdog) = watchdog {
            self.sentence(1, &format!("a ready worker that says nothing for {watchdog} hangs, and is killed"));
        }
    }

    fn start(&mut self, start: Start) {
        match start {
            Start::Steady => self.sentence(1, "everything begins when all workers are ready"),
            Start::AtOnce => self.sentence(1, "everything begins with the birth of the supervisor"),
        }
    }

    fn beside(&mut self, others: &[Beside]) {
        for Beside { name, pool, lives, expect } in others {
            self.heading(&format!("The pool `{name}` beside it, which serves nobody"));
            self.pool(pool);
            life::lives(lives).iter().for_each(|line| self.sentence(1, line));
            let all: Vec<String> = expect.iter().map(words::expect).collect();
            if !all.is_empty() {
                self.sentence(1, &format!("what must hold in it: {}", words::list(&all, "and")));
            }
        }
    }

    fn load(&mut self, scenario: &Scenario) {
        if scenario.load.is_empty() {
            return;
        }
        self.heading("The clients");
        for load in &scenario.load {
            self.line(1, &format!("`{}`: {}.", load.name(), words::load(load)));
        }
    }

    fn steps(&mut self, steps: &[Step], above: &str, depth: usize) {
        if steps.is_empty() {
            self.sentence(depth, "nothing");
        }
        for (index, step) in steps.iter().enumerate() {
            let number = format!("{above}{}.", index + 1);
            self.step(step, &number, depth);
        }
    }

    fn step(&mut self, step: &Step, number: &str, depth: usize) {
        let mut said = Vec::new();
        if let Some(trigger) = &step.when {
            let must = if step.must { ", it is a failure otherwise" } else { "" };
            said.push(match trigger {
                Trigger::After(span) => format!("wait for {span}"),
                _ => format!("wait until {} (at most {}{must})", words::trigger(trigger), step.within),
            });
        }
        if !step.jitter.is_zero() {
            said.push(format!("wait for {} more at most", step.jitter));
        }
        said.extend(step.act.as_ref().map(words::act));
        let body = match &step.act {
            Some(Act::During { steps, .. } | Act::Repeat { steps, .. }) if !steps.is_empty() => Some(steps),
            _ => None,
        };
        let mut line = if said.is_empty() { "go on".to_owned() } else { said.join(", then ") };
        if let Some(name) = &step.name {
            let _ = write!(line, "; what this hits is called `{name}`");
        }
        let end = if body.is_some() { ':' } else { '.' };
        let mut letters = line.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
        self.line(depth, &format!("{number} {first}{}{end}", letters.as_str()));
        if let Some(steps) = body {
            self.steps(steps, number, depth + 1);
        }
        for expect in &step.expect {
            self.line(depth + 1, &format!("Until the next step {}.", words::expect(expect)));
        }
    }

    fn expect(&mut self, expect: &[Expect]) {
        self.heading("What must hold, beside the invariants");
        if expect.is_empty() {
            self.sentence(1, "nothing");
        }
        expect.iter().for_each(|one| self.sentence(1, &words::expect(one)));
    }

    fn launch(&mut self, launch: &Launch) {
        let Launch { init, notify, umask, nofile, ignores, blocks, leaks, environment } = launch;
        let names = |signals: &[Signal]| {
            words::list(&signals.iter().map(|signal| format!("{signal:?}")).collect::<Vec<_>>(), "and")
        };
        let said = [
            init.then(|| "as process 1 of a pid namespace".to_owned()),
            notify.then(|| "with a service manager that listens to what it says of itself".to_owned()),
            umask.as_ref().map(|mask| format!("with umask {mask}")),
            nofile.map(|nofile| format!("with at most {nofile} descriptors")),
            (!ignores.is_empty()).then(|| format!("with {} ignored", names(ignores))),
            (!blocks.is_empty()).then(|| format!("with {} blocked", names(blocks))),
            (*leaks > 0).then(|| format!("with {} that nobody closed", words::count(*leaks, "descriptor"))),
            (!environment.is_empty()).then(|| {
                format!(
                    "with {} in its environment",
                    words::list(&environment.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), "and")
                )
            }),
        ];
        said.into_iter().flatten().for_each(|how| self.sentence(1, &format!("it is started {how}")));
    }

    fn alone(&mut self, alone: bool) {
        if alone {
            self.sentence(1, "no other run goes on beside this one");
        }
    }

    fn sweep(&mut self, sweep: &Sweep) {
        let Sweep { step, from, to, points } = sweep;
        self.heading("Sweep");
        self.sentence(1, &format!("step {} is tried at {points} offsets from {from} to {to}", step + 1));
    }

    /// What a variant has of its own.
    fn variant(&mut self, variant: &Variant, form: &Scenario, name: &str) {
        self.heading(&format!("Variant {name}::{}: {}", variant.name, form.title));
        if variant.guards_against.is_some() {
            self.line(1, &format!("Guards against {}.", words::list(&form.guards_against, "and")));
        }
        if variant.start.is_some() {
            self.start(form.start);
        }
        if variant.alone.is_some() {
            self.alone(form.alone);
        }
        if variant.pool.is_some() {
            self.pool(&form.pool);
        }
        if variant.lives.is_some() {
            life::lives(&form.lives).iter().for_each(|line| self.sentence(1, line));
        }
        if variant.beside.is_some() {
            self.beside(&form.beside);
        }
        if variant.load.is_some() {
            if form.load.is_empty() {
                self.sentence(1, "there are no clients");
            }
            for load in &form.load {
                self.line(1, &format!("`{}`: {}.", load.name(), words::load(load)));
            }
        }
        if variant.steps.is_some() {
            self.steps(&form.steps, "", 1);
        }
        if variant.expect.is_some() {
            let all: Vec<String> = form.expect.iter().map(words::expect).collect();
            self.sentence(1, &format!("what must hold: {}", words::list(&all, "and")));
        }
    }
}

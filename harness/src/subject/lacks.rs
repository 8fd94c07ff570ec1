//! What a scenario needs and a subject can't do: then it is not applicable, and nothing is started.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use crate::scenario::{
    Act, Ask, Attempt, Command, Fault, Handoff, Life, Load, OutputWay, Owns, Retirement, Scenario, constructs,
};

use super::{ORIGINAL, Profile, Puppet, Subject, Takes};

/// Why a form of a scenario can't be run with this subject; empty if it can.
pub fn lacks(subject: &Subject, scenario: &Scenario) -> Vec<String> {
    let mut why: Vec<String> = Vec::new();
    if subject.reload.is_none()
        && acts(scenario, &|act| matches!(act, Act::Operate(Command::Reload | Command::Reloads { .. })))
    {
        why.push("it can't be told to reload".to_owned());
    }
    if subject.scale.is_none() && acts(scenario, &|act| matches!(act, Act::Operate(Command::Scale(_)))) {
        why.push("it can't be told to change the number of its workers".to_owned());
    }
    why.extend(unknown_configs(subject, scenario).iter().map(|name| format!("it has no configuration `{name}`")));
    if subject.puppet != Puppet::Own && spoils(scenario, "program") {
        why.push("the program of its workers can't be taken away from it alone".to_owned());
    }
    if subject.puppet != Puppet::Own && lives(scenario).any(ends_by_signal) {
        why.push("its workers can't be made to end by a signal of their own".to_owned());
    }
    if subject.config.is_none() && spoils(scenario, "config") {
        why.push("it has no configuration file".to_owned());
    }
    if scenario.pool.watchdog.is_some() && subject.profile.watchdog == Some(false) {
        why.push("it does not look for workers that hang".to_owned());
    }
    if !scenario.pool.lame_duck.is_zero() && subject.profile.lame_duck != Some(true) {
        why.push("told to stop, it does not serve on for a while".to_owned());
    }
    if let Some(handoff) = scenario.pool.handoff {
        let can = subject.profile.handoffs.as_deref().unwrap_or(&[Handoff::Inherit]);
        if !can.contains(&handoff) {
            why.push(match handoff {
                Handoff::Inherit => "its workers don't accept connections themselves".to_owned(),
                Handoff::RoundRobin => "it does not pass connections to its workers".to_owned(),
                Handoff::Reuseport => "its workers have no listening sockets of their own".to_owned(),
            });
        }
    }
    let passes = subject.profile.own_handoff() == Handoff::RoundRobin;
    if passes
        && scenario.pool.handoff.is_none()
        && lives(scenario).any(|life| matches!(life, Life::Record(record) if record.deaf))
    {
        why.push("its workers hear of connections on the channel that one of them is not to read".to_owned());
    }
    why.extend(lacks_takes(subject, scenario));
    why.extend(lacks_output(subject, scenario));
    let has = subject.profile.owns.as_deref().unwrap_or_default();
    why.extend(scenario.pool.owns.iter().filter(|one| !has.contains(one)).map(|one| match one {
        Owns::Control => "it has no control socket".to_owned(),
        Owns::Socket => "it can't serve on a Unix socket beside its address".to_owned(),
        Owns::Pidfile => "it writes no pid file".to_owned(),
    }));
    if subject.beside.is_none() && !scenario.beside.is_empty() {
        why.push("it keeps no other pool beside the first".to_owned());
    }
    if scenario.launch.notify && subject.profile.notify != Some(true) {
        why.push("it tells no service manager how it is".to_owned());
    }
    let operators = |act: &Act| matches!(act, Act::During { fault: Fault::Operators { .. }, .. });
    if subject.operator.is_none() && acts(scenario, &operators) {
        why.push("its operator can't ask it anything".to_owned());
    }
    let stranger = |act: &Act| match act {
        Act::During { fault: Fault::Stranger(Attempt::Order(order)), .. } => {
            subject.operator.as_ref().and_then(|operator| operator.order(order)).is_none()
        }
        _ => false,
    };
    if acts(scenario, &stranger) {
        why.push("nobody can order that on its control socket".to_owned());
    }
    let mute = |command: &Command| subject.operator.as_ref().and_then(|operator| operator.order(command)).is_none();
    let orders = |is: &dyn Fn(&Command) -> bool| {
        acts(scenario, &|act| matches!(act, Act::Operate(command) if is(command) && mute(command)))
    };
    if orders(&|command| matches!(command, Command::Restart(_))) {
        why.push("its operator can't have a single worker replaced".to_owned());
    }
    if orders(&|command| matches!(command, Command::RestartPool)) {
        why.push("its operator can't have a pool replaced without a reload".to_owned());
    }
    if orders(&|command| matches!(command, Command::In(..))) {
        why.push("its operator can't order that of a pool beside the first".to_owned());
    }
    if orders(&|command| matches!(command, Command::Publish { .. })) {
        why.push("its operator can't publish anything".to_owned());
    }
    if subject.puppet == Puppet::Opaque && scripted(scenario) {
        why.push("its workers can't be scripted".to_owned());
    }
    if subject.puppet == Puppet::Opaque && constructs(scenario).contains("Accepted") {
        why.push("its workers don't say when they accept a connection".to_owned());
    }
    if let Some(understood) = &subject.profile.announcements {
        for form in [Retirement::OnePhase, Retirement::TwoPhase] {
            if announces(scenario, form) && !understood.contains(&form) {
                why.push(format!("it does not understand {} retirement", named(form)));
            }
        }
    }
    why
}

/// What a scenario asks for about its pool that few can be told.
fn lacks_takes(subject: &Subject, scenario: &Scenario) -> Vec<String> {
    let pool = &scenario.pool;
    let asked = [
        (Takes::Ready, pool.ready.is_some(), "what makes a worker count as ready"),
        (Takes::Reload, pool.reload.is_some(), "how many workers to replace at once"),
        (Takes::HandoffTimeout, pool.handoff_timeout.is_some(), "how long a worker may take for a connection"),
        (Takes::Identity, pool.identity.is_some(), "what its workers are to be"),
    ];
    let takes = subject.profile.takes.as_deref().unwrap_or_default();
    let lacks = asked.into_iter().filter(|(one, asked, _)| *asked && !takes.contains(one));
    lacks.map(|(_, _, what)| format!("it can't be told {what}")).collect()
}

/// What a scenario asks for about the output of workers.
fn lacks_output(subject: &Subject, scenario: &Scenario) -> Vec<String> {
    let mut why = Vec::new();
    if let Some(way) = scenario.pool.output
        && !subject.outputs.contains_key(&way)
    {
        why.push(match way {
            OutputWay::Inherit => "nobody knows where its workers' output comes out".to_owned(),
            OutputWay::Prefixed => "it does not pass on its workers' output with their names".to_owned(),
            OutputWay::Files => "it does not write its workers' output to a file".to_owned(),
        });
    }
    if subject.reopen.is_none() && acts(scenario, &|act| matches!(act, Act::Operate(Command::Reopen))) {
        why.push("it can't be told to open its log files again".to_owned());
    }
    why
}

/// The programs that a subject requires and this machine does not have.
pub fn missing_programs(subject: &Subject) -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &Path| program.is_file();
    let found = |name: &str| {
        if name.contains('/') {
            there(Path::new(name))
        } else {
            std::env::split_paths(&path).any(|dir| there(&dir.join(name)))
        }
    };
    subject.requires.iter().filter(|name| !found(name)).cloned().collect()
}

/// A line that a profile does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undeclared {
    /// Its name.
    pub line: &'static str,
    /// What is not judged, or judged less, without it.
    pub judged_on: &'static str,
}

/// The lines of a profile that are missing: what they are about is not judged.
pub fn undeclared(profile: &Profile) -> Vec<Undeclared> {
    let Profile {
        converge,
        surge,
        max_unavailable,
        boot,
        reply,
        delay,
        limit,
        give_up,
        give_up_status,
        stop_status,
        drain,
        watchdog,
        kill_slack,
        announcements,
        rolling_reload,
        on_supervisor_death,
        // These are universal: whoever declares nothing gets the default.
        rest: _,
        reap: _,
        orphans: _,
        idle_cpu,
        control,
        holds_listener,
        // What a subject can do beyond this is asked of it only by scenarios that say so.
        handoffs: _,
        takes: _,
        lame_duck: _,
        outputs,
        owns,
        notify: _,
        handlers: _,
        second_start: _,
        environment,
    } = profile;
    // Who never gives up has nothing to declare about it.
    let unlimited = *limit == Some(super::LimitRule::Unlimited);
    let mute = !owns.as_ref().is_some_and(|owns| owns.contains(&Owns::Control));
    let lines = [
        ("converge", converge.is_some(), "INV-CONVERGE: how soon after a disturbance the pool is as wanted"),
        ("surge", surge.is_some(), "INV-ONCE: how many workers there may be beside those wanted"),
        ("max_unavailable", max_unavailable.is_some(), "INV-FLOOR: how many ready workers may be missing"),
        ("boot", boot.is_some(), "INV-FLOOR: how long a replacement may take to be ready"),
        ("reply", reply.is_some(), "INV-FLOOR: how long a probe may wait for its answer"),
        ("delay", delay.is_some(), "INV-INTENSITY: how long after a death the next start comes"),
        ("limit", limit.is_some(), "INV-INTENSITY and INV-GIVEUP: how many restarts there may be, and what then"),
        ("give_up", give_up.is_some() || unlimited, "INV-GIVEUP: how soon it ends when the limit is reached"),
        (
            "give_up_status",
            give_up_status.is_some() || unlimited,
            "INV-GIVEUP and INV-TRUTH: with which status it gives up",
        ),
        ("stop_status", stop_status.is_some(), "INV-TRUTH: with which status it ends when told to stop"),
        (
            "drain",
            drain.is_some(),
            "INV-DRAIN and INV-SERIAL: whether a worker that does not leave by its deadline, or at a second stop, is ended",
        ),
        ("watchdog", watchdog.is_some(), "INV-DETECT: whether a worker that hangs is found"),
        (
            "kill_slack",
            kill_slack.is_some() || *drain == Some(false),
            "INV-DRAIN, INV-SERIAL and INV-DETECT: how long after its deadline a worker may still be there",
        ),
        ("announcements", announcements.is_some(), "every scenario in which a worker says that it will leave"),
        (
            "rolling_reload",
            rolling_reload.is_some(),
            "INV-SERIAL and INV-GENERATION: whether a reload replaces one worker after the other",
        ),
        (
            "on_supervisor_death",
            on_supervisor_death.is_some(),
            "INV-CONTAIN: what becomes of the workers when it is killed",
        ),
        ("idle_cpu", idle_cpu.is_some(), "INV-STATIONARY: what it may take of a processor while nothing happens"),
        ("control", control.is_some() || mute, "INV-ISOLATE: how long an operator who asks waits for an answer"),
        ("outputs", outputs.is_some(), "INV-OUTPUT: what becomes of what its workers write"),
        (
            "holds_listener",
            holds_listener.is_some(),
            "INV-CONSERVE and INV-OWN: whether it has its listening socket from start to end",
        ),
        ("environment", environment.is_some(), "INV-ENV: what workers are started with"),
    ];
    let missing = lines.into_iter().filter(|(_, declared, _)| !declared);
    missing.map(|(line, _, judged_on)| Undeclared { line, judged_on }).collect()
}

fn acts(scenario: &Scenario, is: &dyn Fn(&Act) -> bool) -> bool {
    scenario.steps.iter().any(|step| step.any(is))
}

/// The configurations that a scenario asks for and the subject file does not have.
fn unknown_configs(subject: &Subject, scenario: &Scenario) -> BTreeSet<String> {
    let known = |name: &str| subject.configs.contains_key(name) || name == ORIGINAL && subject.config.is_some();
    let unknown = RefCell::new(BTreeSet::new());
    acts(scenario, &|act| {
        if let Act::Config(name) = act
            && !known(name)
        {
            unknown.borrow_mut().insert(name.clone());
        }
        false
    });
    unknown.into_inner()
}

/// Whether a fault takes this file away.
fn spoils(scenario: &Scenario, file: &str) -> bool {
    acts(scenario, &|act| matches!(act, Act::During { fault: Fault::File { which, .. }, .. } if which == file))
}

fn lives(scenario: &Scenario) -> impl Iterator<Item = &Life> {
    let lives = &scenario.lives;
    lives.first.iter().chain(lives.generation.values().flatten()).chain([&lives.then])
}

/// Whether a worker with this life ends by a signal that it sends itself.
fn ends_by_signal(life: &Life) -> bool {
    matches!(life, Life::Record(record) if record.exit.is_some_and(|exit| exit.signal.is_some()))
}

/// Whether the workers must do anything but answer at once.
fn scripted(scenario: &Scenario) -> bool {
    let held = |load: &Load| match load {
        Load::Probe { hold, .. } => !hold.is_zero(),
        Load::Slow { reads, writes, .. } => reads.is_some() || writes.is_some(),
        Load::Park { .. } | Load::Flood { .. } => false,
        Load::Hold { .. } | Load::Poison { .. } => true,
    };
    lives(scenario).any(|life| *life != Life::Serve)
        || scenario.load.iter().any(held)
        || acts(scenario, &|act| matches!(act, Act::Ask { .. }))
}

/// Whether a worker announces its retirement in this form.
fn announces(scenario: &Scenario, form: Retirement) -> bool {
    let throws = acts(scenario, &|act| matches!(act, Act::Ask { to: Ask::Throw, .. }))
        || scenario.load.iter().any(|load| matches!(load, Load::Poison { .. }));
    let by_life = |life: &Life| match life {
        Life::RetireAtFirstRequest(own) => *own == form,
        Life::Record(record) => record.retire == form && (throws || record.retire_after.is_some()),
        _ => throws && form == Retirement::default(),
    };
    lives(scenario).any(by_life)
        || acts(scenario, &|act| matches!(act, Act::Ask { to: Ask::Retire(asked), .. } if *asked == form))
}

fn named(form: Retirement) -> &'static str {
    match form {
        Retirement::OnePhase => "one-phase",
        Retirement::TwoPhase => "two-phase",
        Retirement::Silent => "silent",
    }
}

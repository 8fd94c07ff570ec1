//! Which constructs of the grammar a scenario uses, and which of them only real processes can do: those make a simulated
//! run `NotApplicable`, before anything is started.

use std::collections::BTreeSet;

use super::{
    Act, Ask, Attempt, Command, Expect, Fault, FileFault, Launch, Life, Load, Reader, Scenario, Start, Step, Target,
    Trigger,
};

/// What only real processes can do.
const NOT_SIMULATED: &[&str] = &[
    "Bystander",
    "File directory",
    "File owned",
    "Limit",
    "Limit of cpu",
    "Limit of memory",
    "Limit of pids",
    "Operators",
    "PidReused",
    "SecondStart",
    "Start again",
    "Stranger",
    "Syscall",
    "Wakes",
    "launch",
];

/// The constructs that a scenario uses and the simulation has no model of, sorted.
pub fn not_simulated(scenario: &Scenario) -> Vec<String> {
    constructs(scenario).into_iter().filter(|name| NOT_SIMULATED.contains(name)).map(str::to_owned).collect()
}

/// The name of every construct that one form of a scenario uses.
pub fn constructs(scenario: &Scenario) -> BTreeSet<&'static str> {
    let mut used = BTreeSet::new();
    used.extend(scenario.load.iter().map(load));
    used.extend(scenario.beside.first().map(|_| "beside"));
    for life in scenario.pools().flat_map(|(_, lives)| lives.all()) {
        of_life(life, &mut used);
    }
    for step in &scenario.steps {
        of_step(step, &mut used);
    }
    if scenario.expect.iter().any(|expect| matches!(expect, Expect::Wakes { .. })) {
        used.insert("Wakes");
    }
    let Launch { notify, blocks, .. } = &scenario.launch;
    if scenario.launch != (Launch { notify: *notify, blocks: blocks.clone(), ..Launch::default() }) {
        used.insert("launch");
    }
    if scenario.launch.notify {
        used.insert("notify");
    }
    if scenario.start == Start::Steady && used.contains("Start") {
        used.insert("Start again");
    }
    used
}

fn of_step(step: &Step, used: &mut BTreeSet<&'static str>) {
    if let Some(trigger) = &step.when {
        of_trigger(trigger, used);
    }
    if let Some(act) = &step.act {
        of_act(act, used);
    }
}

fn of_trigger(trigger: &Trigger, used: &mut BTreeSet<&'static str>) {
    let name = match trigger {
        Trigger::SupervisorBorn => "SupervisorBorn",
        Trigger::Born => "Born",
        Trigger::Ready => "Ready",
        Trigger::Announced => "Announced",
        Trigger::StoppedAccepting => "StoppedAccepting",
        Trigger::Accepted { .. } => "Accepted",
        Trigger::Exited => "Exited",
        Trigger::Held(_) => "Held",
        Trigger::CommandEnds => "CommandEnds",
        Trigger::CommandSucceeds => "CommandSucceeds",
        Trigger::CommandFails => "CommandFails",
        Trigger::GaveUp => "GaveUp",
        Trigger::SupervisorExited => "SupervisorExited",
        Trigger::State(_) => "State",
        Trigger::After(_) => "After",
        Trigger::In(_, trigger) => return of_trigger(trigger, used),
        Trigger::All(triggers) | Trigger::Any(triggers) => {
            triggers.iter().for_each(|trigger| of_trigger(trigger, used));
            return;
        }
    };
    used.insert(name);
}

fn of_act(act: &Act, used: &mut BTreeSet<&'static str>) {
    match act {
        Act::Kill(target) => {
            used.insert("Kill");
            of_target(target, used);
        }
        Act::Signal { to, .. } => {
            used.insert("Signal");
            of_target(to, used);
        }
        Act::Ask { who, to, .. } => {
            used.insert(ask(to));
            of_target(who, used);
        }
        Act::Operate(it) => drop(used.insert(command(it))),
        Act::Config(_) => drop(used.insert("Config")),
        Act::StartLoad(_) => drop(used.insert("StartLoad")),
        Act::StopLoad(_) => drop(used.insert("StopLoad")),
        Act::Pause(_) => drop(used.insert("Pause")),
        Act::During { fault, steps, .. } => {
            of_fault(fault, used);
            steps.iter().for_each(|step| of_step(step, used));
        }
        Act::Repeat { steps, .. } => {
            used.insert("Repeat");
            steps.iter().for_each(|step| of_step(step, used));
        }
        Act::OneOf(acts) => {
            used.insert("OneOf");
            acts.iter().for_each(|act| of_act(act, used));
        }
        Act::Together { acts, .. } => {
            used.insert("Together");
            acts.iter().for_each(|act| of_act(act, used));
        }
    }
}

fn of_fault(fault: &Fault, used: &mut BTreeSet<&'static str>) {
    let (name, target) = match fault {
        Fault::Freeze(target) => ("Freeze", Some(target)),
        Fault::Limit { on, resource, .. } => (limit(on, resource), Some(on)),
        Fault::File { which, is } => (file(which, *is), None),
        Fault::NotRead(Reader::LogReader) => ("NotRead", None),
        Fault::Gone(Reader::LogReader) => ("Gone", None),
        Fault::AddressHeld => ("AddressHeld", None),
        Fault::AddressShared => ("AddressShared", None),
        Fault::PidReused => ("PidReused", None),
        Fault::Operators { .. } => ("Operators", None),
        Fault::Stranger(Attempt::Order(_)) => ("Stranger", None),
        Fault::Stranger(Attempt::Notify(who, _)) => ("Stranger", Some(who)),
        Fault::Syscall { of, .. } => ("Syscall", Some(of)),
        Fault::ClockStep { .. } => ("ClockStep", None),
    };
    used.insert(name);
    if let Some(target) = target {
        of_target(target, used);
    }
}

fn limit(on: &Target, resource: &str) -> &'static str {
    match (on, resource) {
        (Target::Supervisor, "NOFILE" | "NPROC") => "Limit of the supervisor",
        (_, "memory") => "Limit of memory",
        (_, "pids") => "Limit of pids",
        (_, "cpu") => "Limit of cpu",
        _ => "Limit",
    }
}

fn file(which: &str, is: FileFault) -> &'static str {
    match (which, is) {
        ("program", _) => "File program",
        ("config", _) => "File config",
        ("log", _) => "File log",
        ("log directory", _) => "File log directory",
        ("directory", _) => "File directory",
        ("workers directory", _) => "File workers directory",
        ("pidfile", FileFault::Stale | FileFault::Garbage | FileFault::Empty | FileFault::Directory) => "File pidfile",
        _ => "File owned",
    }
}

fn of_target(target: &Target, used: &mut BTreeSet<&'static str>) {
    used.insert(match target {
        Target::Supervisor => "Supervisor",
        Target::Oldest => "Oldest",
        Target::Newest => "Newest",
        Target::Each => "Each",
        Target::All => "All",
        Target::Random(_) => "Random",
        Target::Booting => "Booting",
        Target::Draining => "Draining",
        Target::That => "That",
        Target::Named(_) => "Named",
        Target::OwnerOf(_) => "OwnerOf",
        Target::Child(_) => "Child",
        Target::Adopted => "Adopted",
        Target::Bystander => "Bystander",
        Target::Group => "Group",
        Target::In(_, who) => return of_target(who, used),
    });
    if let Target::Child(of) = target {
        of_target(of, used);
    }
}

fn ask(ask: &Ask) -> &'static str {
    match ask {
        Ask::Throw => "Ask Throw",
        Ask::Retire(_) => "Ask Retire",
        Ask::Exit(_) => "Ask Exit",
        Ask::CloseChannel => "Ask CloseChannel",
        Ask::Spawn(_) => "Ask Spawn",
        Ask::Flood(_) => "Ask Flood",
        Ask::Garble(_) => "Ask Garble",
        Ask::Write { .. } => "Ask Write",
        Ask::Publish { .. } => "Ask Publish",
        Ask::Babble { .. } => "Ask Babble",
        Ask::Notify(_) => "Ask Notify",
        Ask::NotifyFd(_) => "Ask NotifyFd",
        Ask::Extend(_) => "Ask Extend",
        Ask::Hang => "Ask Hang",
        Ask::SignalGroup(_) => "Ask SignalGroup",
    }
}

fn command(command: &Command) -> &'static str {
    match command {
        Command::Start => "Start",
        Command::Reload => "Reload",
        Command::Reloads { .. } => "Reloads",
        Command::Stop => "Stop",
        Command::Scale(_) => "Scale",
        Command::SecondStart => "SecondStart",
        Command::Reopen => "Reopen",
        Command::Restart(_) => "Restart",
        Command::RestartPool => "RestartPool",
        Command::Publish { .. } => "Operate Publish",
        Command::In(..) => "Operate In",
    }
}

fn load(load: &Load) -> &'static str {
    match load {
        Load::Probe { .. } => "a Probe load",
        Load::Hold { .. } => "a Hold load",
        Load::Park { .. } => "a Park load",
        Load::Flood { .. } => "a Flood load",
        Load::Slow { reads: Some(_), .. } => "a Slow load that reads",
        Load::Slow { writes: Some(_), .. } => "a Slow load that writes",
        Load::Slow { .. } => "a Slow load",
        Load::Poison { .. } => "a Poison load",
    }
}

fn of_life(life: &Life, used: &mut BTreeSet<&'static str>) {
    let name = match life {
        Life::Serve => "Serve",
        Life::Crash { .. } => "Crash",
        Life::Hang { .. } => "Hang",
        Life::IgnoreTerm => "IgnoreTerm",
        Life::SlowBoot(_) => "SlowBoot",
        Life::SlowStop(_) => "SlowStop",
        Life::RetireAtFirstRequest(_) => "RetireAtFirstRequest",
        Life::Leak(_) => "Leak",
        Life::Flood(_) => "Flood",
        Life::Record(record) => {
            used.extend(record.lifetime.map(|_| "lifetime"));
            used.extend(record.stderr.map(|_| "stderr"));
            used.extend(record.children.first().map(|_| "children"));
            "Record"
        }
    };
    used.insert(name);
}

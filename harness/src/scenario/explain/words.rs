//! Triggers, acts, targets and expectations in words.

use crate::scenario::{
    Act, Ask, Attempt, Bulk, Child, Command, Expect, Fault, FileFault, Harm, Load, Reader, Retirement, Saying, State,
    StatusIs, Target, Trigger,
};

/// `1 worker`, `2 workers`.
pub(super) fn count(number: impl Into<u64>, what: &str) -> String {
    match number.into() {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(parts: &[String], last: &str) -> String {
    match parts {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [before @ .., end] => format!("{} {last} {end}", before.join(", ")),
    }
}

/// What is waited for, after "wait until".
pub(super) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::SupervisorBorn => "the supervisor runs".to_owned(),
        Trigger::Born => "a worker is born".to_owned(),
        Trigger::Ready => "a worker gets ready".to_owned(),
        Trigger::Announced => "a worker announces that it will leave".to_owned(),
        Trigger::StoppedAccepting => "a worker stops accepting".to_owned(),
        Trigger::Accepted { nth: 1 } => "a worker accepts a connection".to_owned(),
        Trigger::Accepted { nth } => format!("a worker accepts connection number {nth}, counted from here"),
        Trigger::Exited => "a worker's process ends".to_owned(),
        Trigger::Held(load) => format!("all connections of `{load}` are held"),
        Trigger::CommandEnds => "the last command has ended".to_owned(),
        Trigger::CommandSucceeds => "the last command has succeeded".to_owned(),
        Trigger::CommandFails => "the last command has failed".to_owned(),
        Trigger::GaveUp => "the supervisor gives up".to_owned(),
        Trigger::SupervisorExited => "the supervisor ends".to_owned(),
        Trigger::State(State::PoolFull) => "all wanted workers are ready".to_owned(),
        Trigger::State(State::Settled) => "all wanted workers are ready and no other is alive".to_owned(),
        Trigger::In(name, edge) => format!("{} in the pool `{name}`", self::trigger(edge)),
        Trigger::After(span) => format!("{span} have passed"),
        Trigger::All(triggers) => list(&triggers.iter().map(self::trigger).collect::<Vec<_>>(), "and"),
        Trigger::Any(triggers) => list(&triggers.iter().map(self::trigger).collect::<Vec<_>>(), "or"),
    }
}

/// What is done, as an order, except for bodies of steps.
pub(super) fn act(act: &Act) -> String {
    match act {
        Act::Kill(target) => format!("kill {}", self::target(target)),
        Act::Signal { to, signal, times, spacing } => {
            let often = if *times == 1 { String::new() } else { format!(" {times} times, {spacing} apart") };
            format!("send SIG{signal:?} to {}{often}", target(to))
        }
        Act::Ask { who, to, spread } => {
            let spread = if spread.is_zero() { String::new() } else { format!(", all within {spread}") };
            format!("have {} {}{spread}", target(who), ask(to))
        }
        Act::Operate(command) => self::command(command),
        Act::Config(name) => format!("swap the configuration for the variant `{name}`"),
        Act::StartLoad(load) => format!("start load `{load}`"),
        Act::StopLoad(load) => format!("stop load `{load}`"),
        Act::During { fault, span, steps } => {
            let meanwhile = if steps.is_empty() { "" } else { "; meanwhile" };
            format!("for {span} {}{meanwhile}", self::fault(fault))
        }
        Act::Repeat { times, .. } => format!("{times} times"),
        Act::OneOf(acts) => format!("one of these, drawn from the seed: {}", list(&all(acts), "or")),
        Act::Together { spread, acts } => {
            let when = if spread.is_zero() { "at once".to_owned() } else { format!("within {spread}") };
            format!("{when}: {}", list(&all(acts), "and"))
        }
        Act::Pause(span) => format!("do nothing for {span}"),
    }
}

fn all(acts: &[Act]) -> Vec<String> {
    acts.iter().map(act).collect()
}

pub(super) fn target(target: &Target) -> String {
    match target {
        Target::Supervisor => "the supervisor".to_owned(),
        Target::Oldest => "the oldest ready worker".to_owned(),
        Target::Newest => "the newest ready worker".to_owned(),
        Target::Each => "each worker".to_owned(),
        Target::All => "all workers".to_owned(),
        Target::Random(number) => format!("{} drawn from the seed", count(*number, "ready worker")),
        Target::Booting => "a worker that boots".to_owned(),
        Target::Draining => "a worker that drains".to_owned(),
        Target::That => "the one that did so".to_owned(),
        Target::Named(name) => format!("`{name}`"),
        Target::OwnerOf(load) => format!("the worker that owns a connection of `{load}`"),
        Target::Child(of) => format!("a child of {}", self::target(of)),
        Target::Adopted => "a process that the supervisor adopted".to_owned(),
        Target::Bystander => "a bystander".to_owned(),
        Target::In(name, who) => format!("{} of the pool `{name}`", self::target(who)),
        Target::Group => "the supervisor's process group".to_owned(),
    }
}

fn ask(ask: &Ask) -> String {
    match ask {
        Ask::Throw => "throw in a handler".to_owned(),
        Ask::Retire(form) => format!("announce its retirement ({})", retirement(*form)),
        Ask::Exit(code) => format!("exit with status {code}, unannounced"),
        Ask::CloseChannel => "close its channel and live on".to_owned(),
        Ask::Spawn(what) => format!("start {}", child(what)),
        Ask::Flood(bytes) => format!("print {bytes} bytes at once"),
        Ask::Garble(line) => format!("write {line:?} to its channel"),
        Ask::Write { begin, fill, end, times } => {
            let what = match fill {
                0 => format!("{:?}", begin.clone() + end),
                fill => format!("{begin:?}, {} and {end:?}", count(*fill, "byte")),
            };
            let often = if *times == 1 { String::new() } else { format!(" {times} times") };
            format!("write {what} to its channel as they are{often}")
        }
        Ask::Publish { topic, data } => format!("publish {data} as `{topic}`"),
        Ask::Babble { line, per_second, span } => {
            format!("write {line:?} to its channel {per_second} times a second for {span}")
        }
        Ask::Notify(text) => format!("send {text:?} to its NOTIFY_SOCKET"),
        Ask::NotifyFd(text) => format!("write {text:?} where a newline says that it is ready"),
        Ask::Extend(span) => format!("say that it needs {span} more, to get ready or to leave"),
        Ask::Hang => "hang".to_owned(),
        Ask::SignalGroup(signal) => format!("send {signal:?} to its own process group"),
    }
}

pub(super) fn retirement(form: Retirement) -> &'static str {
    match form {
        Retirement::OnePhase => "one-phase: it stops accepting as it says so",
        Retirement::TwoPhase => "two-phase: it goes on accepting until it is told to drain",
        Retirement::Silent => "silent: it says nothing",
    }
}

pub(super) fn child(child: &Child) -> String {
    let mut words = vec![String::from("a process")];
    let mut word = |is: bool, what: &str| {
        if is {
            words.push(what.to_owned());
        }
    };
    word(child.setsid, "in a session of its own");
    word(child.holds_descriptors, "that holds the worker's descriptors");
    word(child.orphan, "whose parent leaves it");
    if let Some(span) = child.lives_for {
        words.push(format!("for {span}"));
    }
    words.join(" ")
}

fn command(command: &Command) -> String {
    match command {
        Command::Start => "start the supervisor".to_owned(),
        Command::Reload => "order a reload".to_owned(),
        Command::Reloads { times, spacing } => format!("order {}, {spacing} apart", count(*times, "reload")),
        Command::Stop => "order a stop".to_owned(),
        Command::Scale(workers) => format!("order a pool of {}", count(*workers, "worker")),
        Command::SecondStart => "start a second supervisor for the same addresses".to_owned(),
        Command::Restart(place) => format!("order that whoever is in place {place} of the pool be replaced"),
        Command::RestartPool => "order that everybody in the pool be replaced".to_owned(),
        Command::Publish { topic, data } => format!("have the operator publish {data} as `{topic}`"),
        Command::In(name, order) => format!("in the pool `{name}` {}", self::command(order)),
        Command::Reopen => "order it to open its log files again".to_owned(),
    }
}

fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Freeze(target) => format!("freeze {}", self::target(target)),
        Fault::Limit { on, resource, to } => limit(target(on), resource, *to),
        Fault::File { which, .. } if which == "directory" => {
            "have the directory in which the supervisor was started deleted".to_owned()
        }
        Fault::File { which, .. } if which == "workers directory" => {
            "have the directory in which workers run deleted".to_owned()
        }
        Fault::File { which, is } => format!(
            "have the {which} file {}",
            match is {
                FileFault::Missing => "missing",
                FileFault::Forbidden => "forbidden",
                FileFault::Empty => "empty",
                FileFault::Full => "on a full disk",
                FileFault::Stale => "what a dead supervisor left",
                FileFault::Foreign => "somebody else's",
                FileFault::Garbage => "a file of other bytes",
                FileFault::Directory => "a directory",
            }
        ),
        Fault::NotRead(Reader::LogReader) => "have nothing read by whoever reads the output".to_owned(),
        Fault::Gone(Reader::LogReader) => "have whoever reads the output close its end, for good".to_owned(),
        Fault::Operators { connections, say } => {
            let say = match say {
                Saying::Nothing => "say nothing".to_owned(),
                Saying::Follow => "want to follow what happens and read nothing of it".to_owned(),
                Saying::Line(line) => format!("say {line:?} over and over"),
            };
            format!("have {} that {say}", count(*connections, "operator"))
        }
        Fault::Stranger(Attempt::Order(order)) => format!("have somebody of another user {}", command(order)),
        Fault::Stranger(Attempt::Notify(who, text)) => {
            format!("have somebody of another user say {text:?} in the name of {}", target(who))
        }
        Fault::AddressHeld => "have the address held by somebody else".to_owned(),
        Fault::AddressShared => "have the address held by somebody else, who lets others listen there".to_owned(),
        Fault::PidReused => "have a bystander get the pid of the worker that was signalled last".to_owned(),
        Fault::Syscall { of, call, nth, times, errno, delay } => {
            let which = match times {
                None => format!("from call {nth} on"),
                Some(1) => format!("at call {nth}"),
                Some(times) => format!("at {} from call {nth} on", count(*times, "call")),
            };
            let late = if delay.is_zero() { String::new() } else { format!("wait for {delay}") };
            let fails = errno.as_ref().map_or(String::new(), |errno| format!("fail with {errno}"));
            let and = if late.is_empty() || fails.is_empty() { "" } else { " and " };
            format!("have {call} of {} {late}{and}{fails} {which}", target(of))
        }
        Fault::ClockStep { by, back } => format!("set the wall clock {by} {}", if *back { "back" } else { "forward" }),
    }
}

fn limit(on: String, resource: &str, to: u64) -> String {
    match resource {
        "pids" => format!("let {on}, with all that is started there, be no more than {to} processes and threads"),
        "cpu" => format!("let {on}, with all that is started there, have no more than {to} % of a processor"),
        "memory" => format!("let {on}, with all that is started there, have no more than {}", count(to, "byte")),
        _ => format!("limit {resource} of {on} to {to}"),
    }
}

/// A sentence without its full stop.
pub(super) fn expect(expect: &Expect) -> String {
    match expect {
        Expect::GivesUp { after_restarts, status } => {
            let restarts = count(*after_restarts, "restart");
            format!("the supervisor gives up after exactly {restarts}, with {}", self::status(*status))
        }
        Expect::NeverGivesUp => "the supervisor never gives up".to_owned(),
        Expect::Exits { status } => format!("the supervisor ends with {}", self::status(*status)),
        Expect::NothingLeft { within } => format!("{within} after its end nothing of it is left"),
        Expect::NothingLost { load } => format!("no request of `{load}` is lost"),
        Expect::CutAtDeadline { load } => {
            format!("connections of `{load}` are cut at the drain deadline, not before and not much after")
        }
        Expect::ReadyAtLeast { workers } => format!("there are always at least {}", count(*workers, "ready worker")),
        Expect::FullAgain { within } => format!("the pool is full again {within} after the last fault or command"),
        Expect::Balanced { load, within } => {
            format!("no worker answers over {} of `{load}` more than another", count(*within, "request"))
        }
        Expect::Current { topic, within } => {
            format!("{within} after each change of `{topic}` every subscriber that is ready knows it")
        }
        Expect::Answered { within } => format!("an operator who asks is answered within {within}"),
        Expect::Grows { memory, descriptors } => format!(
            "the supervisor never takes over {} more than before the first step, and keeps no more than {} more",
            count(*memory, "byte"),
            count(*descriptors, "descriptor")
        ),
        Expect::Spends { percent } => {
            format!("while a fault is on the supervisor takes at most {percent} % of one processor")
        }
        Expect::Wakes { at_most } => {
            format!("for each connection the workers wake {} at most, all of them together", count(*at_most, "time"))
        }
        Expect::Births { min, max } if min == max => format!("exactly {} are born in all", count(*max, "worker")),
        Expect::Births { min, max } => format!("between {min} and {} are born in all", count(*max, "worker")),
    }
}

fn status(status: StatusIs) -> String {
    match status {
        StatusIs::Zero => "status 0".to_owned(),
        StatusIs::NonZero => "a status other than 0".to_owned(),
        StatusIs::Code(code) => format!("status {code}"),
    }
}

/// What a load does, after its name.
pub(super) fn load(load: &Load) -> String {
    let each = |per_worker: &bool| if *per_worker { " on each worker" } else { "" };
    let what = match load {
        Load::Probe { every, hold, .. } if hold.is_zero() => {
            format!("a fresh connection with one request every {every}")
        }
        Load::Probe { every, hold, .. } => {
            format!("a fresh connection with one request, answered after {hold}, every {every}")
        }
        Load::Hold { connections, per_worker, hold, .. } => {
            format!("{}{}, each with a request that takes {hold}", count(*connections, "connection"), each(per_worker))
        }
        Load::Park { connections, per_worker, reuse, .. } => {
            let idle = reuse.map_or("idle after one answer".to_owned(), |span| format!("asking again within {span}"));
            format!("{}{}, kept alive and {idle}", count(*connections, "connection"), each(per_worker))
        }
        Load::Flood { per_second, .. } => format!("{} a second", count(*per_second, "connection")),
        Load::Slow { connections, byte_every: Some(every), .. } => {
            format!("{} that send a byte every {every}", count(*connections, "connection"))
        }
        Load::Slow { connections, reads: Some(bulk), .. } => {
            let Bulk { bytes, piece, every } = bulk;
            format!(
                "{}, each with an answer of {bytes} bytes, of which it reads {piece} every {every}: all of it in {}",
                count(*connections, "connection"),
                bulk.takes()
            )
        }
        Load::Slow { connections, writes: Some(bulk), .. } => {
            let Bulk { bytes, piece, every } = bulk;
            let how = if every.is_zero() {
                "as fast as it can".to_owned()
            } else {
                format!("{piece} of them every {every}: all of it in {}", bulk.takes())
            };
            format!("{}, each with a request of {bytes} bytes, sent {how}", count(*connections, "connection"))
        }
        Load::Slow { connections, .. } => {
            format!("{} that send nothing", count(*connections, "connection"))
        }
        Load::Poison { every, one_in, does, .. } => {
            let does = match does {
                Harm::Throw => "makes the handler throw".to_owned(),
                Harm::Exit(code) => format!("makes the worker exit with status {code}"),
                Harm::Hang => "makes the worker hang".to_owned(),
                Harm::Retire => "makes the worker retire".to_owned(),
            };
            format!("a fresh connection with one request every {every}; one in {one_in} {does}")
        }
    };
    if load.on_demand() { format!("{what}, from the step that starts it") } else { what }
}

//! Lives in words.

use crate::scenario::{Exit, Life, LifeRecord, Lives, Phase};

use super::words::{child, count, retirement};

/// Who lives how, a sentence each.
pub(super) fn lives(lives: &Lives) -> Vec<String> {
    let mut said = Vec::new();
    in_order(&mut said, "", &lives.first);
    for (generation, lives) in &lives.generation {
        in_order(&mut said, &format!(" of generation {generation}"), lives);
    }
    let who = if said.is_empty() { "every worker" } else { "every other worker" };
    said.push(format!("{who} {}", life(&lives.then)));
    said
}

/// Runs of the same life are told once.
fn in_order(said: &mut Vec<String>, of: &str, lives: &[Life]) {
    let mut from = 0;
    while from < lives.len() {
        let mut to = from + 1;
        while to < lives.len() && lives[to] == lives[from] {
            to += 1;
        }
        let who = if to - from == 1 { format!("worker {to}") } else { format!("each of workers {} to {to}", from + 1) };
        said.push(format!("{who}{of} {}", life(&lives[from])));
        from = to;
    }
}

fn life(life: &Life) -> String {
    match life {
        Life::Serve => "serves".to_owned(),
        Life::Crash { at, code, after } => exit(Exit::with(*at, *after, *code)),
        Life::Hang { at } => format!("hangs {}", phase(*at)),
        Life::IgnoreTerm => "serves, and obeys neither TERM nor a drain order".to_owned(),
        Life::SlowBoot(span) => format!("takes {span} to get ready, then serves"),
        Life::SlowStop(span) => format!("serves, and takes {span} to exit after it has drained"),
        Life::RetireAtFirstRequest(form) => {
            format!("announces its retirement when it has answered its first request ({})", retirement(*form))
        }
        Life::Leak(bytes) => format!("serves, and leaks {} with every request", count(*bytes, "byte")),
        Life::Flood(bytes) => format!("serves, and prints {} a second", count(*bytes, "byte")),
        Life::Record(record) => self::record(record),
    }
}

fn exit(exit: Exit) -> String {
    let after =
        if exit.after.is_zero() { String::new() } else { format!("{} after the beginning of this: ", exit.after) };
    let how = match exit.signal {
        Some(signal) => format!("ends unannounced by {signal:?}"),
        None => format!("exits unannounced with status {}", exit.code),
    };
    format!("{how} {after}{}", phase(exit.at))
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Boot => "as it boots",
        Phase::Ready => "when it is ready",
        Phase::Request => "when it has read its first request",
        Phase::Drain => "when it has stopped accepting",
    }
}

fn record(record: &LifeRecord) -> String {
    let mut said = Vec::new();
    if record.never_ready {
        said.push("never gets ready".to_owned());
    } else if !record.boot.is_zero() {
        said.push(format!("takes {} to get ready", record.boot));
    } else {
        said.push("serves".to_owned());
    }
    said.extend(record.exit.map(exit));
    let hangs = if record.busy { "spins" } else { "hangs" };
    said.extend(record.hang.map(|at| format!("{hangs} {}", phase(at))));
    if record.silent {
        said.push("never says that it makes progress".to_owned());
    }
    said.push(format!("leaves in this form: {}", retirement(record.retire)));
    said.extend(record.retire_after.map(|requests| format!("retires after {}", count(requests, "request"))));
    said.extend(record.lifetime.map(|span| format!("retires when it has been ready for {span}")));
    if record.ignore_term {
        said.push("obeys neither TERM nor a drain order".to_owned());
    }
    if !record.slow_stop.is_zero() {
        said.push(format!("takes {} to exit after it has drained", record.slow_stop));
    }
    if record.leak > 0 {
        said.push(format!("leaks {} with every request", count(record.leak, "byte")));
    }
    said.extend(record.output.map(|output| format!("prints {} a second", count(output.bytes_per_second, "byte"))));
    said.extend(record.stderr.map(|it| format!("prints {} a second as errors", count(it.bytes_per_second, "byte"))));
    if record.last_words > 0 {
        let bytes = count(record.last_words, "byte");
        said.push(format!("prints {bytes} on standard output and as many as errors right before it exits"));
    }
    said.extend(record.subscribe.iter().map(|topic| format!("wants to be told of `{topic}`")));
    if record.deaf {
        said.push("never reads its channel".to_owned());
    }
    said.extend(record.children.iter().map(|one| format!("starts {}", child(one))));
    said.join("; ")
}

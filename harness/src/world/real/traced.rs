//! A whole life of the supervisor under strace(1), from its first system call on: what it called, and which of those calls failed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal as Kernel, WaitId, WaitIdOptions, kill_process, waitid};
use serde::{Deserialize, Serialize};

use crate::history::{Event, Proc, What};
use crate::time::Time;

use super::clock;
use super::tracer::{self, Strace};

/// A life that is to be traced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The kernel's name of the call with which the supervisor's own begin: before it are those of who loads a program, and of
    /// the runtime of its language.
    pub first: String,
    /// What fails, if anything does.
    pub strike: Option<Strike>,
}

/// Which calls fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strike {
    /// The kernel's name.
    pub call: String,
    /// What it may be a part of: said of each in the history.
    pub of: Vec<String>,
    /// How, by name.
    pub errno: String,
    /// The first one, counted from 1, those before the supervisor's own included.
    pub nth: u32,
    /// How many; all that follow if there is no number.
    pub times: Option<u32>,
}

/// What a tracer saw of a life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// Calls before the supervisor's own, by the kernel's names.
    pub before: BTreeMap<String, u64>,
    /// Its own calls.
    pub calls: BTreeMap<String, u64>,
    /// How many were made to fail.
    pub failed: u64,
    /// Everything that the supervisor wrote: event lines, and what it told people.
    pub said: String,
}

/// How often it is told for how long the tracer has kept the supervisor waiting.
const EVERY: Duration = Duration::from_millis(50);

/// A tracer at work.
#[derive(Debug)]
pub struct Life {
    strace: Strace,
    proc: Proc,
    trace: Trace,
    log: PathBuf,
    /// How long the tracer had worked when that was told last, and when.
    told: (Time, u64),
}

impl Life {
    /// Waits until `proc` has stopped, and lets it go on when the tracer has it.
    ///
    /// # Errors
    /// Why it can't be traced, in words.
    pub fn begin(trace: &Trace, proc: Proc, dir: &Path) -> Result<Self, String> {
        let pid = i32::try_from(proc.pid).ok().and_then(Pid::from_raw).ok_or("not a pid")?;
        let ends = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let stopped = waitid(WaitId::Pid(pid), ends).map_err(|error| error.to_string())?;
        if !stopped.is_some_and(|status| status.stopped()) {
            return Err("the supervisor ended before its tracer was there".to_owned());
        }
        let log = dir.join("strace");
        // Short lines, each with its instant.
        let mut args: Vec<String> = ["-ttt", "-s", "0", "-e", "verbose=none"].map(str::to_owned).into();
        args.extend(trace.strike.iter().flat_map(|one| {
            let inject = format!("inject={}:error={}:when={}", one.call, one.errno, tracer::when(one.nth, one.times));
            ["-e".to_owned(), inject]
        }));
        let strace = Strace::attach(&args, &[proc], &log)?;
        kill_process(pid, Kernel::CONT).map_err(|error| format!("it can't be let go: {error}"))?;
        Ok(Self { strace, proc, trace: trace.clone(), log, told: (clock::now(), 0) })
    }

    /// For how long the supervisor may have waited for its tracer since it was told last, if that is worth telling.
    pub fn look(&mut self) -> Option<Event> {
        let (since, former) = self.told;
        let now = clock::now();
        let worked = if now.since(since) < EVERY { 0 } else { self.strace.worked() };
        if worked <= former {
            return None;
        }
        self.told = (now, worked);
        Some(Event::at(now, What::Stall { proc: Some(self.proc), since, delay_ns: worked - former }))
    }

    /// What came of it: what was seen, and what the history has to tell of that. `said`: what the supervisor wrote.
    pub fn finish(mut self, said: String) -> (Traced, Vec<Event>) {
        self.strace.end();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ago = |at: Duration| clock::now() - wall.saturating_sub(at);
        let text = fs::read(&self.log).unwrap_or_default();
        let (traced, hits) = read(&String::from_utf8_lossy(&text), &self.trace);
        let on = || vec![self.proc];
        let told = hits.into_iter().flat_map(|(at, fault)| {
            [
                Event::at(ago(at), What::FaultBegan { step: Vec::new(), fault, on: on() }),
                Event::at(ago(at), What::Healed { step: Vec::new() }),
            ]
        });
        (Traced { said, ..traced }, told.collect())
    }
}

/// What a log of strace says: the calls, and when which of them failed on purpose.
fn read(log: &str, trace: &Trace) -> (Traced, Vec<(Duration, String)>) {
    let mut traced = Traced::default();
    let mut hits = Vec::new();
    let mut own = false;
    let of: Vec<String> = trace.strike.iter().flat_map(|one| &one.of).map(|kind| format!("of {kind}")).collect();
    let part = if of.is_empty() { String::new() } else { format!(", part {}", of.join(" or ")) };
    for line in log.lines() {
        let Some((at, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.split_once('(').filter(|(call, _)| is_name(call)) else { continue };
        own |= call == trace.first;
        let calls = if own { &mut traced.calls } else { &mut traced.before };
        let number = calls.entry(call.to_owned()).or_default();
        *number += 1;
        if rest.ends_with("(INJECTED)") {
            traced.failed += 1;
            let how = rest.rsplit_once(" = -1 ").and_then(|(_, end)| end.split(' ').next()).unwrap_or("?");
            let at = at.parse().ok().and_then(|secs| Duration::try_from_secs_f64(secs).ok()).unwrap_or_default();
            hits.push((at, format!("call {number} of {call}{part}: {how}")));
        }
    }
    (traced, hits)
}

/// Signals and ends of processes are told among the calls.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_calls_are_counted_from_the_first_one_on_and_those_that_failed_are_told() {
        let log = "\
1.000001 execve(0x1, 0x2, 0x3) = 0
1.000002 read(3, 0x7f, 832) = 832
1.000003 pipe2(0x7f, O_NONBLOCK) = 0
1.000004 read(5, 0x7f, 546) = 546
1.000005 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED} ---
1.500000 read(5, 0x7f, 32) = -1 EIO (Input/output error) (INJECTED)
1.600000 read(5, 0x7f, 32) = -1 EAGAIN (Resource temporarily unavailable)
1.700000 exit_group(0) = ?
1.700001 +++ exited with 0 +++
";
        let of = ["read", "receive"].map(str::to_owned).into();
        let strike = Strike { call: "read".to_owned(), of, errno: "EIO".to_owned(), nth: 3, times: Some(1) };
        let (traced, hits) = read(log, &Trace { first: "pipe2".to_owned(), strike: Some(strike) });
        assert_eq!(traced.before, [("execve".to_owned(), 1), ("read".to_owned(), 1)].into());
        let own = [("exit_group", 1), ("pipe2", 1), ("read", 3)];
        assert_eq!(traced.calls, own.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(traced.failed, 1);
        assert_eq!(hits, [(Duration::from_millis(1500), "call 2 of read, part of read or of receive: EIO".to_owned())]);
    }
}

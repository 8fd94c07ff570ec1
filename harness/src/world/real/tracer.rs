//! System calls that fail or wait: strace(1), attached to a live process, does that to them on their way into the kernel.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::history::{Event, Proc, What};
use crate::scenario::{Act, Fault, Span};
use crate::world::Plan;

use super::clock;
use crate::time::Time;

/// strace counts no further.
const NEVER: u32 = 65_535;

/// A process of strace.
#[derive(Debug)]
pub struct Strace(Child);

/// A tracer at work.
#[derive(Debug)]
pub struct Tracer {
    strace: Strace,
    since: Time,
    on: Vec<Proc>,
    call: String,
    log: PathBuf,
}

/// Why calls can't be made to fail as a plan asks for, in words; `None` if they can, or need not. What is tried is what the
/// scenario wants, on a program in which it strikes never: so a call that strace does not know is found out, too.
pub fn forbids(plan: &Plan) -> Option<String> {
    // Where nothing is to be run nothing is tried.
    if plan.bins.harness.as_os_str().is_empty() {
        return None;
    }
    let mut wrong = None;
    let mut look = |fault: &Fault| {
        if let Fault::Syscall { call, errno, delay, .. } = fault
            && wrong.is_none()
        {
            wrong = tried(call, errno.as_deref(), *delay).err();
        }
    };
    faults(plan).iter().for_each(&mut look);
    wrong.map(|why| format!("here: no system call can be made to fail ({why})"))
}

fn faults(plan: &Plan) -> Vec<Fault> {
    let found = std::cell::RefCell::new(Vec::new());
    let note = |act: &Act| {
        if let Act::During { fault, .. } = act {
            found.borrow_mut().push(fault.clone());
        }
        false
    };
    for step in &plan.scenario.steps {
        step.any(&note);
    }
    found.into_inner()
}

/// Whether anybody may be traced here.
///
/// # Errors
/// Why not, in words.
pub fn can_trace() -> Result<(), String> {
    tried("ppoll", Some("EINTR"), Span::default())
        .map_err(|why| format!("here: no system call can be made to fail ({why})"))
}

fn tried(call: &str, errno: Option<&str>, delay: Span) -> Result<(), String> {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null"]).args(injecting(call, errno, delay, &NEVER.to_string())).arg("true");
    let output = strace.stdin(Stdio::null()).output().map_err(|error| format!("no `strace`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("it says nothing").to_owned();
    Err(said)
}

fn injecting(call: &str, errno: Option<&str>, delay: Span, when: &str) -> [String; 4] {
    let fails = errno.map_or(String::new(), |errno| format!(":error={errno}"));
    // In microseconds.
    let waits = if delay.is_zero() { String::new() } else { format!(":delay_enter={}", delay.0.as_micros()) };
    let inject = format!("inject={call}{fails}{waits}:when={when}");
    ["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), inject]
}

/// Which calls, in strace's words.
pub fn when(nth: u32, times: Option<u32>) -> String {
    match times {
        None => format!("{nth}+"),
        Some(1) => nth.to_string(),
        Some(times) => format!("{nth}..{}", nth.saturating_add(times - 1)),
    }
}

impl Tracer {
    /// From now on calls of these processes fail, counted from here.
    ///
    /// # Errors
    /// Why they can't be traced, in words.
    pub fn attach(fault: &Fault, on: &[Proc], dir: &Path) -> Result<Self, String> {
        let Fault::Syscall { call, nth, times, errno, delay, .. } = fault else {
            return Err("not a fault of system calls".to_owned());
        };
        let since = clock::now();
        let log = dir.join(format!("strace-{call}-{}", since.as_nanos()));
        let strace = Strace::attach(&injecting(call, errno.as_deref(), *delay, &when(*nth, *times)), on, &log)?;
        Ok(Self { strace, since, on: on.to_vec(), call: call.clone(), log })
    }

    /// The processes go on by themselves. Gives what is to be told: for how long they may have waited for the tracer, and
    /// whether anything failed at all.
    pub fn detach(mut self) -> Vec<Event> {
        let waited = self.strace.worked();
        self.strace.end();
        let now = clock::now();
        let stall = |proc: &Proc| What::Stall { proc: Some(*proc), since: self.since, delay_ns: waited };
        let mut told: Vec<Event> = self.on.iter().map(|proc| Event::at(now, stall(proc))).collect();
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        if !["(INJECTED)", "(DELAYED)"].iter().any(|hit| log.contains(hit)) {
            let why = format!("none of the calls of `{}` was one that had to fail or to wait", self.call);
            told.push(Event::at(now, What::Incomplete { why }));
        }
        told
    }
}

impl Strace {
    /// strace with these arguments, when it holds all these processes. What it sees is written to `log`.
    ///
    /// # Errors
    /// Why they can't be traced, in words.
    pub fn attach(args: &[String], on: &[Proc], log: &Path) -> Result<Self, String> {
        let mut strace = Command::new("strace");
        strace.arg("-o").arg(log).args(args);
        strace.args(on.iter().flat_map(|proc| ["-p".to_owned(), proc.pid.to_string()]));
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = strace.spawn().map_err(|error| format!("strace: {error}"))?;
        let said = child.stderr.take().map(BufReader::new);
        let strace = Self(child);
        // It says so of each process as soon as it holds it.
        let mut lines = said.into_iter().flat_map(BufRead::lines);
        for _ in on {
            match lines.next() {
                Some(Ok(line)) if line.ends_with("attached") => {}
                Some(Ok(line)) => return Err(line),
                Some(Err(error)) => return Err(format!("strace: {error}")),
                None => return Err("strace ended at once".to_owned()),
            }
        }
        Ok(strace)
    }

    /// A traced process stands still while its tracer works, and while that waits for a processor: never for longer in sum.
    pub fn worked(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/schedstat", self.0.id())).unwrap_or_default();
        text.split_ascii_whitespace().take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    }

    /// It lets go of whoever it holds, and has written all that it saw.
    pub fn end(&mut self) {
        // One that has gone with those that it traced may have been reaped by the runner: then there is nobody to end.
        if matches!(self.0.try_wait(), Ok(None)) {
            let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                // It lets go of them before it ends.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            let _ = self.0.wait();
        }
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_as_strace_does() {
        assert_eq!(when(1, None), "1+");
        assert_eq!(when(3, Some(1)), "3");
        assert_eq!(when(3, Some(4)), "3..6");
    }

    #[test]
    fn a_call_that_nobody_knows_is_found_out_before_anything_is_run() {
        let why = tried("no_such_call", Some("EAGAIN"), Span::default()).expect_err("no such call");
        assert!(why.contains("no_such_call") || why.contains("no `strace`"), "{why}");
    }
}

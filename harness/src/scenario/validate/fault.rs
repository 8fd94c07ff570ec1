//! Faults: whether what they hit is there, and is hit by one of them at a time.

use std::cell::RefCell;

use crate::scenario::{Act, Attempt, Command, Fault, FileFault, OutputWay, Owns, Reader, Ready};

use super::steps::{FILES, Steps};

impl Steps<'_> {
    /// Whether the output takes a way on which this fault can hit it.
    pub(super) fn output(&mut self, fault: &Fault) {
        let way = self.scenario.pool.output;
        match fault {
            Fault::NotRead(Reader::LogReader) | Fault::Gone(Reader::LogReader)
                if !matches!(way, Some(OutputWay::Inherit | OutputWay::Prefixed)) =>
            {
                let expected = "`output: Inherit` or `output: Prefixed` in the pool";
                self.checker.wrong_at(0, "nobody reads the output in this pool").expected(expected);
            }
            Fault::File { which, .. } if which.starts_with("log") && way != Some(OutputWay::Files) => {
                let what = "there is no log file in this pool";
                self.checker.wrong_in("which", what).expected("`output: Files` in the pool");
            }
            _ => {}
        }
    }

    /// Whether the kernel takes so much for a limit.
    pub(super) fn amount(&mut self, resource: &str, to: u64) {
        let (valid, of) = match resource {
            "pids" => (0..=4_194_304, "processes and threads"),
            "cpu" => (1..=100_000, "percent of one processor"),
            "memory" => (1..=i64::MAX.unsigned_abs(), "bytes"),
            _ => return,
        };
        if !valid.contains(&to) {
            let what = format!("{to} is no limit of `{resource}`");
            self.checker.wrong_in("to", what).expected(format!("{} to {} {of}", valid.start(), valid.end()));
        }
    }

    /// Whether the pool has what this fault hits.
    pub(super) fn owned(&mut self, fault: &Fault) {
        let lacks = |one: &Owns| !self.scenario.pool.owns.contains(one);
        let own_directory = self.scenario.pool.identity.as_ref().is_some_and(|identity| identity.directory);
        match fault {
            Fault::File { which, .. } if which == "workers directory" && !own_directory => {
                let what = "the workers of this pool run where the supervisor was started";
                self.checker.wrong_in("which", what).expected("`identity: (directory: true)` in the pool");
            }
            Fault::File { which, .. } => {
                if let Some(one) = Owns::ALL.iter().find(|one| one.name() == which).filter(|one| lacks(one)) {
                    let what = format!("the file `{which}` is none of this pool's");
                    self.checker.wrong_in("which", what).expected(format!("`owns: [{one:?}]` in the pool"));
                }
            }
            Fault::Operators { .. } | Fault::Stranger(Attempt::Order(_)) if lacks(&Owns::Control) => {
                let what = "there is no socket in this pool that operators could connect to";
                self.checker.wrong(what).expected("`owns: [Control]` in the pool");
            }
            _ => {}
        }
    }

    /// Whether there is a way to say it.
    pub(super) fn attempt(&mut self, attempt: &Attempt, that: bool) {
        self.checker.enter_index(0);
        match attempt {
            Attempt::Order(Command::Stop) => {}
            Attempt::Order(order) => {
                self.checker.enter_index(0);
                self.command(order);
                self.checker.leave();
                let said = matches!(
                    order,
                    Command::Restart(_) | Command::RestartPool | Command::Publish { .. } | Command::In(..)
                );
                if !said {
                    let what = "that is not said on the control socket";
                    self.checker.wrong_at(0, what).expected("one of: Stop, Restart, RestartPool, Publish, In");
                }
            }
            Attempt::Notify(..) if self.scenario.pool.ready != Some(Ready::Notify) => {
                self.checker.wrong("its workers have no such socket").expected("`ready: Notify` in the pool");
            }
            Attempt::Notify(who, _) => self.target_at(who, that),
        }
        self.checker.leave();
    }

    /// Whether a file can be spoilt like this.
    pub(super) fn spoilt(&mut self, which: &str, is: FileFault) {
        let can = spoilt(which);
        if FILES.contains(&which) && !can.contains(&is) {
            let names: Vec<String> = can.iter().map(|is| format!("{is:?}")).collect();
            let what = format!("this can't be done to the file `{which}`");
            self.checker.wrong_in("is", what).expected(format!("one of: {}", names.join(", ")));
        }
    }

    /// Whether a fault that is not over hits the same: which of the two would heal it?
    pub(super) fn hit_twice(&mut self, fault: &Fault) {
        if let Some(thing) = thing(fault).filter(|thing| self.hit.contains(thing)) {
            let expected = "faults of the same thing come one after the other";
            self.checker.wrong(format!("{thing} is hit already, by another fault that is not over")).expected(expected);
        }
    }
}

/// What a fault hits, in words, if another one that hits the same would be healed by its end, or the other way round.
pub(super) fn thing(fault: &Fault) -> Option<String> {
    match fault {
        Fault::File { which, .. } if which.starts_with("log") => Some("the log".to_owned()),
        Fault::File { which, .. } => Some(format!("the file `{which}`")),
        // A process is in one control group at a time, whatever the group limits.
        Fault::Limit { on, resource, .. } if matches!(resource.as_str(), "memory" | "pids" | "cpu") => {
            Some(format!("the control group of {on:?}"))
        }
        Fault::Limit { on, resource, .. } => Some(format!("the limit `{resource}` of {on:?}")),
        Fault::AddressHeld | Fault::AddressShared => Some("the address".to_owned()),
        Fault::PidReused => Some("the pid of a dead worker".to_owned()),
        Fault::NotRead(Reader::LogReader) => Some("the reader of the output".to_owned()),
        // Nothing heals it.
        Fault::Gone(Reader::LogReader) => None,
        Fault::Freeze(_)
        | Fault::Operators { .. }
        | Fault::Stranger(_)
        | Fault::Syscall { .. }
        | Fault::ClockStep { .. } => None,
    }
}

/// The same of all faults of an act.
pub(super) fn things(act: &Act) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    act.any(&|act| {
        if let Act::During { fault, .. } = act {
            found.borrow_mut().extend(thing(fault));
        }
        false
    });
    found.into_inner()
}

/// What can be wrong with a file of the subject.
fn spoilt(which: &str) -> &'static [FileFault] {
    use FileFault::{Directory, Empty, Forbidden, Foreign, Full, Garbage, Missing, Stale};
    match which {
        "log" => &[Missing, Directory, Full],
        "control" | "socket" | "pidfile" => &[Missing, Empty, Stale, Foreign, Garbage, Directory],
        "program" | "config" => &[Missing, Forbidden, Empty],
        _ => &[Missing],
    }
}

//! Mutants that treat the output of workers badly.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::kernel::{Child, Errno, Fd, Spawned, Wait, Watch};

use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFault {
    /// While its own output is not read it reads none of its workers'.
    WaitsForReader,
    /// Nor does it hear what they say.
    HearsNobody,
    /// Its own writes block.
    BlocksItself,
    /// What was written before a death and not read is not read any more.
    DropsLastWords,
    /// What does not fit is lost, and taken for written.
    LosesUncounted,
    /// So is the rest of what fits in part.
    CutsLines,
    /// Files stay open for ever.
    NeverReopens,
    /// A line that nobody will ever read is an error that nothing can be done about.
    DiesWithReader,
    /// A line that nobody will ever read is tried again.
    TriesForEver,
}

const fn kernel(fault: OutputFault) -> Mutation {
    Mutation::Kernel(KernelFault::Output(fault))
}

/// All of them.
pub const OUTPUT: [Mutant; 8] = [
    Mutant {
        name: "output-waits-for-its-reader",
        sentence: "nothing is read of what workers write while nobody reads the supervisor's own output",
        scenario: "output/reader",
        caught_by: "INV-OUTPUT",
        consequences: &[],
        mutation: kernel(OutputFault::WaitsForReader),
    },
    Mutant {
        name: "deaf-until-its-output-is-read",
        sentence: "no sign of life is heard while nobody reads the supervisor's own output, and who gave one is killed",
        scenario: "hang/heartbeat",
        caught_by: "INV-DETECT",
        consequences: &[("INV-FLOOR", "healthy workers are missing")],
        mutation: kernel(OutputFault::HearsNobody),
    },
    Mutant {
        name: "blocks-at-its-own-output",
        sentence: "it waits itself until its output is read",
        scenario: "output/reader::inherited",
        caught_by: "INV-FLOOR",
        consequences: &[("INV-INTENSITY", "a replacement comes late"), ("INV-REAP", "and so does who reaps")],
        mutation: kernel(OutputFault::BlocksItself),
    },
    Mutant {
        name: "drops-last-words",
        sentence: "a worker's pipes are closed at its death, whatever is still in them",
        scenario: "output/tail::supervisor_suspended",
        caught_by: "INV-OUTPUT",
        consequences: &[],
        mutation: kernel(OutputFault::DropsLastWords),
    },
    Mutant {
        name: "loses-lines-uncounted",
        sentence: "lines that nobody takes are taken for written",
        scenario: "output/reader",
        caught_by: "INV-OUTPUT",
        consequences: &[],
        mutation: kernel(OutputFault::LosesUncounted),
    },
    Mutant {
        name: "cuts-lines",
        sentence: "a write that was taken in part is taken for a whole one",
        scenario: "output/reader",
        caught_by: "INV-OUTPUT",
        consequences: &[],
        mutation: kernel(OutputFault::CutsLines),
    },
    Mutant {
        name: "never-reopens",
        sentence: "a log file that was moved away is written for ever",
        scenario: "output/log",
        caught_by: "INV-OUTPUT",
        consequences: &[],
        mutation: kernel(OutputFault::NeverReopens),
    },
    Mutant {
        name: "dies-with-its-reader",
        sentence: "it ends when nobody will ever read what it says",
        scenario: "output/gone",
        caught_by: "INV-ISOLATE",
        consequences: &[],
        mutation: kernel(OutputFault::DiesWithReader),
    },
];

/// What such a supervisor keeps in mind.
#[derive(Debug, Default)]
pub struct Plumbing {
    /// The pipes of workers, by the worker.
    pipes: BTreeMap<Fd, Child>,
    /// Their channels.
    channels: BTreeSet<Fd>,
    dead: BTreeSet<Child>,
    /// Where the last write did not fit.
    stuck: BTreeSet<Fd>,
    /// Whether nobody will ever read what was written last.
    broken: bool,
}

impl Plumbing {
    /// A worker was started.
    pub fn spawned(&mut self, spawned: &Spawned) {
        self.dead.remove(&spawned.child);
        self.channels.extend(spawned.channel);
        self.pipes.extend([spawned.stdout, spawned.stderr].into_iter().flatten().map(|fd| (fd, spawned.child)));
    }

    /// A worker has ended.
    pub fn ended(&mut self, child: Child) {
        self.dead.insert(child);
    }

    /// A descriptor is closed; its number may be another's soon.
    pub fn closed(&mut self, fd: Fd) {
        self.pipes.remove(&fd);
        self.channels.remove(&fd);
        self.stuck.remove(&fd);
    }

    /// Whether it reads nothing there for now.
    fn ignores(&self, fault: OutputFault, fd: Fd) -> bool {
        let ignored = match fault {
            OutputFault::WaitsForReader => self.pipes.contains_key(&fd),
            OutputFault::HearsNobody => self.channels.contains(&fd),
            _ => false,
        };
        ignored && !self.stuck.is_empty()
    }

    /// What a read comes to, where it is not what the kernel says.
    pub fn receive(&self, fault: OutputFault, fd: Fd) -> Option<Result<usize, Errno>> {
        if self.ignores(fault, fd) {
            return Some(Err(Errno::AGAIN));
        }
        let dead = self.pipes.get(&fd).is_some_and(|child| self.dead.contains(child));
        (dead && fault == OutputFault::DropsLastWords).then_some(Ok(0))
    }

    /// Whether it can't go on.
    pub fn is_fatal(&self, fault: OutputFault) -> bool {
        self.broken && fault == OutputFault::DiesWithReader
    }

    /// What is watched.
    pub fn watches(&self, fault: OutputFault, watches: &[Watch]) -> Vec<Watch> {
        watches.iter().filter(|watch| !self.ignores(fault, watch.fd)).copied().collect()
    }

    /// What a write of so many bytes comes to.
    pub fn wrote(
        &mut self,
        fault: OutputFault,
        fd: Fd,
        bytes: usize,
        wrote: Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        if wrote == Ok(bytes) {
            self.stuck.remove(&fd);
        } else {
            self.stuck.insert(fd);
        }
        self.broken |= wrote == Err(Errno::PIPE);
        match (fault, wrote) {
            (OutputFault::TriesForEver, Err(Errno::PIPE)) => Err(Errno::AGAIN),
            (OutputFault::LosesUncounted, Err(Errno::AGAIN)) => Ok(bytes),
            (OutputFault::CutsLines, Ok(_)) => Ok(bytes),
            (_, wrote) => wrote,
        }
    }
}

/// Waits until a descriptor can be written, and for nothing else.
pub fn wait_for_room<K: Wait>(kernel: &mut K, fd: Fd) {
    // An error is the next write's, too.
    _ = kernel.wait(&[Watch { fd, read: false, write: true }], None, &mut Vec::new());
}

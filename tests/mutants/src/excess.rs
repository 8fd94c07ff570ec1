//! Mutants that take, or say, more and more.

use supervisor::kernel::{Fd, Files};

use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// Of what there is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Memory, for each worker that it starts.
    Memory,
    /// Lines, whatever happens.
    Lines,
    /// Lines about each death.
    Obituaries,
}

/// Those that a simulation shows.
pub const EXCESS: [Mutant; 2] = [
    Mutant {
        name: "talks-at-rest",
        sentence: "whenever it looks whether there is something to do it says so, a thousand times a second",
        scenario: "environment/idle",
        caught_by: "INV-STATIONARY",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Excess(Excess::Lines)),
    },
    Mutant {
        name: "tells-deaths-at-length",
        sentence: "it writes two hundred lines about each death",
        scenario: "drift",
        caught_by: "INV-STATIONARY",
        consequences: &[],
        mutation: Mutation::Kernel(KernelFault::Excess(Excess::Obituaries)),
    },
];

/// The one that only real processes show.
pub const KEEPS_MEMORY: Mutant = Mutant {
    name: "keeps-memory",
    sentence: "what it took for a worker it keeps when that is gone",
    scenario: "drift",
    caught_by: "INV-STATIONARY",
    consequences: &[],
    mutation: Mutation::Kernel(KernelFault::Excess(Excess::Memory)),
};

/// Bytes that are kept of each worker.
const OF_A_WORKER: usize = 64 * 1024;

/// A line that says nothing.
const LINE: &[u8] = b"{\"event\":\"note\"}\n";

/// How many lines a death is worth.
const OBITUARY: usize = 200;

/// What is kept, and where lines go.
#[derive(Debug, Default)]
pub struct Hoard {
    kept: Vec<Vec<u8>>,
    stream: Option<Fd>,
}

impl Hoard {
    /// A worker was started.
    pub fn started(&mut self, fault: KernelFault) {
        if fault == KernelFault::Excess(Excess::Memory) {
            self.kept.push(vec![1; OF_A_WORKER]);
        }
    }

    /// Something is open to which lines are appended: the event stream is the first.
    pub fn opened(&mut self, fd: Fd) {
        self.stream.get_or_insert(fd);
    }

    /// It looks whether there is something to do; whether it does so again soon.
    pub fn looks(&self, fault: KernelFault, kernel: &mut impl Files) -> bool {
        let talks = fault == KernelFault::Excess(Excess::Lines);
        self.say(usize::from(talks), kernel);
        talks
    }

    /// A worker is gone.
    pub fn ended(&self, fault: KernelFault, kernel: &mut impl Files) {
        self.say(if fault == KernelFault::Excess(Excess::Obituaries) { OBITUARY } else { 0 }, kernel);
    }

    fn say(&self, times: usize, kernel: &mut impl Files) {
        if let Some(stream) = self.stream {
            // A line that can't be written is one less.
            (0..times).for_each(|_| _ = kernel.write(stream, LINE));
        }
    }
}

//! Supervisors that tell their operator what is not so, or nothing.

use supervisor::kernel::{Errno, Fd, Streams};

use crate::channels::{ChannelFault, send_all};
use crate::faulty::KernelFault;
use crate::mutant::{Mutant, Mutation};

/// What is wrong with what operators are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkFault {
    /// Whatever became of an order, it was carried out.
    SaysDone,
    /// Everybody is told what the first one was told who asked.
    AnswersFromMemory,
    /// Nobody is told anything.
    AnswersNobody,
}

/// What was told.
#[derive(Debug, Default)]
pub struct Talk(Option<Vec<u8>>);

impl Talk {
    /// Says to the operator at `fd` what there is to say, or something else.
    pub fn send(&mut self, kernel: &mut impl Streams, fd: Fd, bytes: &[u8], fault: TalkFault) -> Result<usize, Errno> {
        let said = String::from_utf8_lossy(bytes);
        match fault {
            TalkFault::SaysDone => send_all(kernel, fd, said.replace("\"error\"", "\"done\"").as_bytes()),
            TalkFault::AnswersFromMemory if said.contains("\"reply\":\"status\"") => {
                send_all(kernel, fd, self.0.get_or_insert_with(|| bytes.to_owned()));
            }
            TalkFault::AnswersFromMemory => return kernel.send(fd, bytes),
            TalkFault::AnswersNobody => {}
        }
        Ok(bytes.len())
    }
}

const fn talks(fault: TalkFault) -> Mutation {
    Mutation::Kernel(KernelFault::Channel(ChannelFault::Talks(fault)))
}

/// All of them.
pub const TALKING: [Mutant; 3] = [
    Mutant {
        name: "says-that-it-is-done",
        sentence: "whoever ordered something is told that it was done, whatever came of it",
        scenario: "control/restart::cannot_boot",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: talks(TalkFault::SaysDone),
    },
    Mutant {
        name: "answers-from-memory",
        sentence: "whoever asks who is there is told who was there when somebody first asked",
        scenario: "control/restart",
        caught_by: "INV-TRUTH",
        consequences: &[],
        mutation: talks(TalkFault::AnswersFromMemory),
    },
    Mutant {
        name: "answers-nobody",
        sentence: "it does what its operator says and never says a word",
        scenario: "control/restart::held",
        caught_by: "INV-ISOLATE",
        consequences: &[],
        mutation: talks(TalkFault::AnswersNobody),
    },
];

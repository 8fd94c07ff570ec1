//! A declarative chaos and conformance harness for process supervisors.
//!
//! Rooms; imports point down this list and never up:
//!
//! | room | what it is |
//! |---|---|
//! | [`time`] | instants and spans of a run |
//! | [`problem`] | what is wrong with a file that a person wrote |
//! | [`ron_file`] | the RON dialect of all our files, and its errors |
//! | [`scenario`] | the grammar of a scenario file, its validation and its explanation |
//! | [`subject`] | how to start, observe, steer and stop one supervisor; what it promises |
//! | [`history`] | everything that happened in a run, and the timeline read from it |
//! | [`verdict`] | what a judgement can be, and the exit codes |
//! | [`invariant`] | one pure function per invariant |
//! | [`parity`] | whether the simulated world is a model of the real one |
//! | [`relation`] | what must be the same in a run and in its twin |
//! | [`director`] | pure: fires the steps of a scenario |
//! | [`puppet`] | the scripted worker: a pure core, and its real shell |
//! | [`load`] | probes and held connections: a pure core, and its real client |
//! | [`world`] | where a scenario runs: `real` or `sim` |
//! | [`search`] | what no person would think of: every system call that can fail, random scenarios |
//! | [`report`] | one report, several forms |
//! | [`cli`] | the command line |

pub mod cli;
pub mod director;
pub mod history;
pub mod invariant;
pub mod load;
pub mod parity;
pub mod problem;
pub mod puppet;
pub mod relation;
pub mod report;
pub mod ron_file;
pub mod scenario;
pub mod search;
pub mod subject;
pub mod time;
pub mod verdict;
pub mod world;

//! A minimal, synchronous, single-threaded, poll(2)-based prefork supervisor.
//!
//! Rooms, from the pure to the real; imports point down this list and never up:
//!
//! | room | what it is |
//! |---|---|
//! | [`policy`] | restart limit, backoff, deadlines: pure data and functions, one table of defaults |
//! | [`core`] | the state machine: an [`core::Input`] in, [`core::Action`]s out; no pid, clock, I/O or randomness |
//! | [`kernel`] | what the loop needs from the operating system, as small traits with their contracts |
//! | [`channel`] | what workers speak: pure encoding and decoding, one file per convention |
//! | [`control`] | what the operator and the supervisor say to each other: requests and replies as JSON lines |
//! | [`config`] | RON text to a validated [`config::Config`] |
//! | [`shell`] | the one poll loop, generic over the kernel |
//! | [`unix`] | the real kernel |
//! | [`cli`] | the command line |

pub mod channel;
pub mod cli;
pub mod config;
pub mod control;
pub mod core;
pub mod kernel;
pub mod policy;
pub mod shell;
pub mod unix;

//! The real kernel: Linux, through rustix where it has a call and libc (as nix exports it) where it has not.
//!
//! The only room with `unsafe`. Each use says why it holds.

mod child;
mod children;
mod files;
mod listen;
mod memory;
mod pid_file;
mod poll;
mod program;
mod refusal;
mod setup;
mod signals;
mod spawn;
mod streams;
mod system;
mod table;

pub use listen::clear_if_dead;
pub use system::Unix;

use system::last_errno;

//! What no person would think of: every system call that can fail, and random scenarios.

mod calls;
mod hunt;
mod shrink;
mod simpler;
mod situation;
mod sometimes;
mod wild;
mod window;

pub use calls::{Ending, Swept, Tally, sweep};
pub use hunt::{Find, Tried, plan, try_out};
pub use shrink::{shrink, to_file};
pub use situation::{SITUATIONS, Seen, Situation};
pub use sometimes::Sometimes;
pub use window::{Point, Window, windows};

//! What no person would think of: every system call that can fail, and random scenarios.

mod calls;
mod ending;
mod hunt;
mod kernel_calls;
mod sampled;
mod shrink;
mod simpler;
mod situation;
mod sometimes;
mod wild;
mod window;

pub use calls::{Swept, Tally, sweep};
pub use ending::Ending;
pub use hunt::{Find, Tried, plan, try_out};
pub use kernel_calls::{KERNEL_CALLS, KernelCall, LEFT_ALONE, is_known, kernel_call};
pub use sampled::{Case, Sampled, Undisturbed, live, sample};
pub use shrink::{shrink, to_file};
pub use situation::{SITUATIONS, Seen, Situation};
pub use sometimes::Sometimes;
pub use window::{Point, Window, windows};

//! Pure: fires the steps of a scenario when their triggers hold. Sees every event of the history and nothing else.

mod act;
mod injection;
mod random;
mod script;
mod sequence;
mod trigger;
mod view;

pub use injection::Injection;
pub use random::Random;
pub use script::{Bounds, Director};

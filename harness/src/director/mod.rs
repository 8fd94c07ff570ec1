//! Pure: fires the steps of a scenario when their triggers hold. Sees every event of the history and nothing else.

mod script;

pub use script::{Director, Injection};

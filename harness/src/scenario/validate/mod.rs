//! Everything that a scenario can have wrong although it is well formed.

mod expect;
mod form;
mod life;
mod load;
mod pool;
mod steps;

pub(super) use form::findings;

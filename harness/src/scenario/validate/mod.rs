//! Everything that a scenario can have wrong although it is well formed.

mod beside;
mod command;
mod expect;
mod fault;
mod form;
mod life;
mod load;
mod pool;
mod steps;
mod topics;

pub(super) use form::findings;

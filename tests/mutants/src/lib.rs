//! The mutants.

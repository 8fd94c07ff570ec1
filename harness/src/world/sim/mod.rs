//! A model of the kernel in virtual time, on which the shipped supervisor runs.

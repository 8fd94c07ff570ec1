//! A history written is the history read, and what it says by worker.

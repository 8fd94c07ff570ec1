//! What the test programs have in common that make their own lists of tests, of runs with real processes.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::thread::available_parallelism;

use libtest_mimic::Arguments;

/// The arguments. A run with real processes waits for most of its time: where nobody says how many go on side by side, there
/// are two for each processor.
pub fn arguments() -> Arguments {
    let given = Arguments::from_args();
    let threads = given.test_threads.unwrap_or_else(|| 2 * available_parallelism().map_or(1, usize::from));
    Arguments { test_threads: Some(threads), ..given }
}

/// Whoever names a test wants it, however long it takes.
pub fn is_named(arguments: &Arguments) -> bool {
    arguments.filter.is_some() && !arguments.ignored
}

//! What the supervisor costs: `cargo bench --bench supervisor`, or one part of it with `-- respawn`, `-- idle`,
//! `-- memory` or `-- scale`.
//!
//! | part | what is measured | bar |
//! |---|---|---|
//! | `respawn` | from a worker's death to the next worker's program, against a tight loop of waitid and the same spawn | ≤ 1.5 × |
//! | `idle` | wake-ups of a supervisor whose four workers are quiet | 0 |
//! | `memory` | its proportional share of memory (PSS) at rest with four workers | ≤ 1.5 MB |
//! | `scale` | how much later it knows of a death for each descriptor more that it watches, with 1000 workers against 4 | ≤ 0.5 µs |
//!
//! `respawn` and `scale` are the median of several rounds, and `scale` takes the best of each, so that a neighbour's burst of
//! work doesn't count. Exits with 1 if a bar is missed.

mod idle;
mod memory;
mod respawn;
mod rounds;
mod scale;
mod subject;
mod tight;
mod worker;

use std::process::ExitCode;

/// A part's name, and what runs it and says whether it met its bound.
type Part = (&'static str, fn() -> bool);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("worker") => worker::main(),
        Some("tight") => tight::main(),
        _ => {}
    }
    let parts: [Part; 4] =
        [("respawn", respawn::run), ("idle", idle::run), ("memory", memory::run), ("scale", scale::run)];
    let wanted = |name: &str| {
        let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
        named.is_empty() || named.iter().any(|argument| name.contains(argument.as_str()))
    };
    let met = parts.iter().filter(|(name, _)| wanted(name)).map(|(_, run)| run()).fold(true, |all, met| all & met);
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

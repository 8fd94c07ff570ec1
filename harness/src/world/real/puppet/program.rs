//! The program: from its environment to its exit status.

use std::io::Write;
use std::path::Path;

use super::super::namespace::{self, LAST};
use super::bystander::{self, BYSTANDER};
use super::child::{self, CHILD};
use super::launch::{self, HELD, LAUNCH};
use super::setup::{Setup, Wrong};
use super::shell;

/// The puppet program. Returns its exit status; 64 if it was started by nobody who knows how.
pub fn main() -> i32 {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == CHILD) {
        return child::main(args.get(1).map(String::as_str));
    }
    if let [first, path] = args.as_slice()
        && first == BYSTANDER
    {
        return bystander::main(Path::new(path)).unwrap_or(70);
    }
    if let [first, last] = args.as_slice()
        && first == LAST
    {
        return namespace::main(last).unwrap_or(70);
    }
    if let [first, launch, run, command @ ..] = args.as_slice()
        && [LAUNCH, HELD].contains(&first.as_str())
    {
        let error = launch::main(launch, Path::new(run), command, first == HELD);
        let _ = writeln!(std::io::stderr(), "cannot start `{}`: {error}", command.first().map_or("", |name| name));
        return 127;
    }
    if args.first().is_some_and(|first| first == "--version") {
        let _ = writeln!(std::io::stdout(), "puppet {}", env!("CARGO_PKG_VERSION"));
        return 0;
    }
    let failed = match Setup::from_environment() {
        Ok(setup) => match shell::run(setup) {
            Ok(status) => return status,
            Err(error) => (error.to_string(), 70),
        },
        Err(Wrong::Usage(why)) => (why, 64),
        Err(Wrong::System(why)) => (why, 70),
    };
    let _ = writeln!(std::io::stderr(), "puppet: {}", failed.0);
    failed.1
}

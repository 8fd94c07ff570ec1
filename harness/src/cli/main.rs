//! From the arguments to the command.

use std::process::ExitCode;

use clap::Parser;

use super::args::Cli;
use super::bins;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let _cli = Cli::parse();
    let _ = bins::locate(None);
    ExitCode::from(70)
}

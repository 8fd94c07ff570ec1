//! From the arguments to the command.

use clap::Parser;
use clap::error::ErrorKind;

use crate::verdict::ExitCode;
use crate::world::real;

use super::args::{Cli, Command};
use super::trouble::Trouble;
use super::{calls, explain, hunt, info, matrix, run, soak, sweep};

/// Runs the command line of this process.
pub fn main() -> std::process::ExitCode {
    // A run's guard and runner are this same binary; they don't speak to people.
    if let Some(code) = real::hidden_main() {
        return std::process::ExitCode::from(u8::try_from(code).unwrap_or(ExitCode::Bug as u8));
    }
    let code = match Cli::try_parse() {
        Ok(cli) => dispatch(&cli.command).unwrap_or_else(|trouble: Trouble| trouble.report()),
        Err(error) => {
            // What can't be written to a closed terminal can't be mended by saying so.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Ok,
                _ => ExitCode::Usage,
            }
        }
    };
    code.into()
}

fn dispatch(command: &Command) -> Result<ExitCode, Trouble> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Sim(args) => run::sim(args),
        Command::Check { files } => info::check(files),
        Command::Judge { history, format } => info::judge(history, *format),
        Command::List { paths } => info::list(paths),
        Command::Explain { what } => explain::explain(what),
        Command::Matrix { reports } => matrix::matrix(reports),
        Command::Soak(args) => soak::soak(args),
        Command::Sweep(args) => sweep::sweep(args),
        Command::Hunt(args) => hunt::hunt(args),
        Command::SweepCalls(args) => calls::sweep_calls(args),
    }
}

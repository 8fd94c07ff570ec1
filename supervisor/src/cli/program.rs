//! The program: from its arguments to its exit status.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

use clap::Parser;

use crate::config::Config;
use crate::core::Pools;
use crate::policy::ExitCode;
use crate::shell::{self, Source};
use crate::unix::Unix;

use super::args::{Cli, Do};
use super::{check, configure};

/// The whole program.
pub fn main() -> process::ExitCode {
    // Before the command line is even read: a signal that comes earlier meets its default action.
    let code = match Unix::start() {
        Ok(mut kernel) => run(&mut kernel),
        Err(error) => {
            complain(&format!("supervisor: can't start: {error}"));
            ExitCode::Bug
        }
    };
    process::ExitCode::from(code.status())
}

fn run(kernel: &mut Unix) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to fail differently.
            _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Stopped };
        }
    };
    match cli.command {
        Do::Run(run) => match configure::configure(&run) {
            Ok(config) => supervise(kernel, &config, configure::source(&run)),
            Err(refused) => refused.report(),
        },
        Do::Check { config } => match configure::read(&config) {
            Ok(valid) => {
                _ = std::io::stdout().write_all(check::describe(&config, &valid).as_bytes());
                ExitCode::Stopped
            }
            Err(refused) => refused.report(),
        },
    }
}

/// A panic is a bug with a status of its own; the workers are told by the death of this process.
fn supervise(kernel: &mut Unix, config: &Config, source: Option<Source<'_>>) -> ExitCode {
    let machine = Pools::new(config.policies());
    catch_unwind(AssertUnwindSafe(|| shell::run(kernel, machine, config, source))).unwrap_or(ExitCode::Bug)
}

/// Says what is wrong; if nobody listens, the exit code still says it.
pub(super) fn complain(text: &str) {
    _ = writeln!(std::io::stderr(), "{text}");
}

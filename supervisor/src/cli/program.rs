//! The program: from its arguments to its exit status.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

use clap::Parser;

use crate::config::{Config, Output};
use crate::core::Pools;
use crate::policy::ExitCode;
use crate::shell::{self, Start};
use crate::unix::Unix;

use super::args::{Cli, Do, Run};
use super::instances::who_runs;
use super::perform::perform;
use super::{check, configure, detach};

/// The whole program.
pub fn main() -> process::ExitCode {
    // Before the command line is even read: a signal that comes earlier meets its default action. Other commands than
    // `run` are to end by signals as programs usually do.
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let supervises = arguments.first().is_some_and(|first| first == "run") && !detach::is_asked_for(&arguments);
    let code = match supervises.then(Unix::start).transpose() {
        Ok(kernel) => run(kernel),
        Err(error) => cant_start(&error),
    };
    process::ExitCode::from(code.status())
}

fn cant_start(error: &io::Error) -> ExitCode {
    complain(&format!("supervisor: can't start: {error}"));
    ExitCode::Bug
}

fn run(kernel: Option<Unix>) -> ExitCode {
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
            Ok(config) => begin(kernel, &run, &config),
            Err(refused) => refused.report(),
        },
        Do::Check { config } => match configure::read(&config) {
            Ok(valid) => {
                _ = io::stdout().write_all(check::describe(&config, &valid).as_bytes());
                ExitCode::Stopped
            }
            Err(refused) => refused.report(),
        },
        Do::Operate(command) => perform(command),
    }
}

/// Here, in the background, or not at all if it runs already.
fn begin(kernel: Option<Unix>, run: &Run, config: &Config) -> ExitCode {
    if let Some((socket, who)) = config.control.as_ref().and_then(|socket| Some((socket, who_runs(socket)?))) {
        complain(&format!("error: it runs already: {who} listens at {}", socket.display()));
        return ExitCode::AddressInUse;
    }
    if run.background.detach && !run.background.detached {
        if run.background.log.is_none() && config.pools.iter().any(|pool| pool.output == Output::Inherit) {
            complain("warning: what the workers write goes nowhere: name a file with --log or --output");
        }
        return detach::start(run.background.log.as_deref());
    }
    match kernel.map_or_else(Unix::start, Ok) {
        Ok(kernel) => supervise(kernel, run, config),
        Err(error) => cant_start(&error),
    }
}

/// A panic is a bug with a status of its own; the workers are told by the death of this process.
fn supervise(mut kernel: Unix, run: &Run, config: &Config) -> ExitCode {
    let starter = match run.background.detached.then(|| detach::settle(&mut kernel)).transpose() {
        Ok(starter) => starter,
        Err(error) => return cant_start(&error),
    };
    let start = Start { source: configure::source(run), starter };
    let machine = Pools::new(config.policies());
    catch_unwind(AssertUnwindSafe(|| shell::run(&mut kernel, machine, config, start))).unwrap_or(ExitCode::Bug)
}

/// Says what is wrong; if nobody listens, the exit code still says it.
pub(super) fn complain(text: &str) {
    _ = writeln!(io::stderr(), "{text}");
}

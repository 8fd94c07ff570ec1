//! What the command line may say.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{Output, parse_limit};
use crate::policy::defaults::{Kind, TABLE};
use crate::policy::{ExitCode, Limit};

use super::detach::Background;
use super::operate::Operate;

/// Keeps a pool of workers available behind listening sockets that it holds for them.
///
/// The sockets are bound once and inherited by every worker (LISTEN_FDS, from descriptor 3 on), so that no connection is
/// refused while workers are replaced. A worker says that it serves by writing {"act":"ready"} and a newline to the
/// descriptor NODE_CHANNEL_FD, or READY=1 by sd_notify.
#[derive(Debug, Parser)]
#[command(name = "supervisor", version, after_help = signals_and_codes(), subcommand_required = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Do,
}

#[derive(Debug, Subcommand)]
pub enum Do {
    /// Run a pool, from a configuration file or from options alone
    #[command(after_help = signals_and_codes(), after_long_help = defaults_and_codes(), override_usage = RUN_USAGE)]
    Run(Box<Run>),
    /// Read a configuration file and say what it means; 65 if it is wrong
    #[command(after_help = signals_and_codes())]
    Check {
        /// The configuration file
        #[arg(value_name = "CONFIG.ron")]
        config: PathBuf,
    },
    #[command(flatten)]
    Operate(Operate),
}

const RUN_USAGE: &str = "supervisor run [OPTIONS] CONFIG.ron
       supervisor run [OPTIONS] -- COMMAND [ARG]...";

/// Options given beside a file win over it.
#[derive(Debug, Args)]
pub struct Run {
    /// The configuration file
    #[arg(value_name = "CONFIG.ron", conflicts_with = "command", required_unless_present = "command")]
    pub config: Option<PathBuf>,
    /// Workers to keep ready
    #[arg(long, value_name = "N")]
    pub workers: Option<u32>,
    /// Where to listen: 127.0.0.1:8080, [::1]:8080, udp:127.0.0.1:53 or unix:/run/web.sock, with NAME= before it for
    /// LISTEN_FDNAMES if wanted; may be repeated
    #[arg(long, value_name = "[NAME=]ADDRESS")]
    pub listen: Vec<String>,
    /// Give up when more restarts than this would be needed in a window: 10/60s, or none
    #[arg(long, value_name = "N/TIME", value_parser = limit)]
    pub limit: Option<LimitArg>,
    /// How long a worker may take to finish what it holds
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub drain: Option<Duration>,
    /// What makes a worker count as ready: its own word, or that its program runs
    #[arg(long, value_name = "WHEN")]
    pub ready: Option<ReadyArg>,
    /// A worker not ready by then has failed to start
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub ready_timeout: Option<Duration>,
    /// Which exits that nobody asked for are followed by a restart (on-failure: all but status 0)
    #[arg(long, value_name = "WHICH")]
    pub restart: Option<RestartArg>,
    /// Append events to a file, as JSON lines; reopened at USR1
    #[arg(long, value_name = "FILE", conflicts_with = "events_fd")]
    pub events: Option<PathBuf>,
    /// Write events to an inherited descriptor
    #[arg(long, value_name = "N")]
    pub events_fd: Option<i32>,
    /// Keep the supervisor's pid in a file, locked for as long as it lives
    #[arg(long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,
    /// Write nothing on standard error once the pool runs
    #[arg(long)]
    pub quiet: bool,
    /// Where workers write: inherit (the supervisor's own output), prefixed (the same, each line after the worker's
    /// name), null, or file:PATH (appended to; reopened at USR1)
    #[arg(long, value_name = "WHERE", value_parser = output)]
    pub output: Option<Output>,
    #[command(flatten)]
    pub background: Background,
    /// What the workers run
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// A limit, or none.
#[derive(Clone, Copy, Debug)]
pub struct LimitArg(pub Option<Limit>);

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReadyArg {
    Told,
    Spawn,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RestartArg {
    Always,
    OnFailure,
    Never,
}

fn limit(text: &str) -> Result<LimitArg, String> {
    parse_limit(text).map(LimitArg)
}

fn output(text: &str) -> Result<Output, String> {
    match text.split_once(':') {
        None if text == "inherit" => Ok(Output::Inherit),
        None if text == "prefixed" => Ok(Output::Prefixed),
        None if text == "null" => Ok(Output::Null),
        Some(("file", path)) if !path.is_empty() => Ok(Output::Files { stdout: path.into(), stderr: None }),
        _ => Err("expected inherit, prefixed, null or file:PATH".to_owned()),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it with its unit, as in 10s or 500ms"))
}

fn signals_and_codes() -> String {
    let mut text = String::from(
        "Signals:\n  \
         TERM, INT, QUIT  stop: drain the workers, then end; a second one does not wait for the drain\n  \
         HUP              replace every worker, each only when its replacement is ready\n  \
         TTIN, TTOU       one worker more, one less (of the first pool)\n  \
         USR1             reopen the event file and those of workers' output\n\nExit codes:\n",
    );
    for code in ExitCode::ALL {
        _ = writeln!(text, "  {:<3} {}", code.status(), code.meaning());
    }
    text
}

fn defaults_and_codes() -> String {
    let mut text = String::from("Defaults:\n");
    for entry in TABLE.iter().filter(|entry| entry.kind == Kind::Default) {
        _ = writeln!(text, "  {:<22} {:<14} {}", entry.name, entry.value.to_string(), entry.meaning);
    }
    text.push('\n');
    text.push_str(&signals_and_codes());
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

//! A supervisor in the background: its starter waits until the pool is ready, and tells what went wrong if it never is.
//!
//! The starter runs this program again, in which a pipe is standard input. Through it the supervisor says what it would
//! say to people, and at last that all is well.

use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use clap::Args;

use crate::kernel::{Fd, Files};
use crate::policy::ExitCode;
use crate::shell::ALL_WELL;
use crate::unix::Unix;

use super::complain;
use super::instances::instance_name;

/// The argument that tells the program that it was started by itself.
const DETACHED: &str = "--detached";
const DETACH: &str = "--detach";

/// How a supervisor is found again, and whether it goes to the background.
#[derive(Debug, Args)]
pub struct Background {
    /// What it is called: commands like `supervisor status --name NAME` reach it by that
    #[arg(long, value_name = "NAME", value_parser = instance_name, conflicts_with = "control")]
    pub name: Option<String>,
    /// Where commands reach it: the path of a Unix socket to make
    #[arg(long, value_name = "SOCKET")]
    pub control: Option<PathBuf>,
    /// Go to the background; the command ends when all workers are ready
    #[arg(long, requires = "name")]
    pub detach: bool,
    /// In the background, append standard output and error to a file
    #[arg(long, value_name = "FILE", requires = "detach")]
    pub log: Option<PathBuf>,
    /// This is the process in the background
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// Whether these arguments (the program's own name apart) ask for the background: whoever only waits for somebody else
/// keeps its signals as they are.
pub fn is_asked_for(arguments: &[OsString]) -> bool {
    let own = || arguments.iter().take_while(|argument| *argument != "--");
    own().any(|argument| argument == DETACH) && !own().any(|argument| argument == DETACHED)
}

/// The same arguments for the process in the background.
fn detached(mut arguments: Vec<OsString>) -> Vec<OsString> {
    arguments.insert(arguments.len().min(1), DETACHED.into());
    arguments
}

/// Starts the supervisor and waits until it is ready, or has ended.
pub fn start(log: Option<&Path>) -> ExitCode {
    match launch(log).and_then(|(child, reports)| wait(child, reports)) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("error: can't start a supervisor in the background: {error}"));
            ExitCode::Bug
        }
    }
}

fn launch(log: Option<&Path>) -> io::Result<(Child, PipeReader)> {
    let (reports, writer) = io::pipe()?;
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut command = Command::new("/proc/self/exe");
    command.args(detached(arguments)).stdin(writer);
    match log {
        None => command.stdout(Stdio::null()).stderr(Stdio::null()),
        Some(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path).map_err(|error| {
                io::Error::new(error.kind(), format!("can't append to {}: {error}", path.display()))
            })?;
            command.stdout(file.try_clone()?).stderr(file)
        }
    };
    Ok((command.spawn()?, reports))
}

/// Tells what it says only if it fails: otherwise events and status tell more.
fn wait(mut child: Child, reports: PipeReader) -> io::Result<ExitCode> {
    let mut said = Vec::new();
    for line in BufReader::new(reports).lines() {
        let line = line?;
        if line == ALL_WELL {
            return Ok(ExitCode::Stopped);
        }
        said.push(line);
    }
    let status = child.wait()?;
    said.iter().for_each(|line| complain(line));
    complain(&format!("error: the supervisor in the background {}", ending(status)));
    let code = status.code().and_then(|code| ExitCode::ALL.into_iter().find(|known| i32::from(known.status()) == code));
    // One that ended well before its pool was full has not done what it was started for.
    Ok(code.filter(|&code| code != ExitCode::Stopped).unwrap_or(ExitCode::Failed))
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code} before its workers were ready"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// In the background: leaves the terminal for good, and gives where to report to.
///
/// # Errors
/// Standard input can't be used or replaced.
pub fn settle(kernel: &mut Unix) -> io::Result<Fd> {
    // Fails only for a leader of a process group, which a child of its starter is not; then there is nothing to leave.
    _ = rustix::process::setsid();
    let reports = kernel.inherited(0).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    let nothing = OpenOptions::new().read(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_comes_after_the_dashes_belongs_to_the_worker() {
        let all = words("run --detach --name a -- program --detached");
        assert!(is_asked_for(&all));
        assert_eq!(detached(all.clone()), words("run --detached --detach --name a -- program --detached"));
        assert!(!is_asked_for(&detached(all)));
        assert!(!is_asked_for(&words("run -- program --detach")));
    }
}

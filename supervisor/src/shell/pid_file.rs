//! The supervisor's pid file.

use std::path::Path;

use crate::config::Config;
use crate::kernel::{Fd, Own, PidFileError};
use crate::policy::ExitCode;

use super::human::errno_text;

/// Takes it, if the configuration wants one.
///
/// # Errors
/// Why not, and how to end.
pub fn take<K: Own>(kernel: &mut K, config: &Config) -> Result<Option<Fd>, (String, ExitCode)> {
    let Some(path) = &config.pid_file else { return Ok(None) };
    kernel.pid_file(path).map(Some).map_err(|error| refusal(path, error))
}

fn refusal(path: &Path, error: PidFileError) -> (String, ExitCode) {
    let path = path.display();
    let unusable = |why: &str| (format!("can't write the pid file {path}: {why}"), ExitCode::Config);
    match error {
        PidFileError::Held(Some(pid)) => {
            (format!("it runs already: process {pid} holds the pid file {path}"), ExitCode::AddressInUse)
        }
        PidFileError::Held(None) => {
            (format!("it runs already: somebody holds the pid file {path}"), ExitCode::AddressInUse)
        }
        PidFileError::Strange(what) => unusable(what),
        PidFileError::System(errno) => unusable(&errno_text(errno)),
    }
}

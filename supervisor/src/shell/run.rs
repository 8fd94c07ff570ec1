//! The loop.

use crate::config::Config;
use crate::core::Machine;
use crate::kernel::Kernel;
use crate::policy::ExitCode;

/// Binds the listeners of `config`, starts `machine` and serves it until it says exit. Returns
/// [`ExitCode::AddressInUse`] before anything is started if an address can't be bound, and [`ExitCode::Bug`] if the
/// kernel can't wait any more.
pub fn run<K: Kernel, M: Machine>(_kernel: &mut K, _machine: M, _config: &Config) -> ExitCode {
    ExitCode::Bug
}

//! Another configuration: read, checked and prepared while everything old goes on.

use std::path::{Path, PathBuf};

use crate::channel::swallows_channel;
use crate::config::{Config, Handoff, PoolConfig};
use crate::core::{Command, Event, Input, Machine, Revision};
use crate::kernel::{Errno, Kernel, Own};
use crate::policy::Policy;

use super::human::errno_text;
use super::sockets::Unbound;
use super::state::Shell;

/// What is longer is no configuration.
const FILE_LIMIT: usize = 1024 * 1024;

/// Turns the text of a file into a configuration, with whatever was said beside the file; or says what is wrong with it.
type Reading<'a> = Box<dyn Fn(&str) -> Result<Config, String> + 'a>;

/// Where a configuration comes from, so that it can be read again.
pub struct Source<'a> {
    /// The file.
    pub path: PathBuf,
    /// What its text means.
    pub read: Reading<'a>,
}

/// What is known of configurations that may follow.
#[derive(Default)]
pub struct Reloading<'a> {
    source: Option<Source<'a>>,
    /// The latest that was given to the machine.
    latest: Revision,
    /// Names of the pools, in the machine's order.
    pools: Vec<String>,
    /// The pid file, which is that of the start.
    pid_file: Option<PathBuf>,
}

impl<'a> Reloading<'a> {
    /// `source` is where `config` came from, if it came from a file.
    pub fn new(source: Option<Source<'a>>, config: &Config) -> Self {
        let pools = config.pools.iter().map(|pool| pool.name.clone()).collect();
        Self { source, latest: Revision::default(), pools, pid_file: config.pid_file.clone() }
    }
}

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// The operator wants a reload: the configuration is read again, if it came from a file, and every worker is replaced.
    /// One that can't be used changes nothing; gives the reason.
    ///
    /// # Errors
    /// The reason, which is told as an event as well.
    pub fn reload(&mut self) -> Result<(), String> {
        if self.reloading.source.is_none() {
            self.feed(Input::Command(Command::Reload));
            return Ok(());
        }
        match self.renew() {
            Ok((revision, policies)) => {
                self.feed(Input::Configure(revision, policies));
                Ok(())
            }
            Err(reason) => {
                self.emit(&Event::ReloadRefused { reason: reason.clone() });
                Err(reason)
            }
        }
    }

    /// Reads, checks and binds; the new revision can be started from when this succeeds.
    fn renew(&mut self) -> Result<(Revision, Vec<Policy>), String> {
        let mut config = self.read_again()?;
        order_as(&mut config.pools, &self.reloading.pools)?;
        same_pid_file(self.reloading.pid_file.as_deref(), config.pid_file.as_deref())?;
        applicable(self.kernel, &config)?;
        self.outputs
            .configure(self.kernel, &config.pools)
            .map_err(|(path, errno)| format!("can't append to {}: {}", path.display(), errno_text(errno)))?;
        let bound = self.sockets.bind(self.kernel, &mut self.voices, &config).map_err(|unbound| unbound.to_string())?;
        let revision = Revision(self.reloading.latest.0 + 1);
        self.reloading.latest = revision;
        warn(&config, |text| self.voices.say(text));
        self.settings.add(revision, &config, &bound);
        Ok((revision, config.policies()))
    }

    fn read_again(&mut self) -> Result<Config, String> {
        let Some(source) = &self.reloading.source else { return Err("it did not come from a file".to_owned()) };
        let path = source.path.display();
        let bytes = loop {
            match self.kernel.read(&source.path, FILE_LIMIT + 1) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(format!("can't read {path}: {}", errno_text(errno))),
                Ok(bytes) if bytes.len() > FILE_LIMIT => {
                    return Err(format!("{path} is longer than {FILE_LIMIT} bytes"));
                }
                Ok(bytes) => break bytes,
            }
        };
        let text = String::from_utf8(bytes).map_err(|_| format!("{path} is no UTF-8 text"))?;
        (source.read)(&text)
    }
}

/// Brings the pools into the machine's order. The set of them can't change while it runs.
fn order_as(pools: &mut [PoolConfig], names: &[String]) -> Result<(), String> {
    let place = |pool: &PoolConfig| names.iter().position(|name| *name == pool.name);
    if let Some(new) = pools.iter().find(|pool| place(pool).is_none()) {
        return Err(format!("the pool {:?} is new, and pools can only be added by a restart", new.name));
    }
    if let Some(gone) = names.iter().find(|name| pools.iter().all(|pool| pool.name != **name)) {
        return Err(format!("the pool {gone:?} is gone, and pools can only be removed by a restart"));
    }
    pools.sort_by_key(|pool| place(pool));
    Ok(())
}

/// Whoever looks for the supervisor looks into the file that it was started with.
fn same_pid_file(now: Option<&Path>, wanted: Option<&Path>) -> Result<(), String> {
    let said = |path: Option<&Path>| path.map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    if now == wanted {
        return Ok(());
    }
    Err(format!("the pid file is {}, and can be changed to {} only by a restart", said(now), said(wanted)))
}

/// Whether every pool's workers can be made into what they are to be.
///
/// # Errors
/// The reason why not.
pub fn applicable<K: Own>(kernel: &K, config: &Config) -> Result<(), String> {
    for pool in &config.pools {
        if let Some(reason) = kernel.refuses(&pool.setup) {
            return Err(format!("pool {}: {reason}", pool.name));
        }
    }
    Ok(())
}

/// Says what will probably not work, though nothing forbids it.
pub fn warn(config: &Config, mut say: impl FnMut(&str)) {
    for pool in &config.pools {
        if let Some(warning) = launcher(pool) {
            say(&format!("pool {}: {warning}", pool.name));
        }
    }
}

/// What is wrong with a command that starts a worker's program in a way that passes nothing on, though that needs it.
pub fn launcher(pool: &PoolConfig) -> Option<String> {
    let node = matches!(pool.handoff, Handoff::Node { .. } | Handoff::NodeCluster { .. });
    let launcher = swallows_channel(&pool.command).filter(|_| node || !pool.listen.is_empty())?;
    Some(format!(
        "{launcher} keeps the channel and the sockets for itself, so the worker behind it will get none: \
         run node and the script instead"
    ))
}

impl std::fmt::Display for Unbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "can't listen on {} ({}): {}", self.address, self.name, errno_text(self.errno))
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;

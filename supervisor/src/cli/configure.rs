//! From the command line to a configuration.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use crate::config::{
    Config, EventSink, NAME_LIMIT, ONLY_POOL, PoolConfig, Problems, check_policy, clashes, default_workers, nearest,
    parse, parse_address,
};
use crate::policy::{ExitCode, Readiness, Restart, defaults};

use crate::shell::Source;

use super::args::{ReadyArg, RestartArg, Run};
use super::complain;
use super::instances::socket_to_be;

/// Why there is no configuration.
pub enum Refused {
    /// The command line.
    Usage(String),
    /// The file can't be read.
    Unreadable(String),
    /// The file is wrong.
    Wrong(Problems),
}

impl Refused {
    /// Says why, and with which code to end.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Usage(text) => {
                complain(&format!("error: {text}\n\nFor more information, try 'supervisor run --help'."));
                ExitCode::Usage
            }
            Self::Unreadable(text) => {
                complain(&format!("error: {text}"));
                ExitCode::Config
            }
            Self::Wrong(problems) => {
                complain(&problems.render(io::stderr().is_terminal()));
                ExitCode::Config
            }
        }
    }
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Config, Refused> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|error| Refused::Unreadable(format!("can't read {name}: {error}\n  tip: {}", instead_of(path))))?;
    parse(&text, &name).map_err(Refused::Wrong)
}

/// What may have been meant by a file that can't be read.
fn instead_of(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    files.retain(|name| name.ends_with(".ron"));
    files.sort();
    let wanted = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    match files.iter().map(String::as_str).collect::<Vec<_>>() {
        files if files.is_empty() => "a command to run, rather than a file, comes after --".to_owned(),
        files => nearest(&wanted, files),
    }
}

/// The file's configuration, or the defaults, with the options of the command line in it.
pub fn configure(run: &Run) -> Result<Config, Refused> {
    let config = match &run.config {
        Some(path) => read(path)?,
        None => Config {
            pools: vec![PoolConfig::new(ONLY_POOL, run.command.clone(), default_workers())],
            listen: Vec::new(),
            backlog: defaults::BACKLOG,
            events: None,
            quiet: false,
            control: None,
            pid_file: None,
        },
    };
    complete(run, config)
}

/// Where the file's configuration comes from, so that a reload can read it again, with the same options in it.
pub fn source(run: &Run) -> Option<Source<'_>> {
    let path = run.config.clone()?;
    let name = path.display().to_string();
    let read = move |text: &str| {
        let config = parse(text, &name).map_err(|problems| problems.to_string())?;
        complete(run, config).map_err(|refused| match refused {
            Refused::Usage(text) | Refused::Unreadable(text) => text,
            Refused::Wrong(problems) => problems.to_string(),
        })
    };
    Some(Source { path, read: Box::new(read) })
}

/// With the options of the command line in it.
fn complete(run: &Run, mut config: Config) -> Result<Config, Refused> {
    apply(run, &mut config)?;
    // A file was checked by itself; whatever is wrong now came from the options.
    let faults = config.pools.iter().flat_map(|pool| check_policy(&pool.policy));
    let faults = faults.map(|fault| (fault.what, fault.help));
    let clashes = config.pools.iter().flat_map(|pool| clashes(pool, &config.listen));
    let clashes = clashes.map(|clash| (format!("{}: {}", clash.what, clash.label), Some(clash.help)));
    match faults.chain(clashes).next() {
        None => Ok(config),
        Some((what, help)) => {
            let help = help.map(|help| format!("\n  tip: {help}")).unwrap_or_default();
            Err(Refused::Usage(what.replace('`', "'") + &help))
        }
    }
}

/// Options of a pool that make no sense beside a file with several.
fn pool_options(run: &Run) -> Vec<&'static str> {
    let given = [
        ("--workers", run.workers.is_some()),
        ("--drain", run.drain.is_some()),
        ("--ready-timeout", run.ready_timeout.is_some()),
        ("--limit", run.limit.is_some()),
        ("--ready", run.ready.is_some()),
        ("--restart", run.restart.is_some()),
        ("--listen", !run.listen.is_empty()),
    ];
    given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
}

fn apply(run: &Run, config: &mut Config) -> Result<(), Refused> {
    if let (2.., [option, ..]) = (config.pools.len(), &pool_options(run)[..]) {
        let names: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
        let text = format!("{option} is for one pool, and the file has {}: {}", names.len(), names.join(", "));
        return Err(Refused::Usage(text));
    }
    let policy = &mut config.pools[0].policy;
    policy.workers = run.workers.unwrap_or(policy.workers);
    policy.drain = run.drain.unwrap_or(policy.drain);
    policy.ready_timeout = run.ready_timeout.unwrap_or(policy.ready_timeout);
    if let Some(limit) = run.limit {
        policy.limit = limit.0;
    }
    match run.ready {
        None => {}
        Some(ReadyArg::Told) => policy.ready = Readiness::Told,
        Some(ReadyArg::Spawn) => policy.ready = Readiness::AtSpawn,
    }
    match run.restart {
        None => {}
        Some(RestartArg::Always) => policy.restart = Restart::Always,
        Some(RestartArg::OnFailure) => policy.restart = Restart::OnFailure { success: vec![0] },
        Some(RestartArg::Never) => policy.restart = Restart::Never,
    }
    if !run.listen.is_empty() {
        config.listen.clear();
        for (place, text) in run.listen.iter().enumerate() {
            config.listen.push(listener(place + 1, text)?);
        }
        config.pools[0].listen = (0..config.listen.len()).collect();
    }
    if let Some(path) = &run.events {
        config.events = Some(EventSink::File(path.clone()));
    }
    if let Some(number) = run.events_fd {
        config.events = Some(EventSink::Descriptor(number));
    }
    config.quiet |= run.quiet;
    if let Some(output) = &run.output {
        config.pools.iter_mut().for_each(|pool| pool.output = output.clone());
    }
    if let Some(name) = &run.background.name {
        config.control = Some(socket_to_be(name).map_err(|failure| Refused::Unreadable(failure.text))?);
    }
    if let Some(socket) = &run.background.control {
        config.control = Some(socket.clone());
    }
    if let Some(path) = &run.pid_file {
        config.pid_file = Some(path.clone());
    }
    Ok(())
}

/// `NAME=ADDRESS`, or an address alone, which is called by its place.
fn listener(place: usize, text: &str) -> Result<(String, crate::kernel::Address), Refused> {
    let (name, address) = match text.split_once('=') {
        Some((name, address)) if !name.contains([':', '/']) => (name.to_owned(), address),
        _ => (format!("listen{place}"), text),
    };
    let wrong = |expected: String| Refused::Usage(format!("--listen {text}: {expected}"));
    if name.is_empty() || name.len() > NAME_LIMIT || name.chars().any(char::is_control) {
        return Err(wrong("a name of 1 to 255 bytes is needed before the =".to_owned()));
    }
    Ok((name, parse_address(address).map_err(wrong)?))
}

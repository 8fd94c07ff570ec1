//! What every worker is started with.

use std::ffi::OsString;

use crate::config::{Handoff, Output, PoolConfig};
use crate::core::Signal;
use crate::kernel::{Fd, SpawnSpec, Stdio};

/// Variables that speak to the process that they were given to, and to no child of it.
const PERSONAL: [&str; 11] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "NODE_CHANNEL_FD",
    "NODE_CHANNEL_SERIALIZATION_MODE",
    "NODE_UNIQUE_ID",
    "NOTIFY_FD",
];

/// The first descriptor after standard input, output and error: where systemd's convention begins.
const FIRST_FD: usize = 3;

/// The value of [`SpawnSpec`] that all workers of a pool share, NOTIFY_SOCKET apart.
pub fn template(pool: &PoolConfig, inherited: Vec<(OsString, OsString)>, listeners: &[(String, Fd)]) -> SpawnSpec {
    let listeners = if inherits(&pool.handoff) { listeners } else { &[] };
    let mut env: Vec<(OsString, OsString)> = inherited;
    env.retain(|(name, _)| !PERSONAL.iter().any(|personal| name == personal));
    for (name, value) in &pool.env {
        set(&mut env, name, value.clone());
    }
    if !listeners.is_empty() {
        let names: Vec<&str> = listeners.iter().map(|(name, _)| name.as_str()).collect();
        set(&mut env, "LISTEN_FDS", listeners.len().to_string());
        set(&mut env, "LISTEN_FDNAMES", names.join(":"));
    }
    set(&mut env, "NODE_CHANNEL_FD", (FIRST_FD + listeners.len()).to_string());
    set(&mut env, "NODE_CHANNEL_SERIALIZATION_MODE", "json".to_owned());
    if let Some(silence) = pool.policy.watchdog {
        // Without WATCHDOG_PID it is meant for whoever has it.
        set(&mut env, "WATCHDOG_USEC", silence.as_micros().to_string());
    }
    SpawnSpec {
        argv: pool.command.iter().map(OsString::from).collect(),
        env,
        fds: listeners.iter().map(|&(_, fd)| fd).collect(),
        channel: true,
        listen_pid: !listeners.is_empty(),
        on_parent_death: Some(Signal::Term),
        stdout: stdio(&pool.output),
        stderr: stdio(&pool.output),
        notify_fd: pool.notify_fd,
        setup: pool.setup.clone(),
    }
}

/// Whether workers are born with the listening sockets; to all others connections or sockets are handed later.
fn inherits(handoff: &Handoff) -> bool {
    match handoff {
        Handoff::Inherit | Handoff::Reuseport => true,
        Handoff::Node { .. } | Handoff::NodeCluster { .. } | Handoff::RoundRobin => false,
    }
}

fn stdio(output: &Output) -> Stdio {
    match output {
        Output::Inherit => Stdio::Inherit,
        Output::Prefixed | Output::Files { .. } => Stdio::Pipe,
        Output::Null => Stdio::Null,
    }
}

/// Sets a variable, whatever it was.
fn set(env: &mut Vec<(OsString, OsString)>, name: &str, value: String) {
    env.retain(|(present, _)| present != name);
    env.push((name.into(), value.into()));
}

/// The same for one worker, with its own notify socket and its number in Node's cluster.
pub fn for_worker(template: &SpawnSpec, notify: String, unique: Option<u64>) -> SpawnSpec {
    let mut spec = template.clone();
    set(&mut spec.env, "NOTIFY_SOCKET", notify);
    if let Some(unique) = unique {
        set(&mut spec.env, "NODE_UNIQUE_ID", unique.to_string());
    }
    spec
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(spec: &SpawnSpec, name: &str) -> Option<String> {
        let found = spec.env.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    }

    #[test]
    fn a_worker_inherits_all_variables_but_those_that_were_meant_for_the_supervisor() {
        let inherited = PERSONAL.into_iter().chain(["PATH", "HOME"]).map(|name| (name.into(), "old".into())).collect();
        let env = vec![("HOME".to_owned(), "/srv".to_owned())];
        let pool = PoolConfig { env, ..PoolConfig::new("web", vec!["web".to_owned()], 1) };
        let spec = template(&pool, inherited, &[]);
        assert_eq!((text(&spec, "PATH").as_deref(), text(&spec, "HOME").as_deref()), (Some("old"), Some("/srv")));
        assert!(spec.env.iter().all(|(name, value)| name == "PATH" || value != "old"), "{:?}", spec.env);
    }

    #[test]
    fn what_is_to_be_read_goes_through_pipes() {
        let of = |output| {
            let spec = template(&PoolConfig { output, ..PoolConfig::new("web", Vec::new(), 1) }, Vec::new(), &[]);
            assert_eq!(spec.stdout, spec.stderr);
            spec.stdout
        };
        assert_eq!(
            [of(Output::Inherit), of(Output::Null), of(Output::Prefixed)],
            [Stdio::Inherit, Stdio::Null, Stdio::Pipe]
        );
        assert_eq!(of(Output::Files { stdout: "log".into(), stderr: None }), Stdio::Pipe);
    }

    #[test]
    fn the_page_names_every_variable_that_a_worker_gets() {
        let page = include_str!("../../../docs/supervisor.md");
        let section = page.split("## What a worker gets and says").nth(1).expect("that section");
        let table = section.split("Nothing else is inherited").next().expect("its first table");
        let mut pool = PoolConfig::new("web", vec!["web".to_owned()], 1);
        pool.policy.watchdog = Some(Duration::from_secs(1));
        let template = template(&pool, Vec::new(), &[("web".to_owned(), Fd(9))]);
        for (name, _) in for_worker(&template, "@x".to_owned(), Some(1)).env {
            let name = name.to_str().expect("UTF-8");
            assert!(table.contains(&format!("`{name}`")), "{name} is missing:\n{table}");
        }
    }
}

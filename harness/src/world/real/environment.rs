//! The execution environment of the process that asks, and the file in which workers tell theirs.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rustix::process::{Resource, getpgrp, getpid, getrlimit};
use serde::{Deserialize, Serialize};

use crate::history::{Environment, Proc};
use crate::time::Time;

use super::{clock, fnv, procfs};

/// The file in the run's directory in which processes tell their environment.
pub const ENVIRONMENTS: &str = "environments";

/// The limits that are compared.
const LIMITS: [(&str, Resource); 8] = [
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("core", Resource::Core),
    ("as", Resource::As),
    ("data", Resource::Data),
    ("fsize", Resource::Fsize),
    ("memlock", Resource::Memlock),
    ("stack", Resource::Stack),
];

/// A line of that file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentLine {
    /// CLOCK_MONOTONIC, just before the line was written.
    pub t: Time,
    /// Who.
    pub proc: Proc,
    /// With what.
    pub is: Environment,
}

/// That of this process.
///
/// # Errors
/// /proc is not readable.
pub fn own() -> io::Result<Environment> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    let numbers = |name: &str| field(name).split_ascii_whitespace().filter_map(|one| one.parse().ok()).collect();
    let mask = |name: &str| u64::from_str_radix(&field(name), 16).unwrap_or(0);
    Ok(Environment {
        descriptors: descriptors()?,
        user: numbers("Uid"),
        group: numbers("Gid"),
        groups: numbers("Groups"),
        capabilities: mask("CapEff"),
        umask: u32::from_str_radix(&field("Umask"), 8).unwrap_or(0),
        directory: directory()?,
        limits: LIMITS.iter().map(|(name, resource)| ((*name).to_owned(), limit(*resource))).collect(),
        blocked: mask("SigBlk"),
        ignored: mask("SigIgn"),
        leads_group: getpgrp() == getpid(),
        variables: std::env::vars_os().map(|(name, value)| variable(&name, &value)).collect(),
    })
}

/// The working directory. One that was deleted is still the same (proc(5)).
fn directory() -> io::Result<String> {
    let path = fs::read_link("/proc/self/cwd")?.to_string_lossy().into_owned();
    Ok(path.strip_suffix(" (deleted)").map(str::to_owned).unwrap_or(path))
}

/// A variable as it is told.
pub fn variable(name: &std::ffi::OsStr, value: &std::ffi::OsStr) -> (String, u32) {
    (name.to_string_lossy().into_owned(), hash(value.as_encoded_bytes()))
}

fn limit(resource: Resource) -> (Option<u64>, Option<u64>) {
    let limit = getrlimit(resource);
    (limit.current, limit.maximum)
}

/// Without the one by which they are read.
fn descriptors() -> io::Result<BTreeMap<i32, String>> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let target = fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned();
        let kind = target.split_once(":[").map_or(target.as_str(), |(kind, _)| kind).to_owned();
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && !target.ends_with("/fd")
        {
            open.insert(number, kind);
        }
    }
    Ok(open)
}

/// Values are compared, and need not be read: both halves of a longer hash, folded.
fn hash(bytes: &[u8]) -> u32 {
    let hash = fnv::hash(bytes);
    (hash ^ hash >> 32) as u32
}

/// Tells it, as one write: lines of several processes are never mixed.
///
/// # Errors
/// The file can't be written.
pub fn tell(run: &Path, is: Environment) -> io::Result<()> {
    let proc = procfs::own().ok_or(io::ErrorKind::NotFound)?;
    let mut line = serde_json::to_vec(&EnvironmentLine { t: clock::now(), proc, is })?;
    line.push(b'\n');
    OpenOptions::new().append(true).create(true).open(run.join(ENVIRONMENTS))?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_its_own() {
        let first = own().expect("readable");
        assert!(first.descriptors.contains_key(&2) && first.variables.contains_key("PATH"), "{first:?}");
        assert_eq!(first.user.len(), 4);
        let file = fs::File::open("/dev/null").expect("a descriptor");
        let second = own().expect("readable");
        assert!(second.descriptors.values().any(|is| is == "/dev/null"), "{second:?}");
        drop(file);
    }
}

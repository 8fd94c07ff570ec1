//! What is left of a subject after its end.

use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use crate::history::{Leftover, Proc};
use crate::scenario::Owns;
use crate::subject;

use super::{procfs, rundir};

/// Everything that is left now: processes (the runner is a subreaper, so whatever is left is below it), the
/// address, socket files and the pid file in the run's directory. `bystanders` are the harness's own.
pub fn find(address: SocketAddrV4, dir: &Path, bystanders: &[u32]) -> Vec<Leftover> {
    let there = procfs::descendants(std::process::id()).into_iter().filter(|pid| !bystanders.contains(pid));
    let mut left: Vec<Leftover> = there.filter_map(process).collect();
    if rundir::can_bind(address).is_err() {
        left.push(Leftover::Address(address.to_string()));
    }
    left.extend(sockets(dir).map(Leftover::File));
    if subject::owned(dir, Owns::Pidfile).is_file() {
        left.push(Leftover::File(Owns::Pidfile.name().to_owned()));
    }
    left
}

fn process(pid: u32) -> Option<Leftover> {
    let stat = procfs::stat(pid)?;
    let proc = Proc { pid, start: stat.start };
    // A zombie below the runner is the runner's to reap, which it is about to do.
    (!matches!(stat.state, 'Z' | 'X')).then(|| Leftover::Process { proc, comm: procfs::comm(pid) })
}

/// Only of the directory itself: those of the puppets are in a folder of it and are theirs.
fn sockets(dir: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sockets = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()));
    sockets.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

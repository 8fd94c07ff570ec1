//! A run's own place: a directory on tmpfs and a loopback address.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::environment::ENVIRONMENTS;
use super::journal::JOURNAL;
use super::{cgroup, clock};

/// A name for a run's directory that no other run has. It is chosen by the caller, so that each of the three processes
/// of a run knows what to remove. Journals must not wait for a disk, so tmpfs comes first.
pub fn choose() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = ["/dev/shm".into(), std::env::var_os("XDG_RUNTIME_DIR").unwrap_or_default()]
        .into_iter()
        .map(PathBuf::from)
        .find(|dir| dir.is_absolute() && writable(dir))
        .unwrap_or_else(std::env::temp_dir);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    base.join(format!("run-{}-{serial}-{:x}", std::process::id(), clock::now().as_nanos()))
}

fn writable(dir: &Path) -> bool {
    dir.is_dir() && rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

/// Creates the directory, for this user alone, with the folders that puppets use.
pub fn create(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(dir)?;
    fs::create_dir(dir.join("tickets"))?;
    fs::create_dir(dir.join("side"))
}

/// Lets in workers that are of this user and group, and nobody else. They may go through the directory, and neither list nor
/// change it; they add to the two files and the two folders that all workers add to, which they couldn't make.
pub fn admit(dir: &Path, user: u32) -> io::Result<()> {
    let give = |path: &Path, mode: u32| {
        chown(path, None, Some(user))?;
        fs::set_permissions(path, Permissions::from_mode(mode))
    };
    for file in [JOURNAL, ENVIRONMENTS] {
        let path = dir.join(file);
        fs::File::create_new(&path)?;
        give(&path, 0o660)?;
    }
    give(&dir.join("tickets"), 0o730)?;
    give(&dir.join("side"), 0o730)?;
    give(dir, 0o710)
}

/// Removes it with all that is in it, and the control groups that bear its name. Not there is as good as removed.
pub fn remove(dir: &Path) -> io::Result<()> {
    cgroup::remove_all(dir)?;
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// An address of 127.0.0.0/8 of which no other run makes use: derived from the pid, then tried by binding it.
/// A port below the ephemeral range, so that no client of anybody gets it by chance.
pub fn address() -> io::Result<SocketAddrV4> {
    let mut seed = u64::from(std::process::id()) << 32 ^ clock::now().as_nanos();
    let mut last = io::Error::other("no address tried");
    for _ in 0..64 {
        // splitmix64
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, e, ..] = (mixed ^ (mixed >> 31)).to_be_bytes();
        let ip = Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254));
        let candidate = SocketAddrV4::new(ip, 20_000 + u16::from_be_bytes([d, e]) % 12_000);
        match can_bind(candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether a fresh server could bind this address now. Connections of the past that linger in TIME_WAIT do not count,
/// as they don't for any server that sets SO_REUSEADDR.
pub fn can_bind(address: SocketAddrV4) -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, 1)?;
    Ok(())
}

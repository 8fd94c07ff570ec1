//! Files that are in the way of a supervisor that starts: what a dead one left, or what is somebody else's.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::history::{Proc, What};
use crate::scenario::FileFault;

/// A pid that no process can have: one more than the most that the kernel gives (PID_MAX_LIMIT).
const NOBODY: u32 = 4_194_305;

/// Something planted.
#[derive(Debug)]
pub struct Planted {
    /// What the subject would have there.
    which: String,
    path: PathBuf,
    inode: u64,
    /// It must not be touched.
    foreign: bool,
    /// What a pid file says until somebody makes it its own.
    text: Option<Vec<u8>>,
    /// Whoever lives behind it.
    _listener: Option<UnixListener>,
}

/// Puts it in its place, from which whatever is there is taken away: the subject does not run yet or is dead.
///
/// # Errors
/// Why it can't be done, in words.
pub fn plant(which: &str, path: &Path, is: FileFault, bystander: Option<Proc>) -> Result<Planted, String> {
    let fail = |error: io::Error| format!("cannot plant {}: {error}", path.display());
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let mut listener = None;
    match (which, is) {
        (_, FileFault::Directory) => fs::create_dir(path).map_err(fail)?,
        (_, FileFault::Garbage) => fs::write(path, "not what you think\n").map_err(fail)?,
        (_, FileFault::Empty) => fs::write(path, "").map_err(fail)?,
        ("pidfile", FileFault::Stale) => fs::write(path, format!("{NOBODY}\n")).map_err(fail)?,
        ("pidfile", FileFault::Foreign) => {
            let pid = bystander.map_or(std::process::id(), |bystander| bystander.pid);
            fs::write(path, format!("{pid}\n")).map_err(fail)?;
        }
        (_, FileFault::Stale) => drop(UnixListener::bind(path).map_err(fail)?),
        (_, FileFault::Foreign) => listener = Some(UnixListener::bind(path).map_err(fail)?),
        (_, FileFault::Missing | FileFault::Forbidden | FileFault::Full) => {
            return Err(format!("{is:?} is nothing that can be planted"));
        }
    }
    // A pid file is only text: whose it is, is decided by who lives, and a start may take its place.
    let taken = which == "pidfile" && is != FileFault::Directory;
    let foreign = is != FileFault::Stale && !taken;
    let inode = fs::symlink_metadata(path).map_err(fail)?.ino();
    let text = taken.then(|| fs::read(path).map_err(fail)).transpose()?;
    Ok(Planted { which: which.to_owned(), path: path.to_owned(), inode, foreign, text, _listener: listener })
}

impl Planted {
    /// What is in its place now, if that must stay as it is.
    pub fn look(&self) -> Option<What> {
        let is = fs::symlink_metadata(&self.path).ok().map(|file| format!("file {}", file.ino()));
        self.foreign.then(|| What::Owned { what: format!("foreign {}", self.which), is })
    }

    /// Takes it away, unless something else has its place by now.
    pub fn uproot(self) {
        let as_planted = self.text.as_ref().is_none_or(|text| fs::read(&self.path).is_ok_and(|is| is == *text));
        if as_planted && fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // One of them is right.
            let _ = fs::remove_file(&self.path).or_else(|_| fs::remove_dir(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planted_is_taken_away_and_what_came_after_it_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("sock");
        for is in [FileFault::Stale, FileFault::Foreign, FileFault::Garbage, FileFault::Directory] {
            let planted = plant("socket", &path, is, None).expect("planted");
            assert_eq!(planted.look().is_some(), is != FileFault::Stale);
            planted.uproot();
            assert!(!path.exists(), "{is:?}");
        }
        let pids = plant("pidfile", &path, FileFault::Stale, None).expect("planted");
        fs::write(&path, "42\n").expect("written");
        pids.uproot();
        assert_eq!(fs::read(&path).expect("it is its owner's by now"), b"42\n");
        fs::remove_file(&path).expect("there");
        let planted = plant("socket", &path, FileFault::Foreign, None).expect("planted");
        let before = planted.look();
        fs::rename(&path, dir.path().join("aside")).expect("moved");
        fs::write(&path, "another").expect("written");
        assert_ne!(planted.look(), before);
        planted.uproot();
        assert!(path.exists());
    }
}

//! Files of the subject that are not as they were for a while.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::scenario::FileFault;

/// A file (or folder) that was moved aside, and what is wrong with it put in its place.
#[derive(Debug)]
pub struct Spoiled {
    path: PathBuf,
    aside: PathBuf,
    /// The inode of what was put in its place.
    instead: Option<u64>,
}

impl Spoiled {
    /// Moves it to `aside`, where nothing is yet.
    ///
    /// # Errors
    /// Why it can't be done, in words. The file is as it was then.
    pub fn spoil(path: &Path, how: FileFault, aside: PathBuf) -> Result<Self, String> {
        let fail = |error: io::Error| format!("cannot spoil {}: {error}", path.display());
        let mode = match how {
            FileFault::Missing => None,
            FileFault::Forbidden => Some(0o000),
            FileFault::Empty => Some(0o700),
            FileFault::Full | FileFault::Stale | FileFault::Foreign | FileFault::Garbage | FileFault::Directory => {
                return Err(format!("{} can't be made {how:?}", path.display()));
            }
        };
        free(path, &aside).map_err(fail)?;
        let mut spoiled = Self { path: path.to_owned(), aside, instead: None };
        match mode.map(|mode| put(path, mode)).transpose() {
            Ok(inode) => spoiled.instead = inode,
            Err(error) => {
                spoiled.put_back()?;
                return Err(fail(error));
            }
        }
        Ok(spoiled)
    }

    /// Where it ought to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it back, unless somebody has put something else in its place meanwhile. Then that stays, and this is where the
    /// old one is.
    ///
    /// # Errors
    /// Why it can't be put back, in words.
    pub fn put_back(self) -> Result<Option<PathBuf>, String> {
        let fail = |error: io::Error| format!("cannot put {} back: {error}", self.path.display());
        let there = match fs::symlink_metadata(&self.path) {
            Ok(file) => Some(file.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fail(error)),
        };
        if there.is_some() && there != self.instead {
            return Ok(Some(self.aside));
        }
        if there.is_some() {
            fs::rename(&self.aside, &self.path).map_err(fail)?;
            return Ok(None);
        }
        match renameat_with(CWD, &self.aside, CWD, &self.path, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(None),
            Err(Errno::EXIST) => Ok(Some(self.aside)),
            Err(error) => Err(fail(error.into())),
        }
    }
}

/// Moves a file aside.
fn free(path: &Path, aside: &Path) -> io::Result<()> {
    aside.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::rename(path, aside)
}

/// Makes an empty file; its inode.
fn put(path: &Path, mode: u32) -> io::Result<u64> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    Ok(file.metadata()?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: [FileFault; 3] = [FileFault::Missing, FileFault::Forbidden, FileFault::Empty];

    fn text(path: &Path) -> String {
        fs::read_to_string(path).expect("readable")
    }

    #[test]
    fn it_is_put_back_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        for (number, how) in HOW.into_iter().enumerate() {
            fs::write(&path, "right").expect("written");
            let spoiled = Spoiled::spoil(&path, how, dir.path().join(format!("aside/{number}"))).expect("spoiled");
            assert_eq!(path.exists(), how != FileFault::Missing);
            assert_eq!(spoiled.put_back(), Ok(None));
            assert_eq!(text(&path), "right");
        }
    }

    #[test]
    fn what_came_in_its_place_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        for (number, how) in HOW.into_iter().enumerate() {
            let aside = dir.path().join(format!("aside/{number}"));
            fs::write(&path, "old").expect("written");
            let spoiled = Spoiled::spoil(&path, how, aside.clone()).expect("spoiled");
            fs::write(dir.path().join("new"), "new").expect("written");
            fs::rename(dir.path().join("new"), &path).expect("replaced");
            assert_eq!(spoiled.put_back(), Ok(Some(aside.clone())));
            assert_eq!((text(&path).as_str(), text(&aside).as_str()), ("new", "old"));
        }
    }

    #[test]
    fn what_can_not_be_spoiled_is_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, aside) = (dir.path().join("file"), dir.path().join("aside/0"));
        assert!(Spoiled::spoil(&path, FileFault::Missing, aside.clone()).is_err(), "it is not there");
        fs::write(&path, "right").expect("written");
        assert!(Spoiled::spoil(&path, FileFault::Full, aside.clone()).is_err());
        assert_eq!(text(&path), "right");
        assert!(!aside.exists());
    }
}

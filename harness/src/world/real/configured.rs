//! What is put in the place of the subject's configuration file.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::subject::Contents;

/// Puts it there in one step, as far as that is possible, whatever was there before.
pub fn put(path: &Path, contents: &Contents) -> io::Result<()> {
    let next = path.with_extension("next");
    match contents {
        Contents::Bytes(bytes) => fs::write(&next, bytes)?,
        Contents::Missing => return take_away(path),
        Contents::Directory => fs::create_dir(&next)?,
        Contents::Dangling => std::os::unix::fs::symlink("nowhere", &next)?,
        Contents::Fifo => mknodat(CWD, &next, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?,
    }
    // rename(2) puts no folder in the place of a file, nor the other way round.
    if *contents == Contents::Directory || path.is_dir() {
        take_away(path)?;
    }
    fs::rename(next, path)
}

fn take_away(path: &Path) -> io::Result<()> {
    let taken = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    taken.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    fn is(path: &Path) -> Contents {
        match fs::symlink_metadata(path).map(|found| found.file_type()) {
            Err(_) => Contents::Missing,
            Ok(kind) if kind.is_dir() => Contents::Directory,
            Ok(kind) if kind.is_symlink() && !path.exists() => Contents::Dangling,
            Ok(kind) if kind.is_fifo() => Contents::Fifo,
            Ok(_) => Contents::Bytes(fs::read(path).expect("readable")),
        }
    }

    #[test]
    fn each_can_come_after_each() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("config");
        let all = [
            Contents::Bytes(b"one".to_vec()),
            Contents::Missing,
            Contents::Directory,
            Contents::Dangling,
            Contents::Fifo,
            Contents::Bytes(b"two".to_vec()),
        ];
        for before in &all {
            for after in &all {
                put(&path, before).expect("put");
                put(&path, after).expect("put in its place");
                assert_eq!(is(&path), *after, "after {before:?}");
            }
        }
        assert!(!dir.path().join("config.next").exists(), "nothing else is left");
    }
}

//! The supervisor's pid file.

use std::path::{Path, PathBuf};

use supervisor::kernel::{Errno, Fd, PidFileError};

use crate::history::{What, pid_file_told};
use crate::scenario::{FileFault, Owns};
use crate::subject;

use super::engine::World;
use super::model::CALL;
use super::sockets::Object;

/// What is at its path. Nobody else locks it: there is one supervisor in this world.
#[derive(Debug, Default)]
pub(super) struct PidFile {
    /// Where it is to be, if the scenario asks for one.
    path: Option<PathBuf>,
    /// What it says; `None`: there is none.
    text: Option<String>,
    /// A directory is there.
    directory: bool,
    /// Which file it is: counted.
    number: u64,
}

/// A pid that nobody has.
const NOBODY: &str = "4194305";

impl PidFile {
    /// `run` is the run's directory.
    pub fn new(owns: &[Owns], run: &Path) -> Self {
        Self { path: owns.contains(&Owns::Pidfile).then(|| subject::owned(run, Owns::Pidfile)), ..Self::default() }
    }

    /// Whether this is its path.
    pub fn is_at(&self, path: &Path) -> bool {
        self.path.as_deref() == Some(path)
    }

    /// Puts something there, or takes it away again unless the supervisor has made it its own.
    pub fn plant(&mut self, is: FileFault, begin: bool) {
        let text = match is {
            FileFault::Stale => Some(NOBODY),
            FileFault::Garbage => Some("not what you think"),
            FileFault::Empty => Some(""),
            _ => None,
        };
        let planted = text.map(str::to_owned);
        if begin {
            self.number += 1;
            (self.directory, self.text) = (is == FileFault::Directory, planted);
        } else {
            self.directory &= is != FileFault::Directory;
            self.text.take_if(|text| Some(&*text) == planted.as_ref());
        }
    }
}

impl World {
    /// open(2), flock(2), ftruncate(2), pwrite(2).
    pub fn take_pid_file(&mut self) -> Result<Fd, PidFileError> {
        self.call(CALL).map_err(|gone| PidFileError::System(gone.into()))?;
        self.needs_descriptors(1).map_err(PidFileError::System)?;
        if self.pid_file.directory {
            return Err(PidFileError::System(Errno(21)));
        }
        if self.pid_file.text.is_none() {
            self.pid_file.number += 1;
        }
        self.pid_file.text = Some(self.supervisor.proc.pid.to_string());
        Ok(Fd(self.supervisor.descriptors.open(Object::PidFile)))
    }

    /// What it says now; `None`: no file can be read there.
    pub fn pid_file_text(&self) -> Option<&str> {
        self.pid_file.text.as_deref().filter(|_| !self.pid_file.directory)
    }

    /// close(2), with unlink(2) before it. A process that is killed unlinks nothing.
    pub fn release_pid_file(&mut self) {
        if self.supervisor.alive() {
            self.pid_file.text = None;
        }
    }

    /// Notes what is there, as the harness of the real world does.
    pub fn look_at_pid_file(&mut self) {
        if self.pid_file.path.is_some() {
            let is = self.pid_file_text().map(|text| pid_file_told(self.pid_file.number, text));
            self.note(What::Owned { what: Owns::Pidfile.name().to_owned(), is });
        }
    }
}

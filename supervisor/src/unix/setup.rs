//! Credentials, limits, umask and directory of a child: made ready before the fork, applied after it.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;

use nix::libc;

use crate::kernel::{Resource, Setup};

/// A [`Setup`] in the words of the system calls.
pub struct Preparation<'a> {
    setup: &'a Setup,
    limits: Vec<(libc::c_int, libc::rlimit)>,
    directory: Option<CString>,
}

impl<'a> Preparation<'a> {
    /// `None` if the directory contains a NUL.
    pub fn new(setup: &'a Setup) -> Option<Self> {
        let directory = match &setup.directory {
            Some(path) => Some(CString::new(path.as_os_str().as_bytes()).ok()?),
            None => None,
        };
        let value = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
        let limits = setup.limits.iter().map(|limit| {
            (number(limit.resource), libc::rlimit { rlim_cur: value(limit.soft), rlim_max: value(limit.hard) })
        });
        Some(Self { setup, limits: limits.collect(), directory })
    }

    /// Applies all of it to this process; false if one failed, with errno set. What needs privileges comes before the
    /// user, with whom they go, and the supplementary groups before the group for the same reason.
    ///
    /// # Safety
    /// To be called between fork and exec only: it calls nothing but the system and allocates nothing.
    pub unsafe fn apply(&self) -> bool {
        let Setup { user, group, groups, umask, .. } = self.setup;
        // SAFETY: all pointers are to memory that lives as long as `self`, of the lengths given.
        unsafe {
            for (resource, limit) in &self.limits {
                if libc::setrlimit(*resource as _, limit) != 0 {
                    return false;
                }
            }
            if let Some(umask) = umask {
                libc::umask(*umask as libc::mode_t);
            }
            self.directory.as_ref().is_none_or(|path| libc::chdir(path.as_ptr()) == 0)
                && groups.as_ref().is_none_or(|groups| libc::setgroups(groups.len() as _, groups.as_ptr()) == 0)
                // Real, effective and saved: no way back.
                && group.is_none_or(|group| libc::setresgid(group, group, group) == 0)
                && user.is_none_or(|user| libc::setresuid(user, user, user) == 0)
        }
    }
}

fn number(resource: Resource) -> libc::c_int {
    let number = match resource {
        Resource::As => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Fsize => libc::RLIMIT_FSIZE,
        Resource::Memlock => libc::RLIMIT_MEMLOCK,
        Resource::Nofile => libc::RLIMIT_NOFILE,
        Resource::Nproc => libc::RLIMIT_NPROC,
        Resource::Stack => libc::RLIMIT_STACK,
    };
    number as libc::c_int
}

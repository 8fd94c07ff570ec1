//! Signals to processes that can't be mistaken for others.

use rustix::process::{Pid, Signal as Kernel, kill_process, pidfd_send_signal};

use crate::history::Proc;
use crate::scenario::Signal;

use super::procfs;
use super::tracked::Tracked;

/// The signal as the kernel knows it.
pub fn kernel(signal: Signal) -> Kernel {
    match signal {
        Signal::KILL => Kernel::KILL,
        Signal::TERM => Kernel::TERM,
        Signal::INT => Kernel::INT,
        Signal::QUIT => Kernel::QUIT,
        Signal::HUP => Kernel::HUP,
        Signal::USR1 => Kernel::USR1,
        Signal::USR2 => Kernel::USR2,
        Signal::CHLD => Kernel::CHILD,
        Signal::ABRT => Kernel::ABORT,
        Signal::SEGV => Kernel::SEGV,
        Signal::TTIN => Kernel::TTIN,
        Signal::TTOU => Kernel::TTOU,
        Signal::WINCH => Kernel::WINCH,
        Signal::PIPE => Kernel::PIPE,
    }
}

/// Sends one. A process that has ended gets none, and that is no error.
pub fn send(tracked: Option<&Tracked>, proc: Proc, signal: Kernel) {
    match tracked.and_then(|tracked| tracked.pidfd.as_ref()) {
        Some(pidfd) => {
            let _ = pidfd_send_signal(pidfd, signal);
        }
        // Not watched: its pid is as good as its start time is the same.
        None if procfs::proc_of(proc.pid) == Some(proc) => {
            if let Some(pid) = i32::try_from(proc.pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
        None => {}
    }
}

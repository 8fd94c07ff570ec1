//! What workers write: taken off their pipes whatever becomes of it, so that no worker ever waits for a reader of ours.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::{Output, PoolConfig};
use crate::control::Stream;
use crate::core::WorkerId;
use crate::kernel::{Errno, Fd, Files, Kernel, Streams, Watch};

use super::commands::worker_name;
use super::cutter::Cutter;
use super::human;
use super::link::Reading;
use super::logs::Logs;
use super::outlet::Outlet;
use super::shortage::Shortage;

/// How many buffers full of one pipe are read in one turn.
const READS_PER_TURN: usize = 4;

/// How many are read when its worker is dead. Whoever still holds the pipe could go on for ever.
const LAST_READS: usize = 32;

/// Standard output.
const STDOUT: i32 = 1;

/// The supervisor's standard error, if it has one: what it says to people goes there, too.
type Errors<'a> = Option<&'a mut Outlet>;

/// Where lines of a worker go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// To the supervisor's standard error, with the worker's name before each.
    Errors,
    /// To an outlet, with the worker's name before each.
    Named(usize),
    /// To an outlet, as they are.
    Plain(usize),
    /// Nowhere.
    Nowhere,
}

/// The reading end of a pipe.
#[derive(Debug)]
struct Pipe {
    worker: WorkerId,
    stream: Stream,
    target: Target,
    cutter: Cutter,
    shortage: Shortage,
}

/// All pipes, and where they lead.
#[derive(Debug, Default)]
pub struct Outputs {
    pools: Vec<PoolOutput>,
    pipes: BTreeMap<Fd, Pipe>,
    outlets: Vec<Outlet>,
    /// What was written lately.
    pub logs: Logs,
    line: Vec<u8>,
}

/// Where the worker of a pool that was started last writes.
#[derive(Debug)]
struct PoolOutput {
    name: String,
    output: Output,
}

impl Outputs {
    /// Opens what the workers of these pools are to write to; those that run write where they did.
    ///
    /// # Errors
    /// A file can't be opened; it is named.
    pub fn configure<'c, K: Kernel>(
        &mut self,
        kernel: &mut K,
        pools: &'c [PoolConfig],
    ) -> Result<(), (&'c Path, Errno)> {
        for pool in pools {
            if let Output::Files { stdout, stderr } = &pool.output {
                for path in [stdout].into_iter().chain(stderr) {
                    self.file(kernel, path).map_err(|errno| (path.as_path(), errno))?;
                }
            }
        }
        if self.pools.is_empty() {
            let of = |pool: &PoolConfig| PoolOutput { name: pool.name.clone(), output: pool.output.clone() };
            self.pools = pools.iter().map(of).collect();
        }
        Ok(())
    }

    /// Standard output; `None` if it was closed before the supervisor started.
    fn own<K: Files>(&mut self, kernel: &mut K) -> Option<usize> {
        if let Some(known) = self.outlets.iter().position(|outlet| outlet.is_descriptor(STDOUT)) {
            return Some(known);
        }
        self.outlets.push(Outlet::descriptor(kernel.inherited(STDOUT).ok()?, STDOUT));
        Some(self.outlets.len() - 1)
    }

    fn file<K: Files>(&mut self, kernel: &mut K, path: &Path) -> Result<usize, Errno> {
        if let Some(known) = self.outlets.iter().position(|outlet| outlet.is_file(path)) {
            return Ok(known);
        }
        self.outlets.push(Outlet::new(kernel.open_append(path)?, Some(path.to_owned())));
        Ok(self.outlets.len() - 1)
    }

    /// Why nothing of what this pool's workers write is kept; `None` if it is.
    pub fn unkept(&self, pool: u16) -> Option<&'static str> {
        match self.pools.get(usize::from(pool))?.output {
            Output::Inherit => Some("its workers write to the supervisor's own output themselves (output: Inherit)"),
            Output::Null => Some("what its workers write goes nowhere (output: Null)"),
            Output::Prefixed | Output::Files { .. } => None,
        }
    }

    /// A worker of this pool was started with these pipes for standard output and error.
    pub fn adopt<K: Kernel>(&mut self, kernel: &mut K, worker: WorkerId, pool: &PoolConfig, pipes: [Option<Fd>; 2]) {
        if let Some(known) = self.pools.get_mut(usize::from(worker.pool)) {
            known.output.clone_from(&pool.output);
        }
        let plain = |outlet: Result<usize, Errno>| outlet.map_or(Target::Nowhere, Target::Plain);
        let targets = match &pool.output {
            Output::Inherit | Output::Null => return,
            Output::Prefixed => [self.own(kernel).map_or(Target::Nowhere, Target::Named), Target::Errors],
            Output::Files { stdout, stderr } => {
                let out = plain(self.file(kernel, stdout));
                [out, stderr.as_ref().map_or(out, |path| plain(self.file(kernel, path)))]
            }
        };
        for ((fd, target), stream) in pipes.into_iter().zip(targets).zip([Stream::Stdout, Stream::Stderr]) {
            if let Some(fd) = fd {
                self.pipes.insert(
                    fd,
                    Pipe { worker, stream, target, cutter: Cutter::default(), shortage: Shortage::default() },
                );
            }
        }
    }

    /// Reads one turn, if the descriptor is one of ours.
    pub fn serve<K: Kernel>(&mut self, kernel: &mut K, fd: Fd, buffer: &mut [u8], mut errors: Errors<'_>) {
        if self.pipes.contains_key(&fd) && self.take(kernel, fd, buffer, Reading::Briefly, &mut errors) {
            self.finish(kernel, fd, &mut errors);
        }
    }

    /// The worker is dead: takes what it had written. The pipes are closed then, although somebody who left its process
    /// group may still hold them.
    pub fn ended<K: Kernel>(&mut self, kernel: &mut K, worker: WorkerId, buffer: &mut [u8], mut errors: Errors<'_>) {
        let of_worker = |(&fd, pipe): (&Fd, &Pipe)| (pipe.worker == worker).then_some(fd);
        let fds: Vec<Fd> = self.pipes.iter().filter_map(of_worker).collect();
        for fd in fds {
            self.take(kernel, fd, buffer, Reading::ForTheLastTime, &mut errors);
            self.finish(kernel, fd, &mut errors);
        }
    }

    /// Whether it has come to its end.
    fn take<K: Streams>(
        &mut self,
        kernel: &mut K,
        fd: Fd,
        buffer: &mut [u8],
        how: Reading,
        errors: &mut Errors<'_>,
    ) -> bool {
        let last = how == Reading::ForTheLastTime;
        for _ in 0..if last { LAST_READS } else { READS_PER_TURN } {
            match kernel.receive(fd, buffer) {
                Ok(received) if received.bytes == 0 => return true,
                Ok(received) => self.lines(fd, Some(&buffer[..received.bytes]), errors),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                // What was written is still there.
                Err(Errno::NOMEM | Errno::NOBUFS) if self.is_shortage(fd) => {
                    if !last {
                        return false;
                    }
                }
                // Nothing can be had from it any more.
                Err(_) => return true,
            }
        }
        false
    }

    /// Notes that there was no memory; whether it makes sense to try again later.
    fn is_shortage(&mut self, fd: Fd) -> bool {
        self.pipes.get_mut(&fd).is_some_and(|pipe| pipe.shortage.is_bearable())
    }

    fn finish<K: Streams>(&mut self, kernel: &mut K, fd: Fd, errors: &mut Errors<'_>) {
        self.lines(fd, None, errors);
        self.pipes.remove(&fd);
        kernel.close(fd);
    }

    /// Passes on the lines in these bytes, or, without any, the one that has not ended.
    fn lines(&mut self, fd: Fd, bytes: Option<&[u8]>, errors: &mut Errors<'_>) {
        let Self { pools, pipes, outlets, logs, line } = self;
        let Some(Pipe { worker, stream, target, cutter, shortage }) = pipes.get_mut(&fd) else { return };
        shortage.end();
        let pool = pools.get(usize::from(worker.pool)).map_or("", |pool| &pool.name);
        let each = |text: &[u8], more: bool| {
            logs.add(*worker, *stream, text, more);
            line.clear();
            if matches!(target, Target::Named(_) | Target::Errors) {
                line.extend(format!("{} | ", worker_name(pool, *worker)).bytes());
            }
            line.extend_from_slice(text);
            line.push(b'\n');
            let outlet = match *target {
                Target::Named(to) | Target::Plain(to) => outlets.get_mut(to),
                Target::Errors => errors.as_deref_mut(),
                Target::Nowhere => None,
            };
            if let Some(outlet) = outlet {
                say(outlet, line);
            }
        };
        match bytes {
            Some(bytes) => cutter.push(bytes, each),
            None => cutter.finish(each),
        }
    }

    /// Appends what is to be watched.
    pub fn watches(&self, watches: &mut Vec<Watch>) {
        watches.extend(self.pipes.keys().map(|&fd| Watch { fd, read: true, write: false }));
        let stuck = self.outlets.iter().filter_map(Outlet::watch);
        watches.extend(stuck.map(|fd| Watch { fd, read: false, write: true }));
    }

    /// A descriptor can be written; it may be one of ours.
    pub fn writable(&mut self, fd: Fd) {
        self.outlets.iter_mut().for_each(|outlet| outlet.writable(fd));
    }

    /// Writes what fits, and says what was lost as soon as there is room for that.
    pub fn flush<K: Files>(&mut self, kernel: &mut K, errors: Errors<'_>) {
        for outlet in self.outlets.iter_mut().chain(errors) {
            outlet.flush(kernel);
            say(outlet, &[]);
            outlet.flush(kernel);
        }
    }

    /// Opens the files again.
    ///
    /// # Errors
    /// Those of open(2), of the first that failed; it stays in use, and the others are opened.
    pub fn reopen<K: Files + Streams>(&mut self, kernel: &mut K) -> Result<(), Errno> {
        let failed: Vec<Errno> = self.outlets.iter_mut().filter_map(|outlet| outlet.reopen(kernel).err()).collect();
        failed.first().map_or(Ok(()), |&errno| Err(errno))
    }

    /// Closes all.
    pub fn close<K: Streams>(&mut self, kernel: &mut K) {
        std::mem::take(&mut self.pipes).into_keys().for_each(|fd| kernel.close(fd));
        self.outlets.drain(..).for_each(|outlet| outlet.close(kernel));
    }
}

/// Queues a line after what is to be said about lines before it.
fn say(outlet: &mut Outlet, line: &[u8]) {
    if let Some(lost) = outlet.take_lost() {
        let mut notice = String::new();
        human::write_loss(&mut notice, lost);
        outlet.push(notice);
    }
    outlet.push(line);
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;

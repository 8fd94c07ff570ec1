//! Pipes from workers to the supervisor: their output, and the one on which they tell that they are ready.

use supervisor::kernel::{Errno, Fd, SpawnSpec, Stdio};

use super::engine::World;
use super::sockets::{Object, Pipe};

/// How much a pipe holds (pipe(7)).
const CAPACITY: usize = 65_536;

impl World {
    /// Makes the pipes that a new process is given: standard output, standard error, readiness.
    pub fn pipes_of(&mut self, worker: u32, spec: &SpawnSpec) -> [Option<Fd>; 3] {
        let wanted = [spec.stdout == Stdio::Pipe, spec.stderr == Stdio::Pipe, spec.notify_fd.is_some()];
        let numbers = wanted.map(|wanted| {
            wanted.then(|| {
                self.pipes.push(Pipe { writers: 1, read: true, worker, ..Pipe::default() });
                self.pipes.len() as u32 - 1
            })
        });
        let process = self.processes.get_mut(worker);
        [process.stdout, process.stderr, process.ready_pipe] = numbers;
        numbers.map(|number| number.map(|number| Fd(self.supervisor.descriptors.open(Object::Pipe(number)))))
    }

    /// read(2).
    pub fn read_pipe(&mut self, number: u32, buffer: &mut [u8]) -> Result<usize, Errno> {
        let there = self.pipes[number as usize].bytes.len().min(buffer.len());
        let bytes = self.part(there);
        self.counters.partial_reads += u32::from(bytes < there);
        let pipe = &mut self.pipes[number as usize];
        if bytes == 0 {
            return if pipe.writers == 0 { Ok(0) } else { Err(Errno::AGAIN) };
        }
        for (place, byte) in buffer.iter_mut().zip(pipe.bytes.drain(..bytes)) {
            *place = byte;
        }
        let rest = std::mem::take(&mut pipe.rest);
        let worker = pipe.worker;
        if rest > 0 {
            self.processes.get_mut(worker).blocked = false;
            self.write_output(worker, rest);
            self.go_on(worker);
        }
        Ok(bytes)
    }

    /// A worker writes so many bytes to its standard output. It waits for room, and is not stopped by the end of a pipe.
    pub fn write_output(&mut self, ix: u32, bytes: u64) {
        let Some(number) = self.processes.get(ix).stdout else {
            return;
        };
        let pipe = &mut self.pipes[number as usize];
        if !pipe.read {
            return;
        }
        let room = CAPACITY - pipe.bytes.len();
        let fits = usize::try_from(bytes).map_or(room, |bytes| bytes.min(room));
        pipe.bytes.resize(pipe.bytes.len() + fits, b'x');
        pipe.rest = bytes - fits as u64;
        self.processes.get_mut(ix).blocked = pipe.rest > 0;
        self.supervisor.stirred = true;
    }

    /// A worker writes the newline that means that it is ready.
    pub fn write_ready(&mut self, ix: u32) {
        if let Some(number) = self.processes.get(ix).ready_pipe {
            self.pipes[number as usize].bytes.push_back(b'\n');
            self.supervisor.stirred = true;
        }
    }

    /// The ends that a dying process had.
    pub fn close_writers(&mut self, ix: u32) {
        let process = self.processes.get_mut(ix);
        let ends = [process.stdout.take(), process.stderr.take(), process.ready_pipe.take()];
        for number in ends.into_iter().flatten() {
            let pipe = &mut self.pipes[number as usize];
            pipe.writers -= 1;
            pipe.rest = 0;
            self.supervisor.stirred = true;
        }
    }

    /// The supervisor closes its end: whoever writes goes on, and what it writes is lost.
    pub fn close_reader(&mut self, number: u32) {
        let pipe = &mut self.pipes[number as usize];
        pipe.read = false;
        pipe.bytes.clear();
        let (rest, worker) = (std::mem::take(&mut pipe.rest), pipe.worker);
        if rest > 0 {
            self.processes.get_mut(worker).blocked = false;
            self.go_on(worker);
        }
    }
}

//! Pipes from workers to the supervisor: their output, and the one on which they tell that they are ready.

use supervisor::kernel::{Errno, Fd, SpawnSpec, Stdio};

use super::engine::World;
use super::sockets::{Object, Pipe};

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
        process.inherits_output = spec.stdout == Stdio::Inherit;
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
        let worker = pipe.worker;
        if self.processes.get(worker).blocked {
            self.unblock(worker);
        }
        Ok(bytes)
    }

    /// A worker writes where a newline means that it is ready. Nobody who has stopped reading hears it.
    pub fn write_ready(&mut self, ix: u32, bytes: &[u8]) {
        let Some(number) = self.processes.get(ix).ready_pipe else { return };
        let pipe = &mut self.pipes[number as usize];
        if pipe.read {
            pipe.bytes.extend(bytes);
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
            self.supervisor.stirred = true;
        }
    }

    /// The supervisor closes its end: whoever writes goes on, and what it writes is lost.
    pub fn close_reader(&mut self, number: u32) {
        let pipe = &mut self.pipes[number as usize];
        pipe.read = false;
        pipe.bytes.clear();
        let worker = pipe.worker;
        if self.processes.get(worker).blocked {
            self.unblock(worker);
        }
    }
}

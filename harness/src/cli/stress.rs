//! What keeps a machine busy while a soak runs: processors, memory, disk.

use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use clap::ValueEnum;

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// One busy loop per processor.
    Cpu,
    /// Memory taken, written to and given back, again and again.
    Memory,
    /// A file written and synced, again and again.
    Io,
    /// Nothing.
    None,
}

/// How much memory is taken at a time; a small machine must stay one that can run a suite.
const MEMORY: usize = 128 << 20;
/// What is written to the disk before it is synced.
const WRITTEN: usize = 8 << 20;
const PAGE: usize = 4096;

/// It goes on until dropped.
#[derive(Debug)]
pub struct Stress {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Stress {
    /// Begins.
    pub fn start(kinds: &[Kind]) -> Self {
        let mut stress = Self { stop: Arc::default(), threads: Vec::new() };
        for kind in kinds {
            match kind {
                Kind::Cpu => {
                    let cpus = thread::available_parallelism().map_or(1, usize::from);
                    (0..cpus).for_each(|_| stress.spawn(burn));
                }
                Kind::Memory => stress.spawn(allocate),
                Kind::Io => stress.spawn(write),
                Kind::None => {}
            }
        }
        stress
    }

    fn spawn(&mut self, work: fn(&AtomicBool)) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(thread::spawn(move || work(&stop)));
    }
}

impl Drop for Stress {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // None of them has anything to tell.
            let _ = thread.join();
        }
    }
}

fn burn(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

fn allocate(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut block = vec![0_u8; MEMORY];
        for page in block.chunks_mut(PAGE).take_while(|_| !stop.load(Ordering::Relaxed)) {
            page[0] = 1;
        }
        black_box(&block);
    }
}

/// A disk that is full or slow is no failure of a soak: it is what it asks for.
fn write(stop: &AtomicBool) {
    let Ok(mut file) = tempfile::tempfile() else { return };
    let block = vec![0x55_u8; 64 << 10];
    while !stop.load(Ordering::Relaxed) {
        let _ = file.seek(SeekFrom::Start(0));
        for _ in 0..WRITTEN / block.len() {
            if stop.load(Ordering::Relaxed) || file.write_all(&block).is_err() {
                break;
            }
        }
        let _ = file.sync_data();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_it_is_dropped() {
        let stress = Stress::start(&[Kind::Cpu, Kind::Memory, Kind::Io]);
        assert_eq!(stress.threads.len(), 2 + thread::available_parallelism().map_or(1, usize::from));
        drop(stress);
        assert!(Stress::start(&[Kind::None]).threads.is_empty());
    }
}

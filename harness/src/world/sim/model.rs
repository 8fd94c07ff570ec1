//! What the model of the kernel can be told to do differently, and how long things take in it.

use super::rng::Rng;

/// Switches of the model. The default is the kernel as it is; the others exist to show that a wrong model is found out
/// (see `harness::parity`), or make rare things frequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// SIGCHLD has one pending bit, as all standard signals do. `false`: one signal is delivered for each death.
    pub sigchld_coalesces: bool,
    /// Connections that no worker has accepted belong to the shared listening socket and survive any worker. `false`:
    /// they are lost with the first worker that dies.
    pub queue_survives_death: bool,
    /// How many pids there are before they start again; small numbers make reuse frequent.
    pub pids: u32,
}

impl Default for Model {
    fn default() -> Self {
        Self { sigchld_coalesces: true, queue_survives_death: true, pids: 4_000_000 }
    }
}

/// Which of the workers that wait at a listener tends to win. Kernels are far from fair: on one host a single worker may get
/// nearly every connection, on another they are spread evenly; so the seed decides for a whole run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Favour {
    /// How many of sixteen connections the favoured one gets.
    sixteenths: u64,
    /// Whether it is the one that has waited longest, or the one that came last.
    oldest: bool,
}

impl Favour {
    pub fn draw(rng: &mut Rng) -> Self {
        let sixteenths = [0, 0, 8, 14, 16][rng.below(5) as usize];
        Self { sixteenths, oldest: rng.one_in(2) }
    }

    /// One of `count`.
    pub fn pick(self, count: usize, rng: &mut Rng) -> usize {
        if rng.below(16) >= self.sixteenths {
            return rng.below(count as u64) as usize;
        }
        if self.oldest { 0 } else { count.saturating_sub(1) }
    }
}

/// A range of latencies in nanoseconds. The seed draws one uniformly; one in 64 is drawn from a range eight times as long,
/// because real latencies have tails and races live there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    low: u64,
    high: u64,
}

impl Latency {
    const fn micros(low: u64, high: u64) -> Self {
        Self { low: low * 1000, high: high * 1000 }
    }

    pub fn draw(self, rng: &mut Rng) -> u64 {
        let number = rng.next();
        let range = if number & 63 == 0 { (self.high - self.low) * 8 } else { self.high - self.low };
        self.low + (((number >> 32) * range) >> 32)
    }
}

/// From a stimulus to the process running because of it.
pub(super) const WAKE: Latency = Latency::micros(12, 90);
/// A timer fires late, never early.
pub(super) const TIMER: Latency = Latency::micros(5, 70);
/// One system call that does not block.
pub(super) const CALL: Latency = Latency::micros(1, 4);
/// fork and exec until the parent goes on.
pub(super) const SPAWN: Latency = Latency::micros(90, 500);
/// From exec to the first line of the worker's main function (loading, libc).
pub(super) const START: Latency = Latency::micros(300, 1500);
/// From exec of the supervisor to its loop: handlers are not yet installed.
pub(super) const SUPERVISOR_START: Latency = Latency::micros(500, 3000);
/// From the fatal signal or exit to closed descriptors.
pub(super) const TEARDOWN: Latency = Latency::micros(10, 200);
/// From closed descriptors to the zombie.
pub(super) const ZOMBIE: Latency = Latency::micros(5, 60);
/// From a write at one end of a loopback connection to the reader running because of it.
pub(super) const NET: Latency = Latency::micros(8, 60);
/// From something that the harness sees to what it does because of it.
pub(super) const HARNESS: Latency = Latency::micros(20, 300);
/// A dropped SYN is sent again after this long (TCP_TIMEOUT_INIT), then twice as long each time.
pub(super) const SYN_RETRY_NS: u64 = 1_000_000_000;
/// How long a request is: as the real clients write it, with the longest address.
pub(super) const REQUEST_BYTES: u32 = 69;
/// How much of a long answer or body the two sockets of a connection keep together; the real ones do about so.
pub(super) const SOCKET_BYTES: u64 = 300_000;
/// How many bytes one direction of a channel holds (the default of net.core.wmem_default on Linux).
pub(super) const CHANNEL_BYTES: usize = 212_992;

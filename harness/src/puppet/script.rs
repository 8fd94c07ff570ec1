//! Lives made uniform: every preset is a record.

use crate::scenario::{Exit, Life, LifeRecord, Output};

/// The record that says the same as `life`.
pub fn record(life: Life) -> LifeRecord {
    let serve = LifeRecord::default();
    match life {
        Life::Serve => serve,
        Life::Crash { at, code, after } => LifeRecord { exit: Some(Exit::with(at, after, code)), ..serve },
        Life::Hang { at } => LifeRecord { hang: Some(at), ..serve },
        Life::IgnoreTerm => LifeRecord { ignore_term: true, ..serve },
        Life::SlowBoot(boot) => LifeRecord { boot, ..serve },
        Life::SlowStop(slow_stop) => LifeRecord { slow_stop, ..serve },
        Life::RetireAtFirstRequest(retire) => LifeRecord { retire, retire_after: Some(1), ..serve },
        Life::Leak(leak) => LifeRecord { leak, ..serve },
        Life::Flood(bytes_per_second) => LifeRecord { output: Some(Output { bytes_per_second }), ..serve },
        Life::Record(record) => record,
    }
}

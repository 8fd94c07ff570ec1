//! Loads.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::ron_file::Checker;
use crate::scenario::{Act, Bulk, Load, Scenario, Step};

/// More connections than this are no scenario but a typing error.
const MOST_CONNECTIONS: u32 = 100_000;

/// Less than this fits into the buffers of a connection, and nobody would have to wait for anybody; more takes long to make.
const BULK: RangeInclusive<u64> = 1_000_000..=64_000_000;

/// All clients of a load together ask for no more than this.
const MOST_BULK: u64 = 1_000_000_000;

/// Pieces that follow each other sooner than this are no slow client's.
const OFTEN: Duration = Duration::from_millis(1);

pub(super) fn check(checker: &mut Checker, scenario: &Scenario) {
    for (index, load) in scenario.load.iter().enumerate() {
        checker.enter_index(index);
        one(checker, load);
        let name = load.name();
        if name.is_empty() {
            checker.wrong_in("as", "a load without a name");
        }
        if scenario.load[..index].iter().any(|other| other.name() == name) {
            checker.wrong_in("as", format!("there are two loads `{name}`"));
        }
        if load.on_demand() && !scenario.steps.iter().any(|step| starts(step, name)) {
            checker
                .wrong(format!("load `{name}` never starts"))
                .expected(format!("it is `on_demand`, and no step says `StartLoad(\"{name}\")`"));
        }
        checker.leave();
    }
}

fn one(checker: &mut Checker, load: &Load) {
    match load {
        Load::Probe { every, .. } => checker.takes_time("every", every.0),
        Load::Hold { connections, hold, .. } => {
            count(checker, *connections);
            checker.takes_time("for", hold.0);
        }
        Load::Park { connections, reuse, .. } => {
            count(checker, *connections);
            reuse.iter().for_each(|span| checker.takes_time("reuse", span.0));
        }
        Load::Slow { connections, byte_every, reads, writes, .. } => {
            count(checker, *connections);
            byte_every.iter().for_each(|span| checker.takes_time("byte_every", span.0));
            if [byte_every.is_some(), reads.is_some(), writes.is_some()].iter().filter(|is| **is).count() > 1 {
                checker
                    .wrong("slow in more than one way")
                    .expected("one of `byte_every`, `reads` and `writes`; a load for each way");
            }
            for (field, one, may_hurry) in [("reads", reads, false), ("writes", writes, true)] {
                if let Some(one) = one {
                    checker.enter(field);
                    bulk(checker, one, *connections, may_hurry);
                    checker.leave();
                }
            }
        }
        Load::Flood { per_second, .. } => checker.not_zero("per_second", (*per_second).into()),
        Load::Poison { every, one_in, .. } => {
            checker.takes_time("every", every.0);
            checker.not_zero("one_in", (*one_in).into());
        }
    }
}

fn bulk(checker: &mut Checker, bulk: &Bulk, connections: u32, may_hurry: bool) {
    let (least, most) = BULK.into_inner();
    if !BULK.contains(&bulk.bytes) {
        let expected = format!("{least} to {most}: less fits into the buffers of a connection");
        checker.wrong_in("bytes", format!("`bytes` is {}", bulk.bytes)).expected(expected);
    } else if bulk.bytes.saturating_mul(connections.into()) > MOST_BULK {
        let what = format!("{connections} times {} bytes", bulk.bytes);
        checker.wrong_in("bytes", what).expected(format!("at most {MOST_BULK} in all"));
    }
    if bulk.piece == 0 || bulk.piece >= bulk.bytes {
        let what = format!("`piece` is {}", bulk.piece);
        checker.wrong_in("piece", what).expected("at least 1, and less than `bytes`");
    }
    if bulk.every.0 < OFTEN && !(may_hurry && bulk.every.is_zero()) {
        let what = format!("`every` is {}", bulk.every);
        checker.wrong_in("every", what).expected("at least \"1ms\"");
    }
}

fn count(checker: &mut Checker, connections: u32) {
    checker.not_zero("connections", connections.into());
    if connections > MOST_CONNECTIONS {
        let what = format!("{connections} connections");
        checker.wrong_in("connections", what).expected(format!("at most {MOST_CONNECTIONS}"));
    }
}

fn starts(step: &Step, name: &str) -> bool {
    step.any(&|act| matches!(act, Act::StartLoad(load) if load == name))
}

/// A load that is named somewhere must be there.
pub(super) fn known<'a>(
    checker: &mut Checker,
    index_or_field: Where<'_>,
    name: &str,
    loads: &'a [Load],
) -> Option<&'a Load> {
    let load = loads.iter().find(|load| load.name() == name);
    if load.is_none() {
        let what = format!("there is no load `{name}`");
        let finding = match index_or_field {
            Where::Index(index) => checker.wrong_at(index, what),
            Where::Field(field) => checker.wrong_in(field, what),
        };
        finding.names(name, loads.iter().map(Load::name));
    }
    load
}

/// Where a name is written.
pub(super) enum Where<'a> {
    Index(usize),
    Field(&'a str),
}

//! INV-OUTPUT: what workers write comes out once, in order, by whole lines and under the right name; nobody waits for it;
//! what is lost is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::{FaultSpan, Output, Proc, Sink, Worker};
use crate::scenario::{Command, OutputWay, Stream};
use crate::subject::OutputPromise;
use crate::time::Time;
use crate::verdict::Verdict;

use super::case::{Case, Timely, extend};
use super::tally::{Tally, say};

/// Without any fault lines may be missing if the reader itself, which is a part of the harness, had to wait for so long.
const READER_STARVED: Duration = Duration::from_millis(100);

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some(way) = case.scenario.pool.output else {
        return Verdict::NotApplicable { why: "the scenario doesn't ask what becomes of output".to_owned() };
    };
    let Some(promise) = case.profile.outputs.as_ref().and_then(|outputs| outputs.get(&way)) else {
        return Verdict::Undeclared;
    };
    let judge = Judge { case, way, promise: *promise, lines: Lines::read(case) };
    let mut tally = Tally::default();
    judge.damaged(&mut tally);
    judge.labels(&mut tally);
    let mut lost = 0;
    for ((proc, stream), written) in &judge.lines.written {
        lost += judge.conserved(*proc, *stream, written, &mut tally);
    }
    judge.counted(&mut tally);
    judge.moved_away(&mut tally);
    judge.waiting(&mut tally);
    let all: u64 = judge.lines.written.values().flatten().map(|one| one.last - one.first + 1).sum();
    let took =
        tally.worst().map_or(String::new(), |(took, of)| format!("; longest write {} of {}", say(took), say(of)));
    tally.verdict_saying("nobody wrote anything", format!("{lost} of {all} lines lost and told of{took}"))
}

/// Lines that a worker wrote, as it says itself.
#[derive(Clone, Copy)]
struct Written {
    first: u64,
    last: u64,
    since: Time,
    until: Time,
    longest: Duration,
}

/// One group of lines that came out.
struct CameOut<'a> {
    sink: Sink,
    label: &'a str,
    lines: &'a [(u64, u64)],
}

/// Everything about output, by worker and stream.
#[derive(Default)]
struct Lines<'a> {
    written: BTreeMap<(Proc, Stream), Vec<Written>>,
    came: BTreeMap<(Proc, Stream), Vec<CameOut<'a>>>,
    waits: Vec<(Proc, Stream, Time)>,
    damaged: Vec<(Sink, &'a str)>,
    told_lost: BTreeMap<Sink, u64>,
}

impl<'a> Lines<'a> {
    fn read(case: &Case<'a>) -> Self {
        let mut lines = Self::default();
        for (at, output) in &case.timeline.output {
            match output {
                Output::Wrote { proc, stream, first, last, since, longest_ns } => {
                    let longest = Duration::from_nanos(*longest_ns);
                    let written = Written { first: *first, last: *last, since: *since, until: *at, longest };
                    lines.written.entry((*proc, *stream)).or_default().push(written);
                }
                Output::Waits { proc, stream, since } => lines.waits.push((*proc, *stream, *since)),
                Output::CameOut { sink, proc, stream, label, lines: came } => {
                    let came = CameOut { sink: *sink, label, lines: came };
                    lines.came.entry((*proc, *stream)).or_default().push(came);
                }
                Output::Damaged { sink, line } => lines.damaged.push((*sink, line)),
                Output::ToldLost { sink, lines: lost } => *lines.told_lost.entry(*sink).or_default() += lost,
            }
        }
        lines
    }

    /// The lines of these that did not come out.
    fn missing(&self, proc: Proc, stream: Stream, written: &Written) -> u64 {
        (written.last - written.first + 1).saturating_sub(self.found(proc, stream, written, |_| true))
    }

    /// The lines of these that came out at such places.
    fn found(&self, proc: Proc, stream: Stream, written: &Written, at: fn(Sink) -> bool) -> u64 {
        let came = self.came.get(&(proc, stream)).into_iter().flatten().filter(|came| at(came.sink));
        let inside =
            |&(first, last): &(u64, u64)| (last.min(written.last) + 1).saturating_sub(first.max(written.first));
        came.flat_map(|came| came.lines).map(inside).sum()
    }
}

struct Judge<'c, 'a> {
    case: &'c Case<'a>,
    way: OutputWay,
    promise: OutputPromise,
    lines: Lines<'a>,
}

impl Judge<'_, '_> {
    fn sink(&self, stream: Stream) -> Sink {
        match (self.way, stream) {
            (OutputWay::Files, _) => Sink::File,
            (_, Stream::Stdout) => Sink::Stdout,
            (_, Stream::Stderr) => Sink::Stderr,
        }
    }

    fn end(&self) -> Time {
        self.case.timeline.until
    }

    fn worker(&self, proc: Proc) -> Option<&Worker> {
        self.case.timeline.workers.iter().find(|worker| worker.proc == proc)
    }

    fn name(&self, proc: Proc) -> String {
        let index = self.case.timeline.workers.iter().position(|worker| worker.proc == proc);
        index.map_or_else(|| format!("pid {}", proc.pid), |index| self.case.name(index))
    }

    /// From then on nobody takes anything any more, as the reader has gone; or has stopped before, and went without
    /// having read what there was.
    fn left(&self) -> Option<Time> {
        let of = |name| self.case.timeline.faults.iter().filter(move |fault| fault.fault.starts_with(name));
        let left = of("Gone").map(|fault| fault.from).min()?;
        of("NotRead")
            .filter(|fault| fault.from <= left && left <= fault.until)
            .map(|fault| fault.from)
            .chain([left])
            .min()
    }

    /// What a supervisor that was ended by force held then is gone, and nobody passes on what is written later; no more
    /// can it when there is nobody to pass it on to.
    fn cut(&self) -> Time {
        let OutputPromise::Loses { recovers, .. } = self.promise else { return self.left().unwrap_or(Time::NEVER) };
        let facts = self.case.facts;
        let forced = facts.exit.filter(|(_, status)| matches!(status, crate::history::Status::Signal(_)));
        let forced =
            [facts.felled, forced.map(|(at, _)| at), self.left()].into_iter().flatten().min().map(|at| at - recovers.0);
        let orderly = facts.exit.map(|(at, _)| at);
        [forced, orderly].into_iter().flatten().min().unwrap_or(Time::NEVER)
    }

    fn damaged(&self, tally: &mut Tally) {
        if self.cut() < self.end() && self.case.facts.felled.is_some() {
            return;
        }
        if let Some((sink, line)) = self.lines.damaged.first() {
            let shown: String = line.chars().take(120).collect();
            let what = format!("a line came out damaged at {sink:?}");
            tally.fail(self.end(), what, "whole lines".to_owned(), format!("`{shown}`"));
        }
    }

    /// Each stream has one name, and each name is one worker's.
    fn labels(&self, tally: &mut Tally) {
        let mut owner: BTreeMap<&str, Proc> = BTreeMap::new();
        for ((proc, stream), came) in &self.lines.came {
            let labels: BTreeSet<&str> = came.iter().map(|came| came.label).collect();
            let name = self.name(*proc);
            let mut wrong = |expected: &str, actual: String| {
                tally.fail(
                    self.end(),
                    format!("lines of {name} came out under a wrong name"),
                    expected.to_owned(),
                    actual,
                );
            };
            if labels.len() > 1 {
                wrong("one name for one worker", format!("{labels:?}"));
            }
            for label in labels {
                match self.way {
                    OutputWay::Prefixed if label.is_empty() => wrong("its name before each line", "none".to_owned()),
                    OutputWay::Inherit if !label.is_empty() => wrong("nothing before a line", format!("`{label}`")),
                    _ => {}
                }
                let other = *owner.entry(label).or_insert(*proc);
                if !label.is_empty() && other != *proc {
                    wrong("a name of its own", format!("`{label}`, as for {}", self.name(other)));
                }
            }
            let elsewhere = |came: &&CameOut<'_>| came.sink != self.sink(*stream) && came.sink != Sink::Moved;
            if let Some(came) = came.iter().find(elsewhere) {
                wrong("the other stream", format!("{stream:?} came out at {:?}", came.sink));
            }
        }
    }

    /// Lines of one worker come out once, in their order, and all that may not be lost do. How many did not.
    fn conserved(&self, proc: Proc, stream: Stream, written: &[Written], tally: &mut Tally) -> u64 {
        let came = self.lines.came.get(&(proc, stream)).into_iter().flatten();
        let mut last = 0;
        for &(first, end) in came.flat_map(|came| came.lines) {
            if first <= last {
                tally.fail(
                    self.end(),
                    format!("lines of {} came out twice or in another order", self.name(proc)),
                    format!("line {}, or a later one, after line {last} of its {stream:?}", last + 1),
                    format!("line {first}"),
                );
            }
            last = last.max(end);
        }
        let mut lost = 0;
        for one in written {
            tally.held();
            match self.lines.missing(proc, stream, one) {
                0 => {}
                _ if one.until >= self.cut() => {}
                missing => {
                    lost += missing;
                    self.may_be_lost(proc, one, missing, tally);
                }
            }
        }
        lost
    }

    /// Lines are missing: only those may be that were written while they could not come out.
    fn may_be_lost(&self, proc: Proc, written: &Written, missing: u64, tally: &mut Tally) {
        let what = format!("{missing} lines that {} had written by {} never came out", self.name(proc), written.until);
        let mut fail = |expected: String, actual: String| tally.fail(written.until, what.clone(), expected, actual);
        let OutputPromise::Loses { recovers, .. } = self.promise else {
            return fail("whoever writes waits until it is read".to_owned(), "they are lost".to_owned());
        };
        let hinders = self.case.timeline.faults.iter().filter(|fault| takes_nothing(fault));
        let Some(fault) = hinders.filter(|fault| fault.from <= written.until).max_by_key(|fault| fault.until) else {
            let stalled = self.case.stalled(written.since, written.until, &[]);
            if stalled >= READER_STARVED {
                return tally.doubt(format!("{what}, and the host stalled for {}", say(stalled)));
            }
            return fail("nothing is lost while somebody reads".to_owned(), "they are lost".to_owned());
        };
        let again = self.flows_again(fault);
        let due = self.case.due(again, recovers.0);
        match self.case.timely(again, due, written.since, &[proc]) {
            Timely::Yes => {}
            Timely::Unknown(stalled) => tally.doubt(format!("{what}, and the host stalled for {}", say(stalled))),
            Timely::No => fail(
                format!("nothing is lost {} after it can be written again", say(recovers.0)),
                format!("lost {} after that", say(written.since.since(again))),
            ),
        }
    }

    /// A reader that reads again is enough; a file is written again when the supervisor was told to open it.
    fn flows_again(&self, fault: &FaultSpan<'_>) -> Time {
        if self.way != OutputWay::Files {
            return fault.until;
        }
        let reopened = self.case.timeline.commands.iter().filter(|(_, command)| **command == Command::Reopen);
        reopened.map(|(at, _)| *at).find(|at| *at >= fault.until).unwrap_or(Time::NEVER)
    }

    /// As many lines are told of as are missing, in each place.
    fn counted(&self, tally: &mut Tally) {
        // Who has gone can't be told.
        if self.left().is_some() || self.cut() != Time::NEVER && self.case.facts.felled.is_some() {
            return;
        }
        let sinks: BTreeSet<Sink> = self.lines.written.keys().map(|(_, stream)| self.sink(*stream)).collect();
        for sink in sinks {
            let here = || self.lines.written.iter().filter(|((_, stream), _)| self.sink(*stream) == sink);
            let ours = |one: &&Written| one.until < self.cut();
            let missing: u64 = here()
                .flat_map(|((proc, stream), all)| all.iter().filter(ours).map(|one| (*proc, *stream, one)))
                .map(|(proc, stream, one)| self.lines.missing(proc, stream, one))
                .sum();
            let told_at = |sink: Sink| self.lines.told_lost.get(&sink).copied().unwrap_or(0);
            let told = told_at(sink) + if sink == Sink::File { told_at(Sink::Moved) } else { 0 };
            if missing > told {
                tally.fail(
                    self.end(),
                    format!("lines were lost at {sink:?} and nobody was told"),
                    format!("{missing} lines told of"),
                    format!("{told}"),
                );
            }
            // Who was killed may have written more than it could say; and the supervisor's own lines are lost, too.
            let sure = here().all(|((proc, _), _)| self.worker(*proc).is_some_and(|worker| worker.exiting.is_some()));
            if told > missing && sure && sink != Sink::Stderr {
                tally.fail(
                    self.end(),
                    format!("more lines are told of as lost at {sink:?} than were"),
                    format!("{missing}"),
                    format!("{told}"),
                );
            }
        }
    }

    /// When the supervisor was told to open the file again, after the last time that something was wrong with it and as
    /// soon as it could.
    fn opened(&self) -> Option<Time> {
        let faults = self.case.timeline.faults.iter().filter(|fault| is_log(fault.fault));
        let last = faults.max_by_key(|fault| fault.until)?;
        // In the place of a file that was just moved away there can be another at once.
        let free =
            if last.fault.contains("Missing") && !last.fault.contains("directory") { last.from } else { last.until };
        let reopened = self.case.timeline.commands.iter().filter(|(_, command)| **command == Command::Reopen);
        reopened.map(|(at, _)| *at).find(|at| *at >= free)
    }

    /// A file that was moved away is not written any more when another was to be opened.
    fn moved_away(&self, tally: &mut Tally) {
        let OutputPromise::Loses { recovers, .. } = self.promise else { return };
        let Some(opened) = self.opened() else { return };
        let due = self.case.due(opened, recovers.0);
        for ((proc, stream), written) in &self.lines.written {
            for one in written.iter().filter(|one| one.since > due) {
                let there = self.lines.found(*proc, *stream, one, |sink| sink == Sink::Moved);
                if there == 0 {
                    continue;
                }
                let what = format!("{there} lines that {} wrote are in a file that was moved away", self.name(*proc));
                match self.case.timely(opened, due, one.since, &[*proc]) {
                    Timely::Yes => {}
                    Timely::Unknown(stalled) => {
                        tally.doubt(format!("{what}, and the host stalled for {}", say(stalled)))
                    }
                    Timely::No => tally.fail(
                        one.until,
                        what,
                        format!("none {} after the order to open another", say(recovers.0)),
                        format!("written {} after it", say(one.since.since(opened))),
                    ),
                }
            }
        }
    }

    /// No write takes long, whether it ended or not.
    fn waiting(&self, tally: &mut Tally) {
        let OutputPromise::Loses { block, .. } = self.promise else { return };
        for ((proc, _), written) in &self.lines.written {
            for one in written {
                self.waited(*proc, one.since, one.until, one.longest, block.0, tally);
            }
        }
        for (proc, stream, since) in &self.lines.waits {
            let ended =
                self.lines.written.get(&(*proc, *stream)).is_some_and(|all| all.iter().any(|one| one.until >= *since));
            if !ended {
                let dead = self.worker(*proc).map_or(Time::NEVER, Worker::maybe_dead);
                let gone = self.case.facts.exit.map_or(Time::NEVER, |(at, _)| at);
                let end = dead.min(gone).min(self.end());
                self.waited(*proc, *since, end, end.since(*since), block.0, tally);
            }
        }
    }

    /// `took`: the longest of the writes between two instants. Nobody reads while the supervisor is frozen, and who is
    /// frozen itself takes its time.
    fn waited(&self, proc: Proc, since: Time, until: Time, took: Duration, block: Duration, tally: &mut Tally) {
        let own = self.case.timeline.faults.iter().filter(|one| one.freezes(proc));
        let mut frozen: Vec<(Time, Time)> = own.map(|one| (one.from, one.until)).collect();
        frozen.extend(&self.case.facts.frozen);
        let frozen = super::facts::merge(frozen);
        let due = extend(since, since + block + self.case.slack.0, &frozen);
        let excused = due.since(since + block + self.case.slack.0);
        let took = took.saturating_sub(excused);
        if took <= block + self.case.slack.0 {
            return tally.measured(took, block);
        }
        let stalled = self.case.stalled(since, until, &[proc]);
        let what = format!("{} waited for {} to write", self.name(proc), say(took));
        if took.saturating_sub(block + self.case.slack.0) <= stalled {
            tally.doubt(format!("{what}, and the host stalled for {}", say(stalled)));
        } else {
            tally.fail(until, what, format!("at most {}", say(block)), say(took));
        }
    }
}

/// Whether output can't be taken while this fault is on: it is not read, or its disk is full. A file that was moved away
/// is written all the same, and so is one that can't be opened again.
fn takes_nothing(fault: &FaultSpan<'_>) -> bool {
    fault.fault.starts_with("NotRead") || is_log(fault.fault) && fault.fault.contains("Full")
}

/// Whether a fault is about the log file.
fn is_log(fault: &str) -> bool {
    fault.starts_with("File") && fault.contains("\"log")
}

/// Whether a fault is one that hinders a supervisor at nothing but passing output on.
pub(super) fn is_about_output(fault: &str) -> bool {
    fault.starts_with("NotRead") || fault.starts_with("Gone") || is_log(fault)
}

//! The birth of the supervisor, and its tracer, if it has one.

use std::fs;

use crate::history::{Event, What};

use super::clock;
use super::job::Line;
use super::outlets::Outlets;
use super::runner::Runner;
use super::subject::Started;
use super::traced::Life;

impl Runner {
    /// Starts it. In a life that is traced, the first one is born when its tracer lets it go.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let trace = self.job.trace.take();
        self.subject.hold(trace.is_some());
        let ends = self.faults.outlets.as_ref().and_then(Outlets::ends);
        let Started { pid, mut at, environment } = self.subject.start(ends)?;
        let proc = self.observer.procs.supervisor_started(pid, at);
        if let Some(trace) = trace {
            self.life = Some(Life::begin(&trace, proc, &self.job.dir)?);
            at = clock::now();
        }
        self.supervisor_gone = None;
        self.fresh.push(Event::at(at, What::SupervisorBorn(proc)));
        self.fresh.extend(environment.map(|is| Event::at(at, What::Environment { proc, is: Box::new(is) })));
        self.publish();
        self.stand_by(proc);
        Ok(())
    }

    /// Tells what its tracer saw.
    pub(super) fn tell_traced(&mut self) {
        let Some(life) = self.life.take() else { return };
        let texts = self.subject.writes().map(|path| fs::read(path).unwrap_or_default());
        let said = texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect();
        let (traced, told) = life.finish(said);
        self.fresh.extend(told);
        self.publish();
        self.log.say(&Line::Traced(traced));
    }
}

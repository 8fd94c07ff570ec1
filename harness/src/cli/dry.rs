//! `--dry-run`: what would be done.

use std::io::{self, Write};

use crate::scenario;
use crate::subject;

use super::suite::{Task, World};

/// Prints the plan of each task, and why it would not be judged if that is certain.
pub fn print(tasks: &[Task], world: World, out: &mut dyn Write) -> io::Result<()> {
    for task in tasks {
        let plan = &task.plan;
        writeln!(out, "{} on {} ({}), seed {}", plan.name, plan.subject.name, world.name(), plan.seed)?;
        let mut missing = scenario::not_built(&plan.scenario);
        missing.extend(subject::lacks(&plan.subject, &plan.scenario));
        if !missing.is_empty() {
            writeln!(out, "  not applicable: {}", missing.join("; "))?;
        }
        for line in scenario::explain(&plan.scenario, &plan.name).lines() {
            writeln!(out, "  {line}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

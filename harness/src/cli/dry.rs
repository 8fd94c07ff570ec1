//! `--dry-run`: what would be done.

use std::io::{self, Write};

use crate::scenario;

use super::suite::{Task, World, missing};

/// Prints the plan of each task, and why it would not be judged if that is certain.
pub fn print(tasks: &[Task], world: World, out: &mut dyn Write) -> io::Result<()> {
    for task in tasks {
        let plan = &task.plan;
        writeln!(out, "{} on {} ({}), seed {}", plan.name, plan.subject.name, world.name(), plan.seed)?;
        let missing = missing(plan, world);
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

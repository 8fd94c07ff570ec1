//! `harness sweep-calls --real`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::history::History;
use crate::search::{self, Case, Ending, Sampled, Tally, Undisturbed};
use crate::subject;
use crate::verdict::ExitCode;

use super::args::SweepCallsArgs;
use super::run::{REFERENCE, task};
use super::select::Form;
use super::suite::{Task, World, missing, write};
use super::trouble::Trouble;
use super::{bins, calls};

/// Makes system calls of real lives fail, one in each life, and counts what became of it.
pub fn sample_calls(args: &SweepCallsArgs, forms: &[Form]) -> Result<ExitCode, Trouble> {
    let out = &mut io::stdout();
    let lives = undisturbed(args, forms, out)?;
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for call in search::KERNEL_CALLS {
        let made = lives.iter().filter_map(|(_, life)| life.calls().get(call.name)).sum::<u64>();
        if made > 0 {
            tallies.entry(call.name).or_default().calls = made;
        }
    }
    let cases = match args.case {
        Some(case) => (0..lives.len()).map(|life| (life, case)).collect(),
        None => {
            let counts: Vec<_> = lives.iter().map(|(_, life)| life.calls()).collect();
            search::sample(&counts, args.runs as usize, args.seed)
        }
    };
    for (life, case) in cases {
        let (task, undisturbed) = &lives[life];
        let name = &task.plan.name;
        match search::live(&task.plan, undisturbed, case) {
            Err(why) => writeln!(out, "not lived: {name} with {case}: {why}")?,
            Ok(Sampled::Missed) => writeln!(out, "not lived: {name} with {case}: it was over before that call")?,
            Ok(Sampled::Lived { ending, told, history }) => {
                tallies.entry(case.call.name).or_default().count(&ending, told);
                if let Ending::Wrong(why) = &ending {
                    tell(task, case, why, &history, args, out)?;
                }
            }
        }
        out.flush()?;
    }
    calls::summary(tallies.iter().map(|(name, tally)| (*name, tally)), out)
}

/// The lives in which something can fail. Tells which can't be had, and what their supervisor calls of which nobody has thought.
fn undisturbed(
    args: &SweepCallsArgs,
    forms: &[Form],
    out: &mut dyn Write,
) -> Result<Vec<(Task, Undisturbed)>, Trouble> {
    let (subject, folder) = subject::load(REFERENCE)?;
    let bins = bins::locate(args.bin_dir.as_deref()).map_err(Trouble::Usage)?;
    let mut lives = Vec::new();
    let mut unknown = BTreeSet::new();
    for form in forms {
        let task = task(form, &subject, &folder, &bins, args.seed);
        let lacking = missing(&task.plan, World::Real);
        let life = if lacking.is_empty() { Undisturbed::live(&task.plan) } else { Err(lacking.join("; ")) };
        match life {
            Err(why) => writeln!(out, "not swept: {}: {why}", form.name)?,
            Ok(life) => {
                unknown.extend(life.calls().keys().filter(|name| !search::is_known(name)).cloned());
                lives.push((task, life));
            }
        }
    }
    for name in unknown {
        writeln!(out, "not swept: the call {name}: nobody has said how it can fail")?;
    }
    Ok(lives)
}

/// A life that ended wrong: why, where its history is, and how to have another one like it.
fn tell(
    task: &Task,
    case: Case,
    why: &[String],
    history: &History,
    args: &SweepCallsArgs,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let (name, seed) = (&task.plan.name, task.plan.seed);
    writeln!(out, "WRONG {name} seed {seed}: {case}\n  {}", why.join("\n  "))?;
    let file = format!("{}.{case}.{seed}.jsonl", name.replace("::", "."));
    let path = args.histories.join(file.replace('/', "_"));
    match write(history, &path) {
        Ok(()) => writeln!(out, "  history: {}", path.display())?,
        Err(error) => writeln!(out, "  its history could not be written to {}: {error}", path.display())?,
    }
    let variant = name.split_once("::").map_or("plain", |(_, variant)| variant);
    let form = task.file.display();
    writeln!(out, "  again:   harness sweep-calls --real {form}::{variant} --seed {seed} --case {case}")?;
    Ok(())
}

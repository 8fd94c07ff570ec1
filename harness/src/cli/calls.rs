//! `harness sweep-calls`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::search::{self, Ending, Swept, Tally};
use crate::subject;
use crate::verdict::ExitCode;
use crate::world::Bins;
use crate::world::sim::Call;

use super::args::SweepCallsArgs;
use super::run::{REFERENCE, task};
use super::sampled;
use super::select;
use super::suite::{World, missing};
use super::trouble::Trouble;

/// Makes every system call of a simulated life fail in every way, one at a time, and counts what became of it.
pub fn sweep_calls(args: &SweepCallsArgs) -> Result<ExitCode, Trouble> {
    let forms = select::forms(&args.paths)?;
    if args.real {
        return sampled::sample_calls(args, &forms);
    }
    let (subject, folder) = subject::load(REFERENCE)?;
    let out = &mut io::stdout();
    let mut tallies: BTreeMap<Call, Tally> = BTreeMap::new();
    for form in &forms {
        for seed in (0..args.seeds).map(|k| args.seed.wrapping_add(u64::from(k))) {
            let plan = task(form, &subject, &folder, &Bins::default(), seed).plan;
            let lacking = missing(&plan, World::Sim);
            if !lacking.is_empty() {
                writeln!(out, "not swept: {}: {}", form.name, lacking.join("; "))?;
                break;
            }
            let mut wrong = Vec::new();
            let swept = search::sweep(&plan, args.every as usize, |swept| {
                if let Ending::Wrong(why) = &swept.ending {
                    wrong.push(line(swept, why));
                }
            });
            for line in wrong {
                writeln!(out, "{line}")?;
            }
            match swept {
                Err(why) => writeln!(out, "not swept: {} seed {seed}: {why}", form.name)?,
                Ok(swept) => {
                    for (call, tally) in swept {
                        tallies.entry(call).or_default().add(tally);
                    }
                }
            }
        }
    }
    summary(tallies.iter().map(|(call, tally)| (call.name(), tally)), out)
}

/// The table, and the exit code.
pub fn summary<'a>(
    tallies: impl Iterator<Item = (&'a str, &'a Tally)>,
    out: &mut dyn Write,
) -> Result<ExitCode, Trouble> {
    writeln!(out, "{:18}{:>8}{:>9}{:>9}{:>9}{:>9}{:>7}", "call", "calls", "lives", "right", "honest", "told", "wrong")?;
    let mut all = Tally::default();
    for (name, tally) in tallies {
        row(name, tally, out)?;
        all.add(*tally);
    }
    row("all", &all, out)?;
    Ok(match (all.wrong, all.runs) {
        (0, 0) => ExitCode::NothingJudged,
        (0, _) => ExitCode::Ok,
        _ => ExitCode::Failed,
    })
}

fn line(swept: &Swept, why: &[String]) -> String {
    let planned = &swept.planned;
    let last = match planned.times {
        1 => String::new(),
        u64::MAX => " and all that follow".to_owned(),
        times => format!(" and the next {}", times - 1),
    };
    let (call, nth, errno) = (planned.call.name(), planned.nth, planned.failure.name);
    format!(
        "WRONG {} seed {}: call {nth} of {call}{last} fails with {errno}\n  {}",
        swept.name,
        swept.seed,
        why.join("\n  ")
    )
}

fn row(name: &str, tally: &Tally, out: &mut dyn Write) -> io::Result<()> {
    let Tally { calls, runs, right, honest, told, wrong } = tally;
    writeln!(out, "{name:18}{calls:>8}{runs:>9}{right:>9}{honest:>9}{told:>9}{wrong:>7}")
}

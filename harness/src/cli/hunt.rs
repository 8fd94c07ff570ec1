//! `harness hunt`.

use std::io::{self, Write};

use crate::search::{self, Find, Tried};
use crate::subject;
use crate::verdict::ExitCode;

use super::args::HuntArgs;
use super::run::REFERENCE;
use super::trouble::Trouble;

/// Runs random scenarios and shows those in which something fails.
pub fn hunt(args: &HuntArgs) -> Result<ExitCode, Trouble> {
    let (subject, folder) = subject::load(REFERENCE)?;
    let out = &mut io::stdout();
    let (mut finds, mut refused) = (0, 0);
    for seed in (0..args.runs).map(|k| args.seed.wrapping_add(k)) {
        match search::try_out(&search::plan(&subject, &folder, seed)) {
            Tried::Refused => refused += 1,
            Tried::Held => {}
            Tried::Found(find) => {
                finds += 1;
                show(&if args.as_found { *find } else { search::shrink(&find) }, out)?;
            }
        }
    }
    let runs = args.runs - refused;
    writeln!(
        out,
        "{runs} random scenarios, {finds} in which something failed; {refused} more whose configuration is refused"
    )?;
    Ok(match (runs, finds) {
        (0, _) => ExitCode::NothingJudged,
        (_, 0) => ExitCode::Ok,
        _ => ExitCode::Failed,
    })
}

fn show(find: &Find, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", find.plan.name)?;
    for line in &find.because {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "{}", search::to_file(find))?;
    out.flush()
}

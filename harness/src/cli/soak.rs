//! `harness soak`: many runs, half of them beside a CPU burner, and what came out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::report::{self, Run, Style};
use crate::subject;
use crate::verdict::ExitCode;

use super::args::SoakArgs;
use super::progress::Progress;
use super::select::{self, Form};
use super::suite::{self, News, World};
use super::trouble::Trouble;
use super::{bins, run};

/// Of the first attempts at least so many percent must be conclusive.
const CONCLUSIVE_PERCENT: u32 = 95;

/// Runs the rounds, prints every run that did not come out as expected, then the counts.
pub fn soak(args: &SoakArgs) -> Result<ExitCode, Trouble> {
    let forms = select::forms(&args.paths)?;
    let (subject, folder) = subject::load(&args.subject)?;
    let bins = bins::locate(args.bin_dir.as_deref()).map_err(Trouble::Usage)?;
    let began = Instant::now();
    let mut counts = Counts::default();
    let mut burner = None;
    let mut progress = Progress::new(args.rounds as usize);
    let mut out = io::stdout();
    for round in 0..args.rounds {
        if args.within.is_some_and(|within| began.elapsed() > within) {
            break;
        }
        if round >= args.rounds / 2 && burner.is_none() {
            burner = Some(Burner::start());
        }
        let seed = args.seed.wrapping_add(u64::from(round));
        let of_round =
            by_file(&forms).into_values().flat_map(|forms| pick(&forms, round, args.all_variants)).collect::<Vec<_>>();
        let tasks = of_round.iter().map(|form| run::task(form, &subject, &folder, &bins, seed)).collect();
        let runs = suite::run_all(tasks, World::Real, 1, &args.histories, |news| {
            if !matches!(news, News::Ended(_)) {
                progress.show(news);
            }
        });
        for run in runs {
            counts.add(&run, burner.is_some());
            if run.code() != ExitCode::Ok {
                progress.aside(|| report::run_block(&run, Style::Plain, &mut out))?;
            }
        }
        progress.one_more();
    }
    drop(burner);
    progress.end();
    counts.print(&mut out)?;
    Ok(counts.code())
}

/// The forms of each file.
fn by_file(forms: &[Form]) -> BTreeMap<&std::path::Path, Vec<&Form>> {
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for form in forms {
        files.entry(form.file.as_path()).or_default().push(form);
    }
    files
}

/// The forms of one file that a round runs.
fn pick<'a>(forms: &[&'a Form], round: u32, all: bool) -> Vec<&'a Form> {
    if all { forms.to_vec() } else { vec![forms[round as usize % forms.len()]] }
}

/// Counts by scenario and by whether the burner ran.
#[derive(Debug, Default)]
struct Counts(BTreeMap<(String, bool), Count>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    runs: u32,
    as_expected: u32,
    failed: u32,
    inconclusive: u32,
    first_conclusive: u32,
}

impl Counts {
    fn add(&mut self, run: &Run, burning: bool) {
        let count = self.0.entry((run.name.clone(), burning)).or_default();
        count.runs += 1;
        match run.code() {
            ExitCode::Ok => count.as_expected += 1,
            ExitCode::Inconclusive => count.inconclusive += 1,
            _ => count.failed += 1,
        }
        count.first_conclusive +=
            u32::from(run.attempts.first().is_some_and(|first| first.code != ExitCode::Inconclusive));
    }

    fn total(&self) -> Count {
        self.0.values().fold(Count::default(), |sum, count| Count {
            runs: sum.runs + count.runs,
            as_expected: sum.as_expected + count.as_expected,
            failed: sum.failed + count.failed,
            inconclusive: sum.inconclusive + count.inconclusive,
            first_conclusive: sum.first_conclusive + count.first_conclusive,
        })
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.0.keys().map(|(name, _)| name.len()).max().unwrap_or(0).max("scenario".len());
        let head = ["runs", "as expected", "failed", "inconclusive", "first conclusive"];
        writeln!(out, "{:width$}  load    {}", "scenario", head.join("  "))?;
        let mut row = |name: &str, load: &str, count: &Count| {
            writeln!(
                out,
                "{name:width$}  {load:6}  {:4}  {:11}  {:6}  {:12}  {:16}",
                count.runs, count.as_expected, count.failed, count.inconclusive, count.first_conclusive
            )
        };
        for ((name, burning), count) in &self.0 {
            row(name, if *burning { "burner" } else { "quiet" }, count)?;
        }
        row("all", "", &self.total())
    }

    fn code(&self) -> ExitCode {
        let total = self.total();
        if total.failed > 0 {
            ExitCode::Failed
        } else if total.first_conclusive * 100 < total.runs * CONCLUSIVE_PERCENT || total.inconclusive > 0 {
            ExitCode::Inconclusive
        } else if total.runs == 0 {
            ExitCode::NothingJudged
        } else {
            ExitCode::Ok
        }
    }
}

/// One busy loop per processor, until dropped.
struct Burner {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Burner {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cpus)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        Self { stop, threads }
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A loop that can't panic: there is nothing to learn from its result.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Attempt;
    use std::path::Path;

    fn run(codes: &[ExitCode]) -> Run {
        let mut run = Run::new("flap", Path::new("flap.ron"), "real", "reference", 1);
        run.attempts = codes.iter().map(|&code| Attempt { code, ..Attempt::failed(String::new(), 0) }).collect();
        run
    }

    #[test]
    fn a_failure_counts_more_than_doubt_and_doubt_more_than_nothing() {
        let mut counts = Counts::default();
        assert_eq!(counts.code(), ExitCode::NothingJudged);
        (0..19).for_each(|_| counts.add(&run(&[ExitCode::Ok]), false));
        counts.add(&run(&[ExitCode::Inconclusive, ExitCode::Ok]), true);
        assert_eq!(counts.code(), ExitCode::Ok, "19 of 20 first attempts are 95 %");
        counts.add(&run(&[ExitCode::Inconclusive, ExitCode::Ok]), true);
        assert_eq!(counts.code(), ExitCode::Inconclusive);
        counts.add(&run(&[ExitCode::Failed]), true);
        assert_eq!(counts.code(), ExitCode::Failed);
    }
}

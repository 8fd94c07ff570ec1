//! What the command line understands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::search::Case;

use super::stress::Kind as Stress;

const EXIT_CODES: &str = "\
Exit codes:
   0  everything came out as expected
   1  an invariant or an expectation failed
   2  inconclusive: the host was too slow to tell, or a situation was not reached; of the whole
      suite, one of those that it lists never happened
   3  a listed deviation of the subject no longer happens
   4  nothing was judged
  64  the command line is wrong
  65  a scenario, subject or history file is wrong
  70  a bug in the harness
Of several the first of 70, 65, 64, 1, 3, 2, 4, 0 counts.";

/// A chaos and conformance harness for process supervisors.
///
/// Runs scenarios (kill a worker, throw in a handler, flood restarts, hold long connections) against a supervisor and
/// judges from outside, by processes, sockets, bytes and exit statuses, whether the invariants of supervision held.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios against a subject, with real processes
    ///
    /// Each run is a process of its own with a guard beside it that ends everything it started, whatever happens to the
    /// harness. An inconclusive run is repeated, three attempts in all.
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Run the same scenario files in simulation, in virtual time
    ///
    /// The supervisor's own loop and state machine run on a model of the kernel; the same seed gives the same history.
    #[command(after_help = EXIT_CODES)]
    Sim(SimArgs),
    /// Validate scenario files, and subject files or names
    Check {
        /// Scenario files, folders of them, subject files, or names of bundled subjects
        #[arg(required = true, value_name = "FILE|DIR|SUBJECT")]
        files: Vec<PathBuf>,
    },
    /// Judge a history that was written by an earlier run
    Judge {
        /// The history
        history: PathBuf,
        /// The form of the report
        #[arg(long, value_enum, default_value_t = JudgeFormat::Human)]
        format: JudgeFormat,
    },
    /// List scenarios with their variants, invariants and subjects
    List {
        /// Scenario files or folders of them
        #[arg(default_value = "scenarios", value_name = "FILE|DIR")]
        paths: Vec<PathBuf>,
    },
    /// Explain a scenario file, an invariant or an entry of the catalogue in plain words
    Explain {
        /// A scenario (file, or name in scenarios/), an invariant like INV-FLOOR, or a catalogue id like boot-crash-loop
        what: String,
    },
    /// Run every form many times on a busy machine and count what came out
    ///
    /// The form with the smallest part of its runs is always next. With --resume FILE every run is a line of that file, so
    /// that a soak can be killed at any time and goes on where it was. Ends with 1 if a run failed, with 2 if fewer than
    /// 95 % of the first attempts were conclusive or a scenario or an entry of the catalogue has not enough runs yet.
    Soak(SoakArgs),
    /// Show several subjects beside each other: what each keeps of its promises, and what each can do
    ///
    /// Reads what `harness run --subject NAME --format json` wrote for each of them, and prints a Markdown table.
    Matrix {
        /// Reports as JSON
        #[arg(required = true, value_name = "REPORT")]
        reports: Vec<PathBuf>,
    },
    /// Run a scenario with one of its steps at every offset of a range, and tell in which window something fails
    ///
    /// The range is that of the file's `sweep`, or of --step, --from and --to. Windows in which an invariant fails are told
    /// apart from those in which only an expectation or a step of the file does. Exit codes are those of `run`; with --step
    /// the latter don't count, because the file was written for another offset.
    #[command(after_help = EXIT_CODES)]
    Sweep(SweepArgs),
    /// Make every system call of a simulated life fail, one at a time, in every way
    ///
    /// For each kind of call that the supervisor makes the k-th one fails with each plausible errno, for every k; where a
    /// cause may last, so do all that follow. Afterwards the pool must be right, or the supervisor must have ended with a
    /// documented status, said why and left nothing.
    ///
    /// With --real this is done to real processes by strace(1), from the first call of the supervisor's own on: to a sample,
    /// spread evenly over the kernel's calls and their errnos, because each takes seconds. Ends with 1 if a life ended
    /// otherwise, and with 4 if none was lived, for want of strace for instance.
    SweepCalls(SweepCallsArgs),
    /// Run random scenarios in simulation and show those in which something fails
    ///
    /// Each seed is a scenario, wilder than a person would write it, and a schedule. What fails is made as small as it gets
    /// while it still fails, and printed as a scenario file. Ends with 1 if anything failed.
    Hunt(HuntArgs),
}

/// Which scenarios, on what, how often.
#[derive(Args, Clone, Debug)]
pub struct Selection {
    /// Scenario files or folders of them; FILE::VARIANT picks one variant, FILE::plain the plain form
    #[arg(default_value = "scenarios", value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// The seed; run k of a repetition uses seed + k
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many runs of each
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// The form of the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Print what would be done and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Where histories are written
    #[arg(long, default_value = "target/harness", value_name = "DIR")]
    pub histories: PathBuf,
    /// Judge without the supervisor's own event stream
    #[arg(long)]
    pub no_events: bool,
}

/// `harness run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Scenarios.
    #[command(flatten)]
    pub selection: Selection,
    /// The supervisor: name of a bundled subject, or path of a subject file
    #[arg(long, default_value = "reference", value_name = "NAME|PATH")]
    pub subject: String,
    /// How many runs side by side
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,
    /// Folder with `supervisor` and `puppet` [default: the harness's own]
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
}

/// `harness sim`.
#[derive(Args, Clone, Debug)]
pub struct SimArgs {
    /// Scenarios.
    #[command(flatten)]
    pub selection: Selection,
}

/// `harness soak`.
#[derive(Args, Clone, Debug)]
pub struct SoakArgs {
    /// Scenario files or folders of them; FILE::VARIANT picks one variant, FILE::plain the plain form
    #[arg(default_value = "scenarios", value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Begin no run after this long [default: until everything has its runs]
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub span: Option<Duration>,
    /// Keep every run in this file, and go on with what is in it
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// How many runs of each P0 entry of the catalogue, and of each scenario file that guards against one
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub p0: u32,
    /// How many runs of each other entry and scenario file
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub p1: u32,
    /// Count the runs of every build, subject and scenario of these names, not only those of these very ones
    #[arg(long)]
    pub any_build: bool,
    /// What keeps the machine busy meanwhile
    #[arg(long, value_enum, value_delimiter = ',', default_value = "cpu,memory,io", value_name = "KIND,…")]
    pub stress: Vec<Stress>,
    /// How many runs side by side [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: Option<u32>,
    /// One run after the other
    #[arg(long, conflicts_with = "jobs")]
    pub serial: bool,
    /// The first seed of each form
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The supervisor: name of a bundled subject, or path of a subject file
    #[arg(long, default_value = "reference", value_name = "NAME|PATH")]
    pub subject: String,
    /// Folder with `supervisor` and `puppet` [default: the harness's own]
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
    /// Where histories of runs that did not come out as expected are written
    #[arg(long, default_value = "target/harness", value_name = "DIR")]
    pub histories: PathBuf,
}

impl SoakArgs {
    /// How many runs side by side.
    pub fn jobs(&self) -> u32 {
        let cpus = || std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(64));
        if self.serial { 1 } else { self.jobs.unwrap_or_else(|| cpus().min(64)) }
    }
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// JUnit XML, for build servers.
    Junit,
}

/// The form of the report about one history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JudgeFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// JUnit XML, for build servers.
    Junit,
    /// A page with a picture of what happened.
    Html,
}

/// `harness sweep`.
#[derive(Args, Clone, Debug)]
pub struct SweepArgs {
    /// Scenario files or folders of them; with --step also FILE::VARIANT
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// Sweep this step, counted from 0, whatever the file says
    #[arg(long, value_name = "N")]
    pub step: Option<usize>,
    /// The smallest offset, with --step
    #[arg(long, value_name = "DURATION", default_value = "0s", requires = "step", value_parser = humantime::parse_duration)]
    pub from: Duration,
    /// The largest offset, with --step
    #[arg(long, value_name = "DURATION", default_value = "2s", requires = "step", value_parser = humantime::parse_duration)]
    pub to: Duration,
    /// How many offsets [default: the file's, or 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub points: Option<u32>,
    /// In simulation
    #[arg(long)]
    pub sim: bool,
    /// How many runs at each offset
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: u32,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many runs side by side
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,
    /// The supervisor: name of a bundled subject, or path of a subject file
    #[arg(long, default_value = "reference", value_name = "NAME|PATH", conflicts_with = "sim")]
    pub subject: String,
    /// Folder with `supervisor` and `puppet` [default: the harness's own]
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
    /// Where histories are written
    #[arg(long, default_value = "target/harness", value_name = "DIR")]
    pub histories: PathBuf,
}

/// `harness sweep-calls`.
#[derive(Args, Clone, Debug)]
pub struct SweepCallsArgs {
    /// Scenario files or folders of them; FILE::VARIANT picks one variant, FILE::plain the plain form
    #[arg(default_value = "scenarios/life.ron", value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many seeds; each is another life with other calls
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: u32,
    /// Only every n-th failure
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,
    /// With real processes: not all failures, but a sample of them
    #[arg(long, conflicts_with_all = ["seeds", "every"])]
    pub real: bool,
    /// How many lives, with --real
    #[arg(long, default_value_t = 60, value_name = "N", requires = "real", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Only this failure, with --real, as a line of an earlier sweep has it
    #[arg(long, value_name = "CALL:ERRNO:WHEN", requires = "real", conflicts_with = "runs")]
    pub case: Option<Case>,
    /// Folder with `supervisor` and `puppet`, with --real [default: the harness's own]
    #[arg(long, value_name = "DIR", requires = "real")]
    pub bin_dir: Option<PathBuf>,
    /// Where histories of lives that ended wrong are written, with --real
    #[arg(long, default_value = "target/harness", value_name = "DIR", requires = "real")]
    pub histories: PathBuf,
}

/// `harness hunt`.
#[derive(Args, Clone, Debug)]
pub struct HuntArgs {
    /// Print scenarios as they were found instead of making them small
    #[arg(long)]
    pub as_found: bool,
    /// How many random scenarios
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub runs: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

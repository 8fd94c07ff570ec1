//! The simulated kernel is a model of the real one: what real processes do is among what simulated ones do, with the
//! same verdicts; and a model with an error planted in it is found out.
//!
//! `cargo test --test parity`. The program is also the broken supervisor that one of the tests needs: it is started as
//! `parity run CONFIG` then.

mod trials_support;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use harness::history::{History, What};
use harness::invariant::{self, Slack};
use harness::parity::{Mismatch, Projection, included};
use harness::scenario;
use harness::subject;
use harness::verdict::Verdict;
use harness::world::sim::{Model, Outcome, Prepared};
use harness::world::{Bins, Plan, real};
use libtest_mimic::{Failed, Trial};
use mutants::{Faulty, KernelFault};
use supervisor::core::Pools;
use supervisor::{config, shell, unix::Unix};

/// How many real histories of each scenario are looked for.
const REAL: u64 = 3;
/// Among how many simulated ones.
const SEEDS: u64 = 1000;
/// How often a real run is repeated that this machine disturbed.
const ATTEMPTS: u64 = 6;
/// Two things that are closer have no order on an idle machine.
const SLACK: Duration = Duration::from_millis(25);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "run", file] => return supervise(Path::new(file)),
        [_, "--version"] => {
            println!("one reap per SIGCHLD");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    // The one that takes longest goes first.
    let mut trials = vec![
        Trial::test("model_error::sigchld", signals_that_never_coalesce_are_found_out),
        Trial::test("model_error::queue", a_lost_queue_is_found_out),
    ];
    trials.extend(HEADLINE.iter().map(|form| Trial::test(*form, || is_included(form))));
    libtest_mimic::run(&trials_support::arguments(), trials).exit_code()
}

const HEADLINE: [&str; 8] =
    ["kill", "kill::all_frozen", "throw", "throw::one_phase", "flap", "hold", "pools/kill", "pools/flap::own_limits"];

/// Every real history is among the simulated ones.
fn is_included(form: &str) -> Result<(), Failed> {
    let plan = plan_of(form)?;
    let simulated = Simulated::new(&plan, Model::default(), KernelFault::None);
    (1..=REAL).try_for_each(|n| match simulated.holds(&plan, n * 100) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!("history {n}: {why}").into()),
    })
}

/// A worker dies at boot while clients wait in the queue, which is not the dead worker's.
const QUEUE: &str = r#"(
    title: "connections that nobody has accepted outlive a worker that could have",
    pool: (workers: 1, limit: (restarts: 10, within: "10s"), backoff: (initial: "10ms", factor: 2, cap: "50ms"), drain: "1s"),
    lives: (first: [Serve, Crash(at: Boot, after: "150ms")]),
    load: [Probe(every: "10ms", as: "probe")],
    steps: [(do: Kill(Oldest)), (when: Ready, within: "5s", must: true), (when: State(Settled), within: "2s", must: true)],
)"#;

fn a_lost_queue_is_found_out() -> Result<(), Failed> {
    let plan = Plan { scenario: parse(QUEUE)?, name: "queue".into(), ..plan_of("kill")? };
    let wrong = Model { queue_survives_death: false, ..Model::default() };
    is_found_out(&plan, wrong, KernelFault::None)
}

/// The shipped supervisor does the same either way, so this takes one that reaps once per signal.
fn signals_that_never_coalesce_are_found_out() -> Result<(), Failed> {
    let mut plan = plan_of("kill::several_frozen")?;
    plan.bins.supervisor = std::env::current_exe().map_err(|why| why.to_string())?;
    let wrong = Model { sigchld_coalesces: false, ..Model::default() };
    is_found_out(&plan, wrong, KernelFault::OneReapPerSignal)
}

/// A real history that is among those of the right model is not among those of the wrong one.
fn is_found_out(plan: &Plan, wrong: Model, fault: KernelFault) -> Result<(), Failed> {
    let history = Simulated::new(plan, Model::default(), fault).holds(plan, 1)?;
    match Simulated::new(plan, wrong, fault).find(plan, &history, slack(&history)) {
        Ok(()) => Err("the wrong model was not found out".into()),
        Err(_) => Ok(()),
    }
}

/// The simulated side of a scenario.
struct Simulated<'a> {
    prepared: Prepared<'a>,
    model: Model,
    fault: KernelFault,
    projections: Vec<Projection>,
}

impl<'a> Simulated<'a> {
    fn new(plan: &'a Plan, model: Model, fault: KernelFault) -> Self {
        let mut simulated = Self { prepared: Prepared::new(plan), model, fault, projections: Vec::new() };
        simulated.projections = (0..SEEDS).map(|seed| Projection::of(&simulated.history(seed))).collect();
        simulated
    }

    fn history(&self, seed: u64) -> History {
        let wrap = |kernel| Faulty::new(kernel, self.fault);
        let Outcome { history, .. } = self.prepared.run(seed, self.model, Pools::new, wrap);
        history
    }

    /// Makes a real history of `plan` and looks whether it is among the simulated ones and judged like the one that is the
    /// same. Returns it.
    fn holds(&self, plan: &Plan, seed: u64) -> Result<History, String> {
        let mut last = String::new();
        for attempt in 0..ATTEMPTS {
            let plan = Plan { seed: seed + attempt, ..plan.clone() };
            let _pass = real::enter(&plan.scenario);
            let history = real::run(&plan, &mut |_| {}).map_err(|why| why.to_string())?;
            match self.find(&plan, &history, slack(&history)) {
                Ok(()) => return Ok(history),
                Err(why) => last = format!("slack {:?}\n{why}", slack(&history)),
            }
            // Nothing on this machine explains the difference.
            if stalled(&history) < SLACK {
                break;
            }
        }
        Err(last)
    }

    fn find(&self, plan: &Plan, history: &History, slack: Duration) -> Result<(), String> {
        let real = Projection::of(history);
        let place = included(&real, &self.projections, slack).map_err(|reasons| told(&reasons))?;
        let expected = verdicts(plan, &self.history(place as u64));
        let there = verdicts(plan, history);
        if there == expected { Ok(()) } else { Err(format!("the verdicts differ: {there:?} is not {expected:?}")) }
    }
}

/// How close two things must be to have no order: what this machine measured of itself comes on top.
fn slack(history: &History) -> Duration {
    SLACK + Duration::from_nanos(history.header.slack_ns) + stalled(history)
}

/// How long processes of the run could have run and didn't, all together.
fn stalled(history: &History) -> Duration {
    let delay = |what: &What| if let What::Stall { delay_ns, .. } = what { *delay_ns } else { 0 };
    Duration::from_nanos(history.events.iter().map(|event| delay(&event.what)).sum())
}

fn told(reasons: &[(Mismatch, u32)]) -> String {
    reasons.iter().take(5).map(|(reason, count)| format!("{count} × {reason}\n")).collect()
}

/// What each invariant and expectation says, without its figures.
fn verdicts(plan: &Plan, history: &History) -> Vec<(String, &'static str)> {
    let slack = Slack(Duration::from_nanos(history.header.slack_ns));
    let findings = invariant::judge(&plan.scenario, &plan.subject.profile, history, slack);
    let name = |verdict: &Verdict| match verdict {
        Verdict::Pass { .. } => "pass",
        Verdict::Fail { .. } => "fail",
        Verdict::Inconclusive { .. } => "inconclusive",
        Verdict::NotApplicable { .. } => "not applicable",
        Verdict::Undeclared => "undeclared",
    };
    let both = findings.into_iter().filter(|finding| !REAL_ONLY.contains(&in_any_pool(&finding.id)));
    both.map(|finding| (finding.id, name(&finding.verdict))).collect()
}

/// The id of an invariant without the pool that it was judged of.
fn in_any_pool(id: &str) -> &str {
    id.split_once('@').map_or(id, |(id, _)| id)
}

/// What is judged by what a model has none of: descriptors, threads and processor time of the supervisor, bystanders and
/// inodes, and what the kernel tells of a process.
const REAL_ONLY: [&str; 3] = ["INV-STATIONARY", "INV-ENV", "INV-OWN"];

fn parse(text: &str) -> Result<scenario::Scenario, String> {
    scenario::parse(text, "parity").map_err(|problems| problems.to_string())
}

fn plan_of(form: &str) -> Result<Plan, String> {
    let (file, variant) = form.split_once("::").map_or((form, None), |(file, variant)| (file, Some(variant)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{file}.ron"));
    let text = std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    let found = parse(&text)?.forms().into_iter().find(|(name, _)| name.as_deref() == variant);
    let (_, scenario) = found.ok_or_else(|| format!("no {form}"))?;
    let (subject, subject_dir) = subject::load("reference").map_err(|problems| problems.to_string())?;
    let bins = Bins {
        harness: PathBuf::from(env!("CARGO_BIN_EXE_harness")),
        supervisor: PathBuf::from(env!("CARGO_BIN_EXE_supervisor")),
        puppet: PathBuf::from(env!("CARGO_BIN_EXE_puppet")),
    };
    Ok(Plan { name: form.into(), scenario, subject, subject_dir, seed: 0, bins })
}

/// This program as a supervisor that reaps once per SIGCHLD.
fn supervise(file: &Path) -> ExitCode {
    let Ok(kernel) = Unix::start() else { return ExitCode::FAILURE };
    let Ok(text) = std::fs::read_to_string(file) else { return ExitCode::FAILURE };
    let Ok(config) = config::parse(&text, "config") else { return ExitCode::FAILURE };
    let mut kernel = Faulty::new(kernel, KernelFault::OneReapPerSignal);
    ExitCode::from(shell::run(&mut kernel, Pools::new(config.policies()), &config, shell::Start::default()).status())
}

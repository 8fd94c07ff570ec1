//! Which mutant is seen by which invariant, in simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::history::History;
use harness::invariant::{self, Finding, Slack};
use harness::relation::{Side, Twin};
use harness::scenario;
use harness::subject;
use harness::verdict::Verdict;
use harness::world::sim::{self, Model};
use harness::world::{Bins, Plan};

use crate::faulty::Faulty;
use crate::mutant::{Mutant, Mutation};
use crate::real::by_chance;

/// One mutant in its scenario, over several seeds.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub mutant: &'static Mutant,
    /// How many seeds.
    pub seeds: u64,
    /// In how many of them each invariant failed.
    pub failed: BTreeMap<String, u64>,
    /// Why, with the first seed that showed it.
    pub because: BTreeMap<String, String>,
    /// What failed for the unmutated supervisor behind the same wrappers, there and then; nothing may.
    pub identity: BTreeSet<String>,
}

impl Row {
    /// Whether the invariant that has to notice did so with every seed.
    pub fn is_caught(&self) -> bool {
        self.failed.get(self.mutant.caught_by) == Some(&self.seeds)
    }

    /// Invariants that failed although they are neither the one nor a consequence, not even by chance.
    pub fn unexpected(&self) -> Vec<&str> {
        let known = |id: &str| {
            id == self.mutant.caught_by || self.mutant.has_consequence(id) || by_chance(self.mutant, id).is_some()
        };
        self.failed.keys().map(String::as_str).filter(|id| !known(id)).collect()
    }

    /// Documented consequences that no seed showed.
    pub fn stale(&self) -> Vec<&str> {
        let documented = self.mutant.consequences.iter().map(|(id, _)| *id);
        documented.filter(|id| !self.failed.contains_key(*id)).collect()
    }

    /// Whether it is as it must be.
    pub fn is_good(&self) -> bool {
        self.is_caught() && self.unexpected().is_empty() && self.stale().is_empty() && self.identity.is_empty()
    }
}

/// Runs a mutant in its scenario, and the unmutated supervisor beside it, with the seeds from 1 to `seeds`.
///
/// # Errors
/// The scenario or the subject can't be read.
pub fn row(mutant: &'static Mutant, seeds: u64) -> Result<Row, String> {
    let mut row = Row { mutant, seeds, failed: BTreeMap::new(), because: BTreeMap::new(), identity: BTreeSet::new() };
    for seed in 1..=seeds {
        let plan = plan(mutant.scenario, seed)?;
        let failed = |mutation| {
            let history = simulate(&plan, mutation);
            let mut failed = failures(&plan, &history);
            failed.extend(broken_relation(mutant, &plan, &history, &|twin| Ok(simulate(twin, mutation)))?);
            Ok::<_, String>(failed)
        };
        for (id, because) in noticed(mutant, failed(mutant.mutation)?) {
            *row.failed.entry(id.clone()).or_default() += 1;
            row.because.entry(id).or_insert(because);
        }
        row.identity.extend(failed(Mutation::Identity)?.into_iter().map(|(id, _)| id));
    }
    Ok(row)
}

/// Of what failed the invariants, and the expectation that has to notice, by its bare name. Other expectations of a
/// scenario may fail as they like.
pub(crate) fn noticed(mutant: &Mutant, failures: Vec<(String, String)>) -> BTreeMap<String, String> {
    let named = |(id, because): (String, String)| {
        let name = id.rsplit_once(' ').map_or(id.as_str(), |(_, name)| name);
        (id.starts_with("INV-") || name == mutant.caught_by).then(|| (name.to_owned(), because))
    };
    failures.into_iter().filter_map(named).collect()
}

/// The plan of a run of the reference subject.
///
/// # Errors
/// Everything that is wrong with the scenario or the subject.
pub fn plan(name: &str, seed: u64) -> Result<Plan, String> {
    plan_with("reference", name, seed)
}

/// The plan of a run of a subject: `name` is `file::variant` below the folder of the suite.
///
/// # Errors
/// Everything that is wrong with the scenario or the subject.
pub fn plan_with(subject: &str, name: &str, seed: u64) -> Result<Plan, String> {
    let (file, variant) = name.split_once("::").map_or((name, None), |(file, variant)| (file, Some(variant)));
    let path = scenario_dir().join(file).with_extension("ron");
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|why| format!("{shown}: {why}"))?;
    let parsed = scenario::parse(&text, &shown).map_err(|problems| problems.to_string())?;
    let form = parsed.forms().into_iter().find(|(name, _)| name.as_deref() == variant);
    let (_, scenario) = form.ok_or_else(|| format!("{shown} has no variant {variant:?}"))?;
    let (subject, subject_dir) = subject::load(subject).map_err(|problems| problems.to_string())?;
    Ok(Plan { name: name.to_owned(), scenario, subject, subject_dir, seed, bins: Bins::default() })
}

/// Where the suite is.
pub fn scenario_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// A simulated run of a mutant.
pub fn simulate(plan: &Plan, mutation: Mutation) -> History {
    let fault = mutation.kernel_fault();
    let wrap = |kernel| Faulty::new(kernel, fault);
    sim::run_with(plan, Model::default(), |policies| mutation.machine(policies), wrap).history
}

/// What fails in a history, invariants and expectations: its id, and why.
pub fn failures(plan: &Plan, history: &History) -> Vec<(String, String)> {
    judged(plan, history).into_iter().filter_map(failed).collect()
}

/// The relation that a mutant breaks, if one has to notice it and does: `live` runs the twin. Of other mutants no twin is run.
///
/// # Errors
/// What `live` says.
pub(crate) fn broken_relation(
    mutant: &Mutant,
    plan: &Plan,
    history: &History,
    live: &dyn Fn(&Plan) -> Result<History, String>,
) -> Result<Option<(String, String)>, String> {
    let twins = Twin::of(&plan.scenario);
    let Some((kind, scenario)) = twins.into_iter().find(|(kind, _)| kind.id() == mutant.caught_by) else {
        return Ok(None);
    };
    let twin = Plan { scenario, ..plan.clone() };
    let other = live(&twin)?;
    let (mine, theirs) = (judged(plan, history), judged(&twin, &other));
    let with = Side { history, findings: &mine };
    Ok(failed(kind.judge(&plan.scenario, with, Side { history: &other, findings: &theirs })))
}

fn judged(plan: &Plan, history: &History) -> Vec<Finding> {
    let slack = Slack(Duration::from_nanos(history.header.slack_ns));
    invariant::judge(&plan.scenario, &plan.subject.profile, history, slack)
}

fn failed(finding: Finding) -> Option<(String, String)> {
    match finding.verdict {
        Verdict::Fail { because, actual, .. } => Some((finding.id, format!("{because}; {actual}"))),
        Verdict::Pass { .. } | Verdict::Inconclusive { .. } | Verdict::NotApplicable { .. } | Verdict::Undeclared => {
            None
        }
    }
}

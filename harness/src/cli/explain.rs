//! `harness explain`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::invariant::INVARIANTS;
use crate::problem::{Problem, Problems, Source};
use crate::relation::RELATIONS;
use crate::scenario::{self, Entry};
use crate::verdict::ExitCode;

use super::select;
use super::trouble::Trouble;

/// Explains a scenario, an invariant or an entry of the catalogue.
pub fn explain(what: &str) -> Result<ExitCode, Trouble> {
    let mut out = io::stdout();
    if let Some(invariant) = INVARIANTS.iter().find(|invariant| is_named(invariant.id, what)) {
        let needs = format!("{}\n\nLooks at: {}", invariant.needs, invariant.looks_at);
        explain_demand(invariant.id, invariant.title, invariant.definition, &needs, &mut out)?;
        return Ok(ExitCode::Ok);
    }
    if let Some(relation) = RELATIONS.iter().find(|relation| is_named(relation.id, what)) {
        let needs = format!("{}\n\nLooks at: {}", relation.needs, relation.looks_at);
        explain_demand(relation.id, relation.title, relation.definition, &needs, &mut out)?;
        return Ok(ExitCode::Ok);
    }
    if let Some(entry) = scenario::entry(what) {
        explain_entry(entry, &mut out)?;
        return Ok(ExitCode::Ok);
    }
    let forms = select::forms(&[scenario_path(what)?])?;
    for form in &forms {
        writeln!(out, "{}", scenario::explain(&form.scenario, &form.name))?;
    }
    Ok(ExitCode::Ok)
}

/// What it demands, of whom, and which failures of the field it has to notice.
fn explain_demand(id: &str, title: &str, definition: &str, needs: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{id}: {title}\n\n{definition}\n\nNeeds: {needs}")?;
    let entries = scenario::catalogue().iter().filter(|entry| entry.invariants.iter().any(|named| named == id));
    let entries: Vec<&str> = entries.map(|entry| entry.id.as_str()).collect();
    if entries.is_empty() { Ok(()) } else { writeln!(out, "\nHas to notice: {}", entries.join(", ")) }
}

/// What goes wrong, who has to notice, and in which scenarios of the suite that is tried.
fn explain_entry(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({}, {})\n\n{}\n", entry.id, entry.priority, entry.class, entry.failure)?;
    writeln!(out, "Who has to notice:")?;
    for id in &entry.invariants {
        let invariant = INVARIANTS.iter().find(|invariant| invariant.id == id).map(|invariant| invariant.title);
        let relation = RELATIONS.iter().find(|relation| relation.id == id).map(|relation| relation.title);
        writeln!(out, "  {id}: {}", invariant.or(relation).unwrap_or("not built yet"))?;
    }
    writeln!(out, "\nWhere it was seen:")?;
    for (seen, address) in entry.sightings() {
        let close = if seen.starts_with("near ") { " (something close to it)" } else { "" };
        writeln!(out, "  {address}{close}")?;
    }
    // Outside a checkout of the suite there is nothing to name.
    let Ok(forms) = select::forms(&[PathBuf::from(select::SUITE)]) else { return Ok(()) };
    let cites = |form: &&select::Form| form.scenario.guards_against.contains(&entry.id);
    let citing: Vec<_> = forms.iter().filter(cites).collect();
    if citing.is_empty() {
        return writeln!(out, "\nNo scenario tries it yet.");
    }
    writeln!(out, "\nScenarios that try it:")?;
    let width = citing.iter().map(|form| form.name.len()).max().unwrap_or(0);
    citing.iter().try_for_each(|form| writeln!(out, "  {:width$}  {}", form.name, form.scenario.title))
}

/// `INV-FLOOR`, `inv-floor` and `floor` name the same invariant.
fn is_named(id: &str, what: &str) -> bool {
    id.eq_ignore_ascii_case(what) || id.strip_prefix("INV-").is_some_and(|short| short.eq_ignore_ascii_case(what))
}

/// The path that `what` stands for: itself, or that name in `scenarios/`. The error suggests the nearest of all names.
fn scenario_path(what: &str) -> Result<PathBuf, Problems> {
    let (file, variant) = what.split_once("::").map_or((what, None), |(file, variant)| (file, Some(variant)));
    let with_variant = |path: PathBuf| match variant {
        None => path,
        Some(variant) => PathBuf::from(format!("{}::{variant}", path.display())),
    };
    let in_suite = Path::new(select::SUITE).join(file).with_extension("ron");
    if Path::new(file).exists() {
        return Ok(with_variant(PathBuf::from(file)));
    }
    if in_suite.exists() {
        return Ok(with_variant(in_suite));
    }
    let suite = scenario::find(&[PathBuf::from(select::SUITE)]).unwrap_or_default();
    let names = suite.iter().map(|(name, _)| name.as_str());
    let valid = names.chain(INVARIANTS.iter().map(|invariant| invariant.id));
    let valid = valid.chain(RELATIONS.iter().map(|relation| relation.id));
    let valid = valid.chain(scenario::catalogue().iter().map(|entry| entry.id.as_str()));
    let problem = Problem::new(&Source::unread(Path::new(what)), "there is nothing of this name")
        .expected("a scenario file, a name in scenarios/, an invariant or an id of the catalogue")
        .suggest(what, valid.collect::<Vec<_>>());
    Err(problem.into())
}

//! docs/catalogue.md and docs/invariants.md are written from the code, the suite and the mutants, and never by hand: these
//! tests fail when a page is not what they say. `UPDATE_DOCS=1 cargo test --test docs` writes the pages anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use harness::cli::{Form, World, forms, missing};
use harness::invariant::INVARIANTS;
use harness::relation::RELATIONS;
use harness::scenario::{Entry, catalogue};
use harness::subject;
use harness::world::{Bins, Plan};
use mutants::{ALL, Mutant, REAL, THROUGH};

/// Of the entries of each priority at least so many are tried by a form that runs with real processes on the reference.
const TRIED: [(&str, usize); 3] = [("P0", 35), ("P1", 50), ("P2", 4)];

/// Entries that no scenario tries, and why.
const UNTRIED: [(&str, &str); 1] = [("binary-upgrade", "the reference does not replace its own program while it runs")];

/// A form of the suite, and why a world can't run it; empty if it can.
struct Known {
    form: Form,
    not_real: Vec<String>,
    not_simulated: Vec<String>,
}

/// Every form of the suite on the reference.
fn suite() -> Vec<Known> {
    let (subject, subject_dir) = subject::load("reference").unwrap_or_else(|problems| panic!("{problems}"));
    let forms = forms(&[root().join("scenarios")]).unwrap_or_else(|problems| panic!("{problems}"));
    let known = |form: Form| {
        let (name, scenario) = (form.name.clone(), form.scenario.clone());
        let plan = Plan {
            name,
            scenario,
            subject: subject.clone(),
            subject_dir: subject_dir.clone(),
            seed: 1,
            bins: Bins::default(),
        };
        // What this host alone forbids says nothing of the suite.
        let mut not_real = missing(&plan, World::Real);
        not_real.retain(|why| !why.starts_with("here: "));
        Known { not_real, not_simulated: missing(&plan, World::Sim), form }
    };
    forms.into_iter().map(known).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn citing<'a>(entry: &Entry, suite: &'a [Known]) -> Vec<&'a Known> {
    suite.iter().filter(|known| known.form.scenario.guards_against.contains(&entry.id)).collect()
}

/// Compares a page with what it ought to be, or writes it.
fn check(page: &str, text: &str) {
    let path = root().join("docs").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.lines().chain(std::iter::repeat("(nothing)"))
    }
    let longest = text.lines().count().max(found.lines().count());
    let differs = || lines(text).zip(lines(&found)).take(longest).find(|(ought, is)| ought != is);
    assert!(
        text == found,
        "docs/{page} is not what the code says; `UPDATE_DOCS=1 cargo test --test docs` writes it anew.\nFirst difference (as it ought to be, as it is): {:?}",
        differs()
    );
}

const WRITTEN: &str =
    "<!-- Written by `UPDATE_DOCS=1 cargo test --test docs`; the same test fails when it is not up to date. -->";

#[test]
fn the_page_of_the_catalogue_is_up_to_date() {
    check("catalogue.md", &catalogue_page(catalogue(), &suite()));
}

#[test]
fn the_page_of_the_invariants_is_up_to_date() {
    check("invariants.md", &invariants_page());
}

#[test]
fn the_suite_tries_enough_of_the_catalogue_with_real_processes() {
    let suite = suite();
    for (priority, least) in TRIED {
        let of_priority = catalogue().iter().filter(|entry| entry.priority == priority);
        let tried = of_priority.filter(|entry| citing(entry, &suite).iter().any(|known| known.not_real.is_empty()));
        let tried = tried.count();
        assert!(tried >= least, "{tried} of the {priority} entries are tried for real, at least {least} were");
    }
}

#[test]
fn of_what_nobody_tries_it_is_said_why() {
    let suite = suite();
    let untried = catalogue().iter().filter(|entry| citing(entry, &suite).is_empty()).map(|entry| entry.id.as_str());
    let known: Vec<&str> = UNTRIED.iter().map(|(id, _)| *id).collect();
    assert_eq!(untried.collect::<Vec<_>>(), known);
}

fn catalogue_page(entries: &[Entry], suite: &[Known]) -> String {
    let mut page = format!("# The catalogue of failures, and who looks for each\n\n{WRITTEN}\n\n");
    page.push_str(
        "Real failures of supervisors, by how much they matter (P0 first). A scenario says by `guards_against` which it tries; a\n\
         file named without a variant stands for all its forms, and `::plain` for the one without a variant. The invariants are those that have to notice, the mutants\n\
         those that are broken in a scenario of that entry and are caught there.\n\n",
    );
    let tried = |of: &str, real: bool| {
        let of_priority = entries.iter().filter(|entry| entry.priority == of);
        let is = |known: &&Known| if real { known.not_real.is_empty() } else { known.not_simulated.is_empty() };
        of_priority.filter(|entry| citing(entry, suite).iter().any(is)).count()
    };
    page.push_str("| priority | entries | tried with real processes | tried in simulation |\n|---|---|---|---|\n");
    let priorities: BTreeSet<&str> = entries.iter().map(|entry| entry.priority.as_str()).collect();
    for priority in &priorities {
        let all = entries.iter().filter(|entry| entry.priority == *priority).count();
        let row = format!("| {priority} | {all} | {} | {} |\n", tried(priority, true), tried(priority, false));
        page.push_str(&row);
    }
    for priority in priorities {
        let head =
            "| entry | what goes wrong | scenarios | invariants | mutants | judged |\n|---|---|---|---|---|---|\n";
        _ = write!(page, "\n## {priority}\n\n{head}");
        for entry in entries.iter().filter(|entry| entry.priority == priority) {
            let citing = citing(entry, suite);
            let mutants: Vec<String> = caught(&citing).iter().map(|mutant| format!("`{}`", mutant.name)).collect();
            let cells = [
                format!("`{}`", entry.id),
                entry.failure.clone(),
                named(&citing, suite).join(", "),
                entry.invariants.iter().map(|id| invariant(id)).collect::<Vec<_>>().join(", "),
                mutants.join(", "),
                judged(entry, &citing),
            ];
            _ = writeln!(page, "| {} |", cells.join(" | "));
        }
    }
    page.push_str("\n## Where each was seen\n\n\"near\": only something close to it was.\n\n");
    for entry in entries {
        let seen: Vec<String> = entry.sightings().map(|(seen, address)| format!("[{seen}]({address})")).collect();
        _ = writeln!(page, "- `{}`: {}", entry.id, seen.join(", "));
    }
    page
}

/// All of them, whoever their workers are.
fn mutants() -> impl Iterator<Item = &'static Mutant> {
    ALL.iter().chain(&REAL).chain(THROUGH.iter().map(|through| &through.mutant))
}

/// A link to the invariant's definition; those that are not built have none.
fn invariant(id: &str) -> String {
    let short = id.trim_start_matches("INV-");
    let built = INVARIANTS.iter().map(|one| one.id).chain(RELATIONS.iter().map(|one| one.id)).any(|built| built == id);
    if built { format!("[{short}](invariants.md#{})", id.to_lowercase()) } else { format!("{short} (not built)") }
}

/// The mutants whose scenario is one of these forms.
fn caught(citing: &[&Known]) -> Vec<&'static Mutant> {
    mutants().filter(|mutant| citing.iter().any(|known| known.form.name == mutant.scenario)).collect()
}

/// The forms, those of a file under its name if they are all there.
fn named(citing: &[&Known], suite: &[Known]) -> Vec<String> {
    let file = |known: &Known| known.form.name.split("::").next().unwrap_or_default().to_owned();
    let mut files: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for known in citing {
        files.entry(file(known)).or_default().push(&known.form.name);
    }
    let mut names = Vec::new();
    for (name, forms) in files {
        if forms.len() == suite.iter().filter(|known| file(known) == name).count() {
            names.push(format!("`{name}`"));
        } else {
            // The points of a sweep are one to a reader.
            let swept = forms.iter().filter(|form| form.contains("::sweep_")).count();
            let plain =
                |form: &&str| if form.contains("::") { format!("`{form}`") } else { format!("`{form}::plain`") };
            names.extend(forms.iter().filter(|form| !form.contains("::sweep_")).map(plain));
            names.extend((swept > 0).then(|| format!("`{name}` swept ({swept} points)")));
        }
    }
    names
}

/// In which worlds it is judged, and why not in the others.
fn judged(entry: &Entry, citing: &[&Known]) -> String {
    if citing.is_empty() {
        let why = UNTRIED.iter().find(|(id, _)| *id == entry.id).map_or("nobody has said why", |(_, why)| why);
        return format!("not: no scenario tries it: {why}");
    }
    let why = |of: fn(&Known) -> &[String]| {
        if citing.iter().any(|known| of(known).is_empty()) {
            return None;
        }
        let reasons: BTreeSet<&str> = citing.iter().flat_map(|known| of(known)).map(String::as_str).collect();
        Some(reasons.into_iter().collect::<Vec<_>>().join("; "))
    };
    match (why(|known| &known.not_real), why(|known| &known.not_simulated)) {
        (None, None) => "for real, simulated".to_owned(),
        (None, Some(why)) => format!("for real ({why})"),
        (Some(why), None) => format!("simulated only ({why})"),
        (Some(why), Some(_)) => format!("not: {why}"),
    }
}

fn invariants_page() -> String {
    let mut page = format!("# The invariants\n\n{WRITTEN}\n\n");
    page.push_str(
        "Every run is judged by all of them, from its history alone. The ids are stable: subject files name them in their\n\
         deviations. What an invariant needs of a subject's profile and does not find makes it undeclared, never passed.\n",
    );
    for invariant in INVARIANTS {
        _ = write!(page, "\n## {}\n\n", invariant.id);
        _ = writeln!(page, "*{}*\n\n{}\n", invariant.title, invariant.definition);
        _ = writeln!(page, "- Needs: {}.", invariant.needs.replace('`', ""));
        _ = writeln!(page, "- Looks at: {}.", invariant.looks_at);
        let entries = catalogue().iter().filter(|entry| entry.invariants.iter().any(|id| id == invariant.id));
        let entries: Vec<String> = entries.map(|entry| format!("`{}` ({})", entry.id, entry.priority)).collect();
        _ = writeln!(page, "- Has to notice, of the [catalogue](catalogue.md): {}.", entries.join(", "));
        mutants_of(invariant.id, &mut page);
    }
    page.push_str("\n# Relations between two runs\n");
    for relation in RELATIONS {
        _ = write!(page, "\n## {}\n\n", relation.id);
        _ = writeln!(page, "*{}*\n\n{}\n", relation.title, relation.definition);
        _ = writeln!(page, "- Needs: {}.", relation.needs);
        _ = writeln!(page, "- Looks at: {}.", relation.looks_at);
        let entries = catalogue().iter().filter(|entry| entry.invariants.iter().any(|id| id == relation.id));
        let entries: Vec<String> = entries.map(|entry| format!("`{}` ({})", entry.id, entry.priority)).collect();
        _ = writeln!(page, "- Has to notice, of the [catalogue](catalogue.md): {}.", entries.join(", "));
        mutants_of(relation.id, &mut page);
    }
    let built = |id: &str| {
        INVARIANTS.iter().map(|one| one.id).chain(RELATIONS.iter().map(|one| one.id)).any(|built| built == id)
    };
    let not_built: Vec<&str> = subject::INVARIANTS.into_iter().filter(|id| !built(id)).collect();
    if !not_built.is_empty() {
        _ = writeln!(page, "\nKnown by name and not built: {}.", not_built.join(", "));
    }
    page
}

fn mutants_of(id: &str, page: &mut String) {
    let mutants = mutants().filter(|mutant| mutant.catcher() == id);
    let mutants = mutants.map(|mutant| format!("  - `{}` in `{}`: {}", mutant.name, mutant.scenario, mutant.sentence));
    let mutants: Vec<String> = mutants.collect();
    if mutants.is_empty() {
        page.push_str("- Its mutants: none.\n");
    } else {
        _ = writeln!(page, "- Its mutants:\n{}", mutants.join("\n"));
    }
}

#[test]
fn whoever_demands_something_has_a_mutant_and_can_be_deviated_from() {
    let ids = INVARIANTS.iter().map(|one| one.id).chain(RELATIONS.iter().map(|one| one.id));
    for id in ids {
        assert!(subject::INVARIANTS.contains(&id), "a subject can't deviate from {id}");
        assert!(ALL.iter().chain(&REAL).any(|mutant| mutant.caught_by == id), "{id} has no mutant");
    }
}

/// Whoever says that it guards against one of these would not notice if it did not.
#[test]
fn whatever_matters_most_is_what_some_mutant_does() {
    let suite = suite();
    let entries = catalogue().iter().filter(|entry| entry.priority == "P0");
    let without: Vec<&str> =
        entries.filter(|entry| caught(&citing(entry, &suite)).is_empty()).map(|entry| entry.id.as_str()).collect();
    assert!(without.is_empty(), "no mutant is broken in a scenario that guards against these P0 entries: {without:?}");
}

/// The pages would not be worth much if their cells could not say something else.
#[test]
fn an_entry_that_nobody_tries_and_one_that_only_real_processes_try_are_told_apart() {
    let entry = |id: &str| Entry {
        id: id.to_owned(),
        priority: "P0".to_owned(),
        class: "c".to_owned(),
        invariants: vec!["INV-REAP".to_owned(), "INV-NONE".to_owned()],
        seen_in: vec!["a/b#7".to_owned()],
        failure: "It fails.".to_owned(),
    };
    let known = |name: &str, guards: &str, not_simulated: &[&str]| {
        let text = format!("(title: \"t\", pool: (workers: 1), guards_against: [{guards:?}])");
        // What a scenario may cite is the real catalogue; the entries of this test are made of the same ids.
        let scenario = harness::scenario::parse(&text, "x.ron").unwrap_or_else(|problems| panic!("{problems}"));
        let not_simulated = not_simulated.iter().map(|&why| why.to_owned()).collect();
        Known {
            form: Form { name: name.to_owned(), file: PathBuf::new(), scenario },
            not_real: Vec::new(),
            not_simulated,
        }
    };
    let suite = [
        known("reload/code", "kill-one-worker", &["not simulated: Limit"]),
        known("reload/code::more", "kill-all-workers-at-once", &[]),
    ];
    let entries = [entry("kill-one-worker"), entry("kill-all-workers-at-once"), entry("zombie-accumulation")];
    let page = catalogue_page(&entries, &suite);
    for row in [
        "| P0 | 3 | 2 | 1 |",
        "| `kill-one-worker` | It fails. | `reload/code::plain` | [REAP](invariants.md#inv-reap), NONE (not built) | `failed-reload-goes-on` | for real (not simulated: Limit) |",
        "| `kill-all-workers-at-once` | It fails. | `reload/code::more` | [REAP](invariants.md#inv-reap), NONE (not built) |  | for real, simulated |",
        "| `zombie-accumulation` | It fails. |  | [REAP](invariants.md#inv-reap), NONE (not built) |  | not: no scenario tries it: nobody has said why |",
        "- `zombie-accumulation`: [a/b#7](https://github.com/a/b/issues/7)",
    ] {
        assert!(page.contains(row), "{row} is missing:\n{page}");
    }
}

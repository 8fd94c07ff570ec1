//! The scenario as a whole: the plain form, each variant, and what they share.

use crate::ron_file::{Checker, Finding, Path, Seg};
use crate::scenario::catalogue::{catalogue, entry};
use crate::scenario::model::MOST_POINTS;
use crate::scenario::{Launch, Scenario, Signal, Variant};

use super::{beside, expect, life, load, pool, steps};

/// Everything that is wrong with a scenario.
pub fn findings(scenario: &Scenario) -> Vec<Finding> {
    let mut found = form(scenario, None);
    let forms = Scenario { sweep: None, ..scenario.clone() }.forms();
    for (index, (variant, (_, scenario))) in scenario.variants.iter().zip(forms.iter().skip(1)).enumerate() {
        for mut finding in form(scenario, Some((index, variant))) {
            let own = finding.path.first() == Some(&field("variants"));
            // What the variant took over from the file was judged there; what is wrong only in its company is told.
            if own {
                found.push(finding);
            } else if !found.iter().any(|known| known.path == finding.path) {
                finding.what.push_str(&format!(" (in variant `{}`)", variant.name));
                found.push(finding);
            }
        }
    }
    let mut checker = Checker::default();
    variants(&mut checker, scenario);
    sweep(&mut checker, scenario);
    found.extend(checker.done());
    found
}

fn field(name: &str) -> Seg {
    Seg::Field(name.to_owned())
}

/// One form, each part checked at the place where it is written.
fn form(scenario: &Scenario, variant: Option<(usize, &Variant)>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut part = |name: &str, written: &dyn Fn(&Variant) -> bool, check: &dyn Fn(&mut Checker)| {
        let mut checker =
            Checker::at(place(name, variant.filter(|(_, variant)| written(variant)).map(|(index, _)| index)));
        check(&mut checker);
        found.extend(checker.done());
    };
    part("title", &|v| v.title.is_some(), &|c| title(c, scenario));
    part("guards_against", &|v| v.guards_against.is_some(), &|c| guards(c, scenario));
    part("launch", &|v| v.launch.is_some(), &|c| launch(c, &scenario.launch));
    part("pool", &|v| v.pool.is_some(), &|c| pool::check(c, &scenario.pool));
    part("lives", &|v| v.lives.is_some(), &|c| life::check(c, &scenario.lives, &scenario.pool, scenario));
    part("beside", &|v| v.beside.is_some(), &|c| beside::check(c, scenario));
    part("load", &|v| v.load.is_some(), &|c| load::check(c, scenario));
    part("steps", &|v| v.steps.is_some(), &|c| steps::check(c, scenario));
    part("expect", &|v| v.expect.is_some(), &|c| expect::check(c, &scenario.expect, scenario));
    found
}

fn launch(checker: &mut Checker, launch: &Launch) {
    if let Some(mask) = launch.umask.as_deref()
        && !u32::from_str_radix(mask, 8).is_ok_and(|mask| mask <= 0o777)
    {
        checker.wrong_in("umask", format!("`{mask}` is no umask")).expected("three octal digits, as in \"027\"");
    }
    if launch.nofile.is_some_and(|nofile| nofile < 16) {
        checker.wrong_in("nofile", "too few for any program to start").expected("at least 16");
    }
    let unstoppable = |signals: &[Signal]| signals.contains(&Signal::KILL);
    if unstoppable(&launch.ignores) || unstoppable(&launch.blocks) {
        checker.wrong("KILL can be neither ignored nor blocked");
    }
}

fn place(name: &str, variant: Option<usize>) -> Path {
    match variant {
        Some(index) => vec![field("variants"), Seg::Index(index), field(name)],
        None => vec![field(name)],
    }
}

fn title(checker: &mut Checker, scenario: &Scenario) {
    if scenario.title.trim().is_empty() {
        checker.wrong("the title says nothing").expected("one sentence: what must hold");
    }
}

fn guards(checker: &mut Checker, scenario: &Scenario) {
    for (index, id) in scenario.guards_against.iter().enumerate() {
        if entry(id).is_none() {
            let ids = catalogue().iter().map(|entry| entry.id.as_str());
            checker.wrong_at(index, format!("`{id}` is not in the catalogue of failures")).names(id, ids);
        }
        if scenario.guards_against[..index].contains(id) {
            checker.wrong_at(index, format!("`{id}` is there twice"));
        }
    }
}

fn variants(checker: &mut Checker, scenario: &Scenario) {
    checker.enter("variants");
    for (index, variant) in scenario.variants.iter().enumerate() {
        checker.enter_index(index);
        let name = &variant.name;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            checker
                .wrong_in("name", format!("`{name}` can't be the name of a test"))
                .expected("lower-case letters, digits and `_`");
        }
        if name.starts_with("sweep_") {
            checker.wrong_in("name", "names that begin with `sweep_` are those of the offsets of a sweep");
        }
        if scenario.variants[..index].iter().any(|other| other.name == *name) {
            checker.wrong_in("name", format!("there are two variants `{name}`"));
        }
        if *variant == (Variant { name: name.clone(), ..Variant::default() }) {
            checker
                .wrong(format!("variant `{name}` changes nothing"))
                .expected("a field that differs from the plain form");
        }
        checker.leave();
    }
    checker.leave();
}

fn sweep(checker: &mut Checker, scenario: &Scenario) {
    let Some(sweep) = &scenario.sweep else { return };
    checker.enter("sweep");
    let count = scenario.steps.len();
    if sweep.step >= count {
        let expected = if count == 0 { "there are no steps".to_owned() } else { format!("0 to {}", count - 1) };
        checker.wrong_in("step", format!("there is no step {}", sweep.step)).expected(expected);
    }
    if sweep.from >= sweep.to {
        let what = format!("a sweep from {} to {} is no range", sweep.from, sweep.to);
        checker.wrong_in("to", what).expected("expected more than `from`");
    }
    if !(2..=MOST_POINTS).contains(&sweep.points) {
        checker.wrong_in("points", format!("a sweep of {} points", sweep.points)).expected("expected 2 to 10000");
    }
    checker.leave();
}

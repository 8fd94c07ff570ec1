//! Everything that a subject file can have wrong although it is well formed.

use std::path::Path;

use crate::ron_file::{Checker, Finding};

use super::render::{Names, unknown_places};
use super::{Deviation, LimitRule, ORIGINAL, Puppet, Subject};

/// The ids of the invariants and relations, built or not: what a deviation can be from, beside `EXPECT-n …` and `STEP-n`.
pub const INVARIANTS: [&str; 20] = [
    "INV-CONVERGE",
    "INV-ONCE",
    "INV-FLOOR",
    "INV-CONSERVE",
    "INV-DRAIN",
    "INV-INTENSITY",
    "INV-GIVEUP",
    "INV-REAP",
    "INV-CONTAIN",
    "INV-SERIAL",
    "INV-GENERATION",
    "INV-DETECT",
    "INV-STATIONARY",
    "INV-ENV",
    "INV-OUTPUT",
    "INV-ISOLATE",
    "INV-OWN",
    "INV-TRUTH",
    "META-CLOCK",
    "META-SLOW",
];

/// Everything that is wrong with a subject whose folder is `folder`.
pub(super) fn findings(subject: &Subject, folder: &Path) -> Vec<Finding> {
    let mut checker = Checker::default();
    if subject.name.is_empty() {
        checker.wrong_in("name", "a subject without a name");
    }
    command(&mut checker, "version", &subject.version);
    command(&mut checker, "start", &subject.start);
    checker.enter("env");
    for (index, (_, value)) in subject.env.iter().enumerate() {
        checker.enter_index(index);
        checker.enter_index(1);
        places(&mut checker, value);
        checker.leave();
        checker.leave();
    }
    checker.leave();
    configs(&mut checker, subject, folder);
    checker.enter("events");
    places(&mut checker, subject.events.as_deref().unwrap_or_default());
    checker.leave();
    outputs(&mut checker, subject);
    checker.enter("beside");
    places(&mut checker, subject.beside.as_deref().unwrap_or_default());
    checker.leave();
    files(&mut checker, subject, folder);
    if subject.profile.limit == Some(LimitRule::Unlimited) {
        checker.enter("profile");
        if subject.profile.give_up.is_some() || subject.profile.give_up_status.is_some() {
            checker
                .wrong_in("limit", "who has no limit never gives up")
                .expected("no `give_up` and no `give_up_status`");
        }
        checker.leave();
    }
    checker.enter("deviations");
    for (index, deviation) in subject.deviations.iter().enumerate() {
        checker.enter_index(index);
        self::deviation(&mut checker, deviation, &subject.deviations[..index]);
        checker.leave();
    }
    checker.leave();
    checker.done()
}

fn command(checker: &mut Checker, field: &str, words: &[String]) {
    checker.enter(field);
    if words.is_empty() {
        checker.wrong("no command").expected("a program and its arguments");
    }
    for (index, word) in words.iter().enumerate() {
        checker.enter_index(index);
        places(checker, word);
        checker.leave();
    }
    checker.leave();
}

fn places(checker: &mut Checker, text: &str) {
    for name in unknown_places(text) {
        checker.wrong(format!("`{{{name}}}` is not known")).names(&name, Names::known());
    }
}

fn outputs(checker: &mut Checker, subject: &Subject) {
    checker.enter("outputs");
    for outlet in subject.outputs.values() {
        places(checker, &outlet.config);
        places(checker, outlet.file.as_deref().unwrap_or_default());
        if let Some(lost) = outlet.lost.as_deref().filter(|lost| lost.matches("{lines}").count() != 1) {
            checker.wrong(format!("`{lost}` does not say how many lines were lost")).expected("`{lines}`, once");
        }
    }
    checker.leave();
}

fn files(checker: &mut Checker, subject: &Subject, folder: &Path) {
    let there = |name: &str| folder.join(name).is_file();
    if let Some(template) = subject.config.as_deref().filter(|name| !there(name)) {
        checker.wrong_in("config", format!("there is no file `{template}` beside the subject"));
    }
    if let Puppet::Hook(hook) = &subject.puppet {
        checker.enter("puppet");
        if !there(hook) {
            checker.wrong_at(0, format!("there is no file `{hook}` beside the subject"));
        }
        checker.leave();
    }
}

/// Every text that a configuration replaces is there to be replaced.
fn configs(checker: &mut Checker, subject: &Subject, folder: &Path) {
    checker.enter("configs");
    if subject.config.is_none() && !subject.configs.is_empty() {
        checker.wrong("there is no template that they could be made from").expected("`config`");
    }
    let template = subject.config.as_ref().and_then(|name| std::fs::read_to_string(folder.join(name)).ok());
    for (name, one) in &subject.configs {
        if name == ORIGINAL {
            checker.wrong(format!("`{ORIGINAL}` is the one that it is started with"));
        }
        for (from, to) in one.replaced().unwrap_or_default() {
            places(checker, to);
            if template.as_ref().is_some_and(|template| !template.contains(from.as_str())) {
                checker.wrong(format!("`{name}` replaces `{from}`, which the template does not have"));
            }
        }
    }
    checker.leave();
}

fn deviation(checker: &mut Checker, deviation: &Deviation, before: &[Deviation]) {
    let Deviation { scenario, invariant, cause, .. } = deviation;
    let of_file = invariant.starts_with("EXPECT-") || invariant.starts_with("STEP-");
    if !of_file && !INVARIANTS.contains(&invariant.as_str()) {
        checker.wrong_in("invariant", format!("`{invariant}` is no invariant")).names(invariant, INVARIANTS);
    }
    if scenario.is_empty() {
        checker.wrong_in("scenario", "a deviation in no scenario").expected("`file` or `file::variant`");
    }
    if cause.trim().is_empty() {
        checker.wrong_in("cause", "a deviation without a cause");
    }
    if before.iter().any(|other| other.scenario == *scenario && other.invariant == *invariant) {
        checker.wrong(format!("the deviation of `{scenario}` from {invariant} is listed twice"));
    }
}

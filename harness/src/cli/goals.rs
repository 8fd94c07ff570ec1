//! What a soak wants: so many runs of each scenario, which is a file with its variants, and as many of what guards against each
//! entry of the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::{self, Scenario};

/// Of what runs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// A scenario file.
    Scenario,
    /// An entry of the catalogue.
    Entry,
}

/// Runs that are wanted of some forms together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// Of what.
    pub of: Of,
    /// Its name.
    pub name: String,
    /// Whether it is about an entry of priority P0.
    pub first: bool,
    /// How many.
    pub runs: u32,
    /// The forms whose runs count.
    pub forms: BTreeSet<String>,
}

impl Goal {
    /// How many of its runs each of its forms has to bring.
    fn share(&self) -> u32 {
        self.runs.div_ceil(u32::try_from(self.forms.len()).unwrap_or(u32::MAX).max(1))
    }
}

/// The goals for these forms (as they are counted), with `p0` runs of what is about an entry of priority P0 and `p1` of all else.
pub fn goals<'a>(forms: impl IntoIterator<Item = (&'a str, &'a Scenario)>, p0: u32, p1: u32) -> Vec<Goal> {
    let mut found: BTreeMap<(Of, &str), (bool, BTreeSet<String>)> = BTreeMap::new();
    for (form, scenario) in forms {
        let entries: Vec<_> = scenario.guards_against.iter().filter_map(|id| scenario::entry(id)).collect();
        let mut add = |of, name, first| {
            let goal = found.entry((of, name)).or_default();
            goal.0 |= first;
            goal.1.insert(form.to_owned());
        };
        let file = form.split_once("::").map_or(form, |(file, _)| file);
        add(Of::Scenario, file, entries.iter().any(|entry| entry.priority == "P0"));
        entries.iter().for_each(|entry| add(Of::Entry, &entry.id, entry.priority == "P0"));
    }
    let goal = |((of, name), (first, forms)): ((Of, &str), _)| {
        let runs = if first { p0 } else { p1 };
        Goal { of, name: name.to_owned(), first, runs, forms }
    };
    found.into_iter().map(goal).collect()
}

/// How many runs of a form are enough for every goal, if all forms have theirs.
pub fn wanted(goals: &[Goal], form: &str) -> u32 {
    goals.iter().filter(|goal| goal.forms.contains(form)).map(Goal::share).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    fn scenario(guards_against: &str) -> Scenario {
        let text = format!(r#"(title: "t", guards_against: [{guards_against}], pool: (workers: 1, drain: "1s"))"#);
        parse(&text, "a.ron").expect("valid")
    }

    #[test]
    fn a_file_is_one_goal_and_so_is_an_entry_wherever_it_is_guarded_against() {
        let (first, later, none) =
            (scenario(r#""kill-one-worker""#), scenario(r#""slow-crash-evades-limit""#), scenario(""));
        let forms = [("a", &first), ("a::x", &none), ("a::y", &none), ("b", &later), ("c/d::sweep", &later)];
        let goals = goals(forms, 100, 30);
        let told: Vec<_> =
            goals.iter().map(|goal| (goal.name.as_str(), goal.first, goal.runs, goal.forms.len())).collect();
        let entries = [("kill-one-worker", true, 100, 1), ("slow-crash-evades-limit", false, 30, 2)];
        assert_eq!(told[..3], [("a", true, 100, 3), ("b", false, 30, 1), ("c/d", false, 30, 1)]);
        assert_eq!(told[3..], entries);
        let wanted: Vec<u32> = forms.iter().map(|(form, _)| wanted(&goals, form)).collect();
        assert_eq!(wanted, [100, 34, 34, 30, 30], "the one that guards alone brings all that its entry wants");
    }
}

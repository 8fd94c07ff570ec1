//! Every word of the scenario grammar is used by a scenario of the suite: what nobody uses nobody knows to work.

mod words_support;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use harness::scenario::*;

use words_support::{Word, known, used};

/// Words that no scenario uses, and why.
const UNUSED: &[(&str, &str, &str)] = &[
    ("Harm", "Throw", "what is not written means it: load/poison::throws"),
    ("Saying", "Nothing", "what is not written means it: control/crowd"),
];

/// What can be wrong with which file though no scenario has it, and why.
const UNSPOILT: &[(&str, &str, &str)] = &[];

/// The names of files in faults.
const FILES: [&str; 9] =
    ["program", "config", "log", "log directory", "directory", "workers directory", "control", "socket", "pidfile"];

/// The words of all of these types.
macro_rules! known_of {
    ($($of:ty),* $(,)?) => { [$(known::<$of>()),*].concat_words() };
}

/// Several sets of words in one.
trait Concat {
    fn concat_words(self) -> BTreeSet<Word>;
}

impl<const N: usize> Concat for [BTreeSet<Word>; N] {
    fn concat_words(self) -> BTreeSet<Word> {
        self.into_iter().flatten().collect()
    }
}

fn grammar() -> BTreeSet<Word> {
    known_of![
        Scenario, Launch, Start, Expect, StatusIs, Variant, Sweep, Pool, Limit, Backoff, Handoff, Owns, Ready, Rolling,
        Identity, OutputWay, Lives, Life, Phase, LifeRecord, Exit, Retirement, Output, Child, Beside, Load, Bulk, Harm,
        Step, Trigger, State, Act, Target, Signal, Ask, Fault, FileFault, Saying, Attempt, Command, Reader,
    ]
}

/// Every scenario of the suite, variants included.
fn suite() -> Vec<Scenario> {
    let files = find(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")]).expect("they are there");
    let read = |(name, path): (String, std::path::PathBuf)| {
        let text = std::fs::read_to_string(path).expect("readable");
        parse(&text, &name).unwrap_or_else(|problems| panic!("{problems}"))
    };
    files.into_iter().map(read).collect()
}

fn told(words: impl IntoIterator<Item = Word>) -> Vec<String> {
    words.into_iter().map(|(of, word)| format!("{of}: {word}")).collect()
}

fn excepted(list: &[(&str, &str, &str)]) -> BTreeSet<Word> {
    list.iter().map(|(of, word, _)| ((*of).to_owned(), (*word).to_owned())).collect()
}

#[test]
fn every_word_of_the_grammar_is_used_by_a_scenario() {
    let used: BTreeSet<Word> = suite().iter().flat_map(used).collect();
    let (grammar, excepted) = (grammar(), excepted(UNUSED));
    let known: BTreeSet<&String> = grammar.iter().map(|(of, _)| of).collect();
    let unknown: BTreeSet<&String> = used.iter().map(|(of, _)| of).filter(|of| !known.contains(of)).collect();
    assert!(unknown.is_empty(), "types that `grammar` lacks: {unknown:?}");
    let unused: BTreeSet<Word> = grammar.difference(&used).cloned().collect();
    let news = told(unused.difference(&excepted).cloned());
    assert!(news.is_empty(), "no scenario uses these words of the grammar: {news:#?}");
    let stale = told(excepted.difference(&unused).cloned());
    assert!(stale.is_empty(), "these are used by now, or are no words: {stale:#?}");
}

#[test]
fn words_that_are_not_used_are_named() {
    let text =
        "(title: \"t\", pool: (workers: 1), steps: [(do: Kill(Child(Oldest))), (when: Exited, do: Pause(\"1s\"))])";
    let used = used(&parse(text, "x.ron").expect("valid"));
    let has = |of: &str, word: &str| used.contains(&(of.to_owned(), word.to_owned()));
    assert!(has("Target", "Child") && has("Target", "Oldest") && has("Act", "Pause") && has("Trigger", "Exited"));
    assert!(!has("Target", "Newest") && !has("Phase", "Ready") && has("Step", "when") && !has("Step", "as"));
    let grammar = grammar();
    for (of, word) in [("Target", "Bystander"), ("Fault::Syscall", "delay"), ("LifeRecord", "deaf"), ("Load", "Poison")]
    {
        assert!(grammar.contains(&(of.to_owned(), word.to_owned())), "{of}: {word}");
    }
}

/// A scenario with this fault in it.
fn spoils(which: &str, is: &str) -> String {
    format!(
        "(title: \"t\", pool: (workers: 1, owns: [Control, Socket, Pidfile], output: Files, identity: (directory: true)),
        steps: [(do: During(fault: File(which: \"{which}\", is: {is}), for: \"1s\"))])"
    )
}

#[test]
fn every_file_is_spoilt_by_a_scenario_in_every_way_that_there_is() {
    let ways = known::<FileFault>();
    let pairs = FILES.iter().flat_map(|which| ways.iter().map(move |(_, is)| ((*which).to_owned(), is.clone())));
    let possible: BTreeSet<Word> = pairs.filter(|(which, is)| parse(&spoils(which, is), "x.ron").is_ok()).collect();
    assert!(possible.len() > FILES.len(), "{possible:?}");
    let found = RefCell::new(BTreeSet::new());
    let note = |act: &Act| {
        if let Act::During { fault: Fault::File { which, is }, .. } = act {
            found.borrow_mut().insert((which.clone(), format!("{is:?}")));
        }
        false
    };
    for (_, form) in suite().iter().flat_map(Scenario::forms) {
        form.steps.iter().for_each(|step| _ = step.any(&note));
    }
    let (found, excepted) = (found.into_inner(), excepted(UNSPOILT));
    let unlisted: Vec<&Word> = found.difference(&possible).collect();
    assert!(unlisted.is_empty(), "files that this test does not know: {unlisted:?}");
    let unused: BTreeSet<Word> = possible.difference(&found).cloned().collect();
    let news = told(unused.difference(&excepted).cloned());
    assert!(news.is_empty(), "no scenario has these files like that: {news:#?}");
    let stale = told(excepted.difference(&unused).cloned());
    assert!(stale.is_empty(), "these are tried by now, or can't be: {stale:#?}");
}

//! The harness's command line: what users see and how it ends.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use insta::assert_snapshot;
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

/// A scenario that is done in no time, simulated.
const SMALL: &str = r#"(
    title: "one worker is killed",
    pool: (workers: 2, limit: (restarts: 5, within: "10s"), backoff: (initial: "10ms", factor: 2, cap: "50ms"), drain: "1s"),
    steps: [(do: Kill(Oldest)), (when: Exited), (when: State(Settled), within: "2s", must: true)],
    expect: [NeverGivesUp],
    variants: [(name: "twice", steps: [(do: Repeat(times: 2, steps: [(do: Kill(Oldest)), (when: Exited), (when: State(Settled))]))])],
)
"#;

fn harness(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    // As a user would start it: not by cargo, in a directory of one's own.
    command.current_dir(dir).env_remove("CARGO");
    command
}

fn with(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn stderr(dir: &TempDir, args: &[&str], code: i32) -> String {
    let output = harness(dir.path()).args(args).assert().code(code).get_output().stderr.clone();
    String::from_utf8(output).unwrap()
}

fn stdout(dir: &TempDir, args: &[&str], code: i32) -> String {
    let output = harness(dir.path()).args(args).assert().code(code).get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

#[test]
fn a_misspelt_field_is_shown_with_its_place_and_the_nearest_name() {
    let dir = with(&[("a.ron", &SMALL.replace("workers: 2", "wrokers: 2"))]);
    assert_snapshot!(stderr(&dir, &["check", "a.ron"], 65));
}

#[test]
fn a_wrong_unit_is_shown_with_its_place() {
    let dir = with(&[("a.ron", &SMALL.replace("\"10s\"", "\"10 parsecs\""))]);
    assert_snapshot!(stderr(&dir, &["sim", "a.ron"], 65));
}

#[test]
fn a_missing_file_suggests_the_nearest_one() {
    let dir = with(&[("scenarios/flap.ron", SMALL)]);
    assert_snapshot!(stderr(&dir, &["run", "scenarios/flop.ron"], 65));
}

#[test]
fn an_empty_directory_is_an_error() {
    let dir = with(&[("scenarios/readme.txt", "nothing here")]);
    assert_snapshot!(stderr(&dir, &["run"], 65));
}

#[test]
fn an_unknown_variant_suggests_the_nearest_one() {
    let dir = with(&[("a.ron", SMALL)]);
    assert_snapshot!(stderr(&dir, &["sim", "a.ron::twise"], 65));
}

#[test]
fn an_unknown_subject_suggests_the_nearest_one() {
    let dir = with(&[("a.ron", SMALL)]);
    harness(dir.path())
        .args(["run", "a.ron", "--subject", "referense"])
        .assert()
        .code(65)
        .stderr(contains("did you mean `reference`?"));
}

#[test]
fn an_unknown_name_to_explain_suggests_the_nearest_one() {
    let dir = with(&[]);
    assert_snapshot!(stderr(&dir, &["explain", "INV-FLOR"], 65));
}

#[test]
fn missing_companions_are_named_with_the_command_that_builds_them() {
    let dir = with(&[("a.ron", SMALL), ("bin/.keep", "")]);
    harness(dir.path())
        .args(["run", "a.ron", "--bin-dir", "bin"])
        .assert()
        .code(64)
        .stderr(contains("supervisor is missing").and(contains("cargo build --release --bins")));
}

#[test]
fn a_wrong_command_line_ends_with_64_and_help_with_0() {
    let dir = with(&[]);
    harness(dir.path()).args(["run", "--seeed", "1"]).assert().code(64).stderr(contains("--seed"));
    harness(dir.path()).args(["run", "--repeat", "0"]).assert().code(64);
    harness(dir.path()).assert().code(64);
    harness(dir.path()).args(["run", "--help"]).assert().code(0).stdout(contains("Exit codes"));
    harness(dir.path()).arg("--version").assert().code(0).stdout(contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_simulated_scenario_passes_with_a_line_for_each_verdict() {
    let dir = with(&[("a.ron", SMALL)]);
    let said = stdout(&dir, &["sim", "a.ron", "--repeat", "3"], 0);
    assert_eq!(said.matches("pass  INV-CONVERGE").count(), 6, "two forms, three seeds:\n{said}");
    assert!(said.ends_with("6 of 6 as expected\n"), "{said}");
}

#[test]
fn an_expectation_that_fails_ends_with_1_and_leaves_a_history_that_can_be_judged() {
    let dir = with(&[("a.ron", &SMALL.replace("NeverGivesUp", "GivesUp(after_restarts: 5, status: NonZero)"))]);
    let said = stdout(&dir, &["sim", "a.ron::plain"], 1);
    assert!(said.contains("FAIL  EXPECT-1 GivesUp") && said.contains("again:   harness sim a.ron::plain"), "{said}");
    let history = dir.path().join("target/harness/a.sim.1.1.jsonl");
    let again = stdout(&dir, &["judge", history.to_str().unwrap()], 1);
    assert!(again.contains("FAIL  EXPECT-1 GivesUp"), "{again}");
}

#[test]
fn the_report_for_programs_has_every_finding() {
    let dir = with(&[("a.ron", SMALL)]);
    let report: serde_json::Value =
        serde_json::from_str(&stdout(&dir, &["sim", "a.ron", "--format", "json"], 0)).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["code"], 0);
    assert_eq!(report["runs"][1]["name"], "a::twice");
    let findings = report["runs"][0]["attempts"][0]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|judged| judged["finding"]["id"] == "INV-REAP" && judged["code"] == 0));
}

#[test]
fn a_dry_run_tells_the_plan_and_does_nothing() {
    let dir = with(&[("a.ron", SMALL)]);
    let said = stdout(&dir, &["run", "a.ron::plain", "--dry-run"], 0);
    assert!(said.starts_with("a on reference (real), seed 1\n"), "{said}");
    assert!(!dir.path().join("target").exists());
}

#[test]
fn a_history_of_another_version_or_none_at_all_is_refused_by_name() {
    let dir = with(&[("old.jsonl", "{\"schema\":0}\n"), ("none.jsonl", "hello\n")]);
    harness(dir.path()).args(["judge", "old.jsonl"]).assert().code(65).stderr(contains("old.jsonl"));
    harness(dir.path()).args(["judge", "none.jsonl"]).assert().code(65).stderr(contains("none.jsonl"));
    harness(dir.path()).args(["judge", "gone.jsonl"]).assert().code(65).stderr(contains("gone.jsonl"));
}

#[test]
fn the_lists_name_what_there_is() {
    let dir = with(&[("scenarios/a.ron", SMALL)]);
    let said = stdout(&dir, &["list"], 0);
    for name in ["a::twice", "INV-CONVERGE", "reference", "node-cluster"] {
        assert!(said.contains(name), "{name} is missing:\n{said}");
    }
}

#[test]
fn an_invariant_a_catalogue_entry_and_a_scenario_are_explained() {
    let dir = with(&[("scenarios/a.ron", SMALL)]);
    for what in ["INV-FLOOR", "floor", "boot-crash-loop", "a", "scenarios/a.ron::twice"] {
        let said = stdout(&dir, &["explain", what], 0);
        assert!(said.split_whitespace().count() > 10, "{what}: {said}");
    }
}

#[test]
fn an_entry_of_the_catalogue_names_its_invariants_and_the_scenarios_that_try_it() {
    let cited = SMALL.replace("pool:", "guards_against: [\"kill-one-worker\"], pool:");
    let dir = with(&[("scenarios/a.ron", &cited)]);
    let said = stdout(&dir, &["explain", "kill-one-worker"], 0);
    for what in ["P0", "INV-CONVERGE: left in peace", "a::twice  one worker is killed"] {
        assert!(said.contains(what), "{what} is missing:\n{said}");
    }
    assert!(stdout(&dir, &["explain", "boot-crash-loop"], 0).contains("No scenario tries it yet"));
    assert!(stdout(&dir, &["explain", "INV-REAP"], 0).contains("zombie-accumulation"));
}

#[test]
fn a_subject_is_warned_of_each_promise_that_it_does_not_make() {
    let subject = r#"(name: "mine", version: ["true"], start: ["true"], puppet: Opaque, stop: Signal(TERM), profile: (drain: true))"#;
    let dir = with(&[("subject.ron", subject)]);
    let said = stdout(&dir, &["check", "subject.ron"], 0);
    assert!(said.contains("undeclared: limit (it would be judged on INV-INTENSITY and INV-GIVEUP"), "{said}");
    assert!(!said.contains("undeclared: drain "), "{said}");
    assert_eq!(said.matches("warning: undeclared: ").count(), 17, "{said}");
}

#[test]
fn the_end_says_how_many_forms_were_judged_and_why_others_were_not() {
    let fault = "During(fault: Limit(on: Oldest, resource: \"NOFILE\", to: 100), for: \"10ms\")";
    let dir = with(&[("a.ron", SMALL), ("b.ron", &SMALL.replace("do: Kill(Oldest))", &format!("do: {fault})")))]);
    let said = stdout(&dir, &["sim", ".", "--repeat", "2"], 0);
    let end = "2 of 4 forms judged\n    2 not applicable: not simulated: Limit\n4 of 4 as expected, 4 not applicable\n";
    assert!(said.ends_with(end), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let dir = with(&[("a.ron", SMALL)]);
    let line = format!("{} sim a.ron --repeat 50 | head -1", env!("CARGO_BIN_EXE_harness"));
    let output = Command::new("sh").current_dir(dir.path()).args(["-c", &line]).assert().get_output().clone();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}

//! The harness's command line: what users see and how it ends.

use std::fs;
use std::path::Path;
use std::time::Instant;

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
    assert!(said.contains("\n6 of 6 as expected, "), "{said}");
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
fn a_whole_suite_that_misses_a_situation_is_inconclusive_and_a_part_of_it_is_not() {
    let names = ["a", "b", "c", "d", "e"].map(|name| format!("scenarios/{name}.ron"));
    let dir = with(&names.each_ref().map(|name| (name.as_str(), SMALL)));
    let said = stdout(&dir, &["sim"], 2);
    assert!(said.contains("the suite never came into: ") && said.contains("reload-aborted"), "{said}");
    assert!(said.trim_end().ends_with(" s"), "no time is told: {said}");
    let said = stdout(&dir, &["sim", "scenarios/a.ron"], 0);
    assert!(!said.contains("never came into"), "{said}");
}

#[test]
fn an_entry_of_the_catalogue_names_its_invariants_and_the_scenarios_that_try_it() {
    let cited = SMALL.replace("pool:", "guards_against: [\"kill-one-worker\"], pool:");
    let dir = with(&[("scenarios/a.ron", &cited)]);
    let said = stdout(&dir, &["explain", "kill-one-worker"], 0);
    for what in ["P0", "INV-CONVERGE: left in peace", "a::twice  one worker is killed"] {
        assert!(said.contains(what), "{what} is missing:\n{said}");
    }
    assert!(said.contains("https://github.com/Kludex/uvicorn/issues/517"), "{said}");
    assert!(stdout(&dir, &["explain", "master-sigstop"], 0).contains("(something close to it)"));
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
    assert_eq!(said.matches("warning: undeclared: ").count(), 19, "{said}");
}

#[test]
fn the_end_says_how_many_forms_were_judged_and_why_others_were_not() {
    let fault = "During(fault: Limit(on: Oldest, resource: \"NOFILE\", to: 100), for: \"10ms\")";
    let dir = with(&[("a.ron", SMALL), ("b.ron", &SMALL.replace("do: Kill(Oldest))", &format!("do: {fault})")))]);
    let said = stdout(&dir, &["sim", ".", "--repeat", "2"], 0);
    let end = "2 of 4 forms judged\n    2 not applicable: not simulated: Limit\n4 of 4 as expected, 4 not applicable, ";
    assert!(said.contains(end), "{said}");
}

#[test]
fn forms_that_are_to_be_alone_run_one_after_the_other() {
    let dir = with(&[("a.ron", &SMALL.replace("pool:", "alone: true, pool:"))]);
    let began = Instant::now();
    let report = stdout(&dir, &["run", "a.ron", "--jobs", "4", "--repeat", "2", "--format", "json"], 0);
    let whole = began.elapsed().as_millis();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let attempts = report["runs"].as_array().unwrap().iter().flat_map(|run| run["attempts"].as_array().unwrap());
    let each: Vec<u64> = attempts.filter_map(|attempt| attempt["took_ms"].as_u64()).collect();
    assert!(each.len() >= 4, "{each:?}");
    assert!(u128::from(each.iter().sum::<u64>()) <= whole, "{each:?} in {whole} ms: they were beside each other");
    assert!(stdout(&dir, &["explain", "a.ron"], 0).contains("No other run goes on beside this one."));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let dir = with(&[("a.ron", SMALL)]);
    let line = format!("{} sim a.ron --repeat 50 | head -1", env!("CARGO_BIN_EXE_harness"));
    let output = Command::new("sh").current_dir(dir.path()).args(["-c", &line]).assert().get_output().clone();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}

#[test]
fn build_servers_get_a_case_for_each_run() {
    let wrong = SMALL.replace("NeverGivesUp", "GivesUp(after_restarts: 5, status: NonZero)");
    let fault = SMALL.replace(
        "do: Kill(Oldest))",
        "do: During(fault: Limit(on: Oldest, resource: \"NOFILE\", to: 100), for: \"10ms\"))",
    );
    let dir = with(&[("a.ron", SMALL), ("b.ron", &wrong), ("c.ron", &fault)]);
    let said = stdout(&dir, &["sim", "a.ron::plain", "b.ron::plain", "c.ron::plain", "--format", "junit"], 1);
    for line in [
        "<testsuites name=\"harness\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"",
        "<testcase name=\"a [sim, seed 1]\" classname=\"reference\"",
        "<failure message=\"EXPECT-1 GivesUp at ",
        "<skipped message=\"not simulated: Limit\"/>",
    ] {
        assert!(said.contains(line), "{line} is missing:\n{said}");
    }
    assert_eq!(said.matches("<testsuite ").count(), 3, "{said}");
    assert_balanced(&said);
}

/// Every element that is opened is closed, in order.
fn assert_balanced(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    let tags =
        xml.split('<').skip(1).map(|rest| rest.split_once('>').unwrap_or_else(|| panic!("an open tag: {rest}")).0);
    for tag in tags.filter(|tag| !tag.starts_with(['?', '!']) && !tag.ends_with('/')) {
        let name = tag.split_whitespace().next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{xml}"),
            None if name == "meta" => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
}

#[test]
fn a_history_is_drawn_on_a_page_that_needs_nothing_else() {
    let wrong = SMALL.replace("NeverGivesUp", "GivesUp(after_restarts: 5, status: NonZero)");
    let frozen = wrong.replace(
        "(do: Kill(Oldest)), (when: Exited)",
        "(do: During(fault: Freeze(Supervisor), for: \"50ms\", do: [(do: Kill(Oldest))]))",
    );
    let dir =
        with(&[("a.ron", &frozen.replacen("expect:", "load: [Probe(every: \"10ms\", as: \"probe\")], expect:", 1))]);
    stdout(&dir, &["sim", "a.ron::plain"], 1);
    let page = stdout(&dir, &["judge", "target/harness/a.sim.1.1.jsonl", "--format", "html"], 1);
    assert_balanced(&page);
    for (what, count) in
        [("class=\"supervisor\"", 1), ("class=\"frozen\"", 1), ("class=\"boot\"", 3), ("class=\"fail\"", 1)]
    {
        assert_eq!(page.matches(what).count(), count, "{what}:\n{page}");
    }
    for what in ["Freeze(Supervisor)", "class=\"mark\"", "class=\"ok\"", "<td>INV-FLOOR</td>", "EXPECT-1 GivesUp: "] {
        assert!(page.contains(what), "{what} is missing:\n{page}");
    }
    assert!(!page.contains("http") && !page.contains("<script"), "it needs nothing from elsewhere");
}

#[test]
fn subjects_are_shown_beside_each_other() {
    let wrong = SMALL.replace("NeverGivesUp", "GivesUp(after_restarts: 5, status: NonZero)");
    let dir = with(&[("a.ron", SMALL), ("b.ron", &wrong)]);
    let one = stdout(&dir, &["sim", "a.ron", "--format", "json"], 0);
    let other = stdout(&dir, &["sim", "a.ron::plain", "b.ron::plain", "--format", "json"], 1);
    fs::write(dir.path().join("one.json"), one.replace("\"subject\": \"reference\"", "\"subject\": \"first\""))
        .unwrap();
    fs::write(dir.path().join("other.json"), other).unwrap();
    let said = stdout(&dir, &["matrix", "one.json", "other.json"], 0);
    for row in [
        "| scenario | first | reference |",
        "| a | conforms, meets | conforms, meets |",
        "| a::twice | conforms, meets | not run |",
        "| b | not run | **fails**, lacks 1 |",
        "- b, EXPECT-1 GivesUp: ",
    ] {
        assert!(said.contains(row), "{row} is missing:\n{said}");
    }
    fs::write(dir.path().join("none.json"), "{}").unwrap();
    harness(dir.path()).args(["matrix", "none.json"]).assert().code(65).stderr(contains("none.json"));
}

#[test]
fn a_sweep_tells_the_window_in_which_it_fails() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scenarios/second_kill.ron");
    let dir = with(&[("a.ron", &fs::read_to_string(fixture).unwrap()), ("b.ron", SMALL)]);
    let said = stdout(&dir, &["sweep", "a.ron", "--sim", "--seeds", "3"], 1);
    for line in [
        "a: step 1 at 9 offsets from 10ms to 810ms, 27 runs\n",
        "  not as the file expects from 10ms to 210ms (3 offsets, 9 of 9 runs); the range begins there, 310ms does not\n",
        "    EXPECT-1 ReadyAtLeast: ",
        "  no invariant fails anywhere\n",
    ] {
        assert!(said.contains(line), "{line} is missing:\n{said}");
    }
    let later =
        stdout(&dir, &["sweep", "a.ron", "--sim", "--step", "1", "--from", "400ms", "--to", "1s", "--points", "4"], 0);
    assert!(later.contains("4 offsets from 400ms to 1s, 4 runs\n  fails nowhere"), "{later}");
    assert_eq!(later.lines().count(), 2, "one block: the file's own sweep is not swept again\n{later}");
    // Of an offset that somebody else chose the file says nothing.
    let other = stdout(
        &dir,
        &["sweep", "a.ron", "--sim", "--step", "1", "--from", "10ms", "--to", "810ms", "--points", "9"],
        0,
    );
    assert!(other.contains("  not as the file expects from 10ms to 210ms"), "{other}");
    assert!(stdout(&dir, &["check", "a.ron", "b.ron"], 0).contains("a.ron: valid, 10 forms\nb.ron: valid, 2 forms\n"));
    harness(dir.path()).args(["sweep", "b.ron"]).assert().code(64).stderr(contains("there is no sweep in these files"));
    harness(dir.path())
        .args(["sweep", "b.ron", "--step", "9", "--sim"])
        .assert()
        .code(65)
        .stderr(contains("there is no step 9"));
}

/// As by nohup(1): who inherits it does not see the signals that a scenario sends.
#[test]
fn whatever_the_harness_was_started_to_ignore_a_subject_is_not() {
    let dir = with(&[("a.ron", SMALL)]);
    let ignoring = "trap '' HUP TERM USR1; exec \"$0\" \"$@\"";
    let run = [env!("CARGO_BIN_EXE_harness"), "run", "a.ron::plain", "--histories", "."];
    Command::new("sh").current_dir(dir.path()).args(["-c", ignoring]).args(run).output().unwrap();
    let history = fs::read_to_string(dir.path().join("a.real.1.1.jsonl")).unwrap();
    let events = history.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let ignored: Vec<u64> =
        events.filter_map(|event| event.pointer("/what/Environment/is/ignored")?.as_u64()).collect();
    let (hup, usr1, term) = (1 << 0, 1 << 9, 1 << 14);
    assert!(ignored.len() >= 3, "the supervisor and two workers: {ignored:?}");
    assert!(ignored.iter().all(|set| set & (hup | usr1 | term) == 0), "{ignored:?}");
}

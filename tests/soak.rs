//! `harness soak`: it can be killed at any time and goes on without losing a run or counting one twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Done in a fraction of a second; its plain form guards against a P0 entry, the other against none. So half of what is wanted of
/// the file is the other's, and all of what is wanted of the entry is the plain form's.
const SMALL: &str = r#"(
    title: "one worker is killed",
    guards_against: ["kill-one-worker"],
    pool: (workers: 1, limit: (restarts: 5, within: "10s"), backoff: (initial: "10ms", factor: 2, cap: "50ms"), drain: "1s"),
    steps: [(do: Kill(Oldest)), (when: Exited), (when: State(Settled), within: "2s")],
    variants: [(name: "calm", guards_against: [], steps: [(when: State(Settled))])],
)
"#;

struct Soak {
    dir: tempfile::TempDir,
}

impl Soak {
    fn of(scenario: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.ron"), scenario).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_harness"));
        let mut command = Command::new(bin);
        command.current_dir(self.dir.path()).env_remove("CARGO").stdout(Stdio::piped());
        command.args(["soak", "a.ron", "--resume", "soak.jsonl", "--stress", "none"]).args(args);
        command
    }

    /// What it says at its end, and its exit code.
    fn run(&self, args: &[&str]) -> (String, i32) {
        let output = self.command(args).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    }

    /// The runs in the file: form, name and seed.
    fn runs(&self) -> Vec<(String, u64)> {
        let text = fs::read_to_string(self.path("soak.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let runs = lines.filter_map(|line| {
            let run = line.get("Run")?;
            Some((run["name"].as_str()?.to_owned(), run["seed"].as_u64()?))
        });
        runs.collect()
    }
}

#[test]
fn a_soak_that_was_killed_goes_on_and_no_run_is_lost_or_counted_twice() {
    let soak = Soak::of(SMALL);
    let goals = ["--p0", "6", "--jobs", "3"];
    let mut first = soak.command(&goals).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while soak.runs().len() < 3 {
        assert!(Instant::now() < deadline, "no run within a minute");
        assert!(first.try_wait().unwrap().is_none_or(|status| status.code().is_some()));
        std::thread::sleep(Duration::from_millis(5));
    }
    // While others are under way.
    first.kill().unwrap();
    first.wait().unwrap();
    let before = soak.runs();
    assert!(before.len() < 9, "it was killed too late: {before:?}");
    // As it is left when the kill comes within a write.
    let mut torn = fs::read(soak.path("soak.jsonl")).unwrap();
    torn.extend_from_slice(b"{\"Run\":{\"form\":\"a\",\"name\":\"a\",\"se");
    fs::write(soak.path("soak.jsonl"), torn).unwrap();

    let (said, _) = soak.run(&goals);
    let after = soak.runs();
    assert_eq!(after[..before.len()], before, "what was there is there");
    let each: BTreeSet<_> = after.iter().cloned().collect();
    let expected = (1..=6).map(|seed| ("a".to_owned(), seed)).chain((1..=3).map(|seed| ("a::calm".to_owned(), seed)));
    assert_eq!(each, expected.collect(), "every run once");
    assert_eq!(after.len(), 9);
    for line in ["1 of 1 P0 scenarios have their 6 runs", "1 of 1 P0 entries have their 6 runs", "9 runs, 0 failed"] {
        assert!(said.contains(line), "{line} is missing:\n{said}");
    }
    // A third one has nothing to do.
    let (again, _) = soak.run(&goals);
    assert!(again.contains("9 runs, 0 failed"), "{again}");
    assert_eq!(soak.runs().len(), 9);
}

#[test]
fn a_failure_ends_with_1_and_too_few_runs_with_2_and_only_the_history_of_the_failure_is_kept() {
    let fails = SMALL.replace("(when: State(Settled))]", "(when: State(Settled))], expect: [Births(min: 7, max: 7)]");
    let soak = Soak::of(&fails);
    let (said, code) = soak.run(&["--p0", "1", "--serial"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAIL  EXPECT-1 Births") && said.contains("2 runs, 1 failed"), "{said}");
    let kept: Vec<_> =
        fs::read_dir(soak.path("target/harness")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(kept.iter().all(|name| name.to_string_lossy().starts_with("a.calm.")), "{kept:?}");

    let soak = Soak::of(SMALL);
    let (said, code) = soak.run(&["--p0", "1000", "--for", "0s"]);
    assert_eq!(code, 4, "no run begins when the time is over: {said}");
    let (said, code) = soak.run(&["--p0", "1000", "--for", "1500ms"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("0 of 1 P0 scenarios have their 1000 runs"), "{said}");
}

#[test]
fn runs_of_a_scenario_that_was_another_one_are_not_counted() {
    let soak = Soak::of(SMALL);
    let goals = ["--p0", "2", "--serial"];
    let (said, code) = soak.run(&goals);
    assert_eq!(code, 0, "{said}");
    let before = soak.runs().len();
    fs::write(soak.path("a.ron"), SMALL.replace("one worker is killed", "one worker dies")).unwrap();
    let (said, code) = soak.run(&["--p0", "2", "--for", "0s"]);
    assert_eq!(code, 4, "{said}");
    let others = format!("{before} runs of other builds, subjects or scenarios are not counted");
    assert!(said.contains(&others), "{others} is missing:\n{said}");
    let (said, code) = soak.run(&["--p0", "2", "--for", "0s", "--any-build"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_file_of_something_else_stays_as_it_is() {
    let soak = Soak::of(SMALL);
    fs::write(soak.path("soak.jsonl"), "a diary without a line feed").unwrap();
    assert_eq!(soak.run(&["--for", "0s"]).1, 64);
    assert_eq!(fs::read_to_string(soak.path("soak.jsonl")).unwrap(), "a diary without a line feed");
}

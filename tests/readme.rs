//! What the README shows works as shown.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The text of the first block fenced as `language` after `heading`.
fn block(text: &str, heading: &str, language: &str) -> String {
    let after = text.split_once(heading).unwrap_or_else(|| panic!("no heading {heading:?}")).1;
    let fence = format!("```{language}\n");
    let body = after.split_once(fence.as_str()).unwrap_or_else(|| panic!("no {language} block after {heading:?}")).1;
    body.split_once("```").unwrap().0.to_owned()
}

fn harness(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.current_dir(dir).env_remove("CARGO");
    command
}

/// The arguments of each `cargo run --release -- …` line of a block.
fn command_lines(block: &str) -> Vec<Vec<String>> {
    let lines = block.lines().filter_map(|line| line.strip_prefix("cargo run --release -- "));
    lines.map(|line| line.split('#').next().unwrap_or("").split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn the_first_command_runs_a_scenario() {
    let commands = block(&readme(), "## Two commands", "sh");
    let lines = command_lines(&commands);
    assert_eq!(lines, [["run", "scenarios/flap.ron"]], "the README's first command");
    assert!(commands.contains("\ncargo test\n"), "the README's second command");
    harness(Path::new(env!("CARGO_MANIFEST_DIR")))
        .args(&lines[0])
        .args(["--histories", env!("CARGO_TARGET_TMPDIR")])
        .assert()
        .code(0)
        .stdout(contains("as expected"));
}

#[test]
fn the_first_own_scenario_works_with_every_command_shown() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.ron"), block(&readme(), "## Your first own scenario", "ron")).unwrap();
    let readme = readme();
    let rest = readme.split_once("Then\n").unwrap().1;
    let lines = command_lines(&block(rest, "", "sh"));
    assert_eq!(lines.len(), 4);
    for line in lines {
        harness(dir.path()).args(&line).assert().code(0);
    }
}

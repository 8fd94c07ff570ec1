//! The supervisor's command line: what it says and which code it ends with.

mod supervisor_support;

use std::fs;
use std::path::Path;

use supervisor_support::output;

fn with_file(text: &str, arguments: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("pool.ron"), text).expect("the file");
    output(arguments, dir.path())
}

#[test]
fn a_wrong_file_is_65_with_every_problem_in_its_place() {
    let text = r#"(
    comand: ["web"],
    workers: "four",
    listen: {"web": "localhost:80"},
    backoff: (inital: "100ms"),
    drain: 10,
    restart: Alwais,
)
"#;
    for arguments in [["check", "pool.ron"], ["run", "pool.ron"]] {
        let (code, stdout, stderr) = with_file(text, &arguments);
        assert_eq!((code, stdout.as_str()), (65, ""));
        insta::assert_snapshot!("wrong_file", stderr);
    }
}

#[test]
fn a_limit_that_can_not_be_reached_is_65_with_the_sum() {
    let text = r#"(
    command: ["web"],
    limit: (restarts: 10, within: "10s"),
    backoff: (initial: "1s", factor: 2, cap: "30s", jitter_percent: 0),
)
"#;
    let (code, _, stderr) = with_file(text, &["check", "pool.ron"]);
    assert_eq!(code, 65);
    insta::assert_snapshot!("unreachable_limit", stderr);
}

#[test]
fn a_broken_file_is_65() {
    let (code, _, stderr) = with_file("(command: [\"web\"], drain: \"1s\"", &["check", "pool.ron"]);
    assert_eq!(code, 65);
    insta::assert_snapshot!("broken_file", stderr);
}

#[test]
fn a_missing_file_is_65_with_what_may_have_been_meant() {
    let missing = |file: &str, arguments: &[&str]| {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join(file), "()").expect("the file");
        let (code, stdout, stderr) = output(arguments, dir.path());
        assert_eq!((code, stdout.as_str()), (65, ""));
        stderr
    };
    insta::assert_snapshot!(
        "missing_file",
        [
            missing("pool.ron", &["check", "poll.ron"]),
            missing("pool.ron", &["run", "production.ron"]),
            missing("notes.txt", &["run", "web"]),
        ]
        .concat()
    );
}

#[test]
fn check_says_what_a_file_means() {
    let text = r#"(command: ["web", "--fast"], workers: 4, listen: {"web": "127.0.0.1:8080"}, events: "events.jsonl")"#;
    let (code, stdout, stderr) = with_file(text, &["check", "pool.ron"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!("check", stdout);
}

#[test]
fn usage_errors_are_64() {
    for arguments in [
        &["run"][..],
        &["run", "--workers", "x", "--", "true"],
        &["run", "--workers", "0", "--", "true"],
        &["run", "--listen", "localhost:80", "--", "true"],
        &["run", "--limit", "10", "--", "true"],
        &["run", "--limit", "1000/1s", "--", "true"],
        &["run", "--drain", "10", "--", "true"],
        &["run", "pool.ron", "--", "true"],
        &["run", "--events", "a", "--events-fd", "1", "--", "true"],
        &["frobnicate"],
        &[],
    ] {
        let (code, stdout, stderr) = output(arguments, Path::new("/"));
        assert_eq!((code, stdout.as_str()), (64, ""), "{arguments:?}: {stderr}");
        assert!(!stderr.is_empty(), "{arguments:?} says why");
    }
}

#[test]
fn help_names_every_exit_code() {
    for arguments in [&["--help"][..], &["run", "--help"], &["check", "--help"]] {
        let (code, stdout, _) = output(arguments, Path::new("/"));
        assert_eq!(code, 0);
        for exit in supervisor::policy::ExitCode::ALL {
            assert!(stdout.contains(exit.meaning()), "{arguments:?} lacks {exit:?}");
        }
    }
    assert_eq!(output(&["--version"], Path::new("/")).1, format!("supervisor {}\n", env!("CARGO_PKG_VERSION")));
}

/// The reference page is written by hand, its tables are those of the code.
#[test]
fn the_reference_page_has_the_tables_of_the_code() {
    use supervisor::policy::{ExitCode, defaults};
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/supervisor.md")).expect("the page");
    let has = |line: &str| assert!(page.lines().any(|found| found == line), "docs/supervisor.md lacks: {line}");
    for entry in defaults::TABLE {
        has(&format!("| `{}` | {} | {} |", entry.name, entry.value, entry.meaning));
    }
    for code in ExitCode::ALL {
        has(&format!("| {} | {} |", code.status(), code.meaning()));
    }
}

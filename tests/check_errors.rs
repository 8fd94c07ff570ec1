//! What a person is told who wrote a file that is wrong.

use harness::scenario;

/// What is said about a scenario that has something wrong with it.
fn told(text: &str) -> String {
    match scenario::parse(text, "my.ron") {
        Ok(_) => panic!("nothing was found wrong with it:\n{text}"),
        Err(problems) => problems.to_string(),
    }
}

/// A scenario with these fields beside the least that it needs.
fn with(fields: &str) -> String {
    format!("(\n    title: \"t\",\n    pool: (workers: 2),\n    {fields}\n)\n")
}

#[test]
fn a_misspelt_field() {
    insta::assert_snapshot!(told(&with(r#"steps: [(when: Born, whithin: "3s")],"#)));
}

#[test]
fn several_at_once() {
    insta::assert_snapshot!(told(&with(r#"steps: [(whne: Born), (do: Kill(Oldset))], expect: [GiveUp], lod: []"#)));
}

#[test]
fn a_wrong_unit() {
    insta::assert_snapshot!(told(&with(r#"steps: [(when: After("5 parsecs")), (when: After(5))],"#)));
}

#[test]
fn an_unknown_expectation() {
    insta::assert_snapshot!(told(&with(r#"expect: [NeverGiveUp, NothingLeft(whithin: "1s"), Births(max: "3")],"#)));
}

#[test]
fn an_impossible_policy() {
    insta::assert_snapshot!(told(
        r#"(
    title: "t",
    pool: (workers: 2, limit: (restarts: 10, within: "1s"), backoff: (initial: "100ms", factor: 2, cap: "5s")),
)"#
    ));
}

#[test]
fn something_missing() {
    insta::assert_snapshot!(told("(\n    title: \"t\",\n    steps: [(do: Ask(who: Oldest))],\n)"));
}

#[test]
fn the_wrong_kind_of_value() {
    insta::assert_snapshot!(told("(title: t, pool: [2], start: 3, load: (), steps: [(must: yes)], sweep: (step: -1))"));
}

#[test]
fn not_ron_at_all() {
    let texts = ["", "# TOML\n[pool]", "(title: \"open", "(title: \"t\" pool: (workers: 2))", "(title: \"t\"))", "é"];
    let all: Vec<String> = texts.iter().map(|text| told(text)).collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn everything_that_is_well_formed_and_wrong() {
    insta::assert_snapshot!(told(include_str!("wrong/semantic.ron")));
}

/// Pools that make no sense beside another; the list is open.
const BESIDE: &str = r#"launch: (notify: true),
    beside: [
        (name: "main", pool: (workers: 1)),
        (name: "a", pool: (workers: 0, handoff: RoundRobin, lame_duck: "1s", owns: [Control], output: Files), lives: (then: Crash(at: Boot))),
        (name: "a", pool: (workers: 1)),
        (name: "A b", pool: (workers: 1)),"#;

#[test]
fn an_order_to_a_pool_that_makes_no_sense() {
    insta::assert_snapshot!(told(
        r#"(
    title: "t",
    pool: (workers: 2, owns: [Control]),
    beside: [(name: "jobs", pool: (workers: 3))],
    steps: [
        (do: Operate(In("main", Scale(3)))),
        (do: Operate(In("jop", Scale(3)))),
        (do: Operate(In("jobs", Scale(0)))),
        (do: Operate(In("jobs", Restart(3)))),
        (do: Operate(In("jobs", Reload))),
    ],
)"#
    ));
    insta::assert_snapshot!(told(
        r#"(
    title: "t",
    pool: (workers: 2),
    beside: [(name: "jobs", pool: (workers: 3))],
    steps: [(do: Operate(In("jobs", Scale(3))))],
)"#
    ));
}

#[test]
fn a_connection_that_nobody_makes() {
    insta::assert_snapshot!(told(
        r#"(
    title: "t",
    pool: (workers: 2),
    steps: [(when: Accepted(nth: 2), do: Kill(That))],
)"#
    ));
}

#[test]
fn clients_that_are_slow_in_no_way() {
    insta::assert_snapshot!(told(
        r#"(
    title: "t",
    pool: (workers: 2, drain: "1s"),
    load: [
        Slow(connections: 2, reads: (bytes: 1000, piece: 1000, every: "10ms"), as: "small"),
        Slow(connections: 100, reads: (bytes: 20000000, piece: 0), as: "much"),
        Slow(connections: 2, writes: (bytes: 2000000, every: "10us"), reads: (bytes: 2000000, every: "10ms"), as: "both"),
        Slow(connections: 2, reads: (bytes: 2000000, every: "10ms"), as: "soon"),
    ],
    expect: [CutAtDeadline(load: "soon")],
)"#
    ));
}

#[test]
fn a_stranger_who_can_t_be_heard() {
    let attempts = r#"steps: [
        (do: During(fault: Stranger(Order(Stop)), for: "1s")),
        (do: During(fault: Stranger(Notify(Oldest, "READY=1")), for: "1s")),
    ],"#;
    insta::assert_snapshot!(told(&with(attempts)));
    insta::assert_snapshot!(told(
        r#"(
    title: "t",
    pool: (workers: 2, owns: [Control], ready: Notify),
    steps: [
        (do: During(fault: Stranger(Order(Reload)), for: "1s")),
        (do: During(fault: Stranger(Order(Restart(2))), for: "1s")),
        (do: During(fault: Stranger(Notify(Named("x"), "READY=1")), for: "1s")),
    ],
)"#
    ));
}

#[test]
fn a_pool_beside_that_makes_no_sense() {
    let misspelt = r#"
        (name: "b", pol: (workers: 1)),
    ],"#;
    insta::assert_snapshot!(told(&with(&format!("{BESIDE}{misspelt}"))));
    let aimed_at = r#"
    ],
    steps: [
        (when: In("aa", Born), do: Kill(In("a", Random(0)))),
        (when: In("a", State(Settled)), do: Kill(In("a", Supervisor))),
        (when: Exited, do: Kill(In("b", Oldest))),
    ],"#;
    insta::assert_snapshot!(told(&with(&format!("{BESIDE}{aimed_at}"))));
}

#[test]
fn deep_nesting_is_refused_in_words() {
    let deep = format!("{}(do: Kill(Oldest)){}", "(do: Repeat(times: 1, steps: [".repeat(500), "]))".repeat(500));
    assert!(told(&with(&format!("steps: [{deep}],"))).contains("nested too deeply"));
}

/// What is said about a path inside a fresh folder that holds two scenarios, an empty folder and something else.
fn told_of_path(path: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for file in ["flap.ron", "kill.ron", "notes.txt"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let problems = scenario::find(&[folder.path().join(path)]).unwrap_err();
    problems.to_string().replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_missing_file() {
    insta::assert_snapshot!([told_of_path("flop.ron"), told_of_path("kil"), told_of_path("no/such")].join("\n\n"));
}

#[test]
fn an_empty_directory() {
    insta::assert_snapshot!([told_of_path("empty"), told_of_path("notes.txt")].join("\n\n"));
}

#[test]
fn files_are_found_below_folders_and_named_by_their_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("drain")).unwrap();
    for file in ["b.ron", "a.ron", "drain/idle.ron", "drain/readme.md"] {
        std::fs::write(folder.path().join(file), "").unwrap();
    }
    let names = |paths: &[&str]| -> Vec<String> {
        let paths: Vec<_> = paths.iter().map(|path| folder.path().join(path)).collect();
        scenario::find(&paths).unwrap().into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(&["."]), ["a", "b", "drain/idle"]);
    assert_eq!(names(&["b.ron", "drain"]), ["b", "idle"]);
    assert_eq!(names(&["b.ron", "b.ron"]), ["b"]);
}

#[test]
fn an_unknown_subject() {
    let problems = harness::subject::load("referense").unwrap_err().to_string();
    assert!(problems.contains("did you mean `reference`?"), "{problems}");
}

#[test]
fn more_at_once_than_can_be_laid_out() {
    insta::assert_snapshot!(told(&with(
        r#"steps: [(do: Operate(Reloads(times: 4294967295, spacing: "1ms"))), (do: Signal(to: Supervisor, signal: CHLD, times: 4294967295))],"#
    )));
}

use std::time::Duration;

use super::*;
use crate::config::{Handoff, Leave, Output, ReadySign, default_workers, parse_limit};
use crate::kernel::{Resource, ResourceLimit};
use crate::policy::{Limit, Readiness, Restart};

const WHOLE: &str = r#"(
    command: ["/path/puppet"], workers: 4, listen: {"web": "127.0.0.1:8080", "log": "unix:/run/log"},
    limit: (restarts: 10, within: "60s"),
    backoff: (initial: "100ms", factor: 2, cap: "5s", jitter_percent: 10), stable: "5s",
    restart: OnFailure(success: [0, 3]), ready: AtSpawn, ready_timeout: "30s", drain: "1min 30s",
    watchdog: "250ms", notify_fd: Some(6),
    events: "events.jsonl", env: {"K": "V"}, backlog: 128, seed: 7, quiet: true,
)"#;

fn problems(text: &str) -> Vec<(String, String)> {
    let problems = parse(text, "test.ron").expect_err(text);
    let place = |problem: &super::super::Problem| text[problem.place.clone()].to_owned();
    problems.list.iter().map(|problem| (place(problem), problem.what.clone())).collect()
}

#[test]
fn every_field() {
    let config = parse(WHOLE, "test.ron").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.pools[0].command, ["/path/puppet"]);
    assert_eq!(config.pools[0].env, [("K".to_owned(), "V".to_owned())]);
    assert_eq!(config.listen[0], ("log".to_owned(), Address::Unix("/run/log".into())));
    assert_eq!(config.listen[1].0, "web");
    assert_eq!(config.backlog, 128);
    assert_eq!(config.events, Some(EventSink::File("events.jsonl".into())));
    assert!(config.quiet);
    let policy = &config.pools[0].policy;
    assert_eq!(policy.workers, 4);
    assert_eq!(policy.limit, Some(Limit { restarts: 10, within: Duration::from_secs(60) }));
    assert_eq!(policy.backoff.cap, Duration::from_secs(5));
    assert_eq!(policy.restart, Restart::OnFailure { success: vec![0, 3] });
    assert_eq!(policy.ready, Readiness::AtSpawn);
    assert_eq!(policy.drain, Duration::from_secs(90));
    assert_eq!(policy.seed, 7);
    assert_eq!(policy.watchdog, Some(Duration::from_millis(250)));
    assert_eq!(config.pools[0].notify_fd, Some(6));
}

#[test]
fn the_time_to_finish_begins_when_a_worker_is_told_after_its_rest() {
    let drain = |handoff: &str| {
        let text = format!(r#"(command: ["web"], drain: "2s", leave_pause: "300ms", handoff: {handoff})"#);
        parse(&text, "test.ron").expect("valid").policies()[0].drain.as_millis()
    };
    assert_eq!(drain("NodeCluster()"), 2_300);
    for at_once in ["NodeCluster(policy: Shared)", "NodeCluster(), leave: Signal(TERM)", "Node()", "RoundRobin"] {
        assert_eq!(drain(at_once), 2_000, "{at_once}");
    }
}

#[test]
fn a_watchdog_that_nobody_could_satisfy_and_a_descriptor_that_is_taken() {
    let with = |fields: &str| format!(r#"(command: ["web"], listen: {{"a": "127.0.0.1:0"}}, {fields})"#);
    assert_eq!(
        problems(&with(r#"watchdog: "0s", notify_fd: 4"#)),
        [
            ("\"0s\"".into(), "`watchdog` is 0ns: expected at least 10ms".into()),
            ("4".into(), "`notify_fd` is 4".into())
        ]
    );
    let none = parse(&with("watchdog: None, notify_fd: None"), "test.ron").expect("valid");
    assert_eq!((none.pools[0].policy.watchdog, none.pools[0].notify_fd), (None, None));
    let bare = parse(&with("notify_fd: 5"), "test.ron").expect("valid");
    assert_eq!(bare.pools[0].notify_fd, Some(5));
}

#[test]
fn all_but_the_command_has_a_default() {
    let config = parse(r#"(command: ["web"])"#, "test.ron").expect("valid");
    assert_eq!(config.pools[0].policy, defaults::policy(default_workers()));
    assert_eq!(config.events, None);
}

const POOLS: &str = r#"(
    listen: {"web": "127.0.0.1:8080", "admin": "unix:/run/admin"}, control: "/run/control",
    pools: {
        "web": (
            command: ["node", "web.js"], workers: 3, listen: ["web"], handoff: NodeCluster(policy: Shared), ready: Online,
            output: Files(stdout: "web.log"), limits: {"nofile": (1024, 4096), "core": "unlimited"}, umask: "027",
            directory: "/", user: 0, watchdog: "5s", reload: (surge: 2, at_once: 2),
        ),
        "notifier": (
            command: ["./notify"], workers: 1, listen: [], handoff: node, leave: Message({"act": "leave"}), notify_fd: 5,
            subscribe: ["prices", "limits"],
            output: Prefixed,
        ),
    },
)"#;

#[test]
fn several_pools_each_with_its_own_ways() {
    let config = parse(POOLS, "test.ron").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.control, Some("/run/control".into()));
    let [web, notifier] = &config.pools[..] else { panic!("two pools") };
    assert_eq!((web.name.as_str(), notifier.name.as_str()), ("web", "notifier"));
    assert_eq!(config.listen[web.listen[0]].0, "web");
    assert_eq!(web.handoff, Handoff::NodeCluster { round_robin: false });
    assert_eq!(web.leave, Leave::Disconnect, "what that module understands");
    assert_eq!(web.sign, ReadySign::Online);
    assert_eq!(web.output, Output::Files { stdout: "web.log".into(), stderr: None });
    let nofile = ResourceLimit { resource: Resource::Nofile, soft: Some(1024), hard: Some(4096) };
    let core = ResourceLimit { resource: Resource::Core, soft: None, hard: None };
    assert_eq!(web.setup.limits, [nofile, core]);
    assert_eq!((web.setup.umask, web.setup.user), (Some(0o027), Some(0)));
    assert_eq!(web.policy.watchdog, Some(Duration::from_secs(5)));
    assert_eq!((web.policy.surge, web.policy.at_once), (2, 2));
    assert!(notifier.listen.is_empty());
    assert_eq!(notifier.handoff, Handoff::Node { message: "\"server\"".to_owned(), connections: false });
    assert_eq!(notifier.leave, Leave::Message("{\"act\":\"leave\"}".to_owned()));
    assert_eq!(notifier.notify_fd, Some(5));
    assert_eq!(notifier.subscribe, ["prices", "limits"]);
}

#[test]
fn what_is_wrong_with_a_pool_is_said_in_its_place() {
    for (field, place, what) in [
        ("handoff: Clutser", "Clutser", "there is no `Clutser`"),
        ("handoff: Node(mesage: 1)", "mesage", "mesage"),
        ("leave: Signal(KILL)", "KILL", "KILL"),
        ("output: Files()", "Files()", "stdout"),
        ("notify_fd: 3", "3", "`notify_fd` is 3"),
        ("subscribe: [\"a\", \"\"]", "[\"a\", \"\"]", "can't be a topic"),
        ("umask: \"999\"", "\"999\"", "no mask"),
        ("directory: \"here\"", "\"here\"", "not absolute"),
        ("user: \"nobody-of-that-name\"", "\"nobody-of-that-name\"", "no user"),
        ("group: \"nobody-of-that-name\"", "\"nobody-of-that-name\"", "no group"),
        ("limits: {\"nofiles\": 1}", "{\"nofiles\": 1}", "no resource"),
        ("limits: {\"nofile\": (9, 8)}", "(9, 8)", "above the hard"),
        ("limits: {\"nofile\": \"much\"}", "\"much\"", "no limit"),
        ("watchdog: \"1ms\"", "\"1ms\"", "at least"),
        ("reload: (at_once: 0)", "(at_once: 0)", "at_once"),
        (
            "listen: {\"a\": \"unix:/run/a\"}, handoff: Reuseport",
            "Reuseport",
            "can't share \"a\", which is unix:/run/a",
        ),
        (
            "listen: {\"a\": \"unix:/a\", \"b\": \"[::]:1\"}, pools: {\"p\": (command: [\"x\"], listen: [\"a\"], handoff: reuseport)}",
            "reuseport",
            "can't share \"a\"",
        ),
        (
            "listen: {\"a\": \"udp:[::1]:1\"}, handoff: RoundRobin",
            "RoundRobin",
            "RoundRobin can't pass \"a\", which is udp:[::1]:1",
        ),
        (
            "listen: {\"a\": \"[::1]:1\", \"b\": \"udp:[::1]:1\"}, handoff: Node(pass: Connections)",
            "Node(pass: Connections)",
            "can't pass \"b\"",
        ),
        ("ready: Online", "Online", "Online without `handoff: NodeCluster`"),
        ("ready: Online, handoff: Node()", "Online", "Online without `handoff: NodeCluster`"),
        ("handoff: Reuseport, restart: Never", "Reuseport", "leaves places empty"),
        ("control: \"run\"", "\"run\"", "control"),
        ("pools: {}", "{}", "empty"),
        ("pools: {\"a b\": (command: [\"x\"])}", "(command: [\"x\"])", "name of a pool"),
        ("pools: {\"a\": (command: [\"x\"], listen: [\"wbe\"])}", "[\"wbe\"]", "no listener"),
        ("pools: {\"a\": (comand: [\"x\"])}", "comand", "unknown field"),
    ] {
        let own = if field.contains("pools: ") { "" } else { "command: [\"x\"], " };
        let text = format!("({own}{field})");
        let found = problems(&text);
        assert!(found[0].1.contains(what), "{field}: {found:?}");
        assert!(found[0].0.contains(place) || place.contains(&found[0].0), "{field}: {found:?}");
    }
    let mixed = problems(r#"(workers: 2, pools: {"a": (command: ["x"])})"#);
    assert_eq!(mixed, [("workers".to_owned(), "`workers` belongs into a pool".to_owned())]);
    let another = r#"(listen: {"a": "unix:/a", "b": "[::]:1"}, pools: {"p": (command: ["x"], listen: ["b"], handoff: Reuseport)})"#;
    assert!(parse(another, "t").is_ok(), "the path is no affair of this pool's");
    for way in ["Inherit", "Reuseport", "Node()", "NodeCluster()"] {
        let datagrams = format!(r#"(command: ["x"], listen: {{"a": "udp:[::1]:1"}}, handoff: {way})"#);
        assert!(parse(&datagrams, "t").is_ok(), "{way} gives the socket itself");
    }
}

#[test]
fn no_limit_and_a_limit_written_out() {
    let limit =
        |text: &str| parse(&format!("(command: [\"x\"], limit: {text})"), "t").expect(text).pools[0].policy.limit;
    assert_eq!(limit("None"), None);
    let three = Some(Limit { restarts: 3, within: Duration::from_secs(9) });
    assert_eq!(limit(r#"Some((restarts: 3, within: "9s"))"#), three);
    assert_eq!(limit(r#"Limit(within: "9s", restarts: 3)"#), three);
}

#[test]
fn several_problems_at_once_each_in_its_place() {
    let text = r#"(
        comand: ["x"], workers: "four", drain: 10, stable: "5 parsecs", restart: Alwais,
        listen: {"web": "8080"}, drain: "1s",
    )"#;
    let found = problems(text);
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["comand", "\"four\"", "10", "\"5 parsecs\"", "Alwais", "\"8080\"", "drain", ")"], "{found:?}");
    assert_eq!(found[0].1, "unknown field `comand`");
    assert_eq!(found[2].1, "`drain` needs a unit");
    assert_eq!(found[6].1, "`drain` is there twice");
    assert_eq!(found[7].1, "`command` is missing");
}

#[test]
fn nearest_names_are_offered() {
    let help = |text: &str| parse(text, "t").expect_err(text).list[0].help.clone().unwrap_or_default();
    assert_eq!(help(r#"(command: ["x"], drian: "1s")"#), "did you mean `drain`?");
    assert_eq!(help(r#"(command: ["x"], restart: Alwais)"#), "did you mean `Always`?");
    assert_eq!(help(r#"(command: ["x"], backoff: (inital: "1s"))"#), "did you mean `initial`?");
    assert!(help(r#"(command: ["x"], zzzzzzzzzz: 1)"#).starts_with("there is: command, workers"));
}

#[test]
fn a_policy_that_never_gives_up_though_it_has_a_limit_is_refused_with_the_sum() {
    let text = r#"(command: ["x"], limit: (restarts: 4, within: "1s"),
        backoff: (initial: "500ms", factor: 1, cap: "500ms", jitter_percent: 0))"#;
    let found = problems(text);
    assert_eq!(found[0].0, r#"(restarts: 4, within: "1s")"#);
    assert!(found[0].1.contains("2s of backoff"), "{}", found[0].1);
}

#[test]
fn values_out_of_range() {
    for (field, place) in [
        ("workers: 0", "0"),
        ("workers: 10001", "10001"),
        ("workers: -1", "-1"),
        ("backoff: (factor: 0)", "(factor: 0)"),
        ("backoff: (jitter_percent: 101)", "(jitter_percent: 101)"),
        ("backoff: (initial: \"9s\")", "(initial: \"9s\")"),
        ("backoff: (initial: \"0s\")", "(initial: \"0s\")"),
        ("ready_timeout: \"0s\"", "\"0s\""),
        ("drain: \"99999999years\"", "\"99999999years\""),
        ("limit: (within: \"0s\")", "(within: \"0s\")"),
        ("env: {\"A=B\": \"\"}", "{\"A=B\": \"\"}"),
        ("listen: {\"a:b\": \"127.0.0.1:1\"}", "{\"a:b\": \"127.0.0.1:1\"}"),
    ] {
        let found = problems(&format!("(command: [\"x\"], {field})"));
        assert_eq!(found[0].0, place, "{field}: {found:?}");
    }
    assert_eq!(problems("(command: [])")[0].0, "[]");
}

#[test]
fn broken_text_has_a_place_too() {
    assert_eq!(problems("").len(), 1);
    assert_eq!(problems("(command: [\"x\"").len(), 1);
    assert_eq!(problems("[1]").len(), 1);
    assert_eq!(problems("(command: [\"x\"]) rest").len(), 1);
}

#[test]
fn problems_are_shown_with_their_line() {
    let shown = parse("(\n    comand: [\"x\"],\n)", "web.ron").expect_err("wrong").to_string();
    assert!(shown.contains("web.ron:2:5"), "{shown}");
    assert!(shown.contains("did you mean `command`?"), "{shown}");
}

#[test]
fn limits_on_the_command_line() {
    assert_eq!(parse_limit("none"), Ok(None));
    assert_eq!(parse_limit("3/1min"), Ok(Some(Limit { restarts: 3, within: Duration::from_secs(60) })));
    assert!(parse_limit("3").is_err() && parse_limit("x/1s").is_err() && parse_limit("3/1").is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[(){}\\[\\]:,\"a-z0-9 \n/é]{0,80}") {
        if let Err(problems) = parse(&text, "t") {
            proptest::prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn no_cut_of_a_good_file_panics(cut in 0usize..400) {
        let cut = cut.min(WHOLE.len() - 1);
        proptest::prop_assert!(parse(&WHOLE[..cut], "t").is_err());
    }
}

use super::*;
use crate::kernel::Address;

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
fn a_watchdog_that_nobody_could_satisfy_and_a_descriptor_that_is_taken() {
    let with = |fields: &str| format!(r#"(command: ["web"], listen: {{"a": "127.0.0.1:0"}}, {fields})"#);
    assert_eq!(
        problems(&with(r#"watchdog: "0s", notify_fd: 4"#)),
        [
            ("\"0s\"".into(), "`watchdog` is 0: no worker could ever be heard in time".into()),
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

fn pool(members: &str) -> PoolConfig {
    let text = format!("(command: [\"x\"], listen: {{\"web\": \"127.0.0.1:80\"}}, {members})");
    parse(&text, "t").unwrap_or_else(|problems| panic!("{problems}")).pools.remove(0)
}

#[test]
fn ways_of_handing_over() {
    use crate::config::{Handoff, Leave, ReadySign};
    let handoff = |text: &str| pool(&format!("handoff: {text}")).handoff;
    let node = |message: &str, connections| Handoff::Node { message: message.to_owned(), connections };
    assert_eq!(pool("").handoff, Handoff::Inherit);
    assert_eq!(handoff("Node()"), node("\"server\"", false));
    assert_eq!(handoff("Node(connections: true)"), node("\"socket\"", true));
    assert_eq!(handoff(r#"Node(message: {"a": [1, "b"]})"#), node(r#"{"a":[1,"b"]}"#, false));
    assert_eq!(handoff("Node(message: 1)"), node("1", false));
    assert_eq!(handoff(r#"Node(message: "1")"#), node("\"1\"", false));
    assert_eq!(handoff("NodeCluster()"), Handoff::NodeCluster { round_robin: true });
    assert_eq!(handoff("NodeCluster(policy: Shared)"), Handoff::NodeCluster { round_robin: false });
    assert_eq!(pool("handoff: NodeCluster()").leave, Leave::Disconnect);
    assert_eq!(pool("handoff: RoundRobin").leave, Leave::Signal(15));
    assert_eq!(pool(r#"leave: Signal("SIGQUIT")"#).leave, Leave::Signal(3));
    assert_eq!(pool(r#"leave: Signal("USR2")"#).leave, Leave::Signal(12));
    assert_eq!(pool(r#"leave: Message("shutdown")"#).leave, Leave::Message("\"shutdown\"".to_owned()));
    assert_eq!(pool(r#"leave: Message({"act": "drain"})"#).leave, Leave::Message(r#"{"act":"drain"}"#.to_owned()));
    assert_eq!(pool("ready: Word").sign, ReadySign::Nothing);
    assert_eq!(pool("ready: Online, handoff: NodeCluster()").sign, ReadySign::Online);
    assert_eq!(pool(r#"handoff_timeout: "3s", leave_pause: "0s""#).handoff_timeout, Duration::from_secs(3));
}

#[test]
fn ways_of_handing_over_that_make_no_sense() {
    let wrong = |members: &str| problems(&format!("(command: [\"x\"], {members})")).remove(0);
    assert_eq!(wrong("handoff: RoundRobin").1, "`handoff`: there is nothing to hand over");
    assert_eq!(wrong("handoff: Node()").0, "Node()");
    assert_eq!(wrong("handoff: RoundRobbin").1, "`handoff`: there is no `RoundRobbin`");
    assert_eq!(wrong(r#"leave: Signal("TREM")"#).1, "`leave`: there is no signal \"TREM\"");
    assert_eq!(wrong(r#"handoff_timeout: "0s""#).1, "`handoff_timeout` is 0: every worker would hang");
    let shared = r#"handoff: Reuseport, listen: {"web": "unix:/tmp/x"}"#;
    assert_eq!(wrong(shared).1, "`handoff`: unix:/tmp/x can't be shared by several sockets");
    assert_eq!(wrong("ready: Online").1, "`ready`: only workers of a Node cluster say that they are online");
}

//! What a person is told whose subject file is wrong, and what a subject can't do.

use harness::scenario;
use harness::subject::{self, Puppet};

/// What is said about a subject file of this text, in a folder of its own.
fn told(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("subject.ron");
    std::fs::write(&file, text).unwrap();
    let problems = subject::load(&file.display().to_string()).expect_err("nothing was found wrong with it");
    problems.to_string().replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn an_unknown_invariant() {
    insta::assert_snapshot!(told(
        r#"(
    name: "mine", version: ["mine", "--version"], start: ["mine", "{config}"],
    puppet: Own, stop: Signal(TERM), profile: (),
    deviations: [
        (scenario: "flap", invariant: "INV-ISOLTE", happens: Always, cause: "it takes the healthy ones along"),
        (scenario: "flap", invariant: "isolate", happens: Always, cause: "too"),
        (scenario: "flap", invariant: "EXPECT-1 GivesUp", happens: Sometimes, cause: "it has no limit"),
    ],
)"#
    ));
}

#[test]
fn a_misspelt_field() {
    insta::assert_snapshot!(told(r#"(name: "mine", requiers: ["mine"])"#));
}

#[test]
fn everything_that_is_well_formed_and_wrong() {
    insta::assert_snapshot!(told(
        r#"(
    name: "",
    version: [],
    start: ["mine", "--workers", "{wrokers}", "--json", "{\"a\": 1}"],
    config: "mine.conf.in",
    env: [("A", "{adress}")],
    puppet: Hook("puppet.py"),
    stop: Signal(TERM),
    profile: (limit: Unlimited, give_up: "1s"),
    deviations: [
        (scenario: "", invariant: "INV-ONCE", happens: Always, cause: " "),
        (scenario: "", invariant: "INV-ONCE", happens: Sometimes, cause: "again"),
    ],
)"#
    ));
}

#[test]
fn the_list_of_invariants_names_all_that_are_judged() {
    for invariant in harness::invariant::INVARIANTS {
        assert!(subject::INVARIANTS.contains(&invariant.id), "{}", invariant.id);
    }
}

/// The plain form of a scenario with these fields beside the least that it needs.
fn form(fields: &str) -> scenario::Scenario {
    let text = format!("(title: \"t\", pool: (workers: 2), {fields})");
    scenario::parse(&text, "x.ron").unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn what_a_subject_lacks_is_said_before_anything_is_started() {
    let (reference, _) = subject::load("reference").unwrap();
    let lacks = |change: &dyn Fn(&mut subject::Subject), fields: &str| {
        let mut subject = reference.clone();
        change(&mut subject);
        subject::lacks(&subject, &form(fields))
    };
    let nothing: &dyn Fn(&mut subject::Subject) = &|_| {};
    let reload = "steps: [(do: Repeat(times: 2, steps: [(do: Operate(Reload))]))]";
    assert_eq!(lacks(nothing, reload), [""; 0]);
    assert_eq!(lacks(&|subject| subject.reload = None, reload), ["it can't be told to reload"]);
    let opaque: &dyn Fn(&mut subject::Subject) = &|subject| subject.puppet = Puppet::Opaque;
    assert_eq!(lacks(opaque, "load: [Probe(every: \"5ms\", as: \"p\")]"), [""; 0]);
    assert_eq!(lacks(opaque, "lives: (then: IgnoreTerm)"), ["its workers can't be scripted"]);
    let accepted = "load: [Probe(every: \"5ms\", as: \"p\")], steps: [(when: Any([Accepted(), Born]))]";
    assert_eq!(lacks(nothing, accepted), [""; 0]);
    assert_eq!(lacks(opaque, accepted), ["its workers don't say when they accept a connection"]);
    let spoiled = "steps: [(do: During(fault: File(which: \"program\", is: Missing), for: \"1s\"))]";
    assert_eq!(lacks(nothing, spoiled), [""; 0]);
    let hook: &dyn Fn(&mut subject::Subject) = &|subject| subject.puppet = Puppet::Hook("puppet.js".to_owned());
    assert_eq!(lacks(hook, spoiled), ["the program of its workers can't be taken away from it alone"]);
    let articles: &dyn Fn(&mut subject::Subject) =
        &|subject| subject.profile.announcements = Some(vec![scenario::Retirement::OnePhase]);
    let throw = "steps: [(do: Ask(who: Oldest, to: Throw))]";
    assert_eq!(lacks(articles, throw), [""; 0]);
    assert_eq!(
        lacks(articles, &format!("lives: (then: Record(retire: TwoPhase)), {throw}")),
        ["it does not understand two-phase retirement"]
    );
    let deaf = "lives: (then: Record(deaf: true))";
    assert_eq!(lacks(nothing, deaf), [""; 0]);
    let passes: &dyn Fn(&mut subject::Subject) =
        &|subject| subject.profile.handoffs = Some(vec![scenario::Handoff::RoundRobin]);
    assert_eq!(lacks(passes, deaf), ["its workers hear of connections on the channel that one of them is not to read"]);
    let scale = "steps: [(do: Operate(Scale(3)))]";
    assert_eq!(lacks(nothing, scale), [""; 0]);
    let fixed = lacks(&|subject| subject.scale = None, scale);
    assert_eq!(fixed, ["it can't be told to change the number of its workers"]);
    let configs = "steps: [(do: Config(\"original\")), (do: Config(\"changed\")), (do: Config(\"nowhere\"))]";
    assert_eq!(lacks(nothing, configs), ["it has no configuration `nowhere`"]);
}

#[test]
fn undeclared_lines_are_named() {
    let (reference, _) = subject::load("reference").unwrap();
    let mut profile = reference.profile.clone();
    profile.reap = None;
    assert_eq!(subject::undeclared(&profile), [], "it is universal");
    profile.drain = None;
    profile.limit = None;
    let lines: Vec<_> = subject::undeclared(&profile).iter().map(|missing| missing.line).collect();
    assert_eq!(lines, ["limit", "drain"]);
}

/// What the warning names is what the invariants say that they need, and the other way round.
#[test]
fn what_is_undeclared_names_the_invariants_that_would_judge_it() {
    let nothing = subject::Profile::default();
    for missing in subject::undeclared(&nothing) {
        for invariant in harness::invariant::INVARIANTS {
            let words =
                |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == missing.line);
            let named = missing.judged_on.contains(invariant.id);
            assert!(named || !words(invariant.needs), "{} needs {} and is not named", invariant.id, missing.line);
            let known = words(invariant.needs) || words(invariant.definition);
            assert!(known || !named, "{} is named and does not know {}", invariant.id, missing.line);
        }
    }
}

#[test]
fn what_the_scenario_leaves_open_is_left_to_the_subject() {
    let (reference, folder) = subject::load("reference").unwrap();
    let template = subject::template(&reference, &folder).unwrap();
    let scenario = form("");
    let vars = subject::Vars {
        pool: &scenario.pool,
        beside: &scenario.beside,
        address: "127.0.0.2:8080",
        run: std::path::Path::new("/run/x"),
        here: &folder,
        supervisor: std::path::Path::new("/bin/supervisor"),
        puppet: std::path::Path::new("/bin/puppet"),
        seed: 7,
    };
    let rendered = subject::render(&reference, template.as_ref(), &vars).unwrap();
    let (path, text) = rendered.config.unwrap();
    assert_eq!(path, std::path::Path::new("/run/x/supervisor.ron"));
    assert_eq!(rendered.start, ["/bin/supervisor", "run", "/run/x/supervisor.ron"]);
    assert!(text.contains("limit: None") && !text.contains("backoff") && !text.contains("stable"), "{text}");
    let mut needs = reference.clone();
    needs.start = vec!["{limit_restarts}".to_owned()];
    let why = subject::render(&needs, template.as_ref(), &vars).unwrap_err().to_string();
    assert!(why.contains("the scenario gives no value for `{limit_restarts}`"), "{why}");
}

//! The scenario files of the suite and the bundled subjects are sound.

use std::path::Path;

use harness::scenario;
use harness::subject;

#[test]
fn the_four_headline_scenarios_are_there() {
    let forms = forms();
    for name in ["kill", "throw", "flap", "hold"] {
        let count = forms.iter().filter(|(form, _)| form.split("::").next() == Some(name)).count();
        assert!(count >= 6, "{name} has only {count} forms");
    }
}

fn rendered(subject: &subject::Subject, folder: &Path, form: &scenario::Scenario) -> subject::Rendered {
    let vars = subject::Vars {
        pool: &form.pool,
        beside: &form.beside,
        address: "127.0.0.2:8080",
        run: Path::new("/run/x"),
        here: folder,
        supervisor: Path::new("/bin/supervisor"),
        puppet: Path::new("/bin/puppet"),
        seed: 7,
    };
    let template = subject::template(subject, folder).unwrap_or_else(|problems| panic!("{problems}"));
    subject::render(subject, template.as_ref(), &vars).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Every form of every scenario of the suite.
fn forms() -> Vec<(String, scenario::Scenario)> {
    let files = scenario::find(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")]).unwrap();
    let mut forms = Vec::new();
    for (name, path) in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario = scenario::parse(&text, &name).unwrap_or_else(|problems| panic!("{problems}"));
        let named = |variant: Option<String>| format!("{name}::{}", variant.unwrap_or_default());
        forms.extend(scenario.forms().into_iter().map(|(variant, form)| (named(variant), form)));
    }
    forms
}

#[test]
fn every_bundled_subject_loads_and_renders() {
    let names = subject::bundled();
    assert!(names.iter().any(|name| name == "reference"), "{names:?}");
    for name in names {
        let (subject, folder) = subject::load(&name).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(subject.name, name);
        for (_, form) in forms() {
            assert!(!rendered(&subject, &folder, &form).start.is_empty());
        }
    }
}

#[test]
fn the_reference_can_run_every_form_and_accepts_its_configuration() {
    let (subject, folder) = subject::load("reference").unwrap();
    for (name, form) in forms() {
        assert_eq!(subject::lacks(&subject, &form), [""; 0], "{name}");
        let (path, text) = rendered(&subject, &folder, &form).config.unwrap();
        let config = supervisor::config::parse(&text, &path.display().to_string());
        let config = config.unwrap_or_else(|problems| panic!("{name}: {problems}\n{text}"));
        let names: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
        assert_eq!(names, form.pool_names().collect::<Vec<_>>(), "{name}");
        for (configured, (asked, _)) in config.pools.iter().zip(form.pools()) {
            assert_eq!(configured.policy.workers, asked.workers);
            assert_eq!(configured.policy.drain, asked.drain.0);
            assert_eq!(configured.policy.limit.map(|limit| limit.restarts), asked.limit.map(|limit| limit.restarts));
        }
    }
}

#[test]
fn the_reference_declares_everything_that_the_supervisor_promises() {
    use supervisor::policy::defaults;
    let (subject, _) = subject::load("reference").unwrap();
    let profile = &subject.profile;
    assert_eq!(subject::undeclared(profile), []);
    let span = |span: Option<scenario::Span>| span.unwrap().0;
    assert_eq!(span(profile.kill_slack), defaults::KILL_SLACK);
    assert_eq!(span(profile.reap), defaults::REAP);
    assert_eq!(span(profile.orphans), defaults::ORPHANS);
    assert_eq!(span(profile.give_up), defaults::GIVE_UP);
    assert_eq!(span(profile.converge), defaults::CONVERGE + span(profile.boot));
    assert_eq!(profile.surge, Some(defaults::SURGE));
}

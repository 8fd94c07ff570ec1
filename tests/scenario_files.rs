//! The scenario files of the suite and the bundled subjects are sound.

use std::path::Path;

use harness::scenario;
use harness::subject;

#[test]
fn every_scenario_file_parses() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "ron") {
            let text = std::fs::read_to_string(&path).unwrap();
            if let Err(problems) = scenario::parse(&text, &path.display().to_string()) {
                panic!("{problems}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} scenario files");
}

#[test]
fn every_bundled_subject_loads_and_renders() {
    let names = subject::bundled();
    assert!(names.iter().any(|name| name == "reference"), "{names:?}");
    for name in names {
        let (subject, folder) = subject::load(&name).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(subject.name, name);
        let text = include_str!("../scenarios/flap.ron");
        for (_, form) in scenario::parse(text, "flap.ron").unwrap().forms() {
            let vars = subject::Vars {
                pool: &form.pool,
                address: "127.0.0.2:8080",
                run: Path::new("/run/x"),
                here: &folder,
                supervisor: Path::new("/bin/supervisor"),
                puppet: Path::new("/bin/puppet"),
                seed: 7,
            };
            let template = subject::template(&subject, &folder).unwrap_or_else(|problems| panic!("{problems}"));
            let rendered = subject::render(&subject, template.as_ref(), &vars).unwrap_or_else(|why| panic!("{why}"));
            assert!(!rendered.start.is_empty());
            if let Some((_, text)) = rendered.config {
                assert!(text.contains("127.0.0.2:8080"), "{text}");
            }
        }
    }
}

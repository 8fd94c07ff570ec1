//! What a run is a run of: a digest of the binaries, of the subject and of the scenario. A commit would not do: the source may
//! have been edited twice since, and need not be what was built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::scenario::to_ron;
use crate::subject::Puppet;
use crate::world::Bins;

use super::suite::Task;

/// Digests of what a soak tests.
#[derive(Debug)]
pub struct Tested {
    /// Of the binaries, for the reader.
    pub build: String,
    /// Of all that a form's runs depend on, by the name of the form.
    forms: BTreeMap<String, String>,
}

impl Tested {
    /// What these tasks are of.
    ///
    /// # Errors
    /// A binary or a file of the subject can't be read.
    pub fn of(tasks: &[Task], bins: &Bins, subject_dir: &Path) -> Result<Self, String> {
        let mut hasher = DefaultHasher::new();
        let told = |path: &Path, why: io::Error| format!("{}: {why}", path.display());
        for path in [&bins.harness, &bins.supervisor, &bins.puppet] {
            contents(path, &mut hasher).map_err(|why| told(path, why))?;
        }
        let build = shown(&hasher);
        for folder in folders(tasks, subject_dir) {
            for path in files(&folder).map_err(|why| told(&folder, why))? {
                path.file_name().hash(&mut hasher);
                contents(&path, &mut hasher).map_err(|why| told(&path, why))?;
            }
        }
        let digest = |task: &Task| {
            let mut hasher = hasher.clone();
            to_ron(&task.plan.scenario).hash(&mut hasher);
            (task.plan.name.clone(), shown(&hasher))
        };
        Ok(Self { build, forms: tasks.iter().map(digest).collect() })
    }

    /// Of a form by its name; of one that is not among the tasks nobody can tell.
    pub fn form(&self, name: &str) -> Option<&str> {
        self.forms.get(name).map(String::as_str)
    }
}

fn shown(hasher: &DefaultHasher) -> String {
    format!("{:016x}", hasher.finish())
}

/// The subject's folder, and that of its hook if that is another one.
fn folders(tasks: &[Task], subject_dir: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::from([subject_dir.to_owned()]);
    if let Some(Puppet::Hook(hook)) = tasks.first().map(|task| &task.plan.subject.puppet)
        && let Some(folder) = subject_dir.join(hook).parent().filter(|folder| folder.is_dir())
    {
        folders.insert(folder.to_owned());
    }
    folders
}

/// The files of a folder, sorted.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

fn contents(path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut length = 0;
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            // So that what ends one file is not taken for the beginning of the next.
            length.hash(hasher);
            return Ok(());
        }
        hasher.write(bytes);
        let read = bytes.len();
        length += read;
        file.consume(read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use crate::subject;
    use crate::world::Plan;

    struct World {
        dir: tempfile::TempDir,
        bins: Bins,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let path = |name: &str| dir.path().join(name);
            let bins = Bins { harness: path("harness"), supervisor: path("supervisor"), puppet: path("puppet") };
            let world = Self { bins, dir };
            for name in ["harness", "supervisor", "puppet"] {
                world.write(name, name);
            }
            fs::create_dir(world.dir.path().join("subject")).expect("a directory");
            world.write("subject/subject.ron", "()");
            world
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join(name), text).expect("a file");
        }

        /// The digest of the form `a`, with this title.
        fn tested(&self, title: &str) -> String {
            let text = format!(r#"(title: "{title}", pool: (workers: 1, drain: "1s"))"#);
            let scenario = parse(&text, "a.ron").expect("valid");
            let (subject, subject_dir) = subject::load("reference").expect("a bundled subject");
            let plan = Plan { name: "a".into(), scenario, subject, subject_dir, seed: 1, bins: self.bins.clone() };
            let tasks = [Task { file: "a.ron".into(), plan }];
            let tested = Tested::of(&tasks, &self.bins, &self.dir.path().join("subject")).expect("readable");
            tested.form("a").expect("it is among the tasks").to_owned()
        }
    }

    #[test]
    fn the_same_is_the_same_and_each_part_makes_another() {
        let world = World::new();
        let mut all = vec![world.tested("one")];
        assert_eq!(world.tested("one"), all[0]);
        all.push(world.tested("two"));
        for (name, text) in [
            ("harness", "another"),
            ("supervisor", "another"),
            ("puppet", "another"),
            ("subject/subject.ron", "(name: \"x\")"),
            ("subject/hook.js", ""),
        ] {
            world.write(name, text);
            all.push(world.tested("one"));
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 7, "{all:?}");
    }

    #[test]
    fn a_hook_in_another_folder_is_a_part_of_it() {
        let world = World::new();
        fs::create_dir(world.dir.path().join("shared")).expect("a directory");
        world.write("shared/hook.js", "");
        let hooked = |text: &str| {
            world.write("shared/lines.js", text);
            let text = r#"(title: "t", pool: (workers: 1, drain: "1s"))"#;
            let scenario = parse(text, "a.ron").expect("valid");
            let (mut subject, _) = subject::load("reference").expect("a bundled subject");
            subject.puppet = Puppet::Hook("../shared/hook.js".to_owned());
            let subject_dir = world.dir.path().join("subject");
            let bins = world.bins.clone();
            let plan = Plan { name: "a".into(), scenario, subject, subject_dir: subject_dir.clone(), seed: 1, bins };
            let tested =
                Tested::of(&[Task { file: "a.ron".into(), plan }], &world.bins, &subject_dir).expect("readable");
            tested.form("a").expect("it is among the tasks").to_owned()
        };
        let first = hooked("one");
        assert_eq!(hooked("one"), first);
        assert_ne!(hooked("another"), first);
    }

    #[test]
    fn what_is_missing_is_an_error_that_names_it() {
        let world = World::new();
        let missing = Bins { puppet: world.dir.path().join("none"), ..world.bins.clone() };
        let error = Tested::of(&[], &missing, world.dir.path()).expect_err("no puppet");
        assert!(error.contains("none"), "{error}");
    }
}

//! Finding and reading subject files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Problems, Source};
use crate::ron_file;

use super::validate::findings;
use super::{Profile, Subject};

/// The name of the file in a subject's folder.
const FILE: &str = "subject.ron";

/// Reads a subject: the path of a `subject.ron`, the path of its folder, or the name of a bundled one. Returns it with
/// its folder.
///
/// # Errors
/// It is not there, or something is wrong with it.
pub fn load(name_or_path: &str) -> Result<(Subject, PathBuf), Problems> {
    let file = find(name_or_path)?;
    let name = file.display().to_string();
    let text = fs::read_to_string(&file)
        .map_err(|why| Problem::new(&Source::unread(&file), format!("the subject can't be read: {why}")))?;
    let source = Source::new(&name, &text);
    let subject: Subject = ron_file::read(&source)?;
    let tree = ron_file::tree(&text);
    let found = findings(&subject, file.parent().unwrap_or(Path::new("")));
    Problems::check(found.iter().map(|finding| finding.place(&source, tree.as_ref())).collect())?;
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
    Ok((subject, folder))
}

/// Reads a profile on its own, as the header of a history holds it.
///
/// # Errors
/// What is wrong with it; `name` is what the problems call the text.
pub fn parse_profile(text: &str, name: &str) -> Result<Profile, Problems> {
    ron_file::read(&Source::new(name, text))
}

/// The names of the bundled subjects, sorted.
pub fn bundled() -> Vec<String> {
    let mut names: Vec<String> = roots()
        .iter()
        .filter_map(|root| fs::read_dir(root).ok())
        .flat_map(|entries| entries.flatten())
        .filter(|entry| entry.path().join(FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The text of the template of a subject's configuration file, if it has one.
///
/// # Errors
/// The subject names one that can't be read.
pub fn template(subject: &Subject, folder: &Path) -> Result<Option<Source>, Problems> {
    let Some(name) = &subject.config else { return Ok(None) };
    let path = folder.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(Source::new(&path.display().to_string(), &text))),
        Err(why) => {
            let what = format!("the template of the configuration file can't be read: {why}");
            Err(Problem::new(&Source::unread(&path), what).into())
        }
    }
}

fn find(name_or_path: &str) -> Result<PathBuf, Problems> {
    let path = Path::new(name_or_path);
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if path.join(FILE).is_file() {
        return Ok(path.join(FILE));
    }
    if path.components().count() == 1
        && let Some(file) = roots().iter().map(|root| root.join(name_or_path).join(FILE)).find(|file| file.is_file())
    {
        return Ok(file);
    }
    let names = bundled();
    let source = Source::unread(path);
    let missing = io::Error::from(io::ErrorKind::NotFound);
    Err(Problem::new(&source, format!("no such subject: {missing}"))
        .expected(format!("a path, or one of the bundled subjects: {}", names.join(", ")))
        .suggest(name_or_path, names.iter().map(String::as_str))
        .into())
}

/// Where bundled subjects are looked for: beside the program, in its installation, in the source that it was built from.
fn roots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    if let Ok(program) = std::env::current_exe()
        && let Some(folder) = program.parent()
    {
        roots.push(folder.join("subjects"));
        roots.push(folder.join("../share/harness/subjects"));
    }
    roots.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("subjects"));
    roots
}

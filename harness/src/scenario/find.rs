//! Which scenario files are meant by the paths on a command line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Problems, Source};

/// The scenario files that these files and folders (with everything below them) hold, each once, sorted within each
/// argument. The name of `scenarios/drain/idle.ron` is `idle` for the file and `drain/idle` for the folder.
///
/// # Errors
/// A path that is not there, with the nearest that is; a folder without scenarios; a file that is not named `*.ron`.
pub fn find(paths: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, Problems> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match under(path) {
            Ok(files) => {
                for file in files {
                    if !found.iter().any(|(_, known)| *known == file) {
                        found.push((name(path, &file), file));
                    }
                }
            }
            Err(problem) => problems.push(*problem),
        }
    }
    Problems::check(problems)?;
    Ok(found)
}

fn under(path: &Path) -> Result<Vec<PathBuf>, Box<Problem>> {
    let source = Source::unread(path);
    if path.is_file() {
        if is_scenario(path) {
            return Ok(vec![path.to_path_buf()]);
        }
        let problem = Problem::new(&source, "this file is no scenario").expected("scenarios are files named `*.ron`");
        return Err(Box::new(problem));
    }
    if !path.is_dir() {
        return Err(Box::new(missing(path, &source)));
    }
    let mut files = Vec::new();
    walk(path, &mut files)
        .map_err(|why| Box::new(Problem::new(&source, format!("the folder can't be read: {why}"))))?;
    files.sort();
    if files.is_empty() {
        let problem = Problem::new(&source, "there is no scenario in this folder");
        return Err(Box::new(problem.expected("scenarios are files named `*.ron`, here or in folders below")));
    }
    Ok(files)
}

/// A link to a folder is not followed: it might lead back.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, files)?;
        } else if is_scenario(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "ron")
}

/// The file's path below the argument, without its ending.
fn name(argument: &Path, file: &Path) -> String {
    let below = file.strip_prefix(argument).ok().filter(|below| !below.as_os_str().is_empty());
    let shown = below.or_else(|| file.file_name().map(Path::new)).unwrap_or(file);
    shown.with_extension("").display().to_string()
}

/// What is not there, and what is there instead.
fn missing(path: &Path, source: &Source) -> Problem {
    let problem = Problem::new(source, "no such file or folder");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(written) = path.file_name().and_then(|name| name.to_str()) else { return problem };
    let Ok(entries) = fs::read_dir(folder) else {
        return problem.expected(format!("there is no folder `{}` either", folder.display()));
    };
    let mut there: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir() || is_scenario(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    there.sort();
    // `flap` means `flap.ron`, and so may `flop`.
    let asked = if path.extension().is_none() { format!("{written}.ron") } else { written.to_owned() };
    problem.suggest(&asked, there.iter().map(String::as_str))
}

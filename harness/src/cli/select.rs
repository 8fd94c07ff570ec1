//! From what was named on the command line to the scenarios that run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Problems, Source};
use crate::scenario::{self, Scenario};

/// Where the suite is, in a checkout.
pub const SUITE: &str = "scenarios";

/// What the plain form of a file is called where a variant's name may stand.
const PLAIN: &str = "plain";

/// One form of a scenario file.
#[derive(Clone, Debug)]
pub struct Form {
    /// `flap` or `flap::clean_exit`.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// The scenario, the variant applied.
    pub scenario: Scenario,
}

/// All forms of the scenarios that `paths` name: files, folders of them, or `FILE::VARIANT`.
pub fn forms(paths: &[PathBuf]) -> Result<Vec<Form>, Problems> {
    all(paths, |scenario| scenario)
}

/// The same without the points of the sweeps that the files have themselves.
pub fn unswept(paths: &[PathBuf]) -> Result<Vec<Form>, Problems> {
    all(paths, |scenario| Scenario { sweep: None, ..scenario })
}

fn all(paths: &[PathBuf], of: impl Fn(Scenario) -> Scenario) -> Result<Vec<Form>, Problems> {
    let mut forms = Vec::new();
    for path in paths {
        forms.extend(forms_of(path, &of)?);
    }
    Ok(forms)
}

fn forms_of(path: &Path, of: impl Fn(Scenario) -> Scenario) -> Result<Vec<Form>, Problems> {
    let (path, wanted) = split(path);
    let mut forms = Vec::new();
    for (name, file) in scenario::find(&[path])? {
        let (_, scenario) = read(&file)?;
        let of_file = of(scenario).forms().into_iter().map(|(variant, scenario)| Form {
            name: variant.map_or_else(|| name.clone(), |variant| format!("{name}::{variant}")),
            file: file.clone(),
            scenario,
        });
        match &wanted {
            None => forms.extend(of_file),
            Some(variant) => forms.push(pick(of_file.collect(), &name, variant, &file)?),
        }
    }
    Ok(forms)
}

/// `scenarios/flap.ron::clean_exit` is a file and a variant, unless a file has that very name.
fn split(path: &Path) -> (PathBuf, Option<String>) {
    match path.to_str().and_then(|text| text.rsplit_once("::")) {
        Some((file, variant)) if !path.exists() => (PathBuf::from(file), Some(variant.to_owned())),
        _ => (path.to_path_buf(), None),
    }
}

fn pick(forms: Vec<Form>, name: &str, variant: &str, file: &Path) -> Result<Form, Problems> {
    let full = if variant == PLAIN { name.to_owned() } else { format!("{name}::{variant}") };
    let valid: Vec<String> =
        forms.iter().map(|form| form.name.rsplit_once("::").map_or(PLAIN, |(_, variant)| variant).to_owned()).collect();
    forms.into_iter().find(|form| form.name == full).ok_or_else(|| {
        let problem = Problem::new(&Source::unread(file), format!("there is no variant `{variant}`"))
            .expected(format!("one of {}", valid.join(", ")))
            .suggest(variant, valid.iter().map(String::as_str));
        Problems::from(problem)
    })
}

/// Reads and validates one scenario file.
pub fn read(file: &Path) -> Result<(String, Scenario), Problems> {
    let shown = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|why| Problems::from(Problem::new(&Source::unread(file), format!("can't be read: {why}"))))?;
    let scenario = scenario::parse(&text, &shown)?;
    Ok((text, scenario))
}

//! Filling in what a subject file leaves open: `{workers}`, `{address}`, …

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Problems, Source};
use crate::scenario::{Beside, MAIN, NOTIFY_FD, Owns, Pool, Ready, Rolling, Span};

use super::{ORIGINAL, Subject, Unreadable, beside};

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Vars<'a> {
    /// The pool that the scenario asks for.
    pub pool: &'a Pool,
    /// The pools beside it.
    pub beside: &'a [Beside],
    /// Where the subject is to listen: `host:port`.
    pub address: &'a str,
    /// The run's directory.
    pub run: &'a Path,
    /// The subject's folder.
    pub here: &'a Path,
    /// The reference supervisor's program.
    pub supervisor: &'a Path,
    /// The puppet's program.
    pub puppet: &'a Path,
    /// The run's seed.
    pub seed: u64,
}

/// A subject, ready to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The command line.
    pub start: Vec<String>,
    /// Additions to its environment.
    pub env: Vec<(String, String)>,
    /// The configuration file: where it is to be written, and its text.
    pub config: Option<(PathBuf, String)>,
    /// Its other texts by name, with the number of the configuration still open.
    configs: BTreeMap<String, Variant>,
    /// The file into which it writes events.
    pub events: Option<PathBuf>,
    /// The file that the workers' output goes to, if the scenario asks for one.
    pub log: Option<PathBuf>,
}

/// A configuration that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variant {
    /// `None`: there is to be no file with a text.
    text: Option<String>,
    unreadable: Option<Unreadable>,
    serves: bool,
}

/// Another configuration, ready to be put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What is to be in the file's place.
    pub contents: Contents,
    /// Whether a pool can serve with it.
    pub serves: bool,
}

/// What is in the place of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A file.
    Bytes(Vec<u8>),
    /// Nothing.
    Missing,
    /// A folder.
    Directory,
    /// A symbolic link to nothing.
    Dangling,
    /// A named pipe.
    Fifo,
}

/// So many line feeds make a file too long.
const TOO_MANY: usize = 1024 * 1024;

/// Bytes that are no UTF-8, wherever they are.
const NO_TEXT: [u8; 2] = [0xff, b'\n'];

impl Contents {
    fn new(text: Option<String>, unreadable: Option<Unreadable>) -> Self {
        let with = |more: &[u8]| Self::Bytes([text.as_deref().unwrap_or_default().as_bytes(), more].concat());
        match unreadable {
            None if text.is_none() => Self::Missing,
            None => with(&[]),
            Some(Unreadable::Directory) => Self::Directory,
            Some(Unreadable::Dangling) => Self::Dangling,
            Some(Unreadable::Fifo) => Self::Fifo,
            Some(Unreadable::TooLong) => with(&[b'\n'; TOO_MANY]),
            Some(Unreadable::NotText) => with(&NO_TEXT),
        }
    }
}

impl Rendered {
    /// The configuration that a scenario calls `name`, as the `revision`-th; `None` if the subject has none of that name.
    pub fn exchange(&self, name: &str, revision: u32) -> Option<Exchange> {
        let Variant { text, unreadable, serves } = self.configs.get(name)?;
        let text = text.as_deref().map(|text| numbered(text, revision));
        Some(Exchange { contents: Contents::new(text, *unreadable), serves: *serves })
    }
}

/// Fills in the open places of a subject's command line, environment and configuration file. A line of the
/// configuration that asks for something which the scenario leaves to the subject is left out.
///
/// # Errors
/// A name that is not known, or one on the command line for which the scenario gives no value.
pub fn render(subject: &Subject, template: Option<&Source>, vars: &Vars<'_>) -> Result<Rendered, Problems> {
    let mut problems = Vec::new();
    let path = vars.run.join(config_name(subject));
    let source = Source::unread(&vars.here.join("subject.ron"));
    let outlet = vars.pool.output.and_then(|way| subject.outputs.get(&way));
    let bare = Names::new(vars, &path, None);
    let mut early = |text: &String| {
        bare.fill(text).unwrap_or_else(|wrong| {
            problems.push(wrong.problem(&source, text));
            String::new()
        })
    };
    let log = outlet.and_then(|outlet| outlet.file.as_ref()).map(|file| PathBuf::from(early(file)));
    let output = outlet.map(|outlet| early(&outlet.config)).filter(|output| !output.is_empty());
    let mut names = Names::new(vars, &path, output);
    let mut beside_problems = Vec::new();
    if let Some(text) = beside::rendered(subject, vars, &path, &mut beside_problems) {
        names.set("beside", text);
    }
    let mut fill = |text: &String| {
        names.fill(text).unwrap_or_else(|wrong| {
            problems.push(wrong.problem(&source, text));
            String::new()
        })
    };
    let start = subject.start.iter().map(&mut fill).collect();
    let env = subject.env.iter().map(|(key, value)| (key.clone(), fill(value))).collect();
    let events = subject.events.as_ref().map(|events| PathBuf::from(fill(events)));
    problems.extend(beside_problems);
    let original = template.map(|template| names.fill_lines(template, &mut problems));
    let mut configs = BTreeMap::new();
    for (name, one) in template.iter().flat_map(|_| &subject.configs) {
        let text = one.replaced().zip(template).map(|(replaced, template)| {
            let text = replaced.iter().fold(template.text().to_owned(), |text, (from, to)| text.replace(from, to));
            names.fill_lines(&Source::new(template.name(), &text), &mut problems)
        });
        configs.insert(name.clone(), Variant { text, unreadable: one.unreadable(), serves: one.serves() });
    }
    Problems::check(problems)?;
    let config = original.as_ref().map(|text| (path, numbered(text, 1)));
    configs.extend(
        original.map(|text| (ORIGINAL.to_owned(), Variant { text: Some(text), unreadable: None, serves: true })),
    );
    Ok(Rendered { start, env, config, configs, events, log })
}

/// Where a supervisor has what a scenario asks for beside its address, in the run's directory.
pub fn owned(run: &Path, what: Owns) -> PathBuf {
    run.join(match what {
        Owns::Control => "control.sock",
        Owns::Socket => "local.sock",
        Owns::Pidfile => "supervisor.pid",
    })
}

/// The last part of the path of [`workers_directory`].
pub const WORKERS_DIRECTORY: &str = "workers";

/// Where workers run that are to have a directory of their own.
pub fn workers_directory(run: &Path) -> PathBuf {
    run.join(WORKERS_DIRECTORY)
}

/// The last part of the path of [`own_directory`].
pub const OWN_DIRECTORY: &str = "here";

/// Where the supervisor is started if that is to be deleted; it is else the run's directory.
pub fn own_directory(run: &Path) -> PathBuf {
    run.join(OWN_DIRECTORY)
}

/// What a text has in the place of the number of the configuration until it is written.
const REVISION: &str = "{revision}";

fn numbered(text: &str, revision: u32) -> String {
    text.replace(REVISION, &revision.to_string())
}

/// The template's name without its last ending, `.in` by custom.
fn config_name(subject: &Subject) -> String {
    let name = subject.config.as_deref().unwrap_or("config");
    name.strip_suffix(".in").unwrap_or(name).to_owned()
}

/// The known names and their values; `None` is what the scenario leaves to the subject.
pub(super) struct Names(Vec<(&'static str, Option<String>)>);

/// A place that can't be filled in.
enum Wrong {
    Unknown(String),
    NoValue(String),
}

impl Names {
    /// `output`: what the way of the output is in the configuration.
    pub(super) fn new(vars: &Vars<'_>, config: &Path, output: Option<String>) -> Self {
        let path = |path: &Path| Some(path.display().to_string());
        let (host, port) = vars.address.rsplit_once(':').unwrap_or((vars.address, ""));
        let Pool {
            workers,
            limit,
            backoff,
            stable,
            drain,
            lame_duck,
            ready_timeout,
            watchdog,
            handoff,
            output: _,
            owns,
            ready,
            reload,
            handoff_timeout,
            identity,
        } = vars.pool;
        let user = identity.as_ref().and_then(|identity| identity.user);
        let umask = identity.as_ref().and_then(|identity| identity.umask.clone());
        let directory = identity.as_ref().filter(|identity| identity.directory);
        let directory = directory.map(|_| workers_directory(vars.run).display().to_string());
        let nofile = identity.as_ref().and_then(|identity| identity.nofile);
        let millis = |span: Span| span.0.as_millis().to_string();
        let seconds = |span: Span| span.0.as_secs_f64().to_string();
        let whole_limit =
            |limit: &crate::scenario::Limit| format!("(restarts: {}, within: \"{}\")", limit.restarts, limit.within);
        let whole_backoff = |b: &crate::scenario::Backoff| {
            format!("(initial: \"{}\", factor: {}, cap: \"{}\", jitter_percent: 0)", b.initial, b.factor, b.cap)
        };
        let pace = |reload: &Rolling| format!("(surge: {}, at_once: {})", reload.surge, reload.at_once);
        let place = |one: Owns| owns.contains(&one).then(|| owned(vars.run, one).display().to_string());
        Self(vec![
            ("workers", Some(workers.to_string())),
            ("address", Some(vars.address.to_owned())),
            ("host", Some(host.to_owned())),
            ("port", Some(port.to_owned())),
            ("drain", Some(drain.to_string())),
            ("drain_s", Some(seconds(*drain))),
            ("drain_ms", Some(millis(*drain))),
            ("lame_duck", (!lame_duck.is_zero()).then(|| lame_duck.to_string())),
            ("run", path(vars.run)),
            ("here", path(vars.here)),
            ("supervisor", path(vars.supervisor)),
            ("puppet", path(vars.puppet)),
            ("config", path(config)),
            ("name", Some(MAIN.to_owned())),
            ("pool", Some(0.to_string())),
            ("beside", None),
            ("seed", Some(vars.seed.to_string())),
            ("revision", Some(REVISION.to_owned())),
            // A scenario without a limit asks for none, which is not the same as the subject's own.
            ("limit", Some(limit.as_ref().map_or_else(|| "None".to_owned(), whole_limit))),
            ("limit_restarts", limit.map(|limit| limit.restarts.to_string())),
            ("limit_within_ms", limit.map(|limit| millis(limit.within))),
            ("backoff", backoff.as_ref().map(whole_backoff)),
            ("backoff_initial_ms", backoff.map(|backoff| millis(backoff.initial))),
            ("backoff_factor", backoff.map(|backoff| backoff.factor.to_string())),
            ("backoff_cap_ms", backoff.map(|backoff| millis(backoff.cap))),
            ("stable", stable.map(|stable| stable.to_string())),
            ("stable_ms", stable.map(millis)),
            ("ready_timeout", ready_timeout.map(|timeout| timeout.to_string())),
            ("ready_timeout_ms", ready_timeout.map(millis)),
            ("ready", ready.map(|ready| if ready == Ready::AtSpawn { "AtSpawn" } else { "Told" }.to_owned())),
            ("notify_fd", ready.filter(|ready| *ready == Ready::NotifyFd).map(|_| NOTIFY_FD.to_string())),
            ("reload", reload.as_ref().map(pace)),
            ("handoff_timeout", handoff_timeout.map(|timeout| timeout.to_string())),
            ("user", user.map(|user| user.to_string())),
            ("groups", user.map(|_| "[]".to_owned())),
            ("umask", umask),
            ("directory", directory),
            ("limits", nofile.map(|nofile| format!("{{\"nofile\": {nofile}}}"))),
            ("watchdog", watchdog.map(|silence| silence.to_string())),
            ("watchdog_ms", watchdog.map(millis)),
            ("handoff", handoff.map(|handoff| format!("{handoff:?}"))),
            ("output", output),
            ("control", place(Owns::Control)),
            ("socket", place(Owns::Socket)),
            ("pidfile", place(Owns::Pidfile)),
        ])
    }

    /// Another value for a name.
    pub(super) fn set(&mut self, name: &str, value: String) {
        self.0.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, old)| *old = Some(value.clone()));
    }

    fn fill(&self, text: &str) -> Result<String, Wrong> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_place(rest) {
            filled.push_str(before);
            match self.0.iter().find(|(known, _)| *known == name) {
                Some((_, Some(value))) => filled.push_str(value),
                Some((_, None)) => return Err(Wrong::NoValue(name.to_owned())),
                None => return Err(Wrong::Unknown(name.to_owned())),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    pub(super) fn fill_lines(&self, template: &Source, problems: &mut Vec<Problem>) -> String {
        let mut filled = String::new();
        for line in template.text().split_inclusive('\n') {
            match self.fill(line) {
                Ok(line) => filled.push_str(&line),
                Err(Wrong::NoValue(_)) => {}
                Err(wrong @ Wrong::Unknown(_)) => problems.push(wrong.problem(template, line)),
            }
        }
        filled
    }
}

/// The text before the next `{name}`, the name, and the text after it.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('{')?;
        let rest = &text[open + 1..];
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        if end > 0 && rest[end..].starts_with('}') {
            return Some((&text[..open], &rest[..end], &rest[end + 1..]));
        }
        from = open + 1;
    }
}

impl Wrong {
    /// As a problem of `source`, where `text` is the part of it that could not be filled in.
    fn problem(&self, source: &Source, text: &str) -> Problem {
        let (name, problem) = match self {
            Self::NoValue(name) => {
                let what = format!("the scenario gives no value for `{{{name}}}`, and `{text}` needs one");
                (name, Problem::new(source, what))
            }
            Self::Unknown(name) => {
                let known = Names::known();
                let problem = Problem::new(source, format!("`{{{name}}}` is not known"))
                    .expected(format!("one of: {}", known.join(", ")))
                    .suggest(name, known.iter().copied());
                (name, problem)
            }
        };
        match source.text().find(&format!("{{{name}}}")) {
            Some(at) => problem.at(at..at + name.len() + 2),
            None => problem,
        }
    }
}

/// The places in a text whose names are not known.
pub(super) fn unknown_places(text: &str) -> Vec<String> {
    let known = Names::known();
    let mut unknown = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next_place(rest) {
        if !known.contains(&name) {
            unknown.push(name.to_owned());
        }
        rest = after;
    }
    unknown
}

impl Names {
    /// All names that a place can have.
    pub(super) fn known() -> Vec<&'static str> {
        let pool = Pool {
            workers: 1,
            limit: None,
            backoff: None,
            stable: None,
            drain: Span::ZERO,
            lame_duck: Span::ZERO,
            ready_timeout: None,
            watchdog: None,
            handoff: None,
            output: None,
            owns: Vec::new(),
            ready: None,
            reload: None,
            handoff_timeout: None,
            identity: None,
        };
        let nowhere = Path::new("");
        let vars = Vars {
            pool: &pool,
            beside: &[],
            address: "",
            run: nowhere,
            here: nowhere,
            supervisor: nowhere,
            puppet: nowhere,
            seed: 0,
        };
        Self::new(&vars, nowhere, None).0.into_iter().map(|(name, _)| name).collect()
    }
}

//! From the text of a file to a validated configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::kernel::Address;
use crate::policy::defaults;

use super::clash::clashes;
use super::pool::{POOL_FIELDS, named_listeners, pool};
use super::problem::Problems;
use super::read::{Reader, Struct};
use super::{Config, EventSink, PoolConfig, parse_address};

/// The fields that say something about the supervisor; those of a pool stand beside them if there is only one.
const OWN_FIELDS: &[&str] = &["listen", "backlog", "events", "quiet", "control", "pid_file", "pools"];

/// What a pool is called that nobody gave a name.
pub const ONLY_POOL: &str = "main";

/// The longest name of a pool, in bytes.
const POOL_NAME_LIMIT: usize = 64;

/// systemd's limit for a name of LISTEN_FDNAMES.
pub const NAME_LIMIT: usize = 255;

/// Reads a configuration file.
///
/// # Errors
/// Everything that is wrong with it at once; `file_name` is what the problems call it.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    let mut reader = Reader::new(text);
    let known = [POOL_FIELDS, OWN_FIELDS].concat();
    let config = reader.structure(text, "Config", &known).map(|fields| config(&mut reader, &fields));
    let mut list = reader.problems;
    match config {
        Some(config) if list.is_empty() => Ok(config),
        _ => {
            list.sort_by_key(|problem| problem.place.start);
            Err(Problems { file: file_name.to_owned(), text: text.to_owned(), list })
        }
    }
}

fn config(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Config {
    let listen = listen(reader, fields);
    Config {
        pools: pools(reader, fields, &listen),
        listen,
        backlog: reader.value(fields, "backlog", "a number", defaults::BACKLOG),
        events: fields
            .get("events")
            .and_then(|part| reader.read::<Option<PathBuf>>(part, "events", "a file name in quotes").flatten())
            .map(EventSink::File),
        quiet: reader.value(fields, "quiet", "true or false", false),
        control: control(reader, fields),
        pid_file: fields
            .get("pid_file")
            .and_then(|part| reader.read::<Option<PathBuf>>(part, "pid_file", "a file name in quotes").flatten()),
    }
}

/// The pools that are named, or the only one, whose fields stand at the top.
fn pools(reader: &mut Reader<'_>, fields: &Struct<'_>, listen: &[(String, Address)]) -> Vec<PoolConfig> {
    let Some(part) = fields.get("pools") else {
        let only = pool(reader, fields, ONLY_POOL, reader.text, (0..listen.len()).collect());
        together(reader, fields, &only, listen);
        return vec![only];
    };
    for &name in POOL_FIELDS {
        if let Some(stray) = fields.name_of(name) {
            let what = format!("`{name}` belongs into a pool");
            reader.wrong(stray, what, "").help = Some("with `pools`, what is said of a pool stands in it".to_owned());
        }
    }
    let Some(named) = reader.map(part, "pools", "a map: {\"web\": (command: [\"web\"])}") else { return Vec::new() };
    if named.is_empty() {
        reader.wrong(part, "`pools` is empty", "expected at least one");
    }
    let mut pools: Vec<PoolConfig> = Vec::new();
    for (name, text) in named {
        if !is_pool_name(&name) || pools.iter().any(|pool| pool.name == name) {
            let label = format!("expected 1 to {POOL_NAME_LIMIT} letters, digits, `-`, `_` or `.`, and each only once");
            reader.wrong(text, format!("{name:?} can't be the name of a pool"), label);
        } else if pools.len() > usize::from(u16::MAX) {
            reader.wrong(text, "too many pools", "expected at most 65535");
        } else if let Some(fields) = reader.structure(text, "Pool", &[POOL_FIELDS, &["listen"]].concat()) {
            let named = named_listeners(reader, &fields, listen);
            let pool = pool(reader, &fields, &name, text, named);
            together(reader, &fields, &pool, listen);
            pools.push(pool);
        }
    }
    pools
}

/// What is said of a pool and does not go together; who says nothing wrong of a field has its default.
fn together(reader: &mut Reader<'_>, fields: &Struct<'_>, pool: &PoolConfig, listen: &[(String, Address)]) {
    for clash in clashes(pool, listen) {
        if let Some(part) = fields.get(clash.field) {
            reader.wrong(part, clash.what, clash.label).help = Some(clash.help);
        }
    }
}

/// A name that can stand in an event, before a line of output and on the command line.
fn is_pool_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    (1..=POOL_NAME_LIMIT).contains(&name.len()) && name.chars().all(fits)
}

fn control(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Option<PathBuf> {
    let part = fields.get("control")?;
    let path = reader.read::<Option<PathBuf>>(part, "control", "the path of a Unix socket in quotes").flatten()?;
    if let Err(expected) = parse_address(&format!("unix:{}", path.display())) {
        reader.wrong(part, "`control` is no path of a Unix socket", expected);
    }
    Some(path)
}

fn listen(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Vec<(String, Address)> {
    let Some(part) = fields.get("listen") else { return Vec::new() };
    let map: BTreeMap<String, String> =
        reader.read(part, "listen", "a map: {\"web\": \"127.0.0.1:8080\"}").unwrap_or_default();
    let mut listen: Vec<(String, Address)> = Vec::new();
    for (name, text) in map {
        if name.is_empty() || name.len() > NAME_LIMIT || name.contains(|c: char| c == ':' || c.is_control()) {
            let label = format!("a name has 1 to {NAME_LIMIT} bytes, none of them a colon or a control character");
            reader.wrong(part, format!("`listen`: {name:?} can't be a name"), label);
        }
        match parse_address(&text) {
            Ok(address) if listen.iter().any(|(_, other)| *other == address && !is_any_port(&address)) => {
                reader.wrong(part, format!("`listen`: {text} is there twice"), "");
            }
            Ok(address) => listen.push((name, address)),
            Err(expected) => {
                let quoted = format!("\"{text}\"");
                let found = part.find(&quoted).map_or(part, |at| &part[at..at + quoted.len()]);
                reader.wrong(found, format!("`listen`: {text:?} is no address"), expected);
            }
        }
    }
    listen
}

fn is_any_port(address: &Address) -> bool {
    use Address::{Tcp, Udp};
    matches!(address, Tcp(socket) | Udp(socket) if socket.port() == 0)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;

//! The part of the file that says what a worker is before its program runs: user, directory, limits and so on.

use std::ffi::CString;
use std::path::PathBuf;

use nix::unistd::{Gid, Group, User, getgrouplist};
use serde::Deserialize;

use crate::kernel::{Resource, ResourceLimit, Setup};

use super::problem::nearest;
use super::read::{Reader, Struct};

/// The names of resources, as `limits` has them.
const RESOURCES: &[(&str, Resource)] = &[
    ("as", Resource::As),
    ("core", Resource::Core),
    ("cpu", Resource::Cpu),
    ("data", Resource::Data),
    ("fsize", Resource::Fsize),
    ("memlock", Resource::Memlock),
    ("nofile", Resource::Nofile),
    ("nproc", Resource::Nproc),
    ("stack", Resource::Stack),
];

/// A user or a group, by name or number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Who {
    Number(u32),
    Name(String),
}

/// What the fields say. Names are looked up now, once: what the answer is must not change while workers are replaced.
pub fn setup(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Setup {
    let mut setup = Setup {
        umask: umask(reader, fields),
        directory: directory(reader, fields),
        limits: limits(reader, fields),
        ..Setup::default()
    };
    user(reader, fields, &mut setup);
    if let Some(part) = fields.get("group") {
        setup.group = reader.read(part, "group", "a name or number").and_then(|who| group(reader, part, who));
    }
    if let Some(part) = fields.get("groups") {
        let list: Vec<Who> = reader.read(part, "groups", "names or numbers: [\"www\", 33]").unwrap_or_default();
        setup.groups = Some(list.into_iter().filter_map(|who| group(reader, part, who)).collect());
    }
    setup
}

/// A user brings its own group and groups, as at a login, unless the file names others.
fn user(reader: &mut Reader<'_>, fields: &Struct<'_>, setup: &mut Setup) {
    let Some(part) = fields.get("user") else { return };
    let Some(who) = reader.read(part, "user", "a name or number") else { return };
    let (found, shown) = match &who {
        Who::Number(number) => (User::from_uid((*number).into()), number.to_string()),
        Who::Name(name) => (User::from_name(name), name.clone()),
    };
    match (found, who) {
        (Ok(Some(user)), _) => {
            setup.user = Some(user.uid.as_raw());
            setup.group = Some(user.gid.as_raw());
            setup.groups = Some(groups_of(&user));
        }
        // A number needs no entry anywhere.
        (_, Who::Number(number)) => {
            setup.user = Some(number);
            setup.groups = Some(Vec::new());
        }
        (Ok(None), Who::Name(_)) => drop(reader.wrong(part, format!("there is no user {shown:?} on this host"), "")),
        (Err(errno), Who::Name(_)) => {
            reader.wrong(part, format!("can't look up the user {shown:?}: {}", errno.desc()), "");
        }
    }
}

fn groups_of(user: &User) -> Vec<u32> {
    let name = CString::new(user.name.as_str()).unwrap_or_default();
    getgrouplist(&name, user.gid).unwrap_or_default().into_iter().map(Gid::as_raw).collect()
}

fn group(reader: &mut Reader<'_>, part: &str, who: Who) -> Option<u32> {
    let name = match who {
        Who::Number(number) => return Some(number),
        Who::Name(name) => name,
    };
    match Group::from_name(&name) {
        Ok(Some(group)) => return Some(group.gid.as_raw()),
        Ok(None) => reader.wrong(part, format!("there is no group {name:?} on this host"), ""),
        Err(errno) => reader.wrong(part, format!("can't look up the group {name:?}: {}", errno.desc()), ""),
    };
    None
}

fn umask(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Option<u32> {
    let part = fields.get("umask")?;
    let expected = "three octal digits in quotes: \"027\"";
    let text: String = reader.read(part, "umask", expected)?;
    let mask = u32::from_str_radix(&text, 8).ok().filter(|mask| *mask <= 0o777);
    if mask.is_none() {
        reader.wrong(part, format!("`umask`: {text:?} is no mask"), format!("expected {expected}"));
    }
    mask
}

fn directory(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Option<PathBuf> {
    let part = fields.get("directory")?;
    let path: PathBuf = reader.read(part, "directory", "an absolute path in quotes")?;
    if !path.is_absolute() {
        reader.wrong(part, "`directory` is not absolute", "expected a path that begins with /");
    }
    Some(path)
}

fn limits(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Vec<ResourceLimit> {
    let Some(part) = fields.get("limits") else { return Vec::new() };
    let Some(entries) = reader.map(part, "limits", "a map: {\"nofile\": 4096}") else { return Vec::new() };
    let mut limits: Vec<ResourceLimit> = Vec::new();
    for (name, value) in entries {
        let Some(&(_, resource)) = RESOURCES.iter().find(|(known, _)| *known == name) else {
            let help = nearest(&name, RESOURCES.iter().map(|(known, _)| *known));
            reader.wrong(part, format!("`limits`: there is no resource {name:?}"), "").help = Some(help);
            continue;
        };
        if limits.iter().any(|limit| limit.resource == resource) {
            reader.wrong(value, format!("`limits`: {name:?} is there twice"), "");
        } else if let Some((soft, hard)) = limit(reader, value) {
            limits.push(ResourceLimit { resource, soft, hard });
        }
    }
    limits
}

/// Soft and hard limit; one value is both.
fn limit(reader: &mut Reader<'_>, value: &str) -> Option<(Option<u64>, Option<u64>)> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(One),
        Two(One, One),
    }
    #[derive(Clone, Deserialize)]
    #[serde(untagged)]
    enum One {
        Number(u64),
        Word(String),
    }
    let expected = "a number, \"unlimited\", or both limits: (1024, 4096)";
    let (soft, hard) = match reader.read(value, "limits", expected)? {
        Written::One(both) => (both.clone(), both),
        Written::Two(soft, hard) => (soft, hard),
    };
    let mut read = |one: One| match one {
        One::Number(number) => Some(Some(number)),
        One::Word(word) if word == "unlimited" => Some(None),
        One::Word(word) => {
            reader.wrong(value, format!("`limits`: {word:?} is no limit"), format!("expected {expected}"));
            None
        }
    };
    let (soft, hard) = (read(soft)?, read(hard)?);
    if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
        reader.wrong(value, "`limits`: the soft limit is above the hard one", "expected (soft, hard)");
    }
    Some((soft, hard))
}

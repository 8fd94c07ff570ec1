//! The rules of the house, as tests: who may import whom, what the pure rooms may not touch, how long a file may be.
//! Each rule is a function from a file to what is wrong with it; the last tests show that each of them can fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A source file: its path from the root of the workspace, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it is a test as a whole.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.split('/').any(|part| part == "tests")
            || ["tests.rs", "testing.rs"].contains(&name)
            || name.ends_with("_tests.rs")
    }

    /// Its code: without comments, and without the test module at its end.
    fn code(&self) -> String {
        let shipped = match self.text.find("#[cfg(test)]\nmod tests {") {
            Some(end) => &self.text[..end],
            None => &self.text,
        };
        let strip = |line: &str| line.split_once("//").map_or(line, |(code, _)| code).to_owned();
        shipped.lines().map(strip).collect::<Vec<_>>().join("\n")
    }

    /// `("harness", "director")` of `harness/src/director/act.rs`.
    fn room(&self) -> Option<(&str, &str)> {
        let (package, rest) = self.path.split_once("/src/")?;
        let room = rest.split('/').next()?;
        Some((package, room.strip_suffix(".rs").unwrap_or(room)))
    }

    /// The rooms of its own crate that it names.
    fn names(&self) -> BTreeSet<String> {
        let code = self.code();
        let mut named = BTreeSet::new();
        for rest in code.split("crate::").skip(1) {
            if let Some(group) = rest.strip_prefix('{') {
                named.extend(top_level(group).into_iter().map(word));
            } else {
                named.insert(word(rest));
            }
        }
        named
    }
}

/// The identifier at the beginning of a text.
fn word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The members of a braced group, without those of the groups inside it.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                return members;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

/// The table of rooms in a crate's documentation; a room may name those above it.
fn rooms(lib: &str) -> Vec<String> {
    let row = |line: &str| {
        line.strip_prefix("//! | [`").and_then(|rest| rest.split_once('`')).map(|(room, _)| room.to_owned())
    };
    lib.lines().filter_map(row).collect()
}

/// Rooms that may name fewer than those above them.
const CLOSED: &[(&str, &str, &[&str])] = &[
    ("supervisor", "policy", &[]),
    ("supervisor", "core", &["policy"]),
    ("harness", "invariant", &["scenario", "history", "verdict", "subject", "time"]),
];

fn imports(source: &Source, order: &[String]) -> Vec<String> {
    let Some((package, room)) = source.room().filter(|(_, room)| !["lib", "main"].contains(room)) else {
        return Vec::new();
    };
    if source.is_test() {
        return Vec::new();
    }
    let Some(own) = order.iter().position(|known| known == room) else {
        return vec![format!("{}: the room `{room}` is not in the table of lib.rs", source.path)];
    };
    let closed = CLOSED.iter().find(|(of, name, _)| (*of, *name) == (package, room)).map(|(_, _, may)| *may);
    let wrong = |named: &String| {
        let may = match closed {
            Some(may) => may.contains(&named.as_str()),
            None => order.iter().position(|known| known == named).is_none_or(|at| at < own),
        };
        named != room && order.contains(named) && !may
    };
    source.names().into_iter().filter(wrong).map(|named| format!("{}: {room} names {named}", source.path)).collect()
}

/// The harness is black-box: only the simulation, which runs the shipped shell and core, names our supervisor.
fn black_box(source: &Source) -> Vec<String> {
    let inside = source.path.starts_with("harness/src/") && !source.path.starts_with("harness/src/world/sim/");
    let code = source.code();
    let named = code.match_indices("supervisor::").any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && !code[..at].ends_with("super::")
            && !code[..at].ends_with("crate::world::sim::")
            && !code[..at].ends_with("self::")
    });
    if inside && named { vec![format!("{}: names the crate `supervisor`", source.path)] } else { Vec::new() }
}

const PURE: &[&str] = &[
    "supervisor/src/policy/",
    "supervisor/src/core/",
    "harness/src/director/",
    "harness/src/invariant/",
    "harness/src/puppet/core.rs",
    "harness/src/puppet/input.rs",
    "harness/src/puppet/script.rs",
    "harness/src/load/",
];

const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "sleep(",
    "std::thread",
    "thread::",
    "HashMap",
    "HashSet",
    "RandomState",
    "rand::",
    "getrandom",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "nix::",
    "rustix::",
    "libc::",
];

/// No clock, sleep, thread, randomness, I/O or hash order where every outcome must follow from the inputs.
fn pure(source: &Source) -> Vec<String> {
    if source.is_test() || !PURE.iter().any(|room| source.path.starts_with(room)) {
        return Vec::new();
    }
    let code = source.code();
    let mut found: Vec<&str> = IMPURE.iter().copied().filter(|word| code.contains(word)).collect();
    if code.lines().any(|line| line.contains("std::time") && line.contains("Instant")) {
        found.push("std::time::Instant");
    }
    found.into_iter().map(|word| format!("{}: `{word}` in a pure room", source.path)).collect()
}

const LINES: usize = 500;

fn short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines > LINES { vec![format!("{}: {lines} lines, more than {LINES}", source.path)] } else { Vec::new() }
}

fn sound(source: &Source) -> Vec<String> {
    // This file has it in strings only.
    let rooms = ["harness/src/world/real/sys.rs", "tests/house.rs"];
    let may = source.path.starts_with("supervisor/src/unix/") || rooms.contains(&source.path.as_str());
    let code = source.code();
    let used =
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe("].iter().any(|form| code.contains(form));
    if used && !may { vec![format!("{}: `unsafe` outside its rooms", source.path)] } else { Vec::new() }
}

/// A mod.rs is a table of contents.
fn contents(source: &Source) -> Vec<String> {
    if !source.path.ends_with("/mod.rs") || source.is_test() {
        return Vec::new();
    }
    let code = source.code();
    let item = |item: &&str| {
        let visible = item.strip_prefix("pub").map_or(*item, |rest| match rest.split_once(") ") {
            Some((scope, rest)) if scope.starts_with('(') => rest,
            _ => rest.trim_start(),
        });
        !visible.is_empty() && !visible.starts_with("mod ") && !visible.starts_with("use ")
    };
    let without_attributes: String =
        code.lines().filter(|line| !line.trim_start().starts_with("#[")).collect::<Vec<_>>().join("\n");
    let items: Vec<&str> = without_attributes.split(';').map(str::trim).collect();
    let wrong = items.iter().find(|text| item(text)).map(|text| text.lines().next().unwrap_or_default().to_owned());
    wrong.into_iter().map(|line| format!("{}: more than modules and re-exports: `{line}`", source.path)).collect()
}

/// How many lines of these rooms are shipped: without tests, comments included.
fn shipped_lines<'a>(sources: impl IntoIterator<Item = &'a Source>, rooms: &[&str]) -> usize {
    let counted = |source: &&Source| !source.is_test() && rooms.iter().any(|room| source.path.starts_with(room));
    sources.into_iter().filter(counted).map(|source| source.code().lines().count()).sum()
}

/// Every Rust source of the workspace.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<_> =
        ["supervisor", "harness", "tests", "benches"].iter().map(|room| root.join(room)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                found.push(Source { path: name, text: fs::read_to_string(&path).expect("a readable source") });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 50, "the sources are where they were: {}", found.len());
    found
}

fn order(package: &str, sources: &[Source]) -> Vec<String> {
    let lib = format!("{package}/src/lib.rs");
    let order = sources.iter().find(|source| source.path == lib).map(|source| rooms(&source.text)).unwrap_or_default();
    assert!(order.len() > 5, "{lib} has its table of rooms");
    order
}

fn nothing(wrong: impl Iterator<Item = String>) {
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_point_one_way() {
    let sources = sources();
    for package in ["supervisor", "harness"] {
        let order = order(package, &sources);
        let mine = sources.iter().filter(|source| source.room().is_some_and(|(of, _)| of == package));
        nothing(mine.flat_map(|source| imports(source, &order)));
    }
}

#[test]
fn only_the_simulation_knows_our_supervisor() {
    nothing(sources().iter().flat_map(black_box));
}

#[test]
fn pure_rooms_are_pure() {
    nothing(sources().iter().flat_map(pure));
}

#[test]
fn no_file_is_too_long() {
    nothing(sources().iter().flat_map(short));
}

#[test]
fn unsafe_stays_in_its_rooms() {
    nothing(sources().iter().flat_map(sound));
}

#[test]
fn a_mod_rs_only_lists_and_re_exports() {
    nothing(sources().iter().flat_map(contents));
}

#[test]
fn policy_and_core_can_be_read_in_an_evening() {
    let lines = shipped_lines(&sources(), &["supervisor/src/policy/", "supervisor/src/core/"]);
    // Several pools, scaling, hang detection, lame ducks, a reload that can be taken back and pools that change together or not
    // at all are in it; nothing else should be.
    assert!(lines <= 2350, "policy and core have {lines} lines without tests");
}

#[test]
fn an_import_that_points_up_is_found() {
    let order: Vec<String> = ["time", "history", "invariant", "world"].map(str::to_owned).into();
    let check = |path: &str, text: &str| imports(&Source::new(path, text), &order);
    assert_eq!(
        check("harness/src/history/a.rs", "use crate::world::Plan;"),
        ["harness/src/history/a.rs: history names world"]
    );
    assert_eq!(check("harness/src/time.rs", "use crate::{\n    history::{Event, What},\n};").len(), 1);
    assert_eq!(check("harness/src/world/a.rs", "fn f() { crate::history::f(); }"), Vec::<String>::new());
    assert_eq!(check("harness/src/time.rs", "// crate::world is above\nuse crate::time::Time;"), Vec::<String>::new());
    assert_eq!(check("harness/src/attic/a.rs", "").len(), 1, "a room that nobody knows");
    let closed: Vec<String> = ["load", "invariant"].map(str::to_owned).into();
    assert_eq!(imports(&Source::new("harness/src/invariant/a.rs", "use crate::load::Clients;"), &closed).len(), 1);
    assert_eq!(rooms("//! | [`a`] | x |\n//! | [`b`] | y |\n//! text"), ["a", "b"]);
}

#[test]
fn knowing_our_supervisor_is_found() {
    let check = |path: &str, text: &str| black_box(&Source::new(path, text)).len();
    assert_eq!(check("harness/src/world/real/a.rs", "use supervisor::policy::Limit;"), 1);
    assert_eq!(check("harness/src/cli/a.rs", "fn f() { let _ = ::supervisor::config::parse; }"), 1);
    assert_eq!(check("harness/src/world/sim/a.rs", "use supervisor::policy::Limit;"), 0);
    assert_eq!(check("harness/src/world/real/a.rs", "use super::supervisor::Handle; // supervisor::x"), 0);
}

#[test]
fn an_impure_room_is_found() {
    let check = |path: &str, text: &str| pure(&Source::new(path, text)).len();
    let core = "supervisor/src/core/a.rs";
    for text in [
        "use std::time::{Duration, Instant};",
        "std::thread::sleep(span);",
        "use std::collections::HashMap;",
        "let now = SystemTime::now();",
        "use std::fs;",
    ] {
        assert!(check(core, text) > 0, "{text}");
    }
    assert_eq!(
        check(core, "use std::collections::BTreeMap; // not a HashMap\n#[cfg(test)]\nmod tests {\nuse std::fs;\n}"),
        0
    );
    assert_eq!(check("supervisor/src/unix/a.rs", "use std::fs;"), 0);
    assert_eq!(check("supervisor/src/core/tests/a.rs", "use std::fs;"), 0);
}

#[test]
fn a_long_file_unsound_code_and_a_full_mod_rs_are_found() {
    assert_eq!(short(&Source::new("a.rs", &"\n".repeat(LINES + 1))).len(), 1);
    assert_eq!(short(&Source::new("a.rs", &"\n".repeat(LINES))).len(), 0);
    let block = "fn f() { unsafe { g() } }";
    assert_eq!(sound(&Source::new("harness/src/load/a.rs", block)).len(), 1);
    assert_eq!(sound(&Source::new("harness/src/world/real/sys.rs", block)).len(), 0);
    let full = |text| contents(&Source::new("harness/src/a/mod.rs", text)).len();
    assert_eq!(full("mod a;\nfn f() {}\n"), 1);
    assert_eq!(full("pub struct S;\n"), 1);
    let table =
        "//! Doc.\nmod a;\n#[cfg(test)]\nmod tests;\npub(crate) mod b;\npub use a::{\n    A,\n    B,\n};\nuse c::d;\n";
    assert_eq!(full(table), 0);
}

#[test]
fn tests_are_not_counted_as_shipped() {
    let core = Source::new("supervisor/src/core/a.rs", "a\nb\n#[cfg(test)]\nmod tests {\nc\n}\n");
    let test = Source::new("supervisor/src/core/tests/b.rs", "a\n");
    assert_eq!(shipped_lines([&core, &test], &["supervisor/src/core/"]), 2);
}

//! Whatever a file or a line holds: a parser answers, says what is wrong, and neither panics nor takes for ever. Real files
//! are broken in many ways: bytes flipped, parts cut out, doubled or exchanged, brackets opened ten thousand times.
//!
//! The gate draws the same cases each time; `PROPTEST_CASES=20000 cargo test --release --test fuzz` is a campaign, which
//! draws others.

#[path = "fuzz/demands.rs"]
#[expect(dead_code, reason = "more is demanded here of subjects and histories")]
mod demands;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use harness::history::{History, Timeline};
use harness::invariant::{self, Slack};
use harness::report::{Style, conform, finding_lines, html};
use harness::scenario;
use harness::search::Seen;
use harness::subject;
use harness::verdict::Verdict;
use harness::world::sim::{self, Counters};
use harness::world::{Bins, Plan};
use nix::sys::resource::{Resource, setrlimit};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use supervisor::control::decode_request;

/// No parser needs longer for what fits into these files, not even beside other tests.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the whole program may map; a parser that takes more is stopped by it.
const MEMORY: u64 = 4 << 30;

/// One way to break a file. Places are parts of its length, in 1/65536.
#[derive(Clone, Debug)]
enum Break {
    Flip(u16, u8),
    Cut(u16, u16),
    Truncate(u16),
    Double(u16, u16),
    /// A piece of the file instead of another.
    Move(u16, u16, u16),
    Insert(u16, &'static str),
    Nest(u16, &'static str, u16),
}

/// What parsers are known to stumble over.
const TOKENS: [&str; 20] = [
    "\u{0}",
    "\u{feff}",
    "\u{10ffff}",
    "\r\n",
    "\"",
    "\\",
    "\\u{110000}",
    "/*",
    "//",
    "#![enable(unwrap_newtypes)]",
    "Some(",
    "-1",
    "18446744073709551616",
    "1e999",
    "NaN",
    "99999999999999999y",
    "0ns",
    "null",
    "r#\"",
    "'",
];
const OPENERS: [&str; 5] = ["(", "[", "{", "Some(", "[{\"a\":"];

fn breaks() -> impl Strategy<Value = Vec<Break>> {
    let token = prop::sample::select(TOKENS.to_vec());
    let opener = prop::sample::select(OPENERS.to_vec());
    let one = prop_oneof![
        6 => (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Break::Flip(at, byte)),
        3 => (any::<u16>(), 0..2000_u16).prop_map(|(at, length)| Break::Cut(at, length)),
        1 => any::<u16>().prop_map(Break::Truncate),
        2 => (any::<u16>(), 0..4000_u16).prop_map(|(at, length)| Break::Double(at, length)),
        3 => (any::<u16>(), any::<u16>(), 0..2000_u16).prop_map(|(from, to, length)| Break::Move(from, to, length)),
        4 => (any::<u16>(), token).prop_map(|(at, token)| Break::Insert(at, token)),
        1 => (any::<u16>(), opener, 1..10_000_u16).prop_map(|(at, opener, times)| Break::Nest(at, opener, times)),
    ];
    prop::collection::vec(one, 1..5)
}

fn broken(bytes: &[u8], breaks: &[Break]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for one in breaks {
        let place = |at: u16| bytes.len() * usize::from(at) / 65536;
        let piece = |at: u16, length: u16| {
            let from = place(at);
            from..(from + bytes.len() * usize::from(length) / 65536).min(bytes.len())
        };
        match *one {
            Break::Flip(at, byte) => {
                let at = place(at);
                if let Some(there) = bytes.get_mut(at) {
                    *there ^= byte;
                }
            }
            Break::Cut(at, length) => drop(bytes.drain(piece(at, length))),
            Break::Truncate(at) => bytes.truncate(place(at)),
            Break::Double(at, length) => {
                let range = piece(at, length);
                let copy = bytes[range.clone()].to_vec();
                drop(bytes.splice(range.start..range.start, copy));
            }
            Break::Move(from, to, length) => {
                let copy = bytes[piece(from, length)].to_vec();
                let to = piece(to, length);
                drop(bytes.splice(to, copy));
            }
            Break::Insert(at, token) => {
                let at = place(at);
                drop(bytes.splice(at..at, token.bytes()));
            }
            Break::Nest(at, opener, times) => {
                let at = place(at);
                drop(bytes.splice(at..at, opener.repeat(usize::from(times)).into_bytes()));
            }
        }
    }
    bytes
}

/// Breaks each of these files in many ways and hands them to `parse`, which must come back, and soon.
fn survives(files: &[(String, Vec<u8>)], cases: u32, parse: impl Fn(&[u8])) {
    assert!(!files.is_empty());
    setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY).expect("less memory is always to be had");
    let default = ProptestConfig::default();
    let campaign = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig {
        cases: if campaign { default.cases } else { cases },
        rng_seed: if campaign { RngSeed::Random } else { RngSeed::Fixed(1) },
        failure_persistence: None,
        ..default
    };
    let strategy = (0..files.len(), breaks());
    let outcome = TestRunner::new(config).run(&strategy, |(file, breaks)| {
        let text = broken(&files[file].1, &breaks);
        let began = Instant::now();
        parse(&text);
        let took = began.elapsed();
        prop_assert!(took < PATIENCE, "{} took {took:?}", files[file].0);
        Ok(())
    });
    outcome.unwrap_or_else(|why| panic!("{why}"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Every file below a folder whose name ends like this.
fn files(folder: &str, ends: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ends) {
                found.push((path.display().to_string(), fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn scenario_files() {
    let mut all = files("scenarios", ".ron");
    all.extend(files("tests/grammar", ".ron"));
    survives(&all, 1500, demands::scenario);
}

#[test]
fn subject_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("subject.ron");
    survives(&files("harness/subjects", "subject.ron"), 600, |bytes| {
        fs::write(&path, bytes).unwrap();
        if let Err(problems) = subject::load(&path.display().to_string()) {
            assert!(!problems.to_string().is_empty());
        }
        drop(subject::parse_profile(&text(bytes), "profile"));
    });
}

/// What `harness run` would have written of one simulated run of each of these.
static HISTORIES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let (subject, subject_dir) = subject::load("reference").unwrap_or_else(|problems| panic!("{problems}"));
    let written = |name: &str| {
        let file = fs::read_to_string(root().join("scenarios").join(name).with_extension("ron")).unwrap();
        let scenario = scenario::parse(&file, name).unwrap_or_else(|problems| panic!("{problems}"));
        let (_, scenario) = scenario.forms().swap_remove(0);
        let (subject, subject_dir) = (subject.clone(), subject_dir.clone());
        let plan = Plan { name: name.to_owned(), scenario, subject, subject_dir, seed: 1, bins: Bins::default() };
        let mut text = Vec::new();
        sim::run(&plan).write(&mut text).unwrap();
        (name.to_owned(), text)
    };
    ["life", "flap", "reload/configuration", "hang/workers"].map(written).into()
});

/// A history is broken line by line as well: most of it can be read then, and what makes no sense has to be judged.
#[test]
fn histories() {
    survives(&HISTORIES, 300, |bytes| {
        let text = text(bytes);
        drop(History::read(&text, "x.jsonl").map_err(|why| why.to_string()));
        let sound = |line: &&str| serde_json::from_str::<harness::history::Event>(line).is_ok();
        let whole = &HISTORIES.iter().find(|(_, whole)| whole.len() > 100).expect("a history").1;
        let header = String::from_utf8_lossy(whole).lines().next().unwrap_or_default().to_owned();
        let events: Vec<&str> = text.lines().filter(sound).collect();
        let history = History::read(&format!("{header}\n{}", events.join("\n")), "x.jsonl").expect("sound lines");
        judged(&history);
    });
}

fn judged(history: &History) {
    let scenario = scenario::parse(&history.header.scenario, "header").expect("our own");
    let profile = subject::parse_profile(&history.header.profile, "header").expect("our own");
    drop(Timeline::read(history));
    let findings = invariant::judge(&scenario, &profile, history, Slack::default());
    for finding in &findings {
        let broke_down = matches!(&finding.verdict, Verdict::Inconclusive { why } if why.contains("broke down"));
        assert!(!broke_down, "{} broke down", finding.id);
    }
    drop(Seen::new(&scenario, history, Counters::default()).situations());
    let judged = conform(findings, &[], "x");
    finding_lines(&judged, Style::Plain, &mut Vec::new()).expect("a vector");
    html(history, &judged, &mut Vec::new()).expect("a vector");
}

#[test]
fn configurations_of_the_supervisor() {
    let mut all = files("examples", "pool.ron");
    all.extend(files("examples", "pools.ron"));
    all.extend(files("harness/subjects", ".ron.in"));
    survives(&all, 1000, demands::configuration);
}

#[test]
fn lines_of_workers_and_operators() {
    let requests = [
        r#"{"do":"scale","pool":"web","workers":3}"#,
        r#"{"do":"scale","pool":"web","by":-1,"wait":false}"#,
        r#"{"do":"restart","who":"web/1.7"}"#,
        r#"{"do":"logs","who":"web","lines":10,"follow":true}"#,
        r#"{"do":"publish","topic":"rates","data":{"eur":1.5}}"#,
    ];
    for request in requests {
        // Else only the first look at a request is tried.
        assert!(decode_request(request.as_bytes()).is_ok(), "{request}");
    }
    let lines = [
        r#"{"act":"ready"}"#,
        r#"{"act":"suicide"}"#,
        r#"{"act":"accepted","seq":12}"#,
        r#"{"act":"subscribe","topic":"rates"}"#,
        r#"{"act":"publish","topic":"rates","data":{"eur":1.5}}"#,
        r#"{"cmd":"NODE_HANDLE_NACK"}"#,
        r#"{"cmd":"NODE_HANDLE","type":"net.Socket","msg":{"act":"suicide"}}"#,
        r#"{"cmd":"NODE_CLUSTER","act":"close","key":"127.0.0.1:80:4:-1:0"}"#,
        r#"{"cmd":"NODE_CLUSTER","act":"queryServer","index":0,"data":null,"seq":1,"address":"127.0.0.1","port":80,"addressType":4,"fd":-1,"flags":0}"#,
        "READY=1\nSTATUS=up\nMAINPID=12\nWATCHDOG=1",
    ];
    let lines: Vec<_> =
        lines.iter().chain(&requests).map(|line| ((*line).to_owned(), format!("{line}\n").into_bytes())).collect();
    survives(&lines, 5000, |bytes| {
        demands::channel(bytes);
        demands::control(bytes);
        demands::notify(bytes);
    });
}

/// The other tests are worth something only if a parser that can't stand this is found out.
#[test]
#[should_panic(expected = "too deep for me")]
fn a_parser_that_breaks_down_is_found_out() {
    let file = [("x.ron".to_owned(), b"(title: \"t\", pool: (workers: 1))".to_vec())];
    survives(&file, 300, |bytes| assert!(!text(bytes).contains("(((((((("), "too deep for me"));
}

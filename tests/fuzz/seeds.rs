//! Writes what each target begins with into its `corpus` folder, where what it finds comes as well.

use std::fs;
use std::io;
use std::path::Path;

use harness::world::{Bins, Plan, sim};
use harness::{scenario, subject};

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut configurations = Vec::new();
    below(&here.join("../../examples"), ".ron", &mut configurations)?;
    below(&here.join("../../harness/subjects"), ".ron.in", &mut configurations)?;
    let (mut scenarios, mut subjects) = (Vec::new(), Vec::new());
    below(&here.join("../../scenarios"), ".ron", &mut scenarios)?;
    below(&here.join("../../harness/subjects"), "subject.ron", &mut subjects)?;
    let targets = [
        ("channel", words()),
        ("configuration", configurations),
        ("control", requests()),
        ("history", histories(&here.join("../../scenarios"))?),
        ("notify", notices()),
        ("scenario", scenarios),
        ("subject", subjects),
    ];
    for (target, seeds) in targets {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (nth, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{nth}")), seed)?;
        }
    }
    Ok(())
}

/// Every file below a folder whose name ends like this.
fn below(folder: &Path, ends: &str, found: &mut Vec<Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            below(&path, ends, found)?;
        } else if path.to_string_lossy().ends_with(ends) {
            found.push(fs::read(&path)?);
        }
    }
    Ok(())
}

/// One simulated run of each of these.
fn histories(suite: &Path) -> io::Result<Vec<Vec<u8>>> {
    let (subject, subject_dir) = subject::load("reference").map_err(io::Error::other)?;
    let mut found = Vec::new();
    for name in ["life", "flap", "hang/workers"] {
        let text = fs::read_to_string(suite.join(name).with_extension("ron"))?;
        let scenario = scenario::parse(&text, name).map_err(io::Error::other)?;
        let (subject, subject_dir) = (subject.clone(), subject_dir.clone());
        let plan = Plan { name: name.to_owned(), scenario, subject, subject_dir, seed: 1, bins: Bins::default() };
        let mut text = Vec::new();
        sim::run(&plan).write(&mut text)?;
        found.push(text);
    }
    Ok(found)
}

/// What workers say through their channel.
fn words() -> Vec<Vec<u8>> {
    lines(&[
        r#"{"act":"ready"}"#,
        r#"{"act":"suicide"}"#,
        r#"{"act":"extend","ms":1500}"#,
        r#"{"act":"accepted","seq":12}"#,
        r#"{"act":"publish","topic":"rates","data":{"eur":1.5}}"#,
        r#"{"act":"subscribe","topics":["rates","days"]}"#,
        r#"{"cmd":"NODE_HANDLE_ACK"}"#,
        r#"{"cmd":"NODE_HANDLE","type":"net.Native","msg":{"act":"ready"}}"#,
        r#"{"cmd":"NODE_CLUSTER","act":"queryServer","index":0,"data":null,"seq":1,"address":"127.0.0.1","port":80,"addressType":4,"fd":-1,"flags":0}"#,
        r#"{"cmd":"NODE_CLUSTER","act":"close","key":"127.0.0.1:80:4:-","seq":2}"#,
        r#"{"cmd":"NODE_CLUSTER","ack":3,"accepted":true}"#,
    ])
}

/// What they say beside it.
fn notices() -> Vec<Vec<u8>> {
    lines(&["READY=1\nSTATUS=up\nMAINPID=12\nWATCHDOG=1", "WATCHDOG_USEC=500000\nEXTEND_TIMEOUT_USEC=7\nSTOPPING=1"])
}

/// What operators ask for, and what they are answered.
fn requests() -> Vec<Vec<u8>> {
    lines(&[
        r#"{"do":"scale","pool":"web","workers":3,"id":7}"#,
        r#"{"do":"scale","pool":"web","by":-1,"wait":false}"#,
        r#"{"do":"restart","who":"web/1.7"}"#,
        r#"{"do":"logs","who":"web","lines":10,"follow":true}"#,
        r#"{"do":"publish","topic":"rates","data":{"eur":1.5}}"#,
        r#"{"supervisor":1,"pid":12}"#,
        r#"{"reply":"log","worker":"web/0.3","stream":"stdout","text":"x","more":true}"#,
        r#"{"reply":"error","code":"failed","text":"why"}"#,
    ])
}

fn lines(lines: &[&str]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| format!("{line}\n").into_bytes()).collect()
}

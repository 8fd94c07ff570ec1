//! Every system call of the supervisor fails, one at a time, in simulation: as a database is tested against I/O errors. And
//! some of them in real lives.
//!
//! The whole of it over more scenarios is a command: `harness sweep-calls scenarios/hold.ron`, and a sample with real processes
//! another one: `harness sweep-calls --real`.

use std::collections::BTreeMap;
use std::path::Path;

use harness::cli::forms;
use harness::search::{self, Case, Ending, Sampled, Tally, Undisturbed};
use harness::subject;
use harness::world::sim::Call;
use harness::world::{Bins, Plan};

/// Of the lives of the other scenarios only every n-th is lived here. A prime, so that no kind of failure is left out.
const SAMPLE: usize = 127;

/// What a supervisor ends with that can't go on.
const BUG: i32 = 70;

/// Calls that fail in a real life, and the status with which the supervisor then ends by itself, if it has to.
const REAL: [(&str, Option<i32>); 8] = [
    ("accept4:ECONNABORTED:1", None),
    ("write:ENOSPC:3", None),
    ("clone:EAGAIN:3", None),
    ("ppoll:EINTR:5", None),
    ("ppoll:ENOMEM:4..6", None),
    // The configuration, and the address.
    ("read:EIO:1", Some(65)),
    ("listen:EADDRINUSE:1", Some(69)),
    ("bind:EACCES:1+", Some(69)),
];

fn plans(path: &str, seed: u64) -> Vec<Plan> {
    let (subject, subject_dir) = subject::load("reference").expect("the reference subject");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let forms = forms(&[path]).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = |form: harness::cli::Form| Plan {
        name: form.name,
        scenario: form.scenario,
        subject: subject.clone(),
        subject_dir: subject_dir.clone(),
        seed,
        bins: Bins::default(),
    };
    forms.into_iter().map(plan).collect()
}

fn swept(plans: &[Plan], every: usize) -> BTreeMap<Call, Tally> {
    let mut tallies: BTreeMap<Call, Tally> = BTreeMap::new();
    let mut wrong = Vec::new();
    for plan in plans {
        let of_plan = search::sweep(plan, every, |swept| {
            // A wait that fails for a while is no reason to end.
            let brief = swept.planned.call == Call::Wait && swept.planned.times != u64::MAX;
            if matches!(swept.ending, Ending::Wrong(_)) || brief && swept.ending == Ending::Honest(BUG) {
                wrong.push(swept.clone());
            }
        });
        for (call, tally) in of_plan.unwrap_or_else(|why| panic!("{}: {why}", plan.name)) {
            tallies.entry(call).or_default().add(tally);
        }
    }
    assert!(wrong.is_empty(), "{} lives ended wrong; the first: {:#?}", wrong.len(), wrong[0]);
    tallies
}

#[test]
fn whatever_fails_in_a_whole_life_the_pool_is_right_or_the_end_is_honest() {
    for seed in 1..=3 {
        let tallies = swept(&plans("scenarios/life.ron", seed), 1);
        for call in Call::ALL {
            let tally = tallies.get(&call).copied().unwrap_or_default();
            // Whoever adds a kind of call adds a life in which it is made.
            assert!(tally.calls > 0, "{}: {tally:?}", call.name());
            assert!(tally.runs >= tally.calls, "{}: {tally:?}", call.name());
            assert_eq!(tally.runs, tally.right + tally.honest);
        }
        assert!(tallies[&Call::Listen].honest > 0, "a supervisor without its address has to end");
        assert_eq!(tallies[&Call::Spawn].told, tallies[&Call::Spawn].runs, "a failed spawn is always told");
    }
}

#[test]
fn so_it_is_in_samples_of_the_headline_scenarios() {
    let files = [
        "kill.ron",
        "throw.ron",
        "flap.ron",
        "hold.ron",
        "signals/stop.ron",
        "handoff.ron::in_turn",
        "output/reader.ron::short_pause",
        "control/restart.ron",
        "pools/orders.ron",
    ];
    let all: Vec<Plan> = files.iter().flat_map(|file| plans(&format!("scenarios/{file}"), 1)).collect();
    let tallies = swept(&all, SAMPLE);
    assert!(tallies.values().map(|tally| tally.runs).sum::<u64>() > 500);
}

#[test]
fn so_it_is_with_real_processes() {
    let bins = Bins {
        harness: env!("CARGO_BIN_EXE_harness").into(),
        supervisor: env!("CARGO_BIN_EXE_supervisor").into(),
        puppet: env!("CARGO_BIN_EXE_puppet").into(),
    };
    let plan = Plan { bins, ..plans("scenarios/life.ron::in_full", 1).remove(0) };
    let undisturbed = match Undisturbed::live(&plan) {
        Err(why) if why.starts_with("here: ") => return eprintln!("not applicable {why}"),
        other => other.unwrap_or_else(|why| panic!("{why}")),
    };
    let unknown: Vec<_> = undisturbed.calls().keys().filter(|call| !search::is_known(call)).collect();
    assert!(unknown.is_empty(), "nobody has said how these can fail, or why they can't: {unknown:?}");
    for (case, status) in REAL {
        let case: Case = case.parse().unwrap_or_else(|why| panic!("{why}"));
        let lived = search::live(&plan, &undisturbed, case).unwrap_or_else(|why| panic!("{case}: {why}"));
        let Sampled::Lived { ending, .. } = lived else { panic!("{case}: it was over before that call") };
        assert_eq!(ending, status.map_or(Ending::Right, Ending::Honest), "{case}");
    }
}

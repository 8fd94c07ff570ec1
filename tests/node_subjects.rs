//! The reference supervisor with real Node workers, in every way that these get at connections: the suite as it is, with other
//! subjects.
//!
//! `cargo test` runs a few forms with each, the gate (`-- --ignored`) those of the whole list; `harness run --subject NAME`
//! runs everything. Where Node is missing they stay in the list, with the reason.

mod trials_support;

use std::path::Path;

use harness::cli::{Form, Task, World, forms, missing, run_task};
use harness::report::{Style, run_block};
use harness::subject::{self, Subject};
use harness::verdict::ExitCode;
use harness::world::{Bins, Plan};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

const SUBJECTS: [&str; 3] = ["reference-cluster", "reference-cluster-shared", "reference-node"];

/// Those that `cargo test` runs.
const CHOSEN: [&str; 8] = [
    "kill",
    "throw::one_phase",
    "hold::rolling_restart",
    "ipc/channel::garbage",
    "signals/stop",
    "handoff::to_one_that_does_not_run",
    "handoff::leaving_slowly",
    "handoff::deaf",
];

/// Those that the gate runs as well.
const LATER: [&str; 47] = [
    "kill::several",
    "kill::one_frozen",
    "kill::all_frozen",
    "throw",
    "throw::everybody_one_phase",
    "throw::first_request_one_phase",
    "hold",
    "hold::one_phase",
    "hold::stop",
    "hold::idle",
    "hold::ignores_term",
    "hold::busy_at_a_stop",
    "flap",
    "flap::at_start",
    "flap::after_ready",
    "flap::clean_exit",
    "ipc/channel::closed_then_reload",
    "ipc/channel::closed_then_stop",
    "ipc/channel::garbage_then_death",
    "death/supervisor",
    "signals/stop::twice",
    "signals/stop::during_backoff",
    "reload/queue",
    "reload/configuration",
    "reload/stop",
    "load/poison",
    "load/slow",
    // Not those in which an answer is cut at a deadline: Node's sockets keep megabytes of it, and the run is over before a slow
    // reader has come to the end of that.
    "load/bulk::stop",
    "load/bulk::killed",
    "load/bulk::bodies",
    "drain/keepalive",
    "hang/workers",
    "hang/workers::at_a_request",
    "tree/children",
    "scale/workers::down_with_held_requests",
    "ownership/unix_socket",
    "signals/noise::during_a_stop",
    "spawn/descriptors",
    "handoff",
    "handoff::all",
    "handoff::all_deaf",
    "handoff::slow_to_take",
    "handoff::retire",
    "handoff::reload",
    "handoff::supervisor_frozen",
    "handoff::long_requests",
    "ipc/flood::round_robin",
];

fn main() {
    // Not more of them side by side: Node needs a processor for a while before it serves.
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let forms = forms(&[folder]).unwrap_or_else(|problems| panic!("{problems}"));
    let named = trials_support::is_named(&arguments);
    let mut trials = vec![Trial::test("lists_are_of_forms", {
        let names: Vec<String> = forms.iter().map(|form| form.name.clone()).collect();
        move || known(&names)
    })];
    for name in SUBJECTS {
        let (subject, home) = subject::load(name).unwrap_or_else(|problems| panic!("{problems}"));
        for form in &forms {
            let now = CHOSEN.contains(&form.name.as_str());
            if now || LATER.contains(&form.name.as_str()) {
                trials.extend(trial(name, task(form, &subject, &home), now || named));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A name that is no form's would run nothing.
fn known(names: &[String]) -> Result<(), Failed> {
    let nobodys = |name: &&&str| !names.iter().any(|form| form == **name);
    match CHOSEN.iter().chain(&LATER).find(nobodys) {
        Some(name) => Err(format!("there is no form `{name}`").into()),
        None => Ok(()),
    }
}

fn task(form: &Form, subject: &Subject, home: &Path) -> Task {
    let plan = Plan {
        name: form.name.clone(),
        scenario: form.scenario.clone(),
        subject: subject.clone(),
        subject_dir: home.to_owned(),
        seed: 1,
        bins: Bins {
            harness: env!("CARGO_BIN_EXE_harness").into(),
            supervisor: env!("CARGO_BIN_EXE_supervisor").into(),
            puppet: env!("CARGO_BIN_EXE_puppet").into(),
        },
    };
    Task { file: form.file.clone(), plan }
}

/// None if the subject can't do what the form asks for, with all that it requires.
fn trial(subject: &str, task: Task, now: bool) -> Option<Trial> {
    let name = format!("{subject}::{}", task.plan.name);
    let programs = subject::missing_programs(&task.plan.subject);
    if !programs.is_empty() {
        let why = format!("not run: no {}", programs.join(", "));
        return Some(Trial::test(name, || Ok(())).with_kind(why).with_ignored_flag(true));
    }
    let able = missing(&task.plan, World::Real).is_empty();
    able.then(|| Trial::ignorable_test(name, move || judged(&task)).with_ignored_flag(!now))
}

/// Nothing fails that the subject file does not know. A host that stalls may leave it inconclusive: Node's workers start slowly
/// beside other tests, and whether they do is not what is tested here. Then it counts as ignored, not as passed.
fn judged(task: &Task) -> Result<Completion, Failed> {
    let histories = Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories").join(&task.plan.subject.name);
    let run = run_task(task, World::Real, &histories, &mut |_| {});
    match run.code() {
        ExitCode::Ok => return Ok(Completion::Completed),
        ExitCode::Inconclusive => return Ok(Completion::ignored_with("inconclusive: the host stalled")),
        _ => {}
    }
    let mut text = Vec::new();
    run_block(&run, Style::Plain, &mut text)?;
    Err(String::from_utf8_lossy(&text).into_owned().into())
}

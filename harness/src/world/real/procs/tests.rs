//! Literal process events, of pids that no process of this machine has.

use super::*;

const SUPERVISOR: u32 = 0x7f00_0001;
const WORKER: u32 = 0x7f00_0002;
const CHILD: u32 = 0x7f00_0003;

fn at(millis: u64) -> Time {
    Time::from_nanos(millis * 1_000_000)
}

fn procs() -> (Procs, Proc) {
    let mut procs = Procs::new(true, false);
    let supervisor = procs.supervisor_started(SUPERVISOR, at(1));
    (procs, supervisor)
}

fn fork(procs: &mut Procs, millis: u64, pid: u32, parent: u32) -> Vec<Event> {
    let mut out = Vec::new();
    procs.happened(at(millis), Happening::Fork { pid, parent }, &mut out);
    out
}

fn exec(procs: &mut Procs, millis: u64, pid: u32) {
    procs.happened(at(millis), Happening::Exec { pid }, &mut Vec::new());
}

fn exit(procs: &mut Procs, millis: u64, pid: u32, status: Status) -> Vec<What> {
    let mut out = Vec::new();
    procs.happened(at(millis), Happening::Exit { pid, status }, &mut out);
    out.into_iter().map(|event| event.what).collect()
}

fn ticket(procs: &mut Procs, millis: u64, proc: Proc) -> Vec<Event> {
    let mut out = Vec::new();
    procs.took_ticket(proc, at(millis), Role::Worker { ticket: 1, generation: 1, pool: 0 }, &mut out);
    out
}

#[test]
fn a_worker_is_born_when_it_was_forked_and_known_when_it_takes_its_ticket() {
    let (mut procs, _) = procs();
    assert!(fork(&mut procs, 2, WORKER, SUPERVISOR).is_empty(), "nobody knows yet what it is");
    let proc = Proc { pid: WORKER, start: procs.table[&WORKER].proc.start };
    let role = Role::Worker { ticket: 1, generation: 1, pool: 0 };
    let born = Event::at(at(2), What::Born { proc, parent: SUPERVISOR, role });
    assert_eq!(ticket(&mut procs, 5, proc), [born]);
    let death = Death { status: Some(Status::Code(3)) };
    assert_eq!(exit(&mut procs, 9, WORKER, Status::Code(3)), [What::Died { proc, death }]);
    assert!(exit(&mut procs, 10, WORKER, Status::Code(4)).is_empty(), "nobody dies twice");
}

#[test]
fn the_process_itself_knows_its_start_time_best() {
    let (mut procs, _) = procs();
    fork(&mut procs, 2, WORKER, SUPERVISOR);
    let guessed = procs.table[&WORKER].proc.start;
    let proc = Proc { pid: WORKER, start: guessed + 1 };
    assert!(
        matches!(ticket(&mut procs, 5, proc)[..], [Event { what: What::Born { proc: born, .. }, .. }] if born == proc)
    );
}

#[test]
fn a_death_without_a_ticket_is_a_workers_if_it_ran_a_program() {
    let (mut procs, _) = procs();
    fork(&mut procs, 2, WORKER, SUPERVISOR);
    let told = exit(&mut procs, 3, WORKER, Status::Code(127));
    assert!(matches!(told[..], [What::Born { role: Role::Descendant, .. }, What::Died { .. }]), "{told:?}");

    let (mut procs, _) = self::procs();
    fork(&mut procs, 2, WORKER, SUPERVISOR);
    exec(&mut procs, 2, WORKER);
    let told = exit(&mut procs, 3, WORKER, Status::Signal(9));
    let never = Role::Worker { ticket: 0, generation: 1, pool: 0 };
    assert!(matches!(told[..], [What::Born { role, .. }, What::Died { .. }] if role == never), "{told:?}");
}

#[test]
fn descendants_are_known_at_once_and_strangers_never() {
    let (mut procs, _) = procs();
    fork(&mut procs, 2, WORKER, SUPERVISOR);
    let told = fork(&mut procs, 3, CHILD, WORKER);
    assert!(matches!(told[..], [Event { what: What::Born { role: Role::Descendant, parent: WORKER, .. }, .. }]));
    assert!(fork(&mut procs, 4, 0x7f00_0009, 0x7f00_0008).is_empty());
    assert!(!procs.knows(0x7f00_0009));
}

#[test]
fn a_pid_in_use_again_means_that_its_former_owner_was_reaped() {
    let (mut procs, _) = procs();
    fork(&mut procs, 2, WORKER, SUPERVISOR);
    let proc = procs.table[&WORKER].proc;
    ticket(&mut procs, 2, proc);
    exit(&mut procs, 3, WORKER, Status::Signal(9));
    let told = fork(&mut procs, 8, WORKER, SUPERVISOR);
    assert_eq!(told, [Event { when: When::Within(at(3), at(8)), what: What::Reaped(proc) }]);
}

#[test]
fn the_earlier_of_two_witnesses_tells_when_it_died() {
    let (mut procs, supervisor) = procs();
    procs.silent(SUPERVISOR, at(2), at(7));
    let mut out = Vec::new();
    procs.happened(at(9), Happening::Exit { pid: SUPERVISOR, status: Status::Code(75) }, &mut out);
    assert_eq!(out, [Event::at(at(7), What::SupervisorExited { proc: supervisor, status: Status::Code(75) })]);
    assert!(!procs.supervisor_alive());
}

#[test]
fn without_process_events_a_death_and_a_birth_have_intervals() {
    let mut procs = Procs::new(false, false);
    procs.supervisor_started(SUPERVISOR, at(1));
    procs.suspended = 0;
    let proc = Proc { pid: WORKER, start: 5 };
    let born = ticket(&mut procs, 63, proc);
    assert_eq!(born[0].when, When::Within(at(50), at(60)), "the tick of its start time");
    procs.silent(WORKER, at(70), at(80));
    let mut out = Vec::new();
    procs.died(WORKER, at(90), None, &mut out);
    let death = Death { status: None };
    assert_eq!(out, [Event { when: When::Within(at(70), at(80)), what: What::Died { proc, death } }]);
}

#[test]
fn a_process_lives_as_long_as_one_of_its_threads() {
    let (mut procs, _) = procs();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
    let pid = child.id();
    fork(&mut procs, 2, pid, SUPERVISOR);
    exec(&mut procs, 2, pid);
    assert!(exit(&mut procs, 3, pid, Status::Code(0)).is_empty(), "its pidfd says that somebody is left");
    child.kill().expect("ours");
    child.wait().expect("ours");
    let mut out = Vec::new();
    procs.happened(at(5), Happening::ThreadExit { pid }, &mut out);
    // The harness believes that it was woken at once, and it was not.
    procs.silent(pid, at(8), at(9));
    procs.look_at(pid, at(9), &mut out);
    let died = out.iter().find_map(|event| match &event.what {
        What::Died { death, .. } => Some((event.when, *death)),
        _ => None,
    });
    assert_eq!(died, Some((When::Within(at(5), at(9)), Death { status: Some(Status::Code(0)) })));
}

#[test]
fn of_several_pools_it_matters_of_which_one_who_told_nothing_was() {
    let dies_early = |several: bool| {
        let mut procs = Procs::new(true, several);
        procs.supervisor_started(SUPERVISOR, at(1));
        fork(&mut procs, 2, WORKER, SUPERVISOR);
        exec(&mut procs, 3, WORKER);
        exit(&mut procs, 4, WORKER, Status::Signal(15))
    };
    let incomplete = |told: &[What]| told.iter().any(|what| matches!(what, What::Incomplete { .. }));
    assert!(incomplete(&dies_early(true)), "{:?}", dies_early(true));
    assert!(!incomplete(&dies_early(false)), "{:?}", dies_early(false));
}

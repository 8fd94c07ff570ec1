//! ENV.

use crate::history::{Environment, Proc, Status, What};
use crate::scenario::{Handoff, Identity, Owns};
use crate::subject::EnvironmentRule;
use crate::verdict::Verdict;

use super::super::testing::{SUPERVISOR, Tale, worker};

fn given() -> Environment {
    Environment {
        descriptors: (0..3).map(|number| (number, "/dev/null".to_owned())).collect(),
        user: vec![1000; 4],
        umask: 0o022,
        directory: "/srv".to_owned(),
        limits: [("nofile".to_owned(), (Some(256), None))].into(),
        ignored: 1 << 12,
        leads_group: true,
        variables: [("PATH".to_owned(), 7), ("LISTEN_FDS".to_owned(), 9)].into(),
        ..Environment::default()
    }
}

/// As declared: a listener, a channel, and their variables.
fn worker_of(given: &Environment) -> Environment {
    let mut is = given.clone();
    is.descriptors.extend([(3, "socket".to_owned()), (4, "socket".to_owned())]);
    is.variables.extend([("LISTEN_FDS".to_owned(), 1), ("NODE_CHANNEL_FD".to_owned(), 2)]);
    is
}

fn started(change: impl Fn(&mut Environment)) -> Tale {
    let mut tale = Tale::full();
    let variables = ["LISTEN_FDS", "NODE_CHANNEL_FD"].map(str::to_owned).to_vec();
    tale.profile.environment = Some(EnvironmentRule { listeners: true, descriptors: 1, leads_group: true, variables });
    tale.add(0, What::Environment { proc: SUPERVISOR, is: Box::new(given()) });
    let mut is = worker_of(&given());
    change(&mut is);
    tale.add(10, What::Environment { proc: worker(2), is: Box::new(is) });
    tale.calm(1_100, &[1, 2, 3, 4]);
    tale
}

#[test]
fn what_is_declared_is_no_difference() {
    started(|_| {}).passes("INV-ENV");
    started(|_| {}).holds();
}

#[test]
fn whoever_is_to_be_something_else_is_just_that() {
    let with = |umask: u32, nofile: (Option<u64>, Option<u64>)| {
        let mut tale = started(|is| {
            is.umask = umask;
            is.limits.insert("nofile".to_owned(), nofile);
        });
        tale.scenario.pool.identity =
            Some(Identity { user: None, umask: Some("027".to_owned()), nofile: Some(123), directory: false });
        tale
    };
    let asked = (Some(123), Some(123));
    with(0o027, asked).holds();
    with(0o022, asked).fails(&["INV-ENV"]);
    with(0o027, (Some(256), None)).fails(&["INV-ENV"]);
    with(0o027, (Some(123), None)).fails(&["INV-ENV"]);
}

#[test]
fn whoever_is_to_be_of_another_user_has_nothing_of_the_supervisor_s() {
    let with = |change: fn(&mut Environment)| {
        let mut tale = started(|is| {
            (is.user, is.group) = (vec![4242; 4], vec![4242; 4]);
            change(is);
        });
        tale.scenario.pool.identity = Some(Identity { user: Some(4242), umask: None, nofile: None, directory: false });
        tale
    };
    with(|_| {}).holds();
    let changes: [fn(&mut Environment); 5] = [
        |is| is.user = vec![1000; 4],
        |is| is.user[2] = 1000,
        |is| is.group[0] = 0,
        |is| is.groups.push(0),
        |is| is.capabilities = 1,
    ];
    for change in changes {
        with(change).fails(&["INV-ENV"]);
    }
}

#[test]
fn nobody_is_given_the_supervisors_own_manager() {
    let with = |own: u32| {
        let mut tale = Tale::full();
        let variables = ["LISTEN_FDS", "NODE_CHANNEL_FD", "NOTIFY_SOCKET"].map(str::to_owned).to_vec();
        let rule = EnvironmentRule { listeners: true, descriptors: 1, leads_group: true, variables };
        tale.profile.environment = Some(rule);
        let mut managed = given();
        managed.variables.insert("NOTIFY_SOCKET".to_owned(), 5);
        let mut is = worker_of(&managed);
        is.variables.insert("NOTIFY_SOCKET".to_owned(), own);
        tale.add(0, What::Environment { proc: SUPERVISOR, is: Box::new(managed) });
        tale.add(10, What::Environment { proc: worker(2), is: Box::new(is) });
        tale.calm(1_100, &[1, 2, 3, 4]);
        tale
    };
    with(6).passes("INV-ENV");
    with(5).fails(&["INV-ENV"]);
}

#[test]
fn whatever_else_differs_is_a_violation() {
    let changes: [fn(&mut Environment); 12] = [
        |is| _ = is.descriptors.insert(5, "/var/log/secrets".to_owned()),
        |is| _ = is.descriptors.remove(&4),
        |is| is.user[1] = 0,
        |is| is.groups.push(0),
        |is| is.capabilities = 1,
        |is| is.umask = 0,
        |is| is.directory = "/".to_owned(),
        |is| _ = is.limits.insert("nofile".to_owned(), (Some(1024), None)),
        |is| is.blocked = 1 << 14,
        |is| is.ignored |= 1 << 0,
        |is| is.leads_group = false,
        |is| _ = is.variables.remove("PATH"),
    ];
    for change in changes {
        started(change).fails(&["INV-ENV"]);
    }
    started(|is| _ = is.variables.insert("SECRET".to_owned(), 1)).fails(&["INV-ENV"]);
}

#[test]
fn a_limit_that_the_harness_lowers_is_no_difference() {
    let mut tale = started(|is| _ = is.limits.insert("nofile".to_owned(), (Some(8), None)));
    tale.fails(&["INV-ENV"]);
    let fault = "Limit(on:Supervisor,resource:\"NOFILE\",to:8)".to_owned();
    tale.add(5, What::FaultBegan { step: vec![0], fault, on: vec![SUPERVISOR] });
    tale.add(15, What::Healed { step: vec![0] });
    tale.passes("INV-ENV");
}

#[test]
fn a_second_supervisor_is_no_worker() {
    let mut tale = started(|_| {});
    let second = Proc { pid: 900, start: 900 };
    tale.add(1_050, What::SecondBorn(second));
    tale.add(1_055, What::Environment { proc: second, is: Box::new(given()) });
    tale.add(1_060, What::SecondExited { proc: second, status: Status::Code(69) });
    tale.holds();
    assert!(matches!(tale.verdict("INV-ENV"), Verdict::Pass { measured } if measured == "1 workers as declared"));
}

#[test]
fn what_the_pool_asks_for_is_expected() {
    let mut passed = started(|is| _ = is.descriptors.remove(&4));
    passed.scenario.pool.handoff = Some(Handoff::RoundRobin);
    passed.holds();
    let mut two = started(|is| _ = is.descriptors.insert(5, "socket".to_owned()));
    two.scenario.pool.owns = vec![Owns::Socket];
    two.holds();
}

#[test]
fn without_a_rule_or_a_word_nothing_is_judged() {
    let mut undeclared = started(|is| is.umask = 0);
    undeclared.profile.environment = None;
    assert_eq!(undeclared.verdict("INV-ENV"), Verdict::Undeclared);
    let mut silent = Tale::full();
    silent.profile.environment = Some(EnvironmentRule::default());
    silent.calm(1_100, &[1, 2, 3, 4]);
    assert!(matches!(silent.verdict("INV-ENV"), Verdict::NotApplicable { .. }));
}

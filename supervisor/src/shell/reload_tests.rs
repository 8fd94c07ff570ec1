//! Another configuration, read by a loop whose machine notes what it hears.

use std::rc::Rc;

use super::super::testing::{Fake, Log, config, pool};
use super::super::{Start, run};
use super::*;
use crate::core::Action;
use crate::kernel::SignalSet;
use crate::policy::Instant;

/// Notes the revisions that it is given, and how many workers each has in its pools.
struct Noting(Log);

impl Machine for Noting {
    fn step(&mut self, _: Instant, input: Input, _: &mut Vec<Action>) {
        let text = match input {
            Input::Configure(Revision(number), policies) => {
                format!("{number}: {:?}", policies.iter().map(|policy| policy.workers).collect::<Vec<_>>())
            }
            Input::Command(command) => format!("{command:?}"),
            _ => return,
        };
        self.0.borrow_mut().push(text);
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

const FILE: &str = "supervisor.ron";

/// Two pools with so many workers, in this order.
fn pools(workers: [(&str, u32); 2]) -> Vec<PoolConfig> {
    workers.map(|(name, workers)| PoolConfig::new(name, vec![name.to_owned()], workers)).into()
}

fn loud(pools: Vec<PoolConfig>) -> Config {
    Config { quiet: false, ..config(pools, &[]) }
}

fn first() -> Config {
    loud(pools([("web", 1), ("mail", 1)]))
}

fn kernel(text: &[u8]) -> Fake {
    let reload = SignalSet { reload: true, ..SignalSet::default() };
    let mut kernel = Fake::new(vec![Ok((reload, vec![])); 2]);
    kernel.files = [(FILE, text.to_vec())].into();
    kernel
}

/// Two reloads of a file that means this: what the machine heard, and why the first was refused.
fn reload(mut kernel: Fake, read: impl Fn(&str) -> Result<Config, String>) -> (Vec<String>, Option<String>) {
    let source = Source { path: FILE.into(), read: Box::new(read) };
    let machine = Noting(Rc::clone(&kernel.log));
    run(&mut kernel, machine, &first(), Start { source: Some(source), starter: None });
    let said = kernel.written.lines().find_map(|line| line.split_once("the configuration stays as it is: "));
    let heard = kernel.log.borrow().iter().filter(|line| !line.starts_with("close")).cloned().collect();
    (heard, said.map(|(_, why)| why.to_owned()))
}

/// Why a configuration is refused; nothing changes then.
fn refused(kernel: Fake, read: impl Fn(&str) -> Result<Config, String>) -> String {
    let (heard, why) = reload(kernel, read);
    assert_eq!(heard, [""; 0]);
    why.expect("a reason")
}

#[test]
fn each_reload_is_a_revision_with_the_pools_in_their_order() {
    let read = |text: &str| match text {
        "text" => Ok(loud(pools([("mail", 3), ("web", 2)]))),
        other => Err(other.to_owned()),
    };
    assert_eq!(reload(kernel(b"text"), read), (vec!["1: [2, 3]".to_owned(), "2: [2, 3]".to_owned()], None));
}

#[test]
fn without_a_file_a_reload_renews_the_workers_alone() {
    let mut kernel = kernel(b"");
    let machine = Noting(Rc::clone(&kernel.log));
    run(&mut kernel, machine, &first(), Start::default());
    assert_eq!(kernel.log.borrow()[..2], ["Reload", "Reload"]);
}

#[test]
fn a_file_that_is_no_configuration_is_refused_with_the_reason() {
    assert_eq!(refused(kernel(b""), |_| Err("a comma is missing".to_owned())), "a comma is missing");
    let fine = |_: &str| Ok(first());
    assert!(refused(kernel(b"\xff"), fine).ends_with("is no UTF-8 text"));
    let mut none = kernel(b"");
    none.files.clear();
    assert!(refused(none, fine).starts_with("can't read supervisor.ron: No such file"));
}

#[test]
fn a_file_of_a_mebibyte_is_read_and_a_longer_one_is_not() {
    let fine = |_: &str| Ok(first());
    let longest = vec![b' '; 1024 * 1024];
    assert_eq!(reload(kernel(&longest), fine).0.len(), 2);
    let why = refused(kernel(&[&longest[..], b" "].concat()), fine);
    assert_eq!(why, "supervisor.ron is longer than 1048576 bytes");
}

#[test]
fn pools_are_neither_added_nor_removed_nor_is_the_pid_file_another_one() {
    let new = refused(kernel(b""), |_| Ok(loud(pools([("web", 1), ("other", 1)]))));
    assert_eq!(new, "the pool \"other\" is new, and pools can only be added by a restart");
    let gone = refused(kernel(b""), |_| Ok(loud(vec![pool("web")])));
    assert_eq!(gone, "the pool \"mail\" is gone, and pools can only be removed by a restart");
    let moved = refused(kernel(b""), |_| Ok(Config { pid_file: Some("web.pid".into()), ..first() }));
    assert_eq!(moved, "the pid file is none, and can be changed to web.pid only by a restart");
}

#[test]
fn workers_that_can_not_be_made_so_and_what_can_not_be_opened_are_refused() {
    let output = crate::config::Output::Files { stdout: "out.log".into(), stderr: None };
    let to_file = PoolConfig { output, ..pool("web") };
    let why = refused(kernel(b""), |_| Ok(loud(vec![to_file.clone(), pool("mail")])));
    assert!(why.starts_with("can't append to out.log: No space"), "{why}");
    let mut full = kernel(b"");
    full.listen = Err(Errno::ADDRINUSE);
    let why = refused(full, |_| Ok(Config { quiet: false, ..config(first().pools, &["127.0.0.1:1"]) }));
    assert!(why.starts_with("can't listen on 127.0.0.1:1"), "{why}");
    let mut refusing = Fake::new(vec![]);
    assert_eq!(applicable(&refusing, &first()), Ok(()));
    refusing.refuses = Some("no such user".to_owned());
    assert_eq!(applicable(&refusing, &first()), Err("pool web: no such user".to_owned()));
}

#[test]
fn a_program_that_keeps_the_channel_for_itself_is_warned_of_where_that_matters() {
    let npm = PoolConfig { command: vec!["npm".to_owned(), "start".to_owned()], ..pool("web") };
    let warned = |pool: PoolConfig| {
        let mut said = Vec::new();
        warn(&loud(vec![pool]), |text| said.push(text.to_owned()));
        said.len() == 1 && said[0].starts_with("pool web: npm")
    };
    assert!(!warned(npm.clone()), "it needs nothing");
    assert!(warned(PoolConfig { listen: vec![0], ..npm.clone() }));
    let node = Handoff::Node { message: "1".to_owned(), connections: true };
    for handoff in [node, Handoff::NodeCluster { round_robin: true }] {
        assert!(warned(PoolConfig { handoff, ..npm.clone() }));
    }
    assert!(!warned(PoolConfig { listen: vec![0], ..pool("web") }));
}

use super::super::testing::{FIRST, Fake, Script, WORKER, config, pool, run_machine};
use crate::config::{Config, PoolConfig};
use crate::core::Action;
use crate::kernel::{Fd, SignalSet};

/// A worker of a pool with these topics says these lines, one a turn: what it is told, and what people are.
fn told(topics: &[&str], lines: &[&'static str]) -> (Vec<String>, String) {
    let mut kernel = Fake::new(lines.iter().map(|_| Ok((SignalSet::default(), vec![Fd(10)]))).collect());
    kernel.reads = lines.iter().copied().collect();
    let subscribe = topics.iter().map(|topic| (*topic).to_owned()).collect();
    let loud = Config { quiet: false, ..config(vec![PoolConfig { subscribe, ..pool("web") }], &[]) };
    let (_, log) = run_machine(&mut kernel, Script([vec![Action::Spawn(WORKER, FIRST)]].into()), &loud);
    (log.into_iter().filter(|line| line.starts_with("send 10")).collect(), kernel.written)
}

const PUBLISHES: &str = "{\"act\":\"publish\",\"topic\":\"a\",\"data\":17}\n";

#[test]
fn what_is_published_reaches_those_who_subscribed() {
    for (topics, lines) in
        [(&["a"][..], &[PUBLISHES][..]), (&[], &["{\"act\":\"subscribe\",\"topics\":[\"a\"]}\n", PUBLISHES])]
    {
        let (told, _) = told(topics, lines);
        assert!(told.len() == 1 && told[0].contains("17"), "{told:?}");
    }
    assert_eq!(told(&["b"], &[PUBLISHES]).0, [""; 0]);
}

#[test]
fn each_refusal_is_told_to_the_worker_and_some_of_many_to_people() {
    let (told, people) = told(&[], &["{\"act\":\"subscribe\"}\n"; 20]);
    assert_eq!(told.len(), 20);
    let shown: Vec<&str> =
        people.lines().filter_map(|line| line.split_once("(refused message ")).map(|(_, n)| n).collect();
    assert_eq!(shown, ["1)", "2)", "3)", "4)", "5)", "6)", "7)", "8)", "16)"]);
}

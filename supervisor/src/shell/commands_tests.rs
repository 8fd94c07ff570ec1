//! The loop with one client that asks one thing.

use super::super::testing::{Answering, FIRST, Fake, WORKER, config, pool, ready, run_machine};
use super::*;
use crate::config::{Config, Output, PoolConfig};
use crate::core::{Action, Event};
use crate::kernel::Peer;

/// What such a client is told, and everything that happened.
fn asked(mut kernel: Fake, request: &'static str, pools: Vec<PoolConfig>, begin: &[Action]) -> (String, Vec<String>) {
    kernel.peer = Ok(Peer::default());
    kernel.connections = [Fd(60)].into();
    kernel.reads.push_front(request);
    kernel.waits.push_front(ready(&[60]));
    kernel.waits.push_front(ready(&[30]));
    let answers = |input| if matches!(input, Input::Start) { begin.to_vec() } else { Vec::new() };
    let machine = Answering(kernel.log.clone(), answers);
    let config = Config { control: Some("control".into()), ..config(pools, &[]) };
    let (_, log) = run_machine(&mut kernel, machine, &config);
    let told = log.iter().filter_map(|line| line.strip_prefix("send 60 ")).skip(1).collect::<String>();
    (told.replace("\\\"", "\""), log)
}

/// The same of a pool with one worker that serves: what the client is told, and whether the machine was.
fn one_pool(request: &'static str, input: &str) -> (String, bool) {
    let begin = [
        Action::Spawn(WORKER, FIRST),
        Action::Emit(Event::Fork { worker: WORKER }),
        Action::Emit(Event::Ready { worker: WORKER }),
    ];
    let (told, log) = asked(Fake::new(vec![]), request, vec![pool("web")], &begin);
    (told, log.iter().any(|line| line == input))
}

#[test]
fn while_everything_ends_nothing_else_is_begun() {
    let stopping = [Action::Emit(Event::Stop { pool: None, hurry: false })];
    for request in [
        "{\"do\":\"reload\",\"wait\":false}\n",
        "{\"do\":\"scale\",\"pool\":\"web\",\"workers\":2,\"wait\":false}\n",
        "{\"do\":\"restart\",\"who\":\"web\",\"wait\":false}\n",
    ] {
        let (told, log) = asked(Fake::new(vec![]), request, vec![pool("web")], &stopping);
        assert!(told.contains("the supervisor is stopping"), "{told}");
        assert!(!log.iter().any(|line| line.contains("Command(")), "{log:?}");
    }
}

#[test]
fn a_pool_can_be_scaled_to_any_number_within_its_bounds() {
    let (told, done) =
        one_pool("{\"do\":\"scale\",\"pool\":\"web\",\"workers\":3,\"wait\":false}\n", "PoolCommand(0, Scale(To(3)))");
    assert!(told.contains("begun") && done, "{told}");
    let (told, done) =
        one_pool("{\"do\":\"scale\",\"pool\":\"web\",\"workers\":0,\"wait\":false}\n", "PoolCommand(0, Scale(To(0)))");
    assert!(told.contains("bad_request") && told.contains("not 0") && !done, "{told}");
}

#[test]
fn a_worker_that_is_named_is_restarted_if_it_serves() {
    let restart = "PoolCommand(0, Restart(0))";
    let (told, done) = one_pool("{\"do\":\"restart\",\"who\":\"web/0.1\",\"wait\":false}\n", restart);
    assert!(told.contains("begun") && done, "{told}");
    let (told, done) = one_pool("{\"do\":\"restart\",\"who\":\"web/0.2\",\"wait\":false}\n", restart);
    assert!(told.contains("web/0.2 does not serve; generation 1 does") && !done, "{told}");
}

#[test]
fn a_pool_is_found_by_its_name() {
    let pools = || vec![pool("web"), pool("jobs")];
    let request = "{\"do\":\"restart\",\"who\":\"jobs\",\"wait\":false}\n";
    let (told, log) = asked(Fake::new(vec![]), request, pools(), &[]);
    assert!(told.contains("begun") && log.contains(&"PoolCommand(1, Reload)".to_owned()), "{told}");
    let request = "{\"do\":\"scale\",\"pool\":\"job\",\"by\":1,\"wait\":false}\n";
    let (told, log) = asked(Fake::new(vec![]), request, pools(), &[]);
    assert!(told.contains("there is no pool `job`; did you mean `jobs`?"), "{told}");
    assert!(!log.iter().any(|line| line.contains("Command(")), "{log:?}");
}

#[test]
fn lines_can_be_had_if_those_of_any_pool_are_kept() {
    let kept = || PoolConfig { output: Output::Prefixed, ..pool("web") };
    let told = |pools| asked(Fake::new(vec![]), "{\"do\":\"logs\"}\n", pools, &[]).0;
    assert!(told(vec![kept()]).contains("done"));
    assert!(told(vec![kept(), pool("jobs")]).contains("done"), "those of the other");
    let refused = told(vec![pool("jobs")]);
    assert!(refused.contains("not_kept") && refused.contains("pool jobs: its workers write to"), "{refused}");
}

#[test]
fn whoever_follows_the_lines_is_told_each_that_comes() {
    let mut kernel = Fake::new(vec![ready(&[50])]);
    kernel.stdout = Some(Fd(50));
    kernel.reads = ["hello\n"].into();
    let kept = PoolConfig { output: Output::Prefixed, ..pool("web") };
    let request = "{\"do\":\"logs\",\"follow\":true}\n";
    let (told, _) = asked(kernel, request, vec![kept], &[Action::Spawn(WORKER, FIRST)]);
    assert_eq!(told, "{\"reply\":\"log\",\"worker\":\"web/0.1\",\"stream\":\"stdout\",\"text\":\"hello\"}\\n");
}

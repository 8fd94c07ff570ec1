use proptest::prelude::*;

use super::*;
use crate::config::{Config, PoolConfig};
use crate::core::Revision;
use crate::shell::settings::Settings;

fn settings() -> Rc<PoolSettings> {
    let pools = vec![PoolConfig::new("p", vec!["program".to_owned()], 1)];
    let config =
        Config { pools, listen: Vec::new(), backlog: 1, events: None, quiet: true, control: None, pid_file: None };
    let mut settings = Settings::new(Vec::new());
    settings.add(Revision::default(), &config, &[]);
    settings.of(id(0), Revision::default()).expect("its pool")
}

fn id(slot: u32) -> WorkerId {
    WorkerId { pool: 0, slot, generation: 1 }
}

/// Everything, as it is found by looking at every worker.
fn looked_up(workers: &Workers) -> Vec<Watch> {
    let mut found = Vec::new();
    for worker in workers.by_id.values() {
        let link = worker.link.as_ref();
        found.extend(link.map(|link| Watch { fd: link.fd(), read: true, write: link.has_output() }));
        let others = [worker.notify, worker.newline].into_iter().flatten();
        found.extend(others.map(|fd| Watch { fd, read: true, write: false }));
    }
    found
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Insert(u32),
    CloseChannel(u32),
    CloseNotify(u32),
    Queue(u32),
    Remove(u32),
    Ask,
}

fn doing() -> impl Strategy<Value = Do> {
    let slot = 0u32..5;
    prop_oneof![
        slot.clone().prop_map(Do::Insert),
        slot.clone().prop_map(Do::CloseChannel),
        slot.clone().prop_map(Do::CloseNotify),
        slot.clone().prop_map(Do::Queue),
        slot.prop_map(Do::Remove),
        Just(Do::Ask),
    ]
}

proptest! {
    /// Whatever happens between two questions, what was kept is what is found by looking at every worker.
    #[test]
    fn what_is_watched_is_what_every_worker_has_open(steps in prop::collection::vec(doing(), 0..60)) {
        let (mut workers, settings, mut next) = (Workers::default(), settings(), 10i32);
        for step in steps {
            match step {
                Do::Insert(slot) => {
                    next += 3;
                    let worker = Worker {
                        child: Child(next.cast_unsigned()),
                        settings: Rc::clone(&settings),
                        link: Some(Link::new(Fd(next))),
                        notify: Some(Fd(next + 1)),
                        newline: (slot % 2 == 0).then_some(Fd(next + 2)),
                        status: String::new(),
                        refused: 0,
                    };
                    workers.insert(id(slot), worker);
                }
                Do::CloseChannel(slot) => _ = workers.get_mut(id(slot)).and_then(|worker| worker.link.take()),
                Do::CloseNotify(slot) => _ = workers.get_mut(id(slot)).and_then(|worker| worker.notify.take()),
                Do::Queue(slot) => {
                    if let Some(link) = workers.get_mut(id(slot)).and_then(|worker| worker.link.as_mut()) {
                        link.queue_update(b"x\n".to_vec());
                    }
                }
                Do::Remove(slot) => _ = workers.remove(id(slot)),
                Do::Ask => {
                    let mut watches = Vec::new();
                    workers.watches(&mut watches);
                    prop_assert_eq!(watches, looked_up(&workers));
                }
            }
        }
        let mut watches = Vec::new();
        workers.watches(&mut watches);
        prop_assert_eq!(watches, looked_up(&workers));
    }
}

#[test]
fn a_worker_that_was_reaped_gets_no_signal_and_one_that_is_forgotten_nothing_at_all() {
    let worker = Worker {
        child: Child(7),
        settings: settings(),
        link: None,
        notify: None,
        newline: None,
        status: String::new(),
        refused: 0,
    };
    let mut workers = Workers::default();
    workers.insert(id(0), worker);
    assert_eq!((workers.of_child(Child(7)), workers.signallable(id(0))), (Some(id(0)), Some(Child(7))));
    workers.reaped(Child(7));
    assert_eq!((workers.of_child(Child(7)), workers.signallable(id(0))), (None, None));
    assert_eq!(workers.children().count(), 0);
    assert!(workers.remove(id(0)).is_some() && workers.get(id(0)).is_none());
}

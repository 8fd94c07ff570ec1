use super::super::testing::{FIRST, config, pool};
use super::*;

const SECOND: Revision = Revision(1);
const THIRD: Revision = Revision(2);

fn worker(pool: u16) -> WorkerId {
    WorkerId { pool, slot: 0, generation: 1 }
}

/// Three revisions of two pools; in each one more listener than in the one before, and both pools have all of them.
fn three() -> Settings {
    let mut settings = Settings::new(Vec::new());
    for (count, revision) in (1..).zip([FIRST, SECOND, THIRD]) {
        let addresses = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];
        let listen: Vec<usize> = (0..count).collect();
        let web = PoolConfig { listen: listen.clone(), ..pool("web") };
        let own = PoolConfig { listen, handoff: Handoff::Reuseport, ..pool("own") };
        settings.add(revision, &config(vec![web, own], &addresses[..count]), &[Fd(30), Fd(31), Fd(32)][..count]);
    }
    settings
}

/// Which revisions there still are, by the number of listeners of the pool in each.
fn kept(settings: &mut Settings, pool: u16) -> Vec<usize> {
    let of = |revision| settings.of(worker(pool), revision).map(|settings| settings.listeners.len());
    [FIRST, SECOND, THIRD].into_iter().filter_map(of).collect()
}

#[test]
fn a_worker_is_started_from_its_own_pool_in_its_own_revision() {
    let mut settings = three();
    let second = settings.of(worker(1), SECOND).expect("it is kept");
    assert_eq!(second.config.name, "own");
    assert_eq!(second.listeners, [("on 127.0.0.1:1".to_owned(), Fd(30)), ("on 127.0.0.1:2".to_owned(), Fd(31))]);
    assert!(settings.of(worker(2), SECOND).is_none());
    assert!(settings.of(worker(0), Revision(3)).is_none());
}

#[test]
fn what_is_in_force_and_what_may_follow_is_kept_and_nothing_before() {
    let mut settings = three();
    settings.settle(0, FIRST);
    settings.settle(1, FIRST);
    assert_eq!(kept(&mut settings, 0), [1, 2, 3], "nothing was tried");
    let mut settings = three();
    settings.settle(0, SECOND);
    assert_eq!(kept(&mut settings, 0), [1, 2, 3], "the other pool may still need the first");
    let mut settings = three();
    settings.settle(0, SECOND);
    settings.settle(1, THIRD);
    assert_eq!(settings.in_force(0).map(|pool| pool.listeners.len()), Some(2));
    assert_eq!(settings.in_force(1).map(|pool| pool.listeners.len()), Some(3));
    assert!(settings.in_force(2).is_none());
    assert_eq!(kept(&mut settings, 0), [2, 3]);
}

#[test]
fn what_every_pool_has_tried_in_vain_is_forgotten() {
    let mut settings = three();
    for pool in [0, 1] {
        settings.of(worker(pool), SECOND);
        settings.settle(pool, FIRST);
    }
    assert_eq!(kept(&mut settings, 0), [1, 3], "the third has not been tried");
}

#[test]
fn sockets_are_in_use_while_a_revision_that_is_kept_names_them() {
    let mut settings = three();
    assert_eq!(settings.sockets(), [30, 31, 32].map(Fd).into());
    assert_eq!(
        settings.shared(),
        [(1, Fd(30)), (1, Fd(31)), (1, Fd(32))].into(),
        "of the pool that has its own beside them"
    );
    for pool in [0, 1] {
        settings.of(worker(pool), THIRD);
        settings.settle(pool, SECOND);
    }
    assert_eq!((settings.sockets().len(), settings.shared().len()), (2, 2));
}

//! Every mutant is caught in simulation: by the invariant that one would name, in the scenario that names it, and
//! nothing else fails but what follows from it. The unmutated supervisor behind the same wrappers passes.

use mutants::{ALL, find, row};

/// As many as show every documented consequence.
const SEEDS: u64 = 5;

fn is_caught(name: &str) {
    let mutant = find(name).unwrap_or_else(|| panic!("no mutant {name}"));
    let row = row(mutant, SEEDS).unwrap_or_else(|why| panic!("{why}"));
    assert!(row.is_caught(), "{} did not notice in {}: {row:#?}", mutant.caught_by, mutant.scenario);
    assert!(row.unexpected().is_empty(), "{:?} failed too: {:#?}", row.unexpected(), row.because);
    assert!(row.stale().is_empty(), "{:?} ought to fail too", row.stale());
    assert!(row.identity.is_empty(), "the unmutated one fails: {:?}", row.identity);
}

macro_rules! mutants {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            is_caught($name);
        })*

        #[test]
        fn each_has_its_test() {
            let tested = [$($name),*];
            assert!(ALL.iter().all(|mutant| tested.contains(&mutant.name)));
            assert_eq!(tested.len(), ALL.len());
        }
    };
}

mutants! {
    no_restart: "no-restart",
    one_reap_per_sigchld: "one-reap-per-sigchld",
    two_replacements_per_retirement: "two-replacements-per-retirement",
    replacement_only_after_exit: "replacement-only-after-exit",
    no_drain: "no-drain",
    no_deadline: "no-deadline",
    never_gives_up: "never-gives-up",
    counts_initial_starts: "counts-initial-starts",
    retirement_is_free: "retirement-is-free",
    gives_up_with_status_0: "gives-up-with-status-0",
    orphans_on_stop: "orphans-on-stop",
    term_lost_during_rolling_restart: "term-lost-during-rolling-restart",
    rolling_restart_drains_first: "rolling-restart-drains-first",
    rolling_restart_counts: "rolling-restart-counts",
    failed_reload_goes_on: "failed-reload-goes-on",
    no_watchdog: "no-watchdog",
    suspension_is_silence: "suspension-is-silence",
    stale_configuration: "stale-configuration",
    leaks_descriptors: "leaks-descriptors",
    scale_forgets_slots: "scale-forgets-slots",
    wall_clock_window: "wall-clock-window",
    wall_clock_backoff: "wall-clock-backoff",
    wall_clock_watchdog: "wall-clock-watchdog",
    wall_clock_heartbeat: "wall-clock-heartbeat",
    wall_clock_stable: "wall-clock-stable",
    wall_clock_drain: "wall-clock-drain",
}

//! Faults on files, with nobody there whom they hit.

use std::fs;
use std::os::unix::net::UnixListener;

use super::*;
use crate::subject::Outlet;
use crate::world::real::outlets::Outlets;

/// The faults of a run in this directory, of a pool that has a control socket, a pid file and a log.
fn faults(dir: &Path) -> Faults {
    let address = "127.0.0.1:1".parse().expect("an address");
    let outlets = Outlets::new(&Outlet::default(), Some(&dir.join("log/workers.log"))).expect("a folder");
    let config = dir.join("supervisor.ron");
    Faults::new(address, dir, Some(config), &[Owns::Control, Owns::Pidfile], None, Some(outlets))
}

fn file(which: &str, is: FileFault) -> Fault {
    Fault::File { which: which.to_owned(), is }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("readable")
}

/// This process, as a supervisor that lives.
fn this() -> Option<Proc> {
    procfs::proc_of(std::process::id())
}

/// One that does not.
fn nobody() -> Option<Proc> {
    this().map(|this| Proc { start: this.start + 1, ..this })
}

#[test]
fn files_whose_names_differ_in_their_ending_do_not_meet() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, pids) = (dir.path().join("supervisor.ron"), dir.path().join("supervisor.pid"));
    fs::write(&config, "config").expect("written");
    fs::write(&pids, "pid").expect("written");
    let mut faults = faults(dir.path());
    faults.begin(vec![0], &file("config", FileFault::Missing), &[], this()).expect("begun");
    faults.begin(vec![0, 0], &file("pidfile", FileFault::Missing), &[], this()).expect("begun");
    assert!(!config.exists() && !pids.exists());
    faults.heal(&[0, 0]).expect("healed");
    faults.heal(&[0]).expect("healed");
    assert_eq!((text(&config).as_str(), text(&pids).as_str()), ("config", "pid"));
}

#[test]
fn the_same_fault_within_itself_heals_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let program = crate::world::real::subject::program(dir.path());
    fs::write(&program, "right").expect("written");
    let mut faults = faults(dir.path());
    let empty = file("program", FileFault::Empty);
    faults.begin(vec![0], &empty, &[], None).expect("begun");
    faults.begin(vec![0, 0], &empty, &[], None).expect("begun");
    faults.heal(&[0, 0]).expect("healed");
    assert_eq!(text(&program), "");
    faults.heal(&[0]).expect("healed");
    assert_eq!(text(&program), "right");
}

#[test]
fn a_configuration_that_was_exchanged_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("supervisor.ron");
    for is in [FileFault::Missing, FileFault::Empty] {
        fs::write(&config, "first").expect("written");
        let mut faults = faults(dir.path());
        faults.begin(vec![0], &file("config", is), &[], None).expect("begun");
        // The operator takes it away.
        let _ = fs::remove_file(&config);
        faults.config_exchanged();
        faults.heal(&[0]).expect("healed");
        assert!(!config.exists(), "{is:?}");
    }
}

#[test]
fn a_socket_comes_back_as_long_as_its_owner_lives() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = subject::owned(dir.path(), Owns::Control);
    for (owner, back) in [(this(), true), (nobody(), false)] {
        let _listener = UnixListener::bind(&socket).expect("a listener");
        let mut faults = faults(dir.path());
        faults.begin(vec![0], &file("control", FileFault::Missing), &[], owner).expect("begun");
        assert!(!socket.exists());
        faults.heal(&[0]).expect("healed");
        assert_eq!(socket.exists(), back);
        let _ = fs::remove_file(&socket);
        fs::remove_dir_all(dir.path().join("aside")).expect("there");
    }
}

#[test]
fn a_log_folder_that_was_made_anew_hides_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log/workers.log");
    let mut faults = faults(dir.path());
    let damaged = "~old\n";
    fs::write(&log, damaged).expect("written");
    faults.begin(vec![0], &file("log directory", FileFault::Missing), &[], None).expect("begun");
    fs::create_dir(dir.path().join("log")).expect("made anew");
    fs::write(&log, "~new\n").expect("written");
    faults.heal(&[0]).expect("healed");
    assert_eq!(text(&log), "~new\n");
    let told = faults.outlets.take().expect("there").finish().expect("read");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn what_can_not_be_healed_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("supervisor.ron");
    fs::write(&config, "config").expect("written");
    let mut faults = faults(dir.path());
    faults.begin(vec![0], &file("config", FileFault::Missing), &[], None).expect("begun");
    fs::remove_dir_all(dir.path().join("aside")).expect("there");
    let why = faults.heal(&[0]).expect_err("it is gone");
    assert!(why.contains("cannot put") && why.contains("supervisor.ron"), "{why}");
}

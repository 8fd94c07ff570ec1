//! Who workers are: pools of one supervisor with users, directories, masks, limits and environments of their own.

mod supervisor_support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::sys::signal::Signal;
use nix::unistd::Uid;
use supervisor_support::{Running, pid};

/// Says that it is ready when it has made a file.
const MAKES: &str = r#"["sh", "-c", "echo $WHO > \"$MADE\"; echo '{\"act\":\"ready\"}' >&3; exec sleep 1000"]"#;

/// What /proc/PID/status says after this name.
fn status(pid: i32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("in every status");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The soft and the hard limit on descriptors.
fn descriptors(pid: i32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files")).expect("in every list");
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

#[test]
fn each_pool_has_its_own_and_none_of_it_is_the_supervisors() {
    if !Uid::effective().is_root() {
        eprintln!(
            "skipped: each_pool_has_its_own_and_none_of_it_is_the_supervisors: only root may become somebody else"
        );
        return;
    }
    let (one, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    for dir in [&one, &other] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    }
    let (first, second) = (one.path().display(), other.path().display());
    let mut run = Running::config(&format!(
        r#"(events: "events", pools: {{
            "web": (command: {MAKES}, workers: 1, user: 1234, group: 2345, groups: [77], umask: "027",
                    directory: "{first}", limits: {{"nofile": (64, 128)}}, env: {{"WHO": "web", "MADE": "made"}}),
            "notifier": (command: {MAKES}, workers: 1, user: 4321, umask: "000", directory: "{second}",
                    limits: {{"nofile": 99}}, env: {{"WHO": "notifier", "MADE": "made"}}),
            "plain": (command: {MAKES}, workers: 1, env: {{"WHO": "plain", "MADE": "{second}/plain"}}),
        }})"#
    ));
    let ready = run.wait_for("ready", 3);
    let of = |pool: &str| pid(ready.iter().find(|event| event["worker"]["pool"] == pool).expect("it is ready"));
    assert_eq!(status(of("web"), "Uid"), "1234 1234 1234 1234");
    assert_eq!((status(of("web"), "Gid"), status(of("web"), "Groups")), ("2345 2345 2345 2345".into(), "77".into()));
    assert_eq!((status(of("web"), "Umask"), descriptors(of("web"))), ("0027".into(), vec!["64".into(), "128".into()]));
    assert_eq!(
        (status(of("notifier"), "Uid"), status(of("notifier"), "Groups")),
        ("4321 4321 4321 4321".into(), "".into())
    );
    assert_eq!((status(of("notifier"), "Umask"), descriptors(of("notifier"))), ("0000".into(), vec!["99".into(); 2]));
    for field in ["Uid", "Gid", "Groups", "Umask"] {
        assert_eq!(status(of("plain"), field), status(run.pid(), field), "{field} of who asked for nothing");
    }
    assert_eq!(descriptors(of("plain")), descriptors(run.pid()));
    let made = |path: &std::path::Path| {
        let metadata = fs::metadata(path).expect("made");
        (fs::read_to_string(path).expect("readable"), metadata.uid(), metadata.mode() & 0o777)
    };
    assert_eq!(made(&one.path().join("made")), ("web\n".to_owned(), 1234, 0o640));
    assert_eq!(made(&other.path().join("made")), ("notifier\n".to_owned(), 4321, 0o666));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0, "{}", run.stderr());
}

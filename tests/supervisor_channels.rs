//! The real supervisor: what goes through channels, notify sockets, event sinks and the environment.

mod supervisor_support;

use std::fs::{self, File};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use nix::sys::signal::Signal;

use supervisor_support::{READY, Running, events_in, pid, supervisor, wait_until};

fn stop(mut run: Running) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
}

#[test]
fn workers_are_told_of_their_sockets() {
    let script = r#"echo "$LISTEN_FDS $LISTEN_FDNAMES $LISTEN_PID $$ $NODE_CHANNEL_FD" >told.new; mv told.new told
        echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let options = ["--workers", "1", "--listen", "web=127.0.0.1:0", "--listen", "udp:127.0.0.1:0"];
    let run = Running::script(&options, script);
    let worker = pid(&run.wait_for("ready", 1)[0]);
    let told = fs::read_to_string(run.path("told")).expect("written");
    assert_eq!(told, format!("2 web:listen2 {worker} {worker} 5\n"));
    stop(run);
}

#[test]
fn garbage_on_the_channel_is_reported_and_harmless() {
    let script = r#"printf 'gar"bage\n\n{"act":"dance"}\n{"act":"re' >&$NODE_CHANNEL_FD; sleep 0.05
        printf 'ady"}\n' >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let run = Running::script(&["--workers", "1"], script);
    run.wait_for("ready", 1);
    let errors = run.all("error");
    let texts: Vec<_> = errors.iter().map(|error| error["text"].as_str().unwrap_or_default()).collect();
    assert_eq!(texts, ["\"gar\\\"bage\" (bad line 1)", "\"\" (bad line 2)"]);
    assert!(errors.iter().all(|error| error["kind"] == "garbage"));
    stop(run);
}

#[test]
fn a_line_without_end_costs_the_channel_and_nothing_else() {
    let script = r#"echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; trap '' PIPE
        head -c 20000000 /dev/zero >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let run = Running::script(&["--workers", "1"], script);
    run.wait_for("disconnect", 1);
    let error = &run.wait_for("error", 1)[0];
    assert!(error["text"].as_str().is_some_and(|text| text.contains("more than 16777216 bytes")), "{error}");
    stop(run);
}

#[test]
fn a_closed_channel_is_no_death() {
    let script = r#"echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000 3>&-"#;
    let run = Running::script(&["--workers", "1"], script);
    let worker = pid(&run.wait_for("disconnect", 1)[0]);
    assert_eq!(run.pids(), [worker], "nobody was started in its place");
    assert!(run.all("exit").is_empty());
    stop(run);
}

#[test]
fn last_words_are_heard_before_the_death() {
    let script = r#"echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; echo '{"act":"suicide"}' >&$NODE_CHANNEL_FD; exit 3"#;
    let run = Running::script(&["--workers", "1", "--limit", "none"], script);
    let exit = run.wait_for("exit", 1)[0].clone();
    assert_eq!(exit["code"], 3);
    let first: Vec<_> = run.events().into_iter().filter(|event| event["pid"] == exit["pid"]).collect();
    let place =
        |kind: &str| first.iter().position(|event| event["event"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    assert!(place("announce") < place("exit"));
    assert!(place("disconnect") < place("exit") && place("exit") < place("close"));
    stop(run);
}

#[test]
fn a_notification_counts_as_ready() {
    let script = "echo $NOTIFY_SOCKET >where.new; mv where.new where; exec sleep 1000";
    let run = Running::script(&["--workers", "1"], script);
    let name = wait_until("the socket's name", || fs::read_to_string(run.path("where")).ok());
    let name = name.trim().strip_prefix('@').expect("abstract");
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.send_to_addr(b"STATUS=nearly\nREADY=0\n", &address).expect("sent");
    sender.send_to_addr(b"STATUS=up\nREADY=1\n", &address).expect("sent");
    run.wait_for("ready", 1);
    assert!(run.all("error").is_empty());
    stop(run);
}

#[test]
fn events_go_to_an_inherited_descriptor() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = supervisor();
    command.args(["run", "--workers", "1", "--quiet", "--events-fd", "1", "--", "sh", "-c", READY]);
    let mut run = Running::start(command, dir);
    wait_until("ready", || events_in(&run.path("stdout")).iter().any(|event| event["event"] == "ready").then_some(()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    let last = events_in(&run.path("stdout")).pop().expect("an event");
    assert_eq!(last["event"], "close");
    assert_eq!(run.stderr(), "", "quiet");
}

#[test]
fn an_event_file_that_was_moved_away_is_opened_again() {
    let mut run = Running::script(&["--workers", "1"], READY);
    run.wait_for("ready", 1);
    fs::rename(run.path("events"), run.path("old")).expect("moved");
    run.signal(Signal::SIGUSR1);
    wait_until("the new file", || run.path("events").exists().then_some(()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    assert_eq!(run.all("stop").len(), 1);
    assert!(events_in(&run.path("old")).iter().all(|event| event["event"] != "stop"));
}

#[test]
fn an_event_file_that_can_not_be_opened_is_65() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = supervisor();
    command.args(["run", "--events", "no/such/directory", "--", "sh", "-c", READY]);
    let mut run = Running::start(command, dir);
    assert_eq!(run.end_code(), 65);
    assert!(run.stderr().contains("can't write events: No such file"), "{}", run.stderr());
}

/// Nobody reads standard error, and it is full before the supervisor starts: blocking and shared with the test, as a
/// terminal multiplexer's pipe would be.
#[test]
fn a_full_standard_error_blocks_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let size = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).expect("smaller");
    writer.write_all(&vec![b'x'; usize::try_from(size).expect("positive")]).expect("fits");
    let mut command = supervisor();
    command.args(["run", "--workers", "2", "--events", "events", "--", "sh", "-c", READY]);
    command.stderr(writer).stdout(File::create(dir.path().join("stdout")).expect("the file"));
    let mut run = Running::start_as_is(command, dir);
    let victim = pid(&run.wait_for("ready", 2)[0]);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(victim), Signal::SIGKILL).expect("alive");
    run.wait_for("ready", 3);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    drop(reader);
}

//! Commands to a real supervisor: what they do, what they answer, and what its control socket bears.

mod operator_support;
mod supervisor_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use operator_support::{
    Following, Raw, as_user, controlled, descriptors, done, operate, resident, status, stop, ticks, workers,
};
use supervisor_support::{READY, Running, exists, output, pid, supervisor, wait_until};

/// Ignores TERM, in one process.
const STUBBORN: &str = r#"trap '' TERM; echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;

/// Ends at once where there is a file `bad`.
const FICKLE: &str = r#"[ -e bad ] && exit 3; echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;

#[test]
fn status_shows_every_worker() {
    let run = controlled(&[], 2, READY);
    let table = done(&run, &["status"]);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"pid \d+", "pid PID");
    settings.add_filter(r"(main +\d+ +\d+) +\d+", "$1  PID");
    settings.add_filter(r" +\d+(ms|s)\b", " TIME");
    settings.add_filter(r" +\d+\.\d[KM] +\d+%", "  SIZE  SHARE");
    settings.add_filter(r"GEN +PID +STATE +UPTIME +RESTARTS +RSS +CPU", "GEN  PID  STATE  UPTIME  RESTARTS  RSS  CPU");
    settings.bind(|| insta::assert_snapshot!("status", table));
    let status = status(&run);
    assert_eq!(status["reply"], "status");
    assert_eq!(status["supervisor"]["pid"], run.pid());
    assert_eq!(status["supervisor"]["mood"], "running");
    assert_eq!((&status["pools"][0]["ready"], &status["pools"][0]["wanted"]), (&json!(2), &json!(2)));
    let pids: Vec<i32> = workers(&status).into_iter().map(|(_, _, pid, _)| pid).collect();
    assert_eq!(pids, run.pids());
    let first = &status["pools"][0]["slots"][0]["workers"][0];
    assert!(first["rss"].as_u64() > Some(100_000) && first["cpu_ms"].is_u64(), "{first}");
    stop(run);
}

#[test]
fn status_shows_who_waits_to_be_started() {
    let run = configured(
        r#"(command: ["/nonexistent/program"], workers: 1, events: "events", limit: None,
            backoff: (initial: "1h", factor: 1, cap: "1h", jitter_percent: 0))"#,
    );
    run.wait_for("restart", 1);
    let table = done(&run, &["status"]);
    assert!(table.contains("starts in 59m") || table.contains("starts in 1h 0m"), "{table}");
    stop(run);
}

#[test]
fn a_watched_status_is_shown_again_and_again() {
    let run = controlled(&[], 1, READY);
    let watching = Following::start(&run, &["status", "--watch"]);
    wait_until("two tables", || {
        (watching.lines().iter().filter(|line| line.starts_with("supervisor ")).count() > 1).then_some(())
    });
    assert!(watching.lines().iter().all(|line| !line.contains('\x1b')), "a file is no terminal");
    stop(run);
}

#[test]
fn events_are_told_until_the_supervisor_ends() {
    let run = controlled(&[], 1, READY);
    let mut following = Following::start(&run, &["events", "--follow"]);
    following.wait_for("worker 0 (generation 1, pid");
    let victim = run.pids()[0];
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("alive");
    let lines = following.wait_for("worker 0 (generation 2, pid");
    assert!(lines.iter().any(|line| line.contains(&format!("pid {victim}) was ended by signal 9"))), "{lines:?}");
    let past = done(&run, &["events", "--json"]);
    let events: Vec<serde_json::Value> = past.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events[0]["event"]["event"], "setup");
    assert_eq!(events.last(), Some(&json!({"reply": "done"})));
    assert!(events.iter().any(|reply| reply["event"]["event"] == "exit" && reply["event"]["signal"] == 9), "{past}");
    stop(run);
    assert_eq!(following.end_code(), 0);
}

/// Programs read them: one JSON object a line, whatever the command, and the last one is the answer.
#[test]
fn every_command_answers_in_json_as_well() {
    let run = controlled(&["--output", "prefixed"], 2, &format!("echo hello; {READY}"));
    wait_until("its output", || done(&run, &["logs"]).contains("hello").then_some(()));
    let lines = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let said = done(&run, &[arguments, &["--json"]].concat());
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{arguments:?}: {said}")))
            .collect()
    };
    for (command, answer) in [
        (&["status"][..], "status"),
        (&["events"], "done"),
        (&["logs"], "done"),
        (&["reload"], "done"),
        (&["scale", "main", "3"], "done"),
        (&["restart", "main"], "done"),
        (&["restart", "main/0"], "done"),
        (&["publish", "prices", "1.5"], "done"),
    ] {
        let said = lines(command);
        assert_eq!(said.last().expect("an answer")["reply"], answer, "{command:?}: {said:?}");
    }
    assert!(lines(&["logs"]).iter().any(|line| line["text"] == "hello" && line["stream"] == "stdout"));
    let (code, stdout, stderr) = operate(&run, &["scale", "nobody", "3", "--json"]);
    let error: serde_json::Value =
        serde_json::from_str(stdout.trim_end()).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    assert_eq!((code, &error["code"]), (64, &json!("unknown_name")), "{stdout}");
    assert_eq!(lines(&["stop"]).last().expect("an answer")["reply"], "done");
    let mut run = run;
    assert_eq!(run.end_code(), 0);
}

#[test]
fn a_reload_answers_when_every_worker_was_replaced() {
    let run = controlled(&[], 2, READY);
    let before = workers(&status(&run));
    assert_eq!(done(&run, &["reload"]), "every worker was replaced\n");
    let after: Vec<_> = workers(&status(&run)).into_iter().filter(|worker| worker.3 == "ready").collect();
    assert_eq!(after.iter().map(|worker| worker.1).collect::<Vec<_>>(), [2, 2]);
    assert!(after.iter().all(|new| before.iter().all(|old| old.2 != new.2)), "{before:?} {after:?}");
    stop(run);
}

#[test]
fn a_reload_that_fails_says_so_and_the_old_workers_stay() {
    let run = controlled(&[], 2, FICKLE);
    fs::write(run.path("bad"), "").expect("the file");
    let (code, stdout, stderr) = operate(&run, &["reload"]);
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("error: abandoned: a new worker did not become ready"), "{stderr}");
    let kept: Vec<_> = workers(&status(&run)).into_iter().filter(|worker| worker.3 == "ready").collect();
    assert_eq!(kept.iter().map(|worker| worker.1).collect::<Vec<_>>(), [1, 1]);
    stop(run);
}

#[test]
fn without_waiting_a_reload_answers_at_once() {
    let script = r#"[ -e slow ] && until [ -e go ]; do sleep 0.01; done; echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let run = controlled(&[], 1, script);
    fs::write(run.path("slow"), "").expect("the file");
    assert_eq!(done(&run, &["reload", "--no-wait"]), "begun\n");
    assert_eq!(status(&run)["supervisor"]["mood"], "reloading");
    fs::write(run.path("go"), "").expect("the file");
    wait_until("the new worker", || run.all("reload").iter().any(|event| event["phase"] == "done").then_some(()));
    stop(run);
}

#[test]
fn the_number_of_workers_changes_on_command() {
    let run = controlled(&[], 2, READY);
    let ready = |run: &Running| workers(&status(run)).iter().filter(|worker| worker.3 == "ready").count();
    assert_eq!(done(&run, &["scale", "main", "+2"]), "4 workers serve\n");
    assert_eq!(ready(&run), 4);
    assert_eq!(done(&run, &["scale", "main", "1"]), "1 workers serve\n");
    assert_eq!(ready(&run), 1);
    let (code, _, stderr) = operate(&run, &["scale", "mian", "3"]);
    assert_eq!((code, stderr.as_str()), (64, "error: there is no pool `mian`; did you mean `main`?\n"));
    assert_eq!(operate(&run, &["scale", "main", "none"]).0, 64);
    stop(run);
}

#[test]
fn one_worker_is_replaced_without_a_gap() {
    let run = controlled(&[], 2, READY);
    let before = workers(&status(&run));
    assert_eq!(done(&run, &["restart", "main/1"]), "generation 2 serves\n");
    let after: Vec<_> = workers(&status(&run)).into_iter().filter(|worker| worker.3 == "ready").collect();
    assert_eq!(after[0], before[0], "nobody else is touched");
    assert_eq!((after[1].0, after[1].1), (1, 2));
    let order: Vec<_> = run
        .events()
        .iter()
        .filter(|event| event["worker"]["slot"] == 1)
        .filter_map(|event| event["event"].as_str().map(str::to_owned))
        .filter(|kind| ["ready", "retire"].contains(&kind.as_str()))
        .collect();
    assert_eq!(order, ["ready", "ready", "retire"], "the old one leaves when the new one serves");
    for (who, expected) in [
        ("main/7", "error: there is no slot 7 in pool main: it has 0 to 1\n"),
        ("man", "error: there is no pool `man`; did you mean `main`?\n"),
        ("main/1.1", "error: main/1.1 does not serve; generation 2 does\n"),
    ] {
        let (code, _, stderr) = operate(&run, &["restart", who]);
        assert_eq!((code, stderr.as_str()), (64, expected));
    }
    assert_eq!(done(&run, &["restart", "main"]), "every worker was replaced\n");
    stop(run);
}

#[test]
fn a_replacement_that_fails_is_told() {
    let run = controlled(&["--limit", "none"], 1, FICKLE);
    fs::write(run.path("bad"), "").expect("the file");
    let (code, _, stderr) = operate(&run, &["restart", "main/0"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.starts_with("error: abandoned"), "{stderr}");
    assert!(exists(run.pids()[0]), "the old one stays");
    stop(run);
}

#[test]
fn a_stop_answers_when_everything_is_gone() {
    let mut run = controlled(&[], 2, READY);
    assert_eq!(done(&run, &["stop"]), "stopped\n");
    assert_eq!(run.end_code(), 0);
    assert!(!run.path("control").exists());
    let (code, _, stderr) = operate(&run, &["status"]);
    assert_eq!((code, stderr.as_str()), (69, "error: no supervisor answers at control: there is no such socket\n"));
}

#[test]
fn a_second_stop_does_not_wait_for_the_drain() {
    let mut run = controlled(&["--drain", "1h"], 1, STUBBORN);
    assert_eq!(done(&run, &["stop", "--no-wait"]), "begun\n");
    assert_eq!(status(&run)["supervisor"]["mood"], "stopping");
    let (code, _, stderr) = operate(&run, &["scale", "main", "3"]);
    assert_eq!((code, stderr.as_str()), (1, "error: the supervisor is stopping\n"));
    assert_eq!(done(&run, &["stop"]), "stopped\n");
    assert_eq!(run.end_code(), 0);
}

#[test]
fn a_second_start_at_the_same_place_is_refused_and_a_dead_socket_is_replaced() {
    let mut run = controlled(&[], 1, READY);
    let again = ["run", "--control", "control", "--", "sleep", "1000"];
    let (code, _, stderr) = output(&again, run.dir.path());
    assert_eq!((code, stderr), (69, format!("error: it runs already: process {} listens at control\n", run.pid())));
    run.signal(Signal::SIGKILL);
    run.child.wait().expect("our child");
    let (code, _, stderr) = operate(&run, &["status"]);
    assert_eq!(
        (code, stderr.as_str()),
        (69, "error: no supervisor answers at control: it has ended without removing its socket\n")
    );
    let dir = std::mem::replace(&mut run.dir, tempfile::tempdir().expect("a directory"));
    fs::remove_file(dir.path().join("events")).expect("it was there");
    let mut command = supervisor();
    command.args(["run", "--control", "control", "--workers", "1", "--events", "events", "--", "sh", "-c", READY]);
    let run = Running::start(command, dir);
    run.wait_for("ready", 1);
    assert_eq!(status(&run)["supervisor"]["pid"], run.pid());
    stop(run);
}

/// Two pools, whose workers end at once where there is a file `bad-` and their pool's name.
fn pools(web: &str) -> String {
    let worker = r#"[ -e bad-$POOL ] && exit 3; echo '{"act":"ready"}' >&$NODE_CHANNEL_FD; exec sleep 1000"#;
    let pool = |name: &str, rest: &str| {
        format!(r###""{name}": (command: ["sh", "-c", r##"{worker}"##], env: {{"POOL": "{name}"}}, {rest})"###)
    };
    let pools = [pool("web", web), pool("notifier", "workers: 1, output: Prefixed")].join(",\n");
    format!("(events: \"events\", pools: {{\n{pools}\n}})")
}

/// A supervisor with this configuration.
fn configured(text: &str) -> Running {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("pool.ron"), text).expect("the file");
    let mut command = supervisor();
    command.args(["run", "--control", "control", "pool.ron"]);
    Running::start(command, dir)
}

fn serving(status: &serde_json::Value, pool: &str) -> Vec<u64> {
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let pools = list(&status["pools"]);
    let slots = pools.iter().find(|found| found["name"] == pool).map(|pool| list(&pool["slots"])).unwrap_or_default();
    let workers = slots.iter().flat_map(|slot| list(&slot["workers"]));
    workers.filter(|worker| worker["state"] == "ready").filter_map(|worker| worker["generation"].as_u64()).collect()
}

#[test]
fn each_pool_has_its_commands() {
    let run = configured(&pools("workers: 2"));
    run.wait_for("ready", 3);
    assert_eq!(done(&run, &["scale", "web", "3"]), "3 workers serve\n");
    assert_eq!(done(&run, &["restart", "notifier"]), "every worker was replaced\n");
    assert_eq!(done(&run, &["restart", "web/1"]), "generation 2 serves\n");
    let status = status(&run);
    assert_eq!((serving(&status, "web"), serving(&status, "notifier")), (vec![1, 2, 1], vec![2]));
    let (code, _, stderr) = operate(&run, &["restart", "main"]);
    assert_eq!((code, stderr.as_str()), (64, "error: there is no pool `main`; there is: web, notifier\n"));
    assert_eq!(operate(&run, &["logs", "notifier"]).0, 0, "its output is kept");
    assert_eq!(operate(&run, &["logs", "web"]).0, 1);
    stop(run);
}

#[test]
fn a_reload_reads_the_configuration_again() {
    let run = configured(&pools("workers: 2"));
    run.wait_for("ready", 3);
    fs::write(run.path("pool.ron"), pools("workers: 3, output: Files(stdout: \"web.log\")")).expect("the file");
    assert_eq!(done(&run, &["reload"]), "every worker was replaced\n");
    assert_eq!(serving(&status(&run), "web").len(), 3);
    assert_eq!(done(&run, &["logs", "web"]), "", "its output is kept by now");
    assert!(run.path("web.log").exists());
    for (text, expected) in [
        (pools("workers: \"two\""), "`workers`"),
        (pools("output: Files(stdout: \"missing/web.log\")"), "can't append to missing/web.log"),
    ] {
        fs::write(run.path("pool.ron"), text).expect("the file");
        let (code, _, stderr) = operate(&run, &["reload"]);
        assert!(code == 1 && stderr.contains(expected), "{code}: {stderr}");
    }
    let before = serving(&status(&run), "web");
    fs::write(run.path("pool.ron"), pools("workers: 3, output: Null")).expect("the file");
    fs::write(run.path("bad-web"), "").expect("the file");
    let (code, _, stderr) = operate(&run, &["reload"]);
    assert!(code == 1 && stderr.starts_with("error: abandoned"), "{code}: {stderr}");
    assert_eq!(serving(&status(&run), "web"), before);
    stop(run);
}

#[test]
fn a_client_that_never_reads_disturbs_nobody() {
    let run = controlled(&[], 1, READY);
    let mut deaf = Raw::connect(&run);
    deaf.say("{\"do\":\"events\",\"follow\":true}\n");
    deaf.stream.set_nonblocking(true).expect("a socket");
    // It asks for ever more until the supervisor stops reading it.
    let request = "{\"do\":\"status\"}\n".repeat(1000);
    wait_until("the end of its patience", || {
        use std::io::Write;
        deaf.stream.write(request.as_bytes()).is_err().then_some(())
    });
    let memory = resident(run.pid());
    for _ in 0..20 {
        let victim = workers(&status(&run)).last().expect("one").2;
        done(&run, &["restart", "main/0"]);
        wait_until("the end of the old one", || (!exists(victim)).then_some(()));
    }
    assert!(resident(run.pid()) < memory + 2048, "{memory} KiB, then {} KiB", resident(run.pid()));
    stop(run);
}

#[test]
fn clients_that_ask_for_much_keep_nobody_waiting() {
    let run = controlled(&[], 1, READY);
    let mut greedy = Raw::connect(&run);
    let mut modest = Raw::connect(&run);
    for raw in [&mut greedy, &mut modest] {
        assert_eq!(raw.line().expect("a hello")["supervisor"], 1);
    }
    // Both are heard in the same turn.
    run.signal(Signal::SIGSTOP);
    greedy.say(&"{\"do\":\"status\"}\n".repeat(200));
    modest.say("{\"do\":\"status\"}\n");
    run.signal(Signal::SIGCONT);
    let when = |answer: Option<serde_json::Value>| answer.expect("an answer")["supervisor"]["uptime_ms"].as_u64();
    let modest = when(modest.line());
    let greedy: Vec<_> = (0..200).map(|_| when(greedy.line())).collect();
    assert!(modest.is_some() && modest <= greedy[20], "at {modest:?}, the others at {greedy:?}");
    stop(run);
}

#[test]
fn news_do_not_wait_until_all_requests_are_done() {
    let run = controlled(&[], 1, READY);
    let mut client = Raw::connect(&run);
    assert_eq!(client.line().expect("a hello")["supervisor"], 1);
    client.say("{\"do\":\"events\",\"follow\":true,\"id\":1}\n");
    let ready = |line: &serde_json::Value| line["event"]["event"] == "ready";
    while !ready(&client.line().expect("the past")) {}
    run.signal(Signal::SIGSTOP);
    client.say(&"{\"do\":\"status\",\"id\":2}\n".repeat(200));
    let worker = run.pids()[0];
    kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it lives");
    let stat = || fs::read_to_string(format!("/proc/{worker}/stat")).expect("nobody has reaped it");
    wait_until("its end", || stat().contains(") Z ").then_some(()));
    run.signal(Signal::SIGCONT);
    let before = (0..200).take_while(|_| client.line().expect("an answer")["event"]["event"] != "exit").count();
    assert!(before < 100, "{before} answers of 200 before the death was told");
    stop(run);
}

#[test]
fn a_thousand_silent_clients_disturb_nobody() {
    let run = controlled(&[], 1, READY);
    let before = descriptors(run.pid());
    let silent: Vec<Raw> = (0..1000).map(|_| Raw::connect(&run)).collect();
    assert_eq!(status(&run)["supervisor"]["ready"], 1);
    wait_until("few descriptors", || (descriptors(run.pid()) <= before + 64).then_some(()));
    let mut first = silent.into_iter().next().expect("a thousand");
    assert_eq!(first.line().expect("a hello")["supervisor"], 1);
    assert_eq!(first.line().expect("a reason")["code"], "busy");
    assert_eq!(first.line(), None);
    stop(run);
}

#[test]
fn a_client_that_there_is_no_descriptor_for_waits_without_keeping_anybody_busy() {
    let run = controlled(&[], 1, READY);
    let limit = |number: &str| {
        let pid = run.pid().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={number}:")]).status();
        assert!(done.is_ok_and(|status| status.success()), "prlimit of util-linux");
    };
    limit("3");
    let mut raw = Raw::connect(&run);
    let before = ticks(run.pid());
    std::thread::sleep(Duration::from_secs(1));
    let used = ticks(run.pid()) - before;
    assert!(used < 5, "{used} hundredths of a second of processor time in a second");
    limit("1024");
    assert_eq!(raw.line(), Some(json!({"supervisor": 1, "pid": run.pid()})));
    stop(run);
}

#[test]
fn what_is_no_request_is_answered() {
    let run = controlled(&[], 1, READY);
    let mut raw = Raw::connect(&run);
    assert_eq!(raw.line(), Some(json!({"supervisor": 1, "pid": run.pid()})));
    raw.say("{\"do\":\"statsu\",\"id\":5}\nGET / HTTP/1.1\n{\"do\":\"info\",\"id\":6}\n");
    let text = "no request `statsu`; did you mean `status`?";
    assert_eq!(raw.line(), Some(json!({"id": 5, "reply": "error", "code": "unknown_request", "text": text})));
    assert_eq!(raw.line().expect("an answer")["code"], "bad_request");
    let info = raw.line().expect("an answer");
    assert_eq!(
        (&info["id"], &info["reply"], &info["commands"][0]),
        (&json!(6), &json!("info"), &json!(format!("sh -c {READY}")))
    );
    raw.say(&"x".repeat(400_000));
    assert_eq!(raw.line().expect("an answer")["code"], "bad_request");
    assert_eq!(raw.line(), None);
    stop(run);
}

#[test]
fn other_users_are_refused_even_where_the_file_lets_them() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not run: only root can be somebody else");
        return;
    }
    let run = controlled(&[], 1, READY);
    // The build's directory may be closed to others.
    let program = run.path("program");
    fs::copy(env!("CARGO_BIN_EXE_supervisor"), &program).expect("a copy");
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    open(run.dir.path(), 0o755);
    open(&program, 0o755);
    let (code, stderr) = as_user(65534, &program, &["status", "--control", "control"], &run);
    assert_eq!(
        (code, stderr.as_str()),
        (69, "error: no supervisor answers at control: Permission denied (os error 13)\n")
    );
    open(&run.path("control"), 0o666);
    let (code, stderr) = as_user(65534, &program, &["status", "--control", "control"], &run);
    let expected = "error: no supervisor answers at control: user 65534 may not; only root and user 0 may\n";
    assert_eq!((code, stderr.as_str()), (69, expected));
    stop(run);
}

#[test]
fn help_of_the_commands() {
    for command in ["list", "status", "events", "logs", "reload", "scale", "restart", "stop", "publish"] {
        let help = Command::new(env!("CARGO_BIN_EXE_supervisor")).args([command, "--help"]).output().expect("it runs");
        insta::assert_snapshot!(format!("help_{command}"), String::from_utf8(help.stdout).expect("UTF-8"));
    }
}

#[test]
fn what_is_published_is_told_to_those_who_subscribed() {
    let script = r#"echo '{"act":"subscribe","topics":["price"]}' >&$NODE_CHANNEL_FD
        echo '{"act":"ready"}' >&$NODE_CHANNEL_FD
        eval "exec 9<&$NODE_CHANNEL_FD"; read -r line <&9; echo "$line" >heard.new; mv heard.new heard; exec sleep 1000"#;
    let run = controlled(&[], 1, script);
    assert_eq!(done(&run, &["publish", "price", r#"{"b": 1.50}"#]), "");
    let heard = wait_until("the update", || fs::read_to_string(run.path("heard")).ok());
    assert!(heard.contains(r#"{"b": 1.50}"#) && heard.contains("price"), "{heard}");
    let (code, _, stderr) = operate(&run, &["publish", "price", "text"]);
    assert_eq!(code, 64);
    assert!(stderr.contains("a string needs its quotes"), "{stderr}");
    let (code, _, stderr) = operate(&run, &["publish", "", "1"]);
    assert_eq!((code, stderr.as_str()), (1, "error: the name of a topic has 1 to 255 bytes, this one has 0\n"));
    assert_eq!(pid(&run.all("fork")[0]), run.pids()[0]);
    stop(run);
}

/// The page is written by hand; what it names is what there is.
#[test]
fn the_page_about_operating_has_every_request_and_every_limit() {
    use supervisor::control::{REQUEST_LIMIT, VERBS};
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md")).expect("the page");
    for verb in VERBS {
        assert!(page.contains(&format!("| `{{\"do\":\"{verb}\"}}` |")), "no row for {verb}");
    }
    for command in ["list", "status", "events", "logs", "reload", "scale", "restart", "stop", "publish"] {
        assert!(page.contains(&format!("| `{command}")), "no row for {command}");
    }
    assert!(page.contains(&format!("| a request | {} KiB |", REQUEST_LIMIT / 1024)));
}

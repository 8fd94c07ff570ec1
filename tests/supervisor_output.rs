//! What real workers write, and where it goes.

mod operator_support;
mod supervisor_support;

use std::fs::{self, File};
use std::io::PipeReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use operator_support::{Following, controlled, descriptors, done, operate, resident, stop};
use supervisor_support::{Running, exists, supervisor, wait_until};

const SAY_READY: &str = r#"echo '{"act":"ready"}' >&$NODE_CHANNEL_FD"#;

/// A worker that writes this and then waits.
fn writing(script: &str) -> String {
    format!("{script}\n{SAY_READY}; exec sleep 1000")
}

fn text(run: &Running, name: &str) -> String {
    fs::read_to_string(run.path(name)).unwrap_or_default()
}

#[test]
fn each_line_has_the_name_of_its_worker() {
    let run =
        controlled(&["--output", "prefixed", "--quiet"], 2, &writing("echo to people >&2; printf 'one\\ntwo\\n'"));
    let whole = |name: &str, expected: &[&str]| {
        wait_until(&format!("{expected:?} in {name}"), || {
            let text = text(&run, name);
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            (lines == expected).then_some(())
        });
    };
    whole("stdout", &["main/0.1 | one", "main/0.1 | two", "main/1.1 | one", "main/1.1 | two"]);
    whole("stderr", &["main/0.1 | to people", "main/1.1 | to people"]);
    stop(run);
}

#[test]
fn what_the_supervisor_says_and_what_workers_say_are_whole_lines_of_one_stream() {
    let run = controlled(&["--output", "prefixed"], 1, &writing("for i in 1 2 3 4 5; do echo $i >&2; done"));
    wait_until("all lines", || text(&run, "stderr").contains("main/0.1 | 5\n").then_some(()));
    for line in text(&run, "stderr").lines() {
        assert!(line.starts_with("supervisor: ") || line.starts_with("main/0.1 | "), "{line}");
    }
    stop(run);
}

#[test]
fn the_last_line_of_a_dead_worker_needs_no_end() {
    let run = controlled(&["--output", "prefixed"], 1, &writing("printf 'last words'"));
    assert!(!text(&run, "stdout").contains("last words"), "not before its end: the line may go on");
    kill(Pid::from_raw(run.pids()[0]), Signal::SIGKILL).expect("alive");
    wait_until("its last words", || text(&run, "stdout").contains("main/0.1 | last words\n").then_some(()));
    stop(run);
}

#[test]
fn long_lines_are_cut() {
    let run =
        controlled(&["--output", "prefixed"], 1, &writing("head -c 20000 /dev/zero | tr '\\0' x; echo; echo end"));
    wait_until("the end", || text(&run, "stdout").contains("| end\n").then_some(()));
    let lengths: Vec<usize> = text(&run, "stdout").lines().map(|line| line.len() - "main/0.1 | ".len()).collect();
    assert_eq!(lengths, [8192, 8192, 20000 - 2 * 8192, 3]);
    stop(run);
}

#[test]
fn logs_have_the_last_lines_and_go_on() {
    let script = writing(
        "for i in $(seq 300); do echo line $i; done; echo oops >&2; (until [ -e go ]; do sleep 0.01; done; echo later) &",
    );
    let run = controlled(&["--output", "prefixed"], 2, &script);
    let last = |who: &str, count: &str| done(&run, &["logs", who, "-n", count]);
    wait_until("the lines", || last("main/1", "3").contains("oops").then_some(()));
    let shown = last("main/1", "300");
    let lines: Vec<&str> = shown.lines().filter(|line| line.contains(" | ")).collect();
    assert!(
        lines.len() < 300 && lines.last() == Some(&"main/1.1 | line 300"),
        "only the last ones are kept: {lines:?}"
    );
    assert!(shown.lines().any(|line| line == "main/1.1 ! oops"), "{shown}");
    assert!(!shown.contains("main/0"), "{shown}");
    let following = Following::start(&run, &["logs", "main/0.1", "--follow"]);
    following.wait_for("line 300");
    fs::write(run.path("go"), "").expect("the file");
    let lines = following.wait_for("main/0.1 | later");
    assert!(lines.iter().all(|line| line.starts_with("main/0.1")), "{lines:?}");
    let (code, _, stderr) = operate(&run, &["logs", "main/x"]);
    assert_eq!(code, 64, "{stderr}");
    stop(run);
}

#[test]
fn logs_of_workers_that_write_themselves_are_not_kept() {
    let run = controlled(&[], 1, &writing("echo hello"));
    assert_eq!(text(&run, "stdout"), "hello\n");
    let (code, _, stderr) = operate(&run, &["logs"]);
    let expected = "error: pool main: its workers write to the supervisor's own output themselves (output: Inherit)\n";
    assert_eq!((code, stderr.as_str()), (1, expected));
    stop(run);
}

#[test]
fn output_that_nobody_wants_goes_nowhere() {
    let run = controlled(&["--output", "null", "--quiet"], 1, &writing("echo hello; echo hello >&2"));
    assert_eq!((text(&run, "stdout"), text(&run, "stderr")), (String::new(), String::new()));
    assert_eq!(operate(&run, &["logs"]).0, 1);
    stop(run);
}

#[test]
fn files_are_opened_again_on_request() {
    let script = "n=0; trap 'n=$((n+1)); echo round $n' USR2; echo begin\n".to_owned()
        + SAY_READY
        + "; while :; do sleep 1000 & wait; done";
    let run = controlled(&["--output", "file:out.log"], 1, &script);
    let worker = Pid::from_raw(run.pids()[0]);
    let round = |number: u32, name: &str| {
        kill(worker, Signal::SIGUSR2).expect("alive");
        let line = format!("round {number}\n");
        wait_until(&format!("{line:?} in {name}"), || text(&run, name).contains(&line).then_some(()));
    };
    round(1, "out.log");
    fs::rename(run.path("out.log"), run.path("out.log.1")).expect("there");
    round(2, "out.log.1");
    run.signal(Signal::SIGUSR1);
    wait_until("a new file", || run.path("out.log").exists().then_some(()));
    round(3, "out.log");
    assert_eq!(text(&run, "out.log.1"), "begin\nround 1\nround 2\n");
    assert_eq!(text(&run, "out.log"), "round 3\n");
    stop(run);
}

#[test]
fn a_file_that_can_not_be_opened_is_65_and_starts_nothing() {
    let mut run = Running::script(&["--output", "file:missing/out.log"], SAY_READY);
    assert_eq!(run.end_code(), 65);
    assert!(run.all("fork").is_empty());
    assert!(run.stderr().contains("can't append to missing/out.log: No such file or directory"), "{}", run.stderr());
}

/// How many lines a worker writes at once.
const LINES: usize = 100_000;

/// Reads all there is from now on, into a file.
fn drain_into(mut pipe: PipeReader, path: PathBuf) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut file = File::create(path).expect("the file");
        std::io::copy(&mut pipe, &mut file).expect("a pipe");
    })
}

#[test]
fn a_reader_that_stops_costs_lines_and_never_a_worker_its_time() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let dir = tempfile::tempdir().expect("a directory");
    let script = format!("{SAY_READY}; seq -f 'this is line %g of many' {LINES}; touch written; exec sleep 1000");
    let mut command: Command = supervisor();
    command.args(["run", "--control", "control", "--workers", "1", "--events", "events", "--output", "prefixed"]);
    command.args(["--quiet", "--", "sh", "-c", &script]).stdout(writer).stderr(Stdio::null());
    let mut run = Running::start_as_is(command, dir);
    // The command holds the pipe's other end as well.
    run.wait_for("ready", 1);
    wait_until("the last line", || run.path("written").exists().then_some(()));
    let memory = resident(run.pid());
    assert!(memory < 20_000, "{memory} KiB");
    let last = format!("line {LINES} of many");
    wait_until("the last line", || done(&run, &["logs", "-n", "1"]).contains(&last).then_some(()));
    // With a reader again there is room to say what was lost: nothing is written after that.
    let draining = drain_into(reader, run.path("kept"));
    wait_until("what was lost", || text(&run, "kept").contains("lines were lost here\n").then_some(()));
    run.signal(Signal::SIGTERM);
    assert_eq!(run.end_code(), 0);
    draining.join().expect("read");
    let kept = text(&run, "kept");
    let lost: usize = kept
        .lines()
        .filter_map(|line| {
            line.strip_prefix("supervisor: ")?.strip_suffix(" lines were lost here")?.parse::<usize>().ok()
        })
        .sum();
    let whole = kept.lines().filter(|line| line.starts_with("main/0.1 | this is line ")).count();
    assert!(lost > 0 && whole + lost == LINES, "{whole} read and {lost} lost of {LINES}");
}

#[test]
fn who_left_the_group_and_holds_the_pipe_holds_nothing_else() {
    let script = format!(
        "setsid sh -c 'echo $$ >stray.new; mv stray.new stray; exec sleep 1000' &\nuntil [ -e stray ]; do sleep 0.01; done; {SAY_READY}; exec sleep 1000"
    );
    let run = controlled(&["--output", "prefixed"], 1, &script);
    let stray: i32 = text(&run, "stray").trim().parse().expect("a pid");
    let open = descriptors(run.pid());
    fs::remove_file(run.path("stray")).expect("there");
    kill(Pid::from_raw(run.pids()[0]), Signal::SIGKILL).expect("alive");
    run.wait_for("close", 1);
    run.wait_for("ready", 2);
    assert!(exists(stray), "it lives on");
    assert_eq!(descriptors(run.pid()), open, "its pipe is closed");
    for pid in [stray, text(&run, "stray").trim().parse().expect("a pid")] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("alive");
    }
    stop(run);
}

//! What commands to a real supervisor answer to programs.

mod operator_support;
mod supervisor_support;

use operator_support::{controlled, done, operate};
use serde_json::json;
use supervisor_support::{READY, wait_until};

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

//! The operator's commands: what they do.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control::{Complaint, Info, Reply, Request, Status, Stream};
use crate::policy::ExitCode;
use crate::unix::clear_if_dead;

use super::operate::{Operate, Which};
use super::table::{self, Before};
use super::talk::{Connection, Failure};
use super::{complain, instances};

/// How often `status --watch` looks.
const LOOK: Duration = Duration::from_secs(1);

/// Erases the screen of a terminal and goes to its corner (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Does what was asked for; gives the code to end with.
pub fn perform(command: Operate) -> ExitCode {
    let result = match command {
        Operate::List { json } => list(json),
        Operate::Status { which, watch: true } => connect(&which).and_then(|connection| watch(connection, which.json)),
        other => match other.request() {
            Some((which, request)) => connect(&which).and_then(|connection| converse(connection, request, which.json)),
            None => Ok(()),
        },
    };
    match result {
        Ok(()) => ExitCode::Stopped,
        Err(failure) => {
            if !failure.text.is_empty() {
                complain(&format!("error: {}", failure.text));
            }
            failure.code
        }
    }
}

fn connect(which: &Which) -> Result<Connection, Failure> {
    match &which.control {
        Some(socket) => Connection::open(socket),
        None => instances::connect(which.name.as_deref()),
    }
}

/// Writes to standard output. Whoever closed it has seen enough: that is no failure, but the end.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::new(ExitCode::Stopped, ""),
        _ => Failure::new(ExitCode::Failed, format!("can't write to standard output: {error}")),
    })
}

/// One request and all replies to it.
fn converse(mut connection: Connection, request: Request, json: bool) -> Result<(), Failure> {
    let follows = matches!(request, Request::Events { follow: true } | Request::Logs { follow: true, .. });
    connection.ask(request)?;
    loop {
        let Some((line, reply)) = connection.reply()? else {
            let text = "the supervisor has ended";
            if follows {
                complain(text);
                return Ok(());
            }
            return Err(Failure::new(ExitCode::AddressInUse, text));
        };
        if json {
            print(&format!("{line}\n"))?;
        } else {
            print(&plain(&reply))?;
        }
        match reply {
            Reply::Error(complaint) => return Err(refused(complaint, json)),
            reply if reply.is_last() => return Ok(()),
            _ => {}
        }
    }
}

fn refused(complaint: Complaint, json: bool) -> Failure {
    let code = match complaint.code.as_str() {
        "bad_request" | "unknown_request" | "unknown_name" => ExitCode::Usage,
        "busy" | "refused" => ExitCode::AddressInUse,
        _ => ExitCode::Failed,
    };
    Failure::new(code, if json { String::new() } else { complaint.text })
}

/// A reply as people want to read it.
fn plain(reply: &Reply) -> String {
    match reply {
        Reply::Status(status) => table::status(status, &Before::default(), Duration::ZERO),
        Reply::Info(info) => format!("{} {}\n", info.pid, table::mood(info.mood)),
        Reply::Event { text, event } => event_line(text.as_deref(), event),
        Reply::Log { worker, stream, text, more } => {
            let bar = match stream {
                Stream::Stdout => '|',
                Stream::Stderr => '!',
            };
            format!("{worker} {bar} {text}{}\n", if *more { "…" } else { "" })
        }
        Reply::Lost { lines } => format!("({lines} lines were lost here: they were not read fast enough)\n"),
        Reply::Done { note } => note.as_ref().map(|note| format!("{note}\n")).unwrap_or_default(),
        Reply::Error(_) => String::new(),
    }
}

/// When, in seconds of the monotonic clock, and what: the sentence, or the bare event if there is none.
fn event_line(text: Option<&str>, event: &Value) -> String {
    let at = event["t"].as_f64().unwrap_or_default();
    let name = event["event"].as_str().unwrap_or("?");
    let bare = || match (event["worker"]["slot"].as_u64(), event["worker"]["generation"].as_u64()) {
        (Some(slot), Some(generation)) => format!("worker {slot} (generation {generation}): {name}"),
        _ => name.to_owned(),
    };
    format!("{at:>14.3}  {}\n", text.map_or_else(bare, str::to_owned))
}

/// The table of `status`, again and again.
fn watch(mut connection: Connection, json: bool) -> Result<(), Failure> {
    let (mut before, mut seen) = (Before::default(), Instant::now());
    loop {
        let (line, status) = ask_status(&mut connection)?;
        let span = seen.elapsed();
        seen = Instant::now();
        if json {
            print(&format!("{line}\n"))?;
        } else {
            let clear = if io::stdout().is_terminal() { CLEAR } else { "" };
            print(&format!("{clear}{}", table::status(&status, &before, span)))?;
        }
        before = Before::of(&status);
        thread::sleep(LOOK);
    }
}

fn ask_status(connection: &mut Connection) -> Result<(String, Status), Failure> {
    connection.ask(Request::Status)?;
    match connection.answer()? {
        (line, Reply::Status(status)) => Ok((line, status)),
        (_, Reply::Error(complaint)) => Err(refused(complaint, false)),
        (line, _) => Err(unexpected(&line)),
    }
}

fn unexpected(line: &str) -> Failure {
    let text = line.chars().take(60).collect::<String>();
    Failure::new(ExitCode::AddressInUse, format!("can't understand the supervisor: unexpected reply {text}"))
}

fn info(socket: &Path) -> Result<Info, Failure> {
    let mut connection = Connection::open(socket)?;
    connection.ask(Request::Info)?;
    match connection.answer()? {
        (_, Reply::Info(info)) => Ok(info),
        (_, Reply::Error(complaint)) => Err(refused(complaint, false)),
        (line, _) => Err(unexpected(&line)),
    }
}

/// Every instance that runs. A socket that one has left behind is none, and is removed.
fn list(json: bool) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (name, socket) in instances::sockets()? {
        let info = info(&socket);
        if info.is_err() && clear_if_dead(&socket) {
            continue;
        }
        if json {
            let mut object = serde_json::json!({ "name": name, "control": socket.display().to_string() });
            match info {
                Ok(info) => object["info"] = serde_json::to_value(info).unwrap_or_default(),
                Err(failure) => object["problem"] = failure.text.into(),
            }
            print(&format!("{object}\n"))?;
            continue;
        }
        rows.push(match info {
            Ok(info) => vec![
                name,
                info.pid.to_string(),
                table::mood(info.mood).to_owned(),
                format!("{}/{}", info.ready, info.wanted),
                table::span_text(info.uptime_ms),
                info.commands.join("; "),
            ],
            Err(failure) => {
                let why = failure.text.rsplit(": ").next().unwrap_or_default().to_owned();
                vec![name, "-".to_owned(), "silent".to_owned(), "-".to_owned(), "-".to_owned(), why]
            }
        });
    }
    if !json {
        let header = ["NAME", "PID", "STATE", "READY", "UPTIME", "COMMAND"];
        print(&table::render(&header, &[false, true, false, true, true, false], &rows))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_in_words_or_by_name() {
        let event = serde_json::json!({"t": 1.5, "event": "online", "worker": {"slot": 1, "generation": 2}});
        assert_eq!(event_line(None, &event), "         1.500  worker 1 (generation 2): online\n");
        assert_eq!(event_line(Some("worker 1 runs"), &event), "         1.500  worker 1 runs\n");
        assert_eq!(event_line(None, &serde_json::json!({"event": "setup"})), "         0.000  setup\n");
    }

    #[test]
    fn what_was_refused_has_its_own_code() {
        let code = |name: &str| refused(Complaint::new(name, "x"), false).code;
        assert_eq!(code("unknown_name"), ExitCode::Usage);
        assert_eq!(code("failed"), ExitCode::Failed);
        assert_eq!(code("refused"), ExitCode::AddressInUse);
    }
}

//! A connection to a running supervisor.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::control::{Asked, Hello, Reply, Request};
use crate::policy::ExitCode;

/// One that does not even say hello within this time is frozen, or no supervisor.
const PATIENCE: Duration = Duration::from_secs(5);

/// A longer reply comes from no supervisor: a thousand workers take less than a megabyte.
const REPLY_LIMIT: u64 = 64 * 1024 * 1024;

/// Why a command came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// With which code to end.
    pub code: ExitCode,
    /// What to say.
    pub text: String,
}

impl Failure {
    /// Any.
    pub fn new(code: ExitCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<UnixStream>,
}

impl Connection {
    /// Connects and hears the hello.
    ///
    /// # Errors
    /// Nobody listens there, or no supervisor that we understand.
    pub fn open(socket: &Path) -> Result<Self, Failure> {
        let failed = |what: String| {
            Failure::new(ExitCode::AddressInUse, format!("no supervisor answers at {}: {what}", socket.display()))
        };
        let stream = UnixStream::connect(socket).map_err(|error| {
            failed(match error.kind() {
                io::ErrorKind::ConnectionRefused => "it has ended without removing its socket".to_owned(),
                io::ErrorKind::NotFound => "there is no such socket".to_owned(),
                _ => error.to_string(),
            })
        })?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| failed(error.to_string()))?;
        let mut reader = BufReader::new(stream);
        let line = read_line(&mut reader).map_err(|error| {
            failed(match error.kind() {
                io::ErrorKind::WouldBlock => format!("it said nothing for {PATIENCE:?}"),
                _ => error.to_string(),
            })
        })?;
        let line = line.ok_or_else(|| failed("it hung up".to_owned()))?;
        Hello::decode(line.as_bytes()).map_err(|text| match Reply::decode(line.as_bytes()) {
            Ok(Reply::Error(complaint)) => failed(complaint.text),
            _ => failed(text),
        })?;
        reader.get_ref().set_read_timeout(None).map_err(|error| failed(error.to_string()))?;
        Ok(Self { reader })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The supervisor has ended.
    pub fn ask(&mut self, request: Request) -> Result<(), Failure> {
        self.reader.get_mut().write_all(Asked::from(request).encode().as_bytes()).map_err(|error| lost(&error))
    }

    /// The next reply, as it came and as what it means; `None` if the supervisor hung up.
    ///
    /// # Errors
    /// It can't be understood.
    pub fn reply(&mut self) -> Result<Option<(String, Reply)>, Failure> {
        let Some(line) = read_line(&mut self.reader).map_err(|error| lost(&error))? else { return Ok(None) };
        match Reply::decode(line.as_bytes()) {
            Ok(reply) => Ok(Some((line, reply))),
            Err(error) => {
                Err(Failure::new(ExitCode::AddressInUse, format!("can't understand the supervisor: {error}")))
            }
        }
    }

    /// The next reply, which has to come.
    ///
    /// # Errors
    /// It can't be understood, or the supervisor has ended.
    pub fn answer(&mut self) -> Result<(String, Reply), Failure> {
        self.reply()?.ok_or_else(|| Failure::new(ExitCode::AddressInUse, "the supervisor ended before it answered"))
    }
}

fn lost(error: &io::Error) -> Failure {
    Failure::new(ExitCode::AddressInUse, format!("lost the supervisor: {error}"))
}

/// A line without its LF; `None` at the end.
fn read_line(reader: &mut BufReader<UnixStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    reader.by_ref().take(REPLY_LIMIT).read_line(&mut line)?;
    Ok(line.strip_suffix('\n').map(str::to_owned))
}

//! What the operator orders on the control socket.

use std::io::{self, ErrorKind, Write};

use crate::history::What;
use crate::scenario::{Command, Owns};
use crate::subject;

use super::crowd;
use super::runner::Runner;

/// What a control socket says that nobody listens on any more.
const DEAF: [ErrorKind; 4] =
    [ErrorKind::NotFound, ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];

impl Runner {
    /// Says an order on the control socket. The answer is what happens: nobody reads it.
    pub(super) fn order(&mut self, command: Command) {
        let line = self.job.plan.subject.operator.as_ref().and_then(|operator| operator.order(&command));
        self.note(What::Commanded(command));
        let Some(line) = line else { return };
        match self.say_to_supervisor(&line) {
            // Nobody is there to hear it: what comes of that is for the judges to say.
            Err(error) if DEAF.contains(&error.kind()) => {}
            Err(error) => {
                self.note(What::Incomplete { why: format!("the control socket took no order: {error}") });
            }
            Ok(()) => {}
        }
    }

    fn say_to_supervisor(&mut self, line: &str) -> io::Result<()> {
        let mut stream = crowd::dial(&subject::owned(&self.job.dir, Owns::Control))?;
        stream.write_all(format!("{line}\n").as_bytes())?;
        // Who hangs up may not be listened to.
        self.orders.push(stream);
        Ok(())
    }
}

//! Start, turns of the loop, end.

use std::time::Duration;

use crate::config::Config;
use crate::core::{Command, Event, Input, Machine, Revision, Scale, Signal};
use crate::kernel::{Errno, Fd, Kernel, Readiness, Scope, SignalSet, Watch};
use crate::policy::{ExitCode, Instant, defaults};

use super::human::errno_text;
use super::manager::Manager;
use super::operator::Operator;
use super::pid_file;
use super::reload::{Reloading, Source, applicable, warn};
use super::settings::Settings;
use super::state::{Open, Shell};
use super::turns::TELL_EVERY;
use super::voices::Voices;

/// How long the last lines wait for a reader that is slow.
const FAREWELL: Duration = Duration::from_millis(200);

/// How long nothing is looked at after a wait that failed.
const PAUSE: Duration = Duration::from_millis(10);

/// The pool that SIGTTIN and SIGTTOU scale: a signal can't name one.
const FIRST_POOL: u16 = 0;

/// What a start comes with beside the configuration.
#[derive(Default)]
pub struct Start<'a> {
    /// Where the configuration came from: a reload reads it again. Without it a reload is a plain rolling restart.
    pub source: Option<Source<'a>>,
    /// Of one that was started in the background: what is told to people is written here as well, and [`super::ALL_WELL`]
    /// as soon as all workers are ready; then it is closed.
    pub starter: Option<Fd>,
}

/// Binds the listeners of `config`, starts `machine` and serves it until it says exit.
///
/// Returns before anything is started with [`ExitCode::Config`] if the event or pid file can't be opened,
/// [`ExitCode::AddressInUse`] if an address can't be bound or somebody has the pid file, and [`ExitCode::Stopped`] if a stop signal came first. Returns
/// [`ExitCode::Bug`], all workers killed, if the kernel can't wait any more.
pub fn run<K: Kernel, M: Machine>(kernel: &mut K, machine: M, config: &Config, start: Start<'_>) -> ExitCode {
    let mut voices = Voices::open(kernel, config);
    voices.report_to(start.starter);
    voices.manager = Manager::new(kernel);
    let mut open = Open::default();
    let code = match prepare(kernel, config, &mut voices, &mut open) {
        Ok(bound) => {
            let mut settings = Settings::new(kernel.environment());
            settings.add(Revision::default(), config, &bound);
            let reloading = Reloading::new(start.source, config);
            let pid_file = open.pid_file.take();
            let mut shell = Shell::new(kernel, machine, voices, settings, open, reloading);
            let code = serve(&mut shell);
            shell.voices.manager.stop("ending");
            shell.voices.tell_manager(shell.kernel);
            shell.close_handoffs();
            let Shell { outputs, operator, sockets, .. } = shell;
            (voices, open) = (shell.voices, Open { sockets, outputs, operator, pid_file });
            code
        }
        Err(code) => code,
    };
    open.sockets.keep(kernel, |_| false);
    farewell(kernel, voices, open);
    code
}

/// Opens everything that the workers don't have a part in; gives the listening sockets.
fn prepare<K: Kernel>(
    kernel: &mut K,
    config: &Config,
    voices: &mut Voices,
    open: &mut Open,
) -> Result<Vec<Fd>, ExitCode> {
    if let Err(errno) = voices.open_events(kernel, config) {
        voices.say(&format!("can't write events: {}", errno_text(errno)));
        return Err(ExitCode::Config);
    }
    if let Err(reason) = applicable(kernel, config) {
        voices.say(&reason);
        return Err(ExitCode::Config);
    }
    warn(config, |text| voices.say(text));
    if let Err((path, errno)) = open.outputs.configure(kernel, &config.pools) {
        voices.say(&format!("can't append to {}: {}", path.display(), errno_text(errno)));
        return Err(ExitCode::Config);
    }
    open.pid_file = pid_file::take(kernel, config).map_err(|(why, code)| {
        voices.say(&why);
        code
    })?;
    open.operator = Operator::open(kernel, config).map_err(|(path, errno)| {
        voices.say(&format!("can't listen for commands on {}: {}", path.display(), errno_text(errno)));
        ExitCode::AddressInUse
    })?;
    for (pool, of) in (0u16..).zip(&config.pools) {
        voices.event(kernel.now(), &Event::Setup { pool, workers: of.policy.workers }, None);
    }
    open.sockets.bind(kernel, voices, config).map_err(|unbound| {
        voices.say(&unbound.to_string());
        ExitCode::AddressInUse
    })
}

/// All turns.
fn serve<K: Kernel, M: Machine>(shell: &mut Shell<'_, K, M>) -> ExitCode {
    let mut watches = Vec::new();
    let mut ready = Vec::new();
    // A stop that came before the handlers' first reader did: nothing runs, so there is nothing to stop.
    let mut signals = shell.kernel.take_signals();
    if signals.stop {
        shell.emit(&Event::Stop { pool: None, hurry: false });
        return ExitCode::Stopped;
    }
    let mut heard = shell.kernel.now();
    let mut told = None;
    shell.feed(Input::Start);
    loop {
        turn(shell, signals, &ready, heard);
        shell.attend();
        shell.share();
        if let Some(code) = shell.end {
            see_off(shell);
            return code;
        }
        shell.voices.flush(shell.kernel);
        watches.clear();
        watch(shell, &mut watches);
        shell.retry_what_is_stuck();
        let before = shell.kernel.now();
        match sleep(shell, &watches, &mut ready, &mut told) {
            Ok(Slept::Looked) => heard = before,
            Ok(Slept::Blind) => {}
            Err(errno) => return lost(shell, errno),
        }
        signals = shell.kernel.take_signals();
    }
}

/// What is to be watched for each part.
fn watch<K: Kernel, M: Machine>(shell: &mut Shell<'_, K, M>, watches: &mut Vec<Watch>) {
    shell.workers.watches(watches);
    shell.handoffs.watches(watches);
    shell.voices.watches(watches);
    shell.outputs.watches(watches);
    shell.operator.watches(watches);
}

/// When to wake even if nothing happens: the earliest instant that any part waits for. Without one there is no wake-up
/// at all.
fn deadline<K: Kernel, M: Machine>(shell: &Shell<'_, K, M>) -> Option<Instant> {
    let parts = [
        shell.next_deadline(),
        shell.handoffs.next_deadline(),
        shell.operator.next_deadline(),
        shell.voices.manager.next_deadline(),
    ];
    parts.into_iter().flatten().min()
}

/// What a wait says about the descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slept {
    /// Which of them are ready.
    Looked,
    /// Nothing: a signal ended it, or it was not possible.
    Blind,
}

/// Waits for whatever comes next. Where there is no memory for the table of descriptors nothing is heard for a moment, but for
/// signals; then it is tried again. `told` is when that was last told.
fn sleep<K: Kernel, M: Machine>(
    shell: &mut Shell<'_, K, M>,
    watches: &[Watch],
    ready: &mut Vec<Readiness>,
    told: &mut Option<Instant>,
) -> Result<Slept, Errno> {
    let deadline = deadline(shell);
    let Err(errno) = shell.kernel.wait(watches, deadline, ready) else { return Ok(Slept::Looked) };
    ready.clear();
    match errno {
        Errno::INTR => {}
        Errno::NOMEM | Errno::AGAIN => {
            let now = shell.kernel.now();
            if told.is_none_or(|told| now.since(told) >= TELL_EVERY) {
                *told = Some(now);
                shell.system_error("poll", errno);
            }
            shell.kernel.pause(now + PAUSE);
        }
        _ => return Err(errno),
    }
    Ok(Slept::Blind)
}

/// Everything that one wake-up brought. The stop comes first: nothing else may start a process before the core knows of
/// it. Deaths come before the words of the living, and a reload after both, so that it meets the pool as it is.
///
/// What was said before `heard` has been read when this is over, so nobody is too late who was to speak by then. About later
/// deadlines nothing is known before the next look, however long this turn, or a suspension in it, has taken.
fn turn<K: Kernel, M: Machine>(shell: &mut Shell<'_, K, M>, signals: SignalSet, ready: &[Readiness], heard: Instant) {
    if signals.stop {
        shell.feed(Input::Command(Command::Stop));
    }
    if signals.resumed {
        shell.excuse_handoffs();
        shell.feed(Input::Resumed);
    }
    if signals.child {
        shell.reap();
    }
    for readiness in ready.iter().filter(|readiness| readiness.writable) {
        shell.voices.writable(readiness.fd);
        shell.outputs.writable(readiness.fd);
    }
    for &readiness in ready {
        shell.serve(readiness);
    }
    if signals.reload {
        // Why it can't be was told as an event.
        _ = shell.reload();
    }
    if signals.more {
        shell.feed(Input::PoolCommand(FIRST_POOL, Command::Scale(Scale::By(1))));
    }
    if signals.less {
        shell.feed(Input::PoolCommand(FIRST_POOL, Command::Scale(Scale::By(-1))));
    }
    if signals.reopen {
        shell.reopen();
    }
    shell.tick_handoffs(heard);
    shell.close_unused(heard);
    if shell.next_deadline().is_some_and(|deadline| deadline <= heard) {
        shell.feed(Input::Tick);
    }
}

/// Whoever was killed with a worker's process group and adopted by us is dying: waits for that, but not for strangers who
/// live on.
fn see_off<K: Kernel, M: Machine>(shell: &mut Shell<'_, K, M>) {
    let until = shell.kernel.now() + defaults::REAP;
    while shell.kernel.has_children() && shell.kernel.now() < until {
        if !matches!(shell.kernel.wait(&[], Some(until), &mut Vec::new()), Ok(()) | Err(Errno::INTR)) {
            return;
        }
        shell.kernel.take_signals();
        shell.reap();
    }
}

/// The loop can't see anything any more: better no workers than workers that nobody watches.
fn lost<K: Kernel, M: Machine>(shell: &mut Shell<'_, K, M>, errno: Errno) -> ExitCode {
    shell.system_error("poll", errno);
    let children: Vec<_> = shell.workers.children().collect();
    for child in children {
        // Only ESRCH is possible, and means that it is gone.
        _ = shell.kernel.signal(child, Signal::Kill.into(), Scope::Group);
    }
    ExitCode::Bug
}

/// Gives the last lines a little time to leave.
fn farewell<K: Kernel>(kernel: &mut K, mut voices: Voices, open: Open) {
    let Open { mut outputs, mut operator, pid_file, .. } = open;
    voices.take_told().into_iter().for_each(|told| operator.event(told));
    operator.stopped();
    let until: Instant = kernel.now() + FAREWELL;
    let mut ready = Vec::new();
    loop {
        operator.flush(kernel);
        outputs.flush(kernel, voices.errors());
        voices.flush(kernel);
        let mut watches: Vec<Watch> = Vec::new();
        voices.watches(&mut watches);
        outputs.watches(&mut watches);
        operator.last_watches(&mut watches);
        if watches.is_empty() || kernel.now() >= until {
            break;
        }
        if !matches!(kernel.wait(&watches, Some(until), &mut ready), Ok(()) | Err(Errno::INTR)) {
            break;
        }
        // Signals would make each wait return at once.
        kernel.take_signals();
        for readiness in &ready {
            voices.writable(readiness.fd);
            outputs.writable(readiness.fd);
            operator.writable(readiness.fd);
        }
    }
    operator.close(kernel);
    outputs.close(kernel);
    voices.close(kernel);
    // Last of all: who finds nobody's lock on it may start.
    pid_file.into_iter().for_each(|fd| kernel.close(fd));
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;

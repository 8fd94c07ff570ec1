//! The subject: rendered, started, steered.

use std::fs::{self, File};
use std::io::PipeWriter;
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal as Kernel;

use crate::history::Environment;
use crate::scenario::{Launch, Signal, constructs};
use crate::subject::{self, HowToReload, HowToReopen, HowToScale, HowToStop, Rendered, Vars};
use crate::time::Time;
use crate::world::Plan;

use super::clock;
use super::configured;
use super::environment;
use super::faults;
use super::host;
use super::namespace;
use super::puppet::{HELD, LAUNCH, SCRIPT, Script, withholding};

/// Name of the link to the puppet in the run's directory: the program that the subject is told to start, which a fault
/// can take away without harm to others.
const PROGRAM: &str = "worker";

/// Name of the file in the run's directory that has what the supervisor tells people, unless the scenario reads that.
pub const OUTPUT: &str = "output";

/// The subject of one run.
#[derive(Debug)]
pub struct Subject {
    dir: PathBuf,
    /// Where it is started.
    directory: PathBuf,
    rendered: Rendered,
    stop: Signal,
    reload: Option<Signal>,
    scale: Option<HowToScale>,
    reopen: Option<Signal>,
    /// The number of the configuration that is in place.
    revision: u32,
    /// The harness's generation: 1, and one more with each reload command.
    generation: u32,
    puppet: PathBuf,
    launch: Launch,
    /// Whether it is started by somebody who stops before he becomes it.
    held: bool,
}

/// A supervisor that was started.
#[derive(Debug)]
pub struct Started {
    /// Its pid.
    pub pid: u32,
    /// An instant just before.
    pub at: Time,
    /// What it was started with, unless it tells that itself.
    pub environment: Option<Environment>,
}

impl Subject {
    /// Writes everything that it needs into the run's directory. `env` is added to its environment.
    ///
    /// # Errors
    /// Why that is not possible, in words.
    pub fn prepare(plan: &Plan, dir: &Path, address: SocketAddrV4, env: Vec<(String, String)>) -> Result<Self, String> {
        let template =
            subject::template(&plan.subject, &plan.subject_dir).map_err(|problems| problems.render(false))?;
        let address = address.to_string();
        let vars = Vars {
            pool: &plan.scenario.pool,
            beside: &plan.scenario.beside,
            address: &address,
            run: dir,
            here: &plan.subject_dir,
            supervisor: &plan.bins.supervisor,
            puppet: &program(dir),
            seed: plan.seed,
        };
        let mut rendered =
            subject::render(&plan.subject, template.as_ref(), &vars).map_err(|problems| problems.render(false))?;
        rendered.env.extend(env);
        let HowToStop::Signal(stop) = plan.subject.stop;
        let reload = plan.subject.reload.map(|HowToReload::Signal(signal)| signal);
        let scale = plan.subject.scale;
        let reopen = plan.subject.reopen.map(|HowToReopen::Signal(signal)| signal);
        let deleted = constructs(&plan.scenario).contains("File directory");
        let subject = Self {
            dir: dir.to_owned(),
            directory: if deleted { subject::own_directory(dir) } else { dir.to_owned() },
            rendered,
            stop,
            reload,
            scale,
            reopen,
            revision: 1,
            generation: 1,
            puppet: plan.bins.puppet.clone(),
            launch: plan.scenario.launch.clone(),
            held: false,
        };
        subject.write_files(plan).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(subject)
    }

    fn write_files(&self, plan: &Plan) -> std::io::Result<()> {
        let mut scripts = plan.scenario.pools().map(|(pool, lives)| Script::new(pool, lives, &plan.subject.profile));
        let script = scripts.next().map(|first| Script { beside: scripts.collect(), ..first });
        replace(&self.dir.join(SCRIPT), &serde_json::to_string(&script)?)?;
        self.write_generation()?;
        if self.directory != self.dir {
            faults::make(&self.directory)?;
        }
        if plan.scenario.pool.identity.as_ref().is_some_and(|identity| identity.directory) {
            faults::make(&subject::workers_directory(&self.dir))?;
        }
        std::os::unix::fs::symlink(&plan.bins.puppet, program(&self.dir))?;
        if let Some((path, text)) = &self.rendered.config {
            fs::write(path, text)?;
        }
        Ok(())
    }

    fn write_generation(&self) -> std::io::Result<()> {
        replace(&self.dir.join("generation"), &self.generation.to_string())
    }

    /// Puts another configuration in place. Returns its number and whether a pool can serve with it.
    ///
    /// # Errors
    /// Why that is not possible, in words.
    pub fn exchange(&mut self, variant: &str) -> Result<(u32, bool), String> {
        let revision = self.revision + 1;
        let there = self.rendered.config.as_ref().zip(self.rendered.exchange(variant, revision));
        let ((path, _), exchange) = there.ok_or_else(|| format!("the subject has no configuration `{variant}`"))?;
        configured::put(path, &exchange.contents).map_err(|error| format!("{}: {error}", path.display()))?;
        self.revision = revision;
        Ok((revision, exchange.serves))
    }

    /// Where it writes events, if it does.
    pub fn events(&self) -> Option<&Path> {
        self.rendered.events.as_deref()
    }

    /// The files that it writes to.
    pub fn writes(&self) -> impl Iterator<Item = PathBuf> {
        [Some(self.dir.join(OUTPUT)), self.rendered.events.clone()].into_iter().flatten()
    }

    /// Its configuration file, if it has one.
    pub fn config(&self) -> Option<&Path> {
        self.rendered.config.as_ref().map(|(path, _)| path.as_path())
    }

    /// The file that its workers' output goes to, if the scenario asks for one.
    pub fn log(&self) -> Option<&Path> {
        self.rendered.log.as_deref()
    }

    /// Starts it: in a process group of its own, its output into `ends` or else a file. A second one beside the
    /// first is started in the same way.
    ///
    /// # Errors
    /// Why it does not start, in words.
    pub fn start(&self, ends: Option<[&PipeWriter; 2]>) -> Result<Started, String> {
        let (name, args) = self.rendered.start.split_first().ok_or("the subject has no command line")?;
        let fail = |error: std::io::Error| format!("cannot start `{name}`: {error}");
        let [stdout, stderr] = self.streams(ends).map_err(fail)?;
        let mut command = self.command(name, args)?;
        command
            .envs(self.rendered.env.iter().map(|(key, value)| (key, value)))
            .envs(self.launch.environment.iter().map(|(key, value)| (key, value)))
            .env("HARNESS_RUN", &self.dir)
            .current_dir(&self.directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let environment = self.is_plain().then(|| given(&command)).transpose().map_err(fail)?;
        let at = clock::now();
        let spawn = || if self.launch.init { namespace::spawn_init(&mut command) } else { command.spawn() };
        let started = withholding(&self.launch, spawn);
        started.map(|child| Started { pid: child.id(), at, environment }).map_err(fail)
    }

    /// Whoever starts next stops before it becomes the supervisor, or does not.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// Whether it is started as it is.
    fn is_plain(&self) -> bool {
        self.launch == Launch::default() && !self.held
    }

    /// The command itself, or the puppet, which becomes it with what the scenario wants.
    fn command(&self, name: &str, args: &[String]) -> Result<Command, String> {
        let mut command = Command::new(name);
        if self.is_plain() {
            command.args(args);
            return Ok(command);
        }
        let launch = serde_json::to_string(&self.launch).map_err(|error| error.to_string())?;
        command = Command::new(&self.puppet);
        command.args([if self.held { HELD } else { LAUNCH }, &launch]).arg(&self.dir).arg(name).args(args);
        Ok(command)
    }

    fn streams(&self, ends: Option<[&PipeWriter; 2]>) -> std::io::Result<[Stdio; 2]> {
        if let Some([stdout, stderr]) = ends {
            return Ok([stdout.try_clone()?.into(), stderr.try_clone()?.into()]);
        }
        let output = File::options().create(true).append(true).open(self.dir.join(OUTPUT))?;
        Ok([output.try_clone()?.into(), output.into()])
    }

    /// The signal on which it opens its log files again, if there is one.
    pub fn reopen_signal(&self) -> Option<Signal> {
        self.reopen
    }

    /// The signal that stops it.
    pub fn stop_signal(&self) -> Signal {
        self.stop
    }

    /// How it is told to change the number of its workers.
    pub fn scale(&self) -> Option<HowToScale> {
        self.scale
    }

    /// Counts a generation and returns the signal that reloads it.
    ///
    /// # Errors
    /// Why there is no reload, in words.
    pub fn begin_reload(&mut self) -> Result<Signal, String> {
        let signal = self.reload.ok_or("the subject knows no reload")?;
        self.generation += 1;
        self.write_generation().map_err(|error| format!("the generation can't be written: {error}"))?;
        Ok(signal)
    }

    /// The harness's generation.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

/// What a command is started with: what this process has, but for what the command changes.
fn given(command: &Command) -> std::io::Result<Environment> {
    let mut given = environment::own()?;
    given.descriptors.retain(|number, _| *number <= 2);
    given.leads_group = true;
    // The standard library gives it its default disposition again.
    given.ignored &= !(1 << (Kernel::PIPE.as_raw() - 1));
    if let Some(directory) = command.get_current_dir() {
        given.directory = directory.to_string_lossy().into_owned();
    }
    for (name, value) in command.get_envs() {
        let (known, hash) = environment::variable(name, value.unwrap_or_default());
        match value {
            Some(_) => _ = given.variables.insert(known, hash),
            None => _ = given.variables.remove(&known),
        }
    }
    Ok(given)
}

/// Replaces a file as a whole: whoever reads it at the same time must not find it empty.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let next = path.with_extension("next");
    fs::write(&next, text)?;
    // Workers may be of another user. Who can't enter the run's directory can't read it.
    fs::set_permissions(&next, fs::Permissions::from_mode(0o644))?;
    fs::rename(next, path)
}

/// The program that the subject is told to start as its workers.
pub fn program(dir: &Path) -> PathBuf {
    dir.join(PROGRAM)
}

/// The command that prints the subject's version.
pub fn version_command(plan: &Plan) -> Vec<String> {
    let names =
        [("{supervisor}", &plan.bins.supervisor), ("{puppet}", &plan.bins.puppet), ("{here}", &plan.subject_dir)];
    let fill = |text: &String| {
        names.iter().fold(text.clone(), |text, (name, path)| text.replace(name, &path.display().to_string()))
    };
    plan.subject.version.iter().map(fill).collect()
}

/// What it says.
pub fn subject_version(plan: &Plan) -> String {
    host::version(&version_command(plan))
}

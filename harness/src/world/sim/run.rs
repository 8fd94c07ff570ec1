//! One simulated run, from plan to history.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use supervisor::config::{self, Config};
use supervisor::core::{Machine, Pools};
use supervisor::kernel::Kernel;
use supervisor::policy::{ExitCode, Policy};
use supervisor::shell::{self, Source, Start};

use crate::director::Director;
use crate::history::{Header, History, Status};
use crate::load::Clients;
use crate::scenario::{Owns, constructs};
use crate::subject::{self, Contents, Rendered, Vars};
use crate::time::Time;
use crate::world::Plan;
use crate::world::scaling::Scaling;

use super::calls::PUPPET;
use super::claims::Claims;
use super::counters::Counters;
use super::crew::Crew;
use super::engine::World;
use super::kernel::SimKernel;
use super::model::{Favour, Model};
use super::output::Outlets;
use super::pid_file::PidFile;
use super::process::Processes;
use super::queue::Queue;
use super::rng::Rng;
use super::supervisor::Supervisor;

/// Virtual time begins here, so that a subtraction can't reach the origin by accident.
const BEGIN: Time = Time::from_nanos(1_000_000_000);
/// The address in the configuration; no packet ever goes there.
pub(super) const ADDRESS: &str = "127.0.0.1:8080";

/// The run's directory, as the configuration names it; there is none.
pub(super) const RUN: &str = "/run";

/// How long what is left of a subject is looked for after its end, where the profile says nothing.
const ORPHANS: Duration = Duration::from_secs(1);

/// What a simulated run leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What happened.
    pub history: History,
    /// How many events of the simulated kernel that took: everything that its queue of future events held, and every
    /// system call of the supervisor, the workers, the clients and the harness.
    pub kernel_events: u64,
    /// What the simulated kernel did.
    pub counters: Counters,
}

/// Runs a plan on the shipped supervisor. The same plan gives the same history, byte for byte.
pub fn run(plan: &Plan) -> History {
    lived(plan).history
}

/// The same, with what the simulated kernel did.
pub fn lived(plan: &Plan) -> Outcome {
    run_with(plan, Model::default(), Pools::new, |kernel| kernel)
}

/// Runs a plan with another state machine, another view of the kernel, or another model of it.
pub fn run_with<M: Machine, K: Kernel>(
    plan: &Plan,
    model: Model,
    machine: impl FnOnce(Vec<Policy>) -> M,
    wrap: impl FnOnce(SimKernel) -> K,
) -> Outcome {
    Prepared::new(plan).run(plan.seed, model, machine, wrap)
}

/// A plan of which everything is done that does not depend on the seed: what many runs of one scenario share.
#[derive(Debug)]
pub struct Prepared<'a> {
    plan: &'a Plan,
    header: Header,
    rendered: Option<Rc<Rendered>>,
    config: Result<Config, NoConfig>,
}

impl<'a> Prepared<'a> {
    /// Renders and reads the configuration, and writes the header.
    pub fn new(plan: &'a Plan) -> Self {
        let rendered = render(plan).map(Rc::new);
        let config = configure(rendered.as_deref());
        Self { plan, header: header(plan), rendered, config }
    }

    /// Whether the supervisor can use the configuration that the scenario asks for.
    pub fn is_accepted(&self) -> bool {
        self.config.is_ok()
    }

    /// One run with this seed in place of the plan's.
    pub fn run<M: Machine, K: Kernel>(
        &self,
        seed: u64,
        model: Model,
        machine: impl FnOnce(Vec<Policy>) -> M,
        wrap: impl FnOnce(SimKernel) -> K,
    ) -> Outcome {
        let world = Rc::new(RefCell::new(World::new(self.plan, self.rendered.clone(), seed, model)));
        world.borrow_mut().direct();
        world.borrow_mut().until_supervisor_runs();
        if world.borrow().supervisor.running() {
            let code = match &self.config {
                Ok(config) => {
                    let mut kernel = wrap(SimKernel(Rc::clone(&world)));
                    let policies = config.policies().into_iter().map(|policy| Policy { seed, ..policy });
                    let machine = machine(policies.collect());
                    shell::run(&mut kernel, machine, config, self.start())
                }
                // As its main does with a file that it can't use.
                Err(NoConfig) => ExitCode::Config,
            };
            world.borrow_mut().end_supervisor(Status::Code(code as i32));
        }
        let mut world = world.borrow_mut();
        world.until_over();
        let header = Header { seed, ..self.header.clone() };
        let history = History { header, events: std::mem::take(&mut world.history) };
        Outcome { history, kernel_events: world.kernel_events, counters: world.counters }
    }
}

impl Prepared<'_> {
    /// The file that a reload reads again, with the seed of the first reading.
    fn start(&self) -> Start<'static> {
        let Some((path, _)) = self.rendered.as_deref().and_then(|all| all.config.as_ref()) else {
            return Start::default();
        };
        let name = path.display().to_string();
        let read = move |text: &str| config::parse(text, &name).map_err(|problems| problems.to_string());
        Start { source: Some(Source { path: path.clone(), read: Box::new(read) }), starter: None }
    }
}

/// The subject has no configuration file that the reference supervisor could read.
#[derive(Debug)]
struct NoConfig;

/// Everything that the subject file leaves open, filled in.
pub(super) fn render(plan: &Plan) -> Option<Rendered> {
    let template = subject::template(&plan.subject, &plan.subject_dir).ok()?;
    let vars = Vars {
        pool: &plan.scenario.pool,
        beside: &plan.scenario.beside,
        address: ADDRESS,
        run: Path::new(RUN),
        here: &plan.subject_dir,
        supervisor: &plan.bins.supervisor,
        puppet: Path::new(PUPPET),
        seed: plan.seed,
    };
    subject::render(&plan.subject, template.as_ref(), &vars).ok()
}

/// The configuration as the shipped program would read it: the text that the subject renders, parsed.
fn configure(rendered: Option<&Rendered>) -> Result<Config, NoConfig> {
    let (path, text) = rendered.and_then(|rendered| rendered.config.as_ref()).ok_or(NoConfig)?;
    config::parse(text, &path.display().to_string()).map_err(|_| NoConfig)
}

fn header(plan: &Plan) -> Header {
    let dialect = crate::ron_file::dialect();
    // Both were read from text, so both can be written as text.
    let text = |written: ron::Result<String>| written.unwrap_or_default();
    Header {
        schema: 1,
        scenario_name: plan.name.clone(),
        scenario: text(dialect.to_string(&plan.scenario)),
        subject: plan.subject.name.clone(),
        subject_version: env!("CARGO_PKG_VERSION").into(),
        profile: text(dialect.to_string(&plan.subject.profile)),
        world: "sim".into(),
        seed: plan.seed,
        slack_ns: 0,
        host: Vec::new(),
    }
}

/// The file that the supervisor is started with.
fn original(rendered: &Rendered) -> Option<(PathBuf, Contents)> {
    let (path, text) = rendered.config.as_ref()?;
    Some((path.clone(), Contents::Bytes(text.clone().into_bytes())))
}

fn outlets(plan: &Plan, rendered: Option<&Rendered>) -> Outlets {
    let way = plan.scenario.pool.output;
    let lost = way.and_then(|way| plan.subject.outputs.get(&way)?.lost.as_deref());
    Outlets::new(way, rendered.and_then(|rendered| rendered.log.clone()), lost)
}

impl World {
    pub fn new(plan: &Plan, rendered: Option<Rc<Rendered>>, seed: u64, model: Model) -> Self {
        let scenario = &plan.scenario;
        let profile = &plan.subject.profile;
        let mut rng = Rng::new(seed);
        World {
            now: BEGIN,
            queue: Queue::default(),
            favour: Favour::draw(&mut rng),
            rng,
            model,
            kernel_events: 0,
            counters: Counters::default(),
            lines: 0,
            over: false,
            history: Vec::with_capacity(512),
            director: Director::for_plan(scenario, profile, seed),
            heeds_accepts: constructs(scenario).contains("Accepted"),
            director_at: Time::NEVER,
            injections: Vec::new(),
            supervisor: Supervisor::new(scenario.launch.blocks.iter().map(|signal| signal.number()).collect()),
            processes: Processes::new(model.pids),
            channels: Vec::new(),
            pipes: Vec::new(),
            outlets: outlets(plan, rendered.as_deref()),
            listeners: Vec::new(),
            datagrams: Vec::new(),
            wall_offset: 0,
            stranger: None,
            process_limit: usize::MAX,
            program_error: None,
            directory_gone: false,
            file_aside: None,
            file_error: None,
            managed: scenario.launch.notify,
            pid_file: PidFile::new(&scenario.pool.owns, Path::new(RUN)),
            claims: Claims::new(plan.subject.events.is_some()),
            how_to_stop: plan.subject.stop,
            how_to_reload: plan.subject.reload,
            questions: plan.subject.operator.clone(),
            owns_control: plan.scenario.pool.owns.contains(&Owns::Control),
            talks: BTreeMap::new(),
            how_to_reopen: plan.subject.reopen,
            scaling: Scaling::new(plan.subject.scale, scenario.pool.workers),
            file: rendered.as_ref().and_then(|all| original(all)),
            rendered,
            revision: 1,
            generation: 1,
            crews: Crew::all(scenario, profile),
            orphans: profile.orphans.map_or(ORPHANS, |span| span.0),
            supervisor_gone_at: None,
            puppet_actions: Vec::new(),
            clients: Clients::new(&scenario.load, scenario.pool.workers),
            clients_at: Time::NEVER,
            client_inputs: VecDeque::new(),
            client_actions: Vec::new(),
            conns: Vec::new(),
        }
    }
}

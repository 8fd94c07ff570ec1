//! Whether this host lets the harness do what a plan asks for.

use crate::scenario::{Act, Fault, constructs};
use crate::world::Plan;

use super::{cgroup, namespace, tracer};

/// Why what a plan asks of the host is not permitted here, in words.
pub fn forbids(plan: &Plan) -> Option<String> {
    let memory =
        |act: &Act| matches!(act, Act::During { fault: Fault::Limit { resource, .. }, .. } if resource == "memory");
    let limits = plan.scenario.steps.iter().any(|step| step.any(&memory));
    let group = limits.then(cgroup::forbids).flatten();
    let init = || plan.scenario.launch.init.then(namespace::forbids).flatten();
    let reuse = || constructs(&plan.scenario).contains("PidReused").then(namespace::forbids_choice).flatten();
    group.or_else(init).or_else(reuse).or_else(|| tracer::forbids(plan))
}

//! Whether this host lets the harness do what a plan asks for.

use std::cell::RefCell;

use crate::scenario::{Act, Fault, constructs};
use crate::world::Plan;

use super::cgroup::Controller;
use super::{limits, namespace, rundir, stranger, tracer};

/// Why what a plan asks of the host is not permitted here, in words.
pub fn forbids(plan: &Plan) -> Option<String> {
    let limited = limited(plan);
    let group = limited.iter().filter_map(|resource| Controller::of(resource)).find_map(Controller::forbids);
    let limit = || limited.iter().find_map(|resource| limits::forbids(resource));
    let init = || plan.scenario.launch.init.then(namespace::forbids).flatten();
    let reuse = || constructs(&plan.scenario).contains("PidReused").then(namespace::forbids_choice).flatten();
    let stranger = || constructs(&plan.scenario).contains("Stranger").then(stranger::forbids).flatten();
    group
        .or_else(limit)
        .or_else(init)
        .or_else(reuse)
        .or_else(|| tracer::forbids(plan))
        .or_else(stranger)
        .or_else(|| other_user(plan))
}

/// Why workers can't be of the user that a plan wants.
fn other_user(plan: &Plan) -> Option<String> {
    let user = plan.scenario.pool.identity.as_ref()?.user?;
    stranger::forbids_workers(user, &plan.bins.puppet, rundir::choose().parent()?)
}

/// What the faults of a plan limit.
fn limited(plan: &Plan) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    for step in &plan.scenario.steps {
        step.any(&|act| {
            if let Act::During { fault: Fault::Limit { resource, .. }, .. } = act {
                found.borrow_mut().push(resource.clone());
            }
            false
        });
    }
    found.into_inner()
}

//! Whether this host lets the harness do what a plan asks for.

use std::cell::RefCell;

use crate::scenario::{Act, Fault, constructs};
use crate::world::Plan;

use super::cgroup::Controller;
use super::{namespace, tracer};

/// Why what a plan asks of the host is not permitted here, in words.
pub fn forbids(plan: &Plan) -> Option<String> {
    let group = controllers(plan).into_iter().find_map(Controller::forbids);
    let init = || plan.scenario.launch.init.then(namespace::forbids).flatten();
    let reuse = || constructs(&plan.scenario).contains("PidReused").then(namespace::forbids_choice).flatten();
    group.or_else(init).or_else(reuse).or_else(|| tracer::forbids(plan))
}

/// Those that the faults of a plan need.
fn controllers(plan: &Plan) -> Vec<Controller> {
    let found = RefCell::new(Vec::new());
    for step in &plan.scenario.steps {
        step.any(&|act| {
            if let Act::During { fault: Fault::Limit { resource, .. }, .. } = act {
                found.borrow_mut().extend(Controller::of(resource));
            }
            false
        });
    }
    found.into_inner()
}

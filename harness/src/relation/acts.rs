//! All acts of a schedule, for a twin in which some are others.

use crate::scenario::{Act, Step};

/// Changes each act of a schedule, then those within it.
pub(super) fn each_act(steps: &mut [Step], change: &mut dyn FnMut(&mut Act)) {
    for act in steps.iter_mut().filter_map(|step| step.act.as_mut()) {
        within(act, change);
    }
}

fn within(act: &mut Act, change: &mut dyn FnMut(&mut Act)) {
    change(act);
    match act {
        Act::During { steps, .. } | Act::Repeat { steps, .. } => each_act(steps, change),
        Act::OneOf(acts) | Act::Together { acts, .. } => acts.iter_mut().for_each(|act| within(act, change)),
        Act::Kill(_)
        | Act::Signal { .. }
        | Act::Ask { .. }
        | Act::Operate(_)
        | Act::Config(_)
        | Act::StartLoad(_)
        | Act::StopLoad(_)
        | Act::Pause(_) => {}
    }
}
